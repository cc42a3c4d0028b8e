"""Which of those that wait goes first: by tier, and within one by age, so that nobody waits for ever."""

from omniwatt.contract.governor import TIERS

STEP_S = 30.0
"""A tier is ahead of the next one by so long: nobody is overtaken by what comes later than that of the next higher."""


def rank(tier: str) -> int:
    """0 goes first; unknown tiers count as default."""
    return TIERS.index(tier) if tier in TIERS else TIERS.index("default")


def due_s(tier: str, arrived_s: float) -> float:
    """Who has the smallest goes next: the time of arrival, later by STEP_S for each tier below the first. Pure."""
    return arrived_s + STEP_S * rank(tier)
