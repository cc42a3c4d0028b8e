"""Printed and cut looks: poster and paper-cut."""

from omniwatt.engines.draw.illustrator.paint.colours import RGB, rgb
from omniwatt.engines.draw.illustrator.paint.stage import Stage, noise
from omniwatt.engines.draw.illustrator.paint.styles.look import EDGE, Look

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
PAPERCUT = (
    EDGE
    + """
uniform shader n, g;
float3 look(float2 p) {
  float3 c = pic.eval(p).rgb;
  float m = who.eval(p).a;
  float grain = g.eval(p).a - 0.5, fibre = n.eval(p).a - 0.5;
  float l = max(luma(c), 0.01), k = l * 6.0;
  float w = 0.15 * min(u, 1.0), step = (floor(k) + smoothstep(0.5 - w, 0.5 + w, fract(k))) / 6.0 + 0.02;
  c = mix(c, vivid(clamp(c * (step / l), 0.0, 1.0), 1.05), 0.75 * m);
  float2 d = normalize(sun - p + 0.01) * 1.3;
  float lip = who.eval(p - d).a - who.eval(p + d).a;
  c += clamp(lip, 0.0, 1.0) * m * 0.14 - clamp(-lip, 0.0, 1.0) * m * 0.10;
  return vivid(c, 1.08) * (1.0 + grain * 0.09 + fibre * 0.07);
}
"""
)
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
        2.0,
        lambda stage: {"n": noise(26, 3, stage.number("fibre"), 1.6), "g": noise(1.9, 2, stage.number("tooth"))},
        sheets=True,
        cut=True,
    ),
}
