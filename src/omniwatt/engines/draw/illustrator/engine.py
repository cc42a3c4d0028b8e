"""draw/illustrator: pictures by drawing. Words to a scene to a layout to pixels, native at any size."""

import asyncio
import concurrent.futures
import os
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import Any

import msgspec

from omniwatt.contract.error import EngineFailed, UnsupportedField
from omniwatt.contract.event import Chunk, Event, Fact, Finished, Usage, Verdict
from omniwatt.contract.job import EngineSpec, Job, Loaded
from omniwatt.contract.protocol import Context
from omniwatt.contract.request import DrawBody
from omniwatt.engines.draw.illustrator.hands import Hands
from omniwatt.engines.draw.illustrator.sitting import Sitting
from omniwatt.engines.draw.illustrator.studio import Studio

AHEAD = 16
"""Events the painter may be ahead of whoever reads them: a slow reader holds it back, and memory stays bounded."""
_POLL_S = 0.01


class Illustrator:
    """Options: `blobs_dir`. Each picture is painted in a thread of its own; a large one by helper processes besides."""

    def __init__(self) -> None:
        self._studio: Studio | None = None
        self._threads: concurrent.futures.ThreadPoolExecutor | None = None
        self._hands: Hands | None = None
        self._blobs_dir = ""

    async def load(self, spec: EngineSpec, progress: Callable[[float], None]) -> Loaded:
        """Read words, sprites and fonts. Raises EngineFailed."""
        slots = max(1, spec.slots)
        self._blobs_dir = str(spec.options.get("blobs_dir", ""))
        self._threads = concurrent.futures.ThreadPoolExecutor(slots, thread_name_prefix="draw")
        loop = asyncio.get_running_loop()
        self._studio = await loop.run_in_executor(self._threads, Studio.load, spec.artifacts)
        self._hands = Hands(spec.artifacts, max(1, min(spec.threads, os.cpu_count() or 1)))
        progress(1.0)
        return Loaded(slots=slots, threads=spec.threads)

    def run(self, job: Job, inputs: AsyncIterator[Chunk], ctx: Context) -> AsyncGenerator[Event]:
        """Raises BadInput for pictures that cannot be read and for what cannot be drawn in the form asked for."""
        if not isinstance(job.body, DrawBody) or job.capability != "draw":
            raise UnsupportedField(f"The illustrator draws; it cannot `{job.capability}`.")
        return self._drawn(job, job.body, inputs, ctx)

    async def close(self) -> None:
        """Threads still painting end with their process."""
        if self._hands is not None:
            self._hands.close()
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)

    async def _drawn(
        self, job: Job, body: DrawBody, inputs: AsyncIterator[Chunk], ctx: Context
    ) -> AsyncGenerator[Event]:
        if self._studio is None or self._threads is None or self._hands is None:
            raise EngineFailed("The illustrator was not loaded.")
        loop = asyncio.get_running_loop()
        desk = Desk(loop, inputs)
        sitting = Sitting(self._studio, self._hands, job, body, self._blobs_dir, ctx, desk)
        if body.explain:
            yield Fact(await loop.run_in_executor(self._threads, sitting.explain))
            yield Finished(Usage(), job.model)
            return
        working = loop.run_in_executor(self._threads, sitting.paint)
        try:
            while (event := await desk.events.get()) is not None:
                yield event
            await working
        finally:
            await desk.leave(working)
        yield Finished(Usage(), job.model)


class Desk:
    """Between the thread that paints and the loop that sends: events one way, verdicts the other. `tell` and `ask`
    block the thread."""

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
