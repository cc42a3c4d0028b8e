"""Where lines end, what runs in which direction, which language a text is in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniwatt.engines.draw.lettering.breaking import NO_END, NO_START, lines, segments
from omniwatt.engines.draw.lettering.language import clusters, language_of, levels, right_to_left, runs, visual

CHARACTERS = "春江潮水、。，「」（）！？ーっゃabc DEF 12 3-4한국어 ñé\n…—‘’“”"


def filled(text: str, room: int) -> list[str]:
    parts = [(part, float(len(part)), float(len(part.rstrip()))) for part in segments(text)]
    return ["".join(line) for line in lines(parts, float(room)) or []]


@given(st.text(CHARACTERS, max_size=80))
def test_segments_join_to_the_text(text):
    assert "".join(segments(text)) == text


@given(st.text("春江潮水、。，「」（）！？ー", min_size=1, max_size=60), st.integers(12, 20))
def test_no_line_begins_or_ends_with_what_may_not(text, room):
    found = filled(text, room)
    for index, line in enumerate(found):
        assert index == 0 or line[0] not in NO_START
        assert index == len(found) - 1 or line[-1] not in NO_END


def test_words_stay_whole_and_hyphens_part_them():
    assert filled("The quick brown fox", 10) == ["The quick ", "brown fox"]
    assert segments("north-east 7-8") == ["north-", "east ", "7-8"]
    assert filled("一二三abc四五", 4) == ["一二三", "abc四", "五"]


def test_a_forced_break_ends_a_line():
    assert filled("春\n江", 10) == ["春", "江"]


def test_a_word_longer_than_a_line_is_said():
    assert lines([("abcdef", 6.0, 6.0)], 5.0) is None


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("人工智能", "zh-hans"), ("未來都市", "zh-hant"), ("東京の夜", "ja"), ("渋谷駅", "ja"), ("서울", "ko"),
        ("नमस्ते", "hi"), ("مرحبا", "ar"), ("שלום", "he"), ("สวัสดี", "th"),
        ("Bonjour 2026", "latin"), ("春风 Spring", "zh-hans"),
    ],
)  # fmt: skip
def test_language(text, language):
    assert language_of(text) == language


def test_shared_han_takes_the_usual_language():
    assert language_of("山水", "zh-hant") == "zh-hant"
    assert language_of("山水", "latin") == "zh-hans"


@pytest.mark.parametrize(
    ("text", "base", "seen"),
    [
        ("abc", False, "abc"), ("אבג", True, "גבא"), ("abc אבג def", False, "abc גבא def"),
        ("אב 12 ג", True, "ג 12 בא"), ("אב abc ג", True, "ג abc בא"), ("12", True, "12"),
    ],
)  # fmt: skip
def test_bidirectional_order(text, base, seen):
    found = list(runs(list(levels(text, base))))
    depth = levels(text, base)
    order = visual([depth[start] for start, _ in found])
    pieces = [text[slice(*found[index])][:: -1 if depth[found[index][0]] % 2 else 1] for index in order]
    assert "".join(pieces) == seen


def test_the_first_strong_character_sets_the_direction():
    assert right_to_left("12 שלום abc")
    assert not right_to_left("(abc) שלום")


@pytest.mark.parametrize("text", ["é", "👨‍👩‍👧", "🇨🇳", "👍🏽", "क्ष", "เก", "1️⃣"])
def test_what_must_stay_together_does(text):
    assert list(clusters(text)) == [(0, len(text))]
