"""Which of many hypotheses is taken."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniwatt.engines.hear.consensus import Candidate, chosen, distance, found, units_of
from omniwatt.engines.hear.guard import Written

WORDS = st.lists(st.sampled_from("abc"), max_size=8)


def candidate(text: str, logprob: float) -> Candidate:
    return Candidate(Written((), text, logprob, 0.0, True), units_of(text, unspaced=False))


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


def test_what_most_agree_on_wins_over_the_single_best() -> None:
    crowd = [candidate("fine in form", -1.0), candidate("Fine in form.", -1.1), candidate("fine and form", -0.9)]
    assert chosen(crowd).units == ("fine", "in", "form")
    assert chosen(crowd).written.avg_logprob == -1.0


def test_a_hypothesis_nobody_believes_has_no_weight() -> None:
    assert chosen([candidate("yes", -0.1), candidate("no", -9.0), candidate("no", -9.1)]).units == ("yes",)


def test_keywords_count_for_something() -> None:
    pair = [candidate("call miss gordon", -0.5), candidate("call Ms. Gorden", -1.5)]
    assert chosen(pair) is pair[0]
    assert chosen(pair, ("Gorden",)) is pair[1]
    assert found("call Ms. Gorden", ("gorden", "nobody")) == 1


def test_letters_are_compared_where_words_are_not_spaced() -> None:
    assert units_of("鲁迅, 先生。", unspaced=True) == ("鲁", "迅", "先", "生")
    assert units_of("Don't STOP!", unspaced=False) == ("don't", "stop")
