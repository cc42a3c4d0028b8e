"""Water and wet ground: what stands above, mirrored and broken by ripples, with the sky's colour and glints."""

from typing import Any

from omniwatt.engines.draw.illustrator.paint.colours import RGB
from omniwatt.engines.draw.illustrator.paint.stage import MARGIN, Stage, noise

WATER = """
uniform shader seen, n; uniform float top, depth, rough, clear, middle, glint, squeeze;
uniform float3 near, far, spark; uniform float2 sun; uniform float smear;
half4 main(float2 p) {
  float t = clamp((p.y - top) / depth, 0.0, 1.2);
  float lens = 1.0 / (t + 0.07);
  float2 q = float2((p.x - middle) * lens * 0.55, lens * 420.0 - t * 260.0);
  float a = n.eval(q).a - 0.5;
  float b = n.eval(q * 2.7 + 31.0).a - 0.5;
  float w = (a + b * 0.5) * rough;
  float grow = smoothstep(0.0, 0.16, t);
  float2 r = float2(p.x + w * 46.0 * grow, top - (p.y - top) * squeeze + w * (30.0 + 190.0 * t) * grow - 2.0);
  float3 c = seen.eval(r).rgb;
  if (smear > 0.0) {
    float k = smear * (8.0 + 46.0 * t);
    c = c * 0.28 + seen.eval(r + float2(0, k)).rgb * 0.22 + seen.eval(r - float2(0, k)).rgb * 0.22
      + seen.eval(r + float2(0, 2.1 * k)).rgb * 0.14 + seen.eval(r - float2(0, 2.1 * k)).rgb * 0.14;
    c = c * (1.0 + 0.3 * smear);
  }
  float3 body = mix(far, near, smoothstep(0.0, 0.9, t));
  float show = clear * mix(1.0, 0.42, smoothstep(0.0, 1.0, t));
  c = mix(body, c, show) + w * mix(0.05, 0.16, t);
  float lane = exp(-abs(p.x - sun.x) / (26.0 + 190.0 * t));
  float k = smoothstep(0.06, 0.20, w + lane * 0.05) * lane * glint * (1.0 - 0.35 * t);
  c = mix(c, spark, clamp(k, 0.0, 1.0));
  return half4(half3(clamp(c, 0.0, 1.0)), 1.0);
}
"""


def water(
    stage: Stage,
    top: float,
    near: RGB,
    far: RGB,
    *,
    rough: float = 1.0,
    clear: float = 0.6,
    glint: float = 0.9,
    spark: RGB = (1.0, 0.97, 0.88),
    squeeze: float = 1.0,
    smear: float = 0.0,
    within: Any = None,
) -> None:
    """Water from `top` to the lower edge (or `within` a path); `clear` is how much of the mirror is seen."""
    seen = stage.mirror()
    stage.canvas.save()
    if within is not None:
        stage.canvas.clipPath(within, doAntiAlias=True)
    stage.over(
        WATER,
        stage.rect(top, stage.height + MARGIN),
        {"seen": seen, "n": noise(64, 3, stage.number("ripples"), 2.6)},
        top=top,
        depth=max(stage.height - top, 60.0),
        rough=rough,
        clear=clear,
        middle=stage.width / 2,
        glint=glint,
        squeeze=squeeze,
        smear=smear,
        near=near,
        far=far,
        spark=spark,
        sun=(stage.light.x, stage.light.y),
    )
    stage.canvas.restore()
