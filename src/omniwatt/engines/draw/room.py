"""Memory for pictures: what one may take is known before, and what does not fit beside the others waits or is refused.

A picture enters the room with what it is estimated to need at most, before its first byte, and leaves it when it is
done. Those inside never need more together than there was when the room was last empty.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from omniwatt.contract.error import Overloaded
from omniwatt.memory import free_bytes, machine_bytes

SHARE = 0.8
"""Of the machine's memory, for pictures at most, where the operator said nothing."""
KEPT_BYTES = 128 << 20
"""Left free beside what pictures take."""
WAIT_S = 120.0
POLL_S = 0.1


class Room:
    """May be used from several threads; who came first enters first.

    `limit_bytes` 0 is SHARE of the machine or control group. `spare` is called when memory is short, and may let go of
    what is kept only for speed.
    """

    def __init__(
        self,
        limit_bytes: int = 0,
        spare: Callable[[], None] = lambda: None,
        free: Callable[[], int] = free_bytes,
        wait_s: float = WAIT_S,
    ) -> None:
        self.limit_bytes = limit_bytes or int(machine_bytes() * SHARE)
        self._spare = spare
        self._free = free
        self._wait_s = wait_s
        self._lock = threading.Lock()
        self._inside: list[int] = []
        self._waiting: list[object] = []
        self._most = 0

    @contextmanager
    def taken(self, need_bytes: int, check: Callable[[], None]) -> Iterator[None]:
        """Wait for room, and hold it. `check` is called while waiting, and may raise. Raises Overloaded.

        More than `limit_bytes` never fits: callers refuse it before.
        """
        self._enter(need_bytes, check)
        try:
            yield
        finally:
            with self._lock:
                self._inside.remove(need_bytes)

    def _enter(self, need_bytes: int, check: Callable[[], None]) -> None:
        ticket = object()
        until = time.monotonic() + self._wait_s
        with self._lock:
            self._waiting.append(ticket)
        try:
            while not self._admitted(ticket, need_bytes):
                check()
                if time.monotonic() > until and not self._inside:
                    raise Overloaded(
                        f"The picture needs {said(need_bytes)} of memory, and other programs on this machine leave "
                        f"{said(self._free())}. Please try again later, or ask for a smaller one.",
                        retry_after_s=30.0,
                    )
                time.sleep(POLL_S)
        finally:
            with self._lock:
                self._waiting.remove(ticket)

    def _admitted(self, ticket: object, need_bytes: int) -> bool:
        with self._lock:
            if self._waiting[0] is not ticket:
                return False
            free = self._free() - KEPT_BYTES
            if not self._inside:
                if need_bytes > free:
                    self._spare()
                    free = self._free() - KEPT_BYTES
                self._most = min(self.limit_bytes, free)
            if need_bytes > free or sum(self._inside) + need_bytes > self._most:
                return False
            self._inside.append(need_bytes)
            return True


def said(count: float) -> str:
    """Bytes for a person."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"
