"""A room: papered wall, floor boards, a window with its view and its light on the floor, curtains, a rug."""

import skia

from omniwatt.engines.draw.illustrator.compose.nature import nature
from omniwatt.engines.draw.illustrator.paint.colours import mix, rgb, shade
from omniwatt.engines.draw.illustrator.paint.shapes import polygon
from omniwatt.engines.draw.illustrator.paint.skies import colours, moon, stars
from omniwatt.engines.draw.illustrator.paint.stage import MARGIN, Stage, along, noise
from omniwatt.engines.draw.illustrator.paint.weather import vignette

WALLS = ("#e8d8c3", "#cfdccf", "#d9cfe0", "#e6c9b8", "#c6d5de", "#efe3c8")
BOARDS = """
uniform shader n; uniform float3 light, dark; uniform float top, foot, middle;
half4 main(float2 p) {
  float t = (p.y - top) / (foot - top);
  float u = (p.x - middle) / (0.42 + 0.75 * t);
  float board = floor(u / 58.0);
  float edge = abs(fract(u / 58.0) - 0.5) * 2.0;
  float a = n.eval(float2(u * 5.0 + board * 331.0, board * 57.0 + 260.0 / (t + 0.55))).a;
  float tone = fract(sin(board * 12.9898) * 43758.5453);
  float3 c = mix(dark, light, clamp(0.42 + (a - 0.5) * 0.8 + (tone - 0.5) * 0.35 - 0.12 * t, 0.0, 1.0));
  c *= 1.0 - 0.4 * smoothstep(0.965, 0.995, edge);
  return half4(half3(c), 1.0);
}
"""


def behind(stage: Stage) -> None:
    foot = min(stage.horizon, stage.height * 0.74)
    wall = stage.lit(stage.tone(WALLS[stage.number("wall") % len(WALLS)], 0.7), 0.8)
    if stage.light.dark:
        wall = shade(mix(wall, rgb("#3b3358"), 0.45), -0.16)
    stage.wash([(0, shade(wall, -0.05), 1), (1, shade(wall, 0.03), 1)], -MARGIN, foot)
    _stripes(stage, wall, foot)
    _floor(stage, wall, foot)
    side = 1 if stage.light.x > stage.width / 2 else -1
    x = stage.width * (0.5 + 0.24 * side)
    _window(stage, x, foot, wall)
    _picture(stage, stage.width * (0.5 - 0.24 * side), foot * 0.42, wall)
    if _laid(stage):
        _table(stage, foot)
    else:
        _patch(stage, x, foot, side)
        _rug(stage, foot)
    if stage.light.dark or stage.has("candle", "glow"):
        stage.glow(stage.width * (0.5 - 0.3 * side), foot * 0.7, 520, rgb("#ffb861"), 0.75)
    vignette(stage, 0.3, (0.1, 0.05, 0.02))


def _laid(stage: Stage) -> bool:
    """Whether there is a table: it was asked for, or what stands here belongs on one."""
    homes = {nature(placed.sprite, placed.traits).home for placed in stage.layout.placed} - {"sky"}
    return stage.has("table") or homes == {"table"}


def _stripes(stage: Stage, wall: tuple[float, float, float], foot: float) -> None:
    lines = skia.Path()
    x = -MARGIN
    while x < stage.width + MARGIN:
        lines.addRect(skia.Rect.MakeLTRB(x, -MARGIN, x + 26, foot))
        x += 52
    stage.fill(lines, shade(wall, 0.03), 0.6)
    base = shade(mix(wall, (1, 1, 1), 0.55), 0.0)
    stage.wash([(0, base, 1), (1, shade(base, -0.06), 1)], foot - 34, foot)
    stage.wash([(0, shade(wall, -0.16), 0.5), (1, shade(wall, -0.16), 0.0)], foot - 38, foot - 34)


