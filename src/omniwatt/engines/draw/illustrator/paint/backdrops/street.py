"""A street that runs away from the viewer: shop fronts on both sides, awnings, lamps, trees, a strip of sky."""

import itertools
import random

import skia

from omniwatt.engines.draw.illustrator.paint.backdrops.city import day_row
from omniwatt.engines.draw.illustrator.paint.colours import RGB, mix, rgb, shade
from omniwatt.engines.draw.illustrator.paint.shapes import polygon
from omniwatt.engines.draw.illustrator.paint.skies import heaps, sky
from omniwatt.engines.draw.illustrator.paint.stage import MARGIN, Stage, along
from omniwatt.engines.draw.illustrator.paint.towers import row
from omniwatt.engines.draw.illustrator.paint.woods import leafy

WALLS = ("#e0b48a", "#c98a6a", "#e8d3a9", "#a9bcae", "#d69a86", "#b9c6d3", "#efe0c4", "#c7a58e")
AWNINGS = ("#c8453c", "#2f7d6b", "#d99a2b", "#35619e", "#8d4a86")
GLASS_DAY, GLASS_NIGHT = "#6f8da3", "#ffd48a"


def behind(stage: Stage) -> None:
    foot = stage.horizon
    sky(stage)
    if not stage.light.dark and not stage.layout.scene.weather:
        heaps(stage, foot, 2)
    day_row(stage, row(stage, 0, foot + 2, foot * 0.12, foot * 0.34, 54), 0, 0.15, 6)
    _road(stage, foot)
    for side in (-1, 1):
        _side(stage, side, foot)
    _furniture(stage, foot)


def _place(stage: Stage, side: int, near: float, up: float) -> tuple[float, float]:
    """A point of the side wall: `near` 0 at the vanishing point to 1 at the viewer, `up` in storeys."""
    middle, foot = stage.width / 2, stage.horizon
    x = middle + side * (14 + stage.width * 0.60 * near)
    y = foot + (stage.height - foot) * 0.74 * near - up * stage.height * 0.26 * (near + 0.012)
    return x, y


def _side(stage: Stage, side: int, foot: float) -> None:
    roll = stage.roll("side", side)
    edges = [0.05]
    while edges[-1] < 1.35:
        edges.append(edges[-1] * roll.uniform(1.32, 1.6))
    for a, b in itertools.pairwise(edges):
        storeys = roll.choice((3.0, 3.4, 4.0, 4.5))
        wall = stage.lit(stage.tone(WALLS[roll.randrange(len(WALLS))], 0.3))
        if side * (stage.light.x - stage.width / 2) > 0:
            wall = shade(wall, -0.11, 1.0, -6)
        _house(stage, side, a, b, storeys, stage.far(wall, min(0.25 + a, 1.0)), roll.randrange(1 << 30))


def _quad(stage: Stage, side: int, a: float, b: float, low: float, high: float) -> skia.Path:
    return polygon(
        [
            _place(stage, side, a, low),
            _place(stage, side, b, low),
            _place(stage, side, b, high),
            _place(stage, side, a, high),
        ]
    )


