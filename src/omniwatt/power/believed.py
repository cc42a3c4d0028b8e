"""What the books take of a meter: nobody is charged by a reading that cannot be, nor by what was counted around it.

What is held by it is judged more narrowly, in trust.py: who steers can do without a reading, the books cannot.
"""

import math

from msgspec.structs import replace

from omniwatt.contract.power import Reading

ABSURD = 20.0
"""Nothing draws so many times what is known or assumed of the machine's full load: it is in other units, or worse."""
NOTHING = 0.02
"""Nor less than this share of its idle watts while somebody is there to read it."""


class Believed:
    """Takes readings in turn; a stretch of those that cannot be counts at the lower of its two ends, as a gap does."""

    def __init__(self, idle_w: float, full_w: float) -> None:
        self._least_w, self._most_w = NOTHING * idle_w, ABSURD * full_w
        self._before: Reading | None = None
        self._lost_j = 0.0
        self._doubted = False

    @property
    def doubted(self) -> bool:
        """Whether the newest reading cannot be."""
        return self._doubted

    def take(self, reading: Reading) -> Reading | None:
        """The reading with the joules nobody can believe in taken off; None for one that cannot be."""
        self._doubted, doubted = not self._can_be(reading), self._doubted
        if self._doubted:
            return None
        before, self._before = self._before, reading
        if before is not None and doubted:
            level_w, length_s = min(before.watts, reading.watts), max(0.0, reading.at_s - before.at_s)
            self._lost_j += reading.energy_j - before.energy_j - level_w * length_s
        return replace(reading, energy_j=reading.energy_j - self._lost_j)

    def _can_be(self, reading: Reading) -> bool:
        return math.isfinite(reading.energy_j) and self._least_w <= reading.watts <= self._most_w
