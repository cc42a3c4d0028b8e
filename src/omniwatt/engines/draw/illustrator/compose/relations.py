"""Blocks joined as the prompt says they stand: each relation is made true in space, with room to spare."""

import math
from collections.abc import Callable
from dataclasses import replace
from random import Random

from omniwatt.engines.draw.illustrator.compose.blocks import Block, Item, extent
from omniwatt.engines.draw.illustrator.compose.nature import CONTAINERS, RIDDEN, ROOFS, SEATS, WORN, is_person
from omniwatt.engines.draw.illustrator.scene import Placing, Thing

_SIDES = {"left_of": "left", "right_of": "right", "above": "top", "below": "bottom", "in": "middle", "on": "middle"}
_LEGS = 0.4
"""The share of a person's height below what they sit on."""
_CROWDED = 0.66
"""How far apart things in one vessel are, in widths."""
_UPRIGHT = 0.24
"""How much higher a person's neck is than an animal's, as a share of the whole."""
_CLEAR = 0.22
"""Room between things that stand apart, in mean widths."""


def join(blocks: list[Block], placings: tuple[Placing, ...], things: tuple[Thing, ...], roll: Random) -> list[Block]:
    """The blocks that are left when all that belongs together is joined. Impossible placings are left out."""
    for placing in placings:
        if not 0 <= placing.a < len(things):
            continue
        block = _holder(blocks, placing.a)
        if placing.b < 0 or placing.b >= len(things):
            if placing.b == -1 and placing.relation in _SIDES:
                block.side = _SIDES[placing.relation]
            continue
        other = _holder(blocks, placing.b)
        if placing.relation == "between" and 0 <= placing.c < len(things):
            blocks = _between(blocks, placing, things)
        elif placing.relation == "between" and block is not other and _is_row(other, placing.b):
            other.items = _parted(other, block)
            blocks = _merged(blocks, block, other, _centred(block))
        elif block is not other:
            items = _JOINED[placing.relation](block, other, placing, things, roll)
            blocks = _merged(blocks, block, other, items, carried=placing.relation in ("in", "on"))
    return blocks


def _holder(blocks: list[Block], thing: int) -> Block:
    return next(block for block in blocks if thing in block.things)


def _merged(blocks: list[Block], a: Block, b: Block, items: list[Item], *, carried: bool = False) -> list[Block]:
    """`b` with the items that were `a`'s, in their new places; its foot line is 0 again.

    `carried`: b holds them, a cloud its castle, and stays where it belongs.
    """
    whole = [*b.items, *items]
    left, _, right, _ = extent(whole)
    foot = max(item.foot for item in whole) if b.nature.home not in ("sky", "deep") else 0.0
    stays = carried or b.nature.home != "sky" or a.nature.home in ("sky", "table")
    nature = b.nature if stays else a.nature
    made = Block([item.moved(-(left + right) / 2, -foot) for item in whole], nature, [*b.things, *a.things])
    made.side = b.side or a.side
    return [made if block is b else block for block in blocks if block is not a]


def _beside(a: Block, b: Block, placing: Placing, side: int) -> list[Item]:
    """Feet level, clearly to one side (-1 left), past everything that stands there already."""
    target = b.of(placing.b)
    near = extent(target)
    mine = extent(a.items)
    own = extent(a.of(placing.a))
    gap = _CLEAR * ((own[2] - own[0]) + (near[2] - near[0])) / 2
    shift = near[0] - gap - mine[2] if side < 0 else near[2] + gap - mine[0]
    level = near[3] - own[3]
    if abs(near[1] - near[3]) > 0 and a.nature.home == "sky" and b.nature.home != "sky":
        level = (near[1] + near[3]) / 2 - (own[1] + own[3]) / 2
    items = a.moved(shift, level)
    rest = [item for item in b.items if item.thing != placing.b]
    return _pushed(items, rest, side * 0.1 * max(near[2] - near[0], 0.05), 0.0)


