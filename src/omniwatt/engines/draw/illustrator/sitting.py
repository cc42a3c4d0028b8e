"""The pictures of one request, painted in a worker thread: understood, composed, proved, sketched, painted."""

import concurrent.futures
import hashlib
import io
import secrets
from collections.abc import Iterator
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from omniwatt.contract.error import Cancelled
from omniwatt.contract.event import ChoiceEnd, Data, Event, Picture, Progress, Proof, Verdict
from omniwatt.contract.job import Job
from omniwatt.contract.protocol import Context
from omniwatt.contract.request import DrawBody
from omniwatt.engines.draw.illustrator import editing, estimate, output
from omniwatt.engines.draw.illustrator.hands import Hands, Tile
from omniwatt.engines.draw.illustrator.layout import Box, Layout
from omniwatt.engines.draw.illustrator.scene import Scene
from omniwatt.engines.draw.illustrator.studio import Studio, quality_of, scale_of, size_of

SEEDS = 2**31
PIECE_BYTES = 192 * 1024
PROOF_BYTES = 190 * 1024
PROOF_PX = 64
"""Height of a line (width of a column) that is shown to the reader."""
PROOF_LONG_PX = 2400
SKETCH_PX = 512
BAND_PIXELS = 1024 * 1024
LARGE_PIXELS, LARGE_BAND_PIXELS = 6 * 1024 * 1024, 4 * 1024 * 1024
"""Looks see beyond a band's edges, and the larger the picture the more of it is painted twice in thin bands."""
Pixels = NDArray[np.uint8]


