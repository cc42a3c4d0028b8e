"""Intel and AMD processors' own counters (RAPL), through Linux powercap: microjoules that wrap around.

Since 2020 (CVE-2020-8694) only root may read them, and most virtual machines have none.
"""

import time
from collections.abc import Callable
from pathlib import Path

from omniwatt.contract.power import Manner, MeterLost, Reading

FOLDER = Path("/sys/class/powercap")
UNCERTAINTY_PCT = 5.0
"""Khan et al., "RAPL in Action" (2018): within some percent of external meters on processors since Haswell."""


class _Domain:
    """One package or its memory."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "energy_uj"
        self._range_uj = int((folder / "max_energy_range_uj").read_text())
        self._last_uj = self._now_uj()
        self._total_uj = 0

    def joules(self) -> float:
        now_uj = self._now_uj()
        self._total_uj += (now_uj - self._last_uj) % (self._range_uj + 1)
        self._last_uj = now_uj
        return self._total_uj / 1e6

    def _now_uj(self) -> int:
        return int(self._file.read_text())


class Rapl:
    """All packages, and the memory beside them where it has a counter of its own. Raises MeterLost without any."""

    manner = Manner()

    def __init__(self, folder: Path = FOLDER, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        try:
            self._domains = [_Domain(one) for one in sorted(folder.glob("*-rapl:*")) if _counts(one)]
        except PermissionError as error:
            why = f"{error.filename} is for root only: give the server CAP_DAC_READ_SEARCH, or open it by a udev rule"
            raise MeterLost(why) from error
        except (OSError, ValueError) as error:
            raise MeterLost(f"RAPL cannot be read: {error}") from error
        if not self._domains:
            raise MeterLost(f"no RAPL counters under {folder}: a virtual machine, or the kernel lacks intel_rapl")
        self._before = (clock(), self._joules())
        self._watts = 0.0

    def read(self) -> Reading:
        """The counters, and the mean power since the last reading."""
        try:
            now_s, energy_j = self._clock(), self._joules()
        except (OSError, ValueError) as error:
            raise MeterLost(f"RAPL cannot be read any more: {error}") from error
        before_s, before_j = self._before
        if now_s > before_s:
            self._watts = (energy_j - before_j) / (now_s - before_s)
            self._before = (now_s, energy_j)
        return Reading(now_s, self._watts, energy_j, "measured", "rapl", "cpu", UNCERTAINTY_PCT)

    def close(self) -> None:
        """Nothing is held open."""

    def _joules(self) -> float:
        return sum(domain.joules() for domain in self._domains)


def _counts(folder: Path) -> bool:
    """Packages, and `dram` inside one; cores and graphics are part of their package, `psys` of everything."""
    try:
        name = (folder / "name").read_text().strip()
    except OSError:
        return False
    return name.startswith("package") or name == "dram"
