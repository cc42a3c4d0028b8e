"""What a drawing of our own is."""

from typing import NamedTuple


class Drawing(NamedTuple):
    """`body` is SVG within a box of this size, its upper left corner at the origin."""

    body: str
    width: float
    height: float
