"""What holds for any prompt whatever: no error, the same scene again, bounds kept, quoted words untouched."""

from typing import Any, get_args

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from omniwatt.engines.draw.illustrator import scene as types
from omniwatt.engines.draw.illustrator.understand import complete, describe, language_of, leftovers, understand
from omniwatt.engines.draw.illustrator.understand.lexicon import LANGUAGES, Lexicon, own_words
from omniwatt.engines.draw.illustrator.understand.parser import MAX_KINDS, MAX_OBJECTS
from omniwatt.engines.draw.illustrator.understand.reading import MAX_COUNT
from omniwatt.engines.draw.quotes import MAX_TEXTS
from tests.unit.engines.draw.understand.facts import facts, small_lexicon

_WORDS = sorted(word for language in ("en", "zh", "ja", "de") for word in own_words(language))
_GLUE = st.sampled_from([" ", ", ", "，", "", " and ", "的", "の", ". ", "\n", " 7 ", ' "x" ', "“y”", "🐱", "’", "'"])
_ANY = st.text(max_size=200) | st.lists(st.sampled_from(_WORDS) | _GLUE, max_size=40).map("".join)
_QUOTES = ["“”", '""', "「」", "『』", "«»", "‘’", "''", "„“", "``"]
_QUICK = settings(max_examples=120, deadline=None)


@_QUICK
@given(_ANY)
@example("\ud800 \x00 a cat \u202e 'un")
@example("0 1 2 3 一二三 没有 の の の between and and")
@example("\ue000\ue001 ‘“「")
def test_any_text_gives_a_bounded_scene_and_the_same_again(prompt: str) -> None:
    scene = understand(prompt, small_lexicon())
    assert understand(prompt, small_lexicon()) == scene
    assert len(scene.things) <= MAX_KINDS
    assert len(scene.texts) <= MAX_TEXTS
    assert all(1 <= thing.count <= MAX_COUNT for thing in scene.things)
    assert sum(thing.count for thing in scene.things) <= MAX_OBJECTS + MAX_KINDS
    for one in scene.placings:
        assert 0 <= one.a < len(scene.things)
        assert -1 <= one.b < len(scene.things)
    for language in ("en", "zh", "zh-hant", "ja", "fr"):
        assert describe(scene, language)


@_QUICK
@given(st.sampled_from(_QUOTES), st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=60))
def test_what_is_quoted_is_kept_to_the_letter(quotes: str, text: str) -> None:
    if not text.strip() or set(text) & set("“”\"「」『』«»‘’'„`《》") or text[0].isspace() or text[-1].isspace():
        return
    scene = understand(f"a sign saying {quotes[0]}{text}{quotes[1]} on a house", small_lexicon())
    assert [one.text for one in scene.texts] == [text]


def test_lists_say_only_what_a_scene_can_hold() -> None:
    kinds = {
        "backdrop": get_args(types.Backdrop),
        "style": get_args(types.Style),
        "time": get_args(types.TimeOfDay),
        "season": get_args(types.Season),
        "weather": get_args(types.Weather),
        "lettering": get_args(types.Lettering),
        "before": get_args(types.Relation),
        "after": get_args(types.Relation),
        "wearing": get_args(types.Relation),
        "passive": get_args(types.Relation),
        "side": get_args(types.Relation),
        "role": get_args(types.Role),
    }
    for language in LANGUAGES:
        for word, senses in own_words(language).items():
            for sense in senses:
                if sense.kind in kinds:
                    assert sense.value in kinds[sense.kind], (language, word, sense)


@pytest.mark.parametrize("language", [language for language in LANGUAGES if language != "en"])
def test_every_language_knows_the_grammar_of_a_picture(language: str) -> None:
    kinds = {sense.kind for senses in own_words(language).values() for sense in senses}
    assert {"thing", "backdrop", "colour", "number", "negation", "role", "says", "style", "time", "weather"} <= kinds


@pytest.mark.parametrize(
    ("prompt", "language"),
    [
        ("a cat on the mat", "en"),
        ("cat", "en"),
        ("红色的车", "zh"),
        ("紅色的車", "zh-hant"),
        ("赤い車", "ja"),
        ("ein roter Wagen", "de"),
        ("une voiture rouge et un chat", "fr"),
        ("빨간 자동차", "ko"),
        ("красная машина", "ru"),
        ("", "en"),
    ],
)
def test_language(prompt: str, language: str) -> None:
    assert language_of(prompt, frozenset(map(chr, small_lexicon().simplified))) == language


