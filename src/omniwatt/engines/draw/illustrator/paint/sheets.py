"""Sheets of one colour: hills, peaks, waves, trees and towers as they are cut from paper."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import skia

from omniwatt.engines.draw.illustrator.paint.colours import RGB, rgb, shade
from omniwatt.engines.draw.illustrator.paint.shapes import across, circles, conifer, outline, polygon, waves
from omniwatt.engines.draw.illustrator.paint.stage import MARGIN, Stage, argb
from omniwatt.engines.draw.illustrator.paint.towers import body, row

_LIFT, _SOFT = (5.0, 2.0), 9.0
"""How far a sheet's shadow falls and how soft it is, in design units."""


class Sheet(NamedTuple):
    """`shape` with its colour, `at` (0 the horizon, 1 the lower edge; below 0 above it) and height in units."""

    shape: str
    colour: str
    at: float
    tall: float = 60.0
    wave: float = 420.0


def lay(stage: Stage, path: Any, colour: RGB, deep: bool, lip: float = 0.06) -> None:
    """One sheet: its shadow on what is below it, itself, and the light on its cut edge."""
    if deep:
        soft = skia.Paint(Color=argb((0.06, 0.05, 0.14), 0.6), AntiAlias=True)
        soft.setMaskFilter(skia.MaskFilter.MakeBlur(skia.BlurStyle.kNormal_BlurStyle, _SOFT))
        side = -_LIFT[0] if stage.light.x > stage.width / 2 else _LIFT[0]
        stage.canvas.save()
        stage.canvas.translate(side, _LIFT[1])
        stage.canvas.drawPath(path, soft)
        stage.canvas.restore()
    stage.fill(path, colour)
    if deep:
        stage.line(path, shade(colour, lip), 1.4, 0.8)


Told = tuple[int, bool]
"""Which sheet it is, for its chance; and whether it casts a shadow."""


def _ridge(stage: Stage, sheet: Sheet, y: float, told: Told, gain: float = 0.35) -> Any:
    x = across(-MARGIN, stage.width + MARGIN, 1)
    line = (
        y - sheet.tall * 0.5 + sheet.tall * waves(x, sheet.wave, stage.number("sheet", told[0]), fine=0.02, gain=gain)
    )
    return x, line


def _hills(stage: Stage, sheet: Sheet, y: float, colour: RGB, told: Told) -> None:
    x, line = _ridge(stage, sheet, y, told)
    lay(stage, outline(x, line, stage.height + MARGIN), colour, told[1])


def _level(stage: Stage, sheet: Sheet, y: float, colour: RGB, told: Told) -> None:
    path = skia.Path()
    path.addRect(stage.rect(y, stage.height + MARGIN))
    lay(stage, path, colour, told[1])


def _peaks(stage: Stage, sheet: Sheet, y: float, colour: RGB, told: Told) -> None:
    roll = stage.roll("peaks", told[0])
    tops, x = [], -MARGIN - roll.uniform(0, sheet.wave)
    while x < stage.width + sheet.wave:
        tops.append((x, y - sheet.tall * roll.uniform(0.5, 1.0), sheet.wave * roll.uniform(0.75, 1.15)))
        x += sheet.wave * roll.uniform(0.6, 0.9)
    for top_x, top, half in sorted(tops, key=lambda one: one[1]):
        foot = y + 60
        wide = half * (foot - top) / sheet.tall
        path = polygon([(top_x - wide, foot), (top_x, top), (top_x + wide, foot)])
        lay(stage, path, colour, told[1])
        side = 1 if stage.light.x < top_x else -1
        stage.fill(
            polygon([(top_x, top), (top_x + side * wide, foot), (top_x + side * wide * 0.12, foot)]),
            shade(colour, -0.06),
        )
        cut, drop = wide * 0.3, (foot - top) * 0.3
        cap = [(-cut, 1.0), (-cut * 0.45, 0.78), (-cut * 0.1, 1.12), (cut * 0.4, 0.8), (cut, 1.0), (0.0, 0.0)]
        snow = polygon([(top_x + x, top + drop * down) for x, down in cap])
        lay(stage, snow, stage.far(stage.lit((0.97, 0.98, 1.0)), 0.5), told[1])


