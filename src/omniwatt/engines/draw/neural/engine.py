"""draw/diffusers: pictures by a diffusion model, step by step."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
from PIL import Image

from omniwatt.contract.error import EngineFailed, UnsupportedField
from omniwatt.contract.event import Chunk, Event, Fact, Finished, Usage
from omniwatt.contract.job import EngineSpec, Job, Loaded
from omniwatt.contract.protocol import Context
from omniwatt.contract.request import DrawBody
from omniwatt.engines.draw.desk import Desk
from omniwatt.engines.draw.neural.given import MAX_PIXELS
from omniwatt.engines.draw.neural.pipelines import Options, Pipelines
from omniwatt.engines.draw.neural.sitting import Sitting, painted_size


class Diffusers:
    """Options: see `pipelines.Options`. One picture at a time; a cancelled one ends at its next step."""

    def __init__(self) -> None:
        self._threads: ThreadPoolExecutor | None = None
        self._pipelines: Pipelines | None = None
        self._options = Options(source="")

    async def load(self, spec: EngineSpec, progress: Callable[[float], None]) -> Loaded:
        """Read the model. Raises EngineFailed."""
        try:
            self._options = msgspec.convert(spec.options, Options)
        except msgspec.ValidationError as error:
            raise EngineFailed(f"draw/diffusers: {error}") from None
        Image.MAX_IMAGE_PIXELS = MAX_PIXELS // 2
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="draw")
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(self._threads, Pipelines, self._options, max(1, spec.threads))
        self._pipelines = found
        progress(1.0)
        return Loaded(slots=1, threads=spec.threads, memory_bytes=found.weight_bytes, details={"device": found.device})

    def run(self, job: Job, inputs: AsyncIterator[Chunk], ctx: Context) -> AsyncGenerator[Event]:
        """Raises BadInput for pictures that cannot be read, UnsupportedField for what the model cannot do."""
        body = job.body
        if not isinstance(body, DrawBody) or job.capability != "draw":
            raise UnsupportedField(f"This engine draws; it cannot `{job.capability}`.")
        if body.background == "transparent":
            raise UnsupportedField("This model paints opaque pictures only.", param="background")
        return self._drawn(job, body, inputs, ctx)

    async def close(self) -> None:
        """The weights go once the last step is over."""
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)

    async def _drawn(
        self, job: Job, body: DrawBody, inputs: AsyncIterator[Chunk], ctx: Context
    ) -> AsyncGenerator[Event]:
        if body.explain:
            yield Fact(self._explained(body))
            yield Finished(Usage(), job.model)
            return
        if self._threads is None or self._pipelines is None:
            raise EngineFailed("The engine was not loaded.")
        loop = asyncio.get_running_loop()
        desk = Desk(loop, inputs)
        working = loop.run_in_executor(self._threads, Sitting(self._pipelines, job, body, ctx, desk).paint)
        try:
            while (event := await desk.events.get()) is not None:
                yield event
            await working
        finally:
            await desk.leave(working)
        yield Finished(Usage(), job.model)

    def _explained(self, body: DrawBody) -> dict[str, Any]:
        width, height = painted_size(body, self._options, None)
        return {"steps": dict(self._options.steps), "painted_size": f"{width}x{height}"}
