"""PP-OCR: the text in pictures, line by line (PaddleOCR; Cui et al. 2025)."""

import asyncio
import io
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from PIL import Image, ImageOps

from omniwatt.contract.error import BadInput, Cancelled, EngineFailed, OmniwattError, UnsupportedField
from omniwatt.contract.event import Chunk, Event, Fact, Finished, Progress, Usage
from omniwatt.contract.job import EngineSpec, Job, Loaded
from omniwatt.contract.protocol import Context
from omniwatt.contract.request import MediaPart, SeeBody
from omniwatt.engines.deep import shallow
from omniwatt.engines.see.finding import Finder, Quad, cut_out
from omniwatt.engines.see.reading import Eye, Pixels, Reader
from omniwatt.engines.source import part_bytes

MAX_BYTES = 50_000_000
MAX_PIXELS = 50_000_000
LINE_PX = 64
OPAQUE, LIGHT = 127, 191
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")

_T = TypeVar("_T")


class Ocr:
    """Options: `blobs_dir`. One Fact for all pictures of a job, its `lines` in reading order."""

    def __init__(self) -> None:
        self._threads: ThreadPoolExecutor | None = None
        self._finder: Finder | None = None
        self._reader: Reader | None = None
        self._blobs_dir = ""

    async def load(self, spec: EngineSpec, progress: Callable[[float], None]) -> Loaded:
        """Read the networks. Raises EngineFailed when files are missing or damaged."""
        missing = {"detection", "recognition"} - spec.artifacts.keys()
        if missing:
            raise EngineFailed(f"The card names no file for {', '.join(sorted(missing))}.")
        self._blobs_dir = str(spec.options.get("blobs_dir", ""))
        slots = max(1, spec.slots)
        self._threads = ThreadPoolExecutor(slots, thread_name_prefix="see")
        Image.MAX_IMAGE_PIXELS = MAX_PIXELS // 2
        self._finder = await self._beside(Finder, Path(spec.artifacts["detection"]), spec.threads)
        self._reader = Reader([await self._beside(Eye, *given, spec.threads) for given in eyes(spec.artifacts)])
        progress(1.0)
        return Loaded(slots=slots, threads=spec.threads, details={"characters": len(self._reader.characters)})

    async def run(self, job: Job, inputs: AsyncIterator[Chunk], ctx: Context) -> AsyncGenerator[Event]:
        """Raises BadInput for what is no picture, or one too large."""
        body = job.body
        if not isinstance(body, SeeBody) or job.capability != "see":
            raise UnsupportedField(f"This engine reads pictures; it cannot `{job.capability}`.")
        if not body.images:
            raise BadInput("There is no picture to read.", param="images")
        lines: list[dict[str, Any]] = []
        for index, part in enumerate(body.images):
            read = self._line if body.whole_line else self._page
            lines += await self._beside(read, part, index, ctx)
            yield Progress(index + 1, len(body.images), "pictures")
        yield Fact({"lines": lines})
        yield Finished(Usage(), job.model)

    async def close(self) -> None:
        """The networks go once the last reading is over."""
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)

    async def _beside(self, function: Callable[..., _T], *args: Any) -> _T:
        if self._threads is None:
            raise EngineFailed("The engine was not loaded.")
        return await asyncio.get_running_loop().run_in_executor(self._threads, function, *args)

    def _line(self, part: MediaPart, index: int, ctx: Context) -> list[dict[str, Any]]:
        picture = self._pixels(part, ctx)
        height, width = picture.shape[:2]
        (read,) = _loaded(self._reader).read([picture], careful=True)
        box = [[0, 0], [width, 0], [width, height], [0, height]]
        return [{"image": index, "text": read.text, "confidence": round(read.confidence, 4), "box": box}]

    def _page(self, part: MediaPart, index: int, ctx: Context) -> list[dict[str, Any]]:
        picture = self._pixels(part, ctx)
        quads = _whole(picture) or _loaded(self._finder).find(picture)
        _check(ctx)
        ctx.step("see", len(quads))
        reads = _loaded(self._reader).read([cut_out(picture, quad) for quad in quads])
        return [
            {
                "image": index,
                "text": read.text,
                "confidence": round(read.confidence, 4),
                "box": np.round(quad, 1).tolist(),
            }
            for quad, read in zip(quads, reads, strict=True)
            if read.text
        ]

    def _pixels(self, part: MediaPart, ctx: Context) -> Pixels:
        """Upright, opaque on white, blue first. Raises BadInput."""
        _check(ctx)
        data = part_bytes(part, self._blobs_dir, MAX_BYTES)
        try:
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                ctx.step("see", image.width * image.height / 1e6)
                _within(image.width * image.height)
                upright = shallow(ImageOps.exif_transpose(image)).convert("RGBA")
        except OmniwattError:
            raise
        except Image.DecompressionBombError:
            raise BadInput(f"The picture has more than {MAX_PIXELS} pixels.", param="images") from None
        except Exception as error:  # decoders raise anything at all on bytes made to break them
            raise BadInput("The picture cannot be read: it is damaged or no picture.", param="images") from error
        ground = Image.new("RGBA", upright.size, _contrasting(upright))
        flat = Image.alpha_composite(ground, upright).convert("RGB")
        return np.ascontiguousarray(np.asarray(flat, np.uint8)[:, :, ::-1])


def eyes(artifacts: Mapping[str, str]) -> list[tuple[Path, Path | None]]:
    """Each recognition network and the list of its characters, if the card has one: `recognition` and
    `characters` first, then `recognition:NAME` and `characters:NAME`."""
    roles = sorted(role for role in artifacts if role.partition(":")[0] == "recognition")
    lists = [artifacts.get(role.replace("recognition", "characters", 1)) for role in roles]
    return [(Path(artifacts[role]), Path(own) if own else None) for role, own in zip(roles, lists, strict=True)]


def _contrasting(picture: Image.Image) -> str:
    """What shows the picture's ink best where it is transparent: black behind light ink, else white."""
    ink = np.asarray(picture.convert("L"))[np.asarray(picture.getchannel("A")) > OPAQUE]
    return "black" if len(ink) and float(ink.mean()) > LIGHT else "white"


def _within(pixels: int) -> None:
    if not 0 < pixels <= MAX_PIXELS:
        raise BadInput(f"The picture has {pixels} pixels; 1 to {MAX_PIXELS} are taken.", param="images")


def _whole(picture: Pixels) -> list[Quad]:
    """A picture no higher than a line may be nothing but one."""
    height, width = picture.shape[:2]
    return [np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)] if height <= LINE_PX else []


def _check(ctx: Context) -> None:
    if ctx.cancelled:
        raise Cancelled("The request was cancelled.")


def _loaded(part: _T | None) -> _T:
    if part is None:
        raise EngineFailed("The engine was not loaded.")
    return part
