"""The pictures of one request, painted in a worker thread: understood, composed, proved, sketched, painted."""

import concurrent.futures
import functools
import hashlib
import secrets
import time
from collections.abc import Iterator
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from omniwatt.contract.error import Cancelled
from omniwatt.contract.event import ChoiceEnd, Data, Event, Picture, Progress
from omniwatt.contract.job import Job
from omniwatt.contract.protocol import Context
from omniwatt.contract.request import DrawBody
from omniwatt.engines.draw.illustrator import editing, estimate, output, tiles
from omniwatt.engines.draw.illustrator.hands import Hands, Tile
from omniwatt.engines.draw.illustrator.layout import Box, Layout
from omniwatt.engines.draw.illustrator.means import Means
from omniwatt.engines.draw.illustrator.needs import needed_bytes
from omniwatt.engines.draw.illustrator.proving import Proving, packed
from omniwatt.engines.draw.illustrator.scene import Scene
from omniwatt.engines.draw.illustrator.studio import Studio, quality_of, scale_of, size_of
from omniwatt.engines.draw.illustrator.understand import SCHEMA, leftovers

SEEDS = 2**31
PIECE_BYTES = 192 * 1024
SKETCH_PX = 512
BAND_PIXELS = 1024 * 1024
Pixels = NDArray[np.uint8]


