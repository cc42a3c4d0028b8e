"""The only place where untrusted bytes are decoded: in worker threads of a process that may die of them."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import msgspec

from omniwatt.contract.error import EngineFailed, UnsupportedField
from omniwatt.contract.event import Chunk, Data, Event, Fact, Finished, Usage
from omniwatt.contract.job import EngineSpec, Job, Loaded
from omniwatt.contract.protocol import Context
from omniwatt.contract.request import MediaBody
from omniwatt.engines.media import contents, document, encoders, image, sound
from omniwatt.engines.media.apart import Helpers, Task
from omniwatt.engines.media.work import PIECE_BYTES, Limits, Output, Work, read_options
from omniwatt.engines.sniff import canonical

_T = TypeVar("_T")


class Media:
    """`probe` answers one Fact; `transcode` answers Data. Options: `blobs_dir`, `warm`, the fields of Limits."""

    def __init__(self) -> None:
        self._limits = Limits()
        self._blobs_dir = ""
        self._threads: ThreadPoolExecutor | None = None
        self._helpers = Helpers()

    async def load(self, spec: EngineSpec, progress: Callable[[float], None]) -> Loaded:
        """Start the threads. Raises EngineFailed on a limit that is none."""
        options = dict(spec.options)
        warm = bool(options.pop("warm", False))
        self._blobs_dir = str(options.pop("blobs_dir", ""))
        try:
            self._limits = msgspec.convert(options, Limits)
        except msgspec.ValidationError as error:
            raise EngineFailed(f"media engine: {error}") from None
        logging.getLogger("PIL").setLevel(logging.WARNING)
        image.guard(self._limits.max_pixels)
        slots = max(1, spec.slots)
        # Two at least, so that a long piece of sound does not hold up the probes of other requests.
        threads = min(slots, max(2, spec.threads))
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="media")
        if warm:
            self._threads.submit(self._helpers.warm)
        progress(1.0)
        return Loaded(slots=slots, threads=threads, gated=False)

    async def run(self, job: Job, inputs: AsyncIterator[Chunk], ctx: Context) -> AsyncGenerator[Event]:
        """Raises BadInput naming what is wrong with the bytes; never anything else because of them."""
        body = job.body
        if not isinstance(body, MediaBody) or job.capability not in {"probe", "transcode"}:
            raise UnsupportedField(f"The media engine cannot do `{job.capability}`.")
        work = Work(ctx, self._limits)
        try:
            if job.capability == "probe":
                yield Fact(await self._beside(self._probe, body, work))
                yield Finished(Usage(), job.model)
                return
            facts: list[dict[str, Any]] = []
            outputs = self._encoded(body, inputs, work) if _streams(body) else self._converted(body, work)
            async with contextlib.aclosing(outputs):
                async for output in outputs:
                    for start in range(0, len(output.data), PIECE_BYTES):
                        piece = output.data[start : start + PIECE_BYTES]
                        yield Data(piece, output.media_type, output.index, output.rate_hz)
                    if output.facts:
                        facts.append(output.facts | {"index": output.index, "media_type": output.media_type})
            yield Finished(Usage(), job.model, {"outputs": facts})
        finally:
            work.leave()

    async def close(self) -> None:
        """Threads still decoding end with their process."""
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)
        self._helpers.close()

    async def _beside(self, function: Callable[..., _T], *args: Any) -> _T:
        if self._threads is None:
            raise EngineFailed("the media engine was not loaded")
        return await asyncio.get_running_loop().run_in_executor(self._threads, function, *args)

    async def _converted(self, body: MediaBody, work: Work) -> AsyncGenerator[Output]:
        """What the part's own bytes become."""
        outputs = await self._beside(self._outputs, body, work)
        while (output := await self._beside(next, outputs, None)) is not None:
            yield output

    async def _encoded(self, body: MediaBody, inputs: AsyncIterator[Chunk], work: Work) -> AsyncGenerator[Output]:
        """What the samples that stream in become, as they come."""
        target = encoders.target_of(body.media_type)
        if target not in sound.TARGETS:
            raise UnsupportedField(f"Samples cannot be brought into {target or 'no form'} here.", param="media_type")
        stream = await self._beside(sound.Stream, target, read_options(body.options, sound.StreamOptions))
        async for chunk in inputs:
            for output in await self._beside(stream.feed, chunk.data, work):
                yield output
        for output in await self._beside(stream.end):
            yield output

    def _probe(self, body: MediaBody, work: Work) -> dict[str, Any]:
        whole, media_type = self._read(body, work)
        view = whole.data
        data = b"" if media_type.startswith(("audio/", "video/")) else bytes(view)
        if media_type.startswith("image/"):
            found = image.probe(data, media_type, work)
        elif media_type.startswith(("audio/", "video/")):
            found = self._helpers.facts(self._task(whole, media_type), work)
        elif media_type == "application/pdf":
            found = document.probe(data, media_type, work)
        else:
            found = {"kind": "text", "characters": len(data.decode("utf-8")), "lines": data.count(b"\n") + 1}
        claimed = canonical(body.part.media_type)
        facts: dict[str, Any] = {"media_type": media_type, "bytes": len(view), "claimed_media_type": claimed}
        return found | facts | {"as_claimed": not claimed or _agree(claimed, media_type)}

    def _outputs(self, body: MediaBody, work: Work) -> Iterator[Output]:
        whole, media_type = self._read(body, work)
        view = whole.data
        target = encoders.target_of(body.media_type)
        if media_type.startswith("image/") and target in image.TARGETS:
            options = read_options(body.options, image.ImageOptions)
            return image.transcode(bytes(view), media_type, target, options, work)
        if media_type.startswith(("audio/", "video/")) and target in sound.TARGETS:
            read_options(body.options, sound.SoundOptions)
            task = msgspec.structs.replace(self._task(whole, media_type), target=target, options=body.options)
            return self._helpers.outputs(task, work)
        if media_type == "application/pdf" and target in document.TARGETS:
            pages = read_options(body.options, document.DocumentOptions)
            return document.transcode(bytes(view), media_type, target, pages, work)
        raise UnsupportedField(f"{media_type} cannot be brought into {target or 'no form'} here.", param="media_type")

    def _task(self, whole: contents.Contents, media_type: str) -> Task:
        data = b"" if whole.path else bytes(whole.data)
        return Task(media_type=media_type, path=whole.path, data=data, limits=self._limits)

    def _read(self, body: MediaBody, work: Work) -> tuple[contents.Contents, str]:
        whole = contents.of_part(body.part, self._blobs_dir, self._limits.max_bytes)
        work.check()
        return whole, contents.media_type_of(whole.data)


def _streams(body: MediaBody) -> bool:
    """Raw samples say nothing of themselves: they come as the input stream, with their rate in the options."""
    return canonical(body.part.media_type) == "audio/pcm" and not body.part.data and not body.part.blob


def _agree(claimed: str, found: str) -> bool:
    """Text has many names: source code, JSON and tables are sniffed as plain text. A container need not hold a film."""
    textual = claimed.startswith("text/") or claimed.endswith(("json", "xml", "yaml", "javascript"))
    same = claimed.partition("/")[2] == found.partition("/")[2] and claimed.startswith(("audio/", "video/"))
    return claimed == found or same or (found == "text/plain" and textual)
