"""A recorded power curve, played again: for demonstrations, and to look at a fault a second time."""

import bisect
import csv
import itertools
import math
import time
from collections.abc import Callable
from pathlib import Path

from omniwatt.contract.power import Manner, MeterLost, Reading
from omniwatt.power.meters.counter import Counter


class Replay:
    """A CSV with columns `time_s` and `watts`, from its first line on as if that were now.

    Raises MeterLost for a file without two good lines, and at its end.
    """

    manner = Manner()

    def __init__(self, file: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._times_s, self._watts = _curve(file)
        self._begun_s = clock()
        self._counter = Counter(math.inf)

    def read(self) -> Reading:
        """The line that holds now."""
        now_s = self._clock()
        played_s = now_s - self._begun_s
        if played_s > self._times_s[-1]:
            raise MeterLost("the recording is over")
        watts = self._watts[max(0, bisect.bisect_right(self._times_s, played_s) - 1)]
        return Reading(now_s, watts, self._counter.add(now_s, watts), "measured", "replay", "node", 0.0)

    def close(self) -> None:
        """Nothing is held open."""


def _curve(file: Path) -> tuple[list[float], list[float]]:
    try:
        with file.open(newline="", encoding="utf-8") as lines:
            rows = [(float(row["time_s"]), float(row["watts"])) for row in csv.DictReader(lines)]
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise MeterLost(f"{file.name} is no recording with the columns time_s and watts: {error}") from error
    times_s = [at_s - rows[0][0] for at_s, _ in rows]
    if len(rows) < 2 or any(after <= before for before, after in itertools.pairwise(times_s)):
        raise MeterLost(f"{file.name} needs two lines at least, each later than the one before")
    return times_s, [watts for _, watts in rows]
