"""Further pictures placed into the first: cut out where that can be told, as photographs on a card elsewhere."""

from collections.abc import Sequence

from PIL import Image

from omniwatt.engines.draw.illustrator.editing import pixels
from omniwatt.engines.draw.illustrator.editing.ground import Inset, as_skia
from omniwatt.engines.draw.illustrator.editing.work import in_units
from omniwatt.engines.draw.illustrator.layout import Box

SHARE = 0.46
"""Of the picture's height that a single one takes; several share its width."""
_RIM = 0.06


def insets(
    others: Sequence[Image.Image], place: Sequence[str], image: Image.Image, mask: Image.Image | None
) -> tuple[Inset, ...]:
    """The further pictures with their boxes, in design units of the region they are drawn in."""
    if not others:
        return ()
    box = (mask.getbbox() if mask is not None else None) or (0, 0, *image.size)
    width, height = in_units((max(1, box[2] - box[0]), max(1, box[3] - box[1])))
    cut = [_cut(other) for other in others]
    share = 1.0 - 2 * _RIM if mask is not None else SHARE
    return tuple(
        Inset(as_skia(picture), _box(index, len(cut), picture.size, (width, height), place, share), framed)
        for index, (picture, framed) in enumerate(cut)
    )


def _cut(image: Image.Image) -> tuple[Image.Image, bool]:
    """Without its plain background, if it has one, and whether it needs a card instead."""
    away = pixels.background(image)
    if away is None:
        return image, True
    found = pixels.without(image, away)
    solid = found.getchannel("A").point(lambda value: 255 if value > 40 else 0).getbbox()
    return (found.crop(solid), False) if solid else (image, True)


def _box(
    index: int,
    count: int,
    size: tuple[int, int],
    room: tuple[float, float],
    place: Sequence[str],
    share: float,
) -> Box:
    """Its box: beside each other along the lower part, or where the prompt says."""
    width, height = room
    cell = (width * (1 - 2 * _RIM)) / count
    scale = min(share * height / size[1], min(cell * 0.94, width * 0.9) / size[0])
    wide, high = size[0] * scale, size[1] * scale
    middle = width * _RIM + cell * (index + 0.5)
    if count == 1 and not set(place) & {"left", "right", "middle"} and share == SHARE:
        middle = 0.64 * width
    if "left" in place:
        middle = width * _RIM + sum_before(index, cell, count) + wide / 2
    elif "right" in place:
        middle = width * (1 - _RIM) - sum_before(count - 1 - index, cell, count) - wide / 2
    elif "middle" in place and count == 1:
        middle = width / 2
    top = height * (1 - _RIM) - high
    if "top" in place:
        top = height * _RIM
    elif "middle" in place or share != SHARE:
        top = (height - high) / 2
    return Box(middle - wide / 2, top, wide, high)


def sum_before(index: int, cell: float, count: int) -> float:
    """How far from the side this one of several begins; a half of the usual when they are pushed to one side."""
    return index * cell * (0.6 if count > 1 else 0.0)
