"""From a real number of slots to whole ones: first-order credit (delta-sigma), or a trim where clocks can be set.

Source of the credit: Lefurgy, Wang, Ware, Server-level power control (ICAC 2007), there for clock levels.
"""

import math

from omniwatt.contract.request import Value

SPREAD_S = 0.15
"""Credit is paid back within about this time."""
MOST_CREDIT = 1.5
"""In slots: what could not be used (or had to be overdrawn) beyond this is forgotten."""
HYSTERESIS = 0.3
"""With a trim, one slot more stays on until this much less than it would be enough to have it off."""


class Credit(Value, frozen=True):
    """`credit` in slot-seconds since `slots` was asked for; with a trim `on` slots run, the last joins at `join_s`."""

    credit: float = 0.0
    slots: float = 0.0
    on: int = 0
    join_s: float = -math.inf


def by_credit(credit: Credit, slots: float, ran: float, dt_s: float) -> tuple[Credit, int]:
    """How many may run until the next tick, so that the mean of those that `ran` becomes `slots`.

    A change of a slot or more starts the account anew: what was owed at the old level is not paid at the new one.
    """
    most = MOST_CREDIT * SPREAD_S
    owed = min(most, max(-most, credit.credit + (credit.slots - ran) * dt_s))
    if abs(slots - credit.slots) >= 1:
        owed = 0.0
    return Credit(owed, slots), max(0, math.floor(slots + owed / SPREAD_S + 0.5))


def by_trim(credit: Credit, slots: float, now_s: float, running: float, lag_s: float) -> tuple[Credit, int, float]:
    """How many may run, and the share of their full dynamic power they may draw.

    A slot that joins waits `lag_s` for the others to be trimmed; slots told to pause are trimmed until they have.
    """
    on, join_s = credit.on, credit.join_s
    if slots > on:
        on, join_s = math.ceil(slots), now_s + lag_s
    elif slots < on - 1 - HYSTERESIS:
        on, join_s = math.ceil(slots), -math.inf
    joined = on if now_s >= join_s else max(0, min(on - 1, math.floor(slots)))
    share = slots / max(on, running, 1e-9)
    return Credit(0.0, slots, on, join_s), joined, min(1.0, share)
