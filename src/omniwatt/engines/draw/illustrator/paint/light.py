"""The light of a scene, as a value: where it comes from, its colours, the haze. Sprites and backdrops share it."""

import math
from typing import Any

import msgspec

from omniwatt.contract.request import Value
from omniwatt.engines.draw.illustrator.layout import SHORT_SIDE, Layout
from omniwatt.engines.draw.illustrator.paint.chance import chance
from omniwatt.engines.draw.illustrator.paint.colours import RGB, code, mix, rgb
from omniwatt.engines.draw.illustrator.scene import Scene


class Light(Value, frozen=True):
    """One main light and the air it goes through. Colours are #rrggbb, places design units."""

    x: float
    y: float
    """Where the sun, moon or lamp stands; may be outside the picture."""
    height: float
    """0 at the horizon (long shadows) to 1 overhead (short ones)."""
    colour: str
    """Of the direct light."""
    strength: float
    """0 (overcast, no shadows to speak of) to 1 (full sun)."""
    ambient: str
    """What everything is lit with, by the sky: objects are multiplied with it."""
    shadow: str
    """Colour of a shadow on the ground."""
    shadow_alpha: float
    haze: str
    """What far things fade into."""
    haze_far: float
    """How much of it lies before something at depth 0, in 0..1; 0 at depth 1."""
    dark: bool = False
    """Night: windows, lamps and neon are lit, and light things glow."""
    ink: bool = False
    """The picture has no cast light: wash and paper only, no hard shadows."""

    def haze_at(self, depth: float) -> float:
        """Share of the haze's colour over something at this depth (0 far, 1 near)."""
        return self.haze_far * math.pow(1.0 - min(max(depth, 0.0), 1.0), 1.5)

    def side(self, x: float) -> float:
        """-1 where the light comes from the left of this place, 1 from the right, in between above it."""
        away = (self.x - x) / 500.0
        return away / math.sqrt(1.0 + away * away)

    def shadow_slant(self, x: float) -> float:
        """How far to the right (negative: left) a shadow's end lies, in heights of what casts it."""
        return -self.side(x) * (1.4 - 1.1 * min(max(self.height, 0.0), 1.0))


_TIMES: dict[str, tuple[float, str, float, str, str, float, str, float]] = {
    # height, colour, strength, ambient, shadow, its alpha, haze, haze far
    "dawn": (0.15, "#ffd9b8", 0.65, "#f3e2e2", "#4a4468", 0.30, "#f0cdc4", 0.45),
    "day": (0.75, "#fffaf0", 0.90, "#ffffff", "#2c3a52", 0.34, "#cfe4f2", 0.35),
    "golden": (0.20, "#ffc476", 1.00, "#ffe9cc", "#4b3350", 0.42, "#f6c48c", 0.45),
    "dusk": (0.08, "#ff9d7c", 0.55, "#c9b4cf", "#241f42", 0.40, "#a67c9c", 0.50),
    "night": (0.55, "#b9cdf5", 0.40, "#6f7fae", "#060a1c", 0.50, "#1d2a52", 0.45),
}
_INDOORS = {"room": ("#fff1dc", "#fff8ee"), "paper": ("#ffffff", "#ffffff"), "plain": ("#ffffff", "#ffffff")}
_FLAT = {"gradient", "paper", "plain"}
_INK = {"ink", "calligraphy"}
_CLEAR = 45.0
LAMPS = frozenset(
    ("sun", "sun-with-face", "full-moon", "full-moon-face", "crescent-moon", "first-quarter-moon", "new-moon-face")
)
"""Sprites that are the light: it comes from where they stand, and the sky has no other."""


def light_of(layout: Layout) -> Light:
    """The light this layout is painted in; pure, and the same for the same seed."""
    scene = layout.scene
    time = "night" if "moon" in scene.light and scene.time == "day" else scene.time
    if scene.backdrop in ("night_city", "starry_sky", "space") and time in ("day", "golden", "dawn"):
        time = "night"
    height, colour, strength, ambient, shadow, alpha, haze, far = _TIMES[time]
    x, y = _place(layout, height)
    made = Light(
        x=x,
        y=y,
        height=height,
        colour=colour,
        strength=strength,
        ambient=ambient,
        shadow=shadow,
        shadow_alpha=alpha,
        haze=haze,
        haze_far=far,
        dark=time == "night",
    )
    return _inked(_special(_weathered(made, scene), scene), scene)


