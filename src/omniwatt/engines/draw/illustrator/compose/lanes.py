"""Traffic in the air: vehicles that fly over a town keep to lanes, far ones small, near ones large."""

from collections.abc import Mapping, Sequence
from random import Random

from omniwatt.engines.draw.illustrator.compose.arrange import Frame, overlap
from omniwatt.engines.draw.illustrator.compose.nature import nature
from omniwatt.engines.draw.illustrator.layout import Box, Placed
from omniwatt.engines.draw.illustrator.scene import Scene, Thing

_TOWNS = frozenset({"city", "night_city", "street"})
_LEAST = 3
_NEAR, _FAR = 0.34, 0.06
"""How wide the nearest and the furthest are, as shares of the picture's shorter side."""
_CARS = ("automobile", "sports-car", "sport-utility-vehicle", "racing-car", "oncoming-automobile")
_MODELS = dict.fromkeys(_CARS, "hover-car")
"""What is built to fly, where the word asks for no more than a car."""
_LONG = 2.8
_TRIES = 60
_SKY = 0.17
"""Above this share of the height is the sky's, with its moon."""
_PAINTS = ("", "#27b8d6", "#f2b138", "#8d6bff", "#dfe4f2", "#e0488f")


def in_lanes(scene: Scene) -> frozenset[int]:
    """The things that fly in lanes: several ground vehicles said to fly over a town, placed against nothing."""
    if scene.backdrop not in _TOWNS:
        return frozenset()
    placed = {index for one in scene.placings for index in (one.a, one.b, one.c)}
    return frozenset(
        index for index, thing in enumerate(scene.things)
        if thing.count >= _LEAST and index not in placed and _hovers(thing)
    )  # fmt: skip


def lanes(
    scene: Scene,
    which: frozenset[int],
    frame: Frame,
    sizes: Mapping[str, float],
    beside: Sequence[Placed],
    roll: Random,
) -> list[Placed]:
    """All of them, far to near, clear of the text, of `beside` and of one another as far as there is room."""
    wanted = [index for index in sorted(which) for _ in range(scene.things[index].count)]
    roll.shuffle(wanted)
    short = min(frame.width, frame.height)
    shrink = min(1.0, (9 / len(wanted)) ** 0.5)
    kept = [*frame.taken, *(one.box for one in beside)]
    made = []
    for place, index in enumerate(wanted):
        near = (place + 0.5) / len(wanted)
        thing = scene.things[index]
        wide = short * shrink * (_FAR + (_NEAR - _FAR) * near**1.3) * thing.size**0.5
        sprite = _MODELS.get(thing.sprite, thing.sprite)
        box = _spot(frame, wide, wide / sizes.get(sprite, _LONG), near, 1 if place % 4 in (1, 2) else -1, kept, roll)
        kept.append(_grown(box))
        # Each lane has its direction: odd ones come, even ones go.
        comes = place % 2 == 1
        made.append(
            Placed(
                thing=index, sprite=sprite, box=box, depth=round(0.25 + 0.7 * near, 4),
                colour=thing.colour or _PAINTS[place % len(_PAINTS)],
                flip=comes, turn_degrees=round(roll.uniform(-7, 7), 2), ground="air", traits=(*thing.traits, "trail"),
            )
        )  # fmt: skip
    return made


def _hovers(thing: Thing) -> bool:
    kind = nature(thing.sprite)
    return (
        bool({"flying", "floating"} & set(thing.traits))
        and kind.home == "land"
        and 1.2 <= kind.height_m < 4
        and kind.faces
    )


def _spot(frame: Frame, wide: float, tall: float, near: float, side: int, kept: Sequence[Box], roll: Random) -> Box:
    """Near ones higher and to the sides, far ones towards the vanishing point; the freest of many tries."""
    best, least = Box(0, 0, wide, tall), float("inf")
    for _ in range(_TRIES):
        reach = 0.12 + 0.36 * near
        x = frame.width * (0.5 + side * roll.uniform(0.1, 1.0) * reach) - wide / 2
        middle = frame.horizon * (0.66 - 0.3 * near)
        y = middle + frame.horizon * roll.uniform(-1, 1) * (0.12 + 0.3 * near) - tall / 2
        x = min(max(x, 12.0), frame.width - 12.0 - wide)
        y = min(max(y, _SKY * frame.height), max(frame.horizon - tall - 20.0, 12.0))
        box = Box(x, y, wide, tall)
        hidden = sum(overlap(box, other) for other in kept)
        if hidden == 0:
            return box
        if hidden < least:
            best, least = box, hidden
    return best


def _grown(box: Box) -> Box:
    return Box(box.x - 0.15 * box.width, box.y - 0.3 * box.height, 1.3 * box.width, 1.6 * box.height)
