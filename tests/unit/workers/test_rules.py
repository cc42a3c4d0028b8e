"""The pure rules of the workers: who is picked, who leaves the memory, when to restart, what is a hang."""

import pytest

from omniwatt.contract.job import Job
from omniwatt.contract.request import ChatBody, EmbedBody, Message, TextPart
from omniwatt.workers.local import Pulse, Timing, is_hung, restart_delay_s
from omniwatt.workers.pick import pick
from omniwatt.workers.residents import Resident, idle_too_long, to_evict
from omniwatt.workers.roster import PREFIXES_KEPT, Prefixes, Step, WorkerView, prefix_keys
from tests.unit.workers.pools import job

CACHED = frozenset({"p1", "p2"})
A = WorkerView("a", "g", slots=4)
B = WorkerView("b", "g", slots=4)


@pytest.mark.parametrize(
    ("step", "roster", "picked"),
    [
        (Step("g"), [], None),
        (Step("g"), [B, A], "a"),
        (Step("h"), [A, B], None),
        (Step("g"), [WorkerView("a", "g", alive=False), B], "b"),
        (Step("g"), [WorkerView("a", "g", loaded=False), B], "b"),
        (Step("g", avoid=frozenset("a")), [A, B], "b"),
        (Step("g", avoid=frozenset("ab")), [A, B], None),
        (Step("g"), [WorkerView("a", "g", slots=4, in_flight=1), B], "b"),
        (Step("g", ("p1", "p2")), [A, WorkerView("b", "g", slots=4, in_flight=3, prefixes=CACHED)], "b"),
        (Step("g", ("p1", "p2")), [A, WorkerView("b", "g", slots=4, in_flight=4, prefixes=CACHED)], "a"),
        (
            Step("g", ("p1", "p2")),
            [WorkerView("a", "g", slots=4, prefixes=frozenset({"p1"})), WorkerView("b", "g", slots=4, prefixes=CACHED)],
            "b",
        ),
        (Step("g"), [WorkerView("a", "g", slots=1, in_flight=3), WorkerView("b", "g", slots=2, in_flight=3)], "b"),
    ],
)
def test_pick(step: Step, roster: list[WorkerView], picked: str | None) -> None:
    found = pick(step, roster)
    assert (found.id if found else None) == picked
    assert pick(step, list(reversed(roster))) == found


def test_prefix_keys_grow_with_the_conversation_and_never_cross_a_scope() -> None:
    words = tuple(Message("user", (TextPart(text),)) for text in ("one", "two"))
    short, long = (Job("j", "chat", "m", ChatBody(words[:count]), cache_scope="s") for count in (1, 2))
    assert prefix_keys(long)[:1] == prefix_keys(short)
    assert len(prefix_keys(long)) == 2
    assert not set(prefix_keys(job("one", "s"))) & set(prefix_keys(job("one", "t")))
    assert prefix_keys(Job("j", "embed", "m", EmbedBody(("one",)))) == ()


def test_only_the_newest_prefixes_are_kept() -> None:
    kept = Prefixes()
    kept.add(tuple(str(number) for number in range(PREFIXES_KEPT)))
    kept.add(("0", "new"))
    assert {"0", "new"} <= kept.view()
    assert "1" not in kept.view()
    assert len(kept.view()) == PREFIXES_KEPT
    kept.clear()
    assert kept.view() == frozenset()


OLD, NEW, BUSY = (
    Resident("old", 10, 100.0, busy=False),
    Resident("new", 10, 5.0, busy=False),
    Resident("busy", 10, 0.0, busy=True),
)


@pytest.mark.parametrize(
    ("need", "limit", "leaving"),
    [
        (0, 30, []),
        (5, 35, []),
        (5, 30, ["old"]),
        (15, 30, ["old", "new"]),
        (20, 30, ["old", "new"]),
        (21, 30, None),
        (0, 5, None),
    ],
)
def test_the_least_recently_used_leave_first_and_never_a_busy_one(
    need: int, limit: int, leaving: list[str] | None
) -> None:
    assert to_evict([NEW, BUSY, OLD], need, limit) == leaving


def test_a_model_without_memory_of_its_own_is_not_evicted() -> None:
    assert to_evict([Resident("relay", 0, 1000.0, busy=False), OLD], 5, 10) == ["old"]


@pytest.mark.parametrize(("limit_s", "gone"), [(0, []), (50, ["old"]), (1, ["old", "new"]), (1000, [])])
def test_idle(limit_s: float, gone: list[str]) -> None:
    assert idle_too_long([OLD, NEW, BUSY], limit_s) == gone


def test_restarts_wait_longer_and_longer_up_to_a_limit() -> None:
    timing = Timing()
    waits_s = [restart_delay_s(failures, timing) for failures in (0, 1, 2, 3, 4, 8, 9, 1000)]
    assert waits_s == [0.0, 0.0, 0.5, 1.0, 2.0, 30.0, 30.0, 30.0]


@pytest.mark.parametrize(
    ("pulse", "hung"),
    [
        (Pulse(31.0, 0.0, owed=True), True),
        (Pulse(29.0, 0.0, owed=True), False),
        (Pulse(31.0, 1.0, owed=True), False),
        (Pulse(31.0, 0.0, owed=False), False),
        (Pulse(31.0, 0.01, owed=True), True),
        (Pulse(0.0, 31.0, owed=True, stuck_s=31.0), True),
        (Pulse(0.0, 31.0, owed=True, stuck_s=29.0), False),
    ],
)
def test_what_is_a_hang(pulse: Pulse, hung: bool) -> None:
    assert is_hung(pulse, 30.0) is hung
