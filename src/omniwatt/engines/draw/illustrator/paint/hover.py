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
    x = box.x + box.width * (0.08 if placed.flip else 0.92)
    reach, bend = box.width * roll.uniform(1.8, 3.0), box.height * roll.uniform(-0.5, 0.9)
    for lamp in (0.52, 0.66):
        y = box.y + box.height * lamp
        path = skia.Path()
        path.moveTo(x, y)
        path.quadTo(x + back * reach * 0.5, y, x + back * reach, y + bend)
        for width, alpha, tint in ((0.2, 0.16, colour), (0.05, 0.85, mix(colour, (1, 1, 1), 0.45))):
            shade = along(x, y, x + back * reach, y, [(0, tint, alpha), (0.3, tint, alpha * 0.7), (1, tint, 0)])
            paint = skia.Paint(Shader=shade, AntiAlias=True, Style=skia.Paint.kStroke_Style)
            paint.setStrokeWidth(width * box.height)
            paint.setStrokeCap(skia.Paint.kRound_Cap)
            paint.setBlendMode(skia.BlendMode.kScreen)
            stage.canvas.drawPath(path, paint)


def under(stage: Stage, placed: Placed) -> None:
    """The light of what it hovers on; after the vehicle is painted."""
    box, roll = placed.box, stage.roll("under", round(placed.box.x), round(placed.box.y))
    colour = rgb(roll.choice(_UNDER))
    for share in (0.24, 0.76):
        x, y = box.x + box.width * share, box.y + box.height * 0.97
        stage.canvas.save()
        stage.canvas.translate(x, y)
        stage.canvas.scale(1.0, 0.42)
        stage.glow(0, 0, box.width * 0.3, colour, 0.95)
        disc = skia.Path()
        disc.addCircle(0, 0, box.width * 0.09)
        stage.fill(disc, mix(colour, (1, 1, 1), 0.7), 0.9)
        stage.canvas.restore()
