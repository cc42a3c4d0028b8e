"""Any region of a layout at any scale, as pixels: what the whole picture, a tile, a preview and a proof are made of."""

import math
from typing import Any

import numpy as np
import skia
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from omniwatt.engines.draw.illustrator.layout import SHORT_SIDE, Box, Layout
from omniwatt.engines.draw.illustrator.objects.draw import draw, silhouette
from omniwatt.engines.draw.illustrator.paint import backdrops, styles
from omniwatt.engines.draw.illustrator.paint.backdrops import layered
from omniwatt.engines.draw.illustrator.paint.focus import far_blur, unsharp
from omniwatt.engines.draw.illustrator.paint.hover import trail, under
from omniwatt.engines.draw.illustrator.paint.pixelate import cells
from omniwatt.engines.draw.illustrator.paint.shopfront import shopfronts
from omniwatt.engines.draw.illustrator.paint.stage import MARGIN, Stage, pixels, shader
from omniwatt.engines.draw.illustrator.paint.styles.look import source_of
from omniwatt.engines.draw.illustrator.paint.weather import weather
from omniwatt.engines.draw.lettering.emoji import inline
from omniwatt.engines.draw.lettering.letter import letters

Pixels = NDArray[np.uint8]
RICH = {"low": 1, "medium": 2, "high": 3}
_LINEAR = skia.SamplingOptions(skia.FilterMode.kLinear)
_SOFT_SCALE, _SOFT_UNITS = 0.5, 14.0
_MIDDLE_SCALE, _MIDDLE_FROM = 2.0, 3.0
"""Above 3 pixels a unit, looks see the scene at 2 pixels a unit besides, for what they look up around a place."""
_FINE_FROM = 1.5
"""Above so many pixels a unit, smaller octaves are drawn."""
_GRID_PX = 8
"""Surfaces begin at multiples of this: Skia's dither repeats every 8 pixels, and tiles must meet in it."""
TWICE_BELOW = 1.3
"""In high quality the scene is painted twice as large below so many pixels a unit; above, pixels are small enough."""


