"""The judges of lettering: spoilt lines are refused, seals are read in order, scripts without a font are named."""

import dataclasses

import numpy as np
import pytest

from omniwatt.engines.draw.illustrator.layout import Box, Line
from omniwatt.engines.draw.illustrator.proving import in_a_row
from omniwatt.engines.draw.lettering import Faces, exact
from omniwatt.engines.draw.lettering.breaking import CLAUSE_END
from omniwatt.engines.draw.lettering.emoji import parts
from omniwatt.engines.draw.lettering.exact import wrong
from omniwatt.engines.draw.lettering.fit import Setting, fit
from omniwatt.engines.draw.lettering.language import language_of
from omniwatt.engines.draw.lettering.letter import cells
from omniwatt.engines.draw.lettering.plain import other_face, plainly
from omniwatt.engines.draw.lettering.shape import shaper_of

pytestmark = pytest.mark.model
NOWHERE = Box(0, 0, 0, 0)


def line(text: str, faces: Faces, style: str = "bold", **more) -> Line:
    return Line(text, NOWHERE, faces.choose(text, style, language_of(text)).face, 60.0, **more)


@pytest.mark.parametrize(
    "text", ["Coffee", "70%OFF", "ありがとう", "カフェ・ひまわり", "開學龍禪", "꽃이", "第2屆，AI"]
)
@pytest.mark.parametrize("vertical", [False, True])
def test_a_glyph_that_is_lost_or_another_ones_is_refused(faces, text, vertical):
    shaped = shaper_of(faces).line(line(text, faces, vertical=vertical))
    assert wrong(shaped, faces) == []
    for place, glyph in enumerate(shaped.glyphs):
        rest = shaped.glyphs[:place], shaped.glyphs[place + 1 :]
        assert wrong(dataclasses.replace(shaped, glyphs=[*rest[0], *rest[1]]), faces)
        other = next(one.glyph for one in shaped.glyphs[::-1] + shaped.glyphs if one.glyph != glyph.glyph)
        changed = dataclasses.replace(glyph, glyph=other)
        assert wrong(dataclasses.replace(shaped, glyphs=[*rest[0], changed, *rest[1]]), faces)


def test_digits_have_one_form_whatever_the_language(faces):
    for text in ("70%OFF", "7折", "7は"):
        shaped = shaper_of(faces).shape(text, "noto-sans-sc-bold")
        assert shaped.glyphs[0].glyph == faces.face("noto-sans-sc-bold").glyph("7")


def test_emoji_are_exact_where_a_sprite_shows_them_or_their_parts(faces):
    known = {"👩", "👧", "🎉"}
    assert parts("🎉\ufe0f", known) == ("🎉",)
    assert parts("👩\u200d👩\u200d👧", known) == ("👩", "👩", "👧")
    assert parts("👩\u200d🚀", known) == ()
    assert exact(line("Hi 🎉👩\u200d👧", faces), faces, known)
    assert not exact(line("Hi 👩\u200d🚀", faces), faces, known)


@pytest.mark.parametrize(
    ("text", "script"), [("\U00012000\U0001202d", "Cuneiform"), ("A\U00012000", ""), ("🎉", ""), ("?!", ""), ("禅", "")]
)
def test_a_script_without_a_font_is_named(faces, text, script):
    assert faces.unknown_script(text) == script


@pytest.mark.parametrize("text", ["開學龍禪", "さくら", "서예", "AI時代，ありがとう", "مرحبا", "שלום", "สวัสดี", "नमस्ते"])
def test_a_brush_holds_every_character_or_that_is_said(faces, text):
    choice = faces.choose(text, "brush", language_of(text))
    assert faces.covers(choice.face, text) or "other faces" in choice.note
    assert exact(Line(text, NOWHERE, choice.face, 60.0), faces)


def test_a_spaced_line_is_longer_and_has_the_same_glyphs(faces):
    for vertical in (False, True):
        close = line("第12回ABC", faces, vertical=vertical)
        apart = line("第12回ABC", faces, vertical=vertical, spacing=0.2)
        before, after = shaper_of(faces).line(close), shaper_of(faces).line(apart)
        assert [one.glyph for one in before.glyphs] == [one.glyph for one in after.glyphs]
        steps = (after.length - before.length) / 0.2
        assert steps == pytest.approx(5 if vertical else 6)
        assert exact(apart, faces)


def test_lines_end_where_clauses_do_and_short_titles_need_one(faces):
    def lines(text: str, size_max: float) -> list[str]:
        made = fit(line(text, faces), Box(0, 0, 888, 400), shaper_of(faces), Setting(size_max=size_max))
        return [one.text for one in made]

    assert lines("三个夜晚的音乐、灯光和美食，欢迎你和朋友们一起来！", 56)[0][-1] in CLAUSE_END
    assert lines("春节联欢晚会", 190) == ["春节联欢晚会"]
    assert len(lines("The library is closed on Monday for repairs", 190)) > 1


def test_a_seal_is_read_in_columns_from_the_right(faces):
    seal = Line("清华学堂", Box(10, 20, 100, 100), "noto-serif-sc", 50.0, effect="stamp")
    assert [text for text, _ in cells(seal)] == list("清华学堂")
    pixels = np.zeros((100, 100, 4), np.uint8)
    for number, (_, cell) in enumerate(cells(seal), 1):
        pixels[int(cell.top()) - 18 : int(cell.bottom()) - 22, int(cell.left()) - 8 : int(cell.right()) - 12] = number
    row = in_a_row(pixels, seal, 1.0)
    seen = [int(one) for one in row[len(row) // 2, :, 0] if one]
    assert list(dict.fromkeys(seen)) == [1, 2, 3, 4]


def test_the_last_resort_is_another_face_and_its_proof_small(faces):
    for text in ("OPEN 24H", "龍", "ラーメン", "수묵화", "मुंबई"):
        first = line(text, faces)
        assert other_face(first, faces) != first.face or language_of(text) in ("ko", "hi")
        assert plainly(first, faces)[:4] == b"\x89PNG"
    assert 0 < len(plainly(line("今" * 60, faces), faces)) <= 40 * 1024
