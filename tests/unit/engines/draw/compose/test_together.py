"""Relations of several to several: between two of a kind, one on each, under furniture, worn."""

import pytest

from omniwatt.engines.draw.illustrator.compose import compose
from omniwatt.engines.draw.illustrator.layout import Layout, Placed
from omniwatt.engines.draw.illustrator.scene import Placing, Scene, Thing
from omniwatt.engines.draw.lettering import Faces

SIZES = {"cat": 1.1, "chair": 0.8, "bear": 0.9, "deciduous-tree": 0.8, "penguin": 0.8, "scarf": 1.0}
SEEDS = pytest.mark.parametrize("seed", range(6))


def made(things: tuple[Thing, ...], placing: Placing, seed: int) -> Layout:
    scene = Scene(backdrop="meadow", things=things, placings=(placing,))
    return compose(scene, 1024, 1024, seed, SIZES, Faces({}))


def of(layout: Layout, thing: int) -> list[Placed]:
    return sorted((one for one in layout.placed if one.thing == thing), key=middle)


def middle(one: Placed) -> float:
    return one.box.x + one.box.width / 2


def foot(one: Placed) -> float:
    return one.box.y + one.box.height


@SEEDS
@pytest.mark.parametrize("count", [2, 3, 4])
def test_between_several_of_one_kind(seed: int, count: int) -> None:
    bear, trees = Thing(sprite="bear", word="bear"), Thing(sprite="deciduous-tree", word="trees", count=count)
    layout = made((bear, trees), Placing(relation="between", a=0, b=1), seed)
    (stands,), row = of(layout, 0), of(layout, 1)
    left = [tree for tree in row if middle(tree) < middle(stands)]
    assert len(row) == count
    assert len(left) == count // 2
    assert left[-1].box.x + left[-1].box.width <= stands.box.x + 1
    assert stands.box.x + stands.box.width <= row[len(left)].box.x + 1


@SEEDS
def test_one_on_each(seed: int) -> None:
    cats, chairs = Thing(sprite="cat", word="cats", count=2), Thing(sprite="chair", word="chairs", count=2)
    layout = made((cats, chairs), Placing(relation="on", a=0, b=1), seed)
    for cat, chair in zip(of(layout, 0), of(layout, 1), strict=True):
        assert abs(middle(cat) - middle(chair)) < 0.3 * chair.box.width
        assert chair.box.y < foot(cat) < foot(chair)


@SEEDS
def test_under_a_chair_is_between_its_legs(seed: int) -> None:
    cat, chair = Thing(sprite="cat", word="cat"), Thing(sprite="chair", word="chair")
    layout = made((cat, chair), Placing(relation="under", a=0, b=1), seed)
    (lies,), (over,) = of(layout, 0), of(layout, 1)
    assert lies.box.y > over.box.y + 0.5 * over.box.height
    assert foot(lies) < foot(over) + 0.1 * over.box.height
    assert over.box.x < middle(lies) < over.box.x + over.box.width


@SEEDS
def test_a_scarf_goes_round_the_neck(seed: int) -> None:
    penguins, scarves = Thing(sprite="penguin", word="p", count=3), Thing(sprite="scarf", word="s", count=3)
    layout = made((penguins, scarves), Placing(relation="on", a=1, b=0), seed)
    for penguin, scarf in zip(of(layout, 0), of(layout, 1), strict=True):
        assert penguin.box.y < scarf.box.y
        assert foot(scarf) < foot(penguin)
        assert scarf.box.width < penguin.box.width
