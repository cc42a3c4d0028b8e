"""A street's two walls of buildings in one-point perspective, by night: windows, floor lines, boards over the street.

A place on a wall is told by `near` (1 where the wall leaves the picture, 0 at the vanishing point) and a height.
"""

import random
from dataclasses import dataclass
from typing import Any

import skia

from omniwatt.engines.draw.illustrator.paint.colours import RGB, mix, rgb, shade
from omniwatt.engines.draw.illustrator.paint.shapes import polygon
from omniwatt.engines.draw.illustrator.paint.stage import Stage, along
from omniwatt.engines.draw.illustrator.paint.towers import NEONS, WARM, board, tube

_HALF, _TALL, _DROP = 0.6, 1.9, 0.62
"""Half the street at `near` 1, as a share of the width; a block's height and the ground's fall there, in horizons."""


@dataclass(frozen=True)
class Block:
    """One building: where its wall begins and ends, its height (1 usual), which side."""

    side: int
    near: float
    far: float
    tall: float


def blocks(stage: Stage) -> list[Block]:
    """Both sides, far to near."""
    made = []
    for side in (-1, 1):
        roll, near = stage.roll("canyon", side), 1.25
        while near > 0.13:
            far = near * roll.uniform(0.62, 0.76)
            made.append(Block(side, near, far, roll.uniform(0.62, 1.12)))
            near = far * roll.uniform(0.93, 0.98)
    return sorted(made, key=lambda block: block.near)


class Wall:
    """Where places on a side's wall are in the picture."""

    def __init__(self, stage: Stage, side: int) -> None:
        self.middle, self.foot = stage.width / 2, stage.horizon
        self.reach = side * _HALF * stage.width
        self.high = _TALL * stage.horizon
        self.low = _DROP * (stage.height - stage.horizon)

    def at(self, near: float, up: float) -> tuple[float, float]:
        """A point; `up` 0 at the ground, 1 at a usual block's top."""
        return self.middle + self.reach * near, self.foot + (self.low - (self.low + self.high) * up) * near

    def quad(self, near: float, far: float, low: float, high: float) -> list[tuple[float, float]]:
        return [self.at(near, low), self.at(near, high), self.at(far, high), self.at(far, low)]


def paint(stage: Stage) -> None:
    """Both walls with everything on them, far to near."""
    for number, block in enumerate(blocks(stage)):
        wall, roll = Wall(stage, block.side), stage.roll("block", number)
        _body(stage, wall, block, roll)
        _windows(stage, wall, block, roll)
        _lines(stage, wall, block, roll)
        _shops(stage, wall, block, roll)
        for _ in range(roll.choice((1, 2, 2, 3))):
            _hanging(stage, wall, block, roll)


def _body(stage: Stage, wall: Wall, block: Block, roll: random.Random) -> None:
    haze = mix(stage.tone("#7a3fb0", 0.5), stage.tone("#d04a9e", 0.5), roll.random())
    dark = mix(rgb("#0b0d26"), haze, 0.62 * (1 - min(block.near, 1.0)) ** 1.4)
    x, top = wall.at(block.near, block.tall)
    _, foot = wall.at(block.near, 0)
    edge = x + block.side * stage.width
    front = polygon([(x, foot), (x, top), (edge, top), (edge, foot)])
    stage.shaded(front, along(0, top, 0, foot, [(0, shade(dark, -0.03), 1), (1, mix(dark, haze, 0.3), 1)]))
    side = polygon(wall.quad(block.near, block.far, 0, block.tall))
    lit = mix(dark, haze, 0.16)
    stage.shaded(side, along(0, top, 0, foot, [(0, shade(dark, 0.02), 1), (0.6, lit, 1), (1, mix(lit, haze, 0.45), 1)]))


