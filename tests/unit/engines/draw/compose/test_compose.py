"""Where things stand: counts, room, relations, sizes, and the same picture for the same seed."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omniwatt.engines.draw.illustrator.compose import compose
from omniwatt.engines.draw.illustrator.compose.arrange import overlap
from omniwatt.engines.draw.illustrator.layout import Box, Layout, Placed
from omniwatt.engines.draw.illustrator.scene import Placing, Scene, Thing
from omniwatt.engines.draw.lettering import Faces

NO_FACES = Faces({})
SPRITES = {
    "dog": 1.1, "cat": 1.0, "elephant": 1.2, "mouse": 1.2, "house": 1.0, "horse": 1.2, "sailboat": 0.9, "bird": 1.0,
    "full-moon": 1.0, "deciduous-tree": 0.8, "automobile": 1.6, "red-apple": 0.9, "fish": 1.4, "person-walking": 0.6,
    "basket": 1.0, "chair": 0.8, "star": 1.0, "snow-capped-mountain": 1.3,
}  # fmt: skip
BACKDROPS = ["meadow", "sea", "room", "underwater", "space", "plain", "night_city", "beach", "ink_mountains", "lake"]


def made(
    things: list[Thing], placings: list[Placing] | None = None, size=(1024, 1024), seed=1, backdrop="meadow"
) -> Layout:
    scene = Scene(backdrop=backdrop, things=tuple(things), placings=tuple(placings or ()))
    return compose(scene, *size, seed, SPRITES, NO_FACES)


def of(layout: Layout, thing: int) -> list[Placed]:
    return [placed for placed in layout.placed if placed.thing == thing]


def thing(sprite: str, **more) -> Thing:
    return Thing(sprite=sprite, word=sprite, **more)


def middle(box: Box) -> tuple[float, float]:
    return box.x + box.width / 2, box.y + box.height / 2


THINGS = st.lists(st.builds(thing, st.sampled_from(sorted(SPRITES)), count=st.integers(1, 9)), min_size=1, max_size=4)
SIZES = st.sampled_from([(1024, 1024), (1536, 1024), (1024, 1536), (3072, 1024), (1024, 3072)])


@settings(max_examples=60, deadline=None)
@given(THINGS, SIZES, st.sampled_from(BACKDROPS), st.integers(0, 2**31))
def test_everything_is_there_inside_and_apart(things, size, backdrop, seed):
    layout = made(things, size=size, seed=seed, backdrop=backdrop)
    for index, one in enumerate(things):
        assert len(of(layout, index)) == one.count
    for placed in layout.placed:
        box = placed.box
        assert box.x >= 0
        assert box.y >= 0
        assert box.x + box.width <= layout.width + 1e-6
        assert box.y + box.height <= layout.height + 1e-6
        assert 0 <= placed.depth <= 1
    for place, one in enumerate(layout.placed):
        for other in layout.placed[:place]:
            smaller = min(one.box.width * one.box.height, other.box.width * other.box.height)
            bound = 0.45 if one.thing == other.thing else 0.001
            assert overlap(one.box, other.box) <= bound * smaller


@settings(max_examples=20, deadline=None)
@given(THINGS, st.integers(0, 2**31))
def test_the_same_seed_gives_the_same_layout(things, seed):
    assert msgspec.json.encode(made(things, seed=seed)) == msgspec.json.encode(made(things, seed=seed))


@settings(max_examples=40, deadline=None)
@given(
    st.permutations(["dog", "cat", "house", "elephant", "automobile", "red-apple"]), SIZES, st.integers(0, 2**31),
    st.integers(1, 4),
)  # fmt: skip
def test_left_and_right_are_clear(sprites, size, seed, count):
    things = [thing(sprites[0], count=count), thing(sprites[1]), thing(sprites[2])]
    layout = made(things, [Placing("left_of", 0, 1), Placing("right_of", 2, 1)], size=size, seed=seed)
    left, target, right = of(layout, 0), of(layout, 1)[0].box, of(layout, 2)[0].box
    assert max(one.box.x + one.box.width for one in left) < target.x
    assert right.x > target.x + target.width


@pytest.mark.parametrize("seed", range(6))
def test_on_rests_on_the_top_and_is_painted_after(seed):
    layout = made([thing("mouse"), thing("elephant")], [Placing("on", 0, 1)], seed=seed)
    mouse, elephant = of(layout, 0)[0], of(layout, 1)[0]
    assert abs(mouse.box.y + mouse.box.height - elephant.box.y) < 0.12 * elephant.box.height
    assert elephant.box.x < middle(mouse.box)[0] < elephant.box.x + elephant.box.width
    assert layout.placed.index(mouse) > layout.placed.index(elephant)
    assert mouse.ground == "surface"


@pytest.mark.parametrize("seed", range(6))
def test_in_a_vessel_stands_behind_its_rim_and_looks_out(seed):
    layout = made([thing("cat"), thing("basket")], [Placing("in", 0, 1)], seed=seed)
    cat, basket = of(layout, 0)[0], of(layout, 1)[0]
    assert layout.placed.index(cat) < layout.placed.index(basket)
    assert cat.box.y + cat.box.height > basket.box.y
    assert cat.box.y + 0.4 * cat.box.height < basket.box.y + basket.box.height * 0.6
    assert basket.box.x < middle(cat.box)[0] < basket.box.x + basket.box.width


@pytest.mark.parametrize("seed", range(6))
def test_above_below_under(seed):
    over = made([thing("full-moon"), thing("house")], [Placing("above", 0, 1)], seed=seed)
    assert of(over, 0)[0].box.y + of(over, 0)[0].box.height < of(over, 1)[0].box.y
    below = made([thing("red-apple"), thing("star")], [Placing("below", 0, 1)], seed=seed, backdrop="plain")
    assert of(below, 0)[0].box.y > of(below, 1)[0].box.y + of(below, 1)[0].box.height
    under = made([thing("dog"), thing("deciduous-tree")], [Placing("under", 0, 1)], seed=seed)
    dog, tree = of(under, 0)[0], of(under, 1)[0]
    assert dog.box.height < 0.5 * tree.box.height
    assert tree.box.x < middle(dog.box)[0] < tree.box.x + tree.box.width
    assert under.placed.index(dog) > under.placed.index(tree)


@pytest.mark.parametrize(("sprite", "other"), [("horse", "house"), ("dog", "cat"), ("elephant", "mouse")])
def test_behind_is_partly_hidden_and_in_front_is_not(sprite, other):
    for seed in range(6):
        back = made([thing(sprite), thing(other)], [Placing("behind", 0, 1)], seed=seed)
        hidden, front = of(back, 0)[0], of(back, 1)[0]
        assert back.placed.index(hidden) < back.placed.index(front)
        seen = 1 - overlap(hidden.box, front.box) / (hidden.box.width * hidden.box.height)
        assert 0.3 < seen < 1.0
        assert hidden.box.y + hidden.box.height < front.box.y + front.box.height
        ahead = made([thing(sprite), thing(other)], [Placing("in_front_of", 0, 1)], seed=seed)
        assert ahead.placed.index(of(ahead, 0)[0]) > ahead.placed.index(of(ahead, 1)[0])


@pytest.mark.parametrize("seed", range(6))
def test_between_and_around(seed):
    layout = made([thing("dog"), thing("cat"), thing("house")], [Placing("between", 0, 1, 2)], seed=seed)
    dog, cat, house = (middle(of(layout, index)[0].box)[0] for index in range(3))
    assert cat < dog < house
    ring = made([thing("star", count=8), thing("full-moon")], [Placing("around", 0, 1)], seed=seed, backdrop="space")
    x, y = middle(of(ring, 1)[0].box)
    sides = {(middle(one.box)[0] > x, middle(one.box)[1] > y) for one in of(ring, 0)}
    assert len(sides) == 4


def test_the_picture_itself_has_sides():
    for seed in range(6):
        layout = made([thing("dog"), thing("cat")], [Placing("left_of", 0, -1), Placing("right_of", 1, -1)], seed=seed)
        assert middle(of(layout, 0)[0].box)[0] < 0.5 * layout.width < middle(of(layout, 1)[0].box)[0]


def test_an_elephant_is_larger_than_a_cat_and_a_cat_than_a_mouse():
    for seed in range(6):
        layout = made([thing("mouse"), thing("cat"), thing("elephant")], seed=seed)
        mouse, cat, elephant = (of(layout, index)[0].box.height for index in range(3))
        assert 1.1 * mouse < cat < elephant / 1.2
        assert mouse > 40


def test_things_stand_where_they_belong():
    for seed in range(6):
        sea = made([thing("sailboat"), thing("bird"), thing("full-moon")], seed=seed, backdrop="sea")
        boat, bird, moon = (of(sea, index)[0] for index in range(3))
        assert boat.ground == "water"
        assert boat.box.y + boat.box.height > sea.horizon
        assert bird.ground == moon.ground == "air"
        assert moon.box.y + moon.box.height <= sea.horizon
        street = made([thing("automobile", traits=("flying",)), thing("automobile")], seed=seed, backdrop="night_city")
        flying, driving = of(street, 0)[0], of(street, 1)[0]
        assert flying.box.y + flying.box.height <= street.horizon < driving.box.y + driving.box.height
        assert of(made([thing("fish")], seed=seed, backdrop="underwater"), 0)[0].ground == "air"


@pytest.mark.parametrize("count", [1, 2, 3, 5, 7, 12, 30, 100])
def test_many_are_still_countable(count):
    layout = made([thing("red-apple", count=count)], backdrop="plain")
    assert len(layout.placed) == count
    for place, one in enumerate(layout.placed):
        for other in layout.placed[:place]:
            assert overlap(one.box, other.box) <= 0.15 * one.box.width * one.box.height


def test_the_layout_says_why_it_was_chosen():
    layout = made([thing("dog"), thing("cat")])
    assert any(reason.startswith("balance") for reason in layout.reasons)
    assert layout.score > 0
