"""The fast guard: too much for too long, and whole tiers pause at their next step, whatever the model thinks."""

import math

from omniwatt.contract.request import Value

ORDER = ("flex", "default")
"""Who pauses first. Priority is not paused by the guard: it yields by the count of slots alone."""


class Guard(Value, frozen=True):
    """`stage` tiers are paused, since `since_s`; watts are over the limit since `over_s`."""

    stage: int = 0
    since_s: float = -math.inf
    over_s: float = math.inf


def watch(guard: Guard, at_s: float, over: bool, calm: bool, patience_s: float, react_s: float) -> Guard:
    """After a reading of `at_s`: `over` the limit or not, `calm` when it is safe to let the paused tiers go on.

    The first tier pauses after `patience_s` over the limit, the next when `react_s` later it still is; they come back
    one by one. Times are those of the readings, so a slow sensor makes a slow guard.
    """
    over_s = min(guard.over_s, at_s) if over else math.inf
    stage, since_s = guard.stage, guard.since_s
    wait_s = patience_s if stage == 0 else react_s
    if over and at_s - over_s >= patience_s - 1e-6 and at_s - since_s >= wait_s and stage < len(ORDER):
        stage, since_s = stage + 1, at_s
    elif stage and calm and at_s > since_s:
        stage, since_s = stage - 1, at_s
    return Guard(stage, since_s, over_s)
