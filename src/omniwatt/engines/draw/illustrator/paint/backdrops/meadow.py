"""A meadow under a wide sky: rolling hills, trees on their rims, grass and flowers before the viewer."""

from omniwatt.engines.draw.illustrator.paint.colours import mix, rgb, shade
from omniwatt.engines.draw.illustrator.paint.shapes import across, outline, waves
from omniwatt.engines.draw.illustrator.paint.skies import heaps, sky
from omniwatt.engines.draw.illustrator.paint.stage import MARGIN, Stage, along
from omniwatt.engines.draw.illustrator.paint.woods import flowers, grass_colour, ground, leafy, tussocks


def behind(stage: Stage) -> None:
    foot = stage.horizon
    plain = stage.layout.scene.style in ("cartoon", "flat", "3d", "papercut")
    sky(stage, clouds=not plain)
    if plain and not stage.light.dark:
        heaps(stage, foot)
    _hills(stage, foot)
    ground(stage, foot)
    deep = stage.height - foot
    tussocks(stage, "mid", foot + deep * 0.1, stage.height, 24, 220 * stage.rich, grass_colour(stage), 0.55)
    if stage.season != "winter" and "flowers" not in stage.layout.scene.without:
        flowers(stage, "meadow", foot + deep * 0.08, stage.height + 20, 13, int(70 * stage.width / 1000))


def _hills(stage: Stage, foot: float) -> None:
    """Three swells, bluer the farther, with trees along the nearer two."""
    roll = stage.roll("hills")
    grass = grass_colour(stage)
    for layer in range(3):
        depth = 0.12 + 0.25 * layer
        x = across(-MARGIN, stage.width + MARGIN, stage.fine)
        rise = foot * (0.26 - 0.08 * layer)
        y = foot - rise * (
            0.5 + 0.9 * waves(x, 520 - 90 * layer, stage.number("hill", layer), fine=stage.fine, gain=0.28)
        )
        base = stage.far(shade(grass, -0.05 + 0.02 * layer, 0.9, 14 - 6 * layer), depth)
        lit = mix(shade(base, 0.06), rgb(stage.light.colour), 0.15)
        stage.shaded(
            outline(x, y, foot + 60), along(0, float(y.min()), 0, foot + 20, [(0, lit, 1), (1, shade(base, -0.05), 1)])
        )
        if layer and "trees" not in stage.layout.scene.without:
            for _ in range(int((5 + 3 * layer) * stage.width / 1000)):
                place = roll.randrange(len(x))
                tall = (26 + 22 * layer) * roll.uniform(0.8, 1.5)
                leafy(stage, float(x[place]), float(y[place]) + 3, tall, depth + 0.1, roll)


def front(stage: Stage) -> None:
    """Tall grass along the lower edge, kept out of the middle."""
    colour = shade(grass_colour(stage), -0.08)
    tussocks(stage, "front", stage.height + 6, stage.height + 40, 70, 70 * stage.rich, colour, 1.0)
