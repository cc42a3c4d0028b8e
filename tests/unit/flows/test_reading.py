"""What counts as read exactly, and how wrong the rest is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniwatt.flows.reading import distance, error_rate, normalised


@pytest.mark.parametrize(
    ("requested", "recognised", "rate"),
    [
        ("禅", "禅", 0.0),
        ("Hello World", "HelloWorld", 0.0),
        ("ＡＢＣ，１２３", "ABC,123", 0.0),
        ("“quoted” — it’s", '"quoted" - it\'s', 0.0),
        ("ﾃｽﾄ", "テスト", 0.0),
        ("line\nbreak", "line break", 0.0),
        ("e\u0301te\u0301", "été", 0.0),
        ("❤\ufe0f", "❤", 0.0),
        ("開學", "开學", 0.5),
        ("abcd", "abcd?", 0.25),
        ("abc", "", 1.0),
        ("a", "xyz", 3.0),
        ("", "", 0.0),
        ("", "x", 1.0),
        ("Case", "case", 0.25),
    ],
)
def test_error_rate(requested: str, recognised: str, rate: float) -> None:
    assert error_rate(requested, recognised) == pytest.approx(rate)


@given(st.text(max_size=12), st.text(max_size=12), st.text(max_size=12))
def test_distance_is_a_metric(one: str, two: str, three: str) -> None:
    assert distance(one, one) == 0
    assert distance(one, two) == distance(two, one) <= max(len(one), len(two))
    assert distance(one, three) <= distance(one, two) + distance(two, three)


@given(st.text(max_size=30))
def test_normalising_twice_changes_nothing(text: str) -> None:
    assert normalised(normalised(text)) == normalised(text)
