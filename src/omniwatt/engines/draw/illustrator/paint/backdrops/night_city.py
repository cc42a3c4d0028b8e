"""A city by night: rows of lit towers, neon, a wet street that mirrors them, trails of traffic."""

import math

import skia

from omniwatt.engines.draw.illustrator.paint.colours import mix, rgb
from omniwatt.engines.draw.illustrator.paint.shapes import polygon
from omniwatt.engines.draw.illustrator.paint.skies import moon, stars
from omniwatt.engines.draw.illustrator.paint.stage import MARGIN, Stage, noise
from omniwatt.engines.draw.illustrator.paint.towers import NEONS, Tower, night_row, row, signs
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
    tall = foot * 0.98
    for layer, (low, high, wide, size) in enumerate(((0.3, 0.62, 70, 7), (0.32, 0.74, 96, 9), (0.4, 0.84, 130, 11))):
        near = layer / 3
        towers = row(stage, layer, foot + 4, tall * low, tall * high, wide)
        night_row(stage, towers, layer, near, size)
        if layer:
            signs(stage, towers, layer, size * 1.15, 0.6)
        _smog(stage, foot, layer)
    edge = row(stage, 3, foot + 26, tall * 0.62, tall * 0.98, 165, gap=0.5)
    night_row(stage, edge, 3, 1.0, 15)
    signs(stage, edge, 3, 23, 1.0)
    _shops(stage, foot)
    _bridges(stage, edge, foot)
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


def _shops(stage: Stage, foot: float) -> None:
    """Lit fronts along the foot of the town, in many colours, each with its glow."""
    roll = stage.roll("shops")
    x = -MARGIN
    while x < stage.width + MARGIN:
        away = abs(x / stage.width - 0.5) * 2
        wide, high = roll.uniform(14, 34) * (0.4 + away), (5 + 15 * away) * roll.uniform(0.8, 1.2)
        colour = rgb(roll.choice((*NEONS, "#ffd58a", "#ffe9b8", "#ffd58a")))
        stage.glow(x + wide / 2, foot + 2, wide * 2.2, colour, 0.42)
        front = skia.Path()
        front.addRect(skia.Rect.MakeLTRB(x, foot + 4 - high, x + wide * 0.86, foot + 4))
        stage.fill(front, mix(colour, (1, 1, 1), 0.45), 0.9)
        x += wide * roll.uniform(1.0, 1.5)


def _bridges(stage: Stage, towers: list[Tower], foot: float) -> None:
    """A lit walkway between the near blocks, and lanes of lights in the air."""
    if "bridge" in stage.layout.scene.without or not towers:
        return
    roll = stage.roll("lanes")
    middle = stage.width / 2
    for index in range(5):
        colour = rgb(NEONS[roll.randrange(len(NEONS))])
        y = foot * (0.34 + 0.09 * index)
        path = skia.Path()
        path.moveTo(-MARGIN, y - 60 + 30 * index)
        path.quadTo(middle - 60, y + 8, middle + roll.uniform(-200, 200), foot * 0.86)
        stage.line(path, colour, 5, 0.07)
        stage.line(path, mix(colour, (1, 1, 1), 0.5), 1.1, 0.4)


def _street(stage: Stage, foot: float) -> None:
    """Wet asphalt to the viewer: the mirrored city, lane marks and streaks of passing lamps."""
    near, far = rgb("#0b0d1f"), rgb("#251a3f")
    water(stage, foot, near, far, rough=0.26, clear=1.0, glint=0.15, spark=rgb("#ff9ad8"), smear=1.7)
    middle, low = stage.width / 2, stage.height + MARGIN
    deep = low - foot
    kerb = stage.width * 0.16
    for side in (-1, 1):
        walk = polygon(
            [
                (middle + side * 16, foot + 2),
                (middle + side * stage.width * 1.1, low),
                (middle + side * stage.width * 3, low),
                (middle + side * kerb * 3, foot + 2),
            ]
        )
        stage.fill(walk, rgb("#05060f"), 0.45)
        edge = skia.Path()
        edge.moveTo(middle + side * 16, foot + 2)
        edge.lineTo(middle + side * stage.width * 1.1, low)
        stage.line(edge, rgb("#b48cff"), 1.6, 0.35)
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
