"""Animals of which the set has the face alone look out of what grows or lies there."""

import math

import skia

from omniwatt.engines.draw.illustrator.layout import Placed
from omniwatt.engines.draw.illustrator.paint.colours import RGB, mix, rgb, shade
from omniwatt.engines.draw.illustrator.paint.stage import Stage
from omniwatt.engines.draw.illustrator.paint.woods import GRASS, LEAVES

_DRIFTS = {"snow": "#eef4fa", "beach": "#ecd9a8", "desert": "#e0b26a"}
_BARE = frozenset({"room", "city", "night_city", "street", "festival"})


def cover(stage: Stage, placed: Placed) -> None:
    """A bush, a drift or a low wall before its lower third; after the animal is painted."""
    backdrop = stage.layout.scene.backdrop
    if backdrop in _BARE:
        return
    if backdrop in _DRIFTS or stage.season == "winter":
        _drift(stage, placed, _DRIFTS.get(backdrop, _DRIFTS["snow"]))
    else:
        _bush(stage, placed)


def _drift(stage: Stage, placed: Placed, colour: str) -> None:
    box = placed.box
    left, right, foot = box.x - 0.28 * box.width, box.x + 1.28 * box.width, box.y + 1.06 * box.height
    top = box.y + 0.74 * box.height
    path = skia.Path()
    path.moveTo(left, foot)
    path.cubicTo(left + 0.3 * box.width, foot, left + 0.3 * box.width, top, box.x + 0.45 * box.width, top)
    path.cubicTo(right - 0.4 * box.width, top - 4, right - 0.35 * box.width, foot, right, foot)
    path.close()
    base = stage.far(stage.lit(rgb(colour)), placed.depth)
    stage.upright(path, [(0, shade(base, 0.03), 1), (0.6, base, 1), (1, base, 0.0)])


def _bush(stage: Stage, placed: Placed) -> None:
    """Leaves in three layers, dark behind, light before, and blades of grass at their foot."""
    box, roll = placed.box, stage.roll("bush", round(placed.box.x), round(placed.box.y))
    one, two = (stage.lit(stage.tone(code, 0.3)) for code in LEAVES.get(stage.season, LEAVES[""]))
    grass = stage.lit(stage.tone(GRASS.get(stage.season, GRASS[""]), 0.3))
    foot, size = box.y + 1.05 * box.height, 0.075 * box.width
    for layer, (tint, rise) in enumerate(((shade(one, -0.12), 0.26), (one, 0.2), (mix(one, two, 0.6), 0.13))):
        for index in range(30):
            along_ = (index + roll.random()) / 30 * 2 - 1
            hump = math.cos(along_ * 1.45) * (0.8 + 0.2 * math.sin(9 * along_ + layer))
            x = box.x + box.width * (0.5 + 0.72 * along_)
            y = foot - box.height * rise * hump * roll.uniform(0.35, 1.0)
            _leaf(
                stage,
                x,
                y,
                size * roll.uniform(0.8, 1.5),
                roll.uniform(-2.6, -0.5),
                shade(tint, roll.uniform(-0.05, 0.05)),
            )
    for index in range(46):
        x = box.x + box.width * (-0.25 + 1.5 * (index + roll.random()) / 46)
        tall = box.height * roll.uniform(0.05, 0.14)
        blade = skia.Path()
        lean = roll.uniform(-0.35, 0.35) * tall
        blade.moveTo(x - 0.012 * box.width, foot + 4)
        blade.quadTo(x, foot - tall * 0.5, x + lean, foot - tall)
        blade.quadTo(x + 0.012 * box.width, foot - tall * 0.4, x + 0.014 * box.width, foot + 4)
        blade.close()
        stage.fill(blade, shade(grass, roll.uniform(-0.14, 0.04)))


def _leaf(stage: Stage, x: float, y: float, size: float, turn: float, colour: RGB) -> None:
    c, s = math.cos(turn) * size, math.sin(turn) * size
    path = skia.Path()
    path.moveTo(x - c, y - s)
    path.quadTo(x - s * 0.75, y + c * 0.75, x + c, y + s)
    path.quadTo(x + s * 0.75, y - c * 0.75, x - c, y - s)
    stage.fill(path, colour)
