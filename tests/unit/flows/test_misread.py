"""What was misread, what no lettering could help, and which attempt is kept."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniwatt.contract.event import Proof, Verdict
from omniwatt.flows.draw import joined
from omniwatt.flows.reading import Attempt, best, distance, error_rate, hopeless, misread, normalised, unreadable


@pytest.mark.parametrize(
    ("requested", "recognised", "wrong"),
    [
        ("畫琍瀚", "畫利瀚", {"琍": 1}),
        ("築搖嚀淑", "築搖淑", {"嚀": 1}),
        ("春水", "春江水", {"": 1}),
        ("OPEN 24", "０PEN  24", {"O": 1}),
        ("“春”", '"春"', {}),
        ("タオ", "夕才", {"タ": 1, "オ": 1}),
    ],
)
def test_what_was_misread(requested: str, recognised: str, wrong: dict[str, int]) -> None:
    assert misread(requested, recognised) == Counter(wrong)


@given(st.text("春江水ab", max_size=9), st.text("春江水ab", max_size=9))
def test_as_much_is_misread_as_the_distance_says(one: str, other: str) -> None:
    assert misread(one, other).total() == distance(normalised(one), normalised(other))
    assert bool(misread(one, other)) == (error_rate(one, other) > 0)


def attempts(requested: str, *texts: str, plain: str | None = None) -> list[Attempt]:
    return [
        Attempt(number, text, error_rate(requested, text), plain if number == 2 else None)
        for number, text in enumerate(texts, 1)
    ]


@pytest.mark.parametrize(
    ("made", "lost", "never"),
    [
        (attempts("畫琍", "畫利"), False, ()),
        (attempts("畫琍", "", "", plain=""), True, ("畫", "琍")),
        (attempts("畫琍", "畫利", "畫利", plain="畫利"), True, ("琍",)),
        (attempts("畫琍", "畫利", "書利", plain="畫利"), False, ("琍",)),
        (attempts("畫琍", "畫利", "畫利", plain="畫琍"), False, ()),
        (attempts("畫琍", "書琍", "畫利", plain="畫利"), True, ()),
        (attempts("畫琍", "畫利", "畫利一", plain="畫利"), False, ("琍",)),
    ],
)
def test_what_plain_black_on_white_fails_in_is_not_lettered_again(
    made: list[Attempt], lost: bool, never: tuple[str, ...]
) -> None:
    assert hopeless("畫琍", made) is lost
    assert unreadable("畫琍", made) == never


def test_the_attempt_with_the_fewest_errors_is_kept_and_the_earliest_of_equals() -> None:
    assert best(attempts("abc", "ab", "xbc", "a")).number == 1
    assert best(attempts("abc", "a", "abc", "ab")).number == 2


@pytest.mark.parametrize(
    ("attempt", "verdict"),
    [(3, Verdict(accepted=False, again=(4,))), (2, Verdict()), (1, Verdict(settled={4: 1}))],
)
def test_a_line_is_set_again_stays_or_goes_back(attempt: int, verdict: Verdict) -> None:
    assert joined(Verdict(), Proof("t", b"", 4, attempt=2), attempt) == verdict
