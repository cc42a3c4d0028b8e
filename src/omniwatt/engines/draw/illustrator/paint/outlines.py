"""The lettering of a layout as outlines in pixels, for forms that hold shapes."""

from collections.abc import Iterator
from typing import Any

import skia

from omniwatt.engines.draw.encode.form import Outline, Step
from omniwatt.engines.draw.illustrator.layout import Layout
from omniwatt.engines.draw.lettering.faces import Faces
from omniwatt.engines.draw.lettering.letter import outline

_ONE_COLOUR = frozenset({"plain", "shadow", "sign", "brush"})
"""Effects whose letters are one colour; the others (glow, relief, seal) stay as they are in the pixels."""


def outlines(layout: Layout, faces: Faces, scale: float) -> tuple[Outline, ...]:
    """A shape for each line of letters in one colour, at `scale` pixels a unit."""
    made = []
    for line in layout.lines:
        if line.effect in _ONE_COLOUR:
            path = outline(line, faces, layout.seed)
            path.transform(skia.Matrix.Scale(scale, scale))
            made.append(Outline(tuple(steps(path)), line.colour[:7]))
    return tuple(made)


def steps(path: Any) -> Iterator[Step]:
    """A path's verbs; quadratic curves become cubic ones, which PDF has alone."""
    for verb, points in path:
        flat = [part for point in points for part in (point.x(), point.y())]
        match verb:
            case skia.Path.kMove_Verb:
                yield "M", tuple(flat)
            case skia.Path.kLine_Verb:
                yield "L", tuple(flat[2:])
            case skia.Path.kQuad_Verb:
                yield "C", _cubic(flat)
            case skia.Path.kConic_Verb:
                yield "C", _cubic(flat)
            case skia.Path.kCubic_Verb:
                yield "C", tuple(flat[2:])
            case skia.Path.kClose_Verb:
                yield "Z", ()


def _cubic(flat: list[float]) -> tuple[float, ...]:
    x0, y0, x1, y1, x2, y2 = flat
    return (x0 + 2 / 3 * (x1 - x0), y0 + 2 / 3 * (y1 - y0), x2 + 2 / 3 * (x1 - x2), y2 + 2 / 3 * (y1 - y2), x2, y2)
