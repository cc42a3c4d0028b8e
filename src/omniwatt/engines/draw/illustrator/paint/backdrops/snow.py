"""Snow country: white hills, laden firs, blue shadows, a low sun."""

import skia

from omniwatt.engines.draw.illustrator.paint.colours import mix, rgb, shade
from omniwatt.engines.draw.illustrator.paint.rock import mountains
from omniwatt.engines.draw.illustrator.paint.shapes import across, conifer, outline, waves
from omniwatt.engines.draw.illustrator.paint.skies import sky
from omniwatt.engines.draw.illustrator.paint.stage import MARGIN, Stage, noise, shader
from omniwatt.engines.draw.illustrator.paint.woods import capped, firs

DRIFT = """
uniform shader n; uniform float3 light, dark, haze; uniform float top, foot, side, veil, fine;
half4 main(float2 p) {
  float t = clamp((p.y - top) / (foot - top), 0.0, 1.0);
  float lens = 1.0 / (t + 0.3);
  float2 q = float2(p.x * lens, lens * 260.0);
  float a = n.eval(q).a, b = n.eval(q + float2(side * 16.0, 5.0)).a;
  float k = clamp(0.62 + (a - b) * 4.6 + (a - 0.5) * 0.6, 0.0, 1.0);
  float s = n.eval(p * 26.0).a;
  float3 c = mix(dark, light, k) + smoothstep(0.71, 0.76, s) * fine * t;
  c = mix(c, haze, veil * pow(1.0 - t, 2.0));
  return half4(half3(min(c, 1.0)), 1.0);
}
"""


def behind(stage: Stage) -> None:
    foot = stage.horizon
    sky(stage)
    mountains(stage, "far", foot, foot * 0.5, 0.15, snow=0.12, peaks=3, trees=0.4)
    mountains(stage, "near", foot + 2, foot * 0.26, 0.4, snow=0.3, peaks=5, trees=0.7)
    firs(stage, "back", foot + 6, 74, 0.35, share=0.9, snow=True)
    deep = stage.height - foot
    drift(stage, foot, 8, 0)
    firs(stage, "mid", foot + deep * 0.12, 135, 0.6, share=0.45, snow=True)
    drift(stage, foot + deep * 0.12, 34, 1)
    _sides(stage, foot + deep * 0.34)
    drift(stage, foot + deep * 0.34, 44, 2)


def drift(stage: Stage, top: float, bumpy: float, layer: int) -> None:
    """A field of snow down to the lower edge."""
    x = across(-MARGIN, stage.width + MARGIN, stage.fine)
    y = top + bumpy * waves(x, 480, stage.number("drift", layer), fine=stage.fine, gain=0.3)
    white = stage.lit((0.97, 0.98, 1.0), 0.85)
    warm = rgb(stage.light.colour)
    side = -1.0 if stage.light.x > stage.width / 2 else 1.0
    dark = mix(shade(white, -0.16), rgb("#7f9fd8"), 0.42) if not stage.light.dark else shade(white, -0.2)
    paint = shader(
        DRIFT,
        {"n": noise(260, 4, stage.number("drifts", layer), 1.8)},
        {
            "light": mix(white, warm, 0.22),
            "dark": dark,
            "haze": rgb(stage.light.haze),
            "top": top,
            "foot": stage.height + MARGIN,
            "side": side,
            "veil": stage.light.haze_far * (1 - 0.4 * layer),
            "fine": 0.1,
        },
    )
    stage.shaded(outline(x, y, stage.height + MARGIN), paint)


def _sides(stage: Stage, foot: float) -> None:
    """Two or three tall firs that frame the view."""
    roll = stage.roll("sides")
    path = skia.Path()
    for x, tall in ((0.05, 380), (0.15, 260), (0.93, 330)):
        conifer(
            path,
            stage.width * (x if stage.light.x > stage.width / 2 else 1 - x),
            foot + roll.uniform(10, 30),
            tall,
            roll,
        )
    colour = stage.lit(stage.tone("#1d4038"))
    stage.upright(path, [(0, shade(colour, 0.05), 1), (1, shade(colour, -0.06), 1)])
    capped(stage, path, foot, 330)
