"""Papers: rice paper with fibres, washed paper, kraft; drawn, so that they stay crisp at any size."""

import math

import skia

from omniwatt.engines.draw.illustrator.paint.colours import RGB, mix
from omniwatt.engines.draw.illustrator.paint.stage import MARGIN, Stage, noise

PAPER = """
uniform shader n, g; uniform float3 tone, stain; uniform float grain, clouds;
half4 main(float2 p) {
  float a = n.eval(p).a - 0.5, b = g.eval(p).a - 0.5;
  float3 c = mix(tone, stain, clamp(0.35 + a * 2.4, 0.0, 1.0) * clouds) + b * grain;
  return half4(half3(clamp(c, 0.0, 1.0)), 1.0);
}
"""


def rice_paper(stage: Stage, tone: RGB, *, fibres: bool = True, stain: float = 0.5) -> None:
    """Warm paper with cloudy tone and a few long fibres."""
    brown = mix(tone, (0.62, 0.50, 0.34), 0.28)
    stage.over(
        PAPER,
        stage.box(),
        {"n": noise(420, 3, stage.number("paper")), "g": noise(3.2, 2, stage.number("grain"))},
        tone=tone,
        stain=brown,
        grain=0.055,
        clouds=stain,
    )
    if not fibres:
        return
    roll = stage.roll("fibres")
    light, dark = skia.Path(), skia.Path()
    for index in range(int(150 * stage.width * stage.height / 1e6)):
        x, y = roll.uniform(-MARGIN, stage.width + MARGIN), roll.uniform(-MARGIN, stage.height + MARGIN)
        angle, long = roll.uniform(0, 2 * math.pi), roll.uniform(8, 34)
        path = light if index % 3 else dark
        path.moveTo(x, y)
        bend = roll.uniform(-0.6, 0.6)
        path.quadTo(
            x + math.cos(angle) * long * 0.5,
            y + math.sin(angle) * long * 0.5,
            x + math.cos(angle + bend) * long,
            y + math.sin(angle + bend) * long,
        )
    stage.line(light, (1, 1, 1), 0.5, 0.35)
    stage.line(dark, mix(tone, (0.3, 0.2, 0.1), 0.6), 0.4, 0.16)