def _house(stage: Stage, side: int, a: float, b: float, storeys: float, wall: RGB, seed: int) -> None:
    roll = random.Random(seed)  # noqa: S311 - a picture, no secret
    night = stage.light.dark
    if night:
        wall = mix(wall, rgb("#12142a"), 0.35)
    stage.upright(_quad(stage, side, a, b, 0, storeys), [(0, shade(wall, 0.04), 1), (1, shade(wall, -0.08), 1)])
    stage.fill(_quad(stage, side, a, b, storeys, storeys + 0.14), shade(wall, -0.14))
    stage.fill(_quad(stage, side, a, b, 0.98, 1.06), shade(wall, -0.1))
    glass, warm = rgb(GLASS_DAY), rgb(GLASS_NIGHT)
    bays = 3
    for bay in range(bays):
        near0, near1 = (a * (b / a) ** ((bay + inset) / bays) for inset in (0.2, 0.8))
        for storey in range(1, int(storeys)):
            lit = night and roll.random() < 0.6
            colour = warm if lit else stage.lit(shade(glass, 0.1 * roll.random()))
            stage.fill(_quad(stage, side, near0, near1, storey + 0.22, storey + 0.82), shade(wall, 0.1))
            inner0, inner1 = near0 * 1.008, near1 * 0.992
            stage.upright(
                _quad(stage, side, inner0, inner1, storey + 0.26, storey + 0.79),
                [(0, shade(colour, 0.1), 1), (1, shade(colour, -0.08), 1)],
            )
    shop0, shop1 = a * (b / a) ** 0.08, a * (b / a) ** 0.92
    inside = warm if night else stage.lit(rgb("#8fa6ad"))
    stage.upright(
        _quad(stage, side, shop0, shop1, 0.1, 0.72), [(0, shade(inside, 0.08), 1), (1, shade(inside, -0.12), 1)]
    )
    awning = stage.lit(rgb(AWNINGS[roll.randrange(len(AWNINGS))]))
    stripes = 7
    for part in range(stripes):
        n0, n1 = (shop0 * (shop1 / shop0) ** ((part + inset) / stripes) for inset in (0.0, 1.0))
        top0, top1 = _place(stage, side, n0, 0.92), _place(stage, side, n1, 0.92)
        low0, low1 = _place(stage, side, n0, 0.7), _place(stage, side, n1, 0.7)
        out = side * -0.055 * stage.width
        quad = polygon([top0, top1, (low1[0] + out * n1, low1[1] + 10 * n1), (low0[0] + out * n0, low0[1] + 10 * n0)])
        stage.fill(quad, awning if part % 2 else mix(awning, (1, 1, 1), 0.75))
    if night:
        x, y = _place(stage, side, (shop0 + shop1) / 2, 0.4)
        stage.glow(x, y, 260 * b + 20, warm, 0.4)


def _road(stage: Stage, foot: float) -> None:
    stone, tar = stage.lit(rgb("#cdc3b2")), stage.lit(rgb("#77787c"))
    low = stage.height + MARGIN
    stage.wash([(0, stage.far(stone, 0.2), 1), (1, shade(stone, -0.08), 1)], foot, low)
    middle = stage.width / 2
    road = polygon(
        [(middle - 8, foot), (middle + 8, foot), (middle + stage.width * 0.52, low), (middle - stage.width * 0.52, low)]
    )
    stage.shaded(road, along(0, foot, 0, low, [(0, stage.far(tar, 0.2), 1), (0.4, tar, 1), (1, shade(tar, -0.09), 1)]))
    for side in (-1, 1):
        stage.fill(
            polygon(
                [
                    (middle + side * 8, foot),
                    (middle + side * 9, foot),
                    (middle + side * stage.width * 0.545, low),
                    (middle + side * stage.width * 0.52, low),
                ]
            ),
            shade(stone, 0.06),
        )
    near = 1.0
    while near > 0.03:
        y0, y1 = foot + (low - foot) * near, foot + (low - foot) * near * 0.8
        stage.fill(
            polygon(
                [(middle - 8 * near, y0), (middle + 8 * near, y0), (middle + 6.4 * near, y1), (middle - 6.4 * near, y1)]
            ),
            (0.96, 0.95, 0.9),
            0.75,
        )
        near *= 0.62


def _furniture(stage: Stage, foot: float) -> None:
    """Lamps and trees along both kerbs, far to near."""
    roll = stage.roll("kerb")
    counted = any(placed.sprite.endswith("-tree") for placed in stage.layout.placed)
    bare = counted or "trees" in stage.layout.scene.without
    iron = stage.lit(rgb("#2f3a40"))
    for near in (0.09, 0.16, 0.27, 0.44):
        for side in (-1, 1):
            x = stage.width / 2 + side * (10 + stage.width * 0.50 * near)
            y = foot + (stage.height - foot) * near * 0.86
            size = stage.height * 0.62 * near
            if (near in (0.16, 0.44)) != (side > 0):
                if not bare:
                    leafy(stage, x, y, size * 1.05, min(0.4 + near, 1.0), roll)
                continue
            post = polygon(
                [
                    (x - size * 0.012, y),
                    (x + size * 0.012, y),
                    (x + size * 0.008, y - size),
                    (x - size * 0.008, y - size),
                ]
            )
            stage.fill(post, iron)
            lamp = skia.Path()
            lamp.addOval(skia.Rect.MakeLTRB(x - size * 0.05, y - size * 1.09, x + size * 0.05, y - size * 0.98))
            stage.fill(lamp, rgb("#fff0c9"))
            if stage.light.dark or stage.time == "dusk":
                stage.glow(x, y - size, size * 0.8, rgb("#ffd48a"), 0.8)
