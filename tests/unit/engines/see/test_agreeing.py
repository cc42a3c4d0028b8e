"""Readings weighed together: what most of them see, where it stands, what only one of them sees."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniwatt.engines.see.agreeing import Mark, agreed


def looked(text: str, sure: float = 0.9, second: str = "") -> list[Mark]:
    """A reading of evenly spaced characters; `second` are the runners-up, one for each."""
    found = []
    for place, one in enumerate(text):
        scores = {one: sure}
        if second:
            scores[second[place]] = max(scores.get(second[place], 0.0), 1 - sure)
        found.append(Mark(scores, (place + 0.5) / len(text)))
    return found


def said(*readings: list[Mark]) -> str:
    return "".join(one for one, _ in agreed(readings))


@given(st.text("春夏秋冬abc", max_size=12))
def test_readings_that_agree_stay_as_they_are(text: str) -> None:
    assert said(looked(text)) == said(looked(text), looked(text, 0.6)) == text


TEXTS = st.text("春夏秋冬abc", max_size=12)


@given(st.lists(TEXTS, min_size=1, max_size=4))
def test_any_readings_can_be_weighed(texts: list[str]) -> None:
    read = said(*(looked(text, 0.8) for text in texts))
    assert set(read) <= set("".join(texts))
    assert len(read) <= max(2 * len(text) for text in texts)


@pytest.mark.parametrize(
    ("readings", "text"),
    [
        ([looked("春利江", 0.5, "夏琍水"), looked("春琍江", 0.7, "夏利水")], "春琍江"),
        ([looked("春江水", 0.9), looked("春水", 0.9), looked("春江水", 0.9)], "春江水"),
        ([looked("春江水", 0.9), looked("春江水", 0.9), looked("春江江水", 0.3)], "春江水"),
        ([looked("O", 0.6, "0"), looked("0", 0.9, "O")], "0"),
        ([looked("春江"), []], ""),
        ([[], looked("春江")], ""),
    ],
)
def test_what_most_of_the_weight_stands_for_is_read(readings: list[list[Mark]], text: str) -> None:
    assert said(*readings) == text


def test_the_confidence_is_the_mean_of_the_readings() -> None:
    assert agreed([looked("春", 0.8), looked("春", 0.6)]) == [("春", pytest.approx(0.7))]
    assert agreed([[]]) == []
