"""A city by day across a park or a river: rows of glass towers that fade into the air, trees along the foot."""

import skia

from omniwatt.engines.draw.illustrator.paint.colours import mix, rgb, shade
from omniwatt.engines.draw.illustrator.paint.skies import colours, heaps, sky
from omniwatt.engines.draw.illustrator.paint.stage import Stage, along
from omniwatt.engines.draw.illustrator.paint.towers import WARM, Tower, body, row, windows
from omniwatt.engines.draw.illustrator.paint.water import water
from omniwatt.engines.draw.illustrator.paint.woods import ground, leafy

WALLS = ("#8fa3b5", "#b8c0c4", "#c9b8a3", "#7f93a8", "#a9b7b0", "#d5cfc4", "#96a0b4")


def behind(stage: Stage) -> None:
    foot = stage.horizon
    sky(stage)
    if not stage.light.dark and not stage.layout.scene.weather:
        heaps(stage, foot, 3)
    tall = foot * 0.9
    for layer, (low, high, wide, size) in enumerate(((0.3, 0.66, 62, 6), (0.22, 0.8, 84, 8), (0.16, 0.58, 120, 10))):
        day_row(stage, row(stage, layer, foot + 3, tall * low, tall * high, wide), layer, 0.2 + 0.3 * layer, size)
    _trees(stage, foot)
    if {"river", "reflections", "water"} & set(stage.layout.scene.features):
        zenith, upper, _, rim = colours(stage)
        water(
            stage,
            foot + 2,
            shade(mix(zenith, rgb("#20586e"), 0.5), -0.08),
            mix(upper, rim, 0.5),
            rough=0.7,
            clear=0.75,
            glint=0.6,
        )
    else:
        ground(stage, foot + 2, bumpy=2)
        _promenade(stage, foot)


def day_row(stage: Stage, towers: list[Tower], layer: int, depth: float, size: float) -> None:
    """A row by day: lit and shadowed walls, glass that takes the sky's colour, some windows lit at dusk."""
    roll = stage.roll("day", layer)
    _, upper, lower, _ = colours(stage)
    lit = 0.55 if stage.light.dark else 0.3 if stage.time == "dusk" else 0.06 if stage.time == "golden" else 0.0
    for tower in towers:
        wall = stage.far(stage.lit(stage.tone(WALLS[roll.randrange(len(WALLS))])), depth)
        if stage.light.dark:
            wall = shade(wall, -0.25)
        side = stage.light.side(tower.x)
        path = body(tower, roll)
        foot = mix(wall, rgb(stage.light.haze), 0.4 * (1 - depth) + 0.1)
        stage.shaded(path, along(0, tower.top, 0, tower.foot, [(0, shade(wall, 0.05), 1), (1, foot, 1)]))
        glass = mix(shade(wall, -0.17), mix(upper, lower, 0.5), 0.35)
        tints = tuple(mix(rgb(text), wall, 0.25 * (1 - depth)) for text in WARM)
        windows(stage, tower, size, lit, roll, tints, glass)
        stage.canvas.save()
        stage.canvas.clipPath(path, doAntiAlias=True)
        x0, x1 = tower.x, tower.x + tower.width
        bright, dark = mix(rgb(stage.light.colour), (1, 1, 1), 0.3), rgb(stage.light.shadow)
        stops = [
            (0.0, bright if side < 0 else dark, 0.22),
            (0.5, bright, 0.0),
            (1.0, dark if side < 0 else bright, 0.22),
        ]
        paint = skia.Paint(Shader=along(x0, 0, x1, 0, stops))
        stage.canvas.drawRect(skia.Rect.MakeLTRB(x0, tower.top - tower.width, x1, tower.foot), paint)
        stage.canvas.restore()


def _trees(stage: Stage, foot: float) -> None:
    roll = stage.roll("trees")
    x = -20.0
    while x < stage.width + 30:
        leafy(stage, x, foot + roll.uniform(2, 8), roll.uniform(46, 84), 0.6, roll)
        x += roll.uniform(16, 46)


def _promenade(stage: Stage, foot: float) -> None:
    """A paved way along the park with a railing's shadow."""
    deep = stage.height - foot
    stone = stage.lit(rgb("#d6d2c8"))
    top = foot + deep * 0.42
    stage.wash([(0, shade(stone, 0.02), 1), (1, shade(stone, -0.10), 1)], top, stage.height + 60)
    lines = skia.Path()
    y, gap = top, 7.0
    while y < stage.height + 60:
        lines.moveTo(-60, y)
        lines.lineTo(stage.width + 60, y)
        y, gap = y + gap, gap * 1.34
    for index in range(-16, 17):
        lines.moveTo(stage.width / 2 + index * 42, top)
        lines.lineTo(stage.width / 2 + index * 190, stage.height + 60)
    stage.line(lines, shade(stone, -0.16), 1.2, 0.5)
    stage.wash([(0, stage.lit(rgb("#5d7f3f")), 1), (1, stage.lit(rgb("#4a6a35")), 1)], top - 10, top)
