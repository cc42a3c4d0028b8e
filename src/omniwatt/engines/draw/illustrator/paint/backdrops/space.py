"""Space: a nebula, stars of all sizes, a ringed planet lit from one side, a small moon."""

import skia

from omniwatt.engines.draw.illustrator.paint.colours import RGB, mix, rgb, shade
from omniwatt.engines.draw.illustrator.paint.skies import stars
from omniwatt.engines.draw.illustrator.paint.stage import MARGIN, Stage, noise, shader

NEBULA = """
uniform shader n; uniform float3 one, two, three; uniform float2 c; uniform float size;
half4 main(float2 p) {
  float4 warp = n.eval(p * 0.8 + 300.0);
  float2 q = p + (warp.a - 0.5) * 320.0;
  float a = n.eval(q).a, b = n.eval(q * 2.1 + 71.0).a;
  float r = exp(-pow(distance(p, c) / size, 1.7));
  float k = smoothstep(0.36, 0.74, a) * (0.35 + r) + r * 0.25;
  float dark = smoothstep(0.50, 0.66, b) * 0.75;
  float3 col = mix(mix(one, two, smoothstep(0.35, 0.65, b)), three, smoothstep(0.55, 1.1, k));
  k = clamp(k * (1.0 - dark) * 0.9, 0.0, 1.0);
  return half4(half3(col) * k, k);
}
"""
PLANET = """
uniform shader n; uniform float2 c, l; uniform float r; uniform float3 one, two, air;
half4 main(float2 p) {
  float2 d = (p - c) / r;
  float z = sqrt(max(1.0 - dot(d, d), 0.0));
  float lat = d.y * 1.05 - d.x * 0.28;
  float w = n.eval(float2(d.x * 130.0 / (0.35 + z), lat * 620.0)).a;
  float bands = 0.5 + 0.5 * sin(lat * 15.0 + (w - 0.5) * 7.0);
  float3 col = mix(one, two, clamp(bands * 0.8 + (w - 0.5) * 0.6, 0.0, 1.0));
  float lit = clamp(dot(normalize(float3(d, z)), normalize(float3(l, 0.55))), 0.0, 1.0);
  col = col * (0.03 + 1.15 * lit) + air * pow(1.0 - z, 3.0) * (0.15 + lit) * 0.9;
  float edge = smoothstep(1.0, 0.992, length(d));
  return half4(half3(min(col, 1.0)) * edge, edge);
}
"""
SETS = (("#2b3fae", "#c0329c", "#ffd2b8"), ("#14808f", "#5a35b8", "#c9f7ff"), ("#8a2b6b", "#e8703a", "#fff0c0"))


def behind(stage: Stage) -> None:
    stage.canvas.drawRect(stage.box(), skia.Paint(Color=0xFF04050F))
    stage.wash([(0, rgb("#060a1e"), 1), (1, rgb("#0b0618"), 1)], -MARGIN, stage.height + MARGIN)
    roll = stage.roll("space")
    one, two, three = (stage.tone(text) for text in SETS[roll.randrange(len(SETS))])
    right = roll.random() < 0.5
    centre = (stage.width * (0.34 if right else 0.66), stage.height * roll.uniform(0.35, 0.55))
    stage.over(
        NEBULA,
        stage.box(),
        {"n": noise(360, 6, stage.number("nebula"))},
        blend=skia.BlendMode.kScreen,
        one=one,
        two=two,
        three=three,
        c=centre,
        size=min(stage.width, stage.height) * 0.5,
    )
    stars(stage, stage.height + 2 * MARGIN, 1.7)
    if "planet" in stage.layout.scene.without:
        return
    _planet(
        stage,
        stage.width * (0.76 if right else 0.24),
        stage.height * 0.27,
        118,
        (-0.75 if right else 0.75, -0.5),
        one,
        two,
    )
    _ball(
        stage,
        stage.width * (0.12 if right else 0.88),
        stage.height * 0.8,
        34,
        (0.7 if right else -0.7, -0.5),
        rgb("#8d8a94"),
        rgb("#c9c4bf"),
        2,
    )


def _planet(
    stage: Stage,
    x: float,
    y: float,
    radius: float,
    light: tuple[float, float],
    one: RGB,
    two: RGB,
) -> None:
    base = shade(mix(one, rgb("#e8c9a0"), 0.65), 0.05)
    stage.glow(x, y, radius * 2.2, mix(one, (0.6, 0.8, 1), 0.5), 0.35)
    _ring(stage, x, y, radius, base, False)
    _ball(stage, x, y, radius, light, base, shade(mix(two, rgb("#7a4a5a"), 0.6), -0.05), 1)
    _ring(stage, x, y, radius, base, True)


def _ball(
    stage: Stage,
    x: float,
    y: float,
    radius: float,
    light: tuple[float, float],
    one: RGB,
    two: RGB,
    name: int,
) -> None:
    paint = shader(
        PLANET,
        {"n": noise(160, 5, stage.number("planet", name), 3.0 if name == 1 else 1.0)},
        {
            "c": (x, y),
            "l": light,
            "r": radius,
            "one": one,
            "two": two,
            "air": rgb("#9fc8ff") if name == 1 else (0.2, 0.2, 0.22),
        },
    )
    stage.canvas.drawCircle(x, y, radius + 1, skia.Paint(Shader=paint))


def _ring(stage: Stage, x: float, y: float, radius: float, colour: RGB, before: bool) -> None:
    """Its rings: the far half behind the planet, the near half before it."""
    stage.canvas.save()
    stage.canvas.translate(x, y)
    stage.canvas.rotate(-16)
    half = (
        skia.Rect.MakeLTRB(-radius * 3, 0, radius * 3, radius * 2)
        if before
        else skia.Rect.MakeLTRB(-radius * 3, -radius * 2, radius * 3, 0)
    )
    stage.canvas.clipRect(half)
    for index in range(9):
        size = radius * (1.38 + 0.085 * index)
        path = skia.Path()
        path.addOval(skia.Rect.MakeLTRB(-size, -size * 0.25, size, size * 0.25))
        stage.line(
            path,
            shade(colour, 0.06 * ((index * 7) % 4) - 0.1),
            radius * 0.075,
            (0.2, 0.62, 0.5, 0.75, 0.1, 0.55, 0.6, 0.4, 0.25)[index],
        )
    stage.canvas.restore()
