"""Letters with the real faces: every character its own glyph, lines that fit, edges that are crisp."""

import itertools

import numpy as np
import pytest
import skia
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from omniwatt.engines.draw.illustrator.layout import Box, Line
from omniwatt.engines.draw.lettering import Faces, exact, letter, letters
from omniwatt.engines.draw.lettering.emoji import emoji_sprites
from omniwatt.engines.draw.lettering.exact import wrong
from omniwatt.engines.draw.lettering.fit import Setting, fit
from omniwatt.engines.draw.lettering.language import language_of, right_to_left
from omniwatt.engines.draw.lettering.letter import outline
from omniwatt.engines.draw.lettering.shape import Shaped, shaper_of

pytestmark = pytest.mark.model
SIMPLIFIED = [bytes([a, b]).decode("gb2312") for a in range(0xB0, 0xD7) for b in range(0xA1, 0xFF)]
TRADITIONAL = [bytes([a, b]).decode("big5") for a in range(0xA4, 0xC6) for b in range(0x40, 0x7F)]
SCRIPTS = {
    "zh-hans": SIMPLIFIED,
    "zh-hant": TRADITIONAL,
    "ja": [chr(code) for code in (*range(0x3041, 0x3097), *range(0x30A1, 0x30FB))],
    "ko": [chr(code) for code in range(0xAC00, 0xD7A4, 7)],
    "latin": [chr(code) for code in (*range(0x21, 0x7F), *range(0xC0, 0x180), *range(0x410, 0x450))],
    "ar": [chr(code) for code in range(0x621, 0x64B) if code != 0x640 and not 0x63B <= code <= 0x63F],
    "hi": [chr(code) for code in range(0x915, 0x93A)],
    "th": [chr(code) for code in range(0xE01, 0xE2F)],
}
quick = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def line(text: str, faces: Faces, style: str = "bold", **more) -> Line:
    face = faces.choose(text, style, language_of(text)).face
    return Line(text=text, box=Box(0, 0, 0, 0), face=face, size=0, right_to_left=right_to_left(text), **more)


def fitted(text: str, faces: Faces, box: Box, style: str = "bold", size_max: float = 200, **more) -> tuple[Line, ...]:
    return fit(line(text, faces, style, **more), box, shaper_of(faces), Setting(size_max=size_max))


def shaped(one: Line, faces: Faces) -> Shaped:
    return shaper_of(faces).shape(one.text, one.face, vertical=one.vertical, rtl=one.right_to_left)


@pytest.mark.parametrize("script", sorted(SCRIPTS))
@pytest.mark.parametrize("vertical", [False, True])
def test_every_character_has_its_glyph(faces, script, vertical):
    @quick
    @given(
        st.text(st.sampled_from(SCRIPTS[script]), min_size=1, max_size=30), st.sampled_from(["bold", "serif", "brush"])
    )
    def holds(text, style):
        one = line(text, faces, style, vertical=vertical)
        assert wrong(shaped(one, faces), faces) == []
        assert exact(one, faces)

    holds()


@quick
@given(st.text(st.sampled_from([*SIMPLIFIED[:900], *"abc defg 12，。「」"]), min_size=1, max_size=60), st.booleans())
def test_text_fits_its_box_and_loses_nothing(faces, text, vertical):
    box = Box(30, 40, 500, 300)
    found = fitted(text, faces, box, vertical=vertical)
    assert "".join("".join(one.text.split()) for one in found) == "".join(text.split())
    for one in found:
        assert one.box.x >= box.x - 0.01
        assert one.box.y >= box.y - 0.01
        assert one.box.x + one.box.width <= box.x + box.width + 0.01
        assert one.box.y + one.box.height <= box.y + box.height + 0.01
        ink = outline(one, faces).getBounds()
        if not ink.isEmpty():
            assert ink.left() >= one.box.x - 0.05 * one.size
            assert ink.right() <= one.box.x + one.box.width + 0.05 * one.size


def test_a_long_text_is_set_in_even_lines_large_enough_to_read(faces):
    text = "人工智能正在改变世界，让我们一起探索未来的无限可能！《新科技》杂志第18期，“创新”与“梦想”同行。"
    found = fitted(text, faces, Box(0, 0, 900, 300), "sans", size_max=80)
    assert found[0].size > 40
    assert min(one.box.width for one in found) > 0.6 * max(one.box.width for one in found)


@pytest.mark.parametrize(
    ("text", "style", "face"),
    [
        ("禅", "brush", "ma-shan-zheng"), ("書道", "brush", "yuji-syuku"), ("さくら", "brush", "yuji-syuku"),
        ("서예", "brush", "nanum-brush-script"), ("未來", "bold", "noto-sans-tc-bold"),
        ("直角", "serif", "noto-serif-sc"),
        ("仕様", "serif", "noto-serif-jp"), ("مرحبا", "serif", "noto-naskh-arabic"), ("Hello", "rounded", "fredoka"),
    ],
)  # fmt: skip
def test_the_face_suits_style_and_language(faces, text, style, face):
    choice = faces.choose(text, style, language_of(text))
    assert (choice.face, choice.note, choice.missing) == (face, "", ())


def test_a_face_that_lacks_a_character_is_not_chosen_and_that_is_said(faces):
    choice = faces.choose("鷾", "brush", "zh-hant")
    assert faces.covers(choice.face, "鷾")
    assert "鷾" in choice.note


