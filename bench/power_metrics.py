"""Figures of power traces (even ticks): how they follow a budget, settling, steady error, excursions; and load."""

from collections.abc import Iterable, Mapping, Sequence
from math import sqrt
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
MARGIN = 0.01
"""So much of its budget the governor leaves free: what is aimed at lies below the budget by this share."""
BAND = 0.02
T95 = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776, 10: 2.262, 20: 2.093}
"""Student's t, two-sided 95 %, by the number of samples."""


def means(values: Floats, window: int) -> Floats:
    """Of every stretch of `window` ticks; entry k begins at tick k."""
    total = np.concatenate(([0.0], np.cumsum(values)))
    return (total[window:] - total[:-window]) / window


def measured(
    watts: Floats, budget_w: Floats, aim_w: Floats, tick_s: float, steps_s: Sequence[float], after_s: float = 2.0
) -> dict[str, float]:
    """Errors are shares of the budget, in per cent, against the aim: min(budget less its margin, what the work draws).

    Steady figures leave out `after_s` after each step. `fall_s` is how long after the budget fell at once (by more than
    1 %) more than 102 % of it flowed; that stretch (2 s at most) does not count as an excursion, its joules do count.
    """
    error = (watts - aim_w) / budget_w * 100
    steady = _steady(len(watts), tick_s, steps_s, after_s)
    second, tenth, ten = round(1 / tick_s), max(1, round(0.1 / tick_s)), round(10 / tick_s)
    dropped_s = [place * tick_s for place in np.flatnonzero(budget_w[1:] < 0.99 * budget_w[:-1]) + 1]
    falls = [_fall(watts, budget_w, tick_s, at_s) for at_s in dropped_s]
    own = _without(len(watts), tick_s, dropped_s, falls)
    over = np.where(own, watts / budget_w, 0.0)
    ms100 = means(over, tenth)
    one_s = _over(means(error, second), means(steady.astype(float), second))
    ten_s = _over(means(error, ten), means(steady.astype(float), ten))
    fine = _over(means(error, tenth), means(steady.astype(float), tenth))
    settles = [_settle(error, tick_s, at_s, end_s) for at_s, end_s in _segments(steps_s, len(watts) * tick_s)]
    return {
        "settle_s": max(settles),
        "overshoot_pct": max(0.0, float(ms100.max() - 1) * 100),
        "steady_error_pct": float(abs(error[steady].mean())),
        "worst_1s_pct": float(np.abs(one_s).max()),
        "outside_1s_pct": float((np.abs(one_s) > BAND * 100).mean() * 100),
        "worst_10s_pct": float(np.abs(ten_s).max()) if len(ten_s) else 0.0,
        "p99_100ms_pct": float(np.percentile(np.abs(fine), 99)),
        "rmse_pct": float(sqrt((error[steady] ** 2).mean())),
        "max_pct_of_budget": float(ms100.max()) * 100,
        "over_100_longest_s": _longest(means(over, tenth) > 1.0) * tick_s,
        "over_102_longest_s": _longest(means(over, tenth) > 1.02) * tick_s,
        "over_budget_j": float(np.maximum(0.0, watts - budget_w).sum() * tick_s),
        "fall_s": max(falls, default=0.0),
        "used_pct": float(watts.sum() / aim_w.sum()) * 100,
    }


class Fit(NamedTuple):
    """Of watts over load, by least squares: at rest, more for each load of 1, R² and the largest residual."""

    rest_w: float
    slope_w: float
    r2: float
    worst_off_w: float


def fitted(load: Floats, watts: Floats) -> Fit:
    """Through points that are not all of the same watts."""
    slope_w, rest_w = np.polyfit(load, watts, 1)
    left_w = watts - (rest_w + slope_w * load)
    r2 = 1 - (left_w**2).sum() / ((watts - watts.mean()) ** 2).sum()
    return Fit(float(rest_w), float(slope_w), float(r2), float(np.abs(left_w).max()))


def rises(watts: Floats, aim_w: Floats, tick_s: float, steps_s: Sequence[float]) -> list[float]:
    """Seconds from 10 to 90 % of each step's way, on 100 ms means; steps of nothing are left out."""
    out = []
    fine = means(watts, max(1, round(0.1 / tick_s)))
    for at_s in steps_s:
        at = round(at_s / tick_s)
        before, goal = fine[max(0, at - 10)], aim_w[min(len(aim_w) - 1, at + 1)]
        if abs(goal - before) < 0.02 * goal:
            continue
        way = (fine[at:] - before) / (goal - before)
        reached = [np.argmax(way >= share) for share in (0.1, 0.9)]
        out.append(float(reached[1] - reached[0]) * tick_s)
    return out


def _segments(steps_s: Sequence[float], end_s: float) -> Iterable[tuple[float, float]]:
    return zip(steps_s, [*steps_s[1:], end_s], strict=True)


def _steady(ticks: int, tick_s: float, steps_s: Sequence[float], after_s: float) -> NDArray[np.bool_]:
    steady = np.ones(ticks, dtype=bool)
    for at_s in steps_s:
        steady[round(at_s / tick_s) : round((at_s + after_s) / tick_s)] = False
    return steady


def _over(values: Floats, inside: Floats) -> Floats:
    return values[inside[: len(values)] >= 1 - 1e-9]


def _settle(error: Floats, tick_s: float, at_s: float, end_s: float) -> float:
    """From when on every mean of the second that follows lies within the band, until the next step."""
    second = round(1 / tick_s)
    part = means(error[round(at_s / tick_s) : round(end_s / tick_s)], second)
    outside = np.nonzero(np.abs(part) > BAND * 100)[0]
    return float(outside[-1] + 1) * tick_s if len(outside) else 0.0


def _fall(watts: Floats, budget_w: Floats, tick_s: float, at_s: float) -> float:
    """How long after a fall of the budget more than 102 % of it flowed; 2 s at most."""
    at = round(at_s / tick_s)
    if at == 0 or budget_w[min(at, len(budget_w) - 1)] >= budget_w[at - 1]:
        return 0.0
    part = watts[at : at + round(2 / tick_s)] <= 1.02 * budget_w[at : at + round(2 / tick_s)]
    return float(np.argmax(part)) * tick_s if part.any() else 2.0


def _without(ticks: int, tick_s: float, steps_s: Sequence[float], falls: Sequence[float]) -> NDArray[np.bool_]:
    own = np.ones(ticks, dtype=bool)
    for at_s, fall_s in zip(steps_s, falls, strict=True):
        own[round(at_s / tick_s) : round((at_s + fall_s) / tick_s)] = False
    return own


def _longest(flags: NDArray[np.bool_]) -> int:
    edges = np.flatnonzero(np.diff(np.concatenate(([0], flags.astype(np.int8), [0]))))
    return int((edges[1::2] - edges[::2]).max()) if len(edges) else 0


def summed(runs: Sequence[Mapping[str, float]]) -> dict[str, Any]:
    """Over seeds: mean, half-width of its 95 % confidence interval, and the worst."""
    out: dict[str, Any] = {}
    for name in runs[0]:
        values = np.array([run[name] for run in runs])
        half = T95.get(len(values), 2.0) * values.std(ddof=1) / sqrt(len(values)) if len(values) > 1 else 0.0
        worst = values.min() if name == "used_pct" else values.max()
        out[name] = [round(float(values.mean()), 3), round(float(half), 3), round(float(worst), 3)]
    return out
