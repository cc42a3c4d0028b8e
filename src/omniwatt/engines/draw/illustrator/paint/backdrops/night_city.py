"""A city by night: rows of lit towers, neon, a wet street that mirrors them, trails of traffic."""

import math

import skia

from omniwatt.engines.draw.illustrator.paint import canyon
from omniwatt.engines.draw.illustrator.paint.colours import mix, rgb
from omniwatt.engines.draw.illustrator.paint.shapes import polygon
from omniwatt.engines.draw.illustrator.paint.skies import moon, stars
from omniwatt.engines.draw.illustrator.paint.stage import MARGIN, Stage, noise
from omniwatt.engines.draw.illustrator.paint.towers import night_row, row, signs
from omniwatt.engines.draw.illustrator.paint.water import water

SMOG = """
uniform shader n; uniform float3 tint; uniform float top, foot;
half4 main(float2 p) {
  float t = clamp((p.y - top) / (foot - top), 0.0, 1.0);
  float a = n.eval(p).a;
  float k = smoothstep(0.25, 1.0, t + (a - 0.5) * 0.6) * 0.42;
  return half4(half3(tint) * k, k);
}
"""


def behind(stage: Stage) -> None:
    foot = stage.horizon
    _sky(stage, foot)
    for layer, (low, high, wide, size) in enumerate(((0.34, 0.72, 74, 7), (0.26, 0.62, 92, 9), (0.18, 0.46, 110, 10))):
        towers = row(stage, layer, foot + 4, foot * low, foot * high, wide)
        night_row(stage, towers, layer, layer / 3.4, size)
        if layer:
            signs(stage, towers, layer, size * 1.15, 0.6)
        _smog(stage, foot, layer)
    canyon.paint(stage)
    _lanes(stage, foot)
    _street(stage, foot)


def _sky(stage: Stage, foot: float) -> None:
    zenith, middle, rim = stage.tone("#070a24"), stage.tone("#2a1a5e"), stage.tone("#c2448f")
    stage.canvas.drawRect(stage.box(), skia.Paint(Color=0xFF0A0A20))
    stage.wash([(0, zenith, 1), (0.45, middle, 1), (0.78, mix(middle, rim, 0.6), 1), (1, rim, 1)], -MARGIN, foot + 30)
    stage.glow(stage.width / 2, foot, stage.width * 0.62, stage.tone("#ff5fb0"), 0.75)
    stars(stage, foot * 0.6, 0.5)
    moon(stage, stage.light.x, stage.height * 0.13, 30)


def _smog(stage: Stage, foot: float, layer: int) -> None:
    tint = stage.tone(("#7a3fb0", "#c14a9e", "#3f6fd0")[layer % 3], 0.5)
    top = foot - foot * 0.45
    stage.over(
        SMOG,
        stage.rect(top, foot + 6),
        {"n": noise(200, 3, stage.number("smog", layer), 2.2)},
        tint=tint,
        top=top,
        foot=foot,
    )


def _lanes(stage: Stage, foot: float) -> None:
    """Traffic far up the street, in lanes in the air: streaks of light towards the vanishing point."""
    if {"traffic", "cars"} & set(stage.layout.scene.without):
        return
    roll, middle = stage.roll("lanes"), stage.width / 2
    for lane in range(7):
        side = -1 if lane % 2 else 1
        far_x, far_y = middle + side * roll.uniform(4, 30), foot - roll.uniform(16, 70)
        x, y = middle + side * stage.width * roll.uniform(0.25, 0.6), foot * roll.uniform(0.05, 0.62)
        colour = rgb("#ff5a6e" if side < 0 else "#fff0cf")
        for _ in range(5):
            a = roll.uniform(0.0, 0.62)
            b = a + roll.uniform(0.03, 0.12) * (0.3 + a)
            path = skia.Path()
            path.moveTo(far_x + (x - far_x) * a, far_y + (y - far_y) * a)
            path.lineTo(far_x + (x - far_x) * b, far_y + (y - far_y) * b)
            stage.line(path, colour, 1 + 9 * a, 0.12)
            stage.line(path, mix(colour, (1, 1, 1), 0.5), 0.6 + 2.2 * a, 0.85)


def _street(stage: Stage, foot: float) -> None:
    """Wet asphalt to the viewer: the mirrored city, lane marks and streaks of passing lamps."""
    near, far = rgb("#0b0d1f"), rgb("#251a3f")
    middle, low = stage.width / 2, stage.height + MARGIN
    walls = [canyon.Wall(stage, side) for side in (-1, 1)]
    road = polygon([walls[0].at(0.0, 0), walls[0].at(2.4, 0), walls[1].at(2.4, 0), walls[1].at(0.0, 0)])
    water(stage, foot, near, far, rough=0.2, clear=1.0, glint=0.12, spark=rgb("#ff9ad8"), smear=1.9, within=road)
    deep = low - foot
    for wall in walls:
        edge = skia.Path()
        edge.moveTo(*wall.at(0.02, 0))
        edge.lineTo(*wall.at(1.6, 0))
        stage.line(edge, rgb("#ff8ad8"), 5.0, 0.10)
        stage.line(edge, rgb("#ffd0f2"), 1.4, 0.5)
    _marks(stage, middle, foot, low)
    if not {"traffic", "cars"} & set(stage.layout.scene.without):
        _trails(stage, middle, foot, deep)


def _marks(stage: Stage, middle: float, foot: float, low: float) -> None:
    near = 1.0
    while near > 0.06:
        y0, y1 = foot + (low - foot) * near, foot + (low - foot) * near * 0.86
        wide0, wide1 = 8 * near, 8 * near * 0.86
        stage.fill(
            polygon([(middle - wide0, y0), (middle + wide0, y0), (middle + wide1, y1), (middle - wide1, y1)]),
            rgb("#d9d2ff"),
            0.28,
        )
        near *= 0.72


def _trails(stage: Stage, middle: float, foot: float, deep: float) -> None:
    """Long exposures of lamps: white towards us on one side, red away on the other."""
    roll = stage.roll("trails")
    for side, colours in ((-1, ("#ff3348", "#ff6a3d", "#ff2fa0")), (1, ("#fff1c9", "#bfe7ff", "#ffffff"))):
        for index in range(7):
            lane = (0.10 + 0.34 * roll.random()) * side
            rise = roll.uniform(0.0, 26.0)
            sway = roll.uniform(-0.05, 0.05)
            colour = rgb(colours[index % 3])
            for part in range(14):
                a, b = (part / 14) ** 2.2, ((part + 1) / 14) ** 2.2
                path = skia.Path()
                for step, share in enumerate((a, (a + b) / 2, b)):
                    x = middle + (lane + sway * math.sin(share * 4)) * stage.width * (0.012 + 1.0 * share)
                    y = foot + 4 + deep * share - rise * share * 4
                    path.moveTo(x, y) if step == 0 else path.lineTo(x, y)
                width = 0.5 + 5.0 * b
                fade = 0.9 - 0.35 * b
                stage.line(path, colour, width * 5.0, 0.07 * fade)
                stage.line(path, mix(colour, (1, 1, 1), 0.45), width * 0.7, 0.85 * fade)
