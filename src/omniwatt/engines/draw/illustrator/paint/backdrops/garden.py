"""A garden: a winding path between flower beds, hedges, blossoming trees and a pavilion at its end."""

from omniwatt.engines.draw.illustrator.paint.colours import mix, rgb, shade
from omniwatt.engines.draw.illustrator.paint.shapes import circles, polygon
from omniwatt.engines.draw.illustrator.paint.skies import heaps, sky
from omniwatt.engines.draw.illustrator.paint.stage import MARGIN, Stage, along
from omniwatt.engines.draw.illustrator.paint.woods import FLOWERS, flowers, grass_colour, ground, leafy, tussocks


def behind(stage: Stage) -> None:
    foot = stage.horizon
    sky(stage)
    if not stage.light.dark and not stage.layout.scene.weather:
        heaps(stage, foot, 2)
    _trees(stage, foot)
    ground(stage, foot, bumpy=3)
    _pavilion(stage, foot)
    _path(stage, foot)
    _hedges(stage, foot)
    _beds(stage, foot)


def _trees(stage: Stage, foot: float) -> None:
    roll = stage.roll("trees")
    blossom = rgb("#f3a9c4") if stage.season in ("", "spring") else None
    for layer, tall in ((0, 170), (1, 250)):
        count = int((9 - 3 * layer) * stage.width / 1000) + 1
        for index in range(count):
            x = (index + roll.uniform(0.1, 0.9)) / count * stage.width
            if layer and abs(x / stage.width - 0.5) < 0.2:
                continue
            leafy(
                stage,
                x,
                foot + 6 + 14 * layer,
                tall * roll.uniform(0.8, 1.2),
                0.25 + 0.3 * layer,
                roll,
                blossom if roll.random() < 0.4 else None,
            )


def _pavilion(stage: Stage, foot: float) -> None:
    if {"pavilion", "building"} & set(stage.layout.scene.without):
        return
    x, y, size = stage.width * 0.5, foot + 8, 62.0
    red, roof = stage.far(stage.lit(rgb("#b3402f")), 0.5), stage.far(stage.lit(rgb("#4d5a66")), 0.5)
    stage.fill(
        polygon([(x - size, y), (x + size, y), (x + size * 0.94, y - 9), (x - size * 0.94, y - 9)]),
        stage.lit(rgb("#c9bfae")),
    )
    for side in (-0.78, -0.3, 0.3, 0.78):
        stage.fill(
            polygon(
                [
                    (x + side * size - 3, y - 9),
                    (x + side * size + 3, y - 9),
                    (x + side * size + 3, y - 66),
                    (x + side * size - 3, y - 66),
                ]
            ),
            red,
        )
    stage.fill(
        polygon(
            [
                (x - size * 1.28, y - 62),
                (x - size * 0.5, y - 82),
                (x, y - 112),
                (x + size * 0.5, y - 82),
                (x + size * 1.28, y - 62),
                (x + size * 0.9, y - 58),
                (x - size * 0.9, y - 58),
            ]
        ),
        roof,
    )


def _path(stage: Stage, foot: float) -> None:
    """Sand-coloured, in two bends, wide at the viewer."""
    deep = stage.height + MARGIN - foot
    left, right = [], []
    for part in range(41):
        share = part / 40
        near = share**1.7
        middle = stage.width * (
            0.5 + 0.085 * near * (1.0 if stage.light.x > stage.width / 2 else -1.0) * (2.2 * (1 - near) - 0.6)
        )
        half = 10 + 150 * near
        left.append((middle - half, foot + 8 + deep * near))
        right.append((middle + half, foot + 8 + deep * near))
    sand = stage.lit(rgb("#e6d2a8"))
    path = polygon(left + right[::-1])
    stage.shaded(path, along(0, foot, 0, stage.height, [(0, stage.far(sand, 0.3), 1), (1, shade(sand, -0.06), 1)]))
    stage.line(path, shade(sand, -0.2), 2.0, 0.35)
    roll = stage.roll("pebbles")
    pebbles = [
        (stage.width * 0.5 + roll.gauss(0, 90) * (0.2 + s), foot + 8 + deep * s, 0.8 + 2.4 * s)
        for s in (roll.random() for _ in range(160))
    ]
    stage.canvas.save()
    stage.canvas.clipPath(path, doAntiAlias=True)
    stage.fill(circles(pebbles), shade(sand, -0.16), 0.4)
    stage.canvas.restore()


def _hedges(stage: Stage, foot: float) -> None:
    roll = stage.roll("hedges")
    green = stage.lit(stage.tone("#3c7a3a"))
    for side in (-1, 1):
        rounds = []
        for index in range(15):
            near = (index / 14) ** 1.8
            x = stage.width * 0.5 + side * (60 + stage.width * (0.18 + 0.42 * near) + 30 * (1 - near))
            rounds.append(
                (x, foot + 12 + (stage.height - foot) * near * 0.7, (16 + 62 * near) * roll.uniform(0.85, 1.15))
            )
        for x, y, radius in rounds:
            base = stage.far(green, 0.3 + 0.7 * (radius - 16) / 62)
            stage.shaded(
                circles([(x, y, radius)]),
                along(
                    x,
                    y - radius,
                    x,
                    y + radius,
                    [(0, mix(shade(base, 0.1), rgb(stage.light.colour), 0.2), 1), (1, shade(base, -0.14), 1)],
                ),
            )


def _beds(stage: Stage, foot: float) -> None:
    deep = stage.height - foot
    tussocks(stage, "beds", foot + deep * 0.2, stage.height, 26, 110 * stage.rich, grass_colour(stage), 0.5)
    if stage.season == "winter":
        return
    for side in (0, 1):
        stage.canvas.save()
        stage.canvas.clipPath(_bed(stage, foot, side), doAntiAlias=True)
        flowers(stage, f"bed{side}", foot + deep * 0.12, stage.height + 10, 17, int(150 * stage.width / 1000), FLOWERS)
        stage.canvas.restore()


def _bed(stage: Stage, foot: float, side: int) -> object:
    """The strip between the path and the hedge."""
    low, deep = stage.height + MARGIN, stage.height - foot
    if side == 0:
        return polygon(
            [
                (stage.width * 0.30, foot + deep * 0.12),
                (stage.width * 0.43, foot + deep * 0.12),
                (stage.width * 0.22, low),
                (-MARGIN, low),
                (-MARGIN, foot + deep * 0.6),
            ]
        )
    return polygon(
        [
            (stage.width * 0.57, foot + deep * 0.12),
            (stage.width * 0.70, foot + deep * 0.12),
            (stage.width + MARGIN, foot + deep * 0.6),
            (stage.width + MARGIN, low),
            (stage.width * 0.78, low),
        ]
    )
