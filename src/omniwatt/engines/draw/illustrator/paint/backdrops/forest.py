"""Inside a forest: trunks in depth, light between them, ferns and moss at the viewer's feet."""

import math
import random

import skia

from omniwatt.engines.draw.illustrator.paint.colours import mix, rgb, shade
from omniwatt.engines.draw.illustrator.paint.stage import MARGIN, Stage, along, noise
from omniwatt.engines.draw.illustrator.paint.weather import rays
from omniwatt.engines.draw.illustrator.paint.woods import LEAVES, ground, tussocks

CANOPY = """
uniform shader n; uniform float3 leaf, light; uniform float foot, dense, sunx, suny;
half4 main(float2 p) {
  float a = n.eval(p).a, b = n.eval(p * 3.1 + 50.0).a;
  float t = p.y / foot;
  float k = smoothstep(0.50, 0.56, a * 0.62 + b * 0.38 + dense * (0.75 - t * 1.5));
  float lit = clamp(1.0 - distance(p, float2(sunx, suny)) / 620.0, 0.0, 1.0);
  float3 c = mix(leaf * 0.72, leaf, smoothstep(0.4, 0.62, b)) + light * lit * 0.34;
  return half4(half3(min(c, 1.0)) * k, k) * 0.94;
}
"""


def behind(stage: Stage) -> None:
    foot = stage.horizon
    glow, deep = _air(stage)
    stage.canvas.drawRect(stage.box(), skia.Paint(Color=0xFF102018))
    stage.wash([(0, mix(glow, deep, 0.55), 1), (0.7, glow, 1), (1, mix(glow, deep, 0.25), 1)], -MARGIN, foot + 40)
    x, y = stage.light.x, foot * 0.35
    stage.glow(x, y, 520, rgb(stage.light.colour), 0.9)
    for layer in range(4):
        _trunks(stage, layer, foot, glow, deep)
        _leaves(stage, layer, foot, glow, deep)
    soil = mix(
        stage.lit(stage.tone({"winter": "#e6ecf0", "autumn": "#9a6a32"}.get(stage.season, "#4f7a35"))), deep, 0.22
    )
    ground(stage, foot + 2, soil, bumpy=16)
    if not stage.light.dark:
        rays(stage, x, -40, foot + (stage.height - foot) * 0.7, 0.34)
    _floor(stage, foot, soil)


def _air(stage: Stage) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    """The light between far trunks, and the dark of near ones."""
    if stage.light.dark:
        return stage.tone("#2b4a78"), stage.tone("#07111f")
    glow = {"autumn": "#f3c987", "winter": "#dfe9f0", "spring": "#dcedb8"}.get(stage.season, "#cfe3a2")
    glow = {"golden": "#f7d184", "dawn": "#f2d8b8", "dusk": "#d59a8e"}.get(stage.time, glow)
    return stage.tone(glow), stage.tone("#1c2c1c" if stage.season != "autumn" else "#33210f")


def _trunks(
    stage: Stage, layer: int, foot: float, glow: tuple[float, float, float], deep: tuple[float, float, float]
) -> None:
    roll = stage.roll("trunks", layer)
    near = layer / 3
    colour = mix(glow, mix(deep, stage.lit(rgb("#5b4630")), 0.35), 0.22 + 0.72 * near)
    count = int((16 - 3.6 * layer) * stage.width / 1000) + 1
    for index in range(count):
        x = (index + roll.uniform(0.0, 1.0)) / count * (stage.width + 2 * MARGIN) - MARGIN
        if layer == 3 and abs(x / stage.width - 0.5) < 0.24:
            continue
        wide = (7 + 30 * near**1.5) * roll.uniform(0.7, 1.3)
        low = foot + 8 + (stage.height - foot) * 0.42 * near**1.6 * roll.uniform(0.7, 1.1)
        lean = roll.uniform(-40, 40)
        path = skia.Path()
        path.moveTo(x - wide * 0.95, low + wide * 0.2)
        path.quadTo(x - wide * 0.45, low - wide, x - wide * 0.42 + lean, -MARGIN)
        path.lineTo(x + wide * 0.42 + lean, -MARGIN)
        path.quadTo(x + wide * 0.45, low - wide, x + wide * 0.95, low + wide * 0.2)
        path.quadTo(x, low + wide * 0.45, x - wide * 0.95, low + wide * 0.2)
        side = stage.light.side(x)
        rim = mix(shade(colour, 0.16), rgb(stage.light.colour), 0.4 * near)
        stops = [
            (0, rim if side < 0 else shade(colour, -0.06), 1),
            (0.35, colour, 1),
            (1, rim if side > 0 else shade(colour, -0.06), 1),
        ]
        stage.shaded(path, along(x - wide * 0.6, 0, x + wide * 0.6, 0, stops))


def _leaves(
    stage: Stage, layer: int, foot: float, glow: tuple[float, float, float], deep: tuple[float, float, float]
) -> None:
    if stage.season == "winter":
        return
    near = layer / 3
    leaf = stage.lit(stage.tone(LEAVES[stage.season][0]))
    tone = mix(mix(glow, leaf, 0.4 + 0.5 * near), deep, 0.30 * near)
    stage.over(
        CANOPY,
        stage.rect(-MARGIN, foot * (0.95 - 0.22 * near)),
        {"n": noise(120 + 60 * near, 4, stage.number("leaves", layer))},
        leaf=tone,
        light=rgb(stage.light.colour),
        foot=foot,
        dense=0.20 + 0.05 * near,
        sunx=stage.light.x,
        suny=foot * 0.35,
    )


def _floor(stage: Stage, foot: float, soil: tuple[float, float, float]) -> None:
    deep = stage.height - foot
    green = shade(soil, 0.04, 1.1)
    tussocks(stage, "moss", foot + deep * 0.15, stage.height, 26, 140 * stage.rich, green, 0.6)
    roll = stage.roll("ferns")
    for _ in range(int(12 * stage.width / 1000)):
        near = roll.uniform(0.25, 1.05)
        x = roll.choice(
            (roll.uniform(-MARGIN, stage.width * 0.3), roll.uniform(stage.width * 0.7, stage.width + MARGIN))
        )
        _fern(stage, x, foot + deep * near, 30 + 75 * near, shade(green, -0.1 + 0.08 * near), roll)
    if stage.light.dark or stage.has("glow"):
        for _ in range(40):
            stage.glow(roll.uniform(0, stage.width), roll.uniform(foot * 0.5, stage.height), 16, rgb("#e8ff9a"), 0.9)


def _fern(
    stage: Stage, x: float, y: float, size: float, colour: tuple[float, float, float], roll: random.Random
) -> None:
    path = skia.Path()
    for frond in range(7):
        turn = math.pi * (0.12 + 0.76 * frond / 6) + roll.uniform(-0.1, 0.1)
        for leaf in range(2, 12):
            share = leaf / 12
            px, py = x + math.cos(turn) * size * share, y - math.sin(turn) * size * share * (1.1 - 0.45 * share)
            half = size * 0.22 * math.sin(math.pi * share) + 1
            for side in (-1, 1):
                tip = (
                    px + side * half * math.sin(turn) + math.cos(turn) * half * 0.6,
                    py + side * half * math.cos(turn) * 0.6 - half * 0.3,
                )
                path.moveTo(px, py - 1.6)
                path.lineTo(*tip)
                path.lineTo(px + 1, py + 1.6)
                path.close()
    stage.upright(path, [(0, shade(colour, 0.1), 1), (1, shade(colour, -0.1), 1)])