def _pushed(items: list[Item], rest: list[Item], x: float, y: float) -> list[Item]:
    """The items, moved on by (x, y) until they stand clear of the rest."""
    for _ in range(80):
        if not any(_touch(one, other) for one in items for other in rest):
            break
        items = [item.moved(x, y) for item in items]
    return items


def _touch(one: Item, other: Item) -> bool:
    return one.left < other.right and other.left < one.right and one.top < other.foot and other.top < one.foot


def _left(a: Block, b: Block, placing: Placing, things: tuple[Thing, ...], roll: Random) -> list[Item]:
    return _beside(a, b, placing, -1)


def _right(a: Block, b: Block, placing: Placing, things: tuple[Thing, ...], roll: Random) -> list[Item]:
    return _beside(a, b, placing, 1)


def _either(a: Block, b: Block, placing: Placing, things: tuple[Thing, ...], roll: Random) -> list[Item]:
    """On the side with more room; close, as neighbours stand."""
    left, right = sum(item.x < 0 for item in b.items), sum(item.x > 0 for item in b.items)
    side = roll.choice((-1, 1)) if left == right else (-1 if left < right else 1)
    return _beside(a, b, placing, side)


def _above(a: Block, b: Block, placing: Placing, things: tuple[Thing, ...], roll: Random) -> list[Item]:
    """Free in the air over it, with sky between."""
    near, own = extent(b.of(placing.b)), extent(a.of(placing.a))
    gap = 0.16 * (near[3] - near[1]) + 0.1 * (own[3] - own[1])
    items = a.moved((near[0] + near[2]) / 2 - (own[0] + own[2]) / 2, near[1] - gap - own[3])
    rest = [item.moved(0.0, -gap / 2) for item in b.items if item.thing != placing.b]
    return _pushed([replace(item, held="air") for item in items], rest, 0.0, -0.05)


def _below(a: Block, b: Block, placing: Placing, things: tuple[Thing, ...], roll: Random) -> list[Item]:
    near, own = extent(b.of(placing.b)), extent(a.of(placing.a))
    gap = 0.14 * (near[3] - near[1]) + 0.1 * (own[3] - own[1])
    items = a.moved((near[0] + near[2]) / 2 - (own[0] + own[2]) / 2, near[3] + gap - own[1])
    return _pushed(items, [item for item in b.items if item.thing != placing.b], 0.0, 0.05)


def _under(a: Block, b: Block, placing: Placing, things: tuple[Thing, ...], roll: Random) -> list[Item]:
    """Under a tree or an umbrella: at its foot, small enough to stand below its roof. Under all else: below it."""
    sprite = things[placing.b].sprite
    if sprite not in ROOFS:
        return _below(a, b, placing, things, roll)
    roof = b.of(placing.b)[0]
    own = extent(a.items)
    fit = min(1.0, ROOFS[sprite] * roof.height / (own[3] - own[1]), 0.95 * roof.width / (own[2] - own[0]))
    small = [item.scaled(fit) for item in a.items]
    own = extent(small)
    side = roll.choice((-1, 1)) * 0.22 * roof.width if own[2] - own[0] < 0.5 * roof.width else 0.0
    moved = [item.moved(roof.x + side - (own[0] + own[2]) / 2, roof.foot + 0.04 * roof.height) for item in small]
    return [replace(item, layer=item.layer + roof.layer + 5) for item in moved]


def _on(a: Block, b: Block, placing: Placing, things: tuple[Thing, ...], roll: Random) -> list[Item]:
    """Resting on its top or seat, one on each where there are as many; otherwise several stand side by side."""
    seats = b.of(placing.b)
    if len(seats) == len(a.items) == len(a.of(placing.a)) > 1:
        pairs = zip(seats, a.items, strict=True)
        return [one for seat, item in pairs for one in _resting([item], seat, placing, things)]
    return _resting(_row(a, placing.a), seats[0], placing, things)


