"""What a host process and the helpers it started use together: they are one process group, the host its leader."""

import os
import time
from contextlib import suppress
from pathlib import Path

LOOK_S = 0.25
"""So old may the list of helpers be: one that came since is counted whole when it is next looked for."""
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_TICK_S = 1 / os.sysconf("SC_CLK_TCK")


class Tree:
    """The processes of group `pid`, the host itself first."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._helpers: tuple[int, ...] = ()
        self._looked_at_s = float("-inf")
        self._cpu_s = 0.0
        self._ended_s = 0.0
        self._ended_at_s = float("-inf")

    def pids(self) -> tuple[int, ...]:
        """Those that live; the list of helpers is at most LOOK_S old."""
        now_s = time.monotonic()
        if now_s - self._looked_at_s >= LOOK_S:
            self._looked_at_s = now_s
            everyone = (int(name) for name in os.listdir("/proc") if name.isdecimal())  # noqa: PTH208 - twice as fast
            self._helpers = tuple(pid for pid in everyone if pid != self._pid and self._is_helper(pid))
        return (self._pid, *(pid for pid in self._helpers if self._is_helper(pid)))

    def cpu_s(self) -> float:
        """CPU seconds of all their threads so far, helpers that have ended included; 0.0 once the host is gone.

        A helper that ends while this is read is missing from one reading at most: the figure never falls.
        """
        found = _cpu_s(self._pid)
        if found == 0.0:
            return 0.0
        self._cpu_s = max(self._cpu_s, found + sum(_cpu_s(pid) for pid in self.pids()[1:]))
        return self._cpu_s

    def clock_s(self) -> float:
        """`cpu_s` for those who ask a hundred times a second: what ended helpers used is up to LOOK_S late."""
        now_s = time.monotonic()
        if now_s - self._ended_at_s >= LOOK_S:
            self._ended_at_s = now_s
            self._ended_s = sum(map(_ended_s, self.pids()))
        own_s = _clock_s(self._pid)
        if own_s == 0.0:
            return 0.0
        self._cpu_s = max(self._cpu_s, own_s + sum(map(_clock_s, self._helpers)) + self._ended_s)
        return self._cpu_s

    def memory_bytes(self) -> int:
        """The host's resident bytes, and of each helper those it shares with nobody; 0 once the host is gone."""
        host, *helpers = self.pids()
        resident, _ = _pages(host)
        if not resident:
            return 0
        return (resident + sum(own - shared for own, shared in map(_pages, helpers))) * _PAGE_BYTES

    def _is_helper(self, pid: int) -> bool:
        try:
            return os.getpgid(pid) == self._pid
        except OSError:
            return False


class Everyone:
    """All processes this one can see."""

    def __init__(self) -> None:
        self._used_s: dict[int, float] = {}
        self._total_s = 0.0

    def clock_s(self) -> float:
        """CPU seconds since the first look. Of one that ended, what it used since the last look is missing."""
        found: dict[int, float] = {}
        for name in os.listdir("/proc"):  # noqa: PTH208 - twice as fast
            if name.isdecimal():
                pid = int(name)
                found[pid] = _clock_s(pid)
                self._total_s += max(0.0, found[pid] - self._used_s.get(pid, found[pid] if not self._used_s else 0.0))
        self._used_s = found
        return self._total_s


def _clock_s(pid: int) -> float:
    """Of one process that lives; 0.0 when there is none."""
    try:
        return time.clock_gettime(~pid << 3 | 2)  # the kernel's clock id of another process
    except OSError:
        return 0.0


def _ended_s(pid: int) -> float:
    """Of the children of a process that have ended and been waited for."""
    with suppress(OSError, IndexError):
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b") ")[2].split()
        return (int(fields[13]) + int(fields[14])) * _TICK_S
    return 0.0


def _cpu_s(pid: int) -> float:
    """Of one process, and of its children that have ended and been waited for; 0.0 when there is none."""
    own_s = _clock_s(pid)
    return own_s + _ended_s(pid) if own_s else 0.0


def _pages(pid: int) -> tuple[int, int]:
    """Resident pages of a process, and how many of them others may have too; zeros when there is none."""
    try:
        fields = Path(f"/proc/{pid}/statm").read_bytes().split()
        return int(fields[1]), int(fields[2])
    except (OSError, IndexError):
        return 0, 0
