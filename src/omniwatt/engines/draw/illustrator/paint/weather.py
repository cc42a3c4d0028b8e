"""Weather and light over a scene: rays, rain, snow, fog, wind, rainbow, aurora, glow, depth, vignette."""

import math
from collections.abc import Callable

import skia

from omniwatt.engines.draw.illustrator.paint.colours import RGB, mix, rgb
from omniwatt.engines.draw.illustrator.paint.stage import MARGIN, Stage, around, noise

RAYS = """
uniform shader n; uniform float3 tint; uniform float2 source; uniform float reach, amount;
half4 main(float2 p) {
  float2 d = p - source;
  float turn = atan(d.x, max(d.y, 1.0));
  float a = n.eval(float2(turn * 520.0, 3.0)).a;
  float far = length(d) / reach;
  float k = smoothstep(0.46, 0.66, a) * amount * (1.0 - smoothstep(0.1, 1.0, far)) * smoothstep(0.0, 0.06, far);
  return half4(half3(tint) * k, k);
}
"""
FOG = """
uniform shader n; uniform float3 tint; uniform float horizon, span, amount;
half4 main(float2 p) {
  float a = n.eval(p).a;
  float d = (p.y - horizon) / span;
  float k = exp(-d * d * 1.6) + 0.35;
  k = clamp(k * (0.55 + (a - 0.5) * 1.9), 0.0, 1.0) * amount;
  return half4(half3(tint) * k, k);
}
"""
AURORA = """
uniform shader n; uniform float3 low, high; uniform float base, tall, bend, amount;
half4 main(float2 p) {
  float w = n.eval(float2(p.x * 0.55, bend)).a;
  float foot = base + (w - 0.5) * tall * 1.7;
  float up = (foot - p.y) / tall;
  float folds = n.eval(float2(p.x * 2.6 + (w - 0.5) * 900.0, bend + 40.0)).a;
  float fine = n.eval(float2(p.x * 9.0, bend + 90.0)).a;
  float k = smoothstep(0.0, 0.20, up) * exp(-max(up, 0.0) * 2.1) * 1.25 * smoothstep(0.34, 0.7, folds);
  k *= 0.6 + 0.8 * fine;
  float3 c = mix(low, high, clamp(up * 1.3, 0.0, 1.0));
  k = clamp(k * amount, 0.0, 1.0);
  return half4(half3(c) * k, k);
}
"""


def weather(stage: Stage) -> None:
    """Everything the weather and the light put before the scene."""
    if stage.layout.scene.backdrop not in _INDOORS:
        for words, paint in _OUTDOORS:
            if stage.has(*words):
                paint(stage)
        if stage.has("aurora") and stage.layout.scene.backdrop != "starry_sky":
            aurora(stage, stage.horizon)
    if stage.has("rays", "sun", "dramatic") and stage.layout.scene.backdrop not in ("forest", "underwater", "space"):
        rays(stage, stage.light.x, min(stage.light.y, stage.horizon) - 60, stage.height, 0.3)
    if stage.has("glow", "candle", "soft"):
        tint = rgb("#ffb765") if stage.has("candle") else rgb(stage.light.colour)
        stage.glow(stage.light.x, min(stage.light.y, stage.height * 0.6), 700, tint, 0.45)


def vignette(stage: Stage, amount: float, colour: RGB = (0.02, 0.02, 0.06)) -> None:
    """Darker corners."""
    wide, high = stage.width / 2, stage.height / 2
    radius = math.hypot(wide, high)
    stops = [(0.0, colour, 0.0), (0.55, colour, 0.0), (0.8, colour, amount * 0.35), (1.0, colour, amount)]
    stage.canvas.drawRect(stage.box(), skia.Paint(Shader=around(wide, high, radius * 1.04, stops), Dither=True))


def rays(stage: Stage, x: float, y: float, reach: float, amount: float) -> None:
    """Beams that fan out from a place, broken as by leaves or clouds."""
    tint = mix(rgb(stage.light.colour), (1, 1, 1), 0.2)
    stage.over(
        RAYS,
        stage.box(),
        {"n": noise(90, 3, stage.number("rays"))},
        blend=skia.BlendMode.kScreen,
        tint=tint,
        source=(x, y),
        reach=reach * 1.25,
        amount=amount,
    )