def _resting(row: list[Item], seat: Item, placing: Placing, things: tuple[Thing, ...]) -> list[Item]:
    """On one of them; what is wider than its seat is made smaller. What is worn goes round the neck."""
    level = seat.foot - seat.height * SEATS.get(things[placing.b].sprite, 0.97)
    own = extent(row)
    if things[placing.a].sprite in WORN and len(row) == 1:
        share = WORN[things[placing.a].sprite] + _UPRIGHT * is_person(things[placing.b].sprite)
        width, neck = 0.56 * seat.width, seat.foot - share * seat.height
        small = row[0].scaled(width / row[0].width)
        return [replace(small, x=seat.x, foot=neck + small.height / 2, held="surface", layer=seat.layer + 5)]
    fit = min(1.0, 1.05 * seat.width / (own[2] - own[0]), 1.25 * seat.height / (own[3] - own[1]))
    moved = [item.scaled(fit) for item in row]
    own = extent(moved)
    if things[placing.b].sprite in RIDDEN and is_person(things[placing.a].sprite):
        hip = level + _LEGS * (own[3] - own[1]) - own[3]
        x = seat.x - (own[0] + own[2]) / 2
        return [replace(item.moved(x, hip), held="air", layer=seat.layer - 5) for item in moved]
    return [
        replace(item.moved(seat.x - (own[0] + own[2]) / 2, level - own[3]), held="surface", layer=seat.layer + 5)
        for item in moved
    ]


def _row(a: Block, thing: int, pitch: float = 1.04) -> list[Item]:
    """The items side by side on one line, so many widths apart, with whatever rests on them."""
    mine = a.of(thing)
    if len(mine) < 2 or len(mine) != len(a.items):
        return a.items
    step = mine[0].width * pitch
    return [replace(item, x=(place - (len(mine) - 1) / 2) * step, foot=0.0) for place, item in enumerate(mine)]


def _in(a: Block, b: Block, placing: Placing, things: tuple[Thing, ...], roll: Random) -> list[Item]:
    """In a vessel: behind its rim, the upper part to be seen. In anything else: before it, within its outline."""
    holder = b.of(placing.b)[0]
    hidden = CONTAINERS.get(things[placing.b].sprite)
    row = _row(a, placing.a, 1.04 if hidden is None else _CROWDED)
    own = extent(row)
    if hidden is None:
        fit = min(1.0, 0.5 * holder.width / (own[2] - own[0]), 0.5 * holder.height / (own[3] - own[1]))
        small = [item.scaled(fit) for item in row]
        own = extent(small)
        x, y = holder.x - (own[0] + own[2]) / 2, holder.foot - 0.3 * holder.height - own[3]
        return [replace(item.moved(x, y), held="air", layer=holder.layer + 5) for item in small]
    share = 0.9 if len(row) > 1 else 0.72
    fit = min(1.0, share * holder.width / (own[2] - own[0]), 1.5 * holder.height / (own[3] - own[1]))
    small = [item.scaled(fit) for item in row]
    own = extent(small)
    sunk = holder.foot - hidden * holder.height + 0.34 * (own[3] - own[1])
    sunk = min(sunk, holder.foot - 0.06 * holder.height)
    x = holder.x - (own[0] + own[2]) / 2
    return [replace(item.moved(x, sunk - own[3]), held="air", layer=holder.layer - 5) for item in small]


def _behind(a: Block, b: Block, placing: Placing, things: tuple[Thing, ...], roll: Random) -> list[Item]:
    """Further off and partly hidden, the greater part still to be seen."""
    front, own = extent(b.of(placing.b)), extent(a.of(placing.a))
    tall, wide = own[3] - own[1], own[2] - own[0]
    side = roll.choice((-1, 1))
    rise = 0.16 * (front[3] - front[1])
    if tall - rise > 1.35 * (front[3] - front[1]):
        x = (front[0] + front[2]) / 2 - (own[0] + own[2]) / 2
    else:
        # As tall or smaller: it looks out at the side.
        x = (front[0] - own[0] - 0.62 * wide) if side < 0 else (front[2] - own[2] + 0.62 * wide)
    items = a.moved(x, front[3] - own[3] - rise)
    lowest = min(item.layer for item in b.items)
    return [replace(item, layer=item.layer + lowest - 10 - max(other.layer for other in a.items)) for item in items]