def _floor(stage: Stage, wall: tuple[float, float, float], foot: float) -> None:
    wood = stage.lit(stage.tone("#b07a4a", 0.3), 0.7)
    if stage.light.dark:
        wood = shade(mix(wood, rgb("#2a2140"), 0.3), -0.1)
    stage.over(
        BOARDS,
        stage.rect(foot, stage.height + MARGIN),
        {"n": noise(46, 4, stage.number("wood"), 0.35)},
        light=shade(wood, 0.08),
        dark=shade(wood, -0.14),
        top=foot,
        foot=stage.height + MARGIN,
        middle=stage.width / 2,
    )
    stage.wash([(0, (0.1, 0.05, 0.02), 0.4), (1, (0.1, 0.05, 0.02), 0.0)], foot, foot + 26)


def _window(stage: Stage, x: float, foot: float, wall: tuple[float, float, float]) -> None:
    wide, top, low = 250.0, foot * 0.14, foot * 0.74
    frame = stage.lit(rgb("#fbf7ef"), 0.6)
    rect = skia.Rect.MakeLTRB(x - wide / 2, top, x + wide / 2, low)
    stage.canvas.save()
    stage.canvas.clipRect(rect, doAntiAlias=True)
    zenith, upper, lower, rim = colours(stage)
    stage.wash([(0, zenith, 1), (0.5, upper, 1), (0.85, lower, 1), (1, rim, 1)], top, low)
    if stage.light.dark:
        stars(stage, low, 0.8)
        moon(stage, x + 46, top + 70, 20)
    else:
        stage.glow(x, top + 90, 220, rgb(stage.light.colour), 0.7)
    hill = skia.Path()
    hill.moveTo(x - wide, low)
    hill.quadTo(x - wide * 0.4, low - 110, x, low - 46)
    hill.quadTo(x + wide * 0.3, low - 90, x + wide, low - 30)
    hill.lineTo(x + wide, low)
    hill.close()
    stage.fill(hill, stage.far(stage.lit(rgb("#5f9a5f")), 0.4) if not stage.light.dark else rgb("#1a2547"))
    stage.canvas.restore()
    bars = skia.Path()
    bars.addRect(rect)
    for share in (0.5,):
        bars.moveTo(rect.left() + rect.width() * share, top)
        bars.lineTo(rect.left() + rect.width() * share, low)
    bars.moveTo(rect.left(), top + (low - top) * 0.42)
    bars.lineTo(rect.right(), top + (low - top) * 0.42)
    stage.line(bars, shade(frame, -0.14), 13)
    stage.line(bars, frame, 10)
    sill = skia.Path()
    sill.addRect(skia.Rect.MakeLTRB(rect.left() - 24, low + 2, rect.right() + 24, low + 18))
    stage.upright(sill, [(0, frame, 1), (1, shade(frame, -0.12), 1)])
    _curtains(stage, rect, wall)


def _curtains(stage: Stage, rect: skia.Rect, wall: tuple[float, float, float]) -> None:
    cloth = stage.lit(stage.tone("#c9705a" if stage.number("cloth") % 2 else "#5f7fa8", 0.6), 0.7)
    for side in (-1, 1):
        edge = rect.left() if side < 0 else rect.right()
        x0, x1 = edge + side * 52, edge - side * 28
        path = skia.Path()
        path.moveTo(x0, rect.top() - 26)
        path.lineTo(x1, rect.top() - 26)
        path.quadTo(x1 + side * 6, (rect.top() + rect.bottom()) / 2, x1 + side * 30, rect.bottom() + 54)
        path.lineTo(x0 + side * 8, rect.bottom() + 54)
        path.close()
        stops = [(part / 8, shade(cloth, 0.07 if part % 2 else -0.11), 1.0) for part in range(9)]
        stage.shaded(path, along(min(x0, x1), 0, max(x0, x1), 0, stops))
    rod = skia.Path()
    rod.moveTo(rect.left() - 70, rect.top() - 28)
    rod.lineTo(rect.right() + 70, rect.top() - 28)
    stage.line(rod, rgb("#6b4a2f"), 7)


