"""Words set upon pixels that another painter made: placed where they are calm, in ink that stands out from them."""

import io
from collections.abc import Iterator, Mapping
from typing import Any, Self

import msgspec
import numpy as np
import skia
from numpy.typing import NDArray
from PIL import Image, ImageOps

from omniwatt.contract.error import BadInput, EngineFailed, OmniwattError
from omniwatt.contract.event import Picture, Progress
from omniwatt.contract.request import DrawBody
from omniwatt.engines.deep import shallow
from omniwatt.engines.draw.enlarge import part, shaped
from omniwatt.engines.draw.illustrator import output
from omniwatt.engines.draw.illustrator.hands import Tile
from omniwatt.engines.draw.illustrator.layout import SHORT_SIDE, Box, Layout, Line
from omniwatt.engines.draw.illustrator.legible import legible, moved
from omniwatt.engines.draw.illustrator.paint.region import read
from omniwatt.engines.draw.illustrator.scene import Scene, Text
from omniwatt.engines.draw.illustrator.sitting import Sitting, lettered
from omniwatt.engines.draw.illustrator.studio import Studio, quality_of, scale_of
from omniwatt.engines.draw.lettering.emoji import inline
from omniwatt.engines.draw.lettering.letter import letters
from omniwatt.engines.source import part_bytes

MAX_BYTES = 64 * 1024 * 1024
MAX_PIXELS = 64 * 1024 * 1024
SEEN_PX = 512
"""The longer side of the picture as it is looked at to choose places and inks."""
LEAST_PX = 32
HALO_PX = 64
BAND_PIXELS = 4 * 1024 * 1024
_REACH = 2.2
"""How far a line's glow, panel or shadow goes, in its size."""
OPENED = ("PNG", "JPEG", "WEBP")
_SPREAD = (5, 95)
"""Percentiles of what is under a line: a few pixels do not make a ground."""
_ELSEWHERE = {"calligraphy": ("left", "right", "middle"), "title": ("bottom", "middle"), "neon": ("top", "bottom"),
              "sign": ("top", "bottom"), "subtitle": ("bottom",), "body": ("top",), "caption": ("top",)}  # fmt: skip
_DETOUR = {"auto": 1.0, "middle": 2.0}
_AWAY = 1.4
"""How much calmer a place must be than where a designer would look first; the middle is the subject's."""
Pixels = NDArray[np.uint8]
Whole = tuple[float, float, float, float]
WHOLE: Whole = (0.0, 0.0, 1.0, 1.0)


class Overlay(Studio):
    """A studio whose pictures are given: only the words of its scenes are drawn. `body` has a size."""

    def __init__(self, studio: Studio, body: DrawBody, ground: Image.Image, painted: Image.Image, hole: Whole) -> None:
        super().__init__(studio.lexicon, studio.sprites, studio.faces)
        self.body = body
        self._painted = painted
        self._hole = hole
        self._light = luminance(ground)
        self._unrest = unrest(self._light)
        self._settled: Scene | None = None

    @classmethod
    def of(cls, studio: Studio, body: DrawBody, blobs_dir: str, given: Mapping[str, bytes]) -> Self:
        """From what was sent: `painted`, and `ground` where the words' places are to be chosen by another picture.

        Where there is a mask, the words stand in what it leaves open. Raises EngineFailed, and BadInput for the mask.
        """
        painted = opened(given["painted"])
        ground = opened(given["ground"]) if "ground" in given else painted
        size = (body.width_px or painted.width, body.height_px or painted.height)
        hole = _hole(body, blobs_dir) if body.mask is not None else WHOLE
        sized = msgspec.structs.replace(body, width_px=size[0], height_px=size[1])
        return cls(studio, sized, shaped(ground, size), shaped(painted, size), hole)

    def scene(self, body: DrawBody) -> Scene:
        """The prompt's words with what was said of them; all else is in the picture already."""
        found = super().scene(body)
        texts = tuple(msgspec.structs.replace(text, on=-1) for text in found.texts)
        return msgspec.structs.replace(found, things=(), placings=(), texts=texts, transparent=False)

    def layout(self, scene: Scene, size: tuple[int, int], seed: int, adjust: Mapping[int, int]) -> Layout:
        """The words in the calmest of their places, which they keep when they are set again."""
        if self._settled is None:
            self._settled = min(_elsewhere(scene), key=lambda one: self._cost(one, size, seed))
        made = self._set(self._settled, size, seed, adjust)
        asked = [text.colour for text in self._settled.texts]
        lines = (
            legible(line, self._under(line, made), keep=0 <= line.of < len(asked) and bool(asked[line.of]))
            for line in made.lines
        )
        return msgspec.structs.replace(made, lines=tuple(lines))

    def painter(self, layout: Layout, quality: str) -> Any:
        """What lays these words on the picture."""
        return Over(layout, self._painted, self.sprites, self.faces)

    def _set(self, scene: Scene, size: tuple[int, int], seed: int, adjust: Mapping[int, int]) -> Layout:
        left, top, right, bottom = self._hole
        room = (max(LEAST_PX, round((right - left) * size[0])), max(LEAST_PX, round((bottom - top) * size[1])))
        made = super().layout(_edged(scene), room, seed, adjust)
        scale = scale_of(size)
        grown = scale_of(room) / scale
        lines = tuple(moved(line, grown, left * size[0] / scale, top * size[1] / scale) for line in made.lines)
        return msgspec.structs.replace(made, lines=lines, width=size[0] / scale, height=size[1] / scale)

    def _cost(self, scene: Scene, size: tuple[int, int], seed: int) -> float:
        made = self._set(scene, size, seed, {})
        found = [float(self._cut(self._unrest, line, made).mean()) for line in made.lines]
        place = scene.texts[0].place if scene.texts else "auto"
        first = next((text.place for text in scene.texts if text.place != "auto"), place)
        return (sum(found) / max(1, len(found)) + 0.01) * _DETOUR.get(first, _AWAY)

    def _under(self, line: Line, layout: Layout) -> tuple[float, float]:
        dark, light = np.percentile(self._cut(self._light, line, layout), _SPREAD)
        return float(dark), float(light)

    @staticmethod
    def _cut(values: NDArray[np.float32], line: Line, layout: Layout) -> NDArray[np.float32]:
        """What of the picture is under a line; one value at least."""
        rows, columns = values.shape
        across, down = columns / layout.width, rows / layout.height
        left, top = (max(0, int(line.box.x * across)), max(0, int(line.box.y * down)))
        left, top = min(left, columns - 1), min(top, rows - 1)
        right = max(left + 1, round((line.box.x + line.box.width) * across))
        return values[top : max(top + 1, round((line.box.y + line.box.height) * down)), left:right]


