"""A scene put into its place: pure, and the same for the same seed."""

from collections import Counter
from collections.abc import Mapping
from random import Random
from typing import Literal

from omniwatt.engines.draw.illustrator.compose.adjust import adjusted
from omniwatt.engines.draw.illustrator.compose.arrange import Frame, Spot, arrange
from omniwatt.engines.draw.illustrator.compose.blocks import Block, Item, group, size_of
from omniwatt.engines.draw.illustrator.compose.ground import Ground, ground_of
from omniwatt.engines.draw.illustrator.compose.lanes import in_lanes, lanes
from omniwatt.engines.draw.illustrator.compose.nature import OPENED, Nature, nature
from omniwatt.engines.draw.illustrator.compose.relations import join
from omniwatt.engines.draw.illustrator.compose.rules import judge
from omniwatt.engines.draw.illustrator.compose.texts import Words
from omniwatt.engines.draw.illustrator.compose.variety import own
from omniwatt.engines.draw.illustrator.layout import SHORT_SIDE, Box, Layout, Placed
from omniwatt.engines.draw.illustrator.objects.own import OWN
from omniwatt.engines.draw.illustrator.paint.chance import chance
from omniwatt.engines.draw.illustrator.scene import Scene
from omniwatt.engines.draw.lettering.faces import Faces

CANDIDATES = 24


def compose(
    scene: Scene,
    width_px: int,
    height_px: int,
    seed: int,
    sizes: Mapping[str, float],
    faces: Faces,
    adjust: Mapping[int, int] | None = None,
) -> Layout:
    """Where everything stands, in design units. `sizes` is each sprite's width over height.

    `adjust` maps a line's index in the layout made without it to the attempt (2, 3) that it is lettered for anew.
    """
    short = min(width_px, height_px)
    width, height = width_px / short * SHORT_SIDE, height_px / short * SHORT_SIDE
    words = Words(scene, width, height, faces, chance(seed, "words"))
    words.set_free()
    ground = ground_of(scene)
    frame = Frame(width, height, height * ground.horizon, ground, scene.view, words.taken())
    spots, score, reasons = _best(scene, frame, sizes, seed)
    placed = _placed(scene, spots, frame, seed)
    if flying := in_lanes(scene):
        placed = (*lanes(scene, flying, frame, sizes, placed, chance(seed, "lanes")), *placed)
    for index, text in enumerate(scene.texts):
        if words.carried(text):
            words.set_on(index, _carrier(placed, text.on, frame))
    return Layout(
        scene=scene, width=width, height=height, horizon=frame.horizon, placed=placed, seed=seed, score=score,
        lines=adjusted(tuple(words.lines), adjust or {}, faces, (width, height)), reasons=reasons,
    )  # fmt: skip


def _best(
    scene: Scene, frame: Frame, sizes: Mapping[str, float], seed: int
) -> tuple[list[Spot], float, tuple[str, ...]]:
    """The best of many tries, by the rules; without text room if nothing fits beside the text."""
    if len(in_lanes(scene)) == len(scene.things):
        return [], 0.0, ()
    best: tuple[list[Spot], float, tuple[str, ...]] = ([], float("-inf"), ())
    for number in range(CANDIDATES):
        roll = chance(seed, "candidate", number)
        blocks = _blocks(scene, frame, sizes, roll)
        spots = arrange(blocks, frame, roll)
        if not spots:
            continue
        score, reasons = judge(spots, frame)
        if score > best[1]:
            best = spots, score, reasons
    if not best[0] and frame.taken:
        bare = Frame(frame.width, frame.height, frame.horizon, frame.ground, frame.view, ())
        spots, score, reasons = _best(scene, bare, sizes, seed)
        return spots, score - 1.0, (*reasons, "text room -1.00")
    return best


def _blocks(scene: Scene, frame: Frame, sizes: Mapping[str, float], roll: Random) -> list[Block]:
    natures = [nature(thing.sprite, thing.traits) for thing in scene.things]
    tallest = max(one.height_m for one in natures)
    shape = frame.width / frame.height * 1.5
    blocks = []
    apart = in_lanes(scene)
    for index, (thing, kind) in enumerate(zip(scene.things, natures, strict=True)):
        if index in apart:
            continue
        size = size_of(kind, thing, sizes[thing.sprite], tallest)
        blocks.append(group(index, thing, kind, size, shape, roll))
    return join(blocks, scene.placings, scene.things, roll)


def _placed(scene: Scene, spots: list[Spot], frame: Frame, seed: int) -> tuple[Placed, ...]:
    """All items far to near: by their block's foot, then by their layer in it, then by their own foot."""
    made: list[tuple[float, int, float, Placed]] = []
    for spot in spots:
        met: Counter[int] = Counter()
        for item in spot.items():
            one = _place(scene, item, spot, frame, (seed, met[item.thing]))
            met[item.thing] += 1
            made.append((spot.foot, item.layer, item.foot, one))
    made.sort(key=lambda one: one[:3])
    return tuple(one for *_, one in made)


def _place(scene: Scene, item: Item, spot: Spot, frame: Frame, chance_of: tuple[int, int]) -> Placed:
    thing = scene.things[item.thing]
    kind = nature(thing.sprite, thing.traits)
    below = max(frame.height - frame.horizon, 1.0)
    flying = kind.home == "sky"
    depth = 0.55 if flying or frame.ground.kind != "land" else (spot.foot - frame.horizon) / below
    right = _middle(spot, item.thing) < 0.47 * frame.width
    this = own(chance_of[0], thing, item.thing, chance_of[1], kind, faces_right=right, held=bool(item.held))
    sprite, tall = _opened(scene, item.thing, this.sprite), item.height * this.size
    if sprite != this.sprite:
        tall = item.width * this.size * OWN[sprite].height / OWN[sprite].width
    box = Box(item.x - item.width * this.size / 2, item.foot - tall, item.width * this.size, tall)
    return Placed(
        thing=item.thing, sprite=sprite, box=box,
        depth=round(min(max(depth, 0.0), 1.0), 4), colour=thing.colour, traits=thing.traits, tint=this.tint,
        flip=this.flip, turn_degrees=this.turn_degrees, ground=_under(item, kind, spot, frame),
    )  # fmt: skip


def _opened(scene: Scene, thing: int, sprite: str) -> str:
    """A closed vessel that holds something is drawn open."""
    holds = any(placing.relation == "in" and placing.b == thing for placing in scene.placings)
    return OPENED.get(sprite, sprite) if holds else sprite


def _middle(spot: Spot, thing: int) -> float:
    """Where the middle of all things of this kind is: they look the same way, into the picture."""
    found = [item.x for item in spot.items() if item.thing == thing]
    return sum(found) / len(found)


def _under(item: Item, kind: Nature, spot: Spot, frame: Frame) -> Literal["ground", "water", "air", "surface"]:
    ground: Ground = frame.ground
    if item.held:
        return item.held
    if kind.home == "sky" or ground.kind == "space" or (ground.kind == "deep" and kind.home in ("deep", "water")):
        return "air"
    if ground.kind == "page":
        return "surface"
    start, end = ground.water
    share = (spot.foot - frame.horizon) / max(frame.height - frame.horizon, 1.0)
    wet = end > start and start <= share <= end and spot.block.nature.home in ("water", "deep")
    return "water" if wet else "ground"


def _carrier(placed: tuple[Placed, ...], thing: int, frame: Frame) -> Box:
    found = [one.box for one in placed if one.thing == thing]
    return found[0] if found else Box(0.2 * frame.width, 0.3 * frame.height, 0.6 * frame.width, 0.3 * frame.height)
