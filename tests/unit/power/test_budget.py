"""Splitting a budget, and leases that never add up to more than it, whatever happens to the messages."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omniwatt.power.budget import TIERS, Ask, Books, Lease, Need, allowed_w, answer, fill, take

watts = st.floats(0, 1e4)
needs = st.lists(
    st.builds(
        Need,
        name=st.sampled_from("abcdef"),
        floor_w=st.floats(0, 500),
        demand_w=st.dictionaries(st.sampled_from(TIERS), watts),
        max_w=st.floats(500, 1e4),
        weight=st.floats(0.1, 10),
    ),
    unique_by=lambda need: need.name,
    min_size=1,
    max_size=6,
)


@given(st.floats(0, 2e4), needs)
def test_a_budget_is_never_overspent_and_nobody_gets_more_than_wanted(budget_w, wanted) -> None:
    given_w = fill(budget_w, wanted)
    assert sum(given_w.values()) <= budget_w * (1 + 1e-9) + 1e-6
    for need in wanted:
        most_w = min(need.max_w, need.floor_w + sum(need.demand_w.values()))
        assert 0.0 <= given_w[need.name] <= max(need.floor_w, most_w) * (1 + 1e-9) + 1e-6


@given(st.floats(0, 2e4), needs)
def test_nothing_is_kept_back_while_somebody_wants_it(budget_w, wanted) -> None:
    given_w = fill(budget_w, wanted)
    most_w = sum(min(max(need.max_w, need.floor_w), need.floor_w + sum(need.demand_w.values())) for need in wanted)
    assert sum(given_w.values()) == pytest.approx(min(budget_w, most_w), rel=1e-6, abs=1e-3)


@pytest.mark.parametrize(
    ("budget_w", "wanted", "expected"),
    [
        pytest.param(100, [Need(name="a", floor_w=10)], {"a": 10}, id="energy follows load"),
        pytest.param(
            100,
            [Need(name="a", demand_w={"flex": 500}), Need(name="b", demand_w={"priority": 70, "default": 10})],
            {"a": 20, "b": 80},
            id="priority, then default, then flex",
        ),
        pytest.param(
            90,
            [Need(name="a", demand_w={"default": 100}), Need(name="b", demand_w={"default": 100}, weight=2)],
            {"a": 30, "b": 60},
            id="by weight within a tier",
        ),
        pytest.param(
            90,
            [Need(name="a", demand_w={"default": 10}), Need(name="b", demand_w={"default": 100})],
            {"a": 10, "b": 80},
            id="what one does not want the other gets",
        ),
        pytest.param(
            30, [Need(name="a", floor_w=40), Need(name="b", floor_w=20)], {"a": 20, "b": 10}, id="below the floors"
        ),
        pytest.param(0, [Need(name="a", floor_w=40)], {"a": 0}, id="nothing at all"),
        pytest.param(
            100, [Need(name="a", floor_w=10, demand_w={"default": 500}, max_w=40)], {"a": 40}, id="its own limit"
        ),
    ],
)
def test_who_gets_what(budget_w, wanted, expected) -> None:
    assert fill(budget_w, wanted) == pytest.approx(expected)


NODES = ("a", "b", "c")
FLOOR_W = {"a": 50.0, "b": 30.0, "c": 0.0}
steps = st.lists(
    st.one_of(
        st.tuples(st.just("wait"), st.floats(0.01, 4.0)),
        st.tuples(st.just("ask"), st.sampled_from(NODES), st.floats(0, 1500), st.sampled_from(TIERS)),
        st.tuples(st.just("hear"), st.integers(0, 30)),
        st.tuples(st.just("reply"), st.integers(0, 30)),
        st.tuples(st.just("restart"), st.sampled_from(NODES)),
    ),
    max_size=120,
)


@settings(max_examples=300)
@given(steps, st.lists(st.floats(-1e6, 1e6), min_size=3, max_size=3))
def test_leases_never_add_up_to_more_than_the_budget_whatever_messages_do(script, offsets) -> None:
    """Messages are delivered in any order, late, twice or never; every node has a clock of its own."""
    budget_w, now_s, books = 1000.0, 0.0, Books()
    clocks = dict(zip(NODES, offsets, strict=True))
    leases = dict.fromkeys(NODES, Lease())
    asked, granted = [], []
    for step in script:
        if step[0] == "wait":
            now_s += step[1]
        elif step[0] == "ask":
            _, name, demand_w, tier = step
            need = Need(name=name, floor_w=FLOOR_W[name], demand_w={tier: demand_w})
            asked.append(Ask(need=need, at_s=now_s + clocks[name], follows=leases[name].number))
        elif step[0] == "hear" and asked:
            books, grant = answer(books, asked[step[1] % len(asked)], budget_w, now_s)
            granted.append(grant)
        elif step[0] == "reply" and granted:
            grant = granted[step[1] % len(granted)]
            leases[grant.name] = take(leases[grant.name], grant)
        elif step[0] == "restart":
            leases[step[1]] = Lease()
        drawn_w = sum(allowed_w(leases[name], FLOOR_W[name], now_s + clocks[name]) for name in NODES)
        assert drawn_w <= budget_w * (1 + 1e-9)


def test_a_lowered_budget_holds_one_lease_later() -> None:
    books, leases, now_s = Books(), {"a": Lease(), "b": Lease()}, 0.0
    for turn in range(12):
        budget_w = 1000.0 if turn < 6 else 400.0
        for name, lease in leases.items():
            need = Need(name=name, floor_w=50, demand_w={"default": 900})
            ask = Ask(need=need, at_s=now_s, follows=lease.number)
            books, grant = answer(books, ask, budget_w, now_s)
            leases[name] = take(lease, grant)
        now_s += 1.0
    assert sum(allowed_w(lease, 50, now_s - 1.0) for lease in leases.values()) <= 400.0
    assert all(allowed_w(lease, 50, now_s - 1.0) > 150.0 for lease in leases.values())


def test_a_newcomer_waits_until_its_floor_is_free() -> None:
    books, alone = Books(), Ask(need=Need(name="a", demand_w={"default": 2000}), at_s=0.0)
    books, first = answer(books, alone, 1000.0, 0.0)
    newcomer = Ask(need=Need(name="b", floor_w=100, demand_w={"default": 400}), at_s=5.0)
    books, early = answer(books, newcomer, 1000.0, 1.0)
    assert (first.watts, early.watts, early.joined) == (1000.0, 0.0, False)
    assert allowed_w(take(Lease(), early), 100.0, 5.1) == 0.0
    books, less = answer(books, Ask(need=alone.need, at_s=2.0, follows=first.number), 1000.0, 2.0)
    books, _ = answer(books, Ask(need=alone.need, at_s=2.5, follows=less.number), 1000.0, 2.5)
    books, later = answer(books, newcomer, 1000.0, 3.0)
    assert later.joined
    assert later.watts == pytest.approx(500.0)
