"""The sea under an evening sky: sun low over the water, a lane of glints, headlands far off."""

from typing import Any

from omniwatt.engines.draw.illustrator.paint.colours import mix, shade
from omniwatt.engines.draw.illustrator.paint.shapes import across, outline, waves
from omniwatt.engines.draw.illustrator.paint.skies import colours, sky
from omniwatt.engines.draw.illustrator.paint.stage import MARGIN, Stage, along
from omniwatt.engines.draw.illustrator.paint.water import water


def behind(stage: Stage) -> None:
    foot = stage.horizon
    sky(stage)
    _headlands(stage, foot)
    surface(stage, foot)


def surface(stage: Stage, foot: float) -> None:
    """The water itself; rougher in wind and storm."""
    zenith, upper, _, rim = colours(stage)
    day = stage.time == "day" and not stage.light.dark
    near = mix(shade(zenith, -0.16), stage.tone("#0b5d7a"), 0.6 if day else 0.25)
    far = mix(rim, upper, 0.6)
    rough = 1.7 if stage.has("storm", "wind") else 1.0
    spark = mix((1, 1, 1), (1.0, 0.86, 0.6), 0.7 if not day else 0.1)
    water(
        stage,
        foot,
        near,
        far,
        rough=rough,
        clear=0.62,
        glint=0.5 if stage.has("storm", "rain", "fog") else 1.0,
        spark=spark,
    )


def _headlands(stage: Stage, foot: float) -> None:
    if {"islands", "land", "mountains"} & set(stage.layout.scene.without):
        return
    roll = stage.roll("land")
    _, upper, _, rim = colours(stage)
    side = -1 if stage.light.x > stage.width / 2 else 1
    for layer in range(2):
        x = across(-MARGIN, stage.width + MARGIN, stage.fine)
        start = stage.width * (0.5 + side * roll.uniform(0.05, 0.22) * (1 + layer))
        share = ((x - start) * side / stage.width).clip(0, 1)
        tall = (60 + 50 * layer) * share**0.6
        y = foot + 1 - tall * (0.75 + 0.5 * waves(x, 120, stage.number("head", layer), fine=stage.fine))
        colour = stage.far(shade(mix(upper, rim, 0.3), -0.22 - 0.1 * layer), 0.15 + 0.25 * layer)
        stage.shaded(outline(x, y.clip(None, foot + 1), foot + 1), _tone(colour, foot, rim))


def _tone(colour: tuple[float, float, float], foot: float, rim: tuple[float, float, float]) -> Any:
    return along(0, foot - 120, 0, foot, [(0, colour, 1), (1, mix(colour, rim, 0.35), 1)])
