"""Painted looks: watercolour, oil, ink wash, calligraphy."""

import math
from typing import Any

import numpy as np
import skia
from PIL import Image, ImageFilter

from omniwatt.engines.draw.illustrator.paint.colours import RGB, rgb
from omniwatt.engines.draw.illustrator.paint.stage import MARGIN, Stage, noise
from omniwatt.engines.draw.illustrator.paint.styles.look import EDGE, Look

_GUIDE_SCALE = 0.5
"""Pixels a unit of the scene that strokes are taken from."""

WATERCOLOUR = (
    EDGE
    + """
uniform shader n, b, g; uniform float3 sheet;
float3 wet(float2 p) {
  return (mid.eval(p + float2(2.6, 0.9)).rgb + mid.eval(p + float2(-0.9, 2.6)).rgb + mid.eval(p - float2(2.6, 0.9)).rgb
    + mid.eval(p - float2(-0.9, 2.6)).rgb) * 0.25;
}
float3 look(float2 p) {
  float4 w = n.eval(p), v = b.eval(p * 5.0 + 40.0);
  float2 q = p + (float2(w.a, v.a) - 0.5) * float2(15.0, 11.0) + (float2(v.a, w.a) - 0.5) * 4.0;
  float3 c = mix(wet(q), pic.eval(q).rgb, 0.42);
  float3 out_ = (mid.eval(q + float2(8.0, 3.4)).rgb + mid.eval(q - float2(8.0, 3.4)).rgb
    + mid.eval(q + float2(-3.4, 8.0)).rgb + mid.eval(q - float2(-3.4, 8.0)).rgb) * 0.25;
  float pool = clamp((luma(out_) - luma(c)) * 2.6, 0.0, 0.5);
  float bloom = smoothstep(0.52, 0.72, b.eval(p * 0.42 + 300.0).a);
  float grain = g.eval(p).a - 0.5;
  float wash = 0.80 + (w.a - 0.5) * 0.85 - bloom * 0.20;
  float3 pigment = vivid(mix(sheet, c, clamp(wash, 0.35, 1.0)), 1.14);
  pigment *= 1.0 - pool * 0.75;
  pigment = mix(pigment, pow(max(pigment, 0.001), float3(1.5)), clamp(0.25 + grain * 1.3, 0.0, 0.7));
  float gap = smoothstep(0.25, 0.9, edge(q, 2.2)) * smoothstep(0.42, 0.6, v.a) * 0.55;
  pigment = mix(pigment, sheet, gap);
  float2 side = min(p, size - p);
  float margin = min(side.x, side.y) + (w.a - 0.5) * 74.0 + (v.a - 0.5) * 26.0;
  float paint = smoothstep(15.0, 23.0, margin);
  float line = paint * (1.0 - smoothstep(23.0, 40.0, margin));
  float3 paper = sheet * (1.0 + grain * 0.07);
  return mix(paper, pigment * (1.0 - line * 0.10) * (1.0 + grain * 0.05), paint);
}
"""
)
IMPASTO = """
uniform shader n, g;
float3 look(float2 p) {
  float2 d = normalize(float2(sun.x - p.x, -420.0)) * 1.3;
  float3 c = pic.eval(p).rgb;
  float bump = luma(mid.eval(p + d).rgb) - luma(mid.eval(p - d).rgb);
  float weave = n.eval(p).a - 0.5, bristle = g.eval(p).a - g.eval(p + d * 0.8).a;
  c += clamp(bump, -0.25, 0.25) * -0.24 + bristle * 0.12 + weave * 0.035;
  c = mix(c, c * c * (3.0 - 2.0 * c), 0.25);
  return vivid(c, 1.14);
}
"""
INK = (
    EDGE
    + """
uniform shader soft, n, g; uniform float3 sheet, ink; uniform float keep, dry, lift, white;
float3 look(float2 p) {
  float4 w = n.eval(p);
  float v = n.eval(p * 6.0 + 33.0).a;
  float2 q = p + (float2(w.a, v) - 0.5) * 5.0;
  float3 c = mix(mid.eval(q).rgb, pic.eval(q).rgb, 0.6);
  float l = luma(c), around = luma(soft.eval(q).rgb);
  float red = smoothstep(0.16, 0.36, c.r - max(c.g, c.b)) * smoothstep(0.2, 0.4, c.r);
  l = pow(max(l, 0.0), lift);
  float k = 1.0 - smoothstep(0.03, white, l + (w.a - 0.5) * 0.14);
  k = clamp(pow(k, 1.15) + (around - l) * 0.42, 0.0, 1.0);
  float m = who.eval(q).a;
  float3 own = vivid(c, 0.75);
  k = mix(k, clamp(0.10 + (1.0 - luma(c)) * 0.42, 0.0, 0.9), m);
  k += smoothstep(0.09, 0.34, rim(p, 1.4)) * mix(0.42, 0.30, m);
  float brush = 1.0 + 1.8 * smoothstep(0.3, 0.7, v);
  k = max(k, smoothstep(0.25, 0.75, edge(q, brush)) * (0.62 + 0.3 * v));
  float grain = g.eval(p).a;
  k *= 1.0 - dry * smoothstep(0.47, 0.66, grain) * (1.0 - k) * 0.8;
  k = clamp(k, 0.0, 0.97) * (0.93 + 0.14 * (v - 0.5));
  float3 paper = sheet + (grain - 0.5) * 0.035;
  float3 ground = mix(paper, paper * mix(float3(1.0), own, 0.72 * (0.8 + 0.4 * w.a)), m);
  float3 wash = mix(ground, mix(ink, c * 0.6, keep * (1.0 - m)), k);
  return mix(wash, mix(paper, float3(0.74, 0.17, 0.12), 0.86), red * 0.9 * (1.0 - m));
}
"""
)