@pytest.mark.parametrize(
    ("prompt", "language", "told"),
    [
        (
            "two red cars left of a tree at night, oil painting",
            "en",
            "An oil picture of 2 red cars and a tree, background: a city at night; the red cars left of the tree.",
        ),
        (
            "a zorp and a cat",
            "en",
            "A cartoon picture of a cat, background: a meadow. Not understood, so not drawn: zorp.",
        ),
        ("frobnik", "en", "A cartoon picture of an abstract gradient. Nothing of the prompt was understood."),
        ("a street without cars", "en", "A cartoon picture of a street; without cars."),
        ("书法风格的‘禅’字，背景是水墨山水", "zh", "水墨风格的画：水墨山水；书法“禅”。"),
        ("三隻貓在樹的左邊", "zh-hant", "卡通風格的畫：三隻貓和樹，背景是草地；貓在樹的左邊。"),
        ("两条狗和十二朵红花", "zh", "卡通风格的画：两条狗和12朵红色的花，背景是草地。"),
        ("犬が二匹と鳥が五羽", "ja", "アニメ風の絵：犬2匹と鳥5羽、背景は草原。"),
        ("drei Katzen ohne Bäume", "de", "A cartoon picture of 3 cats, background: a meadow; without trees."),
        ("赤い車が家の前にある", "ja", "アニメ風の絵：赤い車と家、背景は通り。赤い車は家の前。"),
    ],
)
def test_scene_told_again(prompt: str, language: str, told: str) -> None:
    assert describe(understand(prompt, small_lexicon()), language) == told


@pytest.mark.parametrize(
    ("prompt", "time", "left"),
    [
        ("a dark forest", "night", ()),
        ("a scary cat", "night", ()),
        ("a scary cat in the morning", "dawn", ("scary",)),
        ("a romantic sea", "golden", ()),
        ("a cute cat", "day", ()),
        ("an elegant cat", "day", ("elegant",)),
        ("a warm gradient", "day", ("warm",)),
    ],
)
def test_a_mood_is_shown_by_the_hour_or_reported(prompt: str, time: str, left: tuple[str, ...]) -> None:
    scene = understand(prompt, small_lexicon())
    assert (scene.time, scene.not_understood) == (time, left)


def test_no_background_is_told_of_where_none_is_drawn() -> None:
    scene = msgspec.structs.replace(understand("a red cat in a forest", small_lexicon()), transparent=True)
    assert describe(scene, "en") == "A cartoon picture of a red cat; transparent ground."


def test_too_many_are_said_to_be_too_many() -> None:
    scene = understand("1000 cars and 10^15 birds", small_lexicon())
    assert ("car", "automobile x100: fewer than the 1000 asked for") in scene.understood
    assert ("bird", f"bird x100: fewer than the {10**15} asked for") in scene.understood


def test_long_prompts_end() -> None:
    for piece in ("a red cat and ", "红色的猫", "“", "'a ", "1", "titled A ", "zorp "):
        scene = understand((piece * 32_000)[:32_000], small_lexicon())
        assert len(scene.things) <= MAX_KINDS


def test_texts_beyond_what_a_picture_holds_are_reported() -> None:
    scene = understand(" ".join(f'"text {at}"' for at in range(MAX_TEXTS + 2)), small_lexicon())
    assert len(scene.texts) == MAX_TEXTS
    assert scene.not_understood == (f"“text {MAX_TEXTS}”", f"“text {MAX_TEXTS + 1}”")


def test_style_asked_for_beside_the_prompt_wins() -> None:
    assert understand("oil painting of a cat", small_lexicon(), "pixel").style == "pixel"
    assert understand("a cat", small_lexicon(), "watercolor").style == "watercolour"
    assert understand("a cat", small_lexicon(), "natural").style == "cartoon"
    assert "vivid" in understand("a cat", small_lexicon(), "vivid").mood


def test_a_second_opinion_only_adds() -> None:
    scene = understand("two dogs and a zorp", small_lexicon())
    assert "zorp" in leftovers(scene)
    assert leftovers(understand("two dogs", small_lexicon())) == ""
    dogs = {"word": "dogs", "looks_like": "cat", "count": 9}
    added = complete(scene, {"things": [{"word": "zorp", "looks_like": "lizard", "count": 2}, dogs]}, small_lexicon())
    assert {"2 dog", "2 lizard"} <= facts(added)
    assert added.not_understood == ()
    assert added.things[: len(scene.things)] == scene.things
    assert complete(scene, {"things": []}, small_lexicon()) == scene
    assert leftovers(understand(" ".join(f'"text {at}"' for at in range(MAX_TEXTS + 2)), small_lexicon())) == ""


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"things": "lizard"},
        {"things": ["zorp"]},
        {"things": [{"word": "zorp", "looks_like": "lizard", "count": "many"}]},
        {"things": [{"word": "zorp", "looks_like": "lizard", "count": 10**9}]},
        {"things": [{"word": "zorp", "looks_like": "lizard", "count": 1}] * 9},
        {"things": [{"word": "zorp", "looks_like": "spaceship dragon thing", "count": 1}]},
        {"things": [{"word": "zorp", "looks_like": "dog", "count": 1}]},
    ],
)
def test_an_answer_of_another_form_adds_nothing(answer: dict[str, Any]) -> None:
    scene = understand("two dogs and a zorp", small_lexicon())
    assert complete(scene, answer, small_lexicon()) == scene


def test_no_opinion_puts_in_what_was_left_out() -> None:
    scene = understand("two dogs, no lizard, a zorp", small_lexicon())
    answer = {"things": [{"word": "zorp", "looks_like": "lizard", "count": 1}]}
    assert complete(scene, answer, small_lexicon()) == scene


def test_lexicon_wants_english() -> None:
    with pytest.raises(KeyError):
        Lexicon.load({"names:de": "nowhere"})
