"""Skies: the gradient of the hour, sun or moon, stars, clouds. Most backdrops begin here."""

import math

import skia

from omniwatt.engines.draw.illustrator.paint.colours import RGB, mix, rgb, shade
from omniwatt.engines.draw.illustrator.paint.shapes import circles, cumulus
from omniwatt.engines.draw.illustrator.paint.stage import MARGIN, Stage, along, argb, around, noise

TIMES: dict[str, tuple[tuple[str, str, str, str], ...]] = {
    "dawn": (("#5b7fb8", "#a7a6d0", "#f1bfc0", "#ffe3c4"), ("#6a78b5", "#c39cc6", "#fbb9a8", "#ffe9c9")),
    "day": (("#2f7fd0", "#6cb3ea", "#aadcf5", "#e4f5fb"), ("#3a74c9", "#6aa8e6", "#b3d9f2", "#eef5f2")),
    "golden": (("#4a78b4", "#9fa9bd", "#f6c37c", "#ffd991"), ("#5e78ac", "#c5a3a4", "#fbae6a", "#ffe1a0")),
    "dusk": (("#27275c", "#6b4789", "#d0637f", "#f8a873"), ("#1f2f63", "#57508f", "#b56a92", "#f4b58a")),
    "night": (("#050a22", "#0c1740", "#1b2d63", "#33487d"), ("#07091f", "#131544", "#2a2a66", "#46437f")),
}
"""Four colours from the zenith down to the horizon, two sets for each hour."""

CLOUDS = """
uniform shader n; uniform float horizon, span, least, soft, far, wind;
uniform float3 bright, dim, haze; uniform float2 sun; uniform float opacity;
half4 main(float2 p) {
  float up = max((horizon - p.y) / span, 0.0);
  float lens = 1.0 / (0.22 + up);
  float2 q = float2((p.x - sun.x) * lens * 0.42 + wind, lens * far);
  float a = n.eval(q).a;
  float2 aside = normalize(sun - p + 0.01) * 16.0;
  float b = n.eval(q + float2(aside.x, -aside.y * 0.6)).a;
  float d = smoothstep(least, least + soft, a);
  float glow = clamp(0.62 + (a - b) * 5.0 - d * 0.22, 0.0, 1.0);
  float near = exp(-distance(p, sun) / span * 2.2);
  float3 c = mix(dim, bright, glow) + near * 0.22 * bright * (1.0 - d * 0.5);
  c = mix(haze, c, smoothstep(0.0, 0.35, up));
  float k = d * opacity * smoothstep(0.0, 0.12, up);
  return half4(half3(min(c, 1.0)) * k, k);
}
"""


def colours(stage: Stage) -> tuple[RGB, RGB, RGB, RGB]:
    """From the zenith to the horizon, as hour, weather and palette have it."""
    time = "night" if stage.light.dark else stage.time
    sets = TIMES[time]
    zenith, upper, lower, rim = (stage.tone(text) for text in sets[stage.number("sky") % len(sets)])
    grey = (
        0.85 if stage.has("storm") else 0.62 if stage.has("rain", "snow", "fog") else 0.2 if stage.has("clouds") else 0
    )
    if grey:
        dark = 0.12 if stage.light.dark else 0.36 if stage.has("storm") else 0.72
        greys = [shade((dark, dark * 1.05, dark * 1.14), step) for step in (-0.06, 0.0, 0.08, 0.14)]
        zenith, upper, lower, rim = (mix(c, g, grey) for c, g in zip((zenith, upper, lower, rim), greys, strict=True))
    return zenith, upper, lower, rim


def sky(stage: Stage, bottom: float | None = None, *, clouds: bool = True, light: bool = True) -> None:
    """The sky down to `bottom` (the horizon) and a little below it."""
    foot = stage.horizon if bottom is None else bottom
    zenith, upper, lower, rim = colours(stage)
    stops = [(0.0, zenith, 1.0), (0.42, upper, 1.0), (0.8, lower, 1.0), (1.0, rim, 1.0)]
    stage.canvas.drawRect(stage.box(), skia.Paint(Color=argb(rim)))
    stage.wash(stops, -MARGIN, foot + 20)
    if stage.light.dark:
        stars(stage, foot)
    if light:
        lamp(stage, foot)
    if clouds:
        cover(stage, foot)


def stars(stage: Stage, foot: float, amount: float = 1.0, *, band: bool = False) -> None:
    """Stars of all magnitudes, thinner towards the horizon; with `band`, thicker along the milky way."""
    roll = stage.roll("stars")
    warm, cold = rgb("#ffe9cf"), rgb("#dbe6ff")
    count = int(520 * amount * stage.width * max(foot, 1) / 1e6)
    faint: dict[int, skia.Path] = {}
    for index in range(count):
        x, y = roll.uniform(-MARGIN, stage.width + MARGIN), roll.uniform(-MARGIN, foot)
        if band and index % 3:
            along_ = roll.uniform(-0.2, 1.2)
            x = along_ * stage.width + roll.gauss(0, 40)
            y = foot * (0.95 - 0.85 * along_) + roll.gauss(0, 60)
        size, keep = 0.35 + 1.3 * roll.random() ** 7, roll.random()
        if y > foot or keep < 0.75 * max(y / foot, 0) ** 2:
            continue
        level = min(int(size * 2.4), 3)
        path = faint.setdefault(level, skia.Path())
        path.addCircle(x, y, size)
        if size > 1.15:
            stage.glow(x, y, size * 8, mix(warm, cold, roll.random()), 0.5)
    for level, path in faint.items():
        stage.fill(path, mix(cold, warm, 0.3), 0.45 + 0.18 * level)


