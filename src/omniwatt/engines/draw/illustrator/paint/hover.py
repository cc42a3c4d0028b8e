"""What holds a hovering vehicle up and where it came from: light under it, a trail behind it."""

import skia

from omniwatt.engines.draw.illustrator.layout import Placed
from omniwatt.engines.draw.illustrator.paint.colours import mix, rgb
from omniwatt.engines.draw.illustrator.paint.stage import Stage, along

_UNDER = ("#35e0ff", "#b48cff", "#4fd8ff")
_BEHIND = ("#ff4f7a", "#ff9a4d", "#ff4fb8", "#ffd27a")


def trail(stage: Stage, placed: Placed) -> None:
    """Its lamps' trail, along the way it has come; before the vehicle is painted."""
    box, roll = placed.box, stage.roll("trail", round(placed.box.x), round(placed.box.y))
    colour = rgb(roll.choice(_BEHIND))
    back = -1.0 if placed.flip else 1.0
    x, y = box.x + box.width * (0.1 if placed.flip else 0.9), box.y + box.height * 0.52
    reach, bend = box.width * roll.uniform(1.6, 2.6), box.height * roll.uniform(-0.4, 0.8)
    for thick, alpha, tint in ((0.34, 0.2, colour), (0.17, 0.5, colour), (0.06, 0.95, mix(colour, (1, 1, 1), 0.6))):
        half = thick * box.height
        path = skia.Path()
        path.moveTo(x, y - half)
        path.quadTo(x + back * reach * 0.5, y - half * 0.6, x + back * reach, y + bend)
        path.quadTo(x + back * reach * 0.5, y + half * 0.6, x, y + half)
        path.close()
        shade = along(x, y, x + back * reach, y, [(0, tint, alpha), (0.4, tint, alpha * 0.6), (1, tint, 0)])
        stage.canvas.drawPath(path, skia.Paint(Shader=shade, AntiAlias=True, BlendMode=skia.BlendMode.kScreen))


def under(stage: Stage, placed: Placed) -> None:
    """The light of what it hovers on and of its lamps; after the vehicle is painted."""
    box, roll = placed.box, stage.roll("under", round(placed.box.x), round(placed.box.y))
    colour = rgb(roll.choice(_UNDER))
    for share in (0.24, 0.75):
        stage.canvas.save()
        stage.canvas.translate(box.x + box.width * share, box.y + box.height * 0.97)
        stage.canvas.scale(1.0, 0.5)
        stage.glow(0, 0, box.width * 0.2, colour, 0.95)
        stage.canvas.restore()
    ahead = 1.0 if placed.flip else -1.0
    x, y = box.x + box.width * (0.96 if placed.flip else 0.04), box.y + box.height * 0.58
    beam = skia.Path()
    beam.moveTo(x, y - 0.04 * box.height)
    beam.lineTo(x + ahead * 0.8 * box.width, y - 0.34 * box.height)
    beam.lineTo(x + ahead * 0.8 * box.width, y + 0.5 * box.height)
    beam.lineTo(x, y + 0.06 * box.height)
    beam.close()
    pale = rgb("#fff3cf")
    shade = along(x, y, x + ahead * 0.8 * box.width, y, [(0, pale, 0.5), (0.35, pale, 0.16), (1, pale, 0)])
    stage.canvas.drawPath(beam, skia.Paint(Shader=shade, AntiAlias=True, BlendMode=skia.BlendMode.kScreen))
    stage.glow(x, y, box.width * 0.13, pale, 0.9)
