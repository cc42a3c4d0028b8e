"""What is governed, and how its meter behaves: step-slots are the cards where there are any, else processor cores."""

import importlib.util
from typing import Any

import msgspec

from omniwatt import settings
from omniwatt.contract.power import Manner
from omniwatt.power.calibrate import Calibration
from omniwatt.power.choice import cpu_model
from omniwatt.power.loop import Machine
from omniwatt.power.sight import Tuning

TURN_S = 0.05
FLOOR_SHARE = 0.1
"""Of the slots: the service stays alive below any budget. Of cards one at most, and not all of the only one."""
DUTY_GRAIN = 0.05
"""Of the cores: stops and continues that come a few milliseconds late, in what a tenth of a second shows."""
CARD_IDLE_SHARE = 0.15
"""Of a card's limit: what it takes with a model in memory and nothing running (H100: 110 to 130 of 700 W)."""
GAIN_DRIFT = 0.032
"""Of its doubt, in a second."""
CARD_W = 250.0
"""Assumed of a card that does not tell its limit."""
STEP_S, REACT_MOST_S = 0.4, 2.0
"""Within the first a step ends and the watts have fallen; the guard waits no longer than the second."""
SHORT_S = 0.1
"""A window no longer than this takes no time of its own to show it."""


class Node(msgspec.Struct, frozen=True):
    """`by_core`: a slot is a processor core."""

    machine: Machine
    by_core: bool


def nvml() -> Any:
    """The library, if it is installed and finds a card; None otherwise."""
    if importlib.util.find_spec("pynvml") is None:
        return None
    try:
        import pynvml

        pynvml.nvmlInit()
        return pynvml if pynvml.nvmlDeviceGetCount() else None
    except Exception:  # noqa: BLE001 - nobody knows what a driver that is broken throws
        return None


def node(power: settings.Power, calibration: Calibration | None, cores: int, library: Any = None) -> Node:
    """By the settings' idle and full watts; else cards by their limits, processors by calibration or assumption.

    Raises MeterLost where the settings contradict themselves.
    """
    model = cpu_model(power, calibration)
    if library is None:
        return Node(Machine(float(cores), model.idle_w, model.core_w), by_core=True)
    limits_w = [_limit_w(library, index) for index in range(library.nvmlDeviceGetCount())]
    cards = len(limits_w)
    max_w = power.max_w or model.max_w + sum(limits_w)
    # Of two figures the assumed one gives way.
    idle_w = power.idle_w or min(model.idle_w + CARD_IDLE_SHARE * sum(limits_w), max_w / 2)
    max_w = max(max_w, 2 * idle_w) if not power.max_w else max_w
    return Node(Machine(float(cards), idle_w, (max_w - idle_w) / cards), by_core=False)


def _limit_w(library: Any, index: int) -> float:
    """A card's power limit; some cards have none that can be read."""
    try:
        return float(library.nvmlDeviceGetPowerManagementLimit(library.nvmlDeviceGetHandleByIndex(index))) / 1e3
    except library.NVMLError:
        return CARD_W


def tuning(manner: Manner, slots: float, *, by_core: bool, trim: bool = False) -> Tuning:
    """By what a meter's readings mean and what the actuators can do. `trim`: cards whose limits may be lowered."""
    floor = FLOOR_SHARE * slots if by_core else min(1.0, FLOOR_SHARE * slots)
    grain = min(1.0, DUTY_GRAIN * slots) if by_core else 1.0
    base = Tuning(
        floor_slots=floor,
        grain=grain,
        trim=trim and not by_core,
        delay_doubt_s=manner.doubt_s,
        gain_doubt=manner.gain_doubt,
        gain_drift=GAIN_DRIFT * manner.gain_doubt,
    )
    if not manner.window_s:
        return msgspec.structs.replace(base, window_s=TURN_S, period_s=TURN_S, lag_s=0.0)
    # A mean shows a change in full once its window has passed.
    react_s = STEP_S if manner.window_s <= SHORT_S else min(REACT_MOST_S, STEP_S + manner.window_s)
    return msgspec.structs.replace(base, window_s=manner.window_s, period_s=manner.period_s, react_s=react_s)
