"""A still lake that mirrors the mountains and the sky."""

from omniwatt.engines.draw.illustrator.paint.backdrops.mountains import ranges
from omniwatt.engines.draw.illustrator.paint.colours import mix, shade
from omniwatt.engines.draw.illustrator.paint.skies import colours, sky
from omniwatt.engines.draw.illustrator.paint.stage import Stage
from omniwatt.engines.draw.illustrator.paint.water import water
from omniwatt.engines.draw.illustrator.paint.woods import firs, ground, reeds


def behind(stage: Stage) -> None:
    foot = stage.horizon
    sky(stage)
    ranges(stage, foot)
    firs(stage, "shore", foot + 3, 52, 0.5, share=0.9)
    zenith, upper, lower, _ = colours(stage)
    near = mix(shade(zenith, -0.12), stage.tone("#0d4a55"), 0.45)
    water(stage, foot + 1, near, mix(upper, lower, 0.5), rough=0.55, clear=0.85, glint=0.7)
    if any(placed.ground == "ground" for placed in stage.layout.placed):
        # The near shore begins where the composition has dry ground.
        ground(stage, foot + 0.72 * (stage.height - foot), bumpy=16.0, name="shore")


def front(stage: Stage) -> None:
    reeds(stage)
