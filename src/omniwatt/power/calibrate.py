"""What this machine takes: loads its cores step by step under a meter, and fits idle watts and watts a busy core.

Also the correction of a meter inside the machine against one at the wall: `wall = scale x inside + offset_w`.
"""

import contextlib
import math
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec

from omniwatt.contract.power import Meter, MeterLost
from omniwatt.power.meters.estimate import STAT, CpuModel, busy_s

SETTLE_S, LOOK_S = 1.0, 0.1
SPIN = "while True: pass"


class Sample(msgspec.Struct, frozen=True):
    """Mean watts while so many cores were busy; `wall_w` by a second meter read beside it."""

    cores: float
    watts: float
    wall_w: float | None = None


class Line(msgspec.Struct, frozen=True):
    """`y = offset + slope x x`, and how far the points lie from it: root mean square, in percent of their mean."""

    offset: float
    slope: float
    error_pct: float


class Calibration(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of a calibration. `wall`: how the wall's watts follow from those inside, where both were read."""

    cpu: CpuModel
    source: str
    """The meter that told the watts, or `given`."""
    wall: Line | None = None


def fit(points: Sequence[tuple[float, float]]) -> Line:
    """Least squares through (x, y). Raises ValueError where x does not vary or a value is not finite."""
    if not all(math.isfinite(x) and math.isfinite(y) for x, y in points):
        raise ValueError("a value is not finite")
    count = len(points)
    mean_x, mean_y = sum(x for x, _ in points) / max(1, count), sum(y for _, y in points) / max(1, count)
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    if count < 2 or spread <= 1e-12:
        raise ValueError("a line needs two different loads")
    slope = sum((x - mean_x) * (y - mean_y) for x, y in points) / spread
    offset = mean_y - slope * mean_x
    error = math.sqrt(sum((offset + slope * x - y) ** 2 for x, y in points) / count)
    return Line(offset, slope, 100.0 * error / abs(mean_y) if mean_y else 0.0)


def fit_cpu(samples: Sequence[Sample], cores: int, meter_pct: float) -> CpuModel:
    """Idle watts and watts a core; as uncertain as the meter and the fit together. Raises ValueError if it is none."""
    line = fit([(sample.cores, sample.watts) for sample in samples])
    if line.slope <= 0.0 or line.offset < 0.0:
        raise ValueError(f"the watts do not grow with the load ({line.offset:.1f} W + {line.slope:.2f} W a core)")
    return CpuModel(
        idle_w=line.offset, core_w=line.slope, cores=cores, uncertainty_pct=math.hypot(meter_pct, line.error_pct)
    )


def given(idle_w: float, max_w: float, cores: int, uncertainty_pct: float = 10.0) -> CpuModel:
    """From two figures that somebody read off a plug or a data sheet. Raises ValueError when they cannot be."""
    if not 0.0 <= idle_w < max_w < 1e7:
        raise ValueError("idle watts must be less than those at full load")
    return CpuModel(idle_w=idle_w, core_w=(max_w - idle_w) / cores, cores=cores, uncertainty_pct=uncertainty_pct)


def fit_wall(samples: Sequence[Sample], wall_pct: float) -> Line | None:
    """The wall's watts from those inside; None where no wall meter was read. Raises ValueError as `fit` does."""
    pairs = [(sample.watts, sample.wall_w) for sample in samples if sample.wall_w is not None]
    if not pairs:
        return None
    line = fit(pairs)
    return Line(line.offset, line.slope, math.hypot(line.error_pct, wall_pct))


def measure(
    meter: Meter,
    cores: int,
    seconds: float,
    progress: Callable[[float], None],
    *,
    wall: Meter | None = None,
    stat: Path = STAT,
) -> list[Sample]:
    """Load 0, 1, ... all cores, `seconds` each, and read the meter, and the wall's beside it. Raises MeterLost."""
    found = []
    for busy in range(cores + 1):
        with _spinning(busy):
            time.sleep(SETTLE_S)
            found.append(_sample(meter, wall, seconds, stat))
        progress((busy + 1) / (cores + 1))
    return found


def _sample(meter: Meter, wall: Meter | None, seconds: float, stat: Path) -> Sample:
    spans = [_Span(one) for one in (meter, wall) if one is not None]
    before_s, begun_s = busy_s(stat), time.monotonic()
    while time.monotonic() - begun_s < seconds:
        time.sleep(LOOK_S)
        for span in spans:
            span.look()
    cores = (busy_s(stat) - before_s) / (time.monotonic() - begun_s)
    return Sample(cores, *(span.mean_w() for span in spans))


class _Span:
    """A meter's mean over a stretch, by its counter."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self._first = self._last = meter.read()

    def look(self) -> None:
        self._last = self._meter.read()

    def mean_w(self) -> float:
        if self._last.at_s <= self._first.at_s:
            raise MeterLost("the meter gave no new reading; measure for longer")
        return (self._last.energy_j - self._first.energy_j) / (self._last.at_s - self._first.at_s)


@contextlib.contextmanager
def _spinning(count: int) -> Iterator[None]:
    """So many processes that do nothing but compute."""
    children = [subprocess.Popen([sys.executable, "-S", "-E", "-c", SPIN]) for _ in range(count)]
    try:
        yield
    finally:
        for child in children:
            child.kill()
            child.wait()


def save(found: Calibration, file: Path) -> None:
    """Keep a calibration; whole or not at all."""
    new = file.with_suffix(".new")
    new.write_bytes(msgspec.json.format(msgspec.json.encode(found)))
    new.replace(file)


def load(file: Path) -> Calibration | None:
    """The calibration that was kept; None where there is none. Raises ValueError for a file that is none."""
    try:
        found = msgspec.json.decode(file.read_bytes(), type=Calibration)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ValueError(f"{file.name} cannot be read: {error.strerror}") from error
    except (msgspec.DecodeError, RecursionError) as error:
        raise ValueError(f"{file.name} is no calibration: {error}; run `omniwatt power calibrate`") from error
    if not _can_be(found):
        raise ValueError(f"{file.name} holds watts that cannot be; run `omniwatt power calibrate`")
    return found


def _can_be(found: Calibration) -> bool:
    cpu, wall = found.cpu, found.wall
    line_can_be = wall is None or (0.0 < wall.slope < 1e3 and abs(wall.offset) < 1e7 and wall.error_pct >= 0.0)
    return 0.0 <= cpu.idle_w < cpu.max_w < 1e7 and cpu.cores > 0 and cpu.uncertainty_pct >= 0.0 and line_can_be