def _waves(stage: Stage, sheet: Sheet, y: float, colour: RGB, told: Told) -> None:
    """Scallops with points between them, as waves are cut."""
    path, x = skia.Path(), -MARGIN - sheet.wave * stage.roll("waves", told[0]).random()
    path.moveTo(x, stage.height + MARGIN)
    path.lineTo(x, y)
    while x < stage.width + MARGIN:
        path.cubicTo(
            x + sheet.wave * 0.2,
            y + sheet.tall,
            x + sheet.wave * 0.66,
            y + sheet.tall,
            x + sheet.wave,
            y - sheet.tall * 0.6,
        )
        path.quadTo(x + sheet.wave * 0.985, y + sheet.tall * 0.1, x + sheet.wave * 1.06, y)
        x += sheet.wave * 1.06
    path.lineTo(x, stage.height + MARGIN)
    path.close()
    lay(stage, path, colour, told[1], 0.1)


def _dunes(stage: Stage, sheet: Sheet, y: float, colour: RGB, told: Told) -> None:
    """Long crests with a dark side away from the light."""
    roll = stage.roll("dunes", told[0])
    x, low = -MARGIN - roll.uniform(0, sheet.wave), stage.height + MARGIN
    whole, dark = skia.Path(), skia.Path()
    whole.addRect(stage.rect(y + 6, low))
    while x < stage.width + MARGIN:
        wide, tall = sheet.wave * roll.uniform(0.8, 1.2), sheet.tall * roll.uniform(0.7, 1.2)
        crest = x + wide * (0.62 if stage.light.x < stage.width / 2 else 0.38)
        one = skia.Path()
        one.moveTo(x - wide * 0.5, low)
        one.lineTo(x - wide * 0.5, y + 8)
        one.cubicTo(x, y, crest - wide * 0.2, y - tall, crest, y - tall)
        one.cubicTo(crest + wide * 0.1, y - tall * 0.4, x + wide, y, x + wide * 1.5, y + 8)
        one.lineTo(x + wide * 1.5, low)
        one.close()
        whole = skia.Op(whole, one, skia.PathOp.kUnion_PathOp)
        dark.moveTo(crest, y - tall)
        dark.cubicTo(crest + wide * 0.1, y - tall * 0.4, x + wide, y, x + wide * 1.5, y + 8)
        dark.cubicTo(x + wide * 0.9, y + tall * 0.5, crest + wide * 0.02, y + tall * 0.3, crest, y - tall)
        x += wide * 0.9
    lay(stage, whole, colour, told[1])
    stage.canvas.save()
    stage.canvas.clipPath(whole, doAntiAlias=True)
    stage.fill(dark, shade(colour, -0.08))
    stage.canvas.restore()


def _mesas(stage: Stage, sheet: Sheet, y: float, colour: RGB, told: Told) -> None:
    roll = stage.roll("mesas", told[0])
    for index in range(3):
        x, half = stage.width * (0.12 + 0.36 * index + roll.uniform(-0.06, 0.06)), roll.uniform(50, 110)
        top = y - sheet.tall * roll.uniform(0.4, 1.0)
        lay(
            stage,
            polygon([(x - half * 1.4, y + 20), (x - half, top), (x + half, top), (x + half * 1.4, y + 20)]),
            colour,
            told[1],
        )


def _firs(stage: Stage, sheet: Sheet, y: float, colour: RGB, told: Told) -> None:
    roll = stage.roll("paper firs", told[0])
    path, x = skia.Path(), -MARGIN
    middle = told[0] > 3
    while x < stage.width + MARGIN:
        away = abs(x / stage.width - 0.5) * 2
        if not middle or away > 0.45:
            conifer(path, x, y + 8, sheet.tall * roll.uniform(0.6, 1.1), roll)
        x += sheet.tall * roll.uniform(0.24, 0.46)
    path.addRect(stage.rect(y + 2, y + 40))
    path.setFillType(skia.PathFillType.kWinding)
    lay(stage, path, colour, told[1], 0.03)


