"""Whose the time is: n jobs at once have an nth each, and together they never have more than there was."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniwatt.power.presence import Presence


def test_time_is_shared_by_those_that_are_there() -> None:
    present = Presence()
    present.come("a", 0.0)
    present.come("b", 4.0)
    assert present.go("a", 6.0) == pytest.approx(5.0)
    assert present.cut(7.0) == {"b": pytest.approx(2.0)}
    assert len(present) == 1
    assert present.go("b", 9.0) == pytest.approx(2.0)
    assert present.go("b", 10.0) == 0.0
    present.come("c", 20.0)
    assert present.go("c", 20.5) == pytest.approx(0.5)


EVENTS = st.lists(
    st.tuples(st.sampled_from(("come", "go", "cut")), st.sampled_from("abc"), st.floats(-1.0, 5.0)), max_size=40
)


@given(EVENTS)
def test_no_time_is_given_twice_nor_lost_while_somebody_is_there(events: list[tuple[str, str, float]]) -> None:
    present, there, at_s, latest_s, given_s, owned_s = Presence(), set[str](), 0.0, 0.0, 0.0, 0.0
    present.cut(0.0)
    for verb, job, later_s in (*events, ("cut", "", 1.0)):
        at_s += later_s
        if there:
            owned_s += max(0.0, at_s - latest_s)
        latest_s = max(latest_s, at_s)
        if verb == "come":
            present.come(job, at_s)
            there.add(job)
        elif verb == "go":
            given_s += present.go(job, at_s)
            there.discard(job)
        else:
            given_s += sum(present.cut(at_s).values())
    assert given_s == pytest.approx(owned_s, abs=1e-9)