def _before(a: Block, b: Block, placing: Placing, things: tuple[Thing, ...], roll: Random) -> list[Item]:
    back, own = extent(b.of(placing.b)), extent(a.of(placing.a))
    wide, tall = back[2] - back[0], back[3] - back[1]
    drop = 0.16 * tall
    if own[3] - own[1] < 0.6 * tall:
        x = (back[0] + back[2]) / 2 - (own[0] + own[2]) / 2 + roll.choice((-1, 1)) * 0.12 * wide
    else:
        away = 0.62 * wide
        x = (back[0] - own[2] + (wide - away)) if roll.random() < 0.5 else (back[2] - own[0] - (wide - away))
    highest = max(item.layer for item in b.items)
    return [replace(item, layer=item.layer + highest + 10) for item in a.moved(x, back[3] - own[3] + drop)]


def _around(a: Block, b: Block, placing: Placing, things: tuple[Thing, ...], roll: Random) -> list[Item]:
    """On an ellipse about it: those at the back smaller and behind, those in front before it."""
    middle = extent(b.items)
    mine = a.of(placing.a)
    count, one = len(mine), mine[0]
    reach_x = (middle[2] - middle[0]) / 2 + one.width * max(0.75, count * 0.16)
    reach_y = max(0.3 * (middle[3] - middle[1]), one.height * 0.55)
    lowest, highest = min(item.layer for item in b.items), max(item.layer for item in b.items)
    made = []
    for number, item in enumerate(mine):
        angle = 2 * math.pi * (number + 0.5) / count if count > 1 else 0.0
        x = (middle[0] + middle[2]) / 2 + reach_x * math.cos(angle)
        y = middle[3] - 0.2 * (middle[3] - middle[1]) * (a.nature.home != "sky") + reach_y * math.sin(angle)
        if a.nature.home == "sky":
            y -= (middle[3] - middle[1]) / 2
        layer = highest + 10 + number if math.sin(angle) > 0 else lowest - 10 - number
        made.append(replace(item, x=x, foot=y, layer=layer))
    return made


def _between(blocks: list[Block], placing: Placing, things: tuple[Thing, ...]) -> list[Block]:
    """b, then a, then c, from left to right, on one line."""
    a, b, c = (_holder(blocks, thing) for thing in (placing.a, placing.b, placing.c))
    if a is b or a is c or b is c:
        return blocks
    blocks = _merged(blocks, a, b, _beside(a, b, placing, 1))
    joined = _holder(blocks, placing.b)
    next_to = Placing(relation="right_of", a=placing.c, b=placing.a)
    return _merged(blocks, c, joined, _beside(c, joined, next_to, 1))


def _is_row(b: Block, thing: int) -> bool:
    return len(b.items) > 1 and len(b.items) == len(b.of(thing))


def _parted(b: Block, a: Block) -> list[Item]:
    """Things of one kind in a row that leaves room in its middle for another: between two trees."""
    own = extent(a.items)
    room = (own[2] - own[0]) / 2 + _CLEAR * (own[2] - own[0] + b.items[0].width) / 2
    row = sorted(b.items, key=lambda item: item.x)
    made = []
    for side, items in ((-1, row[: len(row) // 2][::-1]), (1, row[len(row) // 2 :])):
        for place, item in enumerate(items):
            x = room + item.width * (0.5 + (1 + _CLEAR / 2) * place)
            made.append(replace(item, x=side * x, foot=0.0))
    return made


def _centred(a: Block) -> list[Item]:
    own = extent(a.items)
    return a.moved(-(own[0] + own[2]) / 2, -own[3] if a.nature.home != "sky" else 0.0)


_JOINED: dict[str, Callable[[Block, Block, Placing, tuple[Thing, ...], Random], list[Item]]] = {
    "left_of": _left, "right_of": _right, "above": _above, "below": _below, "on": _on, "in": _in, "under": _under,
    "behind": _behind, "in_front_of": _before, "beside": _either, "around": _around, "between": _either,
}  # fmt: skip
