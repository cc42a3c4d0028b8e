"""From a real number of slots to whole ones: first-order credit (delta-sigma), or a trim where clocks can be set.

Source of the credit: Lefurgy, Wang, Ware, Server-level power control (ICAC 2007), there for clock levels.
"""

import math

from omniwatt.contract.request import Value

SPREAD_S = 0.15
"""Credit is paid back within about this time."""
MOST_CREDIT = 1.5
"""In slots: what could not be used (or had to be overdrawn) beyond this is forgotten."""
ARRIVES_S = 1.0
"""Steps under way end within this time, or are waited for no longer."""
HYSTERESIS = 0.6
"""With a trim, one slot more stays on until this much less than it would be enough to have it off."""


class Credit(Value, frozen=True):
    """`credit` in slot-seconds since `slots` was asked for; with a trim `on` slots run, the last joins at `join_s`."""

    credit: float = 0.0
    slots: float = 0.0
    arrived: bool = False
    """Since the last jump as many have run as were asked for, or a second has passed."""
    jumped_s: float = -math.inf
    on: int = 0
    join_s: float = -math.inf


def by_credit(credit: Credit, slots: float, ran: float, now_s: float, dt_s: float) -> tuple[Credit, float]:
    """How many may run until the next tick, so that the mean of those that `ran` becomes `slots`; to be rounded.

    After a jump of a slot or more the account begins anew, once as many run as were asked for: what steps under way
    owe while they end is not paid back at the new level.
    """
    jumped = abs(slots - credit.slots) >= 1
    jumped_s = now_s if jumped else credit.jumped_s
    arrived = not jumped and (credit.arrived or abs(slots - ran) < 1 or now_s - jumped_s > ARRIVES_S)
    most = MOST_CREDIT * SPREAD_S
    owed = min(most, max(-most, credit.credit + (credit.slots - ran) * dt_s)) if arrived and credit.arrived else 0.0
    return Credit(owed, slots, arrived, jumped_s), max(0.0, slots + owed / SPREAD_S)


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
    return Credit(slots=slots, on=on, join_s=join_s), joined, min(1.0, share)
