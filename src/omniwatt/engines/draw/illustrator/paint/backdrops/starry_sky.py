"""A night of stars: the milky way, an aurora where asked for, a dark ridge with firs below."""

import skia

from omniwatt.engines.draw.illustrator.paint.colours import mix, rgb, shade
from omniwatt.engines.draw.illustrator.paint.shapes import across, conifer, outline, waves
from omniwatt.engines.draw.illustrator.paint.skies import moon, stars
from omniwatt.engines.draw.illustrator.paint.stage import MARGIN, Stage, along, noise
from omniwatt.engines.draw.illustrator.paint.weather import aurora

WAY = """
uniform shader n; uniform float3 cold, warm; uniform float2 a, b; uniform float wide;
half4 main(float2 p) {
  float2 d = normalize(b - a);
  float2 r = p - a;
  float off = r.x * d.y - r.y * d.x;
  float v = n.eval(p).a, w = n.eval(p * 2.6 + 90.0).a;
  float k = exp(-pow(abs(off + (v - 0.5) * wide * 1.6) / wide, 1.6));
  float dust = smoothstep(0.50, 0.66, w) * exp(-pow(abs(off) / (wide * 0.42), 2.0));
  k = k * (0.16 + 0.62 * smoothstep(0.36, 0.72, v)) * (1.0 - 0.75 * dust);
  float3 c = mix(cold, warm, clamp(v * 1.6 - 0.4, 0.0, 1.0));
  return half4(half3(c) * k, k);
}
"""


def behind(stage: Stage) -> None:
    foot = stage.horizon
    top, middle, rim = stage.tone("#030617"), stage.tone("#0c1a48"), stage.tone("#2d4a86")
    stage.canvas.drawRect(stage.box(), skia.Paint(Color=0xFF060A1C))
    stage.wash([(0, top, 1), (0.6, middle, 1), (1, rim, 1)], -MARGIN, foot + 60)
    stage.over(
        WAY,
        stage.rect(-MARGIN, foot + 40),
        {"n": noise(210, 5, stage.number("way"))},
        blend=skia.BlendMode.kScreen,
        cold=rgb("#6f8fe8"),
        warm=rgb("#f2c9d8"),
        a=(-0.2 * stage.width, foot * 1.1),
        b=(1.2 * stage.width, -0.05 * foot),
        wide=120.0,
    )
    stars(stage, foot, 2.2, band=True)
    if stage.has("aurora"):
        aurora(stage, foot)
    if stage.has("moon"):
        moon(stage, stage.light.x, stage.height * 0.2)
    _land(stage, foot)


def _land(stage: Stage, foot: float) -> None:
    roll = stage.roll("land")
    for layer in range(3):
        x = across(-MARGIN, stage.width + MARGIN, stage.fine)
        y = (
            foot
            + 30 * layer
            - (70 - 22 * layer) * waves(x, 380, stage.number("land", layer), fine=stage.fine, gain=0.4)
        )
        colour = mix(stage.tone("#1d315f"), stage.tone("#04070f"), 0.35 + 0.32 * layer)
        path = outline(x, y, stage.height + MARGIN)
        if layer:
            for _ in range(int(34 * layer * stage.width / 1000)):
                place = roll.randrange(len(x))
                conifer(path, float(x[place]), float(y[place]) + 4, (34 + 30 * layer) * roll.uniform(0.6, 1.3), roll)
        stage.shaded(path, _fade(stage, colour, foot))


def _fade(stage: Stage, colour: tuple[float, float, float], foot: float) -> object:
    return along(0, foot - 80, 0, stage.height, [(0, shade(colour, 0.03), 1), (1, shade(colour, -0.06), 1)])
