"""How good an arrangement is: explicit rules, each with its weight, each leaving a word of reason."""

import math

from omniwatt.engines.draw.illustrator.compose.arrange import GOLDEN, Frame, Spot, overlap
from omniwatt.engines.draw.illustrator.layout import Box

_STEADY = 0.5
"""How far from the middle, in widths, the weight may lie before it counts as falling over."""


def judge(spots: list[Spot], frame: Frame) -> tuple[float, tuple[str, ...]]:
    """The score (higher is better) and what each rule said."""
    boxes = [spot.box() for spot in spots]
    found = {
        "size": _size(boxes, frame),
        "balance": _balance(boxes, frame),
        "place": _place(boxes, frame),
        "air": _air(boxes, frame),
        "edges": _edges(boxes, frame),
        "depth": _depth(spots),
        "text room": _text_room(boxes, frame),
    }
    return sum(found.values()), tuple(f"{name} {value:+.2f}" for name, value in found.items())


def _size(boxes: list[Box], frame: Frame) -> float:
    """Things should be seen: up to a third of the picture."""
    share = sum(box.width * box.height for box in boxes) / (frame.width * frame.height)
    return 1.2 * min(1.0, math.sqrt(share / 0.3))


def _balance(boxes: list[Box], frame: Frame) -> float:
    """The weight of all, text included, lies near the middle."""
    weights = [box.width * box.height for box in (*boxes, *frame.taken)]
    middles = [box.x + box.width / 2 for box in (*boxes, *frame.taken)]
    lean = sum(w * x for w, x in zip(weights, middles, strict=True)) / sum(weights) / frame.width - 0.5
    return -1.1 * abs(lean) / _STEADY


def _place(boxes: list[Box], frame: Frame) -> float:
    """The largest stands in the golden section, or in the middle when it is alone."""
    x = (boxes[0].x + boxes[0].width / 2) / frame.width
    good = (0.5,) if len(boxes) == 1 and not frame.taken else (GOLDEN, 1 - GOLDEN, 0.5)
    if len(boxes) == 1 and not frame.taken and boxes[0].width < 0.4 * frame.width:
        good = (0.5, GOLDEN, 1 - GOLDEN)
    return 0.6 * max(0.0, 1 - min(abs(x - share) for share in good) / 0.12)


def _air(boxes: list[Box], frame: Frame) -> float:
    """Room around each: the smallest gap between two, and no two of them in one another's way."""
    if len(boxes) < 2:
        return 0.0
    gaps = [_gap(one, other) for place, one in enumerate(boxes) for other in boxes[:place]]
    return 0.5 * min(1.0, min(gaps) / (0.06 * frame.width))


def _gap(one: Box, other: Box) -> float:
    wide = max(one.x, other.x) - min(one.x + one.width, other.x + other.width)
    tall = max(one.y, other.y) - min(one.y + one.height, other.y + other.height)
    return max(wide, tall)


def _edges(boxes: list[Box], frame: Frame) -> float:
    """Nothing leans on the frame."""
    near = 0.035 * min(frame.width, frame.height)
    count = sum(
        min(box.x, frame.width - box.x - box.width, box.y, frame.height - box.y - box.height) < near for box in boxes
    )
    return -0.3 * count / len(boxes)


def _depth(spots: list[Spot]) -> float:
    """Feet at different depths make space; all in one line make a list."""
    feet = sorted(spot.foot for spot in spots)
    if len(feet) < 3:
        return 0.0
    return 0.25 if feet[-1] - feet[0] > 60 else 0.0


def _text_room(boxes: list[Box], frame: Frame) -> float:
    """Text breathes: nothing touches a band around it."""
    if not frame.taken:
        return 0.0
    pad = 0.02 * min(frame.width, frame.height)
    bands = [Box(t.x - pad, t.y - pad, t.width + 2 * pad, t.height + 2 * pad) for t in frame.taken]
    return 0.3 - 0.5 * sum(overlap(box, band) > 0 for box in boxes for band in bands)
