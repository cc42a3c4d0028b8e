"""Admission: the order as a table, the queue under random load, and what happens to those who leave."""

import asyncio
import random
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from omniwatt import settings
from omniwatt.admission import Admission, Place, Waiting, expected_wait_s, gathering, grantable
from omniwatt.contract.error import Internal, Overloaded
from omniwatt.contract.event import EMPTY
from omniwatt.contract.job import Demand, Job, Plan
from omniwatt.contract.request import DataBody


def wants(
    ticket: int, *groups: str, at: float | None = None, late: bool = False, slots: int = 1, tier: str = "default"
) -> Waiting:
    demand = tuple(Demand(group, slots) for group in groups)
    return Waiting(ticket, ticket if at is None else at, demand, tier, late)


@dataclass
class Case:
    name: str
    waiting: list[Waiting]
    free: dict[str, int]
    granted: list[int]
    reserve: dict[str, int] = field(default_factory=dict)


CASES = [
    Case("first come, first served", [wants(1, "a"), wants(2, "a")], {"a": 1}, [1]),
    Case("different groups do not wait for each other", [wants(1, "a"), wants(2, "b")], {"a": 0, "b": 1}, [2]),
    Case("all or nothing", [wants(1, "a", "b")], {"a": 1, "b": 0}, []),
    Case("nobody overtakes on a barred group", [wants(1, "a", "b"), wants(2, "a")], {"a": 1, "b": 0}, []),
    Case("late steps go first", [wants(1, "a"), wants(2, "a", late=True)], {"a": 1}, [2]),
    Case("late steps by original age", [wants(3, "a", at=9, late=True), wants(4, "a", at=1, late=True)], {"a": 1}, [4]),
    Case("several slots at once", [wants(1, "a", slots=3), wants(2, "a")], {"a": 3}, [1]),
    Case("a big one is not starved by small ones", [wants(1, "a", slots=3), wants(2, "a")], {"a": 2}, []),
    Case("unknown group has no slots", [wants(1, "x")], {}, []),
    Case("a higher tier first", [wants(1, "a"), wants(2, "a", tier="priority")], {"a": 1}, [2]),
    Case("flex last", [wants(1, "a", tier="flex"), wants(2, "a")], {"a": 1}, [2]),
    Case("within a tier by age", [wants(2, "a", tier="flex"), wants(1, "a", tier="flex")], {"a": 1}, [1]),
    Case("nobody is overtaken for ever", [wants(1, "a"), wants(40, "a", tier="priority")], {"a": 1}, [1]),
    Case("nor is flex", [wants(1, "a", tier="flex"), wants(70, "a", tier="priority")], {"a": 1}, [1]),
    Case("the reserve is for priority", [wants(1, "a"), wants(2, "a", tier="priority")], {"a": 0}, [2], {"a": 1}),
    Case("and for no more than it holds", [wants(1, "a", tier="priority")], {"a": -1}, [], {"a": 1}),
    Case(
        "who waits for a slot bars nobody from the reserve",
        [wants(1, "a"), wants(40, "a", tier="priority")],
        {"a": 0},
        [40],
        {"a": 1},
    ),
    Case(
        "which is full at slots and reserve together",
        [wants(1, "a", slots=2), *(wants(ticket, "a", tier="priority") for ticket in (40, 41, 42))],
        {"a": 1},
        [40, 41],
        {"a": 1},
    ),
    Case(
        "priority that waits bars priority behind it",
        [wants(1, "a", tier="priority", slots=2), wants(2, "a", tier="priority")],
        {"a": 0},
        [],
        {"a": 1},
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_order(case: Case) -> None:
    assert grantable(case.waiting, case.free, case.reserve) == case.granted


@given(
    st.lists(st.tuples(st.sets(st.sampled_from("abcd"), min_size=1), st.booleans()), max_size=20),
    st.dictionaries(st.sampled_from("abcd"), st.integers(0, 3)),
)
def test_order_never_grants_more_than_is_free(wanted: list[tuple[set[str], bool]], free: dict[str, int]) -> None:
    waiting = [wants(ticket, *sorted(groups), late=late) for ticket, (groups, late) in enumerate(wanted)]
    granted = grantable(waiting, free)
    used = [d.group for one in waiting if one.ticket in granted for d in one.demand]
    assert all(used.count(group) <= free.get(group, 0) for group in "abcd")


def plan_for(*groups: str, deadline_s: float | None = None) -> Plan:
    return Plan(
        recipe="direct", model=groups[0], demand=tuple(Demand(group) for group in groups), deadline_s=deadline_s
    )


def no_call(*_: object) -> None:
    raise AssertionError("not called")


def admission(slots: int = 1, queue_limit: int = 1000, wait_limit_s: float = 30.0) -> Admission:
    limits = settings.Admission(queue_limit=queue_limit, wait_limit_s=wait_limit_s)
    return Admission(lambda _: slots, no_call, limits)  # type: ignore[arg-type]


@hypothesis_settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32))
def test_200_random_plans_over_4_single_slots_always_finish(seed: int) -> None:
    rng = random.Random(seed)
    queue = admission()
    running: dict[str, int] = dict.fromkeys("abcd", 0)
    finished = 0

    @contextmanager
    def alone_in(groups: list[str]) -> Iterator[None]:
        for group in groups:
            running[group] += 1
            assert running[group] == 1, f"{group} is held twice"
        try:
            yield
        finally:
            for group in groups:
                running[group] -= 1

    async def one() -> None:
        nonlocal finished
        groups = rng.sample("abcd", rng.randint(1, 4))
        async with queue.admit(plan_for(*groups)) as place:
            with alone_in(groups):
                await asyncio.sleep(0)
            if rng.random() < 0.3:
                groups = rng.sample("abcd", rng.randint(1, 4))
                await place.exchange(tuple(Demand(group) for group in groups))
                with alone_in(groups):
                    await asyncio.sleep(0)
        finished += 1

    async def all_of_them() -> None:
        async with asyncio.timeout(20):
            tasks = [asyncio.create_task(one()) for _ in range(200)]
            victims = rng.sample(tasks, 20)
            await asyncio.sleep(0)
            for task in victims:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        for task in tasks:
            assert task.cancelled() or task.exception() is None, task

    asyncio.run(all_of_them())
    assert finished >= 180
    assert all(group["running"] == group["waiting"] == 0 for group in queue.status().values())


