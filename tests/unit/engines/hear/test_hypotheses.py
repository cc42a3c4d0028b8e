"""Which of several hypotheses is taken, and when two say the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniwatt.engines.hear.guard import Written
from omniwatt.engines.hear.hypotheses import agree, best, distance, found, logprob

WORDS = st.lists(st.sampled_from("abc"), max_size=8)


def written(text: str, average: float, tokens: int = 0) -> Written:
    return Written((1,) * tokens, text, average, 0.0, complete=True)


@pytest.mark.parametrize(
    ("one", "other", "edits"),
    [("", "", 0), ("abc", "abc", 0), ("abc", "", 3), ("kitten", "sitting", 3), ("flaw", "lawn", 2)],
)
def test_distance(one: str, other: str, edits: int) -> None:
    assert distance(one, other) == edits


@given(WORDS, WORDS, WORDS)
def test_distance_is_a_metric(one: list[str], other: list[str], third: list[str]) -> None:
    assert distance(one, other) == distance(other, one)
    assert (distance(one, other) == 0) == (one == other)
    assert distance(one, third) <= distance(one, other) + distance(other, third)


def test_the_likeliest_text_is_taken_as_a_whole() -> None:
    short, long = written("no", -0.5, 1), written("no no no", -0.4, 9)
    assert (logprob(short), logprob(long)) == (-1.0, -4.0)
    assert best([long, short]) is short


def test_keywords_count_for_something() -> None:
    pair = [written("call miss gordon", -0.5), written("call Ms. Gorden", -1.5)]
    assert best(pair) is pair[0]
    assert best(pair, ("Gorden",)) is pair[1]
    assert found("call Ms. Gorden", ("gorden", "nobody")) == 1


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("", "", True),
        ("Again, and again!", "again and again", True),
        ("one two three four five six seven eight nine ten", "one two three four five six seven eight nine then", True),
        ("again and again", "again and a game", False),
        ("words", "", False),
        ("words words words words", "words words words words words", False),
    ],
)
def test_agreement(one: str, other: str, same: bool) -> None:
    assert agree(one, other) == agree(other, one) == same
