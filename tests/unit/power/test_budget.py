"""Splitting a budget, and leases that never add up to more than it, whatever happens to the messages."""

import random
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniwatt.power.budget import (
    BLOCK,
    TIERS,
    Ask,
    Books,
    Grant,
    Kept,
    Lease,
    Need,
    Tier,
    allowed_w,
    answer,
    fill,
    forgotten,
    reopened,
    take,
)

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
FLOORS_W = (0.0, 30.0, 50.0, 90.0)
DEMANDS_W = (0.0, 300.0, 1500.0)


def script(seed: int, steps: int = 120) -> Iterator[tuple[Any, ...]]:
    """What happens, in random order: mostly questions, some of them or their answers late, doubled or lost."""
    rng = random.Random(seed)
    for _ in range(steps):
        kind = rng.choices(
            ("exchange", "unanswered", "ask", "hear", "reply", "wait", "restart", "site restarts", "forget"),
            (20, 10, 10, 8, 12, 20, 3, 3, 2),
        )[0]
        if kind in ("exchange", "unanswered", "ask"):
            need = rng.choice(DEMANDS_W), rng.choice(TIERS), rng.choice(FLOORS_W)
            yield (kind, rng.choice(NODES), *need)
        elif kind == "wait":
            yield kind, rng.choice((0.1, 0.5, 1.0, rng.uniform(0.0, 4.0)))
        else:
            yield kind, rng.randint(1, 6) if kind in ("hear", "reply") else rng.choice(NODES)


class World:
    """A site and nodes, each with a clock of its own, and messages on their way between them."""

    def __init__(self, seed: int) -> None:
        self.now_s = 0.0
        self.books = Books()
        self.kept: dict[str, Kept] | None = {}
        self.clocks = {name: random.Random(f"{seed}{name}").uniform(0.0, 1e7) for name in NODES}
        self.leases = {name: Lease(asked_s=self.clock_s(name)) for name in NODES}
        self.asked: list[Ask] = []
        self.granted: list[Grant] = []

    def clock_s(self, name: str) -> float:
        return self.now_s + self.clocks[name]

    def allowed_w(self, name: str) -> float:
        return allowed_w(self.leases[name], self.clock_s(name))

    @property
    def drawn_w(self) -> float:
        return sum(map(self.allowed_w, NODES))

    def step(self, what: str, *more: Any, budget_w: float = 1000.0) -> None:
        if what in ("exchange", "unanswered", "ask"):
            self.ask(*more)
            for part in ("hear", "reply")[: {"ask": 0, "unanswered": 1, "exchange": 2}[what]]:
                self.step(part, 1, budget_w=budget_w)
        elif what == "wait":
            self.now_s += more[0]
        elif what == "hear":
            self.hear(self.asked[-more[0] :][:1], budget_w)
        elif what == "reply":
            for grant in self.granted[-more[0] :][:1]:
                self.leases[grant.name] = take(self.leases[grant.name], grant)
        elif what == "restart":
            self.leases[more[0]] = Lease(asked_s=self.clock_s(more[0]))
        elif what == "site restarts":
            self.books = reopened(self.kept, self.books.last + BLOCK, self.now_s)
        else:
            self.forget(more[0])

    def ask(self, name: str, demand_w: float, tier: Tier, floor_w: float) -> None:
        need = Need(name=name, floor_w=floor_w, demand_w={tier: demand_w})
        self.asked.append(Ask(need=need, at_s=self.clock_s(name), follows=self.leases[name].number))

    def hear(self, asks: list[Ask], budget_w: float) -> None:
        for ask in asks:
            self.books, grant = answer(self.books, ask, budget_w, self.now_s)
            if self.now_s >= self.books.settled_s:
                self.kept = self.books.kept(self.now_s)
            self.granted.append(grant)

    def forget(self, name: str) -> None:
        """Only what draws nothing, and is switched off, is forgotten."""
        if self.allowed_w(name) == 0.0 and self.now_s - self.heard_s(name) > 3.1:
            self.step("restart", name)
            self.books = forgotten(self.books, name)
            self.kept = self.books.kept(self.now_s)

    def heard_s(self, name: str) -> float:
        return self.books.heard_s.get(name, self.now_s)


@pytest.mark.parametrize("part", range(4))
def test_leases_never_add_up_to_more_than_the_budget_whatever_messages_do(part) -> None:
    """Messages are delivered in any order, late, twice or never; every node has a clock of its own; site and nodes are
    started again at any moment."""
    for seed in range(100 * part, 100 * part + 100):
        world = World(seed)
        for what, *more in script(seed):
            world.step(what, *more)
            assert world.drawn_w <= 1000.0 * (1 + 1e-9), seed
            for name in NODES:
                assert world.allowed_w(name) <= world.books.held_w(name, world.now_s) + 1e-6, seed


def test_a_site_that_lost_its_books_grants_nothing_for_a_lease() -> None:
    """What is followed then, and is above the floors, has run out when the first newcomer joins."""
    for seed in range(100):
        world, at = World(seed), seed % 80
        for number, (what, *more) in enumerate(script(seed)):
            if number == at:
                world.books, world.kept, world.granted = reopened(None, 1 << 50, world.now_s), None, []
                world.leases = {name: msgspec.structs.replace(one, floor_w=0.0) for name, one in world.leases.items()}
            world.step(what, *more)
            assert world.drawn_w <= 1000.0 * (1 + 1e-9), seed


