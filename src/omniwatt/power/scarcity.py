"""How short watts are: whether they have been for a while, and what of its steps a tier may run."""

from collections import deque
from collections.abc import Mapping

from omniwatt.contract.governor import TIERS

TOLD_HZ, TIGHT_S, MOSTLY = 5.0, 3.0, 0.8
SHORT = 1.1
"""Watts are short when this many times the steps that may run are wanted."""


class Scarcity:
    """Looked at as often as the governor tells how it stands."""

    def __init__(self) -> None:
        self._short: deque[bool] = deque(maxlen=round(TIGHT_S * TOLD_HZ))
        self._slots: float | None = None
        self._wanted: Mapping[str, float] = {}

    def see(self, slots: float | None, wanted: Mapping[str, float]) -> None:
        """Step-slots that may run (None: all) and those that have work, by tier."""
        self._slots, self._wanted = slots, wanted
        self._short.append(slots is not None and sum(wanted.values()) > SHORT * slots)

    @property
    def tight(self) -> bool:
        """More steps than may run have been wanted in most of the last TIGHT_S."""
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
