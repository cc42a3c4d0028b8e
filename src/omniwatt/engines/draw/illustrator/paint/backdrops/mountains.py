"""High mountains over a valley: ranges in haze, fir woods, a meadow before them."""

from omniwatt.engines.draw.illustrator.paint.rock import mountains
from omniwatt.engines.draw.illustrator.paint.skies import sky
from omniwatt.engines.draw.illustrator.paint.stage import Stage
from omniwatt.engines.draw.illustrator.paint.woods import firs, ground


def behind(stage: Stage) -> None:
    foot = stage.horizon
    sky(stage)
    ranges(stage, foot)
    ground(stage, foot - 6)
    firs(stage, "edge", foot + 10, 60, 0.45, share=0.75)
    firs(stage, "near", foot + (stage.height - foot) * 0.25, 130, 0.8, share=0.3)


def ranges(stage: Stage, foot: float) -> None:
    """Three ranges, the nearest wooded."""
    snow = 0.25 if stage.season == "winter" else 0.62
    mountains(stage, "far", foot, foot * 0.62, 0.1, snow=snow - 0.1, peaks=3)
    mountains(stage, "middle", foot, foot * 0.46, 0.35, snow=snow + 0.05, peaks=4)
    mountains(stage, "hills", foot + 4, foot * 0.2, 0.55, snow=snow + 0.9 if snow > 0.4 else snow, peaks=5)
