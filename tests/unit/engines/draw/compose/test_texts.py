"""Words in a picture: inside, apart from things and from each other, the hero where it belongs, set anew when asked."""

import pytest

from omniwatt.engines.draw.illustrator.compose import compose
from omniwatt.engines.draw.illustrator.compose.arrange import overlap
from omniwatt.engines.draw.illustrator.layout import Layout
from omniwatt.engines.draw.illustrator.scene import Scene, Text, Thing
from omniwatt.engines.draw.lettering import exact

pytestmark = pytest.mark.model
SIZES = [(1024, 1024), (1536, 1024), (1024, 1536), (3072, 1024), (1024, 3072)]
POSTER = (
    Text("夏日音乐节", role="title"),
    Text("Summer Festival 2026", role="subtitle"),
    Text("七月十二日至十四日，河滨公园。三个夜晚的音乐、灯光和美食，欢迎你和朋友们一起来！", role="body"),
)


def inside(layout: Layout) -> bool:
    boxes = [line.box for line in layout.lines]
    return all(
        box.x >= 0 and box.y >= 0 and box.x + box.width <= layout.width and box.y + box.height <= layout.height
        for box in boxes
    )


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("things", [(), (Thing("guitar", "guitar"), Thing("drum", "drum", count=2))])
def test_a_poster_has_its_order_and_its_room(faces, sprites, size, things):
    layout = compose(Scene(backdrop="gradient", texts=POSTER, things=things), *size, 3, sprites.sizes, faces)
    assert inside(layout)
    sizes = [next(line.size for line in layout.lines if line.of == index) for index in range(3)]
    assert sizes[0] > sizes[1] > 0.9 * sizes[2] > 18
    for place, one in enumerate(layout.lines):
        assert exact(one, faces)
        assert all(overlap(one.box, other.box) == 0 for other in layout.lines[:place])
        assert all(overlap(one.box, placed.box) == 0 for placed in layout.placed)
    for index, text in enumerate(POSTER):
        said = "".join("".join(line.text.split()) for line in layout.lines if line.of == index)
        assert said == "".join(text.text.split())


@pytest.mark.parametrize("size", SIZES)
def test_a_calligraphy_is_the_hero_with_a_seal(faces, sprites, size):
    scene = Scene(backdrop="ink_mountains", style="ink", texts=(Text("禅", role="calligraphy"),))
    layout = compose(scene, *size, 5, sprites.sizes, faces)
    hero, seal = layout.lines
    assert inside(layout)
    assert (hero.face, hero.effect) == ("ma-shan-zheng", "brush")
    assert hero.size > 380
    assert (seal.effect, seal.of) == ("stamp", -1)
    assert min(abs((hero.box.x + hero.box.width / 2) / layout.width - share) for share in (0.382, 0.618)) < 0.12


def test_a_line_of_verse_runs_down_from_the_right(faces, sprites):
    scene = Scene(backdrop="ink_mountains", texts=(Text("春江潮水连海平，海上明月共潮生", role="calligraphy"),))
    layout = compose(scene, 1024, 1536, 5, sprites.sizes, faces)
    columns = [line for line in layout.lines if line.of == 0]
    assert all(line.vertical for line in columns)
    assert columns[0].box.x > columns[-1].box.x


def test_a_sign_stands_on_the_thing_that_carries_it(faces, sprites):
    scene = Scene(backdrop="city", things=(Thing("hotel", "hotel"),), texts=(Text("HOTEL", role="sign", on=0),))
    layout = compose(scene, 1024, 1024, 2, sprites.sizes, faces)
    (sign,), (hotel,) = layout.lines, layout.placed
    assert sign.effect == "sign"
    assert sign.panel
    assert overlap(sign.box, hotel.box) > 0.95 * sign.box.width * sign.box.height


@pytest.mark.parametrize("attempt", [2, 3])
def test_a_line_set_anew_keeps_its_place_and_gets_a_calm_ground(faces, sprites, attempt):
    scene = Scene(backdrop="forest", texts=POSTER[:2])
    before = compose(scene, 1024, 1024, 3, sprites.sizes, faces)
    after = compose(scene, 1024, 1024, 3, sprites.sizes, faces, {1: attempt})
    assert [line.text for line in after.lines] == [line.text for line in before.lines]
    assert after.lines[0] == before.lines[0]
    assert after.lines[1].panel
    assert (after.lines[1].effect == "plain") == (attempt == 3 or before.lines[1].effect == "shadow")
    assert inside(after)


def test_each_attempt_is_set_another_way(faces, sprites):
    scene = Scene(backdrop="forest", texts=POSTER)
    first, second, third = (
        compose(scene, 1024, 1024, 3, sprites.sizes, faces, dict.fromkeys(range(9), attempt)) for attempt in (0, 2, 3)
    )
    for one, two, three in zip(first.lines, second.lines, third.lines, strict=True):
        assert one.text == two.text == three.text
        assert two.panel
        assert two.spacing > 0 or two.size > one.size
        assert min(two.size, three.size) >= 0.88 * one.size
        assert three.face != one.face
        assert exact(three, faces)
    assert inside(second)
    assert inside(third)
    for layout in (second, third):
        for place, one in enumerate(layout.lines):
            assert all(overlap(one.box, other.box) == 0 for other in layout.lines[:place])


@pytest.mark.parametrize("backdrop", ["gradient", "paper"])
@pytest.mark.parametrize("role", ["title", "body"])
def test_what_is_alone_stands_in_the_middle(faces, sprites, backdrop, role):
    layout = compose(
        Scene(backdrop=backdrop, texts=(Text("一期一会", role=role),)), 1024, 1024, 3, sprites.sizes, faces
    )
    (line,) = layout.lines
    assert 350 < line.box.y + line.box.height / 2 < 550
    assert not line.panel


def test_two_signs_of_a_street_hang_side_by_side(faces, sprites):
    texts = (Text("ラーメン", role="neon"), Text("居酒屋", role="neon"))
    one, two = compose(Scene(backdrop="night_city", texts=texts), 1024, 1024, 1, sprites.sizes, faces).lines
    assert overlap(one.box, two.box) == 0
    assert abs(one.box.y - two.box.y) < 40


def test_a_seal_that_was_asked_for_is_the_only_one(faces, sprites):
    texts = (Text("厚德载物", role="calligraphy"), Text("清华学堂", role="stamp"))
    layout = compose(Scene(backdrop="ink_mountains", texts=texts), 1024, 1024, 3, sprites.sizes, faces)
    assert [line.text for line in layout.lines if line.effect == "stamp"] == ["清华学堂"]
