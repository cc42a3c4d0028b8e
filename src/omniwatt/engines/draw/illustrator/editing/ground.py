"""The illustrator's painter over pixels that were given: they are the ground, everything else is drawn as ever."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import skia
from PIL import Image

from omniwatt.engines.draw.illustrator.layout import Box, Layout
from omniwatt.engines.draw.illustrator.legible import legible
from omniwatt.engines.draw.illustrator.paint.region import Painter
from omniwatt.engines.draw.illustrator.paint.stage import Stage
from omniwatt.engines.draw.illustrator.paint.styles.look import Look
from omniwatt.engines.draw.illustrator.paint.weather import weather

_SAMPLING = skia.SamplingOptions(skia.FilterMode.kLinear, skia.MipmapMode.kLinear)
_PROBE_PX = 96
_SPREAD = (5, 95)
_FRAME = 0.03


@dataclass(frozen=True)
class Inset:
    """A picture within the picture, in design units. `framed`: on a white card, as a photograph."""

    image: Any
    box: Box
    framed: bool = False
    shadow: bool = True


class Over(Painter):
    """Paints a layout whose scene is transparent over `ground` (what the scene stands in, where there is none).

    Without `styled` nothing is done to the ground: the scene's style is none that was asked for.
    """

    def __init__(
        self,
        layout: Layout,
        sprites: Any,
        faces: Any,
        quality: str,
        ground: Any = None,
        insets: Sequence[Inset] = (),
        *,
        styled: bool = False,
    ) -> None:
        super().__init__(layout, sprites, faces, quality)
        self._given = ground
        self._insets = insets
        if not styled:
            self._look = Look()

    def _behind(self, stage: Stage) -> None:
        super()._behind(stage)
        if self._given is not None:
            # Looks see beyond the edges: there the picture is mirrored.
            place = skia.Matrix.Scale(stage.width / self._given.width(), stage.height / self._given.height())
            mirrored = skia.TileMode.kMirror
            paint = skia.Paint(Shader=self._given.makeShader(mirrored, mirrored, _SAMPLING, place))
            stage.canvas.drawRect(stage.box(), paint)

    def _things(self, stage: Stage) -> None:
        for inset in self._insets:
            _paste(stage.canvas, inset)
        super()._things(stage)

    def _before(self, stage: Stage) -> None:
        super()._before(stage)
        if self.layout.scene.transparent:
            weather(stage)


def _paste(canvas: Any, inset: Inset) -> None:
    box = inset.box
    area = skia.Rect.MakeXYWH(box.x, box.y, box.width, box.height)
    if inset.framed:
        rim = _FRAME * min(box.width, box.height)
        paint = skia.Paint(Color=0xFFFCFBF7, AntiAlias=True)
        paint.setImageFilter(skia.ImageFilters.DropShadow(0, rim, rim, rim, 0x70000000))
        canvas.drawRect(area.makeOutset(rim, rim), paint)
    paint = skia.Paint(AntiAlias=True)
    if inset.shadow and not inset.framed:
        soft = 0.03 * min(box.width, box.height)
        paint.setImageFilter(skia.ImageFilters.DropShadow(0, soft, soft, soft, 0x55000000))
    canvas.drawImageRect(inset.image, area, _SAMPLING, paint)


def as_skia(image: Image.Image) -> Any:
    """A picture (RGBA) for Skia, with smaller copies of itself for small scales."""
    made = skia.Image.fromarray(np.ascontiguousarray(np.asarray(image.convert("RGBA"))), skia.kRGBA_8888_ColorType)
    return made.withDefaultMipmaps()


def readable(layout: Layout, ground: Image.Image) -> Layout:
    """The layout with letters in inks that stand out from what is under them; colours that were asked for stay."""
    asked = {index for index, text in enumerate(layout.scene.texts) if text.colour}
    small = np.asarray(ground.convert("RGB").resize((_PROBE_PX * 4, _PROBE_PX * 4), Image.Resampling.BOX), np.float64)
    light = (small / 255) ** 2.2 @ (0.2126, 0.7152, 0.0722)
    lines = tuple(legible(line, _under(line.box, layout, light), keep=line.of in asked) for line in layout.lines)
    return msgspec.structs.replace(layout, lines=lines)


def _under(box: Box, layout: Layout, light: Any) -> tuple[float, float]:
    """The luminance of what lies under a box, from dark to light; a few pixels do not make a ground."""
    rows, columns = light.shape
    across, down = columns / layout.width, rows / layout.height
    left, top = min(max(0, int(box.x * across)), columns - 1), min(max(0, int(box.y * down)), rows - 1)
    right, bottom = int((box.x + box.width) * across) + 1, int((box.y + box.height) * down) + 1
    dark, bright = np.percentile(light[top : max(top + 1, bottom), left : max(left + 1, right)], _SPREAD)
    return float(dark), float(bright)


def calmest(ground: Image.Image) -> str:
    """`top` or `bottom`: where letters lie on less detail."""
    small = np.asarray(ground.convert("L").resize((_PROBE_PX, _PROBE_PX), Image.Resampling.BOX), np.float64) / 255
    detail = np.abs(np.diff(small, axis=0)).mean(1)
    band = _PROBE_PX // 4
    return "top" if detail[:band].mean() <= 1.1 * detail[-band:].mean() else "bottom"


def hour(ground: Image.Image) -> str:
    """The time of day whose light suits the picture: by how dark it is."""
    red, green, blue = np.asarray(ground.convert("RGB").resize((8, 8), Image.Resampling.BOX), np.float64).mean((0, 1))
    light = (0.299 * red + 0.587 * green + 0.114 * blue) / 255
    return "night" if light < 0.22 else "dusk" if light < 0.32 else "day"
