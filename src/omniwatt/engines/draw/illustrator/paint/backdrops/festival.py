"""A feast in red and gold: fans of cloud pattern, lanterns on strings, fireworks, plum boughs, petals of gold."""

import math

import skia

from omniwatt.engines.draw.illustrator.paint.colours import mix, rgb, shade
from omniwatt.engines.draw.illustrator.paint.stage import MARGIN, Stage, along, around
from omniwatt.engines.draw.illustrator.paint.weather import vignette

GOLD, PALE = "#f2c14e", "#ffe9a8"


def behind(stage: Stage) -> None:
    red, deep = stage.tone("#c8201f", 0.7), stage.tone("#6d0a12", 0.7)
    radius = math.hypot(stage.width, stage.height) * 0.62
    middle = (stage.width / 2, stage.height * 0.46)
    stage.canvas.drawRect(
        stage.box(),
        skia.Paint(
            Shader=around(*middle, radius, [(0, shade(red, 0.06), 1), (0.55, red, 1), (1, deep, 1)]), Dither=True
        ),
    )
    _lattice(stage)
    stage.glow(*middle, 460, rgb("#ffb347"), 0.4)
    if "fireworks" not in stage.layout.scene.without:
        _fireworks(stage)
    if stage.has("moon", "full_moon") and not stage.has_lamp:
        _moon(stage, *middle)
    _clouds(stage, red)
    _bough(stage)
    if "lanterns" not in stage.layout.scene.without:
        _lanterns(stage)
    _dust(stage)
    vignette(stage, 0.42, (0.2, 0.0, 0.02))


def _moon(stage: Stage, x: float, y: float) -> None:
    """A full moon of pale gold, as large as the feast makes it."""
    radius = 0.15 * min(stage.width, stage.height)
    stage.glow(x, y, radius * 3.0, rgb(PALE), 0.6)
    stops = [(0.0, rgb("#fffbe6"), 1.0), (0.7, rgb("#ffeeb0"), 1.0), (1.0, rgb("#f8d57c"), 1.0)]
    disc = skia.Path()
    disc.addCircle(x, y, radius)
    roll = stage.roll("moon")
    stage.shaded(disc, around(x - 0.25 * radius, y - 0.25 * radius, 1.5 * radius, stops))
    stage.canvas.save()
    stage.canvas.clipPath(disc, doAntiAlias=True)
    for _ in range(9):
        away, turn, size = roll.uniform(0.1, 0.85) * radius, roll.uniform(0, 6.28), roll.uniform(0.1, 0.3) * radius
        sea = skia.Path()
        sea.addCircle(x + away * math.cos(turn), y + away * math.sin(turn), size)
        stage.fill(sea, rgb("#efc96e"), 0.28)
    stage.canvas.restore()


def _lattice(stage: Stage) -> None:
    """A faint pattern of overlapping rings, as on brocade."""
    path = skia.Path()
    step = 62.0
    for line in range(int((stage.height + 2 * MARGIN) / step * 2) + 2):
        for place in range(int((stage.width + 2 * MARGIN) / step) + 2):
            x = -MARGIN + place * step + (step / 2 if line % 2 else 0)
            y = -MARGIN + line * step / 2
            for size in (1.0, 0.7, 0.4):
                path.addArc(
                    skia.Rect.MakeLTRB(
                        x - step / 2 * size, y - step / 2 * size, x + step / 2 * size, y + step / 2 * size
                    ),
                    180,
                    180,
                )
    stage.line(path, rgb(GOLD), 1.0, 0.14)


def _fireworks(stage: Stage) -> None:
    roll = stage.roll("fireworks")
    for index in range(max(4, int(5 * stage.width / 1000))):
        x, y = (
            stage.width * (index + roll.uniform(0.2, 0.8)) / max(4, int(5 * stage.width / 1000)),
            stage.height * roll.uniform(0.1, 0.42),
        )
        size = roll.uniform(60, 130)
        colour = rgb(roll.choice((GOLD, PALE, "#ff9d5c", "#ffd2d2")))
        stage.glow(x, y, size * 1.3, colour, 0.35)
        trails, heads = skia.Path(), skia.Path()
        for ray in range(34):
            turn = ray / 34 * 2 * math.pi + roll.uniform(-0.05, 0.05)
            reach = size * roll.uniform(0.65, 1.0)
            ex, ey = x + math.cos(turn) * reach, y + math.sin(turn) * reach + reach * 0.12
            trails.moveTo(x + math.cos(turn) * reach * 0.2, y + math.sin(turn) * reach * 0.2)
            trails.quadTo(x + math.cos(turn) * reach * 0.7, y + math.sin(turn) * reach * 0.7, ex, ey)
            heads.addCircle(ex, ey, 2.0)
        stage.line(trails, colour, 1.3, 0.6)
        stage.fill(heads, mix(colour, (1, 1, 1), 0.6))


def _clouds(stage: Stage, red: tuple[float, float, float]) -> None:
    """Bands of auspicious clouds in the lower corners: scrolls outlined in gold."""
    roll = stage.roll("clouds")
    gold = rgb(GOLD)
    for line in range(4):
        y = stage.height + 20 - 46 * (3 - line)
        count = int(10 * stage.width / 1000) + 2
        for index in range(count + 1):
            x = index / count * stage.width + (30 if line % 2 else 0)
            edge = abs(x / stage.width - 0.5) * 2
            size = (26 + 62 * edge**1.6) * roll.uniform(0.85, 1.2)
            top = y - 40 * edge**2
            tone = mix(red, rgb("#8f0f16"), 0.25 + 0.2 * line)
            for share in (1.0, 0.74, 0.48):
                path = skia.Path()
                path.addCircle(x, top, size * share)
                stage.fill(path, shade(tone, 0.05 * (1 - share)))
                stage.line(path, gold, 2.2 * share + 0.5, 0.85)


