"""Printed and cut looks: poster and paper-cut."""

from omniwatt.engines.draw.illustrator.paint.colours import RGB, rgb
from omniwatt.engines.draw.illustrator.paint.stage import Stage, noise
from omniwatt.engines.draw.illustrator.paint.styles.look import Look

POSTER = """
uniform shader n, g; uniform float3 a, b, c, d, e, f;
float far(float3 x, float3 y) { float3 k = x - y; return dot(k * k, float3(0.6, 1.2, 0.5)); }
float3 look(float2 p) {
  float3 s = pic.eval(p).rgb * 0.5 + mid.eval(p).rgb * 0.5;
  float grain = g.eval(p).a - 0.5;
  float2 r = float2(0.7071 * (p.x + p.y), 0.7071 * (p.x - p.y)) / 3.6;
  float dot_ = (cos(6.2832 * r.x) + cos(6.2832 * r.y)) * 0.5 * clamp(1.4 - u, 0.0, 1.0);
  s = vivid(s, 1.35);
  s = clamp((s - 0.5) * 1.12 + 0.5 + dot_ * 0.055 + grain * 0.10, 0.0, 1.0);
  float3 best = a; float m = far(s, a), t;
  t = far(s, b); if (t < m) { m = t; best = b; }
  t = far(s, c); if (t < m) { m = t; best = c; }
  t = far(s, d); if (t < m) { m = t; best = d; }
  t = far(s, e); if (t < m) { m = t; best = e; }
  t = far(s, f); if (t < m) { m = t; best = f; }
  float l = max(luma(s), 0.01), k = l * 5.0 + dot_ * 0.55 + grain * 0.5;
  float step = (floor(k) + smoothstep(0.42, 0.58, fract(k))) / 5.0 + 0.04;
  float3 own = vivid(clamp(s * (step / l), 0.0, 1.0), 1.2);
  float3 ink = mix(own, best * (0.78 + 0.4 * step), 0.42);
  float worn = smoothstep(0.66, 0.74, n.eval(p * 2.0).a) * 0.10;
  ink = mix(ink, float3(0.96, 0.93, 0.86), worn + max(grain - 0.16, 0.0) * 0.5);
  float2 q = min(p, size - p);
  float in_ = smoothstep(17.0, 17.0 + max(u, 0.4), min(q.x, q.y));
  return mix(float3(0.955, 0.925, 0.86) + grain * 0.04, ink, in_);
}
"""
PAPERCUT = """
uniform shader n, g;
float level(float2 p) { return luma(soft.eval(p).rgb) * 8.0; }
float3 look(float2 p) {
  float3 c = pic.eval(p).rgb;
  float grain = g.eval(p).a - 0.5, fibre = n.eval(p).a - 0.5;
  float f = level(p);
  float wide = clamp(u * 0.5, 0.03, 0.3);
  float own = floor(f) + smoothstep(1.0 - wide * 0.3, 1.0, fract(f));
  float3 s = soft.eval(p).rgb;
  float l = max(luma(s), 0.01);
  float3 sheet = vivid(clamp(s * ((own + 0.5) / 8.0 / l), 0.0, 1.0), 1.28);
  float2 d = normalize(sun - size * 0.5 + float2(0.0, -200.0));
  float shade = 0.0;
  shade += clamp(floor(level(p + d * 5.0)) - own, 0.0, 1.0) * 0.30;
  shade += clamp(floor(level(p + d * 9.0)) - own, 0.0, 1.0) * 0.20;
  shade += clamp(floor(level(p + d * 14.0)) - own, 0.0, 1.0) * 0.12;
  float lip = clamp(floor(level(p - d * 1.6)) - own, -1.0, 0.0) * -0.07;
  float thing = smoothstep(0.10, 0.26, distance(c, s));
  float3 sharp = vivid(mix(c, floor(c * 6.0 + 0.5) / 6.0, 0.5), 1.15);
  float fall = smoothstep(0.12, 0.34, distance(mid.eval(p + d * 5.0).rgb, soft.eval(p + d * 5.0).rgb)) * (1.0 - thing);
  float3 o = mix(sheet, sharp, thing);
  float e = smoothstep(0.12, 0.4, rim(p, 1.2));
  o = o * (1.0 - shade * (1.0 - thing * 0.7)) * (1.0 - fall * 0.26) + lip + e * 0.05;
  return o + grain * 0.045 + fibre * 0.03;
}
"""
SETS = (
    ("#12263f", "#1f6f78", "#e4572e", "#f3b61f", "#f4ead5", "#7fb7a3"),
    ("#1d1a2f", "#5b2a6e", "#d7263d", "#f46036", "#f6e7cb", "#2e86ab"),
    ("#0f2a1d", "#375534", "#c1440e", "#e6b65c", "#f3ecd8", "#7a9e7e"),
)


def _inks(stage: Stage) -> dict[str, RGB]:
    """Six inks: those that were asked for first, filled up from a set."""
    asked = list(stage.layout.scene.palette)[:6]
    base = SETS[stage.number("inks") % len(SETS)]
    inks = [*asked, *[ink for ink in base if ink not in asked]][:6]
    return {name: rgb(ink) for name, ink in zip("abcdef", inks, strict=True)}


LOOKS = {
    "poster": Look(
        POSTER,
        1.0,
        2.0,
        lambda stage: {"n": noise(90, 4, stage.number("worn")), "g": noise(2.2, 2, stage.number("grain"))},
        _inks,
    ),
    "papercut": Look(
        PAPERCUT,
        1.0,
        12.0,
        lambda stage: {"n": noise(26, 3, stage.number("fibre"), 1.6), "g": noise(1.9, 2, stage.number("tooth"))},
    ),
}
