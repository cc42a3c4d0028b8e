"""A plain ground in one colour, a little lighter in the middle, so that what stands on it has air."""

import skia

from omniwatt.engines.draw.illustrator.paint.colours import rgb, shade
from omniwatt.engines.draw.illustrator.paint.stage import Stage, around


def behind(stage: Stage) -> None:
    palette = stage.layout.scene.palette
    colour = rgb(palette[0]) if palette else rgb("#f4f1ea") if not stage.light.dark else rgb("#1d2233")
    radius = max(stage.width, stage.height) * 0.8
    stops = [(0.0, shade(colour, 0.025), 1.0), (0.6, colour, 1.0), (1.0, shade(colour, -0.035), 1.0)]
    paint = skia.Paint(Shader=around(stage.width / 2, stage.height * 0.42, radius, stops), Dither=True)
    stage.canvas.drawRect(stage.box(), paint)
