"""Sharing a meter's joules out: conserved whatever comes, fair by units of work, learnt from what was taken."""

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from omniwatt.contract.power import Reading, Work
from omniwatt.power.account import Account
from omniwatt.power.attribution import BRIEF, Interval, Learnt, expected_j, learn, share

JOBS, ENGINES, KINDS = ("a", "b", "c"), ("chat", "draw"), ("prefill", "decode", "tile")

works = st.lists(
    st.builds(
        Work,
        job=st.sampled_from(JOBS),
        engine=st.sampled_from(ENGINES),
        kind=st.sampled_from(KINDS),
        units=st.floats(0, 1e4),
    ),
    max_size=8,
).map(tuple)
residents = st.dictionaries(
    st.sampled_from(ENGINES), st.lists(st.sampled_from(JOBS), unique=True, max_size=3).map(tuple), max_size=2
)
activities = st.dictionaries(st.sampled_from(("", *ENGINES)), st.floats(0, 1e3), max_size=3)
rates = st.dictionaries(st.tuples(st.sampled_from(ENGINES), st.sampled_from(KINDS)), st.floats(0, 1e3), max_size=6)


@given(st.floats(0, 1e6), st.floats(0, 10), st.floats(0, 1e4), works, works, residents, activities, rates)
@example(1.5, 0.0, 0.0, (), (), {}, {"": 5e-324}, {})
def test_every_joule_is_somewhere_and_none_is_negative(
    energy_j, length_s, idle_w, work, running, present, activity, known
) -> None:
    shares = share(
        Interval(
            energy_j=energy_j,
            length_s=length_s,
            idle_w=idle_w,
            work=work,
            running=running,
            residents=present,
            activity=activity,
        ),
        known,
    )
    assert math.isclose(shares.total_j, energy_j, rel_tol=1e-9, abs_tol=1e-9)
    parts = [*shares.dynamic_j.values(), *shares.idle_j.values()]
    assert min(parts, default=0.0) >= 0.0
    assert shares.unattributed_idle_j >= 0.0
    assert shares.unattributed_dynamic_j >= -1e-9


@pytest.mark.parametrize(
    ("interval", "dynamic", "idle"),
    [
        pytest.param(
            Interval(energy_j=10, length_s=1, idle_w=4, work=(Work("a", "chat", "decode", 3),)),
            {"a": 6.0},
            {},
            id="one job takes the dynamic part",
        ),
        pytest.param(
            Interval(
                energy_j=9, length_s=1, idle_w=0, work=(Work("a", "chat", "decode", 1), Work("b", "chat", "decode", 2))
            ),
            {"a": 3.0, "b": 6.0},
            {},
            id="by units within a batch",
        ),
        pytest.param(
            Interval(
                energy_j=10,
                length_s=1,
                idle_w=0,
                work=(Work("a", "chat", "decode", 1), Work("b", "draw", "tile", 500)),
                activity={"chat": 3.0, "draw": 1.0, "": 1.0},
            ),
            {"a": 6.0, "b": 2.0},
            {},
            id="engines by their own activity, the rest is nobody's",
        ),
        pytest.param(
            Interval(
                energy_j=8,
                length_s=1,
                idle_w=2,
                running=(Work("a", "draw", "tile", 1),),
                residents={"draw": ("a", "b")},
            ),
            {"a": 6.0},
            {"a": 1.0, "b": 1.0},
            id="a long step goes on, who only waits shares the idle watts",
        ),
        pytest.param(
            Interval(energy_j=8, length_s=1, idle_w=2, residents={"draw": ("a", "b")}),
            {"a": 3.0, "b": 3.0},
            {"a": 1.0, "b": 1.0},
            id="without units by presence",
        ),
        pytest.param(Interval(energy_j=8, length_s=1, idle_w=20), {}, {}, id="nobody there"),
    ],
)
def test_who_is_charged(interval, dynamic, idle) -> None:
    shares = share(interval, {})
    assert shares.dynamic_j == pytest.approx(dynamic)
    assert shares.idle_j == pytest.approx(idle)


@pytest.mark.parametrize("wrong", [{"energy_j": -1.0}, {"length_s": -1.0}, {"energy_j": float("nan")}])
def test_what_cannot_be_is_refused(wrong) -> None:
    with pytest.raises(ValueError, match="not negative"):
        share(Interval(**{"energy_j": 1.0, "length_s": 1.0, "idle_w": 0.0, **wrong}), {})


def test_rates_are_learnt_for_two_kinds_that_come_in_changing_proportion() -> None:
    learnt, truth = Learnt(), {"prefill": 0.05, "decode": 0.4}
    for turn in range(400):
        units = {"prefill": 100.0 * (turn % 4), "decode": 20.0 + turn % 7}
        learnt = learn(learnt, sum(truth[kind] * amount for kind, amount in units.items()), units)
    assert learnt.rates == pytest.approx(truth, rel=0.05)