def _strokes(stage: Stage, image: Any, things: Any) -> None:
    """Brush strokes in four sizes along the shapes: broad ones everywhere, small ones for detail and things."""
    guide = np.asarray(image.toarray(colorType=skia.kRGBA_8888_ColorType))[..., :3]
    small = Image.fromarray(np.ascontiguousarray(guide))
    grey = np.asarray(small.convert("L").filter(ImageFilter.GaussianBlur(1.6)), np.float32) / 255
    dy, dx = np.gradient(grey)
    size = np.hypot(dx, dy)
    tensor = [_blur(part, 5) for part in (dx * dx - dy * dy, 2 * dx * dy)]
    turn = 0.5 * np.arctan2(tensor[1], tensor[0]) + math.pi / 2
    calm = np.hypot(*tensor) < 1e-5
    turn[calm] = 0.12
    detail = _blur(size, 3) * 40
    colours = np.asarray(small.filter(ImageFilter.GaussianBlur(1.0)))
    layers = ((30.0, 0.0), (15.0, 0.16), (7.5, 0.42)) if stage.rich > 1 else ((22.0, 0.0), (9.0, 0.4))
    for layer, (width, least) in enumerate(layers):
        _layer(stage, layer, width, least, colours, turn, detail)
    mask = np.asarray(things.toarray(colorType=skia.kRGBA_8888_ColorType))[..., 3] / 255.0
    if mask.any():
        sharp = np.asarray(small)
        for layer, width in enumerate((8.0, 4.6) if stage.rich > 1 else (6.0,)):
            _layer(stage, 10 + layer, width, 0.6, sharp, turn, mask)


def _blur(field: Any, radius: int) -> Any:
    """The mean over a square about each place."""
    wide = 2 * radius + 1
    for axis in (0, 1):
        pad = [(radius + 1, radius) if each == axis else (0, 0) for each in (0, 1)]
        total = np.cumsum(np.pad(field, pad, mode="edge"), axis=axis, dtype=np.float64)
        upper, lower = np.split(total, [wide], axis=axis)[1], np.delete(total, np.s_[-wide:], axis=axis)
        field = (upper - lower) / wide
    return field