class Painter:
    """Paints one layout. Recordings are made when first needed and kept. Not for several threads at once."""

    def __init__(self, layout: Layout, sprites: Any = None, faces: Any = None, quality: str = "high") -> None:
        self.layout = layout
        self.rich = RICH[quality]
        self._sprites = sprites
        self._faces = faces
        self._look = styles.named(layout.scene.style)
        self._kept: dict[Any, Any] = {}

    def paint(self, region: Box, scale: float) -> Pixels:
        """RGBA, shape (height, width, 4), of this region at `scale` pixels a unit; alpha is not premultiplied."""
        x, y = round(region.x * scale), round(region.y * scale)
        return self.tile(x, y, max(1, round(region.width * scale)), max(1, round(region.height * scale)), scale)

    def tile(self, x: int, y: int, width: int, height: int, scale: float) -> Pixels:
        """The same, in pixels of the whole picture at this scale."""
        left, top = x // _GRID_PX * _GRID_PX, y // _GRID_PX * _GRID_PX
        size = (x - left + width, y - top + height)
        times = 2 if self.rich == 3 and scale < TWICE_BELOW else 1
        return read(self._tile(left, top, *size, scale, times), x - left, y - top)

    def _tile(self, x: int, y: int, width: int, height: int, scale: float, times: int) -> Any:
        """The scene is painted so many times as large; the look, which reads it in between, as it is."""
        surface = _surface(width, height)
        canvas = surface.getCanvas()
        canvas.translate(-x, -y)
        canvas.scale(scale, scale)
        if self._look.cells:
            canvas.drawImageRect(self._cells(), self._stage().box(), skia.SamplingOptions())
        elif self._look.source:
            area = skia.Rect.MakeXYWH(x / scale, y / scale, width / scale, height / scale)
            canvas.drawRect(area, skia.Paint(Shader=self._finished((x, y, width, height), scale, times), Dither=True))
        else:
            canvas.drawPicture(self._scene(fine(scale)))
        canvas.drawPicture(self._words())
        return surface

    def _finished(self, tile: tuple[int, int, int, int], scale: float, times: int) -> Any:
        """The look over this tile (x, y, width, height), as a shader in design units."""
        stage, look, scene = self._stage(), self._look, self._scene(fine(scale))
        source = source_of(look)
        halo = look.halo if scale > _MIDDLE_FROM else max(look.halo, look.reach)
        native = middle = _part(scene, tile, scale, scale * times, halo)
        children = dict(look.children(stage))
        if scale > _MIDDLE_FROM:
            middle = _part(scene, tile, scale, _MIDDLE_SCALE, look.reach)
        children |= {"pic": native, "mid": middle}
        if "shader who" in source:
            reach = max(look.halo, look.reach)
            children["who"] = _part(self._alone(), tile, scale, min(scale * times, _MIDDLE_SCALE), reach)
        if "soft.eval" in source:
            children["soft"] = self._soft()
        if "shader puff" in source:
            children["puff"] = self._once("puff", self._puffed)
        uniforms = {"u": 1 / scale, "size": (stage.width, stage.height), "sun": (stage.light.x, stage.light.y)}
        return shader(source, children, {**uniforms, **look.uniforms(stage)})

    def _alone(self) -> Any:
        """The things without anything else, as a recording."""
        return self._once("alone", self._silhouettes)

    def _silhouettes(self) -> Any:
        stage = self._stage()
        for placed in self.layout.placed if self._sprites is not None else ():
            silhouette(stage.canvas, placed, self._sprites)
        return stage.finish()

    def _puffed(self) -> Any:
        """How high the things would stand out if they were cushions: their masks blurred at three sizes, summed."""
        stage = self._stage()
        flat = pixels(self._alone(), stage.box(), _SOFT_SCALE).toarray(colorType=skia.kRGBA_8888_ColorType)[..., 3]
        mask = Image.fromarray(np.ascontiguousarray(flat))
        layers = [np.asarray(mask.filter(ImageFilter.GaussianBlur(size)), np.float32) for size in (2.0, 5.0, 11.0)]
        mean = np.mean(layers, axis=0)[..., None]
        return self._small(np.repeat(mean, 4, axis=2).astype(np.uint8), opaque=True)

    def _small(self, seen: Any, *, opaque: bool = False) -> Any:
        """Pixels of the whole stage at the soft scale, as a shader in design units."""
        if opaque:
            seen[..., 3] = 255
        made = skia.Image.fromarray(np.ascontiguousarray(seen), skia.kRGBA_8888_ColorType)
        place = skia.Matrix.Translate(-MARGIN, -MARGIN).preScale(1 / _SOFT_SCALE, 1 / _SOFT_SCALE)
        return made.makeShader(skia.TileMode.kClamp, skia.TileMode.kClamp, _LINEAR, place)

    def _stage(self) -> Stage:
        stage: Stage = self._once("stage", lambda: Stage(self.layout, 1, self.rich))
        return stage

    def _scene(self, fine: int) -> Any:
        return self._once(("scene", fine), lambda: self._record(fine))

    def _record(self, fine: int) -> Any:
        """Ground, things far to near, what is before them, weather; then what the style draws over it."""
        stage = Stage(self.layout, fine, self.rich)
        self._behind(stage)
        self._things(stage)
        self._before(stage)
        if self._look.over is None:
            return stage.finish()
        bare = stage.finish()
        stage.canvas.drawPicture(bare)
        self._look.over(
            stage, pixels(self._bare(fine, bare), stage.box(), 0.5), pixels(self._alone(), stage.box(), 0.5)
        )
        return stage.finish()

    def _behind(self, stage: Stage) -> None:
        """What the things stand in."""
        if not self.layout.scene.transparent:
            self._ground().behind(stage)
            if self._ground() is not layered:
                shopfronts(stage)
            if radius := unsharp(self.layout.scene, self.rich):
                far_blur(stage, radius)

    def _ground(self) -> Any:
        """The module that draws this backdrop in this look."""
        name = self.layout.scene.backdrop
        return layered if self._look.sheets and layered.covers(name) else backdrops.named(name)

    def _things(self, stage: Stage) -> None:
        if self._sprites is None:
            return
        for placed in self.layout.placed:
            if "trail" in placed.traits:
                trail(stage, placed)
            draw(stage.canvas, placed, self._sprites, stage.light, rich=self.rich, cut=self._look.cut)
            if "trail" in placed.traits:
                under(stage, placed)

    def _before(self, stage: Stage) -> None:
        """What is before the things."""
        if not self.layout.scene.transparent:
            if hasattr(self._ground(), "front"):
                self._ground().front(stage)
            weather(stage)

    def _bare(self, fine: int, drawn: Any) -> Any:
        """The scene that every level of detail takes its strokes from: the coarsest."""
        return self._once("bare", lambda: drawn)

    def _soft(self) -> Any:
        return self._once("soft", self._softened)

    def _softened(self) -> Any:
        """The whole scene, small and blurred, as a shader in design units."""
        stage = self._stage()
        image = pixels(self._scene(1), stage.box(), _SOFT_SCALE)
        small = Image.fromarray(image.toarray(colorType=skia.kRGBA_8888_ColorType)[..., :3])
        blurred = small.filter(ImageFilter.GaussianBlur(_SOFT_UNITS * _SOFT_SCALE / 2)).convert("RGBA")
        return self._small(np.asarray(blurred))

    def _cells(self) -> Any:
        stage = self._stage()
        scale = self._look.cells / SHORT_SIDE
        seen = [pixels(drawn, stage.box(), 4 * scale) for drawn in (self._scene(1), self._alone())]
        return self._once("cells", lambda: cells(*seen))

    def _words(self) -> Any:
        return self._once("words", self._lettered)

    def _lettered(self) -> Any:
        stage = self._stage()
        if self._faces is not None:
            emoji = inline(self._faces, self._sprites) if self._sprites is not None else None
            letters(stage.canvas, self.layout.lines, self._faces, emoji, seed=self.layout.seed)
        return stage.finish()

    def _once(self, key: Any, make: Any) -> Any:
        if key not in self._kept:
            self._kept[key] = make()
        return self._kept[key]