def fog(stage: Stage) -> None:
    tint = mix(rgb(stage.light.haze), (1, 1, 1), 0.1 if stage.light.dark else 0.35)
    stage.over(
        FOG,
        stage.box(),
        {"n": noise(330, 4, stage.number("fog"), 2.2)},
        tint=tint,
        horizon=stage.horizon,
        span=stage.height * 0.42,
        amount=0.82 if stage.has("fog") else 0.5,
    )


def rain(stage: Stage) -> None:
    """Three depths of streaks on one slant, and rings where drops fall."""
    roll = stage.roll("rain")
    slant = 0.28 if stage.has("wind", "storm") else 0.1
    tint = mix(rgb(stage.light.haze), (1, 1, 1), 0.6)
    for count, long, wide, alpha in ((520, 26, 0.7, 0.22), (300, 50, 1.1, 0.26), (90, 95, 1.9, 0.22)):
        path = skia.Path()
        for _ in range(int(count * stage.width * stage.height / 1e6)):
            x, y = roll.uniform(-MARGIN, stage.width + MARGIN + 100), roll.uniform(-MARGIN, stage.height + MARGIN)
            size = long * roll.uniform(0.6, 1.3)
            path.moveTo(x, y)
            path.lineTo(x - slant * size, y + size)
        stage.line(path, tint, wide, alpha)
    rings = skia.Path()
    deep = stage.height - stage.horizon
    for _ in range(int(70 * stage.width / 1000)):
        near = roll.random()
        x, y, size = roll.uniform(0, stage.width), stage.horizon + deep * near, 3 + 15 * near
        rings.addOval(skia.Rect.MakeLTRB(x - size, y - size * 0.28, x + size, y + size * 0.28))
    stage.line(rings, tint, 0.9, 0.3)


def lightning(stage: Stage) -> None:
    """One forked bolt on the side away from the light."""
    if "lightning" in stage.layout.scene.without:
        return
    roll = stage.roll("lightning")
    x, y = stage.width * (0.25 if stage.light.x > stage.width / 2 else 0.75), -MARGIN
    pale = rgb("#dfe6ff")
    stage.glow(x, stage.horizon * 0.35, 420, pale, 0.55)
    main, fork = skia.Path(), skia.Path()
    main.moveTo(x, y)
    while y < stage.horizon:
        x, y = x + roll.gauss(0, 22), y + roll.uniform(14, 40)
        main.lineTo(x, y)
        if roll.random() < 0.25:
            fork.moveTo(x, y)
            fx, fy, lean = x, y, roll.choice((-1, 1))
            for _ in range(5):
                fx, fy = fx + lean * roll.uniform(6, 26), fy + roll.uniform(6, 24)
                fork.lineTo(fx, fy)
    for wide, alpha in ((16, 0.08), (8, 0.18), (2.6, 1.0)):
        stage.line(main, pale, wide, alpha)
        stage.line(fork, pale, wide * 0.5, alpha * 0.8)


def flakes(stage: Stage) -> None:
    """Falling snow in three depths; the nearest flakes are soft and large."""
    roll = stage.roll("flakes")
    white = stage.lit((1, 1, 1), 0.4)
    for count, size, alpha in ((900, 1.4, 0.75), (330, 2.7, 0.8)):
        path = skia.Path()
        for _ in range(int(count * stage.width * stage.height / 1e6)):
            path.addCircle(
                roll.uniform(-MARGIN, stage.width + MARGIN),
                roll.uniform(-MARGIN, stage.height + MARGIN),
                size * roll.uniform(0.5, 1.3),
            )
        stage.fill(path, white, alpha)
    for _ in range(int(46 * stage.width * stage.height / 1e6)):
        x, y = roll.uniform(-MARGIN, stage.width + MARGIN), roll.uniform(-MARGIN, stage.height + MARGIN)
        stage.glow(x, y, roll.uniform(10, 24), white, 0.6, skia.BlendMode.kSrcOver)


def leaves(stage: Stage) -> None:
    """Leaves on the wind."""
    tints = {"autumn": ("#d9722b", "#e3a438", "#b8432a"), "spring": ("#f7b9cf", "#fbd8e4", "#ffffff")}
    _scatter(stage, "leaves", 46, tints.get(stage.season, ("#6f9f3c", "#9cbf55", "#4d7d33")), (4, 10))