def _layer(stage: Stage, layer: int, width: float, least: float, colours: Any, turn: Any, detail: Any) -> None:
    """Strokes of one size, in no order, where the scene is at least so detailed."""
    rng = np.random.default_rng(stage.number("strokes", layer))
    pitch = width * 0.62
    grid = np.mgrid[0 : stage.width + 2 * MARGIN : pitch, 0 : stage.height + 2 * MARGIN : pitch].reshape(2, -1).T
    spots = rng.permutation(grid) + rng.uniform(-0.5, 0.5, grid.shape) * pitch
    high, wide = detail.shape
    columns = np.clip((spots[:, 0] * _GUIDE_SCALE).astype(int), 0, wide - 1)
    lines = np.clip((spots[:, 1] * _GUIDE_SCALE).astype(int), 0, high - 1)
    kept = detail[lines, columns] >= least
    spots, columns, lines = spots[kept] - MARGIN, columns[kept], lines[kept]
    count = len(spots)
    angle = turn[lines, columns] + rng.uniform(-0.16, 0.16, count)
    along = np.stack([np.cos(angle), np.sin(angle)], 1)
    busy = np.minimum(detail[lines, columns], 1.0)
    half = (width * (2.3 - 1.4 * busy) * rng.uniform(0.35, 0.6, count))[:, None]
    bristles = 3 if width > 10 and stage.rich > 1 else 1
    thick = width * (0.95 if bristles == 1 else 0.42) * rng.uniform(0.85, 1.15, count)
    brush = skia.Paint(AntiAlias=True, Style=skia.Paint.kStroke_Style)
    for bristle in range(bristles):
        aside = (bristle - (bristles - 1) / 2) * width * 0.30
        middle = (
            spots
            + np.stack([-along[:, 1], along[:, 0]], 1) * aside
            + along * rng.uniform(-0.15, 0.15, (count, 1)) * width
        )
        ends = np.concatenate([middle - along * half, middle + along * half], 1).tolist()
        tones = np.clip(colours[lines, columns].astype(int) + rng.integers(-9, 10, (count, 1)), 0, 255)
        codes = (0xF0000000 | tones[:, 0] << 16 | tones[:, 1] << 8 | tones[:, 2]).tolist()
        for end, code, size in zip(ends, codes, thick.tolist(), strict=True):
            brush.setColor(code)
            brush.setStrokeWidth(size)
            stage.canvas.drawLine(*end, brush)


def _sheet(stage: Stage) -> tuple[float, float, float]:
    return rgb("#f4eee0") if not stage.light.dark else rgb("#dcdcd8")


def _white(stage: Stage) -> float:
    """From which lightness on the paper is left bare; what is ink already keeps all its tones."""
    if stage.layout.scene.backdrop == "ink_mountains":
        return 0.80 if stage.light.dark else 0.92
    return 0.78


def _lift(stage: Stage, night: float, day: float) -> float:
    """The power that lightness is raised to before it becomes ink, so that a night is no black sheet."""
    if stage.layout.scene.backdrop == "ink_mountains":
        return day
    return night if stage.light.dark else day


def _inked(ink: RGB, *, keep: float, dry: float, lift: tuple[float, float]) -> Look:
    """Ink of this colour: how much of the scene's colours it keeps, how dry the brush is, how a night and a day are
    lifted."""
    return Look(
        INK,
        4.0,
        6.0,
        lambda stage: {"n": noise(150, 3, stage.number("bleed")), "g": noise(4, 2, stage.number("dry"), 2.0)},
        lambda stage: {
            "sheet": _sheet(stage),
            "ink": ink,
            "keep": keep,
            "dry": dry,
            "lift": _lift(stage, *lift),
            "white": _white(stage),
        },
    )


LOOKS = {
    "watercolour": Look(
        WATERCOLOUR,
        11.0,
        22.0,
        lambda stage: {
            "n": noise(210, 4, stage.number("wash")),
            "b": noise(210, 2, stage.number("bloom")),
            "g": noise(3.4, 2, stage.number("tooth")),
        },
        lambda _: {"sheet": (0.985, 0.975, 0.95)},
    ),
    "oil": Look(
        IMPASTO,
        1.0,
        3.0,
        lambda stage: {"n": noise(2.4, 1, stage.number("weave")), "g": noise(9, 3, stage.number("bristle"), 3.0)},
        over=_strokes,
    ),
    "ink": _inked((0.09, 0.10, 0.12), keep=0.28, dry=0.8, lift=(0.5, 1.0)),
    "calligraphy": _inked((0.28, 0.27, 0.26), keep=0.12, dry=0.9, lift=(0.4, 0.75)),
}