def _round(stage: Stage, sheet: Sheet, y: float, colour: RGB, told: Told) -> None:
    """Trees with round crowns; far ones stand close."""
    roll = stage.roll("paper trees", told[0])
    stems, crowns, x = skia.Path(), [], -MARGIN
    while x < stage.width + MARGIN:
        tall = sheet.tall * roll.uniform(0.6, 1.05)
        stems.addRect(skia.Rect.MakeLTRB(x - tall * 0.04, y - tall * 0.4, x + tall * 0.04, y + 14))
        crowns += [
            (x + roll.gauss(0, 0.14) * tall, y - tall * roll.uniform(0.5, 0.8), tall * roll.uniform(0.2, 0.32))
            for _ in range(5)
        ]
        x += tall * roll.uniform(0.5, 1.1)
    stage.fill(stems, stage.lit(rgb("#6b4a3a")))
    lay(stage, circles(crowns), colour, told[1], 0.03)


def _trunks(stage: Stage, sheet: Sheet, y: float, colour: RGB, told: Told) -> None:
    roll = stage.roll("trunks", told[0])
    path, x = skia.Path(), -MARGIN + roll.uniform(0, 80)
    near = told[0] / 5
    while x < stage.width + MARGIN:
        if near < 0.5 or abs(x / stage.width - 0.5) > 0.2:
            half = roll.uniform(12, 24) * (0.6 + 1.3 * near)
            path.addPath(
                polygon([(x - half * 1.5, y + 16), (x - half, -MARGIN), (x + half, -MARGIN), (x + half * 1.5, y + 16)])
            )
        x += roll.uniform(90, 190) * (0.7 + near)
    lay(stage, path, colour, told[1], 0.04)


def _leaves(stage: Stage, sheet: Sheet, y: float, colour: RGB, told: Told) -> None:
    """Foliage that hangs in from above, in two sheets."""
    for sheet_, (share, step) in enumerate(((1.0, 0.0), (0.66, -0.06))):
        roll = stage.roll("foliage", sheet_)
        puffs = []
        for index in range(26):
            x = -MARGIN + (stage.width + 2 * MARGIN) * (index + roll.random()) / 26
            away = abs(x / stage.width - 0.5) * 2
            puffs.append(
                (x, -20 + sheet.tall * share * (0.1 + 0.75 * away**1.6) * roll.uniform(0.7, 1.1), roll.uniform(50, 86))
            )
        path = circles(puffs)
        path.addRect(stage.rect(-MARGIN - 200, -MARGIN + 40))
        lay(stage, path, shade(colour, step), told[1], 0.03)


def _palms(stage: Stage, sheet: Sheet, y: float, colour: RGB, told: Told) -> None:
    """One palm at the side."""
    x, top = stage.width * 0.86, y - sheet.tall
    stem = skia.Path()
    stem.moveTo(x - 15, y + 10)
    stem.quadTo(x - 4, y - sheet.tall * 0.5, x - 48, top)
    stem.lineTo(x - 36, top - 6)
    stem.quadTo(x + 18, y - sheet.tall * 0.5, x + 17, y + 10)
    stem.close()
    lay(stage, stem, stage.lit(rgb("#9a6b46")), told[1])
    for index in range(7):
        turn = math.radians(-200 + 37 * index)
        reach = 150 + 26 * (index % 2)
        dx, dy = math.cos(turn) * reach, math.sin(turn) * reach * 0.72
        leaf = skia.Path()
        leaf.moveTo(x - 42, top)
        leaf.quadTo(x - 42 + dx * 0.5, top + dy * 0.6 - 66, x - 42 + dx, top + dy + 40)
        leaf.quadTo(x - 42 + dx * 0.4, top + dy * 0.5 - 22, x - 42, top)
        lay(stage, leaf, shade(colour, -0.05 + 0.03 * (index % 3)), told[1])


