"""Ink mountains: ranges that fade into mist over a lake, on rice paper, with room left empty."""

import math
import random
from typing import Any

import numpy as np
import skia

from omniwatt.engines.draw.illustrator.paint.colours import RGB, mix, rgb
from omniwatt.engines.draw.illustrator.paint.paper import rice_paper
from omniwatt.engines.draw.illustrator.paint.shapes import Array, across, outline, polygon, waves
from omniwatt.engines.draw.illustrator.paint.stage import MARGIN, Stage, along, argb, around, noise, shader

INK = """
uniform shader n, s, g; uniform float3 ink; uniform float top, foot, dark, dry;
half4 main(float2 p) {
  float t = clamp((p.y - top) / (foot - top), 0.0, 1.0);
  float a = n.eval(p).a, b = g.eval(float2(p.x * 1.5 + p.y * 0.8, p.y * 0.45 - p.x * 0.25)).a;
  float strokes = s.eval(float2(p.x * 2.2 + p.y * 0.9, p.y * 0.35 - p.x * 0.2) + 77.0).a;
  float body = dark * (1.0 - smoothstep(0.05, 0.98, t + (a - 0.5) * 0.45));
  body *= 0.72 + 0.75 * smoothstep(0.42, 0.62, strokes) * (1.0 - 0.5 * t);
  body *= 1.0 - dry * smoothstep(0.47, 0.68, b) * smoothstep(0.05, 0.5, t);
  body = clamp(body, 0.0, 0.96);
  return half4(half3(ink) * body, body);
}
"""
MIST = """
uniform shader n; uniform float3 white; uniform float middle, spread, amount;
half4 main(float2 p) {
  float a = n.eval(p).a;
  float d = abs(p.y - middle + (a - 0.5) * spread * 1.5) / spread;
  float k = amount * (1.0 - smoothstep(0.0, 1.0, d));
  return half4(half3(white) * k, k);
}
"""


def behind(stage: Stage) -> None:
    paper = stage.tone("#f3ecdc", 0.25) if not stage.light.dark else rgb("#cfcfcb")
    ink = stage.tone("#1c2126", 0.5)
    rice_paper(stage, paper)
    foot = max(stage.horizon, stage.height * 0.45)
    _sun(stage)
    _ranges(stage, ink, paper, foot)
    _clearing(stage, paper)
    _lake(stage, ink, paper, foot)
    _pines(stage, ink, foot)
    _birds(stage, ink)


def _sun(stage: Stage) -> None:
    if stage.has_lamp:
        return
    colour = rgb("#c8402e") if not stage.light.dark else rgb("#f7f3e6")
    x = stage.light.x
    y = stage.height * stage.roll("sun").uniform(0.13, 0.2)
    if stage.light.dark:
        stage.glow(x, y, 180, colour, 0.9)
    stage.glow(x, y, 90, colour, 0.16, skia.BlendMode.kSrcOver)
    stage.canvas.drawCircle(x, y, 34, skia.Paint(Color=argb(colour, 0.82), AntiAlias=True))


def _peaks(stage: Stage, layer: int, top: float, foot: float) -> tuple[Array, Array]:
    """A range's crest: a few steep peaks over a broken line."""
    roll = stage.roll("range", layer)
    x = across(-MARGIN, stage.width + MARGIN, stage.fine)
    rise = foot - top
    crest = np.zeros_like(x)
    count = max(2, round((3 + layer) * stage.width / 1000))
    leaning = roll.choice((0.22, 0.78))
    for index in range(count):
        where = (index + roll.uniform(0.1, 0.9)) / count
        tall = roll.uniform(0.45, 1.0) * (1.15 - 0.75 * abs(where - leaning))
        wide = rise * roll.uniform(0.32, 0.6)
        crest = np.maximum(crest, tall * np.exp(-(np.abs((x - where * stage.width) / wide) ** 1.55)))
    rough = waves(x, 150, stage.number("rough", layer), fine=stage.fine, gain=0.53)
    return x, foot - rise * (0.12 + 0.8 * crest + 0.24 * rough * (0.35 + crest))


