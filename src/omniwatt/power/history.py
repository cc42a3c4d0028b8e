"""What the model says a slow, late sensor should be showing: slots that ran, passed through its delay and window."""

from bisect import bisect_right
from collections.abc import Mapping

from omniwatt.contract.request import Value


class History(Value, frozen=True):
    """Modelled dynamic joules, summed up to each time; the times rise."""

    times_s: tuple[float, ...] = ()
    joules: tuple[float, ...] = ()


def extend(history: History, now_s: float, watts: float, keep_s: float) -> History:
    """`watts` were drawn, by the model, since the last time; what is older than `keep_s` is forgotten.

    What was before the first time is taken to have been the same.
    """
    if not history.times_s:
        return History((now_s - keep_s, now_s), (0.0, watts * keep_s))
    since_s = history.times_s[-1]
    if now_s <= since_s:
        return history
    start = max(0, bisect_right(history.times_s, now_s - keep_s) - 1)
    total_j = history.joules[-1] + watts * (now_s - since_s)
    return History((*history.times_s[start:], now_s), (*history.joules[start:], total_j))


def extended(
    histories: Mapping[str, History], before_s: float, now_s: float, watts: Mapping[str, float], keep_s: float
) -> dict[str, History]:
    """All kinds of work; one that comes new drew nothing before, and one that draws no more is forgotten in time."""
    out = {}
    for kind in {**histories, **watts}:
        known = histories.get(kind, History())
        if not known.times_s and histories:
            known = extend(known, before_s, 0.0, keep_s)
        known = extend(known, now_s, watts.get(kind, 0.0), keep_s)
        if known.joules[-1] > known.joules[0] or kind in watts:
            out[kind] = known
    return out


def mean_w(history: History, begin_s: float, end_s: float) -> float:
    """The mean over a window. What reaches beyond what is remembered is taken to be as at its edge."""
    first_s, last_s = history.times_s[0], history.times_s[-1]
    end_s = min(max(end_s, first_s + 1e-3), last_s)
    begin_s = min(max(begin_s, first_s), end_s - 1e-3)
    return (_joules_at(history, end_s) - _joules_at(history, begin_s)) / (end_s - begin_s)


def _joules_at(history: History, at_s: float) -> float:
    right = min(max(bisect_right(history.times_s, at_s), 1), len(history.times_s) - 1)
    t0, t1 = history.times_s[right - 1], history.times_s[right]
    j0, j1 = history.joules[right - 1], history.joules[right]
    return j0 + (j1 - j0) * (at_s - t0) / (t1 - t0)