def _towers(stage: Stage, sheet: Sheet, y: float, colour: RGB, told: Told) -> None:
    roll = stage.roll("paper towers", told[0])
    glass = rgb("#ffe3a0") if stage.light.dark else shade(colour, 0.1)
    for tower in row(stage, 40 + told[0], y + 6, sheet.tall * 0.45, sheet.tall, 96):
        lay(stage, body(tower, roll), shade(colour, roll.uniform(-0.03, 0.03)), told[1])
        panes, step = skia.Path(), 22.0
        for line in range(1, int((tower.foot - tower.top - 30) / step)):
            for place in range(int((tower.width - 16) / step)):
                if roll.random() < 0.55:
                    panes.addRect(skia.Rect.MakeXYWH(tower.x + 10 + place * step, tower.top + 10 + line * step, 11, 13))
        stage.fill(panes, glass, 0.9 if stage.light.dark else 0.55)


def _path(stage: Stage, sheet: Sheet, y: float, colour: RGB, told: Told) -> None:
    low, middle = stage.height + MARGIN, stage.width * 0.5
    path = skia.Path()
    path.moveTo(middle + 14, y)
    path.cubicTo(middle + 70, y + (low - y) * 0.3, middle - 130, y + (low - y) * 0.5, middle - 60, low)
    path.lineTo(middle + 240, low)
    path.cubicTo(middle + 60, y + (low - y) * 0.5, middle + 130, y + (low - y) * 0.3, middle + 34, y)
    path.close()
    lay(stage, path, colour, told[1])


def _blooms(stage: Stage, sheet: Sheet, y: float, colour: RGB, told: Told) -> None:
    roll = stage.roll("blooms")
    tints = ("#ff7d9c", "#ffd84f", "#ffffff", "#b79bff", "#ff9f5a")
    for _ in range(int(26 * stage.width / 1000)):
        near = roll.random()
        x, at = roll.uniform(-MARGIN, stage.width + MARGIN), y + (stage.height + 20 - y) * near
        if abs(x / stage.width - 0.5) < 0.24:
            continue
        size, turn = 9 + 15 * near, roll.random()
        petals = [
            (x + size * 0.7 * math.cos(turn + 1.2566 * k), at + size * 0.7 * math.sin(turn + 1.2566 * k), size * 0.52)
            for k in range(5)
        ]
        lay(stage, circles(petals), stage.lit(rgb(roll.choice(tints))), told[1])
        stage.fill(circles([(x, at, size * 0.42)]), stage.lit(rgb("#f6b93b")))


def _blades(stage: Stage, sheet: Sheet, y: float, colour: RGB, told: Told) -> None:
    roll = stage.roll("paper blades", told[0])
    points, x = [(-MARGIN, stage.height + MARGIN)], -MARGIN
    while x < stage.width + MARGIN:
        away = abs(x / stage.width - 0.5) * 2
        points += [
            (x, y + 22),
            (x + roll.uniform(2, 12), y + 22 - sheet.tall * (0.3 + 0.9 * away) * roll.uniform(0.5, 1.3)),
        ]
        x += roll.uniform(9, 20)
    lay(stage, polygon([*points, (x, y + 22), (x, stage.height + MARGIN)]), shade(colour, -0.08), told[1])


SHAPES: dict[str, Callable[[Stage, Sheet, float, RGB, Told], None]] = {
    "hills": _hills, "level": _level, "water": _level, "peaks": _peaks, "waves": _waves, "dunes": _dunes,
    "mesas": _mesas,
    "firs": _firs, "round": _round, "trunks": _trunks, "leaves": _leaves, "palms": _palms, "towers": _towers,
    "path": _path, "blooms": _blooms, "blades": _blades,
}  # fmt: skip