def _ranges(stage: Stage, ink: RGB, paper: RGB, foot: float) -> None:
    layers = 4
    for layer in range(layers):
        near = layer / (layers - 1)
        top = foot * (0.14 + 0.36 * near)
        low = foot * (0.86 + 0.14 * near)
        x, y = _peaks(stage, layer, top, low)
        tint = mix(mix(ink, rgb("#5d7f92"), 0.55 * (1 - near)), paper, 0.25 * (1 - near))
        paint = shader(
            INK,
            {
                "n": noise(130, 4, stage.number("wash", layer), 0.8),
                "s": noise(130, 3, stage.number("strokes", layer), 0.8),
                "g": noise(5, 3, stage.number("dry", layer)),
            },
            {
                "ink": tint,
                "top": float(y.min()),
                "foot": low + 10,
                "dark": 0.30 + 0.64 * near**1.2,
                "dry": 0.25 + 0.35 * near,
            },
        )
        path = outline(x, y, low + 60)
        crest = float(y.min())
        stage.shaded(path, along(0, crest, 0, low, [(0, paper, 0.92), (0.6, paper, 0.75), (1, paper, 0.0)]))
        stage.shaded(path, paint)
        _crest(stage, x, y, tint, (low, 1.0 + 1.6 * near, 0.18 + 0.4 * near))
        _mist(stage, paper, low - 8, 34 + 50 * near, 0.92, layer)


def _crest(stage: Stage, x: Array, y: Array, tint: RGB, told: tuple[float, float, float]) -> None:
    """The brush's line along a range, lost where the range sinks into the mist; `told`: foot, width, opacity."""
    low, width, alpha = told
    edge = skia.Path.Polygon([skia.Point(float(a), float(b)) for a, b in zip(x, y, strict=True)], False)
    stops = [(0.0, tint, alpha), (0.5, tint, alpha), (0.82, tint, 0.0), (1.0, tint, 0.0)]
    paint = skia.Paint(Shader=along(0, float(y.min()), 0, low, stops), AntiAlias=True, Style=skia.Paint.kStroke_Style)
    paint.setStrokeWidth(width)
    paint.setStrokeJoin(skia.Paint.kRound_Join)
    stage.canvas.drawPath(edge, paint)


def _clearing(stage: Stage, paper: RGB) -> None:
    """Mist behind what is written with the brush, so that ink stands on paper."""
    for line in stage.layout.lines:
        if line.effect != "brush":
            continue
        x, y = line.box.x + line.box.width / 2, line.box.y + line.box.height / 2
        radius = 0.62 * max(line.box.width, line.box.height)
        stops = [(0.0, paper, 0.62), (0.5, paper, 0.5), (1.0, paper, 0.0)]
        stage.canvas.drawCircle(x, y, radius, skia.Paint(Shader=around(x, y, radius, stops), Dither=True))


def _mist(stage: Stage, paper: RGB, middle: float, spread: float, amount: float, name: object) -> None:
    cover = stage.rect(middle - spread * 2.2, middle + spread * 2.2)
    child = noise(230, 4, stage.number("mist", name), 2.4)
    stage.over(
        MIST, cover, {"n": child}, white=mix(paper, (1, 1, 1), 0.35), middle=middle, spread=spread, amount=amount
    )


def _lake(stage: Stage, ink: RGB, paper: RGB, foot: float) -> None:
    """Still water: a few level strokes, a boat with its fisher."""
    roll = stage.roll("lake")
    deep = stage.height - foot
    stage.wash(
        [(0, paper, 0.0), (0.3, mix(paper, ink, 0.10), 0.5), (1, mix(paper, ink, 0.16), 0.75)],
        foot,
        stage.height + MARGIN,
    )
    for _ in range(int(26 * stage.width / 1000)):
        share = roll.random()
        y = foot + deep * (0.08 + 0.9 * share**1.3)
        x, half = roll.uniform(0, stage.width), roll.uniform(30, 150) * (0.4 + share)
        thick = 0.5 + 1.4 * share
        stage.fill(
            polygon([(x - half, y), (x, y - thick), (x + half, y), (x, y + thick)]), ink, 0.10 + 0.12 * roll.random()
        )
    if "boat" in stage.layout.scene.without or deep < 60:
        return
    x, y, size = stage.width * (0.66 if stage.light.x > stage.width / 2 else 0.34), foot + deep * 0.42, 38.0
    hull = skia.Path()
    hull.moveTo(x - size, y - size * 0.16)
    hull.quadTo(x, y + size * 0.3, x + size, y - size * 0.2)
    hull.quadTo(x, y + size * 0.02, x - size, y - size * 0.16)
    stage.fill(hull, ink, 0.85)
    stage.fill(polygon([(x - 3, y - 1), (x - 5, y - 15), (x + 1, y - 22), (x + 6, y - 14), (x + 5, y)]), ink, 0.85)
    stage.fill(polygon([(x - 11, y - 18), (x + 1, y - 27), (x + 13, y - 18)]), ink, 0.9)
    pole = skia.Path()
    pole.moveTo(x + 3, y - 12)
    pole.lineTo(x + 44, y - 40)
    stage.line(pole, ink, 1.0, 0.8)
    stage.fill(polygon([(x - size, y + 9), (x, y + 6), (x + size, y + 9), (x, y + 13)]), ink, 0.16)


