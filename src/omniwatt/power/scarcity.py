"""How short watts are: whether they have been for a while, and what of its steps a tier may run."""

from collections import deque
from collections.abc import Mapping

from omniwatt.contract.governor import TIERS

TOLD_HZ, TIGHT_S, MOSTLY = 5.0, 3.0, 0.8
KEPT_S = 30.0
"""Without work watts are as short as they were found to be, for so long and under the same budget."""
IDLE = 0.05
"""Step-slots; fewer that have work are none."""
SHORT = 1.1
"""Watts are short when this many times the steps that may run are wanted."""


class Scarcity:
    """Looked at as often as the governor tells how it stands."""

    def __init__(self) -> None:
        self._short: deque[bool] = deque(maxlen=round(TIGHT_S * TOLD_HZ))
        self._slots: float | None = None
        self._wanted: Mapping[str, float] = {}
        self._budget_w: float | None = None
        self._idle = 0

    def see(self, slots: float | None, wanted: Mapping[str, float], budget_w: float | None = None) -> None:
        """Step-slots that may run (None: all) and those that have work, by tier, under a budget."""
        if budget_w != self._budget_w:
            self._budget_w, self._idle = budget_w, round(KEPT_S * TOLD_HZ)
        if slots is not None and sum(wanted.values()) < IDLE:
            self._idle += 1
            if self._idle <= KEPT_S * TOLD_HZ:
                return
        else:
            self._idle = 0
        self._slots, self._wanted = slots, wanted
        self._short.append(slots is not None and sum(wanted.values()) > SHORT * slots)

    @property
    def tight(self) -> bool:
        """More steps than may run were wanted in most of the last TIGHT_S that had work."""
        return sum(self._short) > MOSTLY * TIGHT_S * TOLD_HZ

    def share(self, tier: str) -> float:
        """What of the steps wanted in this tier may run now, 0 to 1: the tiers above have theirs first."""
        return share(self._wanted, self._slots, tier) if self.tight else 1.0


def share(wanted: Mapping[str, float], slots: float | None, tier: str) -> float:
    """See Scarcity.share."""
    tier = tier if tier in TIERS else "default"
    if slots is None or wanted.get(tier, 0.0) <= 0.0:
        return 1.0
    above = sum(wanted.get(one, 0.0) for one in TIERS[: TIERS.index(tier)])
    return min(1.0, max(0.0, slots - above) / wanted[tier])
