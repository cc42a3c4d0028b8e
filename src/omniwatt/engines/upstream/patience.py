"""How long one call waits: for each byte, in all, and for nobody once its caller has gone."""

import asyncio
import contextlib
from collections.abc import Awaitable
from typing import TypeVar

from omniwatt.contract.error import Cancelled, UpstreamTimeout
from omniwatt.contract.protocol import Context

_T = TypeVar("_T")


class Patience:
    """The clock of one call. `deadline_s` counts from its making."""

    def __init__(self, ctx: Context, deadline_s: float | None) -> None:
        self._ctx = ctx
        self._loop = asyncio.get_running_loop()
        self._until_s = float("inf") if deadline_s is None else self._loop.time() + deadline_s
        self._running: asyncio.Timeout | None = None
        ctx.on_cancel(self._cancelled)

    @property
    def left_s(self) -> float:
        """Seconds until the deadline; may be infinite."""
        return self._until_s - self._loop.time()

    async def wait(self, work: Awaitable[_T], seconds: float, what: str) -> _T:
        """Do `work` within `seconds` and the deadline. Raises UpstreamTimeout or Cancelled; the work is cancelled."""
        allowed_s = min(seconds, self.left_s)
        try:
            async with asyncio.timeout(allowed_s if allowed_s < float("inf") else None) as self._running:
                self._check()
                return await work
        except TimeoutError:
            self._check()
            limit = "in time" if allowed_s < seconds else f"within {seconds:g} s"
            raise UpstreamTimeout(f"The provider of this model did not {what} {limit}.") from None
        finally:
            self._running = None
            if asyncio.iscoroutine(work):
                work.close()

    async def sleep(self, seconds: float) -> None:
        """Pause between two attempts. Raises Cancelled, or UpstreamTimeout at the deadline."""
        await self.wait(asyncio.sleep(seconds), float("inf"), "answer")

    def _check(self) -> None:
        if self._ctx.cancelled:
            raise Cancelled("The request was cancelled.")

    def _cancelled(self) -> None:
        """From any thread: what is being waited for is over now."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._give_up)

    def _give_up(self) -> None:
        if self._running is not None and not self._running.expired():
            self._running.reschedule(self._loop.time())