def _bough(stage: Stage) -> None:
    """Plum blossom from one upper corner."""
    roll = stage.roll("bough")
    left = stage.light.x > stage.width / 2
    x, side = (-MARGIN, 1) if left else (stage.width + MARGIN, -1)
    y, turn = stage.height * 0.30, -0.5
    spots: list[tuple[float, float]] = []
    for branch in range(3):
        bx, by, bt = x, y + 40 * branch, turn + 0.35 * branch
        for part in range(9):
            ex, ey = bx + side * math.cos(bt) * 36, by + math.sin(bt) * 30
            stem = skia.Path()
            stem.moveTo(bx, by)
            stem.quadTo((bx + ex) / 2, (by + ey) / 2 + roll.uniform(-8, 8), ex, ey)
            stage.line(stem, rgb("#3a1410"), max(11 - part * 1.15 - branch * 2, 1.5))
            bx, by, bt = ex, ey, bt + roll.uniform(-0.35, 0.38)
            if part > 1:
                spots += [(bx + roll.gauss(0, 12), by + roll.gauss(0, 12)) for _ in range(2)]
    for px, py in spots:
        size, turned = roll.uniform(7, 13), roll.uniform(0, 6.28)
        flower = skia.Path()
        for petal in range(5):
            angle = turned + petal * 1.2566
            flower.addCircle(px + math.cos(angle) * size * 0.55, py + math.sin(angle) * size * 0.55, size * 0.48)
        stage.shaded(flower, around(px, py, size, [(0, rgb("#ff8fa3"), 1), (1, rgb("#ffe3e6"), 1)]))
        heart = skia.Path()
        heart.addCircle(px, py, size * 0.2)
        stage.fill(heart, rgb(GOLD))


def _lanterns(stage: Stage) -> None:
    roll = stage.roll("lanterns")
    count = max(4, int(6 * stage.width / 1000))
    for index in range(count):
        share = (index + 0.5) / count
        edge = abs(share - 0.5) * 2
        size = (26 + 30 * edge) * roll.uniform(0.9, 1.1)
        x, y = share * stage.width + roll.uniform(-16, 16), stage.height * (0.07 + 0.15 * edge) + roll.uniform(-12, 20)
        string = skia.Path()
        string.moveTo(x, -MARGIN)
        string.lineTo(x, y - size)
        stage.line(string, rgb(GOLD), 1.4, 0.9)
        stage.glow(x, y, size * 3.4, rgb("#ff8a3d"), 0.75)
        lantern(stage, x, y, size)


def lantern(stage: Stage, x: float, y: float, size: float) -> None:
    """A round silk lantern with ribs, caps and a tassel."""
    body = skia.Path()
    body.addOval(skia.Rect.MakeLTRB(x - size * 1.12, y - size * 0.88, x + size * 1.12, y + size * 0.88))
    stops = [
        (0.0, rgb("#ffd98a"), 1.0),
        (0.35, rgb("#ff6a3a"), 1.0),
        (0.8, rgb("#d91e1e"), 1.0),
        (1.0, rgb("#a00f16"), 1.0),
    ]
    stage.shaded(body, around(x, y, size * 1.15, stops))
    ribs = skia.Path()
    for share in (0.3, 0.62, 0.9):
        ribs.addOval(
            skia.Rect.MakeLTRB(x - size * 1.12 * share, y - size * 0.88, x + size * 1.12 * share, y + size * 0.88)
        )
    stage.line(ribs, rgb("#8f0f16"), size * 0.03, 0.55)
    for side in (-1, 1):
        cap = skia.Path()
        cap.addRoundRect(
            skia.Rect.MakeLTRB(
                x - size * 0.46,
                y + side * size * 0.88 - size * 0.1,
                x + size * 0.46,
                y + side * size * 0.88 + size * 0.1,
            ),
            3,
            3,
        )
        stage.shaded(
            cap,
            along(
                x - size * 0.5,
                0,
                x + size * 0.5,
                0,
                [(0, rgb("#b37a1e"), 1), (0.5, rgb(PALE), 1), (1, rgb("#b37a1e"), 1)],
            ),
        )
    tassel = skia.Path()
    for thread in range(-4, 5):
        tassel.moveTo(x, y + size)
        tassel.lineTo(x + thread * size * 0.045, y + size * 1.85)
    stage.line(tassel, rgb(GOLD), size * 0.03, 0.95)


def _dust(stage: Stage) -> None:
    """Flecks of gold leaf and soft lights out of focus."""
    roll = stage.roll("dust")
    flecks = skia.Path()
    for _ in range(int(260 * stage.width * stage.height / 1e6)):
        x, y, size = roll.uniform(0, stage.width), roll.uniform(0, stage.height), 0.6 + 2.6 * roll.random() ** 3
        flecks.addRect(skia.Rect.MakeXYWH(x, y, size, size * roll.uniform(0.5, 1.2)))
    stage.fill(flecks, rgb(PALE), 0.75)
    for _ in range(int(22 * stage.width / 1000)):
        x, y, size = roll.uniform(0, stage.width), roll.uniform(stage.height * 0.3, stage.height), roll.uniform(8, 34)
        disc = [(0.0, rgb(GOLD), 0.16), (0.85, rgb(PALE), 0.24), (1.0, rgb(PALE), 0.0)]
        stage.canvas.drawCircle(
            x, y, size, skia.Paint(Shader=around(x, y, size, disc), BlendMode=skia.BlendMode.kScreen)
        )
