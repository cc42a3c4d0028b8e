"""Paper alone: rice paper, or washed paper in a colour that was asked for."""

from omniwatt.engines.draw.illustrator.paint.colours import rgb, shade
from omniwatt.engines.draw.illustrator.paint.paper import rice_paper
from omniwatt.engines.draw.illustrator.paint.stage import Stage
from omniwatt.engines.draw.illustrator.paint.weather import vignette


def behind(stage: Stage) -> None:
    palette = stage.layout.scene.palette
    rice_paper(stage, shade(rgb(palette[0]), 0.06, 0.8) if palette else rgb("#f4ecd9"), stain=0.7)
    vignette(stage, 0.16, (0.35, 0.22, 0.08))
