"""Which tokens a language's text cannot hold: whole letters, halves of letters, and what always may stand."""

import pytest

from omniwatt.engines.hear.scripts import bytes_of, foreign, tokens_per_s
from omniwatt.engines.hear.vocabulary import Vocabulary

TEXTS = {
    "hi": "मैं बाज़ार",
    "ur": "میں بازار",
    "zh": "这是一个",
    "ja": "客観的キャンプ",
    "ko": "그는 길",
    "ru": "Завтра",
    "th": "พรุ่งนี้",
}


def barred(token: bytes, language: str, *, latin: bool = False) -> bool:
    return foreign([token], language, latin=latin) == [0]


@pytest.mark.parametrize("language", TEXTS)
def test_a_language_may_be_written_in_its_own_letters_however_they_are_cut(language: str) -> None:
    data = TEXTS[language].encode()
    pieces = [data[start:end] for start in range(len(data)) for end in range(start + 1, min(len(data), start + 7) + 1)]
    assert foreign(pieces, language, latin=False) == []


@pytest.mark.parametrize(
    ("language", "other"),
    [("hi", "ur"), ("hi", "th"), ("ur", "hi"), ("zh", "ko"), ("zh", "ru"), ("ko", "th"), ("ru", "zh"), ("th", "hi")],
)
def test_but_not_in_anothers(language: str, other: str) -> None:
    data = TEXTS[other].replace(" ", "").encode()
    assert barred(data, language)
    assert barred(b" " + data, language)
    assert barred(b" " + data[:2], language), "the beginning of a letter tells enough"


@pytest.mark.parametrize(
    "token", [b"", b" ", b"!", b" 5", b"GPS", b"\xa4", b"\xa4\xbe", b"\xe0", "।".encode(), "–".encode()]
)
def test_marks_digits_capitals_and_ends_of_letters_may_stand_in_hindi(token: bytes) -> None:
    assert not barred(token, "hi")


@pytest.mark.parametrize("token", [b" main", b"hai", b"Main", "é".encode(), b"kal\xe0"])
def test_small_latin_letters_may_not_unless_the_caller_writes_them(token: bytes) -> None:
    assert barred(token, "hi")
    assert not barred(token, "hi", latin=True)
    assert not barred(token, "ru"), "brands keep their letters where that is the custom"


@pytest.mark.parametrize("language", ["en", "sr", "kk", "xx"])
def test_languages_of_several_scripts_are_left_alone(language: str) -> None:
    assert foreign([text.encode() for text in TEXTS.values()], language, latin=False) == []


def test_letters_that_cost_more_tokens_get_more() -> None:
    assert tokens_per_s("hi") > 19 > tokens_per_s("en") > 8


def test_bytes_of_a_byte_level_token() -> None:
    assert bytes_of("Ġhai") == b" hai"
    assert bytes_of("à¤®") == "म".encode()
    assert bytes_of("<|en|>") == b"<|en|>"
    assert bytes_of("日") == b""


def test_the_vocabulary_knows_them(vocabulary: Vocabulary) -> None:
    found = vocabulary.foreign("hi", latin=False)
    assert set(vocabulary.ids("abcz")) <= set(found)
    assert not set(vocabulary.ids("मैं, 5 GPS")) & set(found)
    assert vocabulary.foreign("hi", latin=False) is found
    assert not set(vocabulary.ids("abcz")) & set(vocabulary.foreign("hi", latin=True))
    assert vocabulary.foreign("en", latin=False) == []