def fine(scale: float) -> int:
    """The level of detail: 1 up to 1.5 pixels a unit, then 4, then 16."""
    return 1 if scale <= _FINE_FROM else 4 if scale <= 4 * _FINE_FROM else 16


def _surface(width: int, height: int) -> Any:
    made = skia.Surface.MakeRaster(skia.ImageInfo.MakeN32Premul(width, height))
    if made is None:
        raise MemoryError(f"no room for a tile of {width}x{height}")
    return made


def _part(drawn: Any, tile: tuple[int, int, int, int], scale: float, to_scale: float, halo: float) -> Any:
    """What a tile at `scale` shows of a recording, painted at another scale, as a shader in design units.

    `halo` is how many design units beyond the tile will be looked at.
    """
    by, beyond = to_scale / scale, math.ceil(halo * to_scale) + 3
    left, top = (math.floor(place * by) - beyond for place in tile[:2])
    left, top = left // _GRID_PX * _GRID_PX, top // _GRID_PX * _GRID_PX
    right, bottom = (math.ceil((tile[axis] + tile[axis + 2]) * by) + beyond for axis in (0, 1))
    surface = _surface(right - left, bottom - top)
    canvas = surface.getCanvas()
    canvas.translate(-left, -top)
    canvas.scale(to_scale, to_scale)
    canvas.drawPicture(drawn)
    place = skia.Matrix.Scale(1 / to_scale, 1 / to_scale).preTranslate(left, top)
    return surface.makeImageSnapshot().makeShader(skia.TileMode.kClamp, skia.TileMode.kClamp, _LINEAR, place)


def read(surface: Any, left: int = 0, top: int = 0) -> Pixels:
    """A surface's pixels from (left, top) on as RGBA, alpha not premultiplied."""
    info = skia.ImageInfo.Make(
        surface.width() - left, surface.height() - top, skia.kRGBA_8888_ColorType, skia.kUnpremul_AlphaType
    )
    out = np.empty((info.height(), info.width(), 4), np.uint8)
    surface.readPixels(info, out, out.strides[0], left, top)
    return out
