"""Watts from CPU time, for machines without a sensor: idle watts + watts a busy core x cores in use.

A model, never passed off as a reading: `estimated`, and as uncertain as its calibration. Where none was made, the
watts of a virtual core are the mean of what the large clouds' machines take (Cloud Carbon Footprint's published
coefficients, made of SPECpower results of whole servers: about 0.7 W idle and 3.5 to 4.3 W busy).
"""

import os
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from omniwatt.contract.power import Manner, Reading

CORE_IDLE_W, CORE_BUSY_W = 0.74, 3.85
UNCALIBRATED_PCT = 50.0
SAMPLED_S = 1.0
"""The kernel's own sum is known by ticks of 10 ms: what others on the machine use is taken from it over this long."""
CLOCKED_S, PATIENCE = 0.1, 50
"""By the clocks of all processes it is known sooner; looking takes no more than one part in so many of the time."""
UNSEEN = 0.3
"""Cores: the kernel's sum of samples is not as wrong as that."""
_TICK_S = 1 / os.sysconf("SC_CLK_TCK")
STAT = Path("/proc/stat")


class CpuModel(msgspec.Struct, frozen=True, kw_only=True):
    """What a machine takes. `core_w` comes on top of `idle_w` for each core that is busy all the time."""

    idle_w: float
    core_w: float
    cores: int
    uncertainty_pct: float = UNCALIBRATED_PCT

    @property
    def max_w(self) -> float:
        """With every core busy."""
        return self.idle_w + self.core_w * self.cores


def uncalibrated(cores: int | None = None) -> CpuModel:
    """What is assumed of a machine nobody calibrated."""
    cores = cores or len(os.sched_getaffinity(0))
    return CpuModel(idle_w=cores * CORE_IDLE_W, core_w=CORE_BUSY_W - CORE_IDLE_W, cores=cores)


class Estimate:
    """`used_s` gives the CPU seconds of our own processes so far, to the microsecond; the others' come from the kernel.

    `used_s` must not fall; a process that ends keeps what it used (tree.py does).
    """

    manner = Manner(gain_doubt=0.01)

    def __init__(
        self,
        model: CpuModel,
        used_s: Callable[[], float],
        *,
        stat: Path = STAT,
        clock: Callable[[], float] = time.monotonic,
        everyone_s: Callable[[], float] | None = None,
    ) -> None:
        """`everyone_s`: CPU seconds of all processes by their own clocks, where they can be seen.

        The kernel's own sum is counted in samples: processes that are stopped and continued in step with them are
        counted wrong by several per cent.
        """
        self._model = model
        self._used_s = used_s
        self._clock = clock
        self._others = _Others(stat, everyone_s)
        self._at_s = self._begun_s = clock()
        self._own_s = used_s()
        self._others.look(self._at_s, self._own_s)
        self._energy_j = 0.0
        self._watts = model.idle_w
        self.others_s = 0.0
        """CPU seconds of the others that were counted."""

    def read(self) -> Reading:
        """Mean power since the last reading."""
        now_s, own_s = self._clock(), max(self._own_s, self._used_s())
        length_s = now_s - self._at_s
        if length_s > 0.0:
            others = self._others.look(now_s, own_s)
            cores = min(float(self._model.cores), (own_s - self._own_s) / length_s + others)
            self._watts = self._model.idle_w + self._model.core_w * cores
            self._energy_j += self._watts * length_s
            self.others_s += others * length_s
        self._at_s, self._own_s = max(self._at_s, now_s), own_s
        uncertainty_pct = self._model.uncertainty_pct
        return Reading(self._at_s, self._watts, self._energy_j, "estimated", "cpu-time", "node", uncertainty_pct)

    def close(self) -> None:
        """Nothing is held open."""


class _Others:
    """Cores that processes other than ours use: by their clocks, and those without one by the kernel's samples."""

    def __init__(self, stat: Path, everyone_s: Callable[[], float] | None) -> None:
        self._stat = stat
        self._everyone_s = everyone_s
        self._clocked = self._unseen = 0.0
        self._sampled_at: tuple[float, float, float] | None = None
        self._clocked_at: tuple[float, float] | None = None
        self._next_s = float("-inf")

    def look(self, now_s: float, own_s: float) -> float:
        if now_s >= self._next_s:
            begun_s = time.perf_counter()
            clocked_s = self._everyone_s() - own_s if self._everyone_s else 0.0
            self._by_clocks(now_s, clocked_s)
            self._by_samples(now_s, own_s, clocked_s)
            self._next_s = now_s + max(CLOCKED_S, PATIENCE * (time.perf_counter() - begun_s))
        return self._clocked + self._unseen

    def _by_clocks(self, now_s: float, clocked_s: float) -> None:
        if self._clocked_at is not None and now_s > self._clocked_at[0]:
            self._clocked = max(0.0, (clocked_s - self._clocked_at[1]) / (now_s - self._clocked_at[0]))
        self._clocked_at = (now_s, clocked_s)

    def _by_samples(self, now_s: float, own_s: float, clocked_s: float) -> None:
        if self._sampled_at is not None and now_s - self._sampled_at[0] < SAMPLED_S:
            return
        machine_s = busy_s(self._stat)
        if not machine_s:
            # It cannot be looked at now: when it can again, its sum is compared with none from before.
            self._sampled_at, self._unseen = None, 0.0
            return
        sampled_s = machine_s - own_s
        if self._sampled_at is not None:
            length_s = now_s - self._sampled_at[0]
            unseen = (sampled_s - self._sampled_at[1] - clocked_s + self._sampled_at[2]) / length_s
            unseen = min(unseen, float(os.cpu_count() or 1))
            # Far more than the clocks show: there are processes that we cannot see.
            self._unseen = max(0.0, unseen) if unseen > UNSEEN or not self._everyone_s else 0.0
        self._sampled_at = (now_s, sampled_s, clocked_s)


class Strangers:
    """CPU seconds of processes that are not ours, beside a meter of another kind: what they draw is not our jobs'."""

    def __init__(
        self,
        used_s: Callable[[], float],
        everyone_s: Callable[[], float],
        *,
        stat: Path = STAT,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`used_s`, `everyone_s`: CPU seconds of our own processes, and of all."""
        self._used_s = used_s
        self._clock = clock
        self._others = _Others(stat, everyone_s)
        self._at_s = clock()
        self._others.look(self._at_s, used_s())
        self._total_s = 0.0

    def used_s(self) -> float:
        """So far, as of a tenth of a second ago."""
        now_s = self._clock()
        if now_s > self._at_s:
            self._total_s += self._others.look(now_s, self._used_s()) * (now_s - self._at_s)
            self._at_s = now_s
        return self._total_s


def busy_s(stat: Path = STAT) -> float:
    """CPU seconds of the whole machine since it started, 0.0 where the kernel does not say.

    User, nice, system, interrupts; not idle, not waiting, not stolen by the hypervisor (proc(5)).
    """
    try:
        fields = [int(field) for field in stat.read_text().split("\n", 1)[0].split()[1:8]]
        return (sum(fields) - fields[3] - fields[4]) * _TICK_S
    except (OSError, ValueError, IndexError):
        return 0.0
