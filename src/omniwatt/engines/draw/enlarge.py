"""Pixels at another size than they have, any part by itself: for painters that cannot paint at the size asked for."""

import math
from collections.abc import Iterator

from PIL import Image

BAND_PIXELS = 4 * 1024 * 1024
"""A band of the result: its pixels, and as many of the way there, are all that is held beside the picture."""
_KERNEL = Image.Resampling.LANCZOS
_LOBES = 3


def part(picture: Image.Image, size: tuple[int, int], left: int, top: int, width: int, height: int) -> Image.Image:
    """This rectangle of `picture` brought to `size`, all in pixels of the result (Lanczos, 3 lobes; Duchon 1979).

    What lies beyond the rectangle counts at its edges, so that parts meet without a seam: each pixel is that of the
    whole but for the rounding of where it lies.
    """
    if picture.size == size:
        return picture.crop((left, top, left + width, top + height))
    across, down = picture.width / size[0], picture.height / size[1]
    reach = _LOBES * max(1.0, down)
    first = max(0, math.floor(top * down - reach))
    last = min(picture.height, math.ceil((top + height) * down + reach))
    # Across first, always: where a kernel overshoots, the order of the two passes shows.
    columns = (left * across, float(first), min(float(picture.width), (left + width) * across), float(last))
    wide = picture.resize((width, last - first), _KERNEL, box=columns)
    rows = (top * down - first, min(float(wide.height), (top + height) * down - first))
    return wide.resize((width, height), _KERNEL, box=(0.0, rows[0], float(width), rows[1]))


def bands(picture: Image.Image, size: tuple[int, int], band_px: int = 0) -> Iterator[Image.Image]:
    """The picture brought to `size` in bands of its full width, from top to bottom; `band_px` rows each."""
    width, height = size
    rows = band_px or max(16, BAND_PIXELS // width)
    for top in range(0, height, rows):
        yield part(picture, size, 0, top, width, min(rows, height - top))


def shaped(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    """The middle of the picture in the shape of `size`: nothing is stretched more one way than the other."""
    width = min(picture.width, round(picture.height * size[0] / size[1]))
    height = min(picture.height, round(picture.width * size[1] / size[0]))
    left, top = (picture.width - width) // 2, (picture.height - height) // 2
    return picture.crop((left, top, left + max(1, width), top + max(1, height)))
