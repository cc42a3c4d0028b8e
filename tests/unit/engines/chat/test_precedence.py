"""Higher tiers first within one model, and nobody for ever last."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial

import pytest

from omniwatt.contract.tier import STEP_S, due_s, rank
from omniwatt.engines.chat import batch, precedence
from omniwatt.engines.chat.precedence import SIP_TOKENS, Part, Precedence, at_once
from omniwatt.engines.chat.slots import SlotPool, Turns
from omniwatt.engines.chat.written import Written, resumable


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> float:
    """Held for a tenth of a second at most."""
    monkeypatch.setattr(precedence, "HELD_S", 0.1)
    return 0.1


@pytest.mark.parametrize(
    ("tier", "others", "expected"),
    [
        ("priority", ("priority", "default"), False),
        ("default", ("priority",), True),
        ("default", ("default", "flex"), False),
        ("flex", ("default",), True),
        ("flex", ("flex",), False),
        ("unheard of", ("default",), False),
    ],
)
def test_who_gives_way_to_whom(tier: str, others: Sequence[str], expected: bool) -> None:
    with ExitStack() as stack:
        all_parts = Precedence()
        part = stack.enter_context(all_parts.part(tier))
        for other in others:
            stack.enter_context(all_parts.part(other))
        assert part.gives_way is expected


def test_where_it_speeds_up_nobody_nobody_gives_way() -> None:
    all_parts = Precedence(lambda _: 1.0)
    with all_parts.part("priority"), all_parts.part("flex") as flex:
        assert not flex.gives_way


async def test_who_is_held_goes_on_when_the_other_has_ended() -> None:
    all_parts = Precedence()
    with all_parts.part("flex") as flex:
        with all_parts.part("priority"):
            held = asyncio.create_task(flex.go())
            await asyncio.sleep(0.01)
            assert not held.done()
        await asyncio.wait_for(held, 0.1)
        assert not flex.gives_way


async def test_who_has_computed_everything_holds_nobody() -> None:
    """However slowly it is read."""
    all_parts = Precedence()
    with all_parts.part("default") as fast, all_parts.part("flex") as flex:
        held = asyncio.create_task(flex.go())
        await asyncio.sleep(0.01)
        assert not held.done()
        fast.rest()
        await asyncio.wait_for(held, 0.1)
        assert not flex.gives_way


async def test_those_who_are_held_have_their_sips_in_turn(soon: float) -> None:
    """However many wait: the higher tier is held up no more often than by one."""
    all_parts, order = Precedence(), list[int]()

    async def sips(number: int, part: Part) -> None:
        for _ in range(2):
            await part.go()
            order.append(number)
            part.took(SIP_TOKENS)

    with ExitStack() as stack:
        stack.enter_context(all_parts.part("priority"))
        held = [stack.enter_context(all_parts.part("flex")) for _ in range(3)]
        begun_s = time.monotonic()
        await asyncio.gather(*(sips(number, part) for number, part in enumerate(held)))
    assert order == [0, 1, 2, 0, 1, 2]
    assert time.monotonic() - begun_s >= 6 * soon * 0.9


async def test_who_is_held_gets_a_sip_now_and_then(soon: float) -> None:
    all_parts = Precedence()
    with all_parts.part("priority"), all_parts.part("flex") as flex:
        for _ in range(2):
            begun_s = time.monotonic()
            await flex.go()
            assert soon * 0.9 <= time.monotonic() - begun_s < soon + 1.0
            for _ in range(SIP_TOKENS):
                assert not flex.gives_way
                await flex.go()
                flex.took(1)
            assert flex.gives_way


async def test_all_finish_whatever_goes_on_above(soon: float) -> None:
    """Priority work without end; the lower tiers write 20 tokens each, and who is higher is done sooner."""
    all_parts, done = Precedence(), []

    async def write(name: str, part: Part, tokens: int = 20) -> None:
        for _ in range(tokens):
            if part.gives_way:
                await part.go()
            part.took(1)
            await asyncio.sleep(0.001)
        part.rest()
        done.append(name)

    with all_parts.part("priority"), all_parts.part("default") as default, all_parts.part("flex") as flex:
        await asyncio.gather(write("flex", flex), write("default", default))
    assert sorted(done) == ["default", "flex"]


async def test_a_slot_goes_to_the_highest_tier_that_waits() -> None:
    pool, order = SlotPool(1, 100), []
    held = await pool.acquire([1], "a", 10)

    async def take(name: str, tier: str) -> None:
        lease = await pool.acquire([1], "a", 10, tier=tier)
        order.append(name)
        pool.release(lease)

    tasks = []
    for name in ("flex 1", "default 1", "flex 2", "priority 1", "default 2"):
        tasks.append(asyncio.create_task(take(name, name.split()[0])))
        await asyncio.sleep(0)
    pool.release(held)
    await asyncio.gather(*tasks)
    assert order == ["priority 1", "default 1", "default 2", "flex 1", "flex 2"]


async def test_the_reserve_is_the_first_tiers() -> None:
    pool = SlotPool(2, 100, 1)
    leases = [await pool.acquire([1], "a", 10) for _ in range(2)]
    waiting = asyncio.create_task(pool.acquire([1], "a", 10))
    await asyncio.sleep(0)
    first = await asyncio.wait_for(pool.acquire([1], "a", 10, tier="priority"), 1.0)
    assert not waiting.done()
    pool.release(leases[0])
    await asyncio.sleep(0)
    assert not waiting.done(), "priority holds the second of the two slots now"
    pool.release(first)
    pool.release(await asyncio.wait_for(waiting, 1.0))
    pool.release(leases[1])
    assert pool.free == 3


async def test_turns_go_by_tier_and_survive_those_who_leave() -> None:
    turns, order = Turns(), []

    async def read(name: str) -> None:
        async with turns.turn(name.split(maxsplit=1)[0]):
            order.append(name)
            await asyncio.sleep(0)

    async with turns.turn():
        tasks = [asyncio.create_task(read(name)) for name in ("flex 1", "default 1", "priority 1", "priority 2")]
        await asyncio.sleep(0)
        assert turns.contended
        tasks[2].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert order == ["priority 2", "default 1", "flex 1"]
    assert not turns.contended
    async with turns.turn():
        pass


async def test_a_turn_given_to_one_who_leaves_is_passed_on() -> None:
    turns, order = Turns(), []

    async def read(name: str) -> None:
        async with turns.turn():
            order.append(name)

    async with turns.turn():
        one, two = asyncio.create_task(read("one")), asyncio.create_task(read("two"))
        await asyncio.sleep(0)
    one.cancel()
    await asyncio.wait_for(asyncio.gather(one, two, return_exceptions=True), 1.0)
    assert order == ["two"]


def test_nobody_is_overtaken_by_what_comes_much_later() -> None:
    assert due_s("priority", 10.0) < due_s("default", 0.0)
    assert due_s("priority", STEP_S + 1) > due_s("default", 0.0)
    assert due_s("priority", 2 * STEP_S + 1) > due_s("flex", 0.0)
    assert rank("of no tier") == rank("default")


@pytest.mark.parametrize(
    ("sampling", "grammar", "expected"),
    [
        ({"temperature": 0.0}, {}, True),
        ({"temperature": 0.0, "seed": 1}, {}, True),
        ({"temperature": 0.7}, {}, True),
        ({"temperature": 0.7, "seed": 1}, {}, False),
        ({"temperature": 0.0}, {"grammar": "root ::= x"}, False),
        ({"temperature": 0.0}, {"grammar": "root ::= x", "grammar_lazy": True}, True),
    ],
)
def test_what_can_go_on_as_if_nothing_had_been(sampling: dict, grammar: dict, expected: bool) -> None:  # type: ignore[type-arg]
    assert resumable(sampling, grammar) is expected


LAZY = {"grammar": "root ::= x", "grammar_lazy": True, "grammar_triggers": [{"type": 1, "value": "<tool_call>"}]}


async def tokenize(text: str) -> list[int]:
    return [ord(character) for character in text]


def chunk(text: str, *ids: int) -> dict:  # type: ignore[type-arg]
    return {"choices": [{"text": text}], "__verbose": {"tokens": list(ids)}}


async def test_an_answer_with_tools_gives_way_until_it_calls_one() -> None:
    written, ready = Written(LAZY, resumable=True), []
    for text in ("Well", "<tool", " is", "<tool_", "call>", "{", "}"):
        written.add(chunk(text, 1), 1)
        ready.append(await written.ready(tokenize))
    assert ready == [True, False, True, False, False, False, False]


async def test_tokens_that_make_one_character_are_found_out() -> None:
    written = Written({}, resumable=True)
    written.add(chunk("a", 97), 1)
    written.add(chunk("bcd", 100), 3)
    written.add(chunk("", *()), 0)
    written.add(chunk("ef", 102), 2)
    assert await written.ready(tokenize)
    written.add(chunk("g", 103), 1)
    assert await written.ready(tokenize)
    assert written.ids == [ord(character) for character in "abcdefg"]


async def test_tokens_that_cannot_be_found_out_keep_it_where_it_is() -> None:
    written = Written({}, resumable=True)
    written.add(chunk("bcd", 100), 2)
    assert not await written.ready(tokenize)
    written.add(chunk("e", 101), 1)
    assert not await written.ready(tokenize)


TWO_CORES = {1: 18.0, 2: 43.0, 3: 62.0, 4: 55.0, 6: 69.0, 8: 73.0}
"""Milliseconds a token each of so many answers takes a model of half a billion parameters."""


@pytest.mark.parametrize(
    ("ranks", "costs", "expected"),
    [
        ([], TWO_CORES, 0),
        ([2, 2, 2], TWO_CORES, 3),
        # One alone is more than twice as fast as two.
        ([0, 1, 1, 1], TWO_CORES, 1),
        # Beside two or three of the higher tier others come for nothing.
        ([0, 0, 1, 1], TWO_CORES, 4),
        ([0, 0, 0, 2, 2, 2, 2, 2], TWO_CORES, 8),
        # Below the first tier nobody is held where four together are cheaper than one alone; but two are not.
        ([1, 2, 2, 2], TWO_CORES, 4),
        ([1, 2], TWO_CORES, 1),
        ([1, 2, 2], TWO_CORES, 1),
        # As many as come for little.
        ([0, 0, 1, 1, 1], TWO_CORES, 4),
        ([0, 0, 1, 1, 1, 2], TWO_CORES, 4),
        # Each costs as much as the one before; and nothing at all.
        ([0, 1, 2], {1: 10.0, 8: 80.0}, 1),
        ([0, 1, 2], {1: 10.0, 8: 10.5}, 3),
    ],
)
def test_as_many_as_cost_the_higher_tier_little(ranks: list[int], costs: dict[int, float], expected: int) -> None:
    assert at_once(ranks, partial(batch.between, costs)) == expected


def test_what_lies_between_two_measurements() -> None:
    found = [batch.between({1: 10.0, 4: 40.0, 8: 60.0}, rows) for rows in (1, 2, 4, 6, 8, 20)]
    assert found == [10.0, 20.0, 40.0, 50.0, 60.0, 60.0]


@pytest.mark.parametrize(
    ("costs", "most", "expected"),
    [
        (TWO_CORES, 8, 7),
        (TWO_CORES, 4, 4),
        # Each costs as much as the one before, and nothing at all.
        ({1: 10.0, 8: 80.0}, 8, 1),
        ({1: 10.0, 8: 10.5}, 8, 7),
        # A little cheaper is not worth waiting for.
        ({1: 10.0, 4: 36.0, 8: 70.0}, 8, 1),
    ],
)
def test_how_many_are_company_enough(costs: dict[int, float], most: int, expected: int) -> None:
    assert batch.company(costs, most) == expected


def test_below_the_first_tier_prompts_are_read_when_their_answers_would_be_written() -> None:
    all_parts = Precedence(partial(batch.between, TWO_CORES))
    with all_parts.part("default"), all_parts.part("flex") as one, all_parts.part("flex"):
        assert one.gives_way
        with all_parts.part("flex"):
            assert not one.gives_way


def test_whoever_reads_a_prompt_waits_though_there_is_room_to_write() -> None:
    all_parts = Precedence(partial(batch.between, TWO_CORES))
    with all_parts.part("priority"), all_parts.part("priority"), all_parts.part("flex") as one:
        with all_parts.part("flex") as two:
            assert one.gives_way
            assert two.gives_way
            one.writes()
            assert one.gives_way, "three are much slower than two"
            two.writes()
            assert not one.gives_way, "but four are not"
            assert not two.gives_way
        assert one.gives_way


def test_who_cannot_be_held_is_reckoned_with() -> None:
    all_parts = Precedence(partial(batch.between, TWO_CORES))
    with all_parts.part("priority"), all_parts.part("flex") as stays, all_parts.part("flex") as other:
        stays.writes()
        other.writes()
        assert stays.gives_way
        stays.stays = True
        assert not stays.gives_way
        assert other.gives_way, "three are slower than two"
        with all_parts.part("flex") as fourth:
            fourth.writes()
            assert not other.gives_way
