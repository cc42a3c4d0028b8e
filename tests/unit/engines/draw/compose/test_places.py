"""Things in places that ask for more than a foot on the ground: lanes in the air, faces, signs, the light."""

import pytest

from omniwatt.engines.draw.illustrator.compose import compose
from omniwatt.engines.draw.illustrator.compose.arrange import overlap
from omniwatt.engines.draw.illustrator.layout import Box, Layout, Line, Placed
from omniwatt.engines.draw.illustrator.objects import Sprites
from omniwatt.engines.draw.illustrator.paint.light import light_of
from omniwatt.engines.draw.illustrator.paint.region import Painter
from omniwatt.engines.draw.illustrator.scene import Placing, Scene, Text, Thing
from omniwatt.engines.draw.lettering import Faces

SIZES = {
    "automobile": 1.6,
    "fox": 1.0,
    "full-moon": 1.0,
    "dog": 1.1,
    "cat": 1.1,
    "child": 0.5,
    "astronaut": 0.5,
    "horse": 1.1,
}


def made(scene: Scene, seed: int) -> Layout:
    return compose(scene, 1536, 1024, seed, SIZES, Faces({}))


@pytest.mark.parametrize("seed", range(5))
def test_hovering_cars_keep_to_the_air_and_far_ones_are_small(seed):
    cars = Thing(sprite="automobile", word="hovercar", count=9, traits=("flying",))
    dog = Thing(sprite="dog", word="dog")
    layout = made(Scene(backdrop="night_city", things=(cars, dog)), seed)
    flying = [one for one in layout.placed if one.thing == 0]
    assert len(flying) == 9
    assert len(layout.placed) == 10
    assert all(one.box.x >= 0 and one.box.x + one.box.width <= layout.width for one in flying)
    assert all(one.box.y + one.box.height <= layout.horizon for one in flying)
    assert [one.box.width for one in flying] == sorted(one.box.width for one in flying)
    assert flying[-1].box.width > 2.5 * flying[0].box.width
    assert {one.flip for one in flying} == {True, False}
    assert all("trail" in one.traits and one.ground == "air" for one in flying)
    for place, one in enumerate(flying):
        assert all(overlap(one.box, other.box) < 0.2 * other.box.width * other.box.height for other in flying[:place])


def test_a_car_leaves_the_town_to_be_seen():
    layout = made(Scene(backdrop="night_city", things=(Thing(sprite="automobile", word="car"),)), 1)
    box = layout.placed[0].box
    assert box.width * box.height < 0.15 * layout.width * layout.height


def test_several_of_a_kind_are_no_copies():
    cats = made(Scene(backdrop="garden", things=(Thing(sprite="cat", word="cats", count=3),)), 1).placed
    assert len({one.box.height for one in cats}) == 3
    assert len({one.tint for one in cats}) == 3
    black = Thing(sprite="cat", word="black cats", count=3, colour="#202020")
    assert {one.tint for one in made(Scene(backdrop="garden", things=(black,)), 1).placed} == {0.0}
    children = made(Scene(backdrop="garden", things=(Thing(sprite="child", word="children", count=3),)), 1).placed
    assert {one.sprite for one in children} == {"child", "girl", "boy"}
    two = made(Scene(backdrop="garden", things=(Thing(sprite="dog", word="dogs", count=2),)), 1).placed
    assert [one.flip for one in sorted(two, key=lambda one: one.box.x)] == [True, False]


def test_a_rider_sits_astride():
    things = Thing(sprite="astronaut", word="astronaut"), Thing(sprite="horse", word="horse")
    placed = made(Scene(things=things, placings=(Placing(relation="on", a=0, b=1),)), 1).placed
    assert [one.sprite for one in placed] == ["astronaut", "horse"]
    rider, horse = (one.box for one in placed)
    assert horse.y < rider.y + rider.height < horse.y + horse.height


def test_the_moon_that_was_asked_for_is_the_light():
    moon = Placed(thing=0, sprite="full-moon", box=Box(700, 100, 100, 100), depth=0.5, ground="air")
    layout = Layout(scene=Scene(time="night"), width=1000, height=1000, horizon=560, placed=(moon,))
    light = light_of(layout)
    assert (light.x, light.y) == (750, 150)


@pytest.mark.parametrize("seed", range(8))
def test_the_sun_does_not_stand_behind_letters(seed):
    line = Line(text="x", box=Box(100, 50, 380, 200), face="", size=200)
    light = light_of(Layout(scene=Scene(), width=1000, height=1000, horizon=560, lines=(line,), seed=seed))
    assert not 100 < light.x < 480


@pytest.mark.parametrize("seed", range(4))
def test_a_sign_without_a_carrier_hangs_on_a_shop(seed, faces: Faces):
    scene = Scene(backdrop="night_city", time="night", texts=(Text(text="OPEN 24h", role="neon"),))
    layout = compose(scene, 1024, 1024, seed, SIZES, faces)
    box = layout.lines[0].box
    assert box.x + box.width < 0.56 * layout.width or box.x > 0.44 * layout.width
    below = Box(box.x + 10, box.y + box.height + 70, box.width * 0.4, 60)
    warm = Painter(layout, faces=faces, quality="low").paint(below, 0.3)[..., :3].mean((0, 1))
    assert warm[0] > 150
    assert warm[0] > warm[2] + 40


def test_boats_bring_no_water(sprites: Sprites):
    assert sprites.svg("sailboat").count("c-1.75 0-1.75") == 0
    assert sprites.svg("desert-island").count("c-1.7") > 0
