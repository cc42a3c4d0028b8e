"""A quick meter inside the machine, corrected by what a slow one at the wall said of it."""

from omniwatt.contract.power import Manner, Meter, Reading
from omniwatt.power.meters.counter import Counter


class Corrected:
    """`wall = offset_w + scale x inside`, as calibration found; `uncertainty_pct` is what it left over."""

    def __init__(self, inside: Meter, offset_w: float, scale: float, uncertainty_pct: float) -> None:
        self._inside = inside
        self._offset_w = offset_w
        self._scale = scale
        self._uncertainty_pct = uncertainty_pct
        self._counter = Counter()

    @property
    def manner(self) -> Manner:
        """The inside meter's."""
        return self._inside.manner

    def read(self) -> Reading:
        """The inside meter's reading, as the wall would have it. Raises MeterLost."""
        inside = self._inside.read()
        watts = max(0.0, self._offset_w + self._scale * inside.watts)
        return Reading(
            at_s=inside.at_s,
            watts=watts,
            energy_j=self._counter.add(inside.at_s, watts),
            method=inside.method,
            source=f"{inside.source}+wall-calibration",
            scope="wall",
            uncertainty_pct=self._uncertainty_pct,
        )

    def close(self) -> None:
        """Let the inside meter go."""
        self._inside.close()
