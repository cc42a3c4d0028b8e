"""Slots: prefixes are reused within a tenant, never across; cells never run over; nobody is forgotten."""

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniwatt.engines.chat.slots import Slot, SlotPool, Turns, choose, common

PUBLIC = tuple(range(20))


def slot(number: int, scope: str = "", ids: Sequence[int] = PUBLIC, used_at: float = 0.0) -> Slot:
    return Slot(number, scope, tuple(ids), used_at, pristine=not scope and tuple(ids) == PUBLIC)


@pytest.mark.parametrize(
    ("free", "ids", "scope", "expected"),
    [
        # A fresh slot holds the public prefix and nothing else.
        ([slot(0)], [*PUBLIC, 90], "a", (0, "own", 20)),
        # The tenant's own slot, for what goes beyond the public prefix.
        ([slot(0), slot(1, "a", [*PUBLIC, 90, 91])], [*PUBLIC, 90, 91, 92], "a", (1, "own", 22)),
        # Its own slot needs no cutting back, even where nothing but the public prefix is the same.
        ([slot(1, "a", [*PUBLIC, 90, 91])], [*PUBLIC, 80], "a", (1, "own", 20)),
        # Another tenant's slot is cut back to the public prefix, however much more is the same.
        ([slot(1, "b", [*PUBLIC, 90, 91])], [*PUBLIC, 90, 91, 92], "a", (1, "public", 20)),
        # A prompt that begins otherwise starts anew there.
        ([slot(1, "b", [*PUBLIC, 90])], [70, 71], "a", (1, "none", 0)),
        # So does one in a slot that never held the public prefix.
        ([slot(1, "b", [1, 90])], [*PUBLIC, 90], "a", (1, "none", 0)),
        # Callers without a scope share nothing, not even with one another.
        ([slot(1, "", [*PUBLIC, 90, 91])], [*PUBLIC, 90, 91, 92], "", (1, "public", 20)),
        # An untouched slot before one that another tenant may come back to.
        ([slot(0, "b", [*PUBLIC, 7], 1.0), slot(1)], [*PUBLIC, 90], "a", (1, "own", 20)),
        # What was counted in a slot another tenant has used says nothing of what its cache really holds.
        ([slot(0, "b", PUBLIC, 1.0)], [*PUBLIC, 90], "a", (0, "public", 20)),
        # Among those of others, the one used longest ago.
        ([slot(0, "b", PUBLIC, 9.0), slot(1, "c", [5], 3.0)], [70], "a", (1, "none", 0)),
    ],
)
def test_choice(free: list[Slot], ids: list[int], scope: str, expected: tuple[int, str, int]) -> None:
    found, reuse, shared = choose(free, ids, scope, PUBLIC)
    assert (found.id, reuse, shared) == expected


@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.lists(st.integers(0, 3), max_size=30)), min_size=1, max_size=4),
    st.lists(st.integers(0, 3), min_size=1, max_size=30),
    st.lists(st.integers(0, 3), max_size=12),
)
def test_nothing_of_another_tenant_is_ever_reused(
    held: list[tuple[str, list[int]]], ids: list[int], public: list[int]
) -> None:
    free = [Slot(number, scope, tuple(tokens)) for number, (scope, tokens) in enumerate(held)]
    found, reuse, shared = choose(free, ids, "a", public)
    if found.scope != "a" and reuse == "own":
        assert list(found.ids) == list(public)
    if reuse != "own":
        assert shared <= common(ids, public)
    assert shared <= common(ids, found.ids if reuse == "own" else public)


async def test_first_come_first_served_and_cells_are_kept() -> None:
    pool = SlotPool(2, 100)
    one = await pool.acquire([1], "a", 60)
    waiting = [asyncio.create_task(pool.acquire([2], "b", 60)), asyncio.create_task(pool.acquire([3], "c", 10))]
    await asyncio.sleep(0)
    assert pool.free == 1, "a slot is free, but the first in line needs more cells than are left"
    assert not pool.grow(one, 41)
    assert pool.grow(one, 40)
    pool.release(one)
    two, three = await asyncio.gather(*waiting)
    assert {two.slot.id, three.slot.id} == {0, 1}
    pool.release(two)
    pool.release(three)
    assert pool.free == 2


async def test_a_waiter_that_leaves_takes_nothing_along() -> None:
    pool = SlotPool(1, 10)
    held = await pool.acquire([1], "a", 10)
    waiting = asyncio.create_task(pool.acquire([1], "a", 10))
    await asyncio.sleep(0)
    waiting.cancel()
    granted = asyncio.create_task(pool.acquire([1], "a", 10))
    await asyncio.sleep(0)
    pool.release(held)
    granted.cancel()
    await asyncio.gather(waiting, granted, return_exceptions=True)
    assert pool.free == 1
    pool.release(await pool.acquire([1], "a", 10))


async def test_only_what_was_read_is_remembered() -> None:
    pool = SlotPool(1, 10)
    lease = await pool.acquire([1, 2, 3], "a", 5)
    lease.fed = 2
    pool.release(lease)
    again = await pool.acquire([1, 2, 3], "a", 5)
    assert (again.reuse, again.shared) == ("own", 2)


async def test_a_seeded_prompt_goes_the_same_way_each_time() -> None:
    pool = SlotPool(3, 100)
    pool.public = PUBLIC
    for scope, expected in (("a", "none"), ("a", "public"), ("b", "public")):
        lease = await pool.acquire([*PUBLIC, 7, 8], scope, 30, anew=True)
        assert (lease.slot.id, lease.reuse) == (0, expected), "also where the tenant's own prompt is in the cache"
        lease.fed = len(lease.ids)
        pool.release(lease)


async def test_only_an_unused_slot_is_warmed() -> None:
    pool = SlotPool(2, 50)
    used = await pool.acquire([1], "a", 1)
    assert pool.hold(used.slot, PUBLIC) is None
    pool.release(used)
    assert pool.hold(used.slot, PUBLIC) is None
    fresh = pool.hold(pool.slots[1], PUBLIC)
    assert fresh is not None
    fresh.fed = len(PUBLIC)
    pool.release(fresh)
    assert pool.slots[1].ids == PUBLIC
    assert pool.slots[1].scope == ""


async def test_turns_go_round() -> None:
    turns, order = Turns(), []

    async def read(name: str, slices: int) -> None:
        for _ in range(slices):
            async with turns.turn():
                order.append(name)
                await asyncio.sleep(0)

    long = asyncio.create_task(read("long", 5))
    await asyncio.sleep(0)
    await asyncio.gather(long, read("short", 1))
    assert order.index("short") <= 2
    assert not turns.contended


def test_own_beginning_beats_a_slot_not_warmed_yet() -> None:
    public = list(range(30))
    own = [Slot(place, "a", (*public, place), used_at=1.0 + place) for place in range(2)]
    assert choose([*own, Slot(2)], [*public, 99], "a", public) == (own[0], "own", 30)
    assert choose([*own, Slot(2)], [*public, 99], "b", public)[1:] == ("none", 0)
