"""What grows: firs, leafy trees, grass, flowers, reeds, and the ground they stand on."""

import math
import random

import skia

from omniwatt.engines.draw.illustrator.paint.colours import RGB, mix, rgb, shade
from omniwatt.engines.draw.illustrator.paint.shapes import (
    across,
    blades,
    circles,
    conifer,
    crown,
    outline,
    trunk,
    waves,
)
from omniwatt.engines.draw.illustrator.paint.stage import MARGIN, Stage, along, noise, shader

LEAVES = {
    "spring": ("#7fb845", "#f3b6cc"),
    "summer": ("#3f8a3c", "#5fa548"),
    "autumn": ("#d98524", "#b8432a"),
    "winter": ("#8c98a0", "#b9c6cc"),
    "": ("#4a9440", "#6cae4a"),
}
GRASS = {"spring": "#8cc751", "summer": "#6fae45", "autumn": "#b79a48", "winter": "#dfe8ee", "": "#79b84b"}
FLOWERS = ("#ff6f91", "#ffd23f", "#ffffff", "#b28dff", "#ff9f4a", "#f2545b")

TURF = """
uniform shader n, g; uniform float3 light, dark, haze; uniform float top, foot, veil, sun;
half4 main(float2 p) {
  float t = clamp((p.y - top) / (foot - top), 0.0, 1.0);
  float lens = 1.0 / (t + 0.18);
  float a = n.eval(float2(p.x * lens * 0.6, lens * 240.0)).a;
  float b = g.eval(float2(p.x, p.y * 0.35)).a;
  float k = 0.5 + (a - 0.5) * 1.5 + (b - 0.5) * 0.7 * t - 0.25 * t;
  k = clamp(k + 0.35 * exp(-abs(p.x - sun) / 420.0) * (1.0 - t), 0.0, 1.0);
  float3 c = mix(dark, light, k);
  c = mix(c, haze, veil * pow(1.0 - t, 2.0));
  return half4(half3(c), 1.0);
}
"""


def grass_colour(stage: Stage) -> RGB:
    return stage.lit(stage.tone(GRASS[stage.season]))


def ground(stage: Stage, top: float, colour: RGB | None = None, *, bumpy: float = 10.0, name: str = "ground") -> None:
    """Open ground down to the lower edge, lit towards the sun and hazy far off."""
    x = across(-MARGIN, stage.width + MARGIN, stage.fine)
    y = top + bumpy * waves(x, 420, stage.number(name), fine=stage.fine)
    base = colour or grass_colour(stage)
    warm = rgb(stage.light.colour)
    paint = shader(
        TURF,
        {"n": noise(180, 4, stage.number(name, "turf"), 1.6), "g": noise(7, 3, stage.number(name, "grass"), 0.5)},
        {
            "light": mix(shade(base, 0.07), warm, 0.12),
            "dark": shade(base, -0.14, 1.0, 8),
            "haze": rgb(stage.light.haze),
            "top": top,
            "foot": stage.height + MARGIN,
            "veil": min(stage.light.haze_far * 1.3, 0.85),
            "sun": stage.light.x,
        },
    )
    stage.shaded(outline(x, y, stage.height + MARGIN), paint)


def firs(
    stage: Stage, name: str, foot: float, tall: float, depth: float, *, share: float = 1.0, snow: bool = False
) -> None:
    """A row of firs in clumps; `share` of the width is wooded."""
    roll = stage.roll("firs", name)
    colour = stage.far(stage.lit(stage.tone("#1f4a3d")), depth)
    path = skia.Path()
    x = -MARGIN
    clump = roll.random() < share
    left = roll.uniform(40, 200)
    while x < stage.width + MARGIN:
        if clump:
            conifer(path, x, foot + roll.uniform(0, tall * 0.1), tall * roll.uniform(0.55, 1.1), roll)
            x += tall * roll.uniform(0.16, 0.34)
        else:
            x += 10
        left -= tall * 0.25 if clump else 10
        if left < 0:
            clump, left = roll.random() < share, roll.uniform(40, 220)
    stops = [
        (0, shade(colour, 0.06), 1),
        (0.7, shade(colour, -0.04), 1),
        (1, mix(colour, rgb(stage.light.haze), 0.3 * (1 - depth)), 1),
    ]
    stage.shaded(path, along(0, foot - tall, 0, foot + tall * 0.1, stops))
    if snow or stage.season == "winter":
        capped(stage, path, foot, tall)


def capped(stage: Stage, path: skia.Path, foot: float, tall: float) -> None:
    """Snow on the upper side of the boughs: the same trees, shifted, cut out of themselves."""
    stage.canvas.save()
    stage.canvas.clipPath(path, doAntiAlias=True)
    white = stage.lit((0.95, 0.97, 1.0))
    shader_ = shader(
        "uniform shader n; uniform float3 c; half4 main(float2 p) { float a = n.eval(p).a;"
        " float k = smoothstep(0.48, 0.56, a) * 0.9; return half4(half3(c) * k, k); }",
        {"n": noise(tall * 0.16, 3, stage.number("cap"), 1.7)},
        {"c": white},
    )
    stage.canvas.drawRect(stage.rect(foot - tall * 1.3, foot + tall * 0.2), skia.Paint(Shader=shader_))
    stage.canvas.restore()


