"""Drawn looks: cartoon, flat, 3d, pencil, neon, pixel."""

from omniwatt.engines.draw.illustrator.paint.stage import noise
from omniwatt.engines.draw.illustrator.paint.styles.look import EDGE, Look

CARTOON = """
float3 look(float2 p) {
  float3 c = pic.eval(p).rgb;
  float e = smoothstep(0.16, 0.46, rim(p, 1.1));
  c = vivid(c, 1.2);
  c = mix(c, smoothstep(float3(0.0), float3(1.0), c), 0.35);
  return mix(c, c * float3(0.30, 0.26, 0.36), e * 0.62);
}
"""
FLAT = """
float3 look(float2 p) {
  float3 c = pic.eval(p).rgb;
  float3 s = mid.eval(p).rgb * 0.4 + (mid.eval(p + float2(2.4, 1.0)).rgb + mid.eval(p + float2(-1.0, 2.4)).rgb
    + mid.eval(p - float2(2.4, 1.0)).rgb + mid.eval(p - float2(-1.0, 2.4)).rgb) * 0.15;
  float same = 1.0 - smoothstep(0.05, 0.16, distance(c, s));
  c = mix(c, s, same);
  float l = max(luma(c), 0.004), f = l * 7.0;
  float step = (floor(f) + smoothstep(0.44, 0.56, fract(f))) / 7.0 + 0.05;
  return vivid(c * mix(1.0, step / l, 0.7), 1.16);
}
"""
SOLID = (
    EDGE
    + """
uniform shader soft, puff;
float3 look(float2 p) {
  float3 c = pic.eval(p).rgb, s = soft.eval(p).rgb;
  float m = who.eval(p).a;
  float h = puff.eval(p).r;
  float2 g = float2(puff.eval(p + float2(3, 0)).r - puff.eval(p - float2(3, 0)).r,
    puff.eval(p + float2(0, 3)).r - puff.eval(p - float2(0, 3)).r);
  float relief = luma(mid.eval(p - float2(1.6, 1.6)).rgb) - luma(mid.eval(p + float2(1.6, 1.6)).rgb);
  float3 n = normalize(float3(-g * 4.2, 0.62));
  float3 d = normalize(float3(sun.x - p.x, min(sun.y - p.y, -160.0), 420.0));
  float lit = dot(n, d);
  float shine = pow(max(dot(n, normalize(d + float3(0, 0, 1))), 0.0), 26.0);
  float3 solid = c * (0.58 + 0.54 * max(lit, 0.0)) + c * c * 0.12;
  solid += shine * 0.26 * (0.35 + 0.65 * luma(c)) - relief * 0.05;
  float back = smoothstep(0.0, 0.5, edge(p, 5.0)) * smoothstep(-0.1, 0.8, lit);
  solid += back * 0.09;
  float hollow = clamp((luma(s) - luma(c)) * 1.2, 0.0, 1.0);
  float near = puff.eval(p - float2(0.0, 9.0)).r;
  float3 ground = c * (1.0 - 0.22 * hollow) * (1.0 - 0.42 * near * (1.0 - m));
  c = mix(ground, solid, m);
  float3 bloom = max(s - 0.62, 0.0) * 0.5;
  c = 1.0 - (1.0 - clamp(c, 0.0, 1.0)) * (1.0 - bloom);
  c = mix(c, c * c * (3.0 - 2.0 * c), 0.3);
  float2 q = (p / size - 0.5) * 2.0;
  c *= 1.0 - 0.16 * smoothstep(0.5, 1.9, dot(q, q));
  return vivid(c, 1.1) + float3(0.012, 0.006, -0.008);
}
"""
)
PENCIL = (
    EDGE
    + """
uniform shader n, g; uniform float3 sheet; uniform float lift;
float hatch(float2 p, float2 d, float gap, float dark) {
  float w = (n.eval(p).a - 0.5) * 5.0;
  float s = abs(fract((dot(p, d) + w) / gap) - 0.5) * 2.0;
  float soft_ = clamp(u / gap * 2.0, 0.12, 0.6);
  return (1.0 - smoothstep(dark - soft_, dark + soft_, s)) * smoothstep(0.02, 0.22, dark);
}
float3 look(float2 p) {
  float3 c = pic.eval(p).rgb;
  float m = who.eval(p).a;
  float l = smoothstep(0.0, 1.0, pow(mix(luma(c), luma(mid.eval(p).rgb), 0.5), lift));
  l = mix(l, clamp((luma(c) - 0.04) * 0.9, 0.0, 1.0), m);
  float grain = g.eval(p).a;
  float pressure = 0.72 + 0.5 * n.eval(p * 0.3 + 70.0).a;
  float k = hatch(p, float2(0.80, 0.60), 4.6, clamp(1.05 - l * 1.22, 0.0, 1.0)) * 0.50;
  k = max(k, hatch(p, float2(0.62, -0.78), 5.0, clamp(0.80 - l * 1.30, 0.0, 1.0)) * 0.56);
  k = max(k, hatch(p, float2(0.10, 0.99), 4.2, clamp(0.52 - l * 1.45, 0.0, 1.0)) * 0.66);
  float e = smoothstep(0.05, 0.30, rim(p, 1.3)) * (0.55 + 0.6 * smoothstep(0.35, 0.6, grain));
  float shape = smoothstep(0.12, 0.6, edge(p + (n.eval(p * 3.0).a - 0.5) * 4.0, 1.5));
  e = max(e, shape * (0.7 + 0.5 * smoothstep(0.3, 0.6, grain)));
  k = max(k, e * 0.9) * pressure;
  k = clamp(k * (0.45 + 1.05 * smoothstep(0.30, 0.62, grain)) + (1.0 - l) * (1.0 - l) * 0.2, 0.0, 0.93);
  float2 b = min(p, size - p);
  float edge = smoothstep(8.0, 46.0, min(b.x, b.y) + (n.eval(p * 0.5 + 20.0).a - 0.5) * 60.0);
  float3 lead = mix(float3(0.17, 0.17, 0.19), vivid(c, 1.4) * 0.66, 0.3 + 0.35 * m);
  float3 paper = sheet + (grain - 0.5) * 0.06;
  return mix(paper, lead, k * edge);
}
"""
)
NEON = (
    EDGE
    + """
uniform shader soft, n;
float3 hue(float t) { return 0.5 + 0.5 * cos(6.2832 * (t + float3(0.92, 0.55, 0.22))); }
float3 look(float2 p) {
  float3 c = pic.eval(p).rgb, s = soft.eval(p).rgb;
  float l = luma(c);
  float near = smoothstep(0.07, 0.24, rim(p, 1.0)), wide = smoothstep(0.03, 0.30, rim(p, 4.5));
  float far = smoothstep(0.02, 0.34, rim(p, 11.0));
  near = max(near, smoothstep(0.15, 0.6, edge(p, 1.6)));
  wide = max(wide, smoothstep(0.05, 0.8, edge(p, 5.0)));
  far = max(far, smoothstep(0.0, 1.0, edge(p, 12.0)));
  float3 tint = hue(p.y / size.y * 0.34 + p.x / size.x * 0.18 + n.eval(p).a * 0.55 + luma(s) * 0.15);
  tint = mix(tint, vivid(clamp(c * 1.5, 0.0, 1.0), 1.7), 0.45);
  float3 night = mix(float3(0.018, 0.014, 0.07), float3(0.13, 0.05, 0.24), p.y / size.y);
  float3 base = night + vivid(c, 1.5) * float3(0.24, 0.16, 0.36) * (0.35 + l);
  float3 lit = base + tint * (far * 0.16 + wide * 0.34 + near * 0.62) + near * near * 0.42;
  float3 own = max(c - 0.62, 0.0) * 1.1 * tint;
  return clamp(lit + own + max(vivid(s, 1.6) - 0.5, 0.0) * 0.3 * tint, 0.0, 1.0);
}
"""
)

LOOKS = {
    "cartoon": Look(CARTOON, 1.0, 3.0),
    "flat": Look(FLAT, 1.0, 4.0, sheets=True),
    "3d": Look(SOLID, 1.0, 6.0),
    "pencil": Look(
        PENCIL,
        1.0,
        3.0,
        lambda stage: {"n": noise(90, 3, stage.number("hand")), "g": noise(2.6, 2, stage.number("tooth"))},
        lambda stage: {"sheet": (0.965, 0.955, 0.93), "lift": 0.55 if stage.light.dark else 0.9},
    ),
    "neon": Look(NEON, 1.0, 13.0, lambda stage: {"n": noise(420, 2, stage.number("hue"))}),
    "pixel": Look(cells=160),
}
