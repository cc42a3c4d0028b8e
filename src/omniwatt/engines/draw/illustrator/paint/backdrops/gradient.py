"""Soft fields of colour that flow into one another, with a few veils of light."""

import skia

from omniwatt.engines.draw.illustrator.paint.colours import RGB, mix, rgb, shade
from omniwatt.engines.draw.illustrator.paint.shapes import across, outline, waves
from omniwatt.engines.draw.illustrator.paint.stage import MARGIN, Stage, along, noise

FLOW = """
uniform shader n; uniform float3 a, b, c, d; uniform float2 size;
half4 main(float2 p) {
  float u = n.eval(p).a - 0.5, v = n.eval(p + 900.0).a - 0.5;
  float2 q = p / size + float2(u, v) * 1.05;
  float3 top = mix(a, b, smoothstep(0.05, 0.95, q.x)), low = mix(c, d, smoothstep(0.05, 0.95, q.x));
  float3 col = mix(top, low, smoothstep(0.05, 0.95, q.y));
  return half4(half3(col), 1.0);
}
"""
SETS = (
    ("#ff9a8b", "#ffd3a5", "#7c6cf0", "#ff6fb5"),
    ("#a1e3f9", "#d6c8ff", "#3a86ff", "#8338ec"),
    ("#fef3c7", "#fbbf77", "#f472b6", "#7c3aed"),
    ("#d4fc79", "#96e6c8", "#2bb3c0", "#1f6f9f"),
    ("#fde2e4", "#cddafd", "#bee1e6", "#dfc9f7"),
    ("#1b2a6b", "#5a2ea6", "#0b1238", "#c23c9a"),
)


def corners(stage: Stage) -> list[RGB]:
    """Four colours: those that were asked for, else one of the sets."""
    asked = [rgb(text) for text in stage.layout.scene.palette]
    if asked:
        while len(asked) < 4:
            asked.append(
                shade(asked[len(asked) % len(stage.layout.scene.palette)], 0.14 if len(asked) % 2 else -0.14, 0.9, 14)
            )
        return asked[:4]
    dark = stage.light.dark or stage.time == "night"
    return [rgb(text) for text in SETS[5 if dark else stage.number("set") % 5]]


def behind(stage: Stage) -> None:
    a, b, c, d = corners(stage)
    stage.over(
        FLOW,
        stage.box(),
        {"n": noise(760, 2, stage.number("flow"))},
        a=a,
        b=b,
        c=c,
        d=d,
        size=(stage.width, stage.height),
    )
    roll = stage.roll("veils")
    for layer in range(3):
        x = across(-MARGIN, stage.width + MARGIN, stage.fine, 4.0)
        y = stage.height * (0.55 + 0.15 * layer) + 150 * waves(x, 700, stage.number("veil", layer), fine=1, gain=0.2)
        tone = mix((a, b, c, d)[layer], (1, 1, 1), 0.35)
        stops = [(0.0, tone, 0.34), (0.5, tone, 0.08), (1.0, tone, 0.0)]
        stage.shaded(outline(x, y, stage.height + MARGIN), along(0, float(y.min()), 0, float(y.max()) + 260, stops))
    stage.glow(roll.uniform(0.2, 0.8) * stage.width, stage.height * 0.2, 620, (1, 1, 1), 0.3, skia.BlendMode.kSoftLight)
