"""draw/diffusers: pictures by a diffusion model, step by step."""

import asyncio
import functools
import io
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
from PIL import Image, ImageOps

from omniwatt.contract.error import BadInput, Cancelled, EngineFailed, OmniwattError, UnsupportedField
from omniwatt.contract.event import ChoiceEnd, Chunk, Data, Event, Fact, Finished, Picture, Progress, Usage
from omniwatt.contract.job import EngineSpec, Job, Loaded
from omniwatt.contract.protocol import Context
from omniwatt.contract.request import DrawBody, MediaPart
from omniwatt.engines.draw.enlarge import enlarged
from omniwatt.engines.draw.neural.pipelines import Options, Pipelines, Preview, Wish
from omniwatt.engines.source import part_bytes

PIECE_BYTES = 192 * 1024
MAX_BYTES = 50_000_000
MAX_PIXELS = 50_000_000
AUTO_PX = 1024
SEEDS = 2**32
_KINDS = {"image/png": "PNG", "image/jpeg": "JPEG", "image/webp": "WEBP"}
_OPENED = ("PNG", "JPEG", "WEBP")


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
        self._pipelines = await loop.run_in_executor(self._threads, Pipelines, self._options, max(1, spec.threads))
        progress(1.0)
        return Loaded(slots=1, threads=spec.threads, details={"device": self._pipelines.device})

    def run(self, job: Job, inputs: AsyncIterator[Chunk], ctx: Context) -> AsyncGenerator[Event]:
        """Raises BadInput for pictures that cannot be read, UnsupportedField for what the model cannot do."""
        body = job.body
        if not isinstance(body, DrawBody) or job.capability != "draw":
            raise UnsupportedField(f"This engine draws; it cannot `{job.capability}`.")
        if body.media_type not in _KINDS:
            raise UnsupportedField(f"This model does not make {body.media_type}.", param="output_format")
        if body.background == "transparent":
            raise UnsupportedField("This model paints opaque pictures only.", param="background")
        return self._drawn(job, body, ctx)

    async def close(self) -> None:
        """The weights go once the last step is over."""
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)

    async def _drawn(self, job: Job, body: DrawBody, ctx: Context) -> AsyncGenerator[Event]:
        if body.explain:
            yield Fact(self._explained(body))
            yield Finished(Usage(), job.model)
            return
        if self._threads is None or self._pipelines is None:
            raise EngineFailed("The engine was not loaded.")
        loop, told = asyncio.get_running_loop(), asyncio.Queue[Event | None]()
        sitting = Sitting(self._pipelines, body, ctx, lambda event: loop.call_soon_threadsafe(told.put_nowait, event))
        working = loop.run_in_executor(self._threads, sitting.paint, self._wish)
        try:
            while (event := await told.get()) is not None:
                yield event
            await working
        finally:
            sitting.left = True
            await asyncio.wait([working])
        yield Finished(Usage(), job.model)

    def _wish(self, body: DrawBody) -> Wish:
        width, height = self._painted_size(body)
        image = mask = None
        if body.task != "generate":
            if not body.images:
                raise BadInput("There is no picture to change.", param="image")
            given = self._opened(body.images[0], "image")
            image = ImageOps.fit(given.convert("RGB"), (width, height))
            if body.mask is not None:
                holes = self._opened(body.mask, "mask")
                if holes.size != given.size:
                    raise BadInput("The mask must be as large as the picture.", param="mask")
                mask = ImageOps.invert(ImageOps.fit(holes.convert("RGBA").getchannel("A"), (width, height)))
        options = self._options
        return Wish(
            task=body.task, prompt=body.prompt, width_px=width, height_px=height,
            steps=options.steps[_quality(body)], guidance=options.guidance, image=image, mask=mask,
            seed=secrets.randbelow(SEEDS) if body.seed is None else body.seed,
            strength=options.strength if body.input_fidelity == "low" else options.strength / 2,
        )  # fmt: skip

    def _opened(self, part: MediaPart, param: str) -> Image.Image:
        data = part_bytes(part, self._options.blobs_dir, MAX_BYTES)
        try:
            with Image.open(io.BytesIO(data), formats=_OPENED) as image:
                if image.width * image.height > MAX_PIXELS:
                    raise BadInput(f"The picture has more than {MAX_PIXELS} pixels.", param=param)
                return ImageOps.exif_transpose(image).copy()
        except OmniwattError:
            raise
        except Exception as error:  # decoders raise anything at all on bytes made to break them
            raise BadInput(f"The {param} cannot be read: it is damaged or no picture.", param=param) from error

    def _painted_size(self, body: DrawBody) -> tuple[int, int]:
        """The size asked for, or its shape at the size the model was trained at."""
        width, height = _size(body)
        shrink = min(1.0, self._options.native_px / max(width, height))
        step = self._options.multiple_px
        return (max(step, round(width * shrink / step) * step), max(step, round(height * shrink / step) * step))

    def _explained(self, body: DrawBody) -> dict[str, Any]:
        width, height = self._painted_size(body)
        return {"steps": dict(self._options.steps), "painted_size": f"{width}x{height}"}


