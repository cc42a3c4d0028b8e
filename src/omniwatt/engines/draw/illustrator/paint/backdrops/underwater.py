"""Under water: beams from the surface, caustics on sand, corals and weed, bubbles."""

import math
import random

import skia

from omniwatt.engines.draw.illustrator.paint.colours import mix, shade
from omniwatt.engines.draw.illustrator.paint.shapes import across, blob, outline, waves
from omniwatt.engines.draw.illustrator.paint.stage import MARGIN, Stage, along, around, noise, shader
from omniwatt.engines.draw.illustrator.paint.weather import rays

FLOOR = """
uniform shader n, g; uniform float3 light, dark, deep; uniform float top, foot;
half4 main(float2 p) {
  float t = clamp((p.y - top) / (foot - top), 0.0, 1.0);
  float lens = 1.0 / (t + 0.30);
  float2 q = float2(p.x * lens, lens * 320.0);
  float a = n.eval(q).a - 0.5, b = n.eval(q * 1.7 + 60.0).a - 0.5;
  float net = pow(1.0 - min(abs(a + b * 0.7) * 6.0, 1.0), 4.0);
  float c = g.eval(p).a;
  float3 s = mix(dark, light, 0.35 + 0.5 * t + (c - 0.5) * 0.5) + net * 0.22 * (0.4 + t);
  s = mix(s, deep, pow(1.0 - t, 1.4) * 0.85);
  return half4(half3(min(s, 1.0)), 1.0);
}
"""
CORALS = ("#ff6f7d", "#ff9f59", "#c86be0", "#ffd166", "#f25f9c", "#7a6cf0")


def behind(stage: Stage) -> None:
    foot = min(stage.horizon + 80, stage.height * 0.86)
    top, middle, deep = stage.tone("#6fe3ec", 0.4), stage.tone("#1a8fc4", 0.5), stage.tone("#063d70", 0.5)
    if stage.light.dark:
        top, middle, deep = shade(top, -0.35), shade(middle, -0.25), shade(deep, -0.12)
    stage.canvas.drawRect(stage.box(), skia.Paint(Color=0xFF063D70))
    stage.wash([(0, top, 1), (0.3, middle, 1), (1, deep, 1)], -MARGIN, stage.height)
    stage.glow(stage.light.x, -40, 620, (0.9, 1, 1), 0.75)
    _rocks(stage, foot, deep, middle)
    rays(stage, stage.light.x, -160, stage.height * 0.95, 0.42)
    x = across(-MARGIN, stage.width + MARGIN, stage.fine)
    y = foot + 22 * waves(x, 360, stage.number("floor"), fine=stage.fine, gain=0.35)
    sand = stage.tone("#e6d9a8", 0.3)
    paint = shader(
        FLOOR,
        {"n": noise(120, 2, stage.number("net")), "g": noise(40, 4, stage.number("sand"), 2.0)},
        {
            "light": mix(sand, middle, 0.25),
            "dark": mix(shade(sand, -0.25), deep, 0.4),
            "deep": mix(middle, deep, 0.5),
            "top": foot - 20,
            "foot": stage.height + 20,
        },
    )
    stage.shaded(outline(x, y, stage.height + MARGIN), paint)
    _weeds(stage, foot)
    _corals(stage, foot)
    bubbles(stage)


def _rocks(stage: Stage, foot: float, deep: tuple[float, float, float], middle: tuple[float, float, float]) -> None:
    for layer in range(2):
        x = across(-MARGIN, stage.width + MARGIN, stage.fine)
        edge = abs(x / stage.width - 0.5) * 2
        y = (
            foot
            + 20
            - (90 + 330 * edge**2.2)
            * (0.55 + 0.2 * layer)
            * (0.7 + 0.6 * waves(x, 190, stage.number("rock", layer), fine=stage.fine))
        )
        colour = mix(middle, deep, 0.45 + 0.35 * layer)
        stage.shaded(
            outline(x, y, foot + 60),
            along(0, foot - 300, 0, foot + 60, [(0, shade(colour, 0.03), 1), (1, shade(colour, -0.04), 1)]),
        )


