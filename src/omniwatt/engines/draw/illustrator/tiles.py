"""How a picture is cut for painting: rows of tiles, each small enough to hold, and put together to bands of rows."""

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np

from omniwatt.engines.draw.illustrator.hands import Pixels, Tile
from omniwatt.engines.draw.illustrator.paint.cost import painted

HANDS = 2
ALONE_MEGAPIXELS = 3.0
"""Painted megapixels up to which a picture is done by one thread before helpers are started and told."""
SMALL_PIXELS, LARGE_PIXELS = 1 << 20, 4 << 20
"""Painted pixels of a tile, of pictures up to LARGE_FROM megapixels and of larger ones: looks see beyond the edges of
a tile, and the larger the picture the more of it is painted twice in small ones."""
LARGE_FROM = 6.3
WIDE_PX = 4096
"""No tile is wider: wide and low ones have long edges."""
BAND_PIXELS = 24 << 20
"""What is put together before it is packed."""
PACKED_ROWS = 256
"""Rows that are packed at once."""
STEP_PX = 16

Row = list[Tile]


def hands_for(style: str, quality: str, size: tuple[int, int]) -> int:
    """How many processes paint it."""
    return HANDS if painted(style, quality, size)[1] > ALONE_MEGAPIXELS else 1


def grid(style: str, quality: str, size: tuple[int, int]) -> list[Row]:
    """Rows of tiles from top to bottom, each row from left to right; sides are multiples of 16 but at the far edges."""
    width, height = size
    megapixels = painted(style, quality, size)[1]
    factor = max(1.0, 1e6 * megapixels / (width * height))
    pixels = (LARGE_PIXELS if megapixels > LARGE_FROM else SMALL_PIXELS) / factor
    columns = -(-width // WIDE_PX)
    wide = -(-width // columns // STEP_PX) * STEP_PX
    high = max(STEP_PX, int(min(pixels / wide, BAND_PIXELS / width, height)) // STEP_PX * STEP_PX)
    return [
        [Tile(left, top, min(wide, width - left), min(high, height - top)) for left in range(0, width, wide)]
        for top in range(0, height, high)
    ]


def put_together(rows: Sequence[Row], painted_tiles: Iterable[Pixels], told: Callable[[int], None]) -> Iterator[Pixels]:
    """Bands of whole rows, PACKED_ROWS high at most, as the tiles come in their order; `told` hears how many came.

    A band is valid until the next is asked for: they share their memory.
    """
    tiles = iter(painted_tiles)
    count = 0
    held = np.empty((max(row[0].height for row in rows), rows[0][-1].x + rows[0][-1].width, 4), np.uint8)
    for row in rows:
        band = held[: row[0].height]
        for tile in row:
            band[:, tile.x : tile.x + tile.width] = next(tiles)
            count += 1
            told(count)
        for top in range(0, row[0].height, PACKED_ROWS):
            yield band[top : top + PACKED_ROWS]
