"""Where things added to a picture stand: small beside what is there, where little else is to be seen."""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from omniwatt.engines.draw.illustrator.layout import Box, Layout, Placed

SHARE, SHARE_MORE = 0.30, 0.52
"""Of the picture's shorter side that one thing takes, and several together."""
_FILLED = 0.94
"""Of a mask's room."""
_PROBE_PX = 64
_STEPS = 15
_AIR, _GROUND = (0.04, 0.62), (0.5, 0.97)
"""Between which shares of the height a group in the air, or on the ground, may be."""
_TEXT = 3.0


def seated(layout: Layout, ground: Image.Image, *, filling: bool) -> Layout:
    """The layout with its things made small and moved to calm places; `filling`: made to fill the picture instead.

    Things whose side of the picture was asked for keep their place, as far as their new size lets them.
    """
    told = {one.a for one in layout.scene.placings if one.b < 0}
    placed: list[Placed] = list(layout.placed)
    busy = _busy(ground)
    taken = [line.box for line in layout.lines]
    for air in (False, True):
        group = [at for at, one in enumerate(placed) if (one.ground == "air") is air]
        if filling:
            group = [] if air else list(range(len(placed)))
        if not group:
            continue
        around = _around([placed[at].box for at in group])
        room = Box(0, 0, layout.width, layout.height)
        if filling:
            scale = min(_FILLED * room.width / around.width, _FILLED * room.height / around.height)
            spot = (layout.width - around.width * scale) / 2, (layout.height - around.height * scale) / 2
        else:
            share = SHARE if len(group) == 1 else SHARE_MORE
            size = max(placed[at].box.height for at in group)
            scale = min(1.0, share * min(room.width, room.height) / max(around.width, around.height, size))
            asked = any(placed[at].thing in told for at in group)
            spot = _kept(around, scale) if asked else _calm(around, scale, room, busy, taken, _AIR if air else _GROUND)
        for at in group:
            placed[at] = msgspec.structs.replace(placed[at], box=_moved(placed[at].box, around, scale, spot))
        taken.append(Box(*spot, around.width * scale, around.height * scale))
    return msgspec.structs.replace(layout, placed=tuple(placed))


def _busy(ground: Image.Image) -> NDArray[Any]:
    """How much is to be seen in each of 64 x 64 cells: edges, and what differs from the most of the picture."""
    small = ground.convert("RGB").resize((2 * _PROBE_PX, 2 * _PROBE_PX), Image.Resampling.BOX)
    pixels = np.asarray(small, np.float32) / 255
    grey = pixels.mean(-1)
    edges = np.abs(np.gradient(grey, axis=0)) + np.abs(np.gradient(grey, axis=1))
    wide = np.asarray(small.filter(ImageFilter.GaussianBlur(12)), np.float32) / 255
    found = edges * 4 + np.abs(pixels - wide).mean(-1)
    cells: NDArray[Any] = found.reshape(_PROBE_PX, 2, _PROBE_PX, 2).mean((1, 3))
    return cells


def _around(boxes: Sequence[Box]) -> Box:
    left, top = min(box.x for box in boxes), min(box.y for box in boxes)
    right, bottom = max(box.x + box.width for box in boxes), max(box.y + box.height for box in boxes)
    return Box(left, top, max(right - left, 1.0), max(bottom - top, 1.0))


def _kept(around: Box, scale: float) -> tuple[float, float]:
    """Where its foot's middle stays."""
    return around.x + around.width * (1 - scale) / 2, around.y + around.height * (1 - scale)


def _calm(
    around: Box, scale: float, room: Box, busy: NDArray[Any], taken: Sequence[Box], zone: tuple[float, float]
) -> tuple[float, float]:
    """The place in the zone under which there is least, words and other things least of all."""
    wide, high = around.width * scale, around.height * scale
    best, least = _kept(around, scale), float("inf")
    for x, y in _spots(wide, high, room, zone):
        columns = int(x / room.width * _PROBE_PX), int((x + wide) / room.width * _PROBE_PX) + 1
        rows = int(y / room.height * _PROBE_PX), int((y + high) / room.height * _PROBE_PX) + 1
        cost = float(busy[rows[0] : rows[1], columns[0] : columns[1]].mean())
        cost += _TEXT * sum(_shared(Box(x, y, wide, high), box) for box in taken)
        # A design keeps to the thirds: the middle is the subject's, and the very edge is nobody's.
        cost *= 1.0 + 0.6 * abs(abs((x + wide / 2) / room.width - 0.5) - 0.2)
        if cost < least:
            best, least = (x, y), cost
    return best


def _spots(wide: float, high: float, room: Box, zone: tuple[float, float]) -> Iterator[tuple[float, float]]:
    top = zone[0] * room.height
    span = max(0.0, zone[1] * room.height - high - top)
    left = 0.04 * room.width
    across = max(0.0, room.width - wide - 2 * left)
    for row in range(_STEPS):
        for column in range(_STEPS):
            yield left + across * column / (_STEPS - 1), min(top + span * row / (_STEPS - 1), room.height - high)


def _shared(one: Box, other: Box) -> float:
    """How much of the first box the second covers."""
    wide = min(one.x + one.width, other.x + other.width) - max(one.x, other.x)
    high = min(one.y + one.height, other.y + other.height) - max(one.y, other.y)
    return max(0.0, wide) * max(0.0, high) / (one.width * one.height)


def _moved(box: Box, around: Box, scale: float, spot: tuple[float, float]) -> Box:
    x, y = spot[0] + (box.x - around.x) * scale, spot[1] + (box.y - around.y) * scale
    return Box(x, y, box.width * scale, box.height * scale)