def _windows(stage: Stage, wall: Wall, block: Block, roll: random.Random) -> None:
    mood = roll.choice((WARM, ("#bfe6ff", "#8fd0ff", "#e8f6ff"), ("#ffb3e2", "#c9a0ff", "#ffd9f0"), WARM))
    paths = [skia.Path() for _ in mood]
    columns, rows = roll.choice((5, 6, 8)), int(17 * block.tall)
    lit, ribbon = roll.uniform(0.2, 0.5), roll.random() < 0.3
    ratio = block.far / block.near
    for row in range(1, rows):
        low = (row + 0.28) / rows * block.tall
        high = (row + 0.72) / rows * block.tall
        whole = roll.random() < (0.3 if ribbon else 0.06)
        for column in range(columns):
            if not whole and roll.random() > lit:
                continue
            one, two = (block.near * ratio ** ((column + part) / columns) for part in (0.16, 0.84))
            paths[roll.randrange(len(mood))].addPoly(
                [skia.Point(x, y) for x, y in wall.quad(one, two, low, high)], True
            )
    dim = 0.25 + 0.6 * min(block.near, 1.0)
    for path, tint in zip(paths, mood, strict=True):
        stage.fill(path, rgb(tint), dim * roll.uniform(0.6, 1.0))


def _lines(stage: Stage, wall: Wall, block: Block, roll: random.Random) -> None:
    """Neon along the eaves and up the corner of some."""
    if roll.random() > 0.72:
        return
    colour = rgb(NEONS[roll.randrange(len(NEONS))])
    path = skia.Path()
    path.moveTo(*wall.at(block.near, 0.16))
    path.lineTo(*wall.at(block.near, block.tall))
    path.lineTo(*wall.at(block.far, block.tall))
    if roll.random() < 0.5:
        up = roll.uniform(0.3, 0.6)
        path.moveTo(*wall.at(block.near, up))
        path.lineTo(*wall.at(block.far, up))
    tube(stage, path, colour, 0.8 + 2.6 * min(block.near, 1.0))


def _shops(stage: Stage, wall: Wall, block: Block, roll: random.Random) -> None:
    """Lit fronts at the foot, each in its colour, with an awning's dark line."""
    count = roll.choice((2, 3))
    ratio = block.far / block.near
    for index in range(count):
        one, two = (block.near * ratio ** ((index + part) / count) for part in (0.06, 0.94))
        colour = rgb(roll.choice((*NEONS, "#ffd58a", "#ffe2ac", "#ffd58a")))
        x, y = wall.at((one + two) / 2, 0.05)
        stage.glow(x, y, 190 * one, colour, 0.5)
        pane = polygon(wall.quad(one, two, 0.012, 0.082))
        stage.fill(pane, mix(colour, (1, 1, 1), 0.4), 0.92)
        people = skia.Path()
        for _ in range(roll.randrange(4)):
            x, foot = wall.at(two + (one - two) * roll.random(), 0.004)
            tall = 66 * one
            people.addRoundRect(
                skia.Rect.MakeXYWH(x - tall * 0.11, foot - tall * 0.74, tall * 0.22, tall * 0.74),
                tall * 0.08,
                tall * 0.08,
            )
            people.addCircle(x, foot - tall * 0.86, tall * 0.1)
        stage.fill(people, rgb("#0a0a1c"), 0.9)
        stage.fill(polygon(wall.quad(one, two, 0.082, 0.1)), mix(colour, (0, 0, 0.05), 0.55), 1.0)


def _hanging(stage: Stage, wall: Wall, block: Block, roll: random.Random) -> None:
    """A board that stands out over the street and faces the viewer."""
    near = block.far + (block.near - block.far) * roll.random()
    if near > 0.98:
        return
    up = roll.uniform(0.16, 0.55) * block.tall
    tall, wide = roll.uniform(0.09, 0.2), roll.uniform(30, 52) * near
    x, top = wall.at(near, up + tall)
    _, foot = wall.at(near, up)
    left = x if block.side < 0 else x - wide
    colour: RGB = rgb(NEONS[roll.randrange(len(NEONS))])
    arm: Any = skia.Path()
    arm.addRect(skia.Rect.MakeLTRB(min(x, left), top + 4 * near, max(x, left + wide), top + 8 * near))
    stage.fill(arm, rgb("#14142c"))
    board(stage, left, top + 6 * near, wide, foot - top, colour, roll)