def _pines(stage: Stage, ink: RGB, foot: float) -> None:
    """A bank with a leaning pine in one lower corner."""
    roll = stage.roll("pine")
    left = stage.light.x > stage.width / 2
    side = -1 if left else 1
    base = 0.0 if left else stage.width
    x = across(-MARGIN, stage.width + MARGIN, stage.fine)
    far = np.abs(x - base)
    y = stage.height - 105 * np.exp(-((far / 300) ** 2)) + 20 * waves(x, 60, stage.number("bank"), fine=stage.fine) + 22
    bank = shader(
        INK,
        {"n": noise(60, 5, 5, 0.8), "s": noise(60, 3, 7, 0.8), "g": noise(5, 3, 9)},
        {"ink": ink, "top": stage.height - 130.0, "foot": stage.height + 140.0, "dark": 0.95, "dry": 0.5},
    )
    stage.shaded(outline(x, y, stage.height + MARGIN), bank)
    for index in range(2):
        root = (base - side * (70 + 95 * index), stage.height - 62 + 22 * index)
        _pine(stage, ink, root, 250 - 90 * index, -side, roll)


def _pine(stage: Stage, ink: RGB, root: tuple[float, float], height: float, lean: int, roll: random.Random) -> None:
    x0, y0 = root
    points = []
    for part in range(9):
        share = part / 8
        points.append((x0 + lean * height * 0.42 * share**1.6 + roll.uniform(-3, 3), y0 - height * share))
    for (ax, ay), (bx, by), part in zip(points, points[1:], range(8), strict=False):
        stem = skia.Path()
        stem.moveTo(ax, ay)
        stem.lineTo(bx, by)
        stage.line(stem, ink, height * 0.05 * (1 - part / 9), 0.92)
    needles = skia.Path()
    for part in range(3, 9):
        px, py = points[part]
        for _ in range(3):
            cx = px + lean * roll.uniform(-0.12, 0.34) * height
            cy = py + roll.uniform(-0.05, 0.03) * height
            bough = skia.Path()
            bough.moveTo(px, py)
            bough.quadTo((px + cx) / 2, cy + 6, cx, cy)
            stage.line(bough, ink, height * 0.010, 0.85)
            _needles(needles, cx, cy, height * roll.uniform(0.09, 0.15), roll)
    stage.line(needles, ink, 0.9, 0.62)


def _needles(path: Any, x: float, y: float, size: float, roll: random.Random) -> None:
    """A cloud of needles: fans that open upwards."""
    for _ in range(7):
        cx, cy = x + roll.uniform(-1, 1) * size, y + roll.uniform(-0.18, 0.18) * size
        for ray in range(11):
            angle = math.pi * (0.06 + 0.88 * ray / 10)
            path.moveTo(cx, cy)
            path.lineTo(cx + math.cos(angle) * size * 0.42, cy - math.sin(angle) * size * 0.3)


def _birds(stage: Stage, ink: RGB) -> None:
    roll = stage.roll("birds")
    x, y = stage.width * (0.62 if stage.light.x < stage.width / 2 else 0.3), stage.height * 0.2
    for _ in range(5):
        bx, by, size = x + roll.gauss(0, 60), y + roll.gauss(0, 24), roll.uniform(6, 11)
        bird = skia.Path()
        bird.moveTo(bx - size, by - size * 0.3)
        bird.quadTo(bx - size * 0.4, by - size * 0.5, bx, by)
        bird.quadTo(bx + size * 0.4, by - size * 0.6, bx + size, by - size * 0.4)
        stage.line(bird, ink, 1.3, 0.7)
