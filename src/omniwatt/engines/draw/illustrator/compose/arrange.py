"""Blocks put into the picture: one try, by chance, without overlaps; the rules judge many such tries."""

import math
from dataclasses import dataclass
from random import Random

from omniwatt.engines.draw.illustrator.compose.blocks import Block, Item
from omniwatt.engines.draw.illustrator.compose.ground import Ground, zone
from omniwatt.engines.draw.illustrator.layout import Box

MARGIN = 24.0
GOLDEN = 0.382
_TRIES = 36
_VAST = 40.0
"""Metres from which a thing stands at the horizon: a mountain, a tower."""
_SHRINK = 0.9
_MIN_SCALE = 0.06
_SHARE = {"close": 0.36, "portrait": 0.34, "wide": 0.12, "aerial": 0.12, "auto": 0.25}
_SIDES = {"left": (0.0, 0.4), "right": (0.6, 1.0), "middle": (0.42, 0.58)}


@dataclass(frozen=True)
class Frame:
    """The picture that blocks are put into. `taken` is kept free, for text."""

    width: float
    height: float
    horizon: float
    ground: Ground
    view: str
    taken: tuple[Box, ...]


@dataclass
class Spot:
    """A block in its place: where its foot line's middle is, and how large it is drawn."""

    block: Block
    x: float
    foot: float
    scale: float

    def items(self) -> list[Item]:
        return [item.scaled(self.scale).moved(self.x, self.foot) for item in self.block.items]

    def box(self) -> Box:
        block, by = self.block, self.scale
        left, top = self.x + block.left * by, self.foot + block.top * by
        return Box(left, top, block.width * by, block.height * by)


def arrange(blocks: list[Block], frame: Frame, roll: Random) -> list[Spot]:
    """One way to put all blocks into the frame, as large as it goes without overlap; [] if there is no room at all."""
    scale = _scale(blocks, frame)
    order = sorted(blocks, key=lambda block: -block.width * block.height * (2 if 0 in block.things else 1))
    for step in range(40):
        spots = _try(order, frame, scale * _SHRINK**step, roll)
        if spots is not None:
            return spots
    return []


def _scale(blocks: list[Block], frame: Frame) -> float:
    """Design units for one natural size, by the share of the picture that things should take."""
    area = sum(block.width * block.height for block in blocks)
    crowd = 1.0 + 0.25 * math.log2(max(1, sum(len(block.items) for block in blocks)))
    share = _SHARE[frame.view] * min(crowd, 1.7) * frame.ground.share
    free = frame.width * frame.height - 0.8 * sum(box.width * box.height for box in frame.taken)
    if len(blocks) == 1:
        share *= 1.25
    found = math.sqrt(share * max(free, 1.0) / area)
    for block in blocks:
        found = min(found, 0.88 * frame.width / block.width)
    return found


def _try(order: list[Block], frame: Frame, scale: float, roll: Random) -> list[Spot] | None:
    spots: list[Spot] = []
    for rank, block in enumerate(order):
        for attempt in range(_TRIES):
            spot = _spot(block, frame, scale, roll, rank, attempt)
            if spot is not None and _free(spot.box(), spots, frame):
                spots.append(spot)
                break
        else:
            return None
    return spots


def _spot(block: Block, frame: Frame, scale: float, roll: Random, rank: int, attempt: int) -> Spot | None:
    area = zone(block.nature, frame.ground, frame.width, frame.height, frame.horizon)
    flying = block.nature.home == "sky" or (frame.ground.kind == "deep" and block.nature.home == "deep")
    depth = _depth(block, roll, flying)
    paged = frame.ground.kind in ("page", "space")
    by = scale * (1.0 if flying or paged else 0.66 + 0.34 * depth)
    high = frame.height - 2 * MARGIN
    by = min(by, high / block.height, (frame.width - 2 * MARGIN) / block.width)
    if flying or paged:
        tall = block.height * by
        middle = area.y + area.height * _height(block, roll, rank if paged else 1)
        foot = middle + tall / 2 - block.bottom * by
        foot = min(max(foot, MARGIN - block.top * by), frame.height - MARGIN - block.bottom * by)
        if flying and not paged and frame.ground.kind == "land":
            foot = min(foot, max(frame.horizon - 0.02 * frame.height - block.bottom * by, MARGIN - block.top * by))
    else:
        foot = area.y + area.height * depth - max(0.0, block.bottom) * by
        if block.nature.height_m >= _VAST and frame.ground.kind == "land":
            foot = frame.horizon + 0.012 * frame.height
        by = min(by, (foot - MARGIN) / -block.top) if block.top < 0 else by
        by = min(by, (foot - frame.horizon) / -block.back) if block.back < 0 else by
    if by < scale * 0.45:
        return None
    left, right = MARGIN - block.left * by, frame.width - MARGIN - block.right * by
    if left > right:
        return None
    return Spot(block, _across(block, frame, by, roll, rank, attempt, (left, right)), foot, by)


def _depth(block: Block, roll: Random, flying: bool) -> float:
    """0 far to 1 near. Buildings and mountains stand far, small things near."""
    if flying:
        return 0.5
    if block.nature.height_m >= 9:
        return roll.uniform(0.02, 0.3)
    if block.nature.height_m >= 2.3:
        return roll.uniform(0.3, 0.75)
    return roll.uniform(0.5, 0.95)


def _height(block: Block, roll: Random, rank: int) -> float:
    if block.side == "top":
        return roll.uniform(0.0, 0.25)
    if block.side == "bottom":
        return roll.uniform(0.75, 1.0)
    if block.side == "middle" or rank == 0:
        return roll.uniform(0.47, 0.56)
    return roll.uniform(0.05, 0.95)


def _across(
    block: Block, frame: Frame, by: float, roll: Random, rank: int, attempt: int, room: tuple[float, float]
) -> float:
    """Where its middle stands: the largest at the golden section or in the middle, others where there is room."""
    if block.side in _SIDES:
        low, high = _SIDES[block.side]
        x = frame.width * roll.uniform(low, high)
        half = block.width * by / 2
        if block.side == "left":
            x = min(x, 0.47 * frame.width - half)
        elif block.side == "right":
            x = max(x, 0.53 * frame.width + half)
    elif rank == 0 and attempt < 6:
        share = roll.choice((GOLDEN, 1 - GOLDEN, 0.5))
        x = frame.width * (share + roll.uniform(-0.02, 0.02))
    else:
        x = roll.uniform(*room)
    return min(max(x, room[0]), room[1])


def _free(box: Box, spots: list[Spot], frame: Frame) -> bool:
    if any(overlap(box, taken) > 0 for taken in frame.taken):
        return False
    for spot in spots:
        other = spot.box()
        gap = 0.05 * min(box.width, other.width)
        if overlap(Box(box.x - gap, box.y, box.width + 2 * gap, box.height), other) > 0:
            return False
    return box.x >= 0 and box.y >= 0 and box.x + box.width <= frame.width and box.y + box.height <= frame.height


def overlap(one: Box, other: Box) -> float:
    """The area both cover."""
    wide = min(one.x + one.width, other.x + other.width) - max(one.x, other.x)
    tall = min(one.y + one.height, other.y + other.height) - max(one.y, other.y)
    return wide * tall if wide > 0 and tall > 0 else 0.0
