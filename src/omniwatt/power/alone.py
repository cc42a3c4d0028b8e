"""How well the model does without a meter: what was learnt some time ago is held against the readings of today.

That is what would have been off by now, had the meter been lost then; so much is kept back when it is lost.
"""

import math

from omniwatt.contract.request import Value
from omniwatt.power.learn import Learnt

APART_S = 5.0
"""The model of this long ago at least, twice as long at most, is the one that is tried."""
SMOOTH_S = 1.0
"""Errors are means of about this long: what a single reading is off by is no fault of the model."""
RECENT_S = 10.0
"""And are remembered about this long."""


class Alone(Value, frozen=True):
    """`tried` is the model that is held against readings, `next` the one after it; `errs_w2` is a mean square."""

    since_s: float = math.nan
    next: Learnt | None = None
    tried: Learnt | None = None
    error_w: float = 0.0
    errs_w2: float = math.nan


def note(alone: Alone, at_s: float, dt_s: float, now: Learnt, error_w: float | None) -> Alone:
    """After a good reading that lay `error_w` above what `tried` expected of it, `dt_s` after the one before.

    Where power moved a reading says little: then the time is given as less.
    """
    smooth_w, errs_w2 = alone.error_w, alone.errs_w2
    if error_w is not None:
        smooth_w += min(1.0, dt_s / SMOOTH_S) * (error_w - smooth_w)
        before = smooth_w**2 if math.isnan(errs_w2) else errs_w2
        errs_w2 = before + min(1.0, dt_s / RECENT_S) * (smooth_w**2 - before)
    if at_s - alone.since_s < APART_S:
        return Alone(alone.since_s, alone.next, alone.tried, smooth_w, errs_w2)
    return Alone(at_s, now, alone.next, smooth_w, errs_w2)


def off_w(alone: Alone, age_s: float) -> float:
    """Watts the model may be off when the last good reading is so old; not a number before that is known.

    What wanders grows with the root of time.
    """
    return math.sqrt(alone.errs_w2 * max(1.0, age_s / (1.5 * APART_S)))
