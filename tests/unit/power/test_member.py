"""A node's part in a site: what it asks for, when, and what it makes of the answers."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from omniwatt.contract.error import Conflict
from omniwatt.power.budget import Ask, Grant, Need
from omniwatt.power.member import Member, name_of, need_of
from omniwatt.power.messages import Budget, Telemetry
from omniwatt.power.sitelink import SiteSilent

IDLE = Telemetry(watts=10.0, idle_w=10.0, max_w=50.0, floor_w=14.0, rest_w=10.0, slot_w=10.0, capacity=4.0)


def test_a_node_of_which_nothing_is_known_asks_for_nothing() -> None:
    assert need_of("a", 1.0, Telemetry(), None) is None


@pytest.mark.parametrize(
    ("told", "own_w", "expected"),
    [
        pytest.param(IDLE, None, {"spare": 9.625}, id="idle: room to start"),
        pytest.param(replace(IDLE, wanted={"default": 2.0}), None, {"default": 17.5, "spare": 9.625}, id="two cores"),
        pytest.param(
            replace(IDLE, wanted={"priority": 1.0, "flex": 2.0}),
            None,
            {"priority": 7.0, "flex": 21.0, "spare": 9.625},
            id="tier by tier",
        ),
        pytest.param(replace(IDLE, wanted={"flex": 0.1}), None, {"spare": 9.625}, id="within the floor"),
        pytest.param(
            replace(IDLE, rest_w=12.0, slot_w=12.0, wanted={"default": 1.0}),
            None,
            {"default": 11.2, "spare": 12.25},
            id="as it was found to be, not as calibrated",
        ),
    ],
)
def test_what_work_wants(told, own_w, expected) -> None:
    need = need_of("a", 2.0, told, own_w)
    assert need is not None
    assert {tier: watts for tier, watts in need.demand_w.items() if watts} == pytest.approx(expected)
    assert (need.floor_w, need.weight) == (14.0, 2.0)


@pytest.mark.parametrize(("own_w", "most_w"), [(None, 52.5), (30.0, 30.0), (1e12, 52.5), (5.0, 14.0)])
def test_a_node_wants_no_more_than_it_may_by_its_own_budget(own_w, most_w) -> None:
    need = need_of("a", 1.0, replace(IDLE, wanted={"default": 4.0}), own_w)
    assert need is not None
    assert need.max_w == most_w
    assert need.wants_w == min(52.5, most_w)


def test_what_is_learnt_amiss_has_an_end() -> None:
    need = need_of("a", 1.0, replace(IDLE, slot_w=100.0, wanted={"default": 4.0}), None)
    assert need is not None
    assert need.wants_w == need.max_w == pytest.approx(1.05 * 75.0)


@pytest.mark.parametrize("name", ["-a", "a b", "a" * 65, "ä", "a/b"])
def test_a_name_that_is_none(name) -> None:
    with pytest.raises(ValueError, match="site_name"):
        name_of(name)


def test_a_machine_has_a_name(monkeypatch) -> None:
    assert name_of("box-1.example") == "box-1.example"
    for machine, expected in (("host.lan", "host.lan"), ("_my box!", "my-box-"), ("", "node")):
        monkeypatch.setattr("socket.gethostname", lambda machine=machine: machine)
        assert name_of("") == expected


TURN_S = 0.125
"""Whole in binary."""


class Line:
    """A member, a clock, and a site that answers as it is told to."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.told = IDLE
        self.asks: list[tuple[float, Ask]] = []
        self.says: Callable[[Ask], Grant] = lambda ask: self.grant(ask, 30.0)
        self.changes = 0
        self.member = Member("a", 1.0, "there", self.ask, lambda: self.told, self.changed, lambda: self.now_s)

    def grant(self, ask: Ask, watts: float, **more: Any) -> Grant:
        return Grant(**{"name": "a", "number": len(self.asks), "watts": watts, "floor_w": 14.0, "asked_s": ask.at_s,
                        "ttl_s": 3.0} | more)  # fmt: skip

    async def ask(self, ask: Ask) -> Grant:
        self.asks.append((self.now_s, ask))
        return self.says(ask)

    def changed(self) -> None:
        self.changes += 1

    async def turns(self, seconds: float) -> list[float]:
        """Let it run so long; when it asked, from then on."""
        begun_s, before = self.now_s, len(self.asks)
        running = self.member.run().__await__()
        while self.now_s < begun_s + seconds:
            # Each turn ends in one sleep.
            running.send(None)
            self.now_s += TURN_S
        running.close()
        return [at_s - begun_s for at_s, _ in self.asks[before:]]


@pytest.fixture
def line(monkeypatch) -> Line:
    async def nap(_: float) -> None:
        await asyncio.tasks.__sleep0()  # type: ignore[attr-defined]

    monkeypatch.setattr("omniwatt.power.member.asyncio.sleep", nap)
    return Line()


