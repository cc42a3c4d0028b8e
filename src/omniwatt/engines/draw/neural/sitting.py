"""The pictures of one request by a diffusion model: painted in a worker thread, enlarged and written band by band."""

import concurrent.futures
import functools
import io
import secrets
from collections.abc import Iterator
from typing import Any

import msgspec
import numpy as np
from PIL import Image, ImageFilter

from omniwatt.contract.error import Cancelled
from omniwatt.contract.event import ChoiceEnd, Data, Event, Picture, Progress
from omniwatt.contract.job import Job
from omniwatt.contract.protocol import Context
from omniwatt.contract.request import DrawBody
from omniwatt.engines.draw.desk import Desk
from omniwatt.engines.draw.encode import Encoder, encoder
from omniwatt.engines.draw.encode.form import Form
from omniwatt.engines.draw.encode.paper import bleed, dpi
from omniwatt.engines.draw.encode.separate import SWOP
from omniwatt.engines.draw.enlarge import BAND_PIXELS, part, shaped
from omniwatt.engines.draw.neural.given import Given, given
from omniwatt.engines.draw.neural.pipelines import Options, Pipelines, Preview, Wish
from omniwatt.engines.draw.rewrite import provenance

PIECE_BYTES = 192 * 1024
SEEDS = 2**31
PNG = "image/png"
FEATHER_PX = 2.0


class Sitting:
    """One request. `desk.tell` takes each event, and None at the end."""

    def __init__(self, pipelines: Pipelines, job: Job, body: DrawBody, ctx: Context, desk: Desk) -> None:
        self._pipelines, self._job, self._body, self._ctx, self._desk = pipelines, job, body, ctx, desk
        self._index = self._partials = 0

    def paint(self) -> None:
        """Raises Cancelled at the next step once nobody waits, BadInput, and what the model raises."""
        try:
            found = given(self._body, self._pipelines.options.blobs_dir)
            wish = wish_of(self._body, self._pipelines.options, found)
            size = final_size(self._body, wish, found)
            sheet = self._sheet(size, wish)
            for index in range(self._body.n):
                self._index, self._partials = index, 0
                one = msgspec.structs.replace(wish, seed=(wish.seed + index) % SEEDS)
                painted = self._pipelines.paint(one, functools.partial(self._step, one))
                self._check()
                self._write(painted, one, size, found, self._sheet(size, one) if index else sheet)
                self._tell(ChoiceEnd("stop", index))
        except concurrent.futures.CancelledError as error:
            raise Cancelled("The request was cancelled.") from error
        finally:
            self._desk.tell(None)

    def _step(self, wish: Wish, step: int, total: int, preview: Preview) -> None:
        self._check()
        if step < total:
            self._ctx.step("diffusion", 1.0)
        self._tell(Progress(step, total, "steps"))
        if step in due(total, self._body.partial_images) and (seen := preview()) is not None:
            details = {"seed": wish.seed, "quality": quality_of(self._body)}
            self._tell(Picture(*seen.size, PNG, self._index, self._partials, wish.prompt, details))
            out = io.BytesIO()
            seen.convert("RGB").save(out, "PNG", compress_level=1)
            self._send(out.getvalue(), PNG)
            self._partials += 1

    def _write(
        self, painted: Image.Image, wish: Wish, size: tuple[int, int], found: Given | None, sheet: Encoder
    ) -> None:
        """The picture's file; one that was painted smaller says so."""
        body = self._body
        details: dict[str, Any] = {"seed": wish.seed, "quality": quality_of(body), "steps": wish.total}
        details["enlarged"] = painted.width * painted.height < size[0] * size[1]
        if painted.size != size:
            details["painted_size"] = f"{painted.width}x{painted.height}"
        self._tell(Picture(*size, form_of(body), self._index, None, wish.prompt, details))
        for band in composed(shaped(painted, size), size, found):
            self._check()
            self._ctx.step("tile", band.width * band.height / 1e6)
            self._send(sheet.rows(np.asarray(band.convert("RGBA"))), form_of(body))
        # A TIFF begins only here, and may be huge.
        pieces = getattr(sheet, "pieces", None)
        for piece in pieces() if pieces is not None else (sheet.end(),):
            self._send(piece, form_of(body))

    def _sheet(self, size: tuple[int, int], wish: Wish) -> Encoder:
        """What writes the file. Raises UnsupportedField before anything is painted."""
        preset = "" if self._body.bare else self._body.preset
        inks = self._body.color_space == "cmyk" and not self._body.bare
        said = provenance(
            self._job.model, wish.prompt, form_of(self._body), seed=str(wish.seed), quality=quality_of(self._body)
        )
        form = Form(
            *size,
            quality=self._body.compression,
            dpi=dpi(preset),
            bleed_px=bleed(preset, size),
            provenance=said,
            icc=SWOP.read_bytes() if inks else b"",
        )
        return encoder(form_of(self._body), form)

    def _check(self) -> None:
        if self._desk.left or self._ctx.cancelled:
            raise Cancelled("The request was cancelled.")

    def _tell(self, event: Event) -> None:
        self._check()
        self._desk.tell(event)

    def _send(self, data: bytes, media_type: str) -> None:
        for start in range(0, len(data), PIECE_BYTES):
            self._tell(Data(data[start : start + PIECE_BYTES], media_type, self._index))


