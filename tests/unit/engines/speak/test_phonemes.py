"""English by dictionary and endings, Mandarin by table, runs of several scripts."""

import json
from pathlib import Path

import pytest

from omniwatt.engines.speak.chinese import accented, mandarin
from omniwatt.engines.speak.english import English, tokens
from omniwatt.engines.speak.scripts import runs, spoken_runs

GOLD = {
    "cat": "kˈæt", "dog": "dˈɔɡ", "walk": "wˈɔk", "wait": "wˈAt", "box": "bˈɑks", "run": "ɹˈʌn", "apple": "ˈæpᵊl",
    "live": {"DEFAULT": "lˈIv", "VERB": "lˈɪv"}, "record": {"DEFAULT": "ɹˈɛkəɹd", "VERB": "ɹəkˈɔɹd"},
    "read": {"DEFAULT": "ɹˈid", "VBN": "ɹˈɛd"}, "can": {"DEFAULT": "kæn", "None": "kˈæn"},
    "NASA": "nˈæsə", "U": "jˈu", "S": "ˈɛs", "A": "ˈA", "try": "tɹˈI",
}  # fmt: skip


@pytest.fixture
def english(tmp_path: Path) -> English:
    gold, silver = tmp_path / "gold.json", tmp_path / "silver.json"
    gold.write_text(json.dumps(GOLD), encoding="utf-8")
    silver.write_text(json.dumps({"lighthouse": "lˈIthˌWs"}), encoding="utf-8")
    return English(gold, silver, british=False)


def said(english: English, text: str) -> str:
    return "".join("?" if part is None else part for part in english.read(text))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("the cat", "ðə kˈæt"),
        ("the apple", "ði ˈæpᵊl"),
        ("a cat, an apple", "ɐ kˈæt, ɐn ˈæpᵊl"),
        ("Cat CAT lighthouse", "kˈæt kˈæt lˈIthˌWs"),
        ("cats dogs boxes tries", "kˈæts dˈɔɡz bˈɑksᵻz tɹˈIz"),
        ("walked waited running", "wˈɔkt wˈAɾᵻd ɹˈʌnɪŋ"),
        ("the dog's", "ðə dˈɔɡz"),
        ("we live here", "? lˈɪv ?"),
        ("the record", "ðə ɹˈɛkəɹd"),
        ("to record", "tə ɹəkˈɔɹd"),
        ("have read", "? ɹˈɛd"),
        ("can run; can", "kæn ɹˈʌn; kˈæn"),
        ("NASA USA", "nˈæsə jˌuˌɛsˈA"),
        ("blorptastic", "?"),
        ("cat-dog", "kˈæt dˈɔɡ"),
    ],
)
def test_english_words(english: English, text: str, wanted: str) -> None:
    assert said(english, text) == wanted


def test_tokens_keep_the_whole_text() -> None:
    text = "It's 5 o'clock — “naïve” café, isn’t it? #x"
    assert "".join(tokens(text)) == text


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("你好", "ni↓xau↓"),
        ("知道", "ꭧɨ→tau↘"),
        ("去银行", "ʨʰy↘ i↗nxa↗ŋ"),
        ("二十四", "ɚ↘ʂɨ↗sɨ↘"),
        ("女儿", "ny↓ɚ↗"),
        ("学习", "ɕɥe↗ɕi↗"),
    ],
)
def test_mandarin(text: str, wanted: str) -> None:
    assert mandarin(text) == wanted


def test_mandarin_in_sounds_of_english() -> None:
    assert accented("你好") == "niːhaʊ"
    assert not set(accented("知道去银行女儿二十四")) & set("→↗↓↘ʨꭧʦɕʂʰ")


@pytest.mark.parametrize(
    ("text", "language", "wanted"),
    [
        ("hello 世界!", "en-us", [("hello ", "en-us"), ("世界", "han"), ("!", "en-us")]),
        ("我用Python写", "zh", [("我用", "han"), ("Python", "en-us"), ("写", "han")]),
        ("こんにちは世界", "en-us", [("こんにちは世界", "ja")]),
        ("안녕 hello", "en-us", [("안녕", "ko"), (" hello", "en-us")]),
        ("Say Привет, мир! now", "en-us", [("Say ", "en-us"), ("Привет, мир!", "ru"), (" now", "en-us")]),
        ("Привіт світ", "uk", [("Привіт світ", "uk")]),
        ("नमस्ते दुनिया।", "hi", [("नमस्ते दुनिया।", "hi")]),
        ("नमस्ते", "en-gb", [("नमस्ते", "hi")]),
        ("مرحبا بالعالم", "en-us", [("مرحبا بالعالم", "ar")]),
        ("世界", "ja", [("世界", "ja")]),
        ("12 km, 3天 5", "en-us", [("12 km, ", "en-us"), ("3天", "han"), (" 5", "en-us")]),
    ],
)
def test_each_script_is_read_in_its_own_language(text: str, language: str, wanted: list[tuple[str, str]]) -> None:
    assert runs(text, language) == wanted


def test_numbers_are_said_in_the_language_around_them() -> None:
    said = [piece for piece, _ in spoken_runs("It took 3天 and 12 km.", "en-us")]
    said = [piece.strip() for piece in said]
    assert said == ["It took", "三天", "and twelve kilometers."]
    assert spoken_runs("用iPhone 15打3个", "zh")[0][0] == "用"
