"""Which of llama.cpp's slots a prompt runs in, and whether what lies in it may be reused: never across tenants."""

import asyncio
import time
from bisect import insort
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal

from omniwatt.contract.tier import due_s, rank

Reuse = Literal["own", "public", "none"]
"""`own`: all in the slot is the same tenant's; `public`: cut back to the public prefix first; `none`: start anew."""

WORTH_CUTTING = 8
"""Cutting back to the public prefix costs one token's work; below this many tokens saved it does not pay."""


@dataclass(slots=True)
class Slot:
    """One of llama.cpp's sequences and what its cache begins with."""

    id: int
    scope: str = ""
    ids: Sequence[int] = ()
    used_at: float = 0.0
    busy: bool = False
    pristine: bool = False
    """It holds the public prefix and nothing else. `ids` alone cannot say so: an answer that was broken off leaves
    more in the cache than was counted."""


@dataclass(slots=True)
class Lease:
    """A slot held by one generation, and how many cells of the shared cache it may fill."""

    slot: Slot
    reuse: Reuse
    shared: int
    """How many tokens of the prompt are certainly in the cache."""
    cells: int
    ids: Sequence[int]
    fed: int = 0
    """How many tokens of the prompt have really been read into the slot."""


def common(left: Sequence[int], right: Sequence[int]) -> int:
    """Length of the common prefix."""
    length = min(len(left), len(right))
    if list(left[:length]) == list(right[:length]):
        return length
    return next(place for place in range(length) if left[place] != right[place])


def choose(free: Sequence[Slot], ids: Sequence[int], scope: str, public: Sequence[int]) -> tuple[Slot, Reuse, int]:
    """The slot, how much of it may be reused, and how many of the prompt's tokens are then cached. Pure."""
    known = common(ids, public)
    own = [(common(slot.ids, ids), slot) for slot in free if scope and slot.scope == scope]
    shared, best = max(own, default=(0, None), key=lambda found: (found[0], found[1].used_at, found[1].id))
    if best is not None and shared > known:
        return best, "own", shared
    slot = min(free, key=lambda slot: (slot.scope != "", slot.used_at, slot.id))
    if scope and slot.scope == scope:
        return slot, "own", common(slot.ids, ids)
    holds_public = len(public) > 0 and common(slot.ids, public) == len(public)
    if holds_public and slot.pristine:
        return slot, "own", known
    if holds_public and known >= WORTH_CUTTING:
        return slot, "public", known
    if best is not None and not holds_public and shared >= WORTH_CUTTING:
        # The next slot has not been warmed yet; the one of our own least in use at least has the beginning.
        oldest = min((slot for length, slot in own if length == shared), key=lambda slot: slot.used_at)
        return oldest, "own", shared
    return slot, "none", 0


@dataclass(slots=True)
class _Waiter:
    ids: Sequence[int]
    scope: str
    cells: int
    anew: bool
    tier: str
    due_s: float
    granted: asyncio.Future[Lease] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class SlotPool:
    """Hands out slots and cache cells by tier and age. The last `reserve` slots in use are the first tier's alone."""

    def __init__(self, slots: int, cells: int, reserve: int = 0) -> None:
        self.slots = [Slot(place) for place in range(slots + reserve)]
        self._ordinary = slots
        self.public: Sequence[int] = ()
        self._cells = cells
        self._used = 0
        self._waiters: list[_Waiter] = []

    @property
    def free(self) -> int:
        """How many slots are idle."""
        return sum(not slot.busy for slot in self.slots)

    @property
    def idle_s(self) -> float:
        """How long nobody has used any slot."""
        return 0.0 if self.free < len(self.slots) else time.monotonic() - max(slot.used_at for slot in self.slots)

    async def acquire(
        self, ids: Sequence[int], scope: str, cells: int, *, anew: bool = False, tier: str = "default"
    ) -> Lease:
        """Wait for a slot and `cells` cells of cache.

        `anew` takes the first slot and reuses nothing but the public prefix: sums in another order give other last
        digits, and a seeded answer should come out the same again.
        """
        waiter = _Waiter(ids, scope, min(cells, self._cells), anew, tier, due_s(tier, time.monotonic()))
        self._waiters.append(waiter)
        self._waiters.sort(key=lambda one: one.due_s)
        self._grant()
        try:
            return await waiter.granted
        except asyncio.CancelledError:
            if waiter.granted.done() and not waiter.granted.cancelled():
                self.release(waiter.granted.result())
            elif waiter in self._waiters:
                self._waiters.remove(waiter)
                self._grant()
            raise

    def hold(self, slot: Slot, ids: Sequence[int]) -> Lease | None:
        """A lease of this very slot, to read the public prefix into it; None when somebody has used it."""
        if slot.busy or slot.used_at or self._used + len(ids) > self._cells:
            return None
        slot.busy = True
        self._used += len(ids)
        return Lease(slot, "none", 0, len(ids), ids)

    def grow(self, lease: Lease, cells: int) -> bool:
        """Let `lease` fill `cells` more cells; False when the cache has none left."""
        if self._used + cells > self._cells:
            return False
        self._used += cells
        lease.cells += cells
        return True

    def release(self, lease: Lease) -> None:
        """Give slot and cells back."""
        self._used -= lease.cells
        lease.slot.busy = False
        lease.slot.ids = lease.ids[: lease.fed]
        lease.slot.used_at = time.monotonic()
        self._grant()

    def _grant(self) -> None:
        for waiter in [one for one in self._waiters if not one.granted.cancelled()]:
            free = [slot for slot in self.slots if not slot.busy]
            if len(self.slots) - len(free) >= (len(self.slots) if rank(waiter.tier) == 0 else self._ordinary):
                # One of the first tier behind it may still have a slot of the reserve.
                continue
            if self._used + waiter.cells > self._cells:
                return
            self._waiters.remove(waiter)
            candidates, scope = (free[:1], "") if waiter.anew else (free, waiter.scope)
            slot, reuse, shared = choose(candidates, waiter.ids, scope, self.public)
            slot.busy, slot.scope, slot.pristine = True, waiter.scope, False
            self._used += waiter.cells
            waiter.granted.set_result(Lease(slot, reuse, shared, waiter.cells, waiter.ids))


class Turns:
    """Prompts are read in slices, each in its turn: a one-line prompt never waits for a long one."""

    def __init__(self) -> None:
        self._taken = False
        self._waiters: list[tuple[float, int, asyncio.Future[None]]] = []
        self._count = 0

    @property
    def contended(self) -> bool:
        """True while another prompt waits for its turn."""
        return bool(self._waiters)

    @asynccontextmanager
    async def turn(self, tier: str = "default") -> AsyncIterator[None]:
        """Hold the turn: by tier, then first come first served."""
        await self._wait(tier)
        try:
            yield
        finally:
            self._pass_on()

    async def _wait(self, tier: str) -> None:
        if not self._taken:
            self._taken = True
            return
        self._count += 1
        mine = (due_s(tier, time.monotonic()), self._count, asyncio.get_running_loop().create_future())
        insort(self._waiters, mine)
        try:
            await mine[2]
        except asyncio.CancelledError:
            if mine in self._waiters:
                self._waiters.remove(mine)
            elif not mine[2].cancelled():
                self._pass_on()
            raise

    def _pass_on(self) -> None:
        while self._waiters:
            granted = self._waiters.pop(0)[2]
            if not granted.done():
                granted.set_result(None)
                return
        self._taken = False