async def test_the_wait_limit_ends_in_overloaded_with_a_retry_time() -> None:
    queue = admission(wait_limit_s=0.02)
    async with queue.admit(plan_for("a")):
        with pytest.raises(Overloaded) as caught:
            async with queue.admit(plan_for("a")):
                raise AssertionError("granted twice")
        assert caught.value.retry_after_s
        assert caught.value.retry_after_s >= 1
    assert queue.status()["a"]["running"] == 0


async def test_a_deadline_shortens_the_wait() -> None:
    queue = admission(wait_limit_s=60)
    async with queue.admit(plan_for("a")):
        with pytest.raises(Overloaded, match=r"0\.01 s"):
            async with queue.admit(plan_for("a", deadline_s=0.01)):
                raise AssertionError("granted twice")


async def test_a_full_queue_refuses_at_once() -> None:
    queue = admission(queue_limit=1)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(queue.admit(plan_for("a")))
        waiting = asyncio.create_task(stack.enter_async_context(queue.admit(plan_for("a"))))
        await asyncio.sleep(0)
        with pytest.raises(Overloaded, match="already waiting"):
            async with queue.admit(plan_for("a")):
                raise AssertionError("let in")
        async with queue.admit(plan_for("b")):
            assert queue.status()["b"]["running"] == 1
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    assert queue.status()["a"] | {"service_s": 0} == {"waiting": 0, "running": 0, "slots": 1, "service_s": 0}


async def test_leaving_in_the_instant_of_the_grant_gives_the_slot_back() -> None:
    queue = admission()
    first = queue.admit(plan_for("a"))
    await first.__aenter__()
    second = asyncio.create_task(queue.admit(plan_for("a")).__aenter__())
    await asyncio.sleep(0)
    await first.__aexit__(None, None, None)
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    assert queue.status()["a"]["running"] == 0


async def test_new_slots_wake_the_queue() -> None:
    slots = 0
    queue = Admission(lambda _: slots, no_call, settings.Admission())  # type: ignore[arg-type]
    waiting = asyncio.create_task(queue.admit(plan_for("a")).__aenter__())
    await asyncio.sleep(0)
    assert not waiting.done()
    slots = 1
    queue.wake()
    place: Place = await waiting
    assert place.held == (Demand("a"),)