def leafy(
    stage: Stage, x: float, foot: float, tall: float, depth: float, roll: random.Random, colour: RGB | None = None
) -> None:
    """One leafy tree, lit from the light's side."""
    pair = LEAVES[stage.season]
    base = stage.lit(colour or stage.tone(pair[0] if roll.random() < 0.6 else pair[1]))
    bark = stage.far(stage.lit(rgb("#6b4a32")), depth)
    stage.upright(trunk(x, foot, tall * 0.55, tall * 0.045, roll), [(0, shade(bark, -0.1), 1), (1, bark, 1)])
    if stage.season == "winter":
        return
    side = stage.light.side(x)
    rounds = crown(x, foot - tall * 0.66, tall * 0.36, roll, 22)
    base = stage.far(base, depth)
    stage.fill(circles(rounds), shade(base, -0.14, 1.0, 12))
    stage.fill(circles([(a + side * r * 0.16, b - r * 0.2, r * 0.8) for a, b, r in rounds]), base)
    upper = [(a + side * r * 0.34, b - r * 0.38, r * 0.5) for a, b, r in rounds if b < foot - tall * 0.55]
    stage.fill(circles(upper), mix(shade(base, 0.09), rgb(stage.light.colour), 0.2))
    leaves = skia.Path()
    for a, b, r in rounds:
        for _ in range(5 * stage.rich):
            leaves.addCircle(
                a + roll.gauss(0, r * 0.7) + side * r * 0.3, b + roll.gauss(0, r * 0.6) - r * 0.3, tall * 0.008
            )
    stage.fill(leaves, mix(shade(base, 0.15), rgb(stage.light.colour), 0.3), 0.8)


def tussocks(
    stage: Stage, name: str, top: float, bottom: float, tall: float, count: int, colour: RGB, alpha: float = 0.9
) -> None:
    """Many blades between two heights, larger to the viewer, in three tones."""
    roll = stage.roll("blades", name)
    lean = 0.5 if stage.has("wind", "storm") else 0.0
    tones = [shade(colour, -0.12), shade(colour, 0.0), mix(shade(colour, 0.1), rgb(stage.light.colour), 0.2)]
    for band in range(8):
        paths = [skia.Path() for _ in tones]
        for _ in range(max(1, count // 8)):
            near = (band + roll.random()) / 8
            y = top + (bottom - top) * near
            blades(
                paths[roll.randrange(3)],
                roll.uniform(-MARGIN, stage.width + MARGIN),
                y,
                tall * (0.25 + 0.75 * near) * roll.uniform(0.6, 1.3),
                roll,
                lean,
            )
        for path, tone in zip(paths, tones, strict=True):
            stage.fill(path, tone, alpha)


def flowers(
    stage: Stage, name: str, top: float, bottom: float, size: float, count: int, tints: tuple[str, ...] = FLOWERS
) -> None:
    """Flowers strewn over the ground, larger to the viewer: petals about a bright middle."""
    roll = stage.roll("flowers", name)
    spots = sorted(
        (roll.random() ** 0.8, roll.uniform(-MARGIN, stage.width + MARGIN), roll.randrange(len(tints)))
        for _ in range(count)
    )
    for near, x, tint in spots:
        y = top + (bottom - top) * near
        radius = size * (0.18 + 0.82 * near) * roll.uniform(0.7, 1.2)
        path = skia.Path()
        for petal in range(5):
            turn = petal * 1.2566 + roll.random()
            px, py = x + radius * 0.55 * math.cos(turn), y + radius * 0.42 * math.sin(turn)
            path.addOval(
                skia.Rect.MakeLTRB(px - radius * 0.42, py - radius * 0.34, px + radius * 0.42, py + radius * 0.34)
            )
        stage.fill(path, stage.far(stage.lit(rgb(tints[tint])), 0.25 + 0.75 * near))
        middle = skia.Path()
        middle.addCircle(x, y, radius * 0.24)
        stage.fill(middle, stage.lit(rgb("#ffd85a") if tint != 1 else rgb("#b5651d")))


def reeds(stage: Stage) -> None:
    """Reeds in the two lower corners."""
    roll = stage.roll("reeds")
    colour = stage.lit(stage.tone("#3f5a2e"))
    stems, heads = skia.Path(), skia.Path()
    for side in (0, 1):
        for _ in range(34):
            away = abs(roll.gauss(0, 0.07)) * stage.width
            x = away - 20 if side == 0 else stage.width - away + 20
            tall = roll.uniform(60, 190) * (1.2 - away / (0.4 * stage.width))
            blades(stems, x, stage.height + MARGIN, tall + MARGIN, roll)
            if roll.random() < 0.3:
                heads.addRoundRect(skia.Rect.MakeXYWH(x - 3, stage.height - tall - 4, 6, 26), 3, 3)
    stage.upright(stems, [(0, shade(colour, 0.12), 1), (1, shade(colour, -0.16), 1)])
    stage.fill(heads, stage.lit(rgb("#6a4322")))