class Sitting:
    """The pictures of one request, painted in a worker thread. `tell` takes each event, and None at the end."""

    def __init__(
        self, pipelines: Pipelines, body: DrawBody, ctx: Context, tell: Callable[[Event | None], object]
    ) -> None:
        self.left = False
        """Set from outside once nobody waits."""
        self._pipelines, self._body, self._ctx, self._tell = pipelines, body, ctx, tell
        self._index = self._partials = 0

    def paint(self, wish_of: Callable[[DrawBody], Wish]) -> None:
        """Raises Cancelled at the next step once nobody waits, and what the model raises."""
        try:
            wish = wish_of(self._body)
            for index in range(self._body.n):
                self._index = index
                self._partials = 0
                one = msgspec.structs.replace(wish, seed=wish.seed + self._index)
                picture = self._pipelines.paint(one, functools.partial(self._step, one))
                self._check()
                self._told(picture, one.seed, None)
                self._tell(ChoiceEnd("stop", self._index))
        finally:
            self._tell(None)

    def _check(self) -> None:
        if self.left or self._ctx.cancelled:
            raise Cancelled("The request was cancelled.")

    def _step(self, wish: Wish, step: int, preview: Preview) -> None:
        self._check()
        if step < wish.steps:
            self._ctx.step("diffusion", 1.0)
        self._tell(Progress(step, wish.steps, "steps"))
        if step in _due(wish.steps, self._body.partial_images) and (seen := preview()) is not None:
            self._told(seen, wish.seed, self._partials)
            self._partials += 1

    def _told(self, picture: Image.Image, seed: int, partial: int | None) -> None:
        body, painted = self._body, picture.size
        details: dict[str, Any] = {"seed": seed, "quality": _quality(body), "enlarged": False}
        if partial is None and _size(body) != painted:
            picture = enlarged(picture, *_size(body))
            details |= {"enlarged": True, "painted_size": f"{painted[0]}x{painted[1]}"}
        width, height = picture.size
        self._tell(Picture(width, height, body.media_type, self._index, partial, body.prompt, details))
        data = _encoded(picture, body)
        for start in range(0, len(data), PIECE_BYTES):
            self._tell(Data(data[start : start + PIECE_BYTES], body.media_type, self._index))


def _size(body: DrawBody) -> tuple[int, int]:
    return (body.width_px or AUTO_PX, body.height_px or AUTO_PX)


def _quality(body: DrawBody) -> str:
    return "medium" if body.quality == "auto" else body.quality


def _due(steps: int, partials: int) -> set[int]:
    """The steps after which a sketch is shown: evenly over the work, none at its end."""
    return {round(steps * (number + 1) / (partials + 1)) for number in range(partials)} - {0, steps}


def _encoded(picture: Image.Image, body: DrawBody) -> bytes:
    out = io.BytesIO()
    kind = _KINDS[body.media_type]
    extra: dict[str, Any] = {} if kind == "PNG" else {"quality": max(1, body.compression)}
    picture.convert("RGB").save(out, kind, **extra)
    return out.getvalue()
