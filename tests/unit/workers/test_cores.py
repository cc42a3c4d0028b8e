"""Whose turn it is: a table, a simulation on a virtual clock, and real processes that compute."""

import asyncio
import time
from contextlib import aclosing
from pathlib import Path

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniwatt.workers.cores import Runner, Turn, next_turn, ran_on_return_s
from tests.unit.workers.pools import ask, card, job, only, pool

TWO = 2


def turn(*runners: Runner, cores: int = TWO) -> tuple[set[int], set[int]]:
    decided = next_turn(runners, cores)
    return set(decided.run), set(decided.hold)


@pytest.mark.parametrize(
    ("runners", "run", "hold"),
    [
        ([], [], []),
        ([Runner(1, 2)], [1], []),
        ([Runner(1, 8)], [1], []),
        ([Runner(1, 1), Runner(2, 1)], [1, 2], []),
        ([Runner(1, 2), Runner(2, 0)], [1, 2], []),
        ([Runner(1, 2), Runner(2, 2)], [1], [2]),
        ([Runner(1, 2, ran_s=0.1), Runner(2, 2)], [2], [1]),
        ([Runner(1, 8, ran_s=0.1), Runner(2, 8)], [2], [1]),
        ([Runner(1, 2), Runner(2, 2, used_cores=0.05)], [1, 2], []),
        ([Runner(1, 2), Runner(2, 2, used_cores=1.9)], [1], [2]),
        ([Runner(1, 2), Runner(2, 2, used_cores=0.05, held_s=0.02, ran_s=1)], [1], [2]),
        ([Runner(1, 2), Runner(2, 2, held_s=0.11, ran_s=9)], [2], [1]),
        ([Runner(1, 2), Runner(2, 2, ran_s=9, urgent=True)], [2], [1]),
        ([Runner(1, 2, urgent=True), Runner(2, 2, urgent=True)], [1, 2], []),
        ([Runner(1, 1), Runner(2, 2), Runner(3, 1, ran_s=1)], [1, 3], [2]),
        ([Runner(1, 2), Runner(2, 1), Runner(3, 0), Runner(4, 2)], [1, 3], [2, 4]),
        ([Runner(1, 2, used_cores=1.9), Runner(2, 2, new=True)], [1, 2], []),
        ([Runner(1, 2, used_cores=1.9), Runner(2, 2, used_cores=1.9), Runner(3, 2, new=True)], [1, 3], [2]),
        ([Runner(1, 2), Runner(2, 2, new=True, held_s=0.02, ran_s=1)], [1], [2]),
    ],
)
def test_whose_turn(runners: list[Runner], run: list[int], hold: list[int]) -> None:
    assert turn(*runners) == (set(run), set(hold))


@given(st.lists(st.integers(1, 4), min_size=2, max_size=5), st.integers(1, 4))
def test_turns_are_fair_bounded_and_within_the_cores(threads: list[int], cores: int) -> None:
    ran = [0.0] * len(threads)
    held = [0.0] * len(threads)
    longest, now_s = 0.0, 0.0
    while now_s < 4.0:
        decided = next_turn([Runner(i, n, ran[i], held[i], False, float(n)) for i, n in enumerate(threads)], cores)
        assert decided.run | decided.hold == frozenset(range(len(threads)))
        assert decided.run
        length_s = decided.length_s or 0.05
        assert 0.01 <= length_s <= 0.05
        if decided.hold:
            assert sum(min(threads[i], cores) for i in decided.run) <= cores
        for i in range(len(threads)):
            ran[i] += length_s if i in decided.run else 0.0
            held[i] = 0.0 if i in decided.run else held[i] + length_s
        longest = max(longest, *held)
        now_s += length_s
    assert min(ran) > 0.0
    assert longest <= 0.1 * max(1, len(threads) - 1) + 0.05
    if len(threads) == 2:
        assert longest <= 0.1
        assert abs(ran[0] - ran[1]) <= 0.1


def test_who_is_let_run_for_less_of_a_turn_has_a_longer_one() -> None:
    one, other = Runner(1, 2, let=0.25), Runner(2, 2, ran_s=1.0, let=0.75)
    assert next_turn([one, other], 2).length_s == pytest.approx(0.075)
    assert next_turn([one, Runner(2, 2, ran_s=-1.0, let=0.75)], 2).length_s == pytest.approx(0.025)
    nearly_stopped = [Runner(1, 2, let=0.0), *(Runner(pid, 2, ran_s=1.0) for pid in range(2, 6))]
    assert next_turn(nearly_stopped, 2).length_s == pytest.approx(0.1), "nobody is held for longer for it"


def test_no_contention_no_turns() -> None:
    assert next_turn([Runner(1, 1), Runner(2, 1)], 2) == Turn(frozenset({1, 2}))


