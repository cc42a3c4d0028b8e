"""Several pictures beside each other: rows of even height, each cut to its place."""

import math
from collections.abc import Sequence

from PIL import Image, ImageOps

GAP = 0.012
MOST_PX = 4096
_GROUND = (255, 255, 255, 255)


def collage(pictures: Sequence[Image.Image], kind: str, size: tuple[int, int] | None) -> Image.Image:
    """All pictures in one. `kind`: row, column or grid; without a size, one that suits them."""
    rows = rows_of(len(pictures), kind)
    width, height = size or natural(pictures, rows)
    gap = round(GAP * min(width, height))
    made = Image.new("RGBA", (width, height), _GROUND)
    first = 0
    for row, count in enumerate(rows):
        held = pictures[first : first + count]
        first += count
        top, bottom = edges(height, len(rows), row, gap)
        shares = [picture.width / picture.height for picture in held]
        left = 0.0
        free = width - gap * (count - 1)
        for picture, share in zip(held, shares, strict=True):
            wide = free * share / sum(shares)
            place = round(left), round(left + wide)
            made.paste(ImageOps.fit(picture, (place[1] - place[0], bottom - top)), (place[0], top))
            left += wide + gap
    return made


def rows_of(count: int, kind: str) -> list[int]:
    """How many pictures stand in each row."""
    if kind == "row":
        return [count]
    if kind == "column":
        return [1] * count
    rows = max(1, round(math.sqrt(count)))
    return [count // rows + (row < count % rows) for row in range(rows)]


def edges(length: int, parts: int, part: int, gap: int) -> tuple[int, int]:
    """Begin and end of one of some equal parts with gaps between them."""
    each = (length - gap * (parts - 1)) / parts
    start = part * (each + gap)
    return round(start), round(start + each)


def natural(pictures: Sequence[Image.Image], rows: Sequence[int]) -> tuple[int, int]:
    """A size at which the rows fill their width, no larger than MOST_PX, at most 3:1, in steps of 16."""
    first, shapes = 0, []
    for count in rows:
        shapes.append(sum(picture.width / picture.height for picture in pictures[first : first + count]))
        first += count
    width = min(MOST_PX, max(picture.width for picture in pictures) * max(rows))
    height = sum(width / shape for shape in shapes)
    height = min(max(height, width / 3), width * 3)
    scale = min(1.0, MOST_PX / height)
    return max(16, round(width * scale / 16) * 16), max(16, round(height * scale / 16) * 16)