def _weeds(stage: Stage, foot: float) -> None:
    roll = stage.roll("weeds")
    for _ in range(int(26 * stage.width / 1000)):
        side = roll.choice((0, 1))
        x = abs(roll.gauss(0, 0.13)) * stage.width
        x = x if side == 0 else stage.width - x
        y, tall = foot + (stage.height - foot) * roll.uniform(0.2, 1.0), roll.uniform(110, 330)
        left, right, phase = [], [], roll.uniform(0, 6)
        for part in range(21):
            share = part / 20
            sway = math.sin(share * 5 + phase) * 16 * share
            half = 9 * (1 - share) ** 0.7 * (1 + 0.35 * math.sin(share * 26))
            left.append((x + sway - half, y - tall * share))
            right.append((x + sway + half, y - tall * share))
        colour = stage.tone(roll.choice(("#1f8a5b", "#3fae5a", "#2a6f4f", "#8fae3f")), 0.3)
        path = skia.Path.Polygon([skia.Point(a, b) for a, b in left + right[::-1]], True)
        stage.shaded(path, along(0, y - tall, 0, y, [(0, shade(colour, 0.1), 1), (1, shade(colour, -0.14), 1)]))


def _corals(stage: Stage, foot: float) -> None:
    roll = stage.roll("corals")
    for index in range(int(15 * stage.width / 1000)):
        side = index % 2
        x = abs(roll.gauss(0.04, 0.13)) * stage.width
        x = x if side == 0 else stage.width - x
        y, size = foot + (stage.height - foot) * roll.uniform(0.35, 1.05), roll.uniform(30, 70)
        colour = stage.tone(CORALS[roll.randrange(len(CORALS))], 0.3)
        if roll.random() < 0.5:
            path = skia.Path()
            _branch(path, x, y, -math.pi / 2, size * 0.8, 5, roll.randrange(1 << 30))
            stage.line(path, shade(colour, -0.12), size * 0.17)
            stage.line(path, colour, size * 0.11)
        else:
            path = blob(x, y - size * 0.4, size * 0.62, roll.randrange(1 << 30), squash=0.8, fine=stage.fine)
            stops = [(0.0, shade(colour, 0.12), 1.0), (0.6, colour, 1.0), (1.0, shade(colour, -0.16), 1.0)]
            stage.shaded(path, around(x - size * 0.2, y - size * 0.7, size * 1.2, stops))
            dots = skia.Path()
            for _ in range(26):
                dots.addCircle(x + roll.gauss(0, 0.24) * size, y - size * 0.4 + roll.gauss(0, 0.2) * size, size * 0.028)
            stage.fill(dots, shade(colour, 0.16), 0.7)


def _branch(path: skia.Path, x: float, y: float, turn: float, size: float, left: int, seed: int) -> None:
    roll = random.Random(seed)  # noqa: S311 - a picture, no secret
    tip = (x + math.cos(turn) * size * 0.5, y + math.sin(turn) * size * 0.5)
    path.moveTo(x, y)
    path.lineTo(*tip)
    if left:
        for side in (-1, 1):
            _branch(
                path,
                *tip,
                turn + side * roll.uniform(0.25, 0.6),
                size * roll.uniform(0.66, 0.85),
                left - 1,
                roll.randrange(1 << 30),
            )


def bubbles(stage: Stage) -> None:
    """Strings of bubbles that rise."""
    roll = stage.roll("bubbles")
    for _ in range(int(7 * stage.width / 1000)):
        x, y = roll.uniform(0, stage.width), roll.uniform(stage.height * 0.4, stage.height)
        for _ in range(9):
            x, y, size = x + roll.gauss(0, 9), y - roll.uniform(12, 52), roll.uniform(2, 9)
            stops = [(0.0, (1, 1, 1), 0.04), (0.75, (0.8, 1, 1), 0.12), (0.95, (1, 1, 1), 0.6), (1.0, (1, 1, 1), 0.0)]
            stage.canvas.drawCircle(x, y, size, skia.Paint(Shader=around(x, y, size, stops), AntiAlias=True))
            stage.canvas.drawCircle(
                x - size * 0.3, y - size * 0.35, size * 0.16, skia.Paint(Color=0xD0FFFFFF, AntiAlias=True)
            )
