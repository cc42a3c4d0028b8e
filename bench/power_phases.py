"""Budgets that change over time, in phases, and which of them held when."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from bench.power_metrics import Floats

TICK_S = 0.02
SETTLE_S = 2.0
SINE_S, SINE_QUICK_S = 40.0, 20.0


class Phase(NamedTuple):
    """A stretch of a run: the budget as a share of what the load draws without one, by seconds into it."""

    name: str
    seconds: float
    share: Callable[[float], float | None]
    steady: bool = True

    def budget_w(self, passed_s: float, full_w: float) -> float:
        """So far into it; infinite where there is none."""
        share = self.share(passed_s)
        return math.inf if share is None else share * full_w


def steps(seconds: float) -> list[Phase]:
    """No limit first, to see what the load draws; then 100, 60, 80, 100 %, a ramp, a slow sine."""
    sine_s = SINE_S if seconds >= 10.0 else SINE_QUICK_S
    return [
        Phase("free", seconds, lambda _: None),
        Phase("100 %", seconds, lambda _: 1.0),
        Phase("60 %", seconds, lambda _: 0.6),
        Phase("80 %", seconds, lambda _: 0.8),
        Phase("100 % again", seconds, lambda _: 1.0),
        Phase("ramp 90 to 55 %", seconds, lambda t: 0.9 - 0.35 * min(1.0, t / seconds), steady=False),
        Phase("sine 0.05 Hz", sine_s, lambda t: 0.7 + 0.12 * math.sin(2 * math.pi * 0.05 * t), steady=False),
    ]


Budgets = Sequence[tuple[float, float]]
"""When each was set, by time.monotonic, and its watts."""


def held_w(budgets: Budgets, ticks: Floats) -> Floats:
    """The budget at each moment; the first one's before it was set."""
    at = np.searchsorted([when for when, _ in budgets], ticks + 1e-9, side="right") - 1
    return np.array([budgets[max(0, place)][1] for place in at])