def lamp(stage: Stage, foot: float) -> None:
    """Sun or moon with its glow; veiled by rain, storm and fog."""
    light = stage.light
    if stage.has("rain", "storm", "snow", "fog") and not stage.has("sun", "moon"):
        return
    if stage.has_lamp:
        return
    x, y = light.x, min(light.y, foot - 20)
    if light.dark:
        moon(stage, x, min(y, foot * 0.4))
        return
    colour = rgb(light.colour)
    span = max(stage.width, stage.height)
    low = 1 - light.height
    stage.glow(x, y, span * (0.5 + 0.4 * low), mix(colour, rgb("#ff9a4a"), 0.5 * low), 0.35 + 0.45 * low)
    stage.glow(x, y, 190, colour, 0.85)
    radius = 26 + 16 * low
    pale = mix(colour, (1, 1, 1), 0.75 - 0.3 * low)
    stage.canvas.drawCircle(x, y, radius, skia.Paint(Color=argb(pale), AntiAlias=True))


def moon(stage: Stage, x: float, y: float, radius: float = 40.0) -> None:
    """A moon with its seas and a halo."""
    if stage.has_lamp:
        return
    pale = rgb("#f6f0dc")
    stage.glow(x, y, radius * 12, rgb("#9fb4ea"), 0.4)
    stage.glow(x, y, radius * 3.2, pale, 0.55)
    disc = around(
        x - radius * 0.3,
        y - radius * 0.3,
        radius * 1.7,
        [(0, (1, 0.99, 0.95), 1), (0.6, pale, 1), (1, rgb("#b9b6b4"), 1)],
    )
    stage.canvas.drawCircle(x, y, radius, skia.Paint(Shader=disc, AntiAlias=True))
    roll = stage.roll("moon")
    for _ in range(7):
        angle, away = roll.uniform(0, 6.28), roll.uniform(0, 0.6) * radius
        size = roll.uniform(0.07, 0.22) * radius
        place = (x + away * math.cos(angle), y + away * math.sin(angle))
        stage.canvas.drawCircle(*place, size, skia.Paint(Color=argb(rgb("#c9c3b4"), 0.4), AntiAlias=True))


def cover(stage: Stage, foot: float) -> None:
    """Clouds as the weather has them: wisps on a clear day, a lid in rain."""
    if "clouds" in stage.layout.scene.without:
        return
    lid = stage.has("rain", "storm", "snow", "fog")
    some = stage.has("clouds", "wind", "rainbow")
    if stage.light.dark and not (lid or some):
        return
    zenith, upper, _, rim = colours(stage)
    warm = rgb(stage.light.colour)
    bright = mix((1, 1, 1), warm, 0.55 if stage.time in ("golden", "dusk", "dawn") else 0.1)
    dim = mix(mix(upper, zenith, 0.3), (0.62, 0.62, 0.7), 0.35)
    if stage.light.dark:
        bright, dim = shade(upper, 0.2, 0.7), shade(upper, -0.02)
    elif lid:
        bright, dim = shade(rim, 0.02), shade(upper, -0.12 if stage.has("storm") else -0.03)
    stage.over(
        CLOUDS,
        stage.rect(-MARGIN, foot + 10),
        {"n": noise(150, 5, stage.number("clouds"), 1.7)},
        horizon=foot,
        span=max(foot, 200.0),
        least=0.36 if lid else 0.47 if some else 0.53,
        soft=0.3 if lid else 0.16,
        far=190.0,
        wind=stage.roll("wind").uniform(0, 900),
        bright=bright,
        dim=dim,
        haze=rim,
        sun=(stage.light.x, stage.light.y),
        opacity=0.95 if lid or some else 0.85,
    )


def heaps(stage: Stage, foot: float, count: int = 4) -> None:
    """Heaped clouds with level bases, for drawn skies."""
    if "clouds" in stage.layout.scene.without:
        return
    roll = stage.roll("heaps")
    _, upper, _, rim = colours(stage)
    bright = mix((1, 1, 1), rgb(stage.light.colour), 0.3)
    for index in range(count):
        share = (index + 0.5) / count
        base = foot * (0.25 + 0.6 * roll.random())
        size = 320 * (1.15 - base / foot * 0.75) * roll.uniform(0.7, 1.2)
        x = (share + roll.uniform(-0.12, 0.12)) * stage.width
        path = circles(cumulus(x, base, size, roll))
        clip = skia.Rect.MakeLTRB(x - size, base - size, x + size, base)
        stage.canvas.save()
        stage.canvas.clipRect(clip, doAntiAlias=True)
        shadow = mix(upper, (1, 1, 1), 0.45)
        stage.shaded(
            path,
            along(
                0, base - size * 0.3, 0, base, [(0, bright, 0.95), (0.6, bright, 0.9), (1, mix(shadow, rim, 0.3), 0.75)]
            ),
        )
        stage.canvas.restore()
