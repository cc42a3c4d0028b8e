"""Dunes: sharp crests that wind down to the viewer, one side lit and one in shadow, ripples in the sand."""

import skia

from omniwatt.engines.draw.illustrator.paint.colours import RGB, mix, rgb, shade
from omniwatt.engines.draw.illustrator.paint.skies import sky
from omniwatt.engines.draw.illustrator.paint.stage import MARGIN, Stage, noise, shader

DUNE = """
uniform shader n, g; uniform float3 lit, dim, haze; uniform float top, foot, veil, size, fade, tilt;
half4 main(float2 p) {
  float t = clamp((p.y - top) / (foot - top), 0.0, 1.0);
  float a = n.eval(p).a;
  float2 q = float2(p.x * 0.5 + p.y * tilt + (a - 0.5) * 150.0, (p.y - p.x * tilt * 0.35) * 2.2) / size;
  float ripple = g.eval(q).a - 0.5;
  float k = clamp(0.86 - t * 0.30 + (a - 0.5) * 0.6 + ripple * 0.75 * (0.25 + t), 0.0, 1.0);
  float3 c = mix(mix(dim, lit, k), haze, veil);
  float alpha = 1.0 - fade * smoothstep(0.62, 1.0, t);
  return half4(half3(c) * alpha, alpha);
}
"""


def behind(stage: Stage) -> None:
    foot = stage.horizon
    sky(stage)
    sand = stage.lit(stage.tone("#e9b56c"), 0.8)
    deep = stage.height - foot
    _face(stage, _field(stage, foot), sand, 0.25, foot, stage.height + MARGIN, lit=True, fade=0.0, name="field")
    roll = stage.roll("dunes")
    count = max(6, int(7 * stage.width / 1000))
    places = sorted(roll.random() for _ in range(count))
    for index, near in enumerate(places):
        x = ((index * 0.618 + roll.uniform(-0.06, 0.06)) % 1.0) * stage.width
        base = foot + deep * (0.05 + 0.75 * near**1.4)
        tall = (34 + 150 * near**1.2) * roll.uniform(0.8, 1.15)
        _dune(stage, index, x, base, tall, sand, 0.15 + 0.75 * near)


def _field(stage: Stage, foot: float) -> skia.Path:
    path = skia.Path()
    path.addRect(stage.rect(foot, stage.height + MARGIN))
    return path


def _dune(stage: Stage, index: int, x: float, base: float, tall: float, sand: RGB, depth: float) -> None:
    """A barchan: a long slope to the wind, a steep one behind its crest."""
    roll = stage.roll("dune", index)
    sun = 1.0 if stage.light.x > x else -1.0
    wide, lee = tall * roll.uniform(3.4, 4.6), tall * roll.uniform(1.9, 2.6)
    peak, low = (x, base - tall), base + tall * 0.55
    bend, end = x + sun * tall * roll.uniform(0.5, 0.9), x - sun * tall * roll.uniform(0.3, 0.8)
    lit, dark = skia.Path(), skia.Path()
    lit.moveTo(x + sun * wide, low)
    lit.cubicTo(x + sun * wide * 0.55, base - tall * 0.05, x + sun * wide * 0.25, base - tall * 0.78, *peak)
    lit.cubicTo(bend, base - tall * 0.55, end - sun * tall * 0.2, base - tall * 0.1, end, low)
    lit.close()
    dark.moveTo(*peak)
    dark.cubicTo(bend, base - tall * 0.55, end - sun * tall * 0.2, base - tall * 0.1, end, low)
    dark.lineTo(x - sun * lee * 1.5, low)
    dark.cubicTo(x - sun * lee * 0.9, base - tall * 0.1, x - sun * lee * 0.4, base - tall * 0.72, *peak)
    dark.close()
    _face(stage, dark, sand, depth, base - tall, low, lit=False, fade=1.0, name=index)
    _face(stage, lit, sand, depth, base - tall, low, lit=True, fade=1.0, name=index)


def _face(
    stage: Stage,
    path: skia.Path,
    sand: RGB,
    depth: float,
    top: float,
    foot: float,
    *,
    lit: bool,
    fade: float,
    name: object,
) -> None:
    warm = rgb(stage.light.colour)
    bright = mix(shade(sand, 0.07), warm, 0.32) if lit else shade(sand, -0.15, 1.05, -14)
    dim = shade(sand, -0.10, 1.0, -8) if lit else shade(sand, -0.27, 0.95, -20)
    paint = shader(
        DUNE,
        {"n": noise(300, 3, stage.number("sand", name), 1.5), "g": noise(15, 2, stage.number("ripple"), 3.0)},
        {
            "lit": bright,
            "dim": dim,
            "haze": rgb(stage.light.haze),
            "top": top,
            "foot": foot,
            "fade": fade,
            "veil": min(stage.light.haze_at(depth) * 1.1, 0.8),
            "size": 0.45 + depth,
            "tilt": 0.25 if lit else -0.35,
        },
    )
    stage.shaded(path, paint)