def _place(layout: Layout, height: float) -> tuple[float, float]:
    """The light stands on a third of the width, its side by seed; behind the middle when lit from behind."""
    roll = chance(layout.seed, "light")
    share = 0.5 + roll.uniform(-0.06, 0.06) if "backlight" in layout.scene.light else roll.choice((0.3, 0.7))
    share += roll.uniform(-0.05, 0.05)
    horizon = min(layout.horizon, layout.height)
    for placed in layout.placed:
        if placed.sprite in LAMPS:
            return placed.box.x + placed.box.width / 2, placed.box.y + placed.box.height / 2
    x, y = share * layout.width, horizon * (0.92 - 0.78 * height)
    # A sun or moon behind letters would be in their way.
    if _hidden(layout, x) and not _hidden(layout, layout.width - x):
        x = layout.width - x
    return x, y


def _hidden(layout: Layout, x: float) -> bool:
    """Whether letters stand in the upper part of the picture at this x."""
    return any(
        line.box.x - _CLEAR < x < line.box.x + line.box.width + _CLEAR and line.box.y < 0.3 * layout.height
        for line in layout.lines
    )


def _changed(light: Light, **parts: Any) -> Light:
    return msgspec.structs.replace(light, **parts)


def _weathered(light: Light, scene: Scene) -> Light:
    weather = set(scene.weather)
    if weather & {"rain", "storm", "fog", "snow", "clouds"}:
        grey: RGB = rgb("#8a95a3") if "storm" in weather else rgb("#c3cad2")
        share = 0.7 if "storm" in weather else 0.45
        far = 0.8 if "fog" in weather else 0.55
        strength = light.strength * (0.75 if weather <= {"clouds", "clear"} else 0.35)
        dim = mix(rgb(light.ambient), (0.72, 0.76, 0.82), 0.5 if "storm" in weather else 0.2)
        return _changed(
            light,
            strength=strength,
            shadow_alpha=light.shadow_alpha * 0.6,
            haze_far=max(light.haze_far, far),
            haze=light.haze if light.dark else code(mix(rgb(light.haze), grey, share)),
            ambient=code(dim),
        )
    return light


def _special(light: Light, scene: Scene) -> Light:
    if scene.backdrop in _FLAT:
        return _changed(light, haze_far=0.0, ambient="#ffffff", shadow_alpha=0.22, dark=False, strength=0.6, height=0.7)
    if scene.backdrop == "room":
        colour, ambient = _INDOORS["room"]
        if "candle" in scene.light or light.dark:
            colour, ambient = "#ffc27a", "#d8a878"
        return _changed(light, colour=colour, ambient=ambient, haze_far=0.0, height=0.6)
    if scene.backdrop == "underwater":
        return _changed(
            light, colour="#c8fbff", ambient="#a9dcec", haze="#1d7fa8", haze_far=0.7, height=0.95, shadow_alpha=0.2
        )
    if scene.backdrop == "space":
        return _changed(light, haze_far=0.0, ambient="#c4c8e8", shadow_alpha=0.0)
    if scene.backdrop == "festival":
        return _changed(light, colour="#ffd27a", ambient="#ffd9c0", haze="#8a1414", haze_far=0.25)
    if scene.backdrop == "night_city":
        return _changed(light, ambient="#9aa0d8", colour="#ff7ad9", haze="#3a2a78", haze_far=0.4)
    return light


def _inked(light: Light, scene: Scene) -> Light:
    if scene.style in _INK or scene.backdrop == "ink_mountains":
        ambient = "#ffffff" if scene.style in _INK else light.ambient
        return _changed(
            light,
            ink=True,
            haze="#efe9da" if not light.dark else light.haze,
            haze_far=0.6,
            shadow="#3a3a3a",
            shadow_alpha=0.18,
            ambient=ambient,
            strength=min(light.strength, 0.5),
        )
    return light


def reach(layout: Layout) -> float:
    """The longest side in design units."""
    return max(layout.width, layout.height, SHORT_SIDE)
