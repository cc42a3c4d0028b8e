"""draw/illustrator: pictures by drawing. Words to a scene to a layout to pixels, native at any size."""

import asyncio
import concurrent.futures
import os
from collections.abc import AsyncGenerator, AsyncIterator, Callable

from omniwatt.contract.error import EngineFailed, UnsupportedField
from omniwatt.contract.event import Chunk, Event, Fact, Finished, Usage
from omniwatt.contract.job import EngineSpec, Job, Loaded
from omniwatt.contract.protocol import Context
from omniwatt.contract.request import DrawBody
from omniwatt.engines.draw.desk import Desk
from omniwatt.engines.draw.illustrator.hands import Hands
from omniwatt.engines.draw.illustrator.means import Means, means_of
from omniwatt.engines.draw.illustrator.overlay import Lettering, Overlay
from omniwatt.engines.draw.illustrator.sitting import Sitting
from omniwatt.engines.draw.illustrator.studio import Studio


class Illustrator:
    """Options: `blobs_dir`, `memory_bytes` (of all pictures; 0: most of the machine), `cmyk_profile` (a file),
    `takes_w` (watts with nothing to do, and of each busy core besides).

    Each picture is painted in a thread of its own; a large one by helper processes besides.
    """

    def __init__(self) -> None:
        self._studio: Studio | None = None
        self._threads: concurrent.futures.ThreadPoolExecutor | None = None
        self._hands: Hands | None = None
        self._means = Means()
        self._blobs_dir = ""

    async def load(self, spec: EngineSpec, progress: Callable[[float], None]) -> Loaded:
        """Read words, sprites and fonts. Raises EngineFailed."""
        slots = max(1, spec.slots)
        self._blobs_dir = str(spec.options.get("blobs_dir", ""))
        self._threads = concurrent.futures.ThreadPoolExecutor(slots, thread_name_prefix="draw")
        loop = asyncio.get_running_loop()
        self._studio = await loop.run_in_executor(self._threads, Studio.load, spec.artifacts)
        self._hands = Hands(spec.artifacts, max(1, min(spec.threads, os.cpu_count() or 1)))
        self._means = await loop.run_in_executor(self._threads, means_of, spec.options, self._hands.rest)
        progress(1.0)
        return Loaded(slots=slots, threads=spec.threads)

    def run(self, job: Job, inputs: AsyncIterator[Chunk], ctx: Context) -> AsyncGenerator[Event]:
        """Raises BadInput for pictures that cannot be read and for what cannot be drawn in the form asked for."""
        if not isinstance(job.body, DrawBody) or job.capability not in ("draw", "letter"):
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
        if job.capability == "letter":
            given = await desk.given()
            over = await loop.run_in_executor(self._threads, Overlay.of, self._studio, body, self._blobs_dir, given)
            sitting: Sitting = Lettering(over, self._hands, job, over.body, self._blobs_dir, ctx, desk, self._means)
        else:
            sitting = Sitting(self._studio, self._hands, job, body, self._blobs_dir, ctx, desk, self._means)
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