def wish_of(body: DrawBody, options: Options, found: Given | None) -> Wish:
    """What the model is asked for. A picture to change is brought to the size that is painted, or its middle."""
    size = painted_size(body, options, found)
    image = mask = None
    if found is not None:
        image = shaped(found.image, size).resize(size, Image.Resampling.LANCZOS)
        mask = shaped(found.mask, size).resize(size) if found.mask is not None else None
    strength = body.strength or (options.strength if body.input_fidelity == "low" else options.strength / 2)
    return Wish(
        task=body.task, prompt=body.prompt, avoid=body.avoid, width_px=size[0], height_px=size[1],
        steps=options.steps[quality_of(body)], guidance=options.guidance, image=image, mask=mask, strength=strength,
        seed=secrets.randbelow(SEEDS) if body.seed is None else body.seed % SEEDS,
    )  # fmt: skip


def painted_size(body: DrawBody, options: Options, found: Given | None) -> tuple[int, int]:
    """The size asked for (left open: the given picture's, or a square), or its shape as large as the model paints."""
    width, height = body.width_px, body.height_px
    if not width:
        width, height = found.image.size if found is not None else (options.native_px, options.native_px)
    shrink = min(1.0, options.native_px / max(width, height))
    step = options.multiple_px
    return (max(step, round(width * shrink / step) * step), max(step, round(height * shrink / step) * step))


def final_size(body: DrawBody, wish: Wish, found: Given | None) -> tuple[int, int]:
    """The size of the file: the one asked for; left open, the given picture's, or what was painted."""
    if body.bare:
        return wish.width_px, wish.height_px
    if body.width_px:
        return body.width_px, body.height_px
    return found.image.size if found is not None else (wish.width_px, wish.height_px)


def composed(painted: Image.Image, size: tuple[int, int], found: Given | None) -> Iterator[Image.Image]:
    """The picture in bands from the top; outside a mask its own pixels stand, whatever the model made of them."""
    rows = max(16, BAND_PIXELS // size[0] // 16 * 16)
    own = hole = None
    if found is not None and found.mask is not None:
        own, hole = shaped(found.image, size), shaped(found.mask, size).filter(ImageFilter.GaussianBlur(FEATHER_PX))
    for top in range(0, size[1], rows):
        place = (0, top, size[0], min(rows, size[1] - top))
        band = part(painted, size, *place).convert("RGB")
        if own is not None and hole is not None:
            band = Image.composite(band, part(own, size, *place), part(hole, size, *place))
        yield band


def form_of(body: DrawBody) -> str:
    """Bare pixels travel as PNG."""
    return PNG if body.bare else body.media_type


def quality_of(body: DrawBody) -> str:
    """low, medium or high; left open it is medium."""
    return "medium" if body.quality == "auto" else body.quality


def due(steps: int, partials: int) -> set[int]:
    """The steps after which a sketch is shown: evenly over the work, none at its end."""
    return {round(steps * (number + 1) / (partials + 1)) for number in range(partials)} - {0, steps}
