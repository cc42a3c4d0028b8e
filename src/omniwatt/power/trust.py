"""Is this reading to be believed? Gone, frozen, negative, out of range, in wrong units, jumping, from another clock."""

import math
from typing import Literal

from msgspec.structs import replace

from omniwatt.contract.power import Reading
from omniwatt.contract.request import Value

Fault = Literal["", "gone", "frozen", "negative", "range", "units", "jump", "clock"]

FUTURE_S = 0.25
"""A reading from further ahead than this was stamped by another clock."""
UNIT_FACTORS = (1e-6, 1e-3, 1e3, 1e6)
UNIT_SLACK = 2.0
"""A reading within this factor of the prediction times a unit's factor is one in that unit."""
MOST_SHARE = 2.5
"""Nothing draws more than this many times what calibration says is full power."""
SURPRISE = 0.30
"""A reading this share off what is expected, and more than the model doubts itself, must be seen again and again."""
SURPRISES = 5
ALIKE = 0.10
"""And those readings must be alike to this share."""
IDLE_SHARE = 0.3
"""The least plausible power is this share of the idle watts."""


class Bounds(Value, frozen=True):
    """What is plausible: the time between readings, and watts from a dark machine to one far above its plate."""

    stale_s: float
    frozen_s: float
    idle_w: float
    full_w: float
    doubt_w: float
    """How far the model itself may be off."""


class Memory(Value, frozen=True):
    """What is known of the meter. `fault` is what is wrong with it now: "" while its last good reading is fresh."""

    at_s: float = -math.inf
    """Of the newest reading, good or not."""
    good_s: float = math.nan
    """When the last good one came, by our clock."""
    watts: float = math.nan
    """Of the newest plausible reading."""
    same_since_s: float = math.inf
    same_expected_w: float = math.nan
    """What the model expected when it began to repeat itself."""
    odd: int = 0
    """Plausible but unexpected readings in a row that are alike."""
    suspicion: Fault = "gone"
    """What was wrong with the newest look."""
    fault: Fault = ""


def judge(
    memory: Memory, bounds: Bounds, reading: Reading | None, now_s: float, expected_w: float
) -> tuple[Memory, bool]:
    """The memory after this look, and whether the reading is new and good.

    A bad reading is not used, nor a third in a row that is the same to the watt: it may be frozen. The meter is at
    fault once nothing good came for `stale_s`. `expected_w` is what the model says this sensor should show. An idle
    meter may repeat itself; sameness counts against one that measures work, or while the model expects movement.
    """
    if reading is None or reading.at_s == memory.at_s:
        return _aged(memory, bounds, now_s, memory.suspicion or "gone"), False
    wrong = _absurd(memory, bounds, reading, now_s, expected_w)
    if wrong:
        return _aged(replace(memory, at_s=reading.at_s, same_since_s=math.inf), bounds, now_s, wrong), False
    memory = _noted(memory, bounds, reading, expected_w)
    if _frozen(memory, bounds, reading, expected_w):
        return _aged(memory, bounds, now_s, "frozen"), False
    if 0 < memory.odd < SURPRISES:
        return _aged(memory, bounds, now_s, "jump"), False
    repeats = memory.same_since_s < reading.at_s and _works(bounds, reading, expected_w)
    return replace(memory, good_s=now_s, suspicion="", fault=""), not repeats


def _aged(memory: Memory, bounds: Bounds, now_s: float, suspicion: Fault) -> Memory:
    since_s = now_s if math.isnan(memory.good_s) else memory.good_s
    late = math.isnan(memory.good_s) or not 0 <= now_s - since_s <= bounds.stale_s
    return replace(memory, suspicion=suspicion if late else memory.suspicion, fault=suspicion if late else "")


def _absurd(memory: Memory, bounds: Bounds, reading: Reading, now_s: float, expected_w: float) -> Fault:
    watts = reading.watts
    if not math.isfinite(watts) or watts < 0:
        return "negative"
    if not now_s - 20 * bounds.stale_s <= reading.at_s <= now_s + FUTURE_S or reading.at_s < memory.at_s:
        return "clock"
    if IDLE_SHARE * bounds.idle_w <= watts <= MOST_SHARE * bounds.full_w:
        return ""
    near_w = max(expected_w, 1.0)
    if any(1 / UNIT_SLACK < watts / (near_w * factor) < UNIT_SLACK for factor in UNIT_FACTORS):
        return "units"
    return "range"


def _noted(memory: Memory, bounds: Bounds, reading: Reading, expected_w: float) -> Memory:
    """Since when it has been the same, and how many odd ones came in a row."""
    same = reading.watts == memory.watts
    began = same and memory.same_since_s < math.inf
    since_s = memory.same_since_s if began else reading.at_s if same else math.inf
    same_expected_w = memory.same_expected_w if began else expected_w
    odd = 0
    if abs(reading.watts - expected_w) > max(SURPRISE * expected_w, bounds.doubt_w):
        alike = abs(reading.watts - memory.watts) <= ALIKE * reading.watts
        odd = memory.odd + 1 if alike or memory.odd == 0 else 1
    return replace(memory, at_s=reading.at_s, watts=reading.watts, same_since_s=since_s,
                   same_expected_w=same_expected_w, odd=odd)  # fmt: skip


def _frozen(memory: Memory, bounds: Bounds, reading: Reading, expected_w: float) -> bool:
    if reading.at_s - memory.same_since_s < bounds.frozen_s:
        return False
    return _works(bounds, reading, expected_w) or abs(expected_w - memory.same_expected_w) > 0.05 * bounds.full_w


def _works(bounds: Bounds, reading: Reading, expected_w: float) -> bool:
    """Power that is measured while work runs is never the same twice."""
    return reading.method == "measured" and expected_w > 1.1 * bounds.idle_w