def test_a_new_engine_is_looked_at_soon_and_holds_nobody_meanwhile() -> None:
    writing, speaking = Runner(1, 2, used_cores=1.9), Runner(2, 2, new=True)
    assert next_turn([writing, speaking], 2) == Turn(frozenset({1, 2}), length_s=0.01)
    waiting = Runner(2, 2, used_cores=0.0)
    assert next_turn([writing, waiting], 2) == Turn(frozenset({1, 2}))
    computing = Runner(2, 2, used_cores=1.0)
    assert next_turn([writing, computing], 2).hold == frozenset({2})


BURNERS = [card(name, options={"burn": 2, "token_s": 0.05}, threads=2) for name in ("a", "b")]


async def test_two_busy_engines_take_turns_and_none_is_left_held(tmp_path: Path) -> None:
    async with pool(tmp_path, [*BURNERS, card()]) as one:
        for name in ("a", "b", "echo"):
            await one.ensure(name)
        pids = {name: psutil.Process(only(one, name).pid) for name in ("a", "b", "echo")}
        stopped = dict.fromkeys(pids, 0)
        answers = [asyncio.create_task(ask(one, 'echo: {"tokens": 1000}', name)) for name in ("a", "b")]
        await asyncio.sleep(0.1)
        before_s = {name: sum(child.cpu_times()[:2]) for name, child in pids.items()}
        end_s, looks = time.monotonic() + 1.2, 0
        while time.monotonic() < end_s:
            looks += 1
            for name, child in pids.items():
                stopped[name] += child.status() == psutil.STATUS_STOPPED
            await asyncio.sleep(0.004)
        used_s = {name: sum(child.cpu_times()[:2]) - before_s[name] for name, child in pids.items()}
        assert await ask(one, "quick") == "quick"
        for answer in answers:
            answer.cancel()
        await asyncio.wait(answers)
        assert stopped["echo"] == 0
        assert min(stopped["a"], stopped["b"]) > 0.2 * looks
        assert 0.4 < used_s["a"] / used_s["b"] < 2.5
        await asyncio.sleep(0.15)
        assert [child.status() == psutil.STATUS_STOPPED for child in pids.values()] == [False] * 3
        assert only(one, "a").in_flight == only(one, "b").in_flight == 0


async def test_one_busy_engine_is_never_held(tmp_path: Path) -> None:
    async with pool(tmp_path, BURNERS) as one:
        await one.ensure("a")
        child = psutil.Process(only(one, "a").pid)
        answer = asyncio.create_task(ask(one, 'echo: {"tokens": 8}', "a"))
        while not answer.done():
            assert child.status() != psutil.STATUS_STOPPED
            await asyncio.sleep(0.005)


async def test_leaving_a_held_engine_frees_its_slot_fast(tmp_path: Path) -> None:
    async with pool(tmp_path, BURNERS) as one:
        for name in ("a", "b"):
            await one.ensure(name)
        async with aclosing(one.call("b", job('echo: {"tokens": 1000}'))) as other:
            await other.__anext__()
            child = psutil.Process(only(one, "a").pid)
            for _ in range(3):
                async with aclosing(one.call("a", job('echo: {"tokens": 1000}'))) as events:
                    await events.__anext__()
                    for _ in range(1500):
                        if child.status() == psutil.STATUS_STOPPED:
                            break
                        await asyncio.sleep(0.002)
                    assert child.status() == psutil.STATUS_STOPPED
                    start_s = time.monotonic()
                assert time.monotonic() - start_s < 0.3
                assert only(one, "a").in_flight == 0


async def test_unloading_a_held_engine_is_clean(tmp_path: Path) -> None:
    before = psutil.Process().children()
    async with pool(tmp_path, BURNERS) as one:
        for name in ("a", "b"):
            await one.ensure(name)
        answers = [asyncio.create_task(ask(one, 'echo: {"tokens": 1000}', name)) for name in ("a", "b")]
        await asyncio.sleep(0.2)
        start_s = time.monotonic()
        await asyncio.gather(one.unload("a"), one.unload("b"))
        assert time.monotonic() - start_s < 3.0
        await asyncio.wait(answers)
        assert all(answer.exception() is not None for answer in answers)
        assert psutil.Process().children() == before


@pytest.mark.parametrize(
    ("ran_s", "others_s", "expected_s"),
    [
        (5.0, [], 5.0),
        (5.0, [5.02], 5.0),
        (5.0, [9.0, 7.0], 6.9),
        (8.0, [7.0], 8.0),
    ],
)
def test_time_owed_is_kept_for_a_moment_only(ran_s: float, others_s: list[float], expected_s: float) -> None:
    assert ran_on_return_s(ran_s, others_s) == pytest.approx(expected_s)