def test_a_glyph_without_ink_does_not_count(faces):
    assert not faces.has("nanum-brush-script", "丁")
    assert faces.has("nanum-brush-script", "가")


def test_what_no_face_has_is_reported_and_not_drawn_as_a_box(faces):
    choice = faces.choose("A\U00012000", "bold", "latin")
    assert choice.missing == ("\U00012000",)
    made = shaper_of(faces).shape("A\U00012000", choice.face)
    assert made.missing == ["\U00012000"]
    assert all(glyph.glyph for glyph in made.glyphs)
    assert wrong(made, faces) == ["\U00012000"]


def test_columns_turn_latin_and_keep_short_numbers_upright(faces):
    made = shaped(line("第12回ABC「春」", faces, vertical=True), faces)
    turned = {made.text[glyph.start] for glyph in made.glyphs if glyph.turn_degrees}
    assert turned == set("ABC")
    numbers = [glyph for glyph in made.glyphs if made.text[glyph.start] in "12"]
    assert numbers[0].y == numbers[1].y
    assert numbers[0].x < numbers[1].x


def test_columns_use_vertical_punctuation_or_turn_it(faces):
    upright = shaper_of(faces).shape("春，", "noto-sans-sc", vertical=True, language="zh-hans")
    assert upright.glyphs[1].glyph != faces.face("noto-sans-sc").glyph("，")
    brush = shaper_of(faces).shape("春（一）", "ma-shan-zheng", vertical=True, language="zh-hans")
    assert [glyph.turn_degrees for glyph in brush.glyphs] == [0.0, 90.0, 0.0, 90.0]


def test_columns_run_from_the_right(faces):
    found = fitted("春江潮水连海平海上明月共潮生", faces, Box(0, 0, 400, 500), vertical=True, size_max=90)
    assert len(found) > 1
    assert all(one.box.x > other.box.x for one, other in itertools.pairwise(found))


def test_marks_beside_marks_are_squeezed(faces):
    loose = sum(shaper_of(faces).shape(one, "noto-sans-sc").length for one in ("》", "（"))
    assert shaper_of(faces).shape("国》（国", "noto-sans-sc", language="zh-hans").length < 2 + loose + 1.0
    assert shaper_of(faces).shape("国》国", "noto-sans-sc", language="zh-hans").length == pytest.approx(3.0)


def test_arabic_joins_and_runs_to_the_left(faces):
    made = shaped(line("سلام", faces), faces)
    assert [glyph.start for glyph in made.glyphs] == sorted((glyph.start for glyph in made.glyphs), reverse=True)
    assert made.glyphs[-1].glyph != faces.face(made.glyphs[-1].face).glyph("س")


def drawn(one: Line, faces: Faces, side: int = 512) -> np.ndarray:
    surface = skia.Surface(side, side)
    surface.getCanvas().clear(skia.ColorWHITE)
    letter(surface.getCanvas(), one, faces)
    return surface.makeImageSnapshot().toarray(colorType=skia.kRGBA_8888_ColorType)[..., 0].astype(float)


def test_stroke_edges_rise_within_a_pixel_and_a_half(faces):
    (one,) = fitted("I", faces, Box(100, 100, 300, 300), size_max=300)
    row = 255 - drawn(one, faces)[250]
    edge = row[: int(row.argmax()) + 3] / row.max()
    rise = np.interp(0.9, edge, np.arange(len(edge))) - np.interp(0.1, edge, np.arange(len(edge)))
    assert rise <= 1.5


@pytest.mark.parametrize("effect", ["plain", "shadow", "embossed", "brush", "sign", "neon", "stamp"])
def test_effects_put_ink_where_the_line_is(faces, effect):
    (one,) = fitted("永", faces, Box(150, 150, 220, 220), effect=effect, panel="#223344ff" if effect == "sign" else "")
    seen = np.abs(drawn(one, faces) - 255) > 60
    inside = seen[150:370, 150:370]
    assert inside.mean() > 0.04
    far = seen.copy()
    far[55:465, 55:465] = False
    assert not far.any()


def test_brush_ink_has_no_specks(faces):
    (one,) = fitted("永", faces, Box(40, 40, 440, 440), "brush", size_max=430, effect="brush")
    plain = outline(one, faces)
    seen = drawn(one, faces) < 128
    rows, columns = np.nonzero(seen)
    outside = [not plain.contains(float(x) + 0.5, float(y) + 0.5) for y, x in zip(rows, columns, strict=True)]
    assert np.mean(outside) < 0.03


def test_lines_of_one_text_share_a_panel(faces):
    found = fitted("Grand\nHotel", faces, Box(100, 100, 300, 300), effect="sign", panel="#204030ff", colour="#ffffff")
    surface = skia.Surface(512, 512)
    letters(surface.getCanvas(), found, faces)
    alpha = surface.makeImageSnapshot().toarray(colorType=skia.kRGBA_8888_ColorType)[..., 3]
    between = int((found[0].box.y + found[0].box.height + found[1].box.y) / 2)
    assert alpha[between, 250] == 255


def test_emoji_are_known_by_their_sprites(artifacts, sprites):
    known = emoji_sprites(artifacts["names:en"], sprites.names())
    assert known["🎉"] == "party-popper"
    assert known["👍🏽"] == "thumbs-up-medium"
    assert len(known) > 1300
