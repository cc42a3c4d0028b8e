"""WHEN: a bounded queue in front of the engine groups. A plan gets everything it may touch at once, or waits.

Nobody waits for a group while holding another's slot, so plans cannot deadlock. Higher tiers are ahead of lower ones by
so many seconds (contract/tier.py) and nobody else overtakes an earlier plan that waits for the same group, so plans
cannot starve. Lives on one event loop; needs no locks.
"""

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import msgspec

from omniwatt import settings
from omniwatt.contract.error import Internal, Overloaded
from omniwatt.contract.event import Chunk, Event
from omniwatt.contract.job import Demand, Job, Plan
from omniwatt.contract.tier import due_s, rank

SMOOTHING = 0.2
"""Weight of the newest service time in the running mean that Retry-After is made of."""
MOMENT_S = 0.001
"""So much later the end of somebody's patience is certainly past."""
FIRST_GUESS_S = 2.0
"""Service time assumed before the first one was seen."""

Call = Callable[[str, Job, AsyncIterator[Chunk]], AsyncGenerator[Event]]


@dataclass(frozen=True, slots=True)
class Waiting:
    """One plan in the queue, as the order sees it. `late` is a plan that held slots before and came back."""

    ticket: int
    arrived_s: float
    demand: tuple[Demand, ...]
    tier: str = "default"
    late: bool = False
    until_s: float = 0.0
    """Until then it waits for company, if it is not enough; 0 does not."""


def gathering(
    waiting: Iterable[Waiting], running: Mapping[str, int], company: Mapping[str, int], now_s: float
) -> set[int]:
    """Tickets that wait for others to be answered side by side with, as one batch. Pure.

    They go as soon as they and who is there already are company enough, or when the first has waited long enough.
    """
    here = list(waiting)
    gathered = Counter(running)
    for demand in (demand for one in here for demand in one.demand):
        gathered[demand.group] += demand.slots
    over = {demand.group for one in here if 0.0 < one.until_s <= now_s for demand in one.demand}
    over.update(group for group, slots in gathered.items() if slots >= company.get(group, 0))
    return {one.ticket for one in here if one.until_s > 0.0 and all(demand.group not in over for demand in one.demand)}


def grantable(
    waiting: Iterable[Waiting], free: Mapping[str, int], reserve: Mapping[str, int] | None = None
) -> list[int]:
    """Tickets to grant now, given `free` slots a group: late ones first, then by tier and age. Pure.

    A plan that cannot be granted bars its groups for everyone behind it, but for the `reserve` of the first tier:
    places beside the slots, which no other plan could be waiting for.
    """
    left, spare = dict(free), reserve or {}
    barred: dict[str, int] = {}
    granted = []
    for one in sorted(waiting, key=lambda w: (not w.late, due_s(w.tier, w.arrived_s), w.ticket)):
        own = rank(one.tier)
        fits = all(
            _room(left.get(d.group, 0), spare.get(d.group, 0) if own == 0 else 0, barred.get(d.group)) >= d.slots
            for d in one.demand
        )
        for d in one.demand:
            if fits:
                left[d.group] = left.get(d.group, 0) - d.slots
            else:
                barred[d.group] = min(own, barred.get(d.group, own))
        if fits:
            granted.append(one.ticket)
    return granted


def _room(slots: int, spare: int, barred_by: int | None) -> int:
    """Places for a plan behind one of rank `barred_by` that waits: then only what that one could not use."""
    if barred_by is None:
        return slots + spare
    return 0 if barred_by == 0 else min(slots, 0) + spare


def expected_wait_s(ahead: int, slots: int, service_s: float) -> float:
    """How long `ahead` requests take to pass through `slots` places of `service_s` each. Pure."""
    return max(1.0, (ahead + 1) * service_s / max(1, slots))


@dataclass(slots=True)
class _Group:
    running: int = 0
    service_s: float = FIRST_GUESS_S


@dataclass(slots=True)
class _Queued:
    seen: Waiting
    granted: asyncio.Future[None] = field(repr=False)


class Place:
    """What admission grants: the right to call the plan's groups, until the `async with` ends."""

    def __init__(self, admission: "Admission", plan: Plan, arrived_s: float, call: Call) -> None:
        self._admission = admission
        self._plan = plan
        self._arrived_s = arrived_s
        self._call = call
        self.held: tuple[Demand, ...] = ()

    def call(self, group: str, job: Job, inputs: AsyncIterator[Chunk]) -> AsyncGenerator[Event]:
        """Run one step on `group`, which the plan must hold."""
        if all(demand.group != group for demand in self.held):
            raise Internal(f"a step on {group!r} that was not admitted")
        return self._call(group, msgspec.structs.replace(job, tier=self._plan.turn), inputs)

    def release(self, group: str) -> None:
        """Give back what is held of one group, ahead of the end."""
        given = tuple(demand for demand in self.held if demand.group == group)
        self.held = tuple(demand for demand in self.held if demand.group != group)
        self._admission._give(given)
        self._admission.wake()

    async def exchange(self, demand: tuple[Demand, ...]) -> None:
        """Give back what is held, then wait for `demand` ahead of newcomers: for steps only found on the way."""
        self._admission._release(self)
        await self._admission._acquire(self, self._plan, demand, self._arrived_s, late=True)


