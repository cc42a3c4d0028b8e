"""Tokens to text, sentences and words with their times."""

import math
from pathlib import Path

import pytest

from omniwatt.contract.error import BadInput, EngineFailed
from omniwatt.engines.hear.guard import Written
from omniwatt.engines.hear.recogniser import Aligned, aligned
from omniwatt.engines.hear.timing import timed, trimmed
from omniwatt.engines.hear.vocabulary import Vocabulary
from omniwatt.engines.hear.words import spoken_words, token_logprobs


def tokens(vocabulary: Vocabulary, *parts: str | float) -> tuple[int, ...]:
    """Text as it is, numbers as times."""
    found: list[int] = []
    for part in parts:
        found += vocabulary.ids(part) if isinstance(part, str) else [vocabulary.first_time + round(part / 0.02)]
    return tuple(found)


def test_languages(vocabulary: Vocabulary) -> None:
    assert set(vocabulary.languages) == {"en", "zh", "de"}
    assert [vocabulary.language(name) for name in ("en", "EN", "zh-CN", "zh_TW", " de ")] == [
        "en",
        "en",
        "zh",
        "zh",
        "de",
    ]
    for name in ("english", "xx", "-", "<|en|>"):
        with pytest.raises(BadInput) as caught:
            vocabulary.language(name)
        assert caught.value.param == "language"


@pytest.mark.parametrize("text", ["plain", " 鲁迅 wrote", "<|endoftext|>", "<|en|><|0.00|>", "a\n\tb", ""])
def test_text_never_becomes_a_mark(vocabulary: Vocabulary, text: str) -> None:
    ids = vocabulary.ids(text)
    assert all(id_ < vocabulary.end for id_ in ids)
    assert vocabulary.text(ids) == text.replace("<|", "< |")


def test_pieces_are_whole_characters(vocabulary: Vocabulary) -> None:
    ids = vocabulary.ids("a鲁é")
    assert [text for text, _ in vocabulary.pieces(ids)] == ["a", "鲁", "é"]
    assert [id_ for _, part in vocabulary.pieces(ids) for id_ in part] == ids
    assert vocabulary.pieces(ids[:2])[-1][0] == "�"


@pytest.mark.parametrize("content", ["", "{}", '{"version": "1.0"}'])
def test_another_tokenizer_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "tokenizer.json").write_text(content)
    with pytest.raises(EngineFailed):
        Vocabulary(tmp_path / "tokenizer.json")


@pytest.mark.parametrize(
    ("parts", "found"),
    [
        ((0.0, " one", 2.0), [(0.0, 2.0, " one")]),
        ((0.0, " one.", 2.0, 2.5, " two", 4.0), [(0.0, 2.0, " one."), (2.5, 4.0, " two")]),
        ((0.0, " one.", 2.0, " two", 4.0), [(0.0, 2.0, " one."), (0.0, 4.0, " two")]),
        ((" one",), [(0.0, 5.0, " one")]),
        ((1.0, " one"), [(1.0, 5.0, " one")]),
        ((0.0, " one", 6.0), [(0.0, 5.0, " one")]),
        ((0.0, " one", 5.0, 5.0, " one", 7.0), [(0.0, 5.0, " one")]),
        ((6.0, " one", 7.0), [(6.0, 6.0, " one")]),
        ((), []),
        ((0.0, 1.0), []),
    ],
)
def test_sentences(
    vocabulary: Vocabulary, parts: tuple[str | float, ...], found: list[tuple[float, float, str]]
) -> None:
    parsed = timed(vocabulary, tokens(vocabulary, *parts), 5.0)
    assert [(round(part.start_s, 2), round(part.end_s, 2), vocabulary.text(part.ids)) for part in parsed] == found


def test_what_is_said_again_after_the_end_is_left_out(vocabulary: Vocabulary) -> None:
    twice = tokens(vocabulary, 0.0, " one", 1.5, 1.5, " one", 3.0)
    written = Written(twice, "one one", -0.5, 0.0, False)
    found = trimmed(vocabulary, written, 1.5)
    assert (found.text, found.complete) == ("one", True)
    assert trimmed(vocabulary, written, 5.0) is written


def test_the_path_of_attention_gives_times() -> None:
    pairs = [(0, 0), (0, 1), (1, 2), (1, 3), (2, 3), (3, 5)]
    found = aligned(pairs, [0.9, 0.8, 0.7, 0.1], 3, 0.2)
    assert found == Aligned((0.0, 0.04, 0.06, 0.1), (0.9, 0.8, 0.7))
    assert found.part(1, 3) == Aligned((0.04, 0.06, 0.1), (0.8, 0.7))
    assert aligned([], [], 0, 1.5).starts_s == (1.5,)


@pytest.mark.parametrize(
    ("text", "unspaced", "words"),
    [
        (" Hello there.", False, [" Hello", " there."]),
        (' He said "no", twice!', False, [" He", " said", ' "no",', " twice!"]),
        (" don't half-finish", False, [" don't", " half-finish"]),
        ("鲁迅。", True, ["鲁", "迅。"]),
        ("", False, []),
    ],
)
def test_words(vocabulary: Vocabulary, text: str, unspaced: bool, words: list[str]) -> None:
    ids = vocabulary.ids(text)
    times = Aligned(tuple(0.1 * place for place in range(len(ids) + 1)), (0.5,) * len(ids))
    found = spoken_words(vocabulary, ids, times, 10.0, unspaced)
    assert [word.text for word in found] == words
    assert "".join(words) == text
    assert all(10.0 <= word.start_s < word.end_s <= 10.0 + 0.1 * len(ids) + 1e-9 for word in found)
    assert all(word.probability == pytest.approx(0.5) for word in found)


def test_logprobs_are_natural_logarithms(vocabulary: Vocabulary) -> None:
    ids = vocabulary.ids("a鲁")
    found = token_logprobs(vocabulary, ids, Aligned((0.0,) * (len(ids) + 1), (0.5, 1.0, 0.5, 0.0)))
    assert [one.token for one in found] == ["a", "鲁"]
    assert found[0].logprob == pytest.approx(math.log(0.5))
    assert found[1].logprob == pytest.approx(math.log(0.5) + math.log(1e-10))
    assert found[1].bytes_ == "鲁".encode()