class Lettering(Sitting):
    """Pictures that another painter made, with the prompt's words upon them."""

    def _one(self, index: int, seed: int) -> None:
        scene = self._studio.scene(self._body)
        size = (self._body.width_px, self._body.height_px)
        quality = quality_of(self._body, size)
        details: dict[str, Any] = {"seed": seed, "quality": quality}
        picture = Picture(*size, self._body.media_type, index, None, self._body.prompt, details)
        self._tell(picture)
        layout = self._proved(scene, size, seed, index)
        picture = msgspec.structs.replace(picture, details=details | lettered(layout, scale_of(size)))
        self._tell(picture)
        sheet = output.sheet(
            self._body, picture, self._provenance(picture), layout, self._studio.faces, inks=self._means.inks
        )
        painter, strips = self._studio.painter(layout, quality), strips_of(size)
        for number, tile in enumerate(strips):
            self._before(tile)
            pixels = painter.tile(tile.x, tile.y, tile.width, tile.height, scale_of(size))
            self._send(sheet.rows(pixels), index, self._body.media_type)
            self._tell(Progress(number + 1, len(strips), "tiles"))
        self._ended(sheet, index)


class Over:
    """Paints any region of a picture with words upon it, at any scale: the picture is brought to size part by part,
    the words are drawn at the size they have there."""

    def __init__(self, layout: Layout, painted: Image.Image, sprites: Any, faces: Any) -> None:
        self._layout, self._painted = layout, painted
        recorder = skia.PictureRecorder()
        far = 2 * SHORT_SIDE
        bounds = skia.Rect.MakeLTRB(-far, -far, layout.width + far, layout.height + far)
        letters(recorder.beginRecording(bounds), layout.lines, faces, inline(faces, sprites), seed=layout.seed)
        self._words = recorder.finishRecordingAsPicture()

    def paint(self, region: Box, scale: float) -> Pixels:
        """RGBA, shape (height, width, 4), of this region at `scale` pixels a unit."""
        size = max(1, round(region.width * scale)), max(1, round(region.height * scale))
        return self.tile(round(region.x * scale), round(region.y * scale), *size, scale)

    def tile(self, x: int, y: int, width: int, height: int, scale: float) -> Pixels:
        """The same, in pixels of the whole picture at this scale."""
        whole = (round(self._layout.width * scale), round(self._layout.height * scale))
        ground = np.asarray(part(self._painted, whole, x, y, width, height).convert("RGBA"))
        if not self._reached(y / scale, (y + height) / scale):
            return np.ascontiguousarray(ground)
        # Skia smooths what a surface cuts off a little otherwise: words are drawn on a larger one.
        surface = skia.Surface.MakeRaster(skia.ImageInfo.MakeN32Premul(width + 2 * HALO_PX, height + 2 * HALO_PX))
        if surface is None:
            raise MemoryError(f"no room for a tile of {width}x{height}")
        canvas = surface.getCanvas()
        canvas.translate(HALO_PX, HALO_PX)
        canvas.drawImage(skia.Image.fromarray(np.ascontiguousarray(ground), skia.kRGBA_8888_ColorType), 0, 0)
        canvas.translate(-x, -y)
        canvas.scale(scale, scale)
        canvas.drawPicture(self._words)
        return read(surface, HALO_PX, HALO_PX)[:height, :width]

    def _reached(self, top: float, bottom: float) -> bool:
        """Whether a line or its glow reaches between these heights."""
        return any(
            line.box.y - _REACH * line.size < bottom and line.box.y + line.box.height + _REACH * line.size > top
            for line in self._layout.lines
        )


