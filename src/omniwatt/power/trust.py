"""Is this reading to be believed? Gone, frozen, negative, out of range, in wrong units, jumping, from another clock."""

import math
from typing import Literal

from omniwatt.contract.power import Reading
from omniwatt.contract.request import Value

Fault = Literal["", "gone", "frozen", "negative", "range", "units", "jump", "clock"]

FUTURE_S = 0.25
"""A reading from further ahead than this was stamped by another clock."""
UNIT_FACTORS = (1e-6, 1e-3, 1e3, 1e6)
UNIT_SLACK = 2.0
"""A reading within this factor of the prediction times a unit's factor is one in that unit."""
SURPRISE = 0.35
"""Of the machine's full power: a change this large that the model did not predict must be seen more than once."""
SURPRISES = 3


class Bounds(Value, frozen=True):
    """What is plausible: the time between readings, and watts from a dark machine to one far above its plate."""

    stale_s: float
    frozen_s: float
    least_w: float
    most_w: float
    full_w: float


class Memory(Value, frozen=True):
    """The last new reading and when it came, since when it has been the same, and how many did not fit in a row."""

    at_s: float = -math.inf
    watts: float = math.nan
    came_s: float = math.nan
    same_since_s: float = math.inf
    expected_w: float = math.nan
    odd: int = 0
    fault: Fault = ""


def judge(
    memory: Memory, bounds: Bounds, reading: Reading | None, now_s: float, expected_w: float | None
) -> tuple[Memory, bool]:
    """The memory after this look, with its `fault` ("" when all is well), and whether the reading is new and good.

    `expected_w` is what the model says this sensor should show (None: it does not know); an idle sensor may repeat
    itself, so sameness is a fault only of a sensor that measures while the model expects movement or work.
    """
    if reading is None or reading.at_s == memory.at_s:
        return _waiting(memory, bounds, now_s), False
    fault = _absurd(memory, bounds, reading, now_s, expected_w)
    if fault:
        return Memory(reading.at_s, memory.watts, memory.came_s, math.inf, memory.expected_w, 0, fault), False
    memory = _moved(memory, reading, now_s, expected_w)
    if _frozen(memory, bounds, reading, expected_w):
        return _with(memory, "frozen"), False
    if expected_w is not None and abs(reading.watts - expected_w) > SURPRISE * bounds.full_w and memory.odd < SURPRISES:
        return Memory(*_head(memory), memory.odd + 1, "jump"), False
    settled = expected_w is not None and abs(reading.watts - expected_w) <= SURPRISE * bounds.full_w
    return Memory(*_head(memory), 0 if settled else memory.odd, ""), True


def _waiting(memory: Memory, bounds: Bounds, now_s: float) -> Memory:
    if math.isnan(memory.came_s):
        return Memory(came_s=now_s, fault="gone")
    late = now_s - memory.came_s > bounds.stale_s or now_s < memory.came_s
    return _with(memory, memory.fault or "gone") if late else memory


def _absurd(memory: Memory, bounds: Bounds, reading: Reading, now_s: float, expected_w: float | None) -> Fault:
    watts = reading.watts
    if not math.isfinite(watts) or watts < 0:
        return "negative"
    if not now_s - 20 * bounds.stale_s <= reading.at_s <= now_s + FUTURE_S or reading.at_s < memory.at_s:
        return "clock"
    if bounds.least_w <= watts <= bounds.most_w:
        return ""
    near_w = expected_w or bounds.full_w
    if any(1 / UNIT_SLACK < watts / (near_w * factor) < UNIT_SLACK for factor in UNIT_FACTORS):
        return "units"
    return "range"


def _moved(memory: Memory, reading: Reading, now_s: float, expected_w: float | None) -> Memory:
    same = reading.watts == memory.watts
    since_s = min(memory.same_since_s, reading.at_s) if same else math.inf
    first_w = memory.expected_w if same and since_s < math.inf else expected_w
    return Memory(reading.at_s, reading.watts, now_s, since_s, math.nan if first_w is None else first_w, memory.odd, "")


def _frozen(memory: Memory, bounds: Bounds, reading: Reading, expected_w: float | None) -> bool:
    if reading.at_s - memory.same_since_s < bounds.frozen_s or expected_w is None:
        return False
    working = reading.method == "measured" and expected_w > 1.1 * bounds.least_w / IDLE_SHARE
    return working or abs(expected_w - memory.expected_w) > 0.05 * bounds.full_w


IDLE_SHARE = 0.3
"""`least_w` is this share of the idle watts."""


def _head(memory: Memory) -> tuple[float, float, float, float, float]:
    return memory.at_s, memory.watts, memory.came_s, memory.same_since_s, memory.expected_w


def _with(memory: Memory, fault: Fault) -> Memory:
    return Memory(*_head(memory), memory.odd, fault)
