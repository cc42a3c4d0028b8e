"""Where everything stands, as a value, in design units: the picture's shorter side is 1000 of them, y goes down.

Nothing here depends on how many pixels will be made: a layout painted at twice the scale is the same picture.
"""

from typing import Literal

from omniwatt.contract.request import Value
from omniwatt.engines.draw.illustrator.scene import Scene

SHORT_SIDE = 1000.0


class Box(Value, frozen=True):
    """A rectangle in design units: its upper left corner, width and height."""

    x: float
    y: float
    width: float
    height: float


class Placed(Value, frozen=True):
    """One object. `box` bounds the sprite; its foot is the middle of the lower edge."""

    thing: int
    sprite: str
    box: Box
    depth: float
    """0 is at the horizon, 1 at the viewer: haze, light and order of painting follow it."""
    colour: str = ""
    flip: bool = False
    turn_degrees: float = 0.0
    ground: Literal["ground", "water", "air", "surface"] = "ground"
    """What is under it: a contact shadow, a reflection, nothing, or another object."""
    traits: tuple[str, ...] = ()
    tint: float = 0.0
    """-1 (darker, warmer) to 1 (paler): how this one of several differs from its kind."""


class Line(Value, frozen=True):
    """One line (or column) of text, fitted: painted with this face at this size from its box's beginning."""

    text: str
    box: Box
    face: str
    """A font's role in the card: `noto-sans-sc`, `ma-shan-zheng`, ..."""
    size: float
    vertical: bool = False
    right_to_left: bool = False
    colour: str = "#000000"
    outline: str = ""
    """Colour of a line around each glyph; empty is none."""
    effect: Literal["plain", "brush", "neon", "embossed", "sign", "stamp", "shadow"] = "plain"
    panel: str = ""
    """Colour (#rrggbbaa) of a calm ground behind it; empty is none."""
    spacing: float = 0.0
    """Ground between its characters beyond what the face has, in ems."""
    of: int = 0
    """Which of `Scene.texts` it belongs to; -1 is a seal that the composition added, which nobody asked to read."""
    note: str = ""
    """What the caller should know: that another face had to be taken, and why."""


class Layout(Value, frozen=True):
    """A scene with everything in its place."""

    scene: Scene
    width: float
    height: float
    horizon: float
    """y of the horizon; the height where there is none."""
    placed: tuple[Placed, ...] = ()
    """Far to near."""
    lines: tuple[Line, ...] = ()
    seed: int = 0
    score: float = 0.0
    reasons: tuple[str, ...] = ()
    """What the rules said of it: `overlap -0.2`, `text room +0.3`."""
