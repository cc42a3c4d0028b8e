"""What the governor asks of the kernel: a socket for hosts, a name only one can have, one process's CPU clock."""

import ctypes
import errno
import os
import resource
import signal
import socket
from contextlib import suppress
from pathlib import Path

from omniwatt.tree import clock_s

_PR_SET_PDEATHSIG = 1
MOST_AT_ONCE_S = 0.5
"""Whoever goes first and does not rest for so long is killed by the kernel: it must not keep a core for itself."""
NICE, YIELDS = -10, 10


class Process:
    """CPU time of one process, without those it started."""

    def __init__(self, pid: int) -> None:
        self._pid = pid

    def clock_s(self) -> float:
        """So far; 0.0 once it is gone."""
        return clock_s(self._pid)

    def pids(self) -> tuple[int, ...]:
        """None: it is never held."""
        return ()


def clear(folder: Path) -> None:
    """Remove the gates of gateways that are gone: one that was killed with its governor could not."""
    for gate in folder.glob("gate-*"):
        pid = gate.name.split("-")[1]
        if pid.isdecimal() and not Path(f"/proc/{pid}").exists():
            with suppress(OSError):
                gate.unlink()


def door(path: str) -> socket.socket:
    """Where hosts connect. A stale one of the same name is taken over."""
    with suppress(OSError):
        Path(path).unlink()
    door = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    door.bind(path)
    Path(path).chmod(0o600)
    door.listen(64)
    return door


def go_first() -> bool:
    """Have this process run as soon as it wants to, before any that computes (sched(7)). False where we may not.

    Niceness does not do it: it counts only within a session's share of the cores (autogroups) or a control group's,
    and a process that wakes for a moment beside busy groups was seen to wait a tenth of a second for its turn.
    """
    with suppress(OSError):
        os.nice(NICE)
    try:
        os.sched_setscheduler(0, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(1))
    except OSError:
        return False
    most_us = int(MOST_AT_ONCE_S * 1e6)
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_RTTIME, (most_us, most_us))
    return True


def go_after(pid: int) -> None:
    """Have this process's session run after the others, where sessions share the cores; anybody may ask that."""
    with suppress(OSError):
        Path(f"/proc/{pid}/autogroup").write_text(f"{YIELDS}\n", "ascii")


def wake_when_orphaned() -> None:
    """Have the kernel continue this process when its parent dies: one that was stopped then frees what it holds."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGCONT)


def bound(name: str) -> tuple[socket.socket | None, str]:
    """Who binds the name has it, until it closes it or ends, however. None, and why in words, for who has it not."""
    lock = None
    try:
        lock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        lock.bind(f"\0{name}")
    except OSError as error:
        if lock is not None:
            lock.close()
        if error.errno == errno.EADDRINUSE:
            return None, "another governor holds this machine's budget; this server's is taken up when that one ends"
        return None, f"the kernel does not let us claim this machine's budget: {error.strerror or error}"
    return lock, ""
