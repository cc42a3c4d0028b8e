"""Any region of a layout at any scale, as pixels: what the whole picture, a tile, a preview and a proof are made of."""

import math
from typing import Any

import numpy as np
import skia
from numpy.typing import NDArray

from omniwatt.engines.draw.illustrator.layout import Box, Layout
from omniwatt.engines.draw.illustrator.paint import backdrops
from omniwatt.engines.draw.illustrator.paint.stage import Stage

Pixels = NDArray[np.uint8]
_RICH = {"low": 1, "medium": 2, "high": 3}


class Painter:
    """Paints one layout. Recordings are made when first needed and kept."""

    def __init__(self, layout: Layout, sprites: Any = None, faces: Any = None, quality: str = "high") -> None:
        self.layout = layout
        self.sprites = sprites
        self.faces = faces
        self.rich = _RICH[quality]
        self._scenes: dict[int, Any] = {}

    def paint(self, region: Box, scale: float) -> Pixels:
        """RGBA, shape (height, width, 4), of this region at `scale` pixels a unit; alpha is not premultiplied."""
        x, y = round(region.x * scale), round(region.y * scale)
        return self.tile(x, y, max(1, round(region.width * scale)), max(1, round(region.height * scale)), scale)

    def tile(self, x: int, y: int, width: int, height: int, scale: float) -> Pixels:
        """The same, in pixels of the whole picture at this scale."""
        fine = 4 ** max(0, min(2, math.ceil(math.log(max(scale, 0.01) / 1.5, 4))))
        surface = skia.Surface.MakeRaster(skia.ImageInfo.MakeN32Premul(width, height))
        canvas = surface.getCanvas()
        canvas.translate(-x, -y)
        canvas.scale(scale, scale)
        canvas.drawPicture(self._scene(fine))
        return read(surface)

    def _scene(self, fine: int) -> Any:
        if fine not in self._scenes:
            stage = Stage(self.layout, fine, self.rich)
            backdrop = backdrops.named(self.layout.scene.backdrop)
            backdrop.behind(stage)
            self._scenes[fine] = stage.finish()
        return self._scenes[fine]


def read(surface: Any) -> Pixels:
    """A surface's pixels as RGBA, alpha not premultiplied."""
    info = surface.imageInfo().makeColorType(skia.kRGBA_8888_ColorType).makeAlphaType(skia.kUnpremul_AlphaType)
    out = np.empty((surface.height(), surface.width(), 4), np.uint8)
    surface.readPixels(info, out, out.strides[0], 0, 0)
    return out