class Admission:
    """The queue. `slots_of`: calls a group serves at once; `reserve_of`: of the first tier, beside; `call` runs one.

    `company_of`: calls side by side from which on one more makes each hardly cheaper.
    """

    def __init__(
        self,
        slots_of: Callable[[str], int],
        call: Call,
        limits: settings.Admission,
        clock: Callable[[], float] = time.monotonic,
        reserve_of: Callable[[str], int] = lambda _: 0,
        company_of: Callable[[str], int] = lambda _: 0,
    ) -> None:
        self._slots_of = slots_of
        self._reserve_of = reserve_of
        self._company_of = company_of
        self._call = call
        self._limits = limits
        self._clock = clock
        self._tickets = itertools.count()
        self._queue: dict[int, _Queued] = {}
        self._groups: dict[str, _Group] = {}

    @asynccontextmanager
    async def admit(self, plan: Plan) -> AsyncIterator[Place]:
        """Wait for everything `plan` may touch. Raises Overloaded when the queue is full or the wait too long."""
        place = Place(self, plan, self._clock(), self._call)
        await self._acquire(place, plan, plan.demand, place._arrived_s, late=False)
        started_s = self._clock()
        try:
            yield place
        finally:
            self._observe(plan, self._clock() - started_s)
            self._release(place)

    def status(self) -> dict[str, dict[str, float]]:
        """Group -> waiting, running, slots and mean service seconds."""
        waiting = dict.fromkeys(self._groups, 0)
        for queued in self._queue.values():
            for demand in queued.seen.demand:
                waiting[demand.group] = waiting.get(demand.group, 0) + 1
        return {
            name: {
                "waiting": waiting[name],
                "running": group.running,
                "slots": self._slots_of(name),
                "service_s": group.service_s,
            }
            for name, group in self._groups.items()
        }

    def wake(self) -> None:
        """Look again: slots have changed, because a model was loaded or a worker joined."""
        if not self._queue:
            return
        free = {name: self._slots_of(name) - group.running for name, group in self._groups.items()}
        here = [queued.seen for queued in self._queue.values() if not queued.granted.cancelled()]
        if gathered := self._gathering(here):
            here = [one for one in here if one.ticket not in gathered]
        for ticket in grantable(here, free, {name: self._reserve_of(name) for name in self._groups}):
            queued = self._queue.pop(ticket)
            self._take(queued.seen.demand)
            queued.granted.set_result(None)

    def _gathering(self, here: list[Waiting]) -> set[int]:
        if not any(one.until_s for one in here):
            return set()
        running = {name: group.running for name, group in self._groups.items()}
        return gathering(here, running, {name: self._company_of(name) for name in self._groups}, self._clock())

    async def _acquire(
        self, place: Place, plan: Plan, demand: tuple[Demand, ...], arrived_s: float, *, late: bool
    ) -> None:
        for one in demand:
            self._groups.setdefault(one.group, _Group())
        if not late:
            self._refuse_if_full(demand)
        patience_s = min(self._limits.gather_s, self._limit_s(plan) / 2) if plan.gathers and not late else 0.0
        until_s = self._clock() + patience_s if patience_s > 0 else 0.0
        seen = Waiting(next(self._tickets), arrived_s, demand, plan.turn, late, until_s)
        queued = _Queued(seen, asyncio.get_running_loop().create_future())
        self._queue[queued.seen.ticket] = queued
        self.wake()
        again = asyncio.get_running_loop().call_later(patience_s + MOMENT_S, self.wake) if patience_s > 0 else None
        try:
            if not queued.granted.done():
                await self._wait(queued, plan)
        except BaseException:
            self._abandon(queued)
            raise
        finally:
            if again is not None:
                again.cancel()
        place.held = demand

    async def _wait(self, queued: _Queued, plan: Plan) -> None:
        limit_s = self._limit_s(plan)
        try:
            async with asyncio.timeout(limit_s):
                await queued.granted
        except TimeoutError:
            raise self._overloaded(queued.seen.demand, f"no free slot within {limit_s:g} s") from None

    def _limit_s(self, plan: Plan) -> float:
        return min(self._limits.wait_limit_s, plan.deadline_s or self._limits.wait_limit_s)

    def _abandon(self, queued: _Queued) -> None:
        """The wait ended badly: leave the queue, or give back a grant that came in the same instant."""
        if self._queue.pop(queued.seen.ticket, None) is None and queued.granted.done():
            self._give(queued.seen.demand)
        self.wake()

    def _refuse_if_full(self, demand: tuple[Demand, ...]) -> None:
        groups = {one.group for one in demand}
        ahead = sum(any(d.group in groups for d in queued.seen.demand) for queued in self._queue.values())
        if ahead >= self._limits.queue_limit:
            raise self._overloaded(demand, f"{ahead} requests are already waiting")

    def _overloaded(self, demand: tuple[Demand, ...], why: str) -> Overloaded:
        status = self.status()
        wait_s = max(
            expected_wait_s(int(s["waiting"]), int(s["slots"]), s["service_s"])
            for s in (status[one.group] for one in demand)
        )
        return Overloaded(f"The server is busy: {why}. Please try again.", retry_after_s=wait_s)

    def _take(self, demand: tuple[Demand, ...]) -> None:
        for one in demand:
            self._groups[one.group].running += one.slots

    def _give(self, demand: tuple[Demand, ...]) -> None:
        for one in demand:
            self._groups[one.group].running -= one.slots

    def _release(self, place: Place) -> None:
        held, place.held = place.held, ()
        self._give(held)
        self.wake()

    def _observe(self, plan: Plan, service_s: float) -> None:
        for one in plan.demand:
            group = self._groups[one.group]
            group.service_s += SMOOTHING * (service_s - group.service_s)
