"""Ink that stands out from the pixels under it. Pure."""

import msgspec

from omniwatt.engines.draw.illustrator.layout import Box, Line
from omniwatt.engines.draw.illustrator.paint.colours import rgb

DARK, LIGHT = "#16181f", "#fffaf0"
ENOUGH, HARDLY = 3.0, 1.6
"""Contrast (WCAG 2.2, 1.4.3: large letters want 3) that needs no help, and that a halo alone does not save."""
_PANELS = {DARK: "#fffdf6d9", LIGHT: "#0d111cd9"}
_NEON_BELOW = 0.16
"""A neon tube is seen against what is darker than this."""


def legible(line: Line, under: tuple[float, float], *, keep: bool = False) -> Line:
    """The line in the darker or the lighter ink, whichever stands out more from `under`, the luminance (0..1) of its
    ground from dark to light; with a halo or a panel where neither does. With `keep` its colour stays.

    A line with a panel has its ground already, a seal is its own.
    """
    if line.panel or line.effect == "stamp":
        return line
    if line.effect == "neon":
        return line if under[1] < _NEON_BELOW else msgspec.structs.replace(line, panel=_PANELS[LIGHT])
    colour = line.colour
    if not keep and least_contrast(colour, under) < ENOUGH:
        colour = max((DARK, LIGHT), key=lambda ink: least_contrast(ink, under))
    contrast = least_contrast(colour, under)
    other = LIGHT if luminance(colour) < _BETWEEN else DARK
    if contrast < HARDLY or (contrast < ENOUGH and line.effect in ("plain", "sign", "embossed")):
        return msgspec.structs.replace(line, colour=colour, panel=_PANELS[DARK if other == LIGHT else LIGHT])
    outline = other if contrast < ENOUGH and line.effect == "brush" else line.outline
    return msgspec.structs.replace(line, colour=colour, outline=outline)


def least_contrast(colour: str, under: tuple[float, float]) -> float:
    """The lowest contrast ratio of this ink with a ground of luminances from the one to the other; 1 is none."""
    ink = luminance(colour)
    if under[0] <= ink <= under[1]:
        return 1.0
    return min(contrast(ink, ground) for ground in under)


def contrast(one: float, other: float) -> float:
    """The ratio of two luminances (WCAG 2.2)."""
    return (max(one, other) + 0.05) / (min(one, other) + 0.05)


def luminance(colour: str) -> float:
    """Relative luminance of `#rrggbb`, 0 to 1."""
    red, green, blue = rgb(colour)
    return float(0.2126 * red**2.2 + 0.7152 * green**2.2 + 0.0722 * blue**2.2)


_BETWEEN = 0.18
"""As far from black as from white, to the eye."""


def moved(line: Line, grown: float, right: float, down: float) -> Line:
    """The line `grown` times as large, then moved, in design units."""
    box = line.box
    there = Box(box.x * grown + right, box.y * grown + down, box.width * grown, box.height * grown)
    return msgspec.structs.replace(line, box=there, size=line.size * grown)