def _picture(stage: Stage, x: float, y: float, wall: tuple[float, float, float]) -> None:
    """A framed print of hills."""
    if "picture" in stage.layout.scene.without:
        return
    wide, high = 150.0, 110.0
    outer = skia.Path()
    outer.addRect(skia.Rect.MakeLTRB(x - wide / 2, y - high / 2, x + wide / 2, y + high / 2))
    shadow = skia.Path()
    shadow.addRect(skia.Rect.MakeLTRB(x - wide / 2 + 5, y - high / 2 + 7, x + wide / 2 + 5, y + high / 2 + 7))
    stage.fill(shadow, shade(wall, -0.25), 0.4)
    stage.fill(outer, stage.lit(rgb("#7a5535")))
    stage.canvas.save()
    stage.canvas.clipRect(skia.Rect.MakeLTRB(x - wide / 2 + 9, y - high / 2 + 9, x + wide / 2 - 9, y + high / 2 - 9))
    stage.wash([(0, stage.lit(rgb("#f6d9b0")), 1), (1, stage.lit(rgb("#e89a78")), 1)], y - high / 2, y + high / 2)
    for layer, colour in enumerate(("#b77a8a", "#7a5f86", "#4a466e")):
        hill = skia.Path()
        hill.addCircle(x - 50 + 52 * layer, y + 70 + 8 * layer, 66)
        stage.fill(hill, stage.lit(rgb(colour)))
    stage.canvas.restore()


def _patch(stage: Stage, x: float, foot: float, side: int) -> None:
    """The window's light on the floor."""
    if stage.light.dark:
        return
    lean = -side * 190
    deep = stage.height - foot
    for left, right in ((-112, -8), (8, 112)):
        quad = polygon(
            [
                (x + left + lean * 0.35, foot + deep * 0.16),
                (x + right + lean * 0.35, foot + deep * 0.16),
                (x + right * 1.5 + lean, foot + deep * 0.72),
                (x + left * 1.5 + lean, foot + deep * 0.72),
            ]
        )
        stage.fill(quad, rgb(stage.light.colour), 0.24)


def _table(stage: Stage, foot: float) -> None:
    """A table that the viewer sits at: its top reaches from side to side, and all things stand on it."""
    deep = stage.height - foot
    far, near = foot - 2.0, stage.height - deep * 0.1
    wood = stage.lit(stage.tone("#a8683c", 0.4), 0.8)
    middle, half = stage.width / 2, stage.width / 2
    top = polygon([(middle - half * 0.94, far), (middle + half * 0.94, far), (stage.width, near), (0.0, near)])
    front = skia.Path()
    front.addRect(skia.Rect.MakeLTRB(0, near - 1, stage.width, near + deep * 0.055))
    below = skia.Path()
    below.addRect(skia.Rect.MakeLTRB(0, near, stage.width, stage.height + MARGIN))
    stage.fill(below, shade(wood, -0.34), 0.85)
    stage.shaded(top, along(0, far, 0, near, [(0.0, shade(wood, 0.12), 1.0), (1.0, shade(wood, 0.02), 1.0)]))
    for line in range(1, 5):
        at = line / 5
        y = far + (near - far) * at**1.4
        lean = half * (0.94 + 0.06 * at**1.4)
        grain = skia.Path()
        grain.moveTo(middle - lean, y)
        grain.lineTo(middle + lean, y)
        stage.line(grain, shade(wood, -0.05), 1.5)
    stage.upright(front, [(0, shade(wood, -0.06), 1), (1, shade(wood, -0.2), 1)])


def _rug(stage: Stage, foot: float) -> None:
    if "rug" in stage.layout.scene.without:
        return
    y = foot + (stage.height - foot) * 0.62
    wide, high = stage.width * 0.36, (stage.height - foot) * 0.24
    colour = stage.lit(stage.tone("#b9534a", 0.6), 0.8)
    for share, tone in (
        (1.0, shade(colour, -0.08)),
        (0.93, mix(colour, rgb("#f3e2c0"), 0.75)),
        (0.87, colour),
        (0.62, shade(colour, 0.08)),
        (0.57, colour),
    ):
        path = skia.Path()
        path.addOval(
            skia.Rect.MakeLTRB(
                stage.width / 2 - wide * share, y - high * share, stage.width / 2 + wide * share, y + high * share
            )
        )
        stage.fill(path, tone)
