"""What the governor asks of the kernel: a socket for hosts, a name only one can have, one process's CPU clock."""

import ctypes
import errno
import signal
import socket
import time
from contextlib import suppress
from pathlib import Path

_PR_SET_PDEATHSIG = 1


class Process:
    """CPU time of one process, without those it started."""

    def __init__(self, pid: int) -> None:
        self._clock = ~pid << 3 | 2  # the kernel's clock id of another process

    def clock_s(self) -> float:
        """So far; 0.0 once it is gone."""
        with suppress(OSError):
            return time.clock_gettime(self._clock)
        return 0.0

    def pids(self) -> tuple[int, ...]:
        """None: it is never held."""
        return ()


def door(path: str) -> socket.socket:
    """Where hosts connect. A stale one of the same name is taken over."""
    with suppress(OSError):
        Path(path).unlink()
    door = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    door.bind(path)
    Path(path).chmod(0o600)
    door.listen(64)
    return door


def wake_when_orphaned() -> None:
    """Have the kernel continue this process when its parent dies: one that was stopped then frees what it holds."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGCONT)


def bound(name: str) -> tuple[socket.socket | None, str]:
    """Who binds the name has it, until it closes it or ends, however. None, and why in words, for who has it not."""
    lock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        lock.bind(f"\0{name}")
    except OSError as error:
        lock.close()
        if error.errno == errno.EADDRINUSE:
            return None, "another governor holds this machine's budget"
        return None, f"the kernel does not let us claim this machine's budget: {error.strerror or error}"
    return lock, ""