@example([(4.9e-152, {"prefill": 31.0}), (898.0, {"prefill": 1.0})])
@given(st.lists(st.tuples(st.floats(0, 1e5), st.dictionaries(st.sampled_from(KINDS), st.floats(0, 1e4))), max_size=20))
def test_learning_keeps_rates_finite_and_positive(lessons) -> None:
    learnt = Learnt()
    for energy_j, units in lessons:
        learnt = learn(learnt, energy_j, units)
    assert all(rate >= 0.0 and math.isfinite(rate) for rate in learnt.rates.values())


def _reading(at_s: float, energy_j: float) -> Reading:
    return Reading(at_s, 10.0, energy_j, "estimated", "cpu-time", "node", 20.0)


EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just("begin"), st.sampled_from(JOBS), st.sampled_from(ENGINES)),
        st.tuples(st.just("leave"), st.sampled_from(JOBS), st.sampled_from(ENGINES)),
        st.tuples(st.just("settle"), st.sampled_from(JOBS), st.just("")),
        st.tuples(st.just("drop"), st.sampled_from(JOBS), st.just("")),
        st.tuples(st.just("work"), st.sampled_from(JOBS), st.sampled_from(ENGINES)),
        st.tuples(st.just("ahead"), st.just(""), st.just("")),
        st.tuples(st.just("brief"), st.just(BRIEF), st.sampled_from(ENGINES)),
        st.tuples(st.just("tick"), st.just(""), st.just("")),
    ),
    max_size=60,
)


@given(EVENTS, st.floats(0, 20))
def test_the_books_balance_through_cancels_crashes_and_late_work(events, idle_w) -> None:
    account, settled_j, at_s = Account(), 0.0, 0.0
    account.close(_reading(0.0, 0.0), idle_w)
    for verb, job, engine in (*events, ("tick", "", "")):
        if verb == "begin":
            account.begin(job, engine, at_s)
        elif verb == "leave":
            account.leave(job, engine, at_s)
        elif verb == "ahead":
            account.advance(0.5, 0.25)
            settled_j += 0.75
        elif verb in ("work", "brief"):
            account.did([Work(job, engine, "decode", 2.0)])
        elif verb == "drop":
            account.drop(job, at_s)
            assert account.settle(job, at_s) is None
        elif verb == "settle":
            bill = account.settle(job, at_s, brief_j=0.125)
            settled_j += bill.dynamic_j + bill.idle_j if bill else 0.0
        else:
            at_s += 0.5
            account.close(_reading(at_s, at_s * 12.0), idle_w)
    everywhere = settled_j + account.open_j + account.unattributed_idle_j + account.unattributed_dynamic_j
    assert account.metered_j == pytest.approx(at_s * 12.0)
    assert everywhere - account.ahead_j == pytest.approx(account.metered_j)
    assert min(account.ahead_j, account.unattributed_idle_j, account.unattributed_dynamic_j) >= -1e-9
    assert settled_j == pytest.approx(account.settled_j)


def test_a_step_longer_than_the_interval_is_learnt_whole() -> None:
    account = Account()
    account.begin("a", "draw", 0.0)
    for tick in range(2000):
        if tick % 20 == 0:
            account.did([Work("a", "draw", "diffusion", 1.0)])
        account.close(_reading(tick * 0.05, tick * 0.05 * 100.0), 0.0)
    assert account.rates["draw", "diffusion"] == pytest.approx(100.0, rel=0.1)
    bill = account.settle("a", 100.0)
    assert bill is not None
    assert bill.dynamic_j == pytest.approx(1999 * 5.0)


def test_what_was_charged_ahead_is_taken_off_what_is_metered_next() -> None:
    account = Account()
    account.close(_reading(0.0, 0.0), 2.0)
    account.begin("long", "draw", 0.0)
    account.did([Work("long", "draw", "tile", 1.0), Work(BRIEF, "echo", "decode", 1.0)])
    account.advance(3.0, 0.5)
    account.close(_reading(1.0, 12.0), 2.0, {"draw": 1.0, "echo": 1.0})
    assert account.ahead_j == 0.0
    assert account.unattributed_dynamic_j == pytest.approx(2.0)
    bill = account.settle("long", 1.0)
    assert bill is not None
    assert (bill.dynamic_j, bill.idle_j) == pytest.approx((5.0, 1.5))


def test_a_job_that_came_and_went_between_two_readings_is_charged_for_its_time_alone() -> None:
    account = Account()
    account.close(_reading(0.0, 0.0), 10.0)
    account.begin("short", "echo", 0.9)
    account.did([Work("short", "echo", "decode", 1.0)])
    account.leave("short", "echo", 0.95)
    account.begin("later", "echo", 0.9625)
    account.close(_reading(1.0, 14.0), 10.0)
    short, later = account.settle("short", 1.0), account.settle("later", 1.0)
    assert short is not None
    assert later is not None
    assert (short.dynamic_j, short.idle_j) == pytest.approx((4.0, 0.5))
    assert (later.dynamic_j, later.idle_j) == pytest.approx((0.0, 0.375))
    assert account.unattributed_idle_j == pytest.approx(9.125)


def test_nothing_is_settled_for_what_never_began() -> None:
    assert Account().settle("x", 1.0) is None


def test_expected_counts_a_kind_never_seen() -> None:
    assert expected_j([Work("a", "e", "k", 2.0)], {}) > 0.0