class Sitting:
    """One request. `desk.tell` takes each event, None at the end; `desk.ask` gives the verdict on a round of proofs."""

    def __init__(
        self, studio: Studio, hands: Hands, job: Job, body: DrawBody, blobs_dir: str, ctx: Context, desk: Any
    ) -> None:
        self._studio = studio
        self._hands = hands
        self._job = job
        self._body = body
        self._blobs_dir = blobs_dir
        self._ctx = ctx
        self._desk = desk

    def explain(self) -> dict[str, Any]:
        """The scene as understood, and what each style and quality would take."""
        scene = self._studio.scene(self._body)
        size = size_of(self._body, scene)
        found = estimate.estimates(size, self._body.n, self._body.media_type)
        return {
            "size": f"{size[0]}x{size[1]}",
            "style": scene.style,
            "quality": quality_of(self._body, size),
            "revised_prompt": self._studio.describe(scene, self._body.prompt),
            "not_understood": list(scene.not_understood),
            "scene": msgspec.to_builtins(scene),
            "estimates": found,
        }

    def paint(self) -> None:
        """Every picture, each with an end. Raises Cancelled at the next tile once nobody waits, and BadInput."""
        try:
            first = secrets.randbelow(SEEDS) if self._body.seed is None else self._body.seed
            for index in range(self._body.n):
                self._one(index, first + index)
                self._tell(ChoiceEnd("stop", index))
        except concurrent.futures.CancelledError as error:
            raise Cancelled("The request was cancelled.") from error
        finally:
            self._desk.tell(None)

    def _one(self, index: int, seed: int) -> None:
        given = editing.given(self._body, self._blobs_dir)
        body = editing.again(self._body, given) if self._body.task == "vary" else self._body
        if given is not None and (body.task == "edit" or not body.prompt):
            self._changed(index, seed, body, given)
            return
        scene = self._studio.scene(body)
        size = size_of(body, scene)
        quality = quality_of(body, size)
        details = self._details(scene, size, quality, seed)
        picture = Picture(*size, body.media_type, index, None, self._studio.describe(scene, body.prompt), details)
        self._tell(picture)
        layout = self._proved(scene, size, seed, index)
        picture = msgspec.structs.replace(picture, details=details | lettered(layout, scale_of(size)))
        self._sketch(layout, picture)
        self._tell(picture)
        self._finish(layout, picture, quality)

    def _details(self, scene: Scene, size: tuple[int, int], quality: str, seed: int) -> dict[str, Any]:
        found: dict[str, Any] = {"seed": seed, "style": scene.style, "quality": quality}
        if scene.not_understood:
            found["not_understood"] = list(scene.not_understood)
        faster = estimate.faster(scene.style, quality, size)
        return found | ({"faster": faster} if faster else {})

    # --- text

    def _proved(self, scene: Scene, size: tuple[int, int], seed: int, index: int) -> Layout:
        """The layout whose text was accepted, or was tried often enough."""
        adjust: dict[int, int] = {}
        layout = self._studio.layout(scene, size, seed, adjust)
        wanted = asked_for(layout)
        attempt = 1
        while wanted:
            verdict = self._shown(layout, wanted, index, attempt)
            if not verdict.again:
                break
            attempt += 1
            adjust |= dict.fromkeys(verdict.again, attempt)
            count = len(layout.lines)
            layout = self._studio.layout(scene, size, seed, adjust)
            same = len(layout.lines) == count
            wanted = tuple(line for line in verdict.again if line < count) if same else asked_for(layout)
        return layout

    def _shown(self, layout: Layout, lines: tuple[int, ...], index: int, attempt: int) -> Verdict:
        painter = self._studio.painter(layout, "low")
        for number in lines:
            self._check()
            line = layout.lines[number]
            exact = bool(self._studio.faces.covers(line.face, line.text))
            last = number == lines[-1]
            self._tell(Proof(line.text, self._crop(painter, layout, number), number, index, exact, attempt, last))
        verdict: Verdict = self._desk.ask()
        return verdict

    def _crop(self, painter: Any, layout: Layout, number: int) -> bytes:
        """A PNG of one line with a little of what is around it."""
        line = layout.lines[number]
        thick = line.box.width if line.vertical else line.box.height
        region = inside(padded(line.box, 0.12 * thick), layout)
        scale = min(PROOF_PX / max(thick, 1.0), PROOF_LONG_PX / max(region.width, region.height))
        while True:
            self._ctx.step("tile", region.width * region.height * scale * scale / 1e6)
            png = packed(painter.paint(region, scale))
            if len(png) <= PROOF_BYTES:
                return png
            scale *= 0.75

    # --- pixels

    def _sketch(self, layout: Layout, picture: Picture) -> None:
        """The picture as it grows, small: the ground, then what stands on it, then the words."""
        bare = msgspec.structs.replace(layout, lines=())
        stages = (msgspec.structs.replace(bare, placed=()), bare, layout)
        scale = SKETCH_PX / max(layout.width, layout.height)
        whole = Box(0, 0, layout.width, layout.height)
        for partial, stage in enumerate(stages[3 - self._body.partial_images :]):
            self._check()
            self._ctx.step("tile", whole.width * whole.height * scale * scale / 1e6)
            pixels = self._studio.painter(stage, "low").paint(whole, scale)
            height, width = pixels.shape[:2]
            self._tell(
                msgspec.structs.replace(
                    picture, width_px=width, height_px=height, media_type="image/png", partial=partial
                )
            )
            self._send(packed(pixels), picture.index, "image/png")

    def _finish(self, layout: Layout, picture: Picture, quality: str) -> None:
        size = (picture.width_px, picture.height_px)
        sheet = output.sheet(self._body, picture, self._provenance(picture), layout, self._studio.faces)
        tiles = bands(size)
        for number, pixels in enumerate(self._painted(layout, quality, scale_of(size), tiles)):
            self._check()
            self._send(sheet.rows(pixels), picture.index, self._body.media_type)
            self._tell(Progress(number + 1, len(tiles), "tiles"))
        self._ended(sheet, picture.index)

    def _ended(self, sheet: Any, index: int) -> None:
        """The rest of the file, in pieces where the form has them: a TIFF begins only here, and may be huge."""
        for piece in sheet.pieces() if hasattr(sheet, "pieces") else (sheet.end(),):
            self._send(piece, index, self._body.media_type)

    def _painted(self, layout: Layout, quality: str, scale: float, tiles: list[Tile]) -> Iterator[Pixels]:
        if sum(tile.megapixels for tile in tiles) * 1e6 > estimate.ALONE_PIXELS:
            yield from self._hands.tiles(layout, quality, scale, tiles, self._before)
            return
        painter = self._studio.painter(layout, quality)
        for tile in tiles:
            self._before(tile)
            yield painter.tile(tile.x, tile.y, tile.width, tile.height, scale)

    def _before(self, tile: Tile) -> None:
        self._check()
        self._ctx.step("tile", tile.megapixels)

    def _changed(self, index: int, seed: int, body: DrawBody, given: editing.Given) -> None:
        """A picture made of pixels that were given, changed where and how it was asked."""
        changed = editing.changed(self._studio, body, given, seed, self._before)
        details = {"seed": seed, "quality": quality_of(body, changed.size)} | changed.details
        picture = Picture(*changed.size, body.media_type, index, None, changed.described, details)
        self._tell(picture)
        sheet = output.sheet(body, picture, self._provenance(picture))
        tiles = bands(changed.size)
        for number, tile in enumerate(tiles):
            self._before(tile)
            self._send(sheet.rows(changed.pixels[tile.y : tile.y + tile.height]), index, body.media_type)
            self._tell(Progress(number + 1, len(tiles), "tiles"))
        self._ended(sheet, index)

    def _provenance(self, picture: Picture) -> dict[str, str]:
        """What every file says of itself: who made it, of what; enough to draw it again."""
        prompt = self._body.prompt
        return {
            "model": self._job.model,
            "prompt": prompt,
            "prompt_sha256": hashlib.sha256(prompt.encode("utf-8", "replace")).hexdigest(),
            "seed": str(picture.details.get("seed", "")),
            "style": str(picture.details.get("style", "")),
            "quality": str(picture.details.get("quality", "")),
        }

    # --- on its way

    def _check(self) -> None:
        if self._desk.left or self._ctx.cancelled:
            raise Cancelled("The request was cancelled.")

    def _tell(self, event: Event) -> None:
        self._check()
        self._desk.tell(event)

    def _send(self, data: bytes, index: int, media_type: str) -> None:
        for start in range(0, len(data), PIECE_BYTES):
            self._tell(Data(data[start : start + PIECE_BYTES], media_type, index))


