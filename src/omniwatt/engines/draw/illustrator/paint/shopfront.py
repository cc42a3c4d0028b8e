"""A shop that carries the sign a street scene asks for: letters hang on something."""

import skia

from omniwatt.engines.draw.illustrator.layout import Box
from omniwatt.engines.draw.illustrator.paint.colours import RGB, mix, rgb, shade
from omniwatt.engines.draw.illustrator.paint.stage import MARGIN, Stage, Stops

TOWNS = frozenset({"city", "night_city", "street"})
_SIGNS = ("sign", "neon")


def shopfronts(stage: Stage) -> None:
    """One for each sign that no thing carries; after the ground, before things."""
    texts = stage.layout.scene.texts
    if stage.layout.scene.backdrop not in TOWNS:
        return
    for index, text in enumerate(texts):
        boxes = [line.box for line in stage.layout.lines if line.of == index]
        if text.role in _SIGNS and text.on < 0 and boxes:
            left, top = min(box.x for box in boxes), min(box.y for box in boxes)
            right, low = max(box.x + box.width for box in boxes), max(box.y + box.height for box in boxes)
            _shop(stage, Box(left, top, right - left, low - top))


def _shop(stage: Stage, sign: Box) -> None:
    """A wall from above the sign down to the pavement, a fascia behind the letters, a lit window and a door."""
    night = stage.light.dark
    pad = 0.34 * sign.height
    left, right = sign.x - pad - 26, sign.x + sign.width + pad + 26
    # A shop at the edge of the picture goes on beyond it.
    left = -MARGIN if left < 0.12 * stage.width else left
    right = stage.width + MARGIN if right > 0.88 * stage.width else right
    foot = stage.horizon + 0.46 * (stage.height - stage.horizon)
    roll = stage.roll("shop", round(sign.x), round(sign.y))
    wall = stage.lit(rgb(roll.choice(("#5a3f46", "#40485c", "#4d4a58", "#5c4a3d"))), 0.5)
    wall = mix(wall, rgb("#0b0c1c"), 0.55) if night else shade(wall, 0.18)
    _block(stage, left, sign.y - 2.6 * pad - 60, right, foot, [(0, shade(wall, -0.05), 1), (1, shade(wall, 0.03), 1)])
    _bricks(stage, left, sign.y - 2.6 * pad - 60, right, foot, shade(wall, -0.06))
    _block(
        stage,
        left - 8,
        sign.y - 2.6 * pad - 72,
        right + 8,
        sign.y - 2.6 * pad - 58,
        [(0, shade(wall, 0.08), 1), (1, wall, 1)],
    )
    board = mix(wall, rgb("#05060e"), 0.7)
    _block(
        stage,
        sign.x - pad,
        sign.y - pad,
        sign.x + sign.width + pad,
        sign.y + sign.height + pad,
        [(0, board, 1), (1, board, 1)],
    )
    _window(stage, sign, foot, wall, night)


def _window(stage: Stage, sign: Box, foot: float, wall: RGB, night: bool) -> None:
    warm = rgb("#ffca78") if night else stage.lit(rgb("#9fb9c4"))
    top, low = sign.y + sign.height + 0.34 * sign.height + 34, foot - 14
    if low - top < 60:
        return
    left, right = sign.x - 6, sign.x + sign.width + 6
    door = right - min(0.24 * sign.width, 0.62 * (low - top))
    stage.glow((left + right) / 2, (top + low) / 2, 0.9 * sign.width, warm, 0.5 if night else 0.0)
    for x0, x1, y1 in ((left, door - 22, low - 0.2 * (low - top)), (door, right, low + 12)):
        _block(stage, x0 - 5, top - 5, x1 + 5, y1 + 4, [(0, shade(wall, -0.1), 1), (1, shade(wall, -0.1), 1)])
        _block(stage, x0, top, x1, y1, [(0, mix(warm, (1, 1, 1), 0.25), 1), (0.7, warm, 1), (1, shade(warm, -0.2), 1)])
    step = (door - 22 - left) / 4
    for bar in range(1, 4):
        _block(
            stage,
            left + bar * step - 2,
            top,
            left + bar * step + 2,
            low - 0.2 * (low - top),
            [(0, shade(wall, -0.1), 1), (1, wall, 1)],
        )
    _goods(stage, left, door - 22, top, low - 0.2 * (low - top), mix(warm, rgb("#3a1d10"), 0.75))
    _awning(stage, left - 16, top - 8, right + 16, night)
    if night:
        pool = skia.Path()
        pool.addOval(skia.Rect.MakeLTRB(left - 40, foot - 12, right + 40, foot + 70))
        stage.canvas.save()
        stage.canvas.clipRect(skia.Rect.MakeLTRB(-MARGIN, foot, stage.width + MARGIN, stage.height + MARGIN))
        stage.glow((left + right) / 2, foot, 0.75 * sign.width, warm, 0.6)
        stage.canvas.restore()


def _goods(stage: Stage, left: float, right: float, top: float, low: float, colour: RGB) -> None:
    """Shelves against the light: bottles, boxes, a row of lamps above."""
    roll = stage.roll("goods", round(left))
    for shelf in (0.62, 1.0):
        y, x = top + shelf * (low - top), left + 4
        _block(stage, left, y - 4, right, y, [(0, colour, 0.8), (1, colour, 0.8)])
        while x < right - 14:
            wide, tall = roll.uniform(7, 17), roll.uniform(0.08, 0.22) * (low - top)
            goods = mix(colour, rgb(roll.choice(("#a8324a", "#2f6d6b", "#c98a2b", "#5a3f7a"))), 0.45)
            _block(stage, x, y - 4 - tall, x + wide, y - 4, [(0, goods, 0.85), (1, goods, 0.85)])
            x += wide + roll.uniform(2, 12)
    for lamp in range(1, 4):
        x = left + (right - left) * lamp / 4
        stage.glow(x, top + 0.26 * (low - top), 46, (1.0, 0.95, 0.8), 0.9)


def _awning(stage: Stage, left: float, top: float, right: float, night: bool) -> None:
    colour = rgb("#a3263c")
    colour = mix(colour, rgb("#0b0c1c"), 0.3) if night else stage.lit(colour)
    pale, stripes = mix(colour, (1, 0.96, 0.9), 0.75), 12
    wide = (right - left) / stripes
    for part in range(stripes):
        x = left + part * wide
        path = skia.Path()
        path.addRect(skia.Rect.MakeLTRB(x, top, x + wide + 0.5, top + 24))
        path.addArc(skia.Rect.MakeLTRB(x, top + 14, x + wide, top + 34), 0, 180)
        stage.fill(path, pale if part % 2 else colour)


def _bricks(stage: Stage, left: float, top: float, right: float, low: float, colour: RGB) -> None:
    path, y, row = skia.Path(), top + 16, 0
    while y < low:
        path.moveTo(left, y)
        path.lineTo(right, y)
        x = left + (17 if row % 2 else 0)
        while x < right:
            path.moveTo(x, y)
            path.lineTo(x, y - 16)
            x += 34
        y, row = y + 16, row + 1
    stage.line(path, colour, 1.2, 0.6)


def _block(
    stage: Stage,
    left: float,
    top: float,
    right: float,
    low: float,
    stops: Stops,
) -> None:
    path = skia.Path()
    path.addRect(skia.Rect.MakeLTRB(left, top, right, low))
    stage.upright(path, stops)
