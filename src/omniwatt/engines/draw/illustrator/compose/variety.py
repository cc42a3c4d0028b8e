"""Several of one kind are no copies: each has its own size, turn, side and shade, by chance and seed."""

from random import Random
from typing import NamedTuple

from omniwatt.engines.draw.illustrator.compose.nature import Nature
from omniwatt.engines.draw.illustrator.paint.chance import chance
from omniwatt.engines.draw.illustrator.scene import Thing

_KINDS = {"child": ("child", "girl", "boy"), "person": ("woman", "man", "person")}
"""Where a word leaves open who it is, each may be another."""
_SHADES = (0.0, -0.8, 0.8, -0.3, 0.4, -1.0, 1.0)


class Own(NamedTuple):
    """How one of several differs: its sprite, its size against the others', its turn, side and shade."""

    sprite: str
    size: float = 1.0
    turn_degrees: float = 0.0
    flip: bool = False
    tint: float = 0.0


def own(seed: int, thing: Thing, index: int, number: int, kind: Nature, *, faces_right: bool, held: bool) -> Own:
    """The number-th of the things with this index; the only one of its kind is as it is.

    `faces_right`: which way most of them look; `held`: something carries it, so it keeps size and stand.
    """
    looks = kind.faces and faces_right
    if thing.count < 2:
        return Own(thing.sprite, flip=looks)
    roll = chance(seed, "own", index, number)
    kinds = _KINDS.get(thing.sprite, (thing.sprite,))
    shade = 0.0 if thing.colour else _SHADES[(number + seed) % len(_SHADES)] * (0.4 if len(kinds) > 1 else 1.0)
    turn = (
        0.0
        if held
        else roll.gauss(0, 1) * (7.0 if kind.home in ("sky", "deep") else 4.0 if kind.home == "table" else 1.4)
    )
    return Own(
        kinds[number % len(kinds)],
        size=1.0 if held else roll.uniform(0.84, 1.0),
        turn_degrees=round(min(max(turn, -12.0), 12.0), 2),
        flip=_side(thing, number, looks, kind, roll),
        tint=shade,
    )


def _side(thing: Thing, number: int, looks: bool, kind: Nature, roll: Random) -> bool:
    """Two look at each other as often as not; of more, some turn round. What has a front side alone may be mirrored."""
    turned = roll.random() < 0.3
    if kind.home == "table" or kind.height_m > 5:
        return looks
    if thing.count == 2 and kind.faces and kind.home != "water":
        return number == 0
    return looks != turned if kind.home != "water" else looks
