"""What a host process and the helpers it started use together: they are one process group, the host its leader."""

import os
import time
from contextlib import suppress
from pathlib import Path

LOOK_S = 0.25
"""Who is there is looked at this often at least; and as soon as the kernel has given out a new process id."""
SOON_S, PATIENCE = 0.005, 50
"""No oftener than that, and for no more than one part in so many of the time."""
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_TICK_S = 1 / os.sysconf("SC_CLK_TCK")


class Groups:
    """Which processes belong to which group; one of these serves any number of trees."""

    def __init__(self) -> None:
        self._members: dict[int, list[int]] = {}
        self._newest = b""
        self._looked_at_s = self._next_s = float("-inf")

    def members(self, group: int) -> list[int]:
        """Its processes. A new one is known within milliseconds, unless listing them takes long on this machine."""
        now_s = time.monotonic()
        if now_s >= self._next_s:
            newest = _newest_id()
            if newest != self._newest or now_s - self._looked_at_s >= LOOK_S:
                self._newest, self._looked_at_s = newest, now_s
                self._look()
            self._next_s = now_s + max(SOON_S, PATIENCE * (time.monotonic() - now_s))
        return self._members.get(group, [])

    def _look(self) -> None:
        """Where they cannot be listed now (no file left to open, say), those known before are still taken as there."""
        found: dict[int, list[int]] = {}
        for pid in _pids():
            with suppress(OSError):
                found.setdefault(os.getpgid(pid), []).append(pid)
        self._members = found or self._members


class Tree:
    """The processes of group `pid`, the host itself first."""

    def __init__(self, pid: int, groups: Groups | None = None) -> None:
        self._pid = pid
        self._groups = groups or Groups()
        self._helpers: tuple[int, ...] = ()
        self._cpu_s = 0.0
        self._ended_s = 0.0
        self._ended_at_s = float("-inf")

    def pids(self) -> tuple[int, ...]:
        """Those that live."""
        helpers = (pid for pid in self._groups.members(self._pid) if pid != self._pid)
        return (self._pid, *(pid for pid in helpers if self._is_helper(pid)))

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
        """`cpu_s` for those who ask a hundred times a second: of helpers that ended the kernel tells by ticks of 10 ms.

        They are asked for when one is missing, and else every LOOK_S: some come and go between two looks.
        """
        own_s = clock_s(self._pid)
        if own_s == 0.0:
            return 0.0
        pids = self.pids()
        now_s = time.monotonic()
        if any(pid not in pids for pid in self._helpers) or now_s - self._ended_at_s >= LOOK_S:
            self._ended_at_s = now_s
            self._ended_s = sum(map(_ended_s, pids))
        self._helpers = pids[1:]
        self._cpu_s = max(self._cpu_s, own_s + sum(map(clock_s, self._helpers)) + self._ended_s)
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
        for pid in _pids():
            found[pid] = clock_s(pid)
            self._total_s += max(0.0, found[pid] - self._used_s.get(pid, found[pid] if not self._used_s else 0.0))
        self._used_s = found or self._used_s
        return self._total_s


def _pids() -> list[int]:
    """All processes this one can see; none where they cannot be listed."""
    with suppress(OSError):
        return [int(name) for name in os.listdir("/proc") if name.isdecimal()]  # noqa: PTH208 - twice as fast
    return []


def _newest_id() -> bytes:
    """The process id the kernel gave out last: the last field of /proc/loadavg (proc(5)); empty where there is none."""
    with suppress(OSError):
        return Path("/proc/loadavg").read_bytes().rpartition(b" ")[2]
    return b""


def clock_s(pid: int) -> float:
    """CPU seconds of one process that lives, without those it started; 0.0 when there is none."""
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
    own_s = clock_s(pid)
    return own_s + _ended_s(pid) if own_s else 0.0


def _pages(pid: int) -> tuple[int, int]:
    """Resident pages of a process, and how many of them others may have too; zeros when there is none."""
    try:
        fields = Path(f"/proc/{pid}/statm").read_bytes().split()
        return int(fields[1]), int(fields[2])
    except (OSError, IndexError):
        return 0, 0
