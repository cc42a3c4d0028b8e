"""Watts -> joules that count up, for sensors that have no counter of their own."""


class Counter:
    """Integrates power by the trapezoid rule; a gap longer than `gap_s` counts at the lower of its two ends."""

    def __init__(self, gap_s: float = 5.0) -> None:
        self.energy_j = 0.0
        self._gap_s = gap_s
        self._at_s: float | None = None
        self._watts = 0.0

    def add(self, at_s: float, watts: float) -> float:
        """Take a sample at `at_s` (time.monotonic); returns the joules so far. One from the past changes nothing."""
        if self._at_s is not None and at_s > self._at_s:
            length_s = at_s - self._at_s
            level_w = (self._watts + watts) / 2 if length_s <= self._gap_s else min(self._watts, watts)
            self.energy_j += length_s * level_w
        if self._at_s is None or at_s > self._at_s:
            self._at_s, self._watts = at_s, watts
        return self.energy_j