async def test_a_group_given_back_early_is_free_for_others() -> None:
    queue = admission()
    async with queue.admit(plan_for("painter", "reader")) as place:
        place.release("reader")
        place.release("nothing of ours")
        async with asyncio.timeout(1), queue.admit(plan_for("reader")):
            assert queue.status()["painter"]["running"] == 1
        with pytest.raises(Internal, match="not admitted"):
            place.call("reader", Job(id="j", capability="see", model="m", body=DataBody()), EMPTY)
    assert {group["running"] for group in queue.status().values()} == {0}


async def test_a_place_calls_only_what_it_holds() -> None:
    queue = admission()
    job = Job(id="1", capability="chat", model="b", body=DataBody())
    async with queue.admit(plan_for("a")) as place:
        with pytest.raises(Internal, match="not admitted"):
            place.call("b", job, EMPTY)


@pytest.mark.parametrize(
    ("ahead", "slots", "service_s", "expected_s"),
    [(0, 1, 2.0, 2.0), (3, 4, 2.0, 2.0), (9, 2, 4.0, 20.0), (0, 8, 0.1, 1.0)],
)
def test_expected_wait(ahead: int, slots: int, service_s: float, expected_s: float) -> None:
    assert expected_wait_s(ahead, slots, service_s) == expected_s


def patient(ticket: int, *groups: str, until_s: float, slots: int = 1) -> Waiting:
    demand = tuple(Demand(group, slots) for group in groups or ("a",))
    return Waiting(ticket, float(ticket), demand, "flex", until_s=until_s)


@pytest.mark.parametrize(
    ("waiting", "running", "company", "expected"),
    [
        pytest.param([patient(1, until_s=15)], {}, {"a": 4}, {1}, id="alone it waits"),
        pytest.param([patient(1, until_s=15)], {}, {}, set(), id="where company is worth nothing it does not"),
        pytest.param([patient(n, until_s=15) for n in range(4)], {}, {"a": 4}, set(), id="enough of them go"),
        pytest.param([patient(1, until_s=15)], {"a": 3}, {"a": 4}, set(), id="or join those who are there"),
        pytest.param([patient(1, until_s=15)], {"a": 2}, {"a": 4}, {1}, id="who are too few"),
        pytest.param([patient(1, until_s=15, slots=4)], {}, {"a": 4}, set(), id="several answers are company"),
        pytest.param([wants(1, "a"), patient(2, until_s=15)], {}, {"a": 4}, {2}, id="others are not held up"),
        pytest.param([wants(1, "a"), patient(2, until_s=15)], {}, {"a": 2}, set(), id="and are company too"),
        pytest.param([patient(1, until_s=10), patient(2, until_s=15)], {}, {"a": 4}, set(), id="all go with the first"),
        pytest.param([patient(1, "b", until_s=9), patient(2, until_s=15)], {}, {"a": 4, "b": 4}, {2}, id="of a model"),
    ],
)
def test_who_waits_for_company(
    waiting: list[Waiting], running: dict[str, int], company: dict[str, int], expected: set[int]
) -> None:
    assert gathering(waiting, running, company, now_s=10.0) == expected


async def test_flex_goes_in_company_or_when_it_has_waited() -> None:
    limits = settings.Admission(gather_s=0.1)
    queue = Admission(lambda _: 8, no_call, limits, company_of=lambda _: 3)  # type: ignore[arg-type]
    plan = Plan(recipe="direct", model="a", demand=(Demand("a"),), tier="flex", turn="flex", gathers=True)
    loop = asyncio.get_running_loop()

    async def one(stay_s: float) -> float:
        begun_s = loop.time()
        async with queue.admit(plan):
            waited_s = loop.time() - begun_s
            await asyncio.sleep(stay_s)
        return waited_s

    assert 0.1 <= await one(0.0) < 1.0
    three = await asyncio.gather(one(0.2), one(0.2), one(0.2))
    assert max(three) < 0.09, "three are enough"
    first, second = asyncio.create_task(one(0.0)), asyncio.create_task(one(0.0))
    await asyncio.sleep(0.01)
    first.cancel()
    assert await second >= 0.1, "who leaves is company no more"
    assert queue.status()["a"]["running"] == 0


async def test_nobody_waits_for_company_past_half_of_his_time() -> None:
    queue = Admission(lambda _: 8, no_call, settings.Admission(gather_s=60.0), company_of=lambda _: 3)  # type: ignore[arg-type]
    plan = Plan(recipe="direct", model="a", demand=(Demand("a"),), gathers=True, deadline_s=1.0)
    loop = asyncio.get_running_loop()
    begun_s = loop.time()
    async with queue.admit(plan):
        assert 0.5 <= loop.time() - begun_s < 1.0