def lettered(layout: Layout, scale: float) -> dict[str, Any]:
    """`lines`: what stands where, boxes as x, y, width, height in pixels; `notes`: what was changed."""
    if not layout.lines:
        return {}
    lines = [
        {
            "text": line.text,
            "box": [round(side * scale) for side in (line.box.x, line.box.y, line.box.width, line.box.height)],
            "vertical": line.vertical,
            "face": line.face,
        }
        for line in layout.lines
    ]
    notes = list(dict.fromkeys(line.note for line in layout.lines if line.note))
    return {"lines": lines} | ({"notes": notes} if notes else {})


def asked_for(layout: Layout) -> tuple[int, ...]:
    """The lines that are to be read back: all but a seal that the composer set of itself."""
    sealed = any(text.role == "stamp" for text in layout.scene.texts)
    return tuple(number for number, line in enumerate(layout.lines) if sealed or line.effect != "stamp")


def bands(size: tuple[int, int]) -> list[Tile]:
    """The picture in strips of its whole width, a megapixel each (four in a large one), from top to bottom."""
    width, height = size
    band = LARGE_BAND_PIXELS if width * height > LARGE_PIXELS else BAND_PIXELS
    rows = max(16, min(height, band // width // 16 * 16))
    return [Tile(0, top, width, min(rows, height - top)) for top in range(0, height, rows)]


def padded(box: Box, by: float) -> Box:
    """A box with a margin."""
    return Box(box.x - by, box.y - by, box.width + 2 * by, box.height + 2 * by)


def inside(box: Box, layout: Layout) -> Box:
    """What of a box lies in the picture; one design unit at least."""
    left, top = min(max(box.x, 0.0), layout.width - 1), min(max(box.y, 0.0), layout.height - 1)
    right, bottom = min(layout.width, box.x + box.width), min(layout.height, box.y + box.height)
    return Box(left, top, max(1.0, right - left), max(1.0, bottom - top))


def packed(pixels: Pixels) -> bytes:
    """A PNG of it, opaque: what is seen through is seen on white."""
    out = io.BytesIO()
    picture = Image.fromarray(np.ascontiguousarray(pixels), "RGBA")
    ground = Image.new("RGBA", picture.size, (255, 255, 255, 255))
    Image.alpha_composite(ground, picture).convert("RGB").save(out, "PNG", compress_level=1)
    return out.getvalue()