class Sitting:
    """One request. `desk.tell` takes each event, None at the end; `desk.ask` gives the verdict on a round of proofs."""

    def __init__(
        self,
        studio: Studio,
        hands: Hands,
        job: Job,
        body: DrawBody,
        blobs_dir: str,
        ctx: Context,
        desk: Any,
        means: Means | None = None,
    ) -> None:
        self._studio = studio
        self._hands = hands
        self._job = job
        self._body = body
        self._blobs_dir = blobs_dir
        self._ctx = ctx
        self._desk = desk
        self._means = means or Means()
        self._held_s = 0.0
        """How long whoever reads, or the watts, have held the painter back."""
        self._opened: editing.Given | None = None

    def explain(self) -> dict[str, Any]:
        """The scene as understood, and what each style and quality would take."""
        scene = self._studio.scene(self._body)
        size = size_of(self._body, scene)
        quality = quality_of(self._body, size)
        asked = estimate.asked(scene, quality, size, self._body, self._hands.resting)
        faster = estimate.faster(asked, self._means.pace)
        return {
            "size": f"{size[0]}x{size[1]}",
            "style": scene.style,
            "quality": quality,
            "revised_prompt": self._studio.describe(scene, self._body.prompt),
            "not_understood": list(scene.not_understood),
            "scene": msgspec.to_builtins(scene),
            "estimates": estimate.estimates(asked, self._body.n, self._means.pace, self._means.takes),
            "memory_limit_bytes": self._means.room.limit_bytes,
            **({"faster": faster} if faster else {}),
            **question(scene, self._body.opinion),
        }

    def paint(self) -> None:
        """Every picture, each with an end. Raises BadInput, Overloaded, and Cancelled once nobody waits."""
        try:
            first = secrets.randbelow(SEEDS) if self._body.seed is None else self._body.seed
            room = self._means.room
            need_bytes = needed_bytes(self._body, self._studio, self._blobs_dir, room.limit_bytes)
            with room.taken(need_bytes, self._check):
                for index in range(self._body.n):
                    self._one(index, first + index)
                    self._tell(ChoiceEnd("stop", index))
        except concurrent.futures.CancelledError as error:
            raise Cancelled("The request was cancelled.") from error
        finally:
            self._desk.tell(None)

    def _one(self, index: int, seed: int) -> None:
        given = self._given()
        if given is None:
            self._drawing(index, seed, self._body, self._studio.scene(self._body), ())
            return
        again = editing.redrawn(self._studio, self._body, given)
        if again is not None:
            own = again.seed if again.seed is not None and self._body.seed is None else None
            self._drawing(index, seed if own is None else own + index, again.body, again.scene, again.edits)
            return
        make = editing.varied if self._body.task == "vary" else editing.edited
        self._working(index, make(self._studio, self._body, given, seed))

    def _given(self) -> editing.Given | None:
        """The pictures to change; opened once."""
        if self._opened is None:
            self._opened = editing.given(self._body, self._blobs_dir)
        return self._opened

    def _drawing(self, index: int, seed: int, body: DrawBody, scene: Scene, edits: tuple[str, ...]) -> None:
        """A picture of a scene, from nothing."""
        size = size_of(body, scene)
        quality = quality_of(body, size)
        asked = estimate.asked(scene, quality, size, body, self._hands.resting)
        began_s, self._held_s = time.monotonic(), 0.0
        details = self._details(scene, asked, seed) | ({"task": body.task} if body.task != "generate" else {})
        if scene.transparent and body.media_type in editing.SEE_THROUGH:
            details["background"] = "transparent"
        picture = Picture(*size, body.media_type, index, None, self._studio.describe(scene, body.prompt), details)
        self._tell(picture)
        layout = self._proved(scene, size, seed, index)
        picture = msgspec.structs.replace(picture, details=details | lettered(layout, scale_of(size)))
        self._sketch(layout, picture)
        self._tell(picture)
        sheet = output.sheet(
            body,
            picture,
            self._provenance(picture, drawn_from(body, edits)),
            layout,
            self._studio.faces,
            inks=self._means.inks,
        )
        rows = tiles.grid(scene.style, quality, size)
        painted = self._painted(layout, quality, scale_of(size), [tile for row in rows for tile in row])
        self._finish(sheet, picture, rows, painted)
        self._means.pace.learn(asked, time.monotonic() - began_s - self._held_s)

    def _working(self, index: int, work: editing.Work) -> None:
        """A picture made of given pixels."""
        quality = quality_of(self._body, work.size)
        details = {"seed": work.seed, "quality": quality} | work.details
        if work.see_through:
            details["background"] = "transparent"
        picture = Picture(*work.size, self._body.media_type, index, None, work.described, details)
        sheet = output.sheet(
            self._body,
            picture,
            self._provenance(picture, {"edit": self._body.prompt}),
            alpha=work.see_through,
            inks=self._means.inks,
        )
        self._tell(picture)
        layout = self._proved(work.scene or Scene(transparent=True), work.region[2:], work.seed, index, work)
        x, y = work.region[:2]
        picture = msgspec.structs.replace(picture, details=details | lettered(layout, work.scale, (x, y)))
        self._sketch(layout, picture, work)
        self._tell(picture)
        whole = work.whole(layout, quality)
        strips = bands(work.size)
        self._finish(sheet, picture, [[strip] for strip in strips], self._one_by_one(whole, work.scale, strips))

    def _details(self, scene: Scene, asked: estimate.Asked, seed: int) -> dict[str, Any]:
        found: dict[str, Any] = {"seed": seed, "style": scene.style, "quality": asked.quality}
        if scene.not_understood:
            found["not_understood"] = list(scene.not_understood)
        faster = estimate.faster(asked, self._means.pace)
        return found | ({"faster": faster} if faster else {})

    # --- text

    def _proved(self, scene: Scene, size: tuple[int, int], seed: int, index: int, studio: Any = None) -> Layout:
        """The layout whose text was accepted, or was tried often enough. `studio`: what else lays out and paints."""
        step = functools.partial(self._ctx.step, "tile")
        proving = Proving(studio or self._studio, self._studio, index, self._tell, self._desk.ask, step)
        return proving.layout(scene, size, seed)

    # --- pixels

    def _sketch(self, layout: Layout, picture: Picture, studio: Any = None) -> None:
        """The picture as it grows, small: the ground, then what stands on it, then the words; none of them twice."""
        bare = msgspec.structs.replace(layout, lines=())
        stages = [msgspec.structs.replace(bare, placed=())]
        stages += [bare] if layout.placed else []
        stages += [layout] if layout.lines else []
        scale = SKETCH_PX / max(layout.width, layout.height)
        whole = Box(0, 0, layout.width, layout.height)
        for partial, stage in enumerate(stages[max(0, len(stages) - self._body.partial_images) :]):
            self._check()
            self._ctx.step("tile", whole.width * whole.height * scale * scale / 1e6)
            pixels = (studio or self._studio).painter(stage, "low").paint(whole, scale)
            height, width = pixels.shape[:2]
            self._tell(
                msgspec.structs.replace(
                    picture, width_px=width, height_px=height, media_type="image/png", partial=partial
                )
            )
            self._send(packed(pixels), picture.index, "image/png")

    def _finish(self, sheet: Any, picture: Picture, rows: list[tiles.Row], painted: Iterator[Pixels]) -> None:
        count = sum(map(len, rows))
        for pixels in tiles.put_together(rows, painted, lambda done: self._tell(Progress(done, count, "tiles"))):
            self._check()
            self._send(sheet.rows(pixels), picture.index, self._body.media_type)
        self._ended(sheet, picture.index)

    def _ended(self, sheet: Any, index: int) -> None:
        """The rest of the file, in pieces where the form has them: a TIFF begins only here, and may be huge."""
        for piece in sheet.pieces() if hasattr(sheet, "pieces") else (sheet.end(),):
            self._send(piece, index, self._body.media_type)

    def _painted(self, layout: Layout, quality: str, scale: float, all_tiles: list[Tile]) -> Iterator[Pixels]:
        last = all_tiles[-1]
        if tiles.hands_for(layout.scene.style, quality, (last.x + last.width, last.y + last.height)) > 1:
            yield from self._hands.tiles(layout, quality, scale, all_tiles, self._before, self._check)
            return
        yield from self._one_by_one(self._studio.painter(layout, quality), scale, all_tiles)

    def _one_by_one(self, painter: Any, scale: float, all_tiles: list[Tile]) -> Iterator[Pixels]:
        for tile in all_tiles:
            self._before(tile)
            yield painter.tile(tile.x, tile.y, tile.width, tile.height, scale)

    def _before(self, tile: Tile) -> None:
        self._check()
        began_s = time.monotonic()
        self._ctx.step("tile", tile.megapixels)
        self._held_s += time.monotonic() - began_s

    def _provenance(self, picture: Picture, words: dict[str, str] | None = None) -> dict[str, str]:
        """What every file says of itself: who made it, of what."""
        prompt = self._body.prompt or (words or {}).get("prompt", "")
        return (words or {"prompt": prompt}) | {
            "model": self._job.model,
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
        began_s = time.monotonic()
        self._desk.tell(event)
        self._held_s += time.monotonic() - began_s

    def _send(self, data: bytes, index: int, media_type: str) -> None:
        for start in range(0, len(data), PIECE_BYTES):
            self._tell(Data(data[start : start + PIECE_BYTES], media_type, index))


def drawn_from(body: DrawBody, edits: tuple[str, ...]) -> dict[str, str]:
    """The words that a picture can be drawn again from."""
    return {"prompt": body.prompt} | ({"edits": msgspec.json.encode(edits).decode()} if edits else {})


def question(scene: Scene, opinion: dict[str, Any] | None) -> dict[str, Any]:
    """What to ask a model that chats, where it was asked for and something was not understood."""
    asked = leftovers(scene) if opinion is not None else ""
    return {"question": {"text": asked, "schema": SCHEMA}} if asked else {}


def lettered(layout: Layout, scale: float, origin: tuple[int, int] = (0, 0)) -> dict[str, Any]:
    """`lines`: what stands where, boxes as x, y, width, height in pixels; `notes`: what was changed."""
    if not layout.lines:
        return {}
    lines = [
        {
            "text": line.text,
            "box": [
                origin[0] + round(line.box.x * scale),
                origin[1] + round(line.box.y * scale),
                round(line.box.width * scale),
                round(line.box.height * scale),
            ],
            "vertical": line.vertical,
            "face": line.face,
        }
        for line in layout.lines
    ]
    notes = list(dict.fromkeys(line.note for line in layout.lines if line.note))
    return {"lines": lines} | ({"notes": notes} if notes else {})


def bands(size: tuple[int, int]) -> list[Tile]:
    """The picture in strips of its whole width, a megapixel each, from top to bottom."""
    width, height = size
    rows = max(16, min(height, BAND_PIXELS // width // 16 * 16))
    return [Tile(0, top, width, min(rows, height - top)) for top in range(0, height, rows)]
