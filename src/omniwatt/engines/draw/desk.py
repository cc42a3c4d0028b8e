"""Between the thread that paints and the loop that sends: events one way, pictures and verdicts the other."""

import asyncio
import concurrent.futures
from collections.abc import AsyncIterator
from typing import Any

import msgspec

from omniwatt.contract.error import BadInput
from omniwatt.contract.event import Chunk, Event, Verdict

AHEAD = 16
"""Events the painter may be ahead of whoever reads them: a slow reader holds it back, and memory stays bounded."""
GIVEN_BYTES = 64 * 1024 * 1024
_POLL_S = 0.01


class Desk:
    """`tell` and `ask` block the thread that paints; `given` is for the loop, before that thread begins."""

    def __init__(self, loop: asyncio.AbstractEventLoop, inputs: AsyncIterator[Chunk]) -> None:
        self.events: asyncio.Queue[Event | None] = asyncio.Queue(AHEAD)
        self.left = False
        """Nobody waits for the picture any more."""
        self._loop = loop
        self._inputs = inputs
        self._waiting: concurrent.futures.Future[Any] | None = None

    def tell(self, event: Event | None) -> None:
        """Hand an event over; waits while the reader is behind."""
        self._wait(self.events.put(event))

    def ask(self) -> Verdict:
        """The next verdict; everything is accepted once no more of them come."""
        verdict: Verdict = self._wait(self._verdict())
        return verdict

    async def given(self) -> dict[str, bytes]:
        """The pictures that come first on the input stream, by the control word behind each, up to `painted`.

        Raises BadInput for a stream that ends before, or brings more than GIVEN_BYTES.
        """
        found: dict[str, bytes] = {}
        pieces, size_bytes = list[bytes](), 0
        async for chunk in self._inputs:
            pieces.append(chunk.data)
            size_bytes += len(chunk.data)
            if size_bytes > GIVEN_BYTES:
                break
            if chunk.control:
                found[chunk.control] = b"".join(pieces)
                pieces.clear()
            if chunk.control == "painted":
                return found
        raise BadInput("The picture to letter did not come, or is too large.", param="image")

    async def leave(self, working: "asyncio.Future[None]") -> None:
        """The generator is being closed: let the thread come to its end, whatever it waits for."""
        self.left = True
        while not working.done():
            if self._waiting is not None:
                self._waiting.cancel()
            while not self.events.empty():
                self.events.get_nowait()
            await asyncio.wait([working], timeout=_POLL_S)
        if not working.cancelled():
            working.exception()

    async def _verdict(self) -> Verdict:
        async for chunk in self._inputs:
            if chunk.control == "verdict":
                return msgspec.json.decode(chunk.text, type=Verdict)
        return Verdict()

    def _wait(self, work: Any) -> Any:
        self._waiting = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return self._waiting.result()
        finally:
            self._waiting = None
