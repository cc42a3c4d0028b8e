"""An edit in hand: what becomes of the pixels that were given, what is drawn over them, and the result tile by tile."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from PIL import Image, ImageFilter

from omniwatt.engines.draw.enlarge import part
from omniwatt.engines.draw.illustrator.editing.fill import FEATHER_PX
from omniwatt.engines.draw.illustrator.editing.ground import Inset, Over, as_skia, readable
from omniwatt.engines.draw.illustrator.editing.seat import seated
from omniwatt.engines.draw.illustrator.layout import SHORT_SIDE, Box, Layout
from omniwatt.engines.draw.illustrator.scene import Scene
from omniwatt.engines.draw.illustrator.studio import Studio, scale_of

_SLIM = 6
_LEAST_PX = 16
_WHITE = (255, 255, 255, 255)


@dataclass
class Work:
    """A picture made of given pixels. Not for several threads at once."""

    studio: Studio
    size: tuple[int, int]
    """Of the result, in pixels."""
    base: Image.Image
    """The given pixels (RGBA) as far as they are changed without drawing, of the result's shape, at any size."""
    seed: int = 0
    scene: Scene | None = None
    """What is drawn; None where nothing is."""
    styled: bool = False
    """The scene's style is done to the given pixels, too."""
    mask: Image.Image | None = None
    """Where drawing may show (255), as large as `base`."""
    insets: tuple[Inset, ...] = ()
    front: Image.Image | None = None
    """Stands before what is drawn, in whose place a scene is painted."""
    see_through: bool = False
    described: str = ""
    details: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.region = self._region()
        self._soft: Image.Image | None = None

    @property
    def scale(self) -> float:
        """Pixels of the result for each design unit of what is drawn."""
        return scale_of(self.region[2:])

    def layout(self, scene: Scene, size: tuple[int, int], seed: int, adjust: Mapping[int, int]) -> Layout:
        """Where what is drawn stands, in the region; letters stand out from what is under them."""
        made = self.studio.layout(scene, size, seed, adjust)
        if self.front is not None:
            return made
        under = self._under()
        if made.placed:
            made = seated(made, under, filling=self.mask is not None)
        return readable(made, under) if made.lines else made

    def painter(self, layout: Layout, quality: str) -> Over:
        """Paints the region with the given pixels under it: what a proof or a sketch shows."""
        ground = None if self.front is not None else as_skia(self._under())
        return self._over(layout, quality, ground)

    def whole(self, layout: Layout, quality: str) -> "Whole":
        """Paints the result."""
        if self.scene is None and not self.insets:
            return Whole(self, None, alone=False)
        alone = self.styled or self.front is not None or bool(self.scene and self.scene.weather)
        return Whole(self, self.painter(layout, quality) if alone else self._over(layout, quality, None), alone=alone)

    def _over(self, layout: Layout, quality: str, ground: Any) -> Over:
        made = self.studio
        insets = self.insets
        if self.front is not None:
            insets = (Inset(as_skia(self.front), Box(0, 0, layout.width, layout.height), shadow=False), *insets)
        return Over(layout, made.sprites, made.faces, quality, ground, insets, styled=self.styled)

    def _region(self) -> tuple[int, int, int, int]:
        """Where drawing happens: about the mask, or everywhere. Left, top, width and height in pixels of the result."""
        if self.mask is None or self.front is not None:
            return 0, 0, *self.size
        across, down = self.size[0] / self.mask.width, self.size[1] / self.mask.height
        left, top, right, bottom = self.mask.getbbox() or (0, 0, *self.mask.size)
        long = max((right - left) * across, (bottom - top) * down)
        x, width = _grown(left * across, right * across, long / _SLIM, self.size[0])
        y, height = _grown(top * down, bottom * down, long / _SLIM, self.size[1])
        return x, y, width, height

    def _under(self) -> Image.Image:
        """The given pixels of the region, as they are."""
        across, down = self.base.width / self.size[0], self.base.height / self.size[1]
        x, y, width, height = self.region
        right, bottom = round((x + width) * across), round((y + height) * down)
        left, top = min(round(x * across), right - 1), min(round(y * down), bottom - 1)
        return self.base.crop((left, top, right, bottom))

    # --- pixels of the result

    def base_tile(self, x: int, y: int, width: int, height: int) -> Image.Image:
        """The given pixels at the result's size ; tiles of them meet."""
        return part(self.base, self.size, x, y, width, height)

    def soft_tile(self, x: int, y: int, width: int, height: int) -> Image.Image | None:
        """The mask at the result's size, soft at its edge; None where everything may change."""
        if self.mask is None or self.front is not None:
            return None
        if self._soft is None:
            self._soft = self.mask.filter(ImageFilter.GaussianBlur(FEATHER_PX)).resize(self.size)
        return self._soft.crop((x, y, x + width, y + height))


class Whole:
    """A work's result in tiles, in the way of a painter. `alone`: what is painted has the given pixels in it."""

    def __init__(self, work: Work, painter: Over | None, *, alone: bool) -> None:
        self._work = work
        self._painter = painter
        self._alone = alone

    def tile(self, x: int, y: int, width: int, height: int, scale: float = 0.0) -> Any:
        """RGBA, shape (height, width, 4), in pixels of the result; laid on white unless it may be see-through."""
        work = self._work
        base = work.base_tile(x, y, width, height)
        made = self._drawn(base, x, y) if self._painter is not None else base
        if not work.see_through:
            made = Image.alpha_composite(Image.new("RGBA", made.size, _WHITE), made)
        return np.asarray(made)

    def _drawn(self, base: Image.Image, x: int, y: int) -> Image.Image:
        left, top, wide, high = self._work.region
        shown = max(x, left), max(y, top), min(x + base.width, left + wide), min(y + base.height, top + high)
        if self._painter is None or shown[0] >= shown[2] or shown[1] >= shown[3]:
            return base
        size = shown[2] - shown[0], shown[3] - shown[1]
        pixels = self._painter.tile(shown[0] - left, shown[1] - top, *size, self._work.scale)
        drawn = Image.fromarray(np.ascontiguousarray(pixels), "RGBA")
        place = shown[0] - x, shown[1] - y
        under = base.crop((*place, place[0] + size[0], place[1] + size[1]))
        made = drawn if self._alone else Image.alpha_composite(under, drawn)
        soft = self._work.soft_tile(shown[0], shown[1], *size)
        if soft is not None:
            made = Image.composite(made, under, soft)
        whole = base.copy()
        whole.paste(made, place)
        return whole


def _grown(start: float, end: float, least: float, side: int) -> tuple[int, int]:
    """Begin and length of a stretch that is at least so long, kept within a side."""
    length = min(side, max(round(end - start), round(least), _LEAST_PX))
    return min(max(0, round((start + end - length) / 2)), side - length), length


def in_units(size: Sequence[int]) -> tuple[float, float]:
    """A size in pixels in design units."""
    short = min(size)
    return size[0] / short * SHORT_SIDE, size[1] / short * SHORT_SIDE
