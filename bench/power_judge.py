"""An onlooker: the CPU time of every process of this machine, by its own clock, written down fifty times a second.

    python -m bench.power_judge PID FILE

PID is the gateway: its family is counted apart as `ours`. Lines of the file: seconds (time.monotonic), CPU seconds of
all processes so far, CPU seconds of the family so far.
"""

import os
import sys
import time
from contextlib import suppress
from pathlib import Path

LOOK_S = 0.02
SLOW_S = 0.003
"""A look that took longer was interrupted: nobody knows when it was."""


class Clocks:
    """CPU clocks of all processes; what ended keeps what it had used when it was last looked at."""

    def __init__(self, root: int) -> None:
        self._root = root
        self._used_s: dict[int, float] = {}
        self._family: set[int] = {root}
        self._all_s = self._ours_s = 0.0
        self.scan()
        for pid in self._used_s:
            self._used_s[pid] = clock_s(pid) or 0.0

    def scan(self) -> None:
        """Find processes that are new; those that come later count from their first moment."""
        for name in os.listdir("/proc"):  # noqa: PTH208 - twice as fast
            if name.isdecimal() and int(name) not in self._used_s:
                pid = int(name)
                self._used_s[pid] = 0.0
                if _parent(pid) in self._family:
                    self._family.add(pid)

    def look(self) -> tuple[float, float]:
        """CPU seconds of all, and of the family, since the beginning."""
        for pid, before_s in list(self._used_s.items()):
            now_s = clock_s(pid)
            if now_s is None:
                del self._used_s[pid]
                continue
            self._used_s[pid] = now_s
            self._all_s += now_s - before_s
            if pid in self._family:
                self._ours_s += now_s - before_s
        return self._all_s, self._ours_s


def clock_s(pid: int) -> float | None:
    """CPU seconds of one process, without those it started; None when it has ended."""
    try:
        return time.clock_gettime(~pid << 3 | 2)  # the kernel's clock id of another process
    except OSError:
        return None


def _parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_bytes().rpartition(b") ")[2].split()[1])
    except (OSError, IndexError, ValueError):
        return 0


def main() -> None:
    """Until the gateway is gone."""
    root, file = int(sys.argv[1]), Path(sys.argv[2])
    with suppress(OSError):
        # Whoever waits for a core knows late what happened meanwhile.
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    clocks = Clocks(root)
    next_s = time.monotonic()
    with file.open("w", buffering=1, encoding="ascii") as out:
        while clock_s(root) is not None:
            clocks.scan()
            begun_s = time.monotonic()
            everyone_s, ours_s = clocks.look()
            ended_s = time.monotonic()
            if ended_s - begun_s < SLOW_S:
                out.write(f"{(begun_s + ended_s) / 2:.6f} {everyone_s:.6f} {ours_s:.6f}\n")
            next_s += LOOK_S
            time.sleep(max(0.0, next_s - time.monotonic()))


if __name__ == "__main__":
    main()
