"""A beach: the sea, rows of foam, wet and dry sand, palms leaning in from one side."""

import math

import numpy as np
import skia

from omniwatt.engines.draw.illustrator.paint.backdrops.sea import surface
from omniwatt.engines.draw.illustrator.paint.colours import mix, rgb, shade
from omniwatt.engines.draw.illustrator.paint.shapes import Array, across, outline, polygon, waves
from omniwatt.engines.draw.illustrator.paint.skies import heaps, sky
from omniwatt.engines.draw.illustrator.paint.stage import MARGIN, Stage, along, noise, shader

SAND = """
uniform shader n, g; uniform float3 dry, wet; uniform float top, foot, bend;
half4 main(float2 p) {
  float t = (p.y - top) / (foot - top);
  float a = n.eval(p).a, b = g.eval(float2(p.x, p.y * 1.4)).a;
  float k = smoothstep(0.10, 0.34, t + (a - 0.5) * 0.12);
  float3 c = mix(wet, dry, k) + (b - 0.5) * 0.10 * (0.4 + t) + (a - 0.5) * 0.10;
  return half4(half3(clamp(c, 0.0, 1.0)), 1.0);
}
"""


def behind(stage: Stage) -> None:
    foot = stage.horizon - (stage.height - stage.horizon) * 0.05
    sky(stage, foot)
    if stage.time == "day" and not stage.layout.scene.weather:
        heaps(stage, foot, 3)
    surface(stage, foot)
    shore = foot + (stage.height - foot) * 0.40
    x = across(-MARGIN, stage.width + MARGIN, stage.fine)
    lean = 60 if stage.light.x > stage.width / 2 else -60
    line = (
        shore + lean * ((x / stage.width) - 0.5) + 22 * waves(x, 420, stage.number("shore"), fine=stage.fine, gain=0.35)
    )
    _shallows(stage, x, line, foot)
    sand = stage.lit(stage.tone("#f0d9a8"), 0.85)
    wet = mix(shade(sand, -0.16), rgb(stage.light.haze), 0.18)
    paint = shader(
        SAND,
        {"n": noise(160, 4, stage.number("sand"), 1.8), "g": noise(3.4, 2, stage.number("grain"))},
        {"dry": sand, "wet": wet, "top": float(line.min()), "foot": stage.height, "bend": 0.0},
    )
    stage.shaded(outline(x, line, stage.height + MARGIN), paint)
    _foam(stage, x, line)
    counted = any(placed.sprite == "palm-tree" for placed in stage.layout.placed)
    if not counted and not {"palm", "palm-tree", "trees"} & set(stage.layout.scene.without):
        side = 1 if stage.light.x < stage.width / 2 else -1
        base = stage.width * (1.0 if side > 0 else 0.0)
        _palm(stage, (base - side * 40, stage.height - 40), 620, -side, 0)
        _palm(stage, (base + side * 10, stage.height + 10), 470, -side, 1)


def _shallows(stage: Stage, x: Array, line: Array, foot: float) -> None:
    clear = stage.lit(stage.tone("#4fd0c8", 0.3), 0.8)
    deep = float(line.mean()) - foot
    stops = [(0.0, clear, 0.0), (0.55, clear, 0.25), (1.0, mix(clear, (1, 1, 1), 0.3), 0.8)]
    stage.shaded(outline(x, line - deep * 0.75, stage.height), along(0, foot + deep * 0.25, 0, foot + deep, stops))


def _foam(stage: Stage, x: Array, line: Array) -> None:
    """Three edges of foam: the nearest one broad, with a wet film behind it."""
    white = stage.lit((1, 1, 1), 0.6)
    for layer, (away, wide, alpha) in enumerate(((-52, 3.0, 0.5), (-26, 5.0, 0.7), (0, 9.0, 0.95))):
        rough = waves(x, 46, stage.number("foam", layer), fine=stage.fine, gain=0.55)
        middle = line + away + 10 * waves(x, 260, stage.number("swash", layer), fine=1)
        half = wide * np.clip(0.55 + 1.1 * rough, 0.02, 2)
        points = [(float(a), float(b)) for a, b in zip(x, middle - half * 0.7, strict=True)]
        points += [(float(a), float(b)) for a, b in zip(x[::-1], (middle + half)[::-1], strict=True)]
        stage.fill(polygon(points), white, alpha)


def _palm(stage: Stage, root: tuple[float, float], tall: float, lean: int, name: int) -> None:
    roll = stage.roll("palm", name)
    bark, leaf = stage.lit(rgb("#7a5a3c")), stage.lit(stage.tone("#2f7d4a"))
    x0, y0 = root
    stem, rings = skia.Path(), skia.Path()
    points = []
    for part in range(25):
        share = part / 24
        points.append((x0 + lean * tall * 0.42 * share**1.7, y0 - tall * share, tall * 0.028 * (1.25 - 0.7 * share)))
    stem = polygon([(x - w, y) for x, y, w in points] + [(x + w, y) for x, y, w in reversed(points)])
    stage.shaded(
        stem, along(x0 - 30, 0, x0 + lean * tall * 0.42, 0, [(0, shade(bark, 0.08), 1), (1, shade(bark, -0.1), 1)])
    )
    for x, y, w in points:
        rings.moveTo(x - w, y)
        rings.quadTo(x, y + w * 0.6, x + w, y)
    stage.line(rings, shade(bark, -0.14), tall * 0.004, 0.6)
    x, y, _ = points[-1]
    for frond in range(11):
        turn = math.pi * (-0.14 + 1.28 * frond / 10) + roll.uniform(-0.08, 0.08)
        _frond(stage, x, y, turn, tall * roll.uniform(0.34, 0.46), shade(leaf, roll.uniform(-0.09, 0.06)))
    for _ in range(3):
        stage.canvas.drawCircle(
            x + roll.uniform(-10, 10),
            y + roll.uniform(4, 14),
            tall * 0.018,
            skia.Paint(Color=0xFF5A3B22, AntiAlias=True),
        )


def _frond(stage: Stage, x: float, y: float, turn: float, size: float, colour: tuple[float, float, float]) -> None:
    path = skia.Path()
    for leaf in range(2, 26):
        share = leaf / 26
        px = x + math.cos(turn) * size * share
        py = y - math.sin(turn) * size * share * 0.72 + size * 0.62 * share**2.2
        long = size * 0.30 * math.sin(math.pi * min(share * 0.9 + 0.1, 1.0)) + 2
        for side in (-1, 1):
            path.moveTo(px, py)
            path.quadTo(
                px + side * long * 0.2 + math.cos(turn) * long * 0.5,
                py + long * 0.35,
                px + side * long * 0.28 * abs(math.sin(turn)) + math.cos(turn) * long * 0.55,
                py + long * (0.95 if side > 0 else 0.75),
            )
            path.lineTo(px + math.cos(turn) * size * 0.035, py + 1)
            path.close()
    stage.upright(path, [(0, shade(colour, 0.1), 1), (1, shade(colour, -0.1), 1)])
