"""While the governor holds somebody it says so twenty times a second: when it no longer does, it is missed at once."""

import asyncio
import time
from collections.abc import Callable

BEAT_S = 0.05
LATE_S = 0.2
"""Without a word for so long it hangs, or is held itself."""


class Pulse:
    """The gateway's side. `missed` runs once when a beat is late; `late` is true from then until the next one."""

    def __init__(self, missed: Callable[[], None]) -> None:
        self.late = False
        self._missed = missed
        self._at_s = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def beat(self, *, holds: bool) -> None:
        """A sign of life from who holds somebody, or holds nobody any more."""
        self.late, self._at_s = False, time.monotonic()
        if not holds:
            self.stop()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(LATE_S, self._look)

    def stop(self) -> None:
        """None is expected any more."""
        self.late = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        left_s = self._at_s + LATE_S - time.monotonic()
        if left_s > 0.0:
            self._timer = asyncio.get_running_loop().call_later(left_s, self._look)
            return
        self._timer, self.late = None, True
        self._missed()