def test_a_lowered_budget_holds_one_lease_later_whatever_messages_do() -> None:
    for seed in range(100):
        world, lowered_s = World(seed), float("inf")
        for number, (what, *more) in enumerate(script(seed)):
            if number == 60:
                lowered_s = world.now_s
            world.step(what, *more, budget_w=1000.0 if number < 60 else 300.0)
            assert world.now_s <= lowered_s + 3.1 or world.drawn_w <= 300.0 * (1 + 1e-9), seed


def served(world: World, demands: dict[str, float], seconds: int, budget_w: float = 1000.0) -> None:
    """Everybody asks each second, and every message comes."""
    for _ in range(seconds):
        for name, demand_w in demands.items():
            need = Need(name=name, floor_w=50, demand_w={"default": demand_w})
            ask = Ask(need=need, at_s=world.clock_s(name), follows=world.leases[name].number)
            world.books, grant = answer(world.books, ask, budget_w, world.now_s)
            world.leases[name] = take(world.leases[name], grant)
        world.now_s += 1.0


def test_a_lowered_budget_holds_after_two_questions() -> None:
    world = World(1)
    served(world, {"a": 900, "b": 900}, 6)
    served(world, {"a": 900, "b": 900}, 3, budget_w=400.0)
    world.now_s -= 1.0
    assert sum(world.allowed_w(name) for name in "ab") <= 400.0
    assert all(world.allowed_w(name) > 150.0 for name in "ab")


def test_watts_follow_work_from_one_to_the_other() -> None:
    world = World(1)
    served(world, {"a": 900, "b": 0}, 5)
    assert (world.allowed_w("a"), world.allowed_w("b")) == (pytest.approx(950), pytest.approx(50))
    served(world, {"a": 0, "b": 900}, 3)
    assert (world.allowed_w("a"), world.allowed_w("b")) == (pytest.approx(50), pytest.approx(950))


def test_who_is_silent_leaves_all_but_its_floor_to_the_others() -> None:
    world = World(1)
    served(world, {"a": 900, "b": 900}, 5)
    assert world.allowed_w("b") == pytest.approx(500)
    served(world, {"a": 900}, 6)
    assert (world.allowed_w("a"), world.allowed_w("b")) == (pytest.approx(950), 50.0)
    world.books = forgotten(world.books, "b")
    served(world, {"a": 1200}, 2)
    assert world.allowed_w("a") == pytest.approx(1000)


def test_a_site_that_is_started_again_takes_nothing_from_anybody() -> None:
    world = World(1)
    served(world, {"a": 700, "b": 200}, 5)
    world.books = reopened(world.books.kept(world.now_s), world.books.last + BLOCK, world.now_s)
    served(world, {"a": 700, "b": 200}, 1)
    world.now_s -= 0.5
    assert (world.allowed_w("a"), world.allowed_w("b")) == (pytest.approx(750), pytest.approx(250))


def test_a_floor_may_rise_when_there_is_room_and_falls_when_that_is_known() -> None:
    books, lease = Books(), Lease()

    def asked(floor_w: float, at_s: float, budget_w: float = 100.0) -> float:
        nonlocal books, lease
        ask = Ask(need=Need(name="a", floor_w=floor_w), at_s=at_s, follows=lease.number)
        books, grant = answer(books, ask, budget_w, at_s)
        lease = take(lease, grant)
        return books.floor_w("a")

    assert asked(40, 0.0) == 40
    assert asked(60, 1.0) == 60
    assert asked(30, 2.0) == 60, "it may not have heard yet"
    assert asked(30, 3.0) == 30
    assert allowed_w(lease, 99.0) == 30
    assert asked(120, 4.0) == 30, "more than there is"
    assert asked(30, 5.0, budget_w=20.0) == 30
    assert (asked(30, 6.0, budget_w=20.0), allowed_w(lease, 99.0)) == (20, 20), "cut, with all floors"


def test_a_newcomer_waits_until_its_floor_is_free() -> None:
    books, alone = Books(), Ask(need=Need(name="a", demand_w={"default": 2000}), at_s=0.0)
    books, first = answer(books, alone, 1000.0, 0.0)
    newcomer = Ask(need=Need(name="b", floor_w=100, demand_w={"default": 400}), at_s=5.0)
    books, early = answer(books, newcomer, 1000.0, 1.0)
    assert (first.watts, early.watts, early.joined) == (1000.0, 0.0, False)
    assert allowed_w(take(Lease(), early), 5.1) == 0.0
    books, less = answer(books, Ask(need=alone.need, at_s=2.0, follows=first.number), 1000.0, 2.0)
    books, _ = answer(books, Ask(need=alone.need, at_s=2.5, follows=less.number), 1000.0, 2.5)
    books, later = answer(books, newcomer, 1000.0, 3.0)
    assert later.joined
    assert later.watts == pytest.approx(500.0)


def test_a_newcomer_that_does_not_fit_takes_nothing_from_anybody() -> None:
    books, big = Books(), Need(name="a", floor_w=60)
    books, first = answer(books, Ask(need=big, at_s=0.0), 100.0, 0.0)
    for turn in range(1, 4):
        books, grant = answer(books, Ask(need=Need(name="b", floor_w=50), at_s=turn), 100.0, turn)
        assert not grant.joined
        books, first = answer(books, Ask(need=big, at_s=turn, follows=first.number), 100.0, turn)
        assert first.watts == 60.0


def test_a_number_nobody_gave_frees_nothing() -> None:
    books, first = answer(Books(), Ask(need=Need(name="a", demand_w={"default": 900}), at_s=0.0), 1000.0, 0.0)
    books, _ = answer(books, Ask(need=Need(name="a"), at_s=1.0, follows=10**9), 1000.0, 1.0)
    assert books.held_w("a", 1.0) == first.watts
