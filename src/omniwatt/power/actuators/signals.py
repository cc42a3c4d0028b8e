"""Signals to process groups by number, and never to a stranger who was given the number since."""

import os
import signal
from contextlib import suppress
from pathlib import Path


class Signals:
    """A group is known by its leader, held by a pidfd from the first signal until `forget` (pidfd_open(2)).

    While the leader lives, or is dead and not waited for, its number is nobody else's.
    """

    def __init__(self, parent: int | None = None) -> None:
        """Leaders are children of `parent` (default: ours); whoever is not, is not signalled."""
        self._parent = parent or os.getppid()
        self._leaders: dict[int, int | None] = {}
        """Group -> its leader's pidfd; None where the kernel has none to give."""

    def send(self, pid: int, number: int) -> None:
        """To a host and all it started; nothing if they are gone."""
        with suppress(ProcessLookupError, PermissionError):
            if pid not in self._leaders:
                self._leaders[pid] = self._found(pid)
            leader = self._leaders[pid]
            if leader is not None:
                signal.pidfd_send_signal(leader, 0)
            os.killpg(pid, number)

    def forget(self, pid: int) -> None:
        """The number may be given to others from now on."""
        leader = self._leaders.pop(pid, None)
        if leader is not None:
            os.close(leader)

    def _found(self, pid: int) -> int | None:
        try:
            leader = os.pidfd_open(pid)
        except ProcessLookupError:
            raise
        except OSError:
            return None
        if _parent_of(pid) not in (self._parent, None):
            os.close(leader)
            raise ProcessLookupError(pid)
        return leader


def _parent_of(pid: int) -> int | None:
    """None where /proc does not say."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_bytes().rpartition(b") ")[2].split()[1])
    except (OSError, IndexError, ValueError):
        return None