def strips_of(size: tuple[int, int]) -> list[Tile]:
    """The picture in strips of its whole width, four megapixels each, from top to bottom."""
    rows = max(16, BAND_PIXELS // size[0] // 16 * 16)
    return [Tile(0, top, size[0], min(rows, size[1] - top)) for top in range(0, size[1], rows)]


def opened(data: bytes) -> Image.Image:
    """What a painter made, RGB. Raises EngineFailed: nobody but the painter is to blame."""
    try:
        with Image.open(io.BytesIO(data), formats=OPENED) as image:
            if image.width * image.height > MAX_PIXELS:
                raise EngineFailed(f"The painter made more than the {MAX_PIXELS} pixels that can be lettered.")
            return shallow(image).convert("RGB")
    except OmniwattError:
        raise
    except Exception as error:  # decoders raise anything at all on bytes that are broken
        raise EngineFailed("What the painter made is no picture.") from error


def luminance(picture: Image.Image) -> NDArray[np.float32]:
    """Relative luminance (0..1, linear; ITU-R BT.709) of the picture made small."""
    small = picture.copy()
    small.thumbnail((SEEN_PX, SEEN_PX))
    linear = (np.asarray(small, np.float32) / 255) ** 2.2
    return (linear @ np.array([0.2126, 0.7152, 0.0722], np.float32)).astype(np.float32)


def unrest(light: NDArray[np.float32]) -> NDArray[np.float32]:
    """How much lightness (as the eye sees it) changes from each pixel to the next."""
    seen = np.cbrt(light)
    down, across = np.abs(np.diff(seen, axis=0, append=seen[-1:])), np.abs(np.diff(seen, axis=1, append=seen[:, -1:]))
    return (down + across).astype(np.float32)


def _edged(scene: Scene) -> Scene:
    """Words that would stand in the middle of an empty picture stand at an edge: this one is not empty."""
    edges = {"title": "top", "body": "bottom"}
    texts = [
        msgspec.to_builtins(text) | ({"place": edges[text.role]} if text.place == "auto" and text.role in edges else {})
        for text in scene.texts
    ]
    return msgspec.structs.replace(scene, texts=msgspec.convert(texts, tuple[Text, ...]))


def _elsewhere(scene: Scene) -> Iterator[Scene]:
    """The scene, and the same with the first text that may stand anywhere in each of its other places."""
    yield scene
    free = next((number for number, text in enumerate(scene.texts) if text.place == "auto"), None)
    if free is None:
        return
    for place in _ELSEWHERE.get(scene.texts[free].role, ()):
        texts: list[Text] = list(scene.texts)
        texts[free] = msgspec.convert(msgspec.to_builtins(texts[free]) | {"place": place}, Text)
        yield msgspec.structs.replace(scene, texts=tuple(texts))


def _hole(body: DrawBody, blobs_dir: str) -> Whole:
    """What a mask leaves open, as shares of the picture's sides: left, top, right, bottom."""
    if body.mask is None:
        return WHOLE
    data = part_bytes(body.mask, blobs_dir, MAX_BYTES)
    try:
        with Image.open(io.BytesIO(data), formats=OPENED) as image:
            if image.width * image.height > MAX_PIXELS:
                raise BadInput(f"The mask has more than {MAX_PIXELS} pixels.", param="mask")
            width, height = image.size
            box = ImageOps.invert(image.convert("RGBA").getchannel("A")).getbbox()
    except OmniwattError:
        raise
    except Exception as error:  # decoders raise anything at all on bytes made to break them
        raise BadInput("The mask cannot be read: it is damaged or no picture.", param="mask") from error
    return (box[0] / width, box[1] / height, box[2] / width, box[3] / height) if box else WHOLE