def petals(stage: Stage) -> None:
    """Blossom leaves in the air, many small and a few near ones."""
    tints = ("#f7a9c6", "#fbd0df", "#ffe9f0", "#f48fb3")
    _scatter(stage, "petals", 150, tints, (5, 10))
    _scatter(stage, "near petals", 18, tints, (11, 18))


def confetti(stage: Stage) -> None:
    """Coloured paper in the air."""
    _scatter(stage, "confetti", 130, ("#ff5a7a", "#ffd23f", "#4fc3e8", "#7ddf64", "#b28dff"), (3, 8))


def fireflies(stage: Stage) -> None:
    """Lights over the lower half."""
    roll = stage.roll("fireflies")
    for _ in range(int(44 * stage.width / 1000)):
        x, y = roll.uniform(0, stage.width), stage.height * roll.uniform(0.45, 0.95)
        stage.glow(x, y, roll.uniform(10, 26), rgb("#e8ff7a"), 0.9)


def _scatter(stage: Stage, name: str, count: int, tints: tuple[str, ...], sizes: tuple[float, float]) -> None:
    roll = stage.roll(name)
    for _ in range(int(count * stage.width / 1000)):
        x, y = roll.uniform(0, stage.width), roll.uniform(stage.height * 0.12, stage.height * 0.97)
        size, turn = roll.uniform(*sizes), roll.uniform(0, 6.28)
        tint = roll.choice(tints)
        c, s = math.cos(turn) * size, math.sin(turn) * size
        path = skia.Path()
        path.moveTo(x - c, y - s)
        path.quadTo(x - s * 0.8, y + c * 0.8, x + c, y + s)
        path.quadTo(x + s * 0.8, y - c * 0.8, x - c, y - s)
        stage.fill(path, stage.lit(rgb(tint)), 0.9)


def rainbow(stage: Stage) -> None:
    """A bow opposite to the light, faint as real ones are."""
    x, y = stage.width - stage.light.x, stage.horizon + 40
    radius = max(stage.width, stage.horizon) * 0.52
    hues = ("#8a5bd6", "#4f7be8", "#4fc3e8", "#67d08a", "#f3e35a", "#f6a64a", "#ec5f5f")
    stage.canvas.save()
    stage.canvas.clipRect(stage.rect(-MARGIN, stage.horizon))
    inner = 0.86
    stops: list[tuple[float, RGB, float]] = [(0.0, rgb(hues[0]), 0.0), (inner, rgb(hues[0]), 0.0)]
    stops += [(inner + 0.02 + 0.11 * index / 6, rgb(hue), 0.5) for index, hue in enumerate(hues)]
    stops.append((1.0, rgb(hues[-1]), 0.0))
    paint = skia.Paint(Shader=around(x, y, radius, stops), Dither=True, BlendMode=skia.BlendMode.kScreen)
    stage.canvas.drawCircle(x, y, radius, paint)
    stage.canvas.restore()


def aurora(stage: Stage, foot: float) -> None:
    """Three curtains of northern lights."""
    roll = stage.roll("aurora")
    pairs = (("#2bff9a", "#5a4bff"), ("#39e6c8", "#b44bff"), ("#7dff6a", "#2b7bff"))
    for layer, (low, high) in enumerate(pairs):
        stage.over(
            AURORA,
            stage.rect(-MARGIN, foot),
            {"n": noise(260, 3, stage.number("aurora", layer))},
            blend=skia.BlendMode.kScreen,
            low=rgb(low),
            high=rgb(high),
            base=foot * (0.5 + 0.16 * layer),
            tall=foot * 0.42,
            bend=roll.uniform(0, 900),
            amount=1.35 - 0.25 * layer,
        )


_INDOORS = frozenset({"room", "paper", "plain", "gradient", "space", "underwater"})
_OUTDOORS: tuple[tuple[tuple[str, ...], Callable[[Stage], None]], ...] = (
    (("rainbow",), rainbow),
    (("fog", "mist"), fog),
    (("rain", "storm"), rain),
    (("storm",), lightning),
    (("snow",), flakes),
    (("wind", "leaves"), leaves),
    (("petals",), petals),
    (("confetti",), confetti),
    (("fireflies",), fireflies),
)