async def test_it_asks_once_a_second(line) -> None:
    assert await line.turns(3.5) == [0.0, 1.0, 2.0, 3.0]
    assert line.member.status() == {
        "name": "a", "site": "there", "state": "lent", "why": "", "watts": 30.0, "left_s": 2.5, "floor_w": 14.0,
        "wants_w": 14.0, "heard_s_ago": 0.5,
    }  # fmt: skip


async def test_it_asks_at_once_when_work_comes_that_wants_more_than_is_lent(line) -> None:
    await line.turns(0.25)
    line.told = replace(IDLE, wanted={"default": 1.0})
    assert await line.turns(0.5) == [], "it has room for that"
    line.told = replace(IDLE, wanted={"default": 4.0})
    assert await line.turns(1.25) == [0.0, 0.5, 1.0], "at once, and twice a second while it wants more"


async def test_it_says_soon_when_it_wants_less(line) -> None:
    line.told = replace(IDLE, wanted={"default": 2.0})
    await line.turns(0.25)
    line.told = IDLE
    assert await line.turns(2.0) == [0.25, 1.25]


async def test_a_smaller_lease_counts_as_followed_when_the_meter_shows_it_or_a_second_later(line) -> None:
    line.told = replace(IDLE, watts=30.0, wanted={"default": 1.5})
    await line.turns(1.0)
    line.says = lambda ask: line.grant(ask, 20.0)
    assert await line.turns(0.5) == [0.0]
    line.told = replace(line.told, watts=20.1)
    assert await line.turns(0.5) == [0.0]
    assert [ask.follows for _, ask in line.asks] == [0, 1, 2], "it has come down, and says so at once"
    line.says = lambda ask: line.grant(ask, 16.0)
    await line.turns(1.5)
    assert [ask.follows for _, ask in line.asks[3:]] == [3, 3, 5], "or a second later, whatever the meter shows"


async def test_the_governor_is_told_until_when_and_what_then(line) -> None:
    assert line.member.limited(None).at(line.now_s) == 0.0, "nothing before the first lease"
    await line.turns(0.1)
    assert line.member.limited(None) == Budget(30.0, 103.0, 14.0)
    assert line.member.limited(20.0) == Budget(20.0, 103.0, 14.0)
    assert line.member.limited(5.0) == Budget(5.0, 103.0, 5.0)
    assert [line.member.limited(None).at(at_s) for at_s in (102.9, 103.0)] == [30.0, 14.0]
    assert line.changes == 1


async def test_a_site_that_is_silent_is_warned_of_once(line, caplog) -> None:
    caplog.set_level(logging.WARNING)
    await line.turns(0.5)

    def silent(_: Ask) -> Grant:
        raise SiteSilent("connection refused")

    line.says = silent
    await line.turns(2.0)
    assert (line.member.state, caplog.messages) == ("lent", []), "what was lent still holds"
    asked = await line.turns(10.0)
    assert len(asked) == 10, "it asks on"
    assert line.member.state == "lost"
    assert line.member.status()["watts"] == 14.0
    assert caplog.messages == [
        "the site at there lends this node (a) nothing: connection refused; it holds 14.0 W and asks on"
    ]
    line.says = lambda ask: line.grant(ask, 25.0)
    await line.turns(3.0)
    assert caplog.messages[1:] == ["the site at there lends again: 25.0 W"]


async def test_a_site_that_never_answered_is_lost_too(line, caplog) -> None:
    def taken(_: Ask) -> Grant:
        raise Conflict("Another node is called 'a'.")

    line.says = taken
    await line.turns(2.0)
    assert (line.member.state, line.member.status()["why"]) == ("asking", "Another node is called 'a'.")
    await line.turns(3.0)
    assert line.member.state == "lost"
    assert len(caplog.messages) == 1


async def test_no_room_is_warned_of_when_it_lasts(line, caplog) -> None:
    line.says = lambda ask: line.grant(ask, 0.0, floor_w=0.0, joined=False, why="no room")
    await line.turns(5.0)
    assert (line.member.state, line.member.limited(None).at(line.now_s), caplog.messages) == ("waiting", 0.0, [])
    await line.turns(3.0)
    assert caplog.messages == ["the site at there lends this node (a) nothing: no room; it holds 0.0 W and asks on"]


async def test_an_answer_that_is_late_or_old_changes_nothing(line) -> None:
    await line.turns(0.1)
    line.says = lambda ask: line.grant(ask, 99.0, number=1)
    await line.turns(2.5)
    assert line.member.status()["watts"] == 30.0
    assert line.member.state == "lent"


def test_need_is_what_goes_over_the_wire() -> None:
    need = need_of("a", 1.0, replace(IDLE, wanted={"default": 1e12}, slot_w=1e9), None)
    assert isinstance(need, Need)
    assert all(watts <= 1e9 for watts in (need.max_w, need.floor_w, *need.demand_w.values()))
