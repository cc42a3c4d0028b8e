"""Outdoor grounds as sheets of one colour laid over one another, for looks that are cut or flat.

The same places as the painted grounds (horizon, light, season and hour are theirs), built of few clean shapes.
"""

import math

import skia

from omniwatt.engines.draw.illustrator.paint import skies
from omniwatt.engines.draw.illustrator.paint.colours import RGB, mix, rgb, shade
from omniwatt.engines.draw.illustrator.paint.shapes import circles, cumulus
from omniwatt.engines.draw.illustrator.paint.sheets import SHAPES, Sheet, lay
from omniwatt.engines.draw.illustrator.paint.stage import Stage, argb
from omniwatt.engines.draw.illustrator.paint.woods import GRASS, LEAVES

_LAND = {
    "meadow": (
        Sheet("hills", "#8fc6a0", -0.08, 70, 620), Sheet("hills", "grass", 0.0, 40, 480),
        Sheet("round", "leaf", 0.05, 64), Sheet("hills", "grass", 0.16, 36, 700),
        Sheet("hills", "grass", 0.42, 44, 560), Sheet("blades", "grass", 0.86, 34),
    ),
    "mountains": (
        Sheet("peaks", "#9fb2cf", -0.04, 300, 300), Sheet("peaks", "#7189b0", 0.02, 210, 240),
        Sheet("hills", "#6fa58a", 0.02, 60, 400), Sheet("firs", "#2f6b58", 0.1, 84),
        Sheet("hills", "grass", 0.2, 36, 640), Sheet("hills", "grass", 0.55, 40, 520),
    ),
    "lake": (
        Sheet("peaks", "#a7b6d2", -0.02, 290, 300), Sheet("peaks", "#7f97bb", 0.0, 190, 230),
        Sheet("firs", "#2f6b58", 0.03, 62), Sheet("water", "#5fb4dd", 0.02), Sheet("waves", "#4aa0d2", 0.22, 10, 90),
        Sheet("waves", "#3a8cc4", 0.44, 14, 130), Sheet("waves", "#2f79b3", 0.64, 18, 170),
        Sheet("hills", "grass", 0.86, 26, 500), Sheet("blades", "leaf", 0.95, 60),
    ),
    "sea": (
        Sheet("hills", "#86a9c8", -0.02, 34, 700), Sheet("water", "#6cc0e2", 0.0),
        Sheet("waves", "#52abd8", 0.1, 9, 80), Sheet("waves", "#3d97cb", 0.24, 13, 115),
        Sheet("waves", "#2f83bd", 0.42, 18, 160), Sheet("waves", "#256fa9", 0.62, 24, 215),
        Sheet("waves", "#1d5c93", 0.82, 30, 280),
    ),
    "beach": (
        Sheet("water", "#6fc9e4", 0.0), Sheet("waves", "#4fb5dc", 0.08, 8, 80),
        Sheet("waves", "#3aa0ce", 0.18, 11, 120), Sheet("waves", "#f6fbff", 0.31, 12, 170),
        Sheet("hills", "#f1d9a2", 0.35, 16, 420), Sheet("hills", "#e8c888", 0.62, 30, 520),
        Sheet("palms", "#2f8f6a", 0.72, 420),
    ),
    "forest": (
        Sheet("round", "leaf far", -0.02, 210), Sheet("trunks", "#6d7f6a", 0.04, 640),
        Sheet("hills", "grass", 0.04, 30, 420), Sheet("trunks", "#56513f", 0.22, 900),
        Sheet("hills", "grass", 0.26, 34, 560), Sheet("leaves", "leaf", 0.0, 250), Sheet("blades", "grass", 0.84, 44),
    ),
    "snow": (
        Sheet("peaks", "#b8cbe6", -0.02, 250, 280), Sheet("hills", "#dbe7f5", 0.0, 56, 420),
        Sheet("firs", "#4d7d86", 0.06, 84), Sheet("hills", "#eaf2fb", 0.12, 40, 520),
        Sheet("firs", "#2f5f66", 0.3, 130), Sheet("hills", "#f7fbff", 0.36, 40, 620),
        Sheet("hills", "#ffffff", 0.72, 36, 460),
    ),
    "desert": (
        Sheet("mesas", "#d88f6a", -0.01, 120), Sheet("dunes", "#eec07e", 0.02, 70, 640),
        Sheet("dunes", "#e3a95f", 0.2, 84, 720), Sheet("dunes", "#d48f49", 0.46, 100, 820),
        Sheet("dunes", "#bf7838", 0.78, 90, 900),
    ),
    "starry_sky": (
        Sheet("hills", "#2a3a66", 0.0, 80, 520), Sheet("firs", "#1b2850", 0.2, 80),
        Sheet("hills", "#141d3d", 0.3, 50, 520),
    ),
    "garden": (
        Sheet("round", "leaf far", 0.0, 96), Sheet("round", "bloom", 0.04, 120),
        Sheet("hills", "grass", 0.04, 20, 640), Sheet("hills", "grass", 0.34, 34, 560), Sheet("path", "#efdcae", 0.06),
        Sheet("blooms", "bloom", 0.5), Sheet("blades", "grass", 0.9, 34),
    ),
    "city": (
        Sheet("towers", "#b9cbe2", -0.0, 430), Sheet("towers", "#8fa9cc", 0.02, 330),
        Sheet("towers", "#6d8ab6", 0.04, 230), Sheet("round", "leaf", 0.12, 60),
        Sheet("hills", "grass", 0.14, 12, 700), Sheet("level", "#d9d4c8", 0.52),
    ),
}  # fmt: skip
_LAND["street"] = (
    *_LAND["city"][:3],
    Sheet("round", "leaf", 0.1, 90),
    Sheet("level", "#cfcabd", 0.1),
    Sheet("level", "#8d93a3", 0.3),
)


