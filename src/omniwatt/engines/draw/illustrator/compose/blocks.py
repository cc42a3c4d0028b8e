"""Things put together: a group of one kind, and groups joined by where they stand to each other.

A block has its own small space: x to the right, y down, its foot line at 0, lengths in natural (compressed) sizes.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from random import Random
from typing import Literal

from omniwatt.engines.draw.illustrator.compose.nature import Nature
from omniwatt.engines.draw.illustrator.scene import Thing

_GAP = 0.12
_STAGGER = 0.2
"""How far back some of a row stand, in heights, and smaller for it."""


@dataclass(frozen=True)
class Item:
    """One drawn thing: its box by middle of the foot, width and height. Higher `layer` is painted later."""

    thing: int
    x: float
    foot: float
    width: float
    height: float
    layer: int = 0
    held: Literal["", "surface", "air"] = ""
    """By another thing (it rests on it), or by nothing (it is over it, or stands in it)."""

    @property
    def left(self) -> float:
        return self.x - self.width / 2

    @property
    def right(self) -> float:
        return self.x + self.width / 2

    @property
    def top(self) -> float:
        return self.foot - self.height

    @property
    def middle(self) -> float:
        return self.foot - self.height / 2

    def moved(self, x: float, y: float) -> "Item":
        return replace(self, x=self.x + x, foot=self.foot + y)

    def scaled(self, by: float) -> "Item":
        return replace(self, x=self.x * by, foot=self.foot * by, width=self.width * by, height=self.height * by)


@dataclass
class Block:
    """Items with what they are like together: the nature of the one the others are placed by."""

    items: list[Item]
    nature: Nature
    things: list[int] = field(default_factory=list)
    side: str = ""
    """Where in the picture it was asked to be: left, right, top, bottom, middle."""

    @property
    def left(self) -> float:
        return min(item.left for item in self.items)

    @property
    def right(self) -> float:
        return max(item.right for item in self.items)

    @property
    def top(self) -> float:
        return min(item.top for item in self.items)

    @property
    def bottom(self) -> float:
        return max(item.foot for item in self.items)

    @property
    def back(self) -> float:
        """The furthest foot that stands on the ground."""
        return min((item.foot for item in self.items if not item.held), default=0.0)

    @property
    def width(self) -> float:
        return self.right - self.left

    @property
    def height(self) -> float:
        return self.bottom - self.top

    def of(self, thing: int) -> list[Item]:
        return [item for item in self.items if item.thing == thing]

    def moved(self, x: float, y: float) -> list[Item]:
        return [item.moved(x, y) for item in self.items]


def extent(items: Iterable[Item]) -> tuple[float, float, float, float]:
    """Left, top, right, bottom."""
    found = list(items)
    return (
        min(item.left for item in found), min(item.top for item in found),
        max(item.right for item in found), max(item.foot for item in found),
    )  # fmt: skip


def size_of(nature: Nature, thing: Thing, aspect: float, home_tallest: float) -> tuple[float, float]:
    """Width and height in natural size, the range of sizes pressed together so that a mouse is seen beside a whale."""
    height = (nature.height_m / home_tallest) ** 0.46 * thing.size**0.8
    # A long thing is not larger than a tall one of the same height would be: its area counts.
    height /= max(1.0, aspect) ** 0.35
    return height * aspect, height


def group(index: int, thing: Thing, nature: Nature, size: tuple[float, float], shape: float, roll: Random) -> Block:
    """All things of one kind: alone, in a row, in rows, or as a flock. `shape` is the width over height to aim at."""
    width, height = size
    count = max(1, min(thing.count, 100))
    free = nature.home in ("sky", "deep")
    gap, loose = (0.42, 0.18) if free else (_GAP, 0.42 * _GAP)
    loose *= count > 1
    items = []
    foot, small = 0.0, 1.0
    rows = _rows(count, shape * height / width)
    for row in range(len(rows) - 1, -1, -1):
        # Rows further off are smaller and stand in the gaps of the one before them.
        brick = 0.5 if not free and row % 2 != (len(rows) - 1) % 2 and rows[row] == rows[-1] else 0.0
        for column in range(rows[row]):
            x = (column - (rows[row] - 1) / 2 + brick) * (1 + gap) + roll.uniform(-loose, loose)
            y = foot + roll.uniform(-loose, loose) * height * (1.0 if free else 0.35)
            deep = 0.0 if free or nature.home == "table" or count < 2 else roll.uniform(0.0, _STAGGER)
            by = small * (1 - 0.5 * deep)
            items.append(Item(index, x * width * small, y - deep * height, width * by, height * by, layer=row))
        foot -= height * small * (1 + gap if free else 1.04 if nature.home == "table" else 0.8)
        small *= 1.0 if free or nature.home == "table" else 0.9
    return Block(items, nature, [index])


def _rows(count: int, shape: float) -> list[int]:
    """How many stand in each row, far to near: up to three side by side, more in even rows, the nearest the fullest."""
    columns = count if count <= 3 else max(2, round(math.sqrt(count * shape)))
    columns = min(columns, count, 12 if count > 24 else 6)
    rows = math.ceil(count / columns)
    return [count // rows + (row >= rows - count % rows) for row in range(rows)]
