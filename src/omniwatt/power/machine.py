"""What is governed, and how its meter behaves: step-slots are the cards where there are any, else processor cores."""

import importlib.util
from typing import Any

import msgspec

from omniwatt import settings
from omniwatt.contract.power import Reading
from omniwatt.power.calibrate import Calibration
from omniwatt.power.choice import cpu_model
from omniwatt.power.loop import Machine
from omniwatt.power.sight import Tuning

TURN_S = 0.05
FLOOR_SHARE = 0.1
"""Of the slots: the service stays alive below any budget."""
DUTY_GRAIN = 0.05
"""Of the cores: stops and continues that come a few milliseconds late, in what a tenth of a second shows."""
CARD_IDLE_SHARE = 0.15
"""Of a card's limit: what it takes with a model in memory and nothing running (H100: 110 to 130 of 700 W)."""
AVERAGE_S = 1.0
"""What NVML's plain power query averages over since Ampere."""


class Node(msgspec.Struct, frozen=True):
    """`by_core`: a slot is a processor core."""

    machine: Machine
    by_core: bool


def nvml() -> Any:
    """The library, if it is installed and finds a card; None otherwise."""
    if importlib.util.find_spec("pynvml") is None:
        return None
    import pynvml

    try:
        pynvml.nvmlInit()
        return pynvml if pynvml.nvmlDeviceGetCount() else None
    except pynvml.NVMLError:
        return None


def node(power: settings.Power, calibration: Calibration | None, cores: int, library: Any = None) -> Node:
    """By the settings' idle and full watts; else cards by their limits, processors by calibration or assumption.

    Raises MeterLost where the settings contradict themselves.
    """
    model = cpu_model(power, calibration)
    if library is None:
        return Node(Machine(float(cores), model.idle_w, model.core_w), by_core=True)
    limits_w = [
        library.nvmlDeviceGetPowerManagementLimit(library.nvmlDeviceGetHandleByIndex(index)) / 1e3
        for index in range(library.nvmlDeviceGetCount())
    ]
    cards = len(limits_w)
    idle_w = power.idle_w or model.idle_w + CARD_IDLE_SHARE * sum(limits_w)
    max_w = power.max_w or model.max_w + sum(limits_w)
    return Node(Machine(float(cards), idle_w, (max_w - idle_w) / cards), by_core=False)


def tuning(power: settings.Power, reading: Reading | None, by_core: bool, slots: float) -> Tuning:
    """How the meter that gave this reading behaves, and what the actuators can do."""
    floor = FLOOR_SHARE * slots if by_core else 1.0
    grain = min(1.0, DUTY_GRAIN * slots) if by_core else 1.0
    base = Tuning(floor_slots=floor, grain=grain, trim=power.caps and not by_core)
    source = reading.source if reading else ""
    if "wall" in source and "calibration" not in source:
        window_s = max(0.1, 2 * power.wall_late_s)
        react_s = min(2.0, 0.4 + window_s)
        return msgspec.structs.replace(base, window_s=window_s, period_s=power.wall_period_s, react_s=react_s)
    if "nvml" in source and reading is not None and reading.uncertainty_pct >= 10.0:
        return msgspec.structs.replace(base, window_s=AVERAGE_S, period_s=0.1, react_s=AVERAGE_S)
    if "nvml" in source:
        return base
    # What counts joules or CPU seconds is as new as its last look, and means what lies between two looks.
    return msgspec.structs.replace(base, window_s=TURN_S, period_s=TURN_S, lag_s=0.0, delay_doubt_s=0.01)