def covers(backdrop: str) -> bool:
    """Whether this ground can be laid in sheets."""
    return backdrop in _LAND


def behind(stage: Stage) -> None:
    """The sky in rings about its light, then the ground's sheets, far to near."""
    deep = stage.layout.scene.style == "papercut"
    _sky(stage, deep)
    sheets = _LAND[stage.layout.scene.backdrop]
    below = stage.height - stage.horizon
    for index, sheet in enumerate(sheets):
        y = stage.horizon + below * sheet.at
        depth = (index + 0.6) / len(sheets)
        colour = _colour(stage, sheet, index / max(len(sheets) - 1, 1), depth)
        SHAPES[sheet.shape](stage, sheet, y, colour, (index, deep))


def _colour(stage: Stage, sheet: Sheet, near: float, depth: float) -> RGB:
    one, two = LEAVES[stage.season]
    named = {
        "grass": shade(rgb(GRASS[stage.season]), 0.07 - 0.17 * near), "leaf": rgb(one), "bloom": rgb("#f29bbf"),
        "leaf far": mix(rgb(two), rgb(GRASS[stage.season]), 0.4),
    }  # fmt: skip
    base = named.get(sheet.colour) or rgb(sheet.colour)
    if stage.season == "winter" and sheet.shape in ("hills", "path"):
        base = mix(base, (0.95, 0.97, 1.0), 0.7)
    return stage.far(stage.lit(shade(base, 0.0, 1.12)), depth)


def _sky(stage: Stage, deep: bool) -> None:
    zenith, upper, lower, rim = skies.colours(stage)
    light = stage.light
    x, y = light.x, min(light.y, stage.horizon - 40)
    ramp = [zenith, mix(zenith, upper, 0.55), upper, mix(upper, lower, 0.6), lower, mix(lower, rim, 0.7)]
    stage.canvas.drawRect(stage.box(), skia.Paint(Color=argb(ramp[0])))
    reach = math.hypot(max(x, stage.width - x), stage.horizon) * 1.02
    for index, colour in enumerate(ramp[1:]):
        ring = circles([(x, y, reach * (0.86 - 0.15 * index))])
        lay(stage, ring, colour, deep and index > 0, 0.02)
    if light.dark:
        skies.stars(stage, stage.horizon, 0.5)
    if not stage.has_lamp and not stage.has("rain", "storm", "snow", "fog"):
        pale = rgb("#fbf3d6") if light.dark else mix(rgb(light.colour), rgb("#ffdf73"), 0.55)
        for size, tone in ((74, mix(pale, ramp[-1], 0.55)), (52, pale)):
            lay(stage, circles([(x, y, size)]), tone, deep, 0.0)
    _clouds(stage, deep, mix((1, 1, 1), rim, 0.25 if not light.dark else 0.75))


def _clouds(stage: Stage, deep: bool, colour: RGB) -> None:
    if "clouds" in stage.layout.scene.without:
        return
    roll = stage.roll("paper clouds")
    lid = stage.has("rain", "storm", "snow", "fog", "clouds")
    for index in range(7 if lid else 3):
        base = stage.horizon * (0.16 + 0.5 * roll.random()) if not lid else stage.horizon * (0.1 + 0.07 * index)
        size = roll.uniform(210, 330) * (1.5 if lid else 1.0)
        x = ((index * 0.37 + roll.uniform(0.05, 0.3)) % 1.1) * stage.width
        if not lid and abs(x - stage.light.x) < 190:
            x += math.copysign(240, x - stage.light.x)
        path = skia.Path()
        for cx, cy, radius in cumulus(x, base, size, roll):
            path.addCircle(cx, cy, radius)
        path.addRect(skia.Rect.MakeLTRB(x - size * 0.5, base - size * 0.06, x + size * 0.5, base))
        flat = skia.Path()
        flat.addRect(skia.Rect.MakeLTRB(x - size, base - size, x + size, base))
        grey = (
            mix(colour, rgb("#56606e"), 0.55)
            if stage.has("storm")
            else mix(colour, rgb("#8c97a6"), 0.35)
            if lid
            else colour
        )
        lay(
            stage,
            skia.Op(path, flat, skia.PathOp.kIntersect_PathOp),
            shade(grey, roll.uniform(-0.03, 0.02)),
            deep,
            0.02,
        )
