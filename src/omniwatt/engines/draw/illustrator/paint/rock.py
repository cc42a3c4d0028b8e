"""Mountains of rock and snow: crests, lit and shadowed faces, snow above its line, mist in the valleys."""

import numpy as np

from omniwatt.engines.draw.illustrator.paint.colours import RGB, mix, rgb, shade
from omniwatt.engines.draw.illustrator.paint.shapes import Array, across, outline, waves
from omniwatt.engines.draw.illustrator.paint.stage import MARGIN, Stage, noise, shader

ROCK = """
uniform shader n; uniform float3 lit, dim, haze, white, wood; uniform float top, foot, snow, side, veil, trees;
half4 main(float2 p) {
  float t = clamp((p.y - top) / (foot - top), 0.0, 1.0);
  float2 q = float2(p.x + p.y * 0.35 * side, p.y * 0.55);
  float a = n.eval(q).a, b = n.eval(q - float2(side * 7.0, 5.0)).a;
  float face = clamp(0.5 + (a - b) * 5.5, 0.0, 1.0);
  float3 c = mix(dim, lit, face);
  float3 forest = wood * (0.72 + 0.5 * face);
  c = mix(c, forest, trees * smoothstep(0.42, 0.62, t + (a - 0.5) * 0.9));
  float cap = smoothstep(snow, snow + 0.035, 1.0 - t + (a - 0.5) * 0.7 + (face - 0.5) * 0.16);
  c = mix(c, mix(white * float3(0.66, 0.74, 0.9), white, face), cap);
  c = mix(c, haze, clamp(veil + (1.0 - veil) * smoothstep(0.45, 1.0, t) * 0.75, 0.0, 1.0));
  return half4(half3(c), 1.0);
}
"""


def crest(stage: Stage, name: object, foot: float, rise: float, peaks: int) -> tuple[Array, Array]:
    """A range's line: a few pyramids roughened by ridged noise."""
    roll = stage.roll("crest", name)
    x = across(-MARGIN, stage.width + MARGIN, stage.fine)
    line = np.zeros_like(x)
    for index in range(peaks):
        where = (index + roll.uniform(0.15, 0.85)) / peaks * stage.width
        tall, wide = roll.uniform(0.5, 1.0), roll.uniform(0.22, 0.4) * stage.width * 2.4 / peaks
        line = np.maximum(line, tall * (1 - np.abs(x - where) / wide).clip(0, 1) ** 1.1)
    rough = 1 - np.abs(waves(x, 170, stage.number("ridge", name), fine=stage.fine, gain=0.52)) * 2
    return x, foot - rise * (0.1 + 0.78 * line + 0.2 * rough * (0.25 + line))


def mountains(
    stage: Stage,
    name: object,
    foot: float,
    rise: float,
    depth: float,
    *,
    snow: float = 0.5,
    peaks: int = 3,
    stone: RGB | None = None,
    trees: float = 1.0,
) -> None:
    """One range at this depth; `snow` is the share of the height where it begins (above 1.4: none)."""
    x, y = crest(stage, name, foot, rise, peaks)
    haze = rgb(stage.light.haze)
    stone = stage.lit(stone or stage.tone("#77808f"))
    warm = rgb(stage.light.colour)
    side = 1.0 if stage.light.x > stage.width / 2 else -1.0
    dim = mix(shade(stone, -0.2), mix(haze, rgb("#3a4a78"), 0.6), 0.35)
    green = {"autumn": "#7d5a2c", "winter": "#52645f", "spring": "#4f7d4c"}.get(stage.season, "#2f5a47")
    paint = shader(
        ROCK,
        {"n": noise(95, 5, stage.number("rock", name), 0.9)},
        {
            "lit": mix(shade(stone, 0.1), warm, 0.22),
            "dim": dim,
            "haze": haze,
            "white": mix(stage.lit((0.97, 0.98, 1.0)), warm, 0.15),
            "wood": stage.lit(stage.tone(green)),
            "top": float(y.min()),
            "foot": foot,
            "snow": snow,
            "side": side,
            "veil": min(stage.light.haze_at(depth) * 1.15, 0.9),
            "trees": trees,
        },
    )
    stage.shaded(outline(x, y, foot + 40), paint)
