"""The engines of this machine by group: load on first use, run jobs, unload what is idle or in the way."""

import asyncio
import os
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing, suppress
from pathlib import Path
from typing import Literal, Self

import msgspec

from omniwatt import settings
from omniwatt.catalog.card import Card
from omniwatt.contract.error import EngineDied, EngineFailed, ModelLoading, OmniwattError, Overloaded
from omniwatt.contract.event import EMPTY, Chunk, Event
from omniwatt.contract.job import EngineSpec, Job, Loaded
from omniwatt.memory import machine_bytes
from omniwatt.workers.hand import Hand
from omniwatt.workers.local import Timing, Worker
from omniwatt.workers.pick import pick
from omniwatt.workers.residents import Resident, idle_too_long, to_evict
from omniwatt.workers.roster import Step, prefix_keys
from omniwatt.workers.ticker import Ticker

SWEEP_S = 5.0
MEMORY_SHARE = 0.8


class WorkerStatus(msgspec.Struct, frozen=True):
    """One worker as operators and metrics see it. `steps`: units of work reported by the process, by kind."""

    group: str
    engine: str
    pid: int
    state: Literal["stopped", "loading", "ready", "backoff"]
    progress: float
    in_flight: int
    slots: int
    restarts: int
    memory_bytes: int
    threads: int
    idle_s: float
    context_window: int
    steps: dict[str, float] = {}


class _Group:
    """One card and its workers."""

    def __init__(self, card: Card, workers: Sequence[Worker]) -> None:
        self.card = card
        self.workers = tuple(workers)

    def ready(self) -> bool:
        return any(worker.state == "ready" for worker in self.workers)

    def start(self) -> "set[asyncio.Task[Loaded]]":
        """The loads under way, new ones included. Raises what the last ones failed with when none may start yet."""
        loads: set[asyncio.Task[Loaded]] = set()
        errors: list[OmniwattError] = []
        for worker in self.workers:
            if worker.state == "ready":
                continue
            try:
                loads.add(worker.load())
            except OmniwattError as error:
                errors.append(error)
        if errors and not loads:
            raise errors[0]
        return loads

    def resident(self) -> Resident:
        held = sum(max(worker.memory_bytes(), self.card.memory_bytes) for worker in self.workers if worker.holds_memory)
        busy = any(worker.in_flight or worker.state in ("loading", "backoff") for worker in self.workers)
        idle_s = time.monotonic() - max(worker.used_at_s for worker in self.workers)
        return Resident(self.card.name, held, idle_s, busy)


class Pool:
    """Every engine process of this machine. An async context manager: leaving it stops them all."""

    def __init__(
        self,
        cards: Callable[[str], Card],
        specs: Callable[[str], EngineSpec],
        run_dir: Path,
        models: settings.Models,
        cores: int | None = None,
        timing: Timing | None = None,
        hand: Hand | None = None,
    ) -> None:
        self._cards = cards
        self._specs = specs
        self._run_dir = run_dir
        self._models = models
        self._cores = cores or len(os.sched_getaffinity(0))
        self._timing = timing or Timing()
        self._ticker = Ticker(self._cores)
        self._hand = hand
        self._groups: dict[str, _Group] = {}
        self._room = asyncio.Lock()
        self._sweeper: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._sweeper = asyncio.create_task(self._sweep())
        return self

    async def __aexit__(self, *exc: object) -> None:
        if self._sweeper is not None:
            self._sweeper.cancel()
            with suppress(asyncio.CancelledError):
                await self._sweeper
        await asyncio.gather(*(self.unload(name) for name in list(self._groups)))
        self._ticker.close()

    def slots(self, group: str) -> int:
        """How many jobs the group does at once: exact once loaded, the card's word before. Raises ModelNotFound."""
        found = self._group(group)
        return sum(worker.loaded.slots if worker.loaded else found.card.slots for worker in found.workers)

    def reserve(self, group: str) -> int:
        """How many jobs of the first tier it takes beside those; 0 while it is not loaded. Raises ModelNotFound."""
        return sum(worker.loaded.reserve for worker in self._group(group).workers if worker.loaded)

    def company(self, group: str) -> int:
        """Calls side by side from which on one more makes each hardly cheaper; 0 while none is loaded."""
        return sum(worker.loaded.company for worker in self._group(group).workers if worker.loaded)

    def loaded(self, group: str) -> Loaded | None:
        """What the engine said of itself when it became ready; None while it is not."""
        found = self._groups.get(group)
        if found is None:
            return None
        return next((worker.loaded for worker in found.workers if worker.state == "ready"), None)

    async def ensure(self, group: str, wait_s: float | None = None) -> None:
        """Have the group loaded; callers share one load.

        Raises ModelLoading when it takes longer than `wait_s` (default `models.load_wait_s`; the load goes on),
        Overloaded when there is no memory for it now, ModelNotFound, or EngineFailed when it cannot be loaded.
        """
        found = self._group(group)
        if found.ready():
            return
        limit_s = self._models.load_wait_s if wait_s is None else wait_s
        if not any(worker.holds_memory for worker in found.workers):
            await self._make_room(found)
        loads = found.start()
        if found.ready():
            return
        deadline_s = time.monotonic() + limit_s
        while loads:
            timeout_s = max(0.0, deadline_s - time.monotonic())
            done, loads = await asyncio.wait(loads, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
            if found.ready():
                return
            if not done:
                raise self._still_loading(found)
            if not loads:
                _raise_load_error(found, done.pop())

    def call(self, group: str, job: Job, inputs: AsyncIterator[Chunk] = EMPTY) -> AsyncGenerator[Event]:
        """Load if need be, pick a worker, do the job. Closing it frees the slot.

        A worker that dies before its first event is replaced once by another one of the group, if there is one.
        Raises what `ensure` and the engine raise, and EngineDied.
        """
        found = self._group(group)
        if len(found.workers) == 1 and found.ready():
            return found.workers[0].run(job, inputs)
        return self._call(found, job, inputs)

    async def _call(self, found: _Group, job: Job, inputs: AsyncIterator[Chunk]) -> AsyncGenerator[Event]:
        group = found.card.name
        if not found.ready():
            await self.ensure(group)
        keys = prefix_keys(job) if len(found.workers) > 1 else ()
        worker = self._pick(found, Step(group, keys))
        begun = False
        try:
            async with aclosing(worker.run(job, inputs)) as events:
                async for event in events:
                    begun = True
                    yield event
            worker.served(keys)
            return
        except EngineDied:
            if begun or inputs is not EMPTY or len(found.workers) < 2:
                raise
        second = self._pick(found, Step(group, keys, frozenset({worker.id})))
        async with aclosing(second.run(job)) as events:
            async for event in events:
                yield event
        second.served(keys)

    async def unload(self, group: str) -> None:
        """Stop the group's processes; the next use loads it again. Calls in it end with EngineDied."""
        found = self._groups.get(group)
        if found is not None:
            await asyncio.gather(*(worker.unload() for worker in found.workers))

    def status(self) -> list[WorkerStatus]:
        """Every worker ever used since the start, also those not loaded now."""
        now_s = time.monotonic()
        return [_status(found.card, worker, now_s) for found in self._groups.values() for worker in found.workers]

    # --- inside

    def _group(self, name: str) -> _Group:
        found = self._groups.get(name)
        if found is None:
            card = self._cards(name)
            count = max(1, card.workers)
            names = [name] if count == 1 else [f"{name}#{number}" for number in range(1, count + 1)]
            workers = [self._worker(one, name) for one in names]
            found = self._groups[name] = _Group(card, workers)
        return found

    def _worker(self, name: str, group: str) -> Worker:
        return Worker(name, group, lambda: self._spec(group), self._run_dir, self._timing, self._ticker, self._hand)

    def _spec(self, group: str) -> EngineSpec:
        spec = self._specs(group)
        return msgspec.structs.replace(spec, threads=min(spec.threads, self._cores))

    def _pick(self, found: _Group, step: Step) -> Worker:
        if len(found.workers) == 1 and found.workers[0].id not in step.avoid:
            return found.workers[0]
        best = pick(step, [worker.view() for worker in found.workers])
        if best is None:
            raise EngineDied(f"No worker of {found.card.name} is running.")
        return next(worker for worker in found.workers if worker.id == best.id)

    def _still_loading(self, found: _Group) -> ModelLoading:
        worker = min(found.workers, key=lambda worker: worker.started_at_s or float("inf"))
        passed_s = max(0.0, time.monotonic() - worker.started_at_s)
        progress = max(worker.progress for worker in found.workers)
        expected_s = found.card.expected_load_s
        if progress > 0.05:
            expected_s = passed_s / progress
        return ModelLoading(
            f"The model {found.card.name} is being loaded; try again soon.",
            retry_after_s=max(1.0, expected_s - passed_s),
            details={"progress": round(progress, 3)},
        )

    def _limit_bytes(self) -> int:
        return self._models.memory_limit_bytes or int(machine_bytes() * MEMORY_SHARE)

    async def _make_room(self, found: _Group) -> None:
        need_bytes = found.card.memory_bytes * len(found.workers)
        limit_bytes = self._limit_bytes()
        if need_bytes > limit_bytes:
            raise EngineFailed(
                f"The model {found.card.name} needs {need_bytes} bytes of memory; the limit is {limit_bytes}."
            )
        async with self._room:
            residents = [other.resident() for other in self._groups.values() if other is not found]
            leaving = to_evict(residents, need_bytes, limit_bytes)
            if leaving is None:
                raise Overloaded(
                    f"There is no memory for {found.card.name} while the other models are at work.", retry_after_s=5.0
                )
            for name in leaving:
                await self.unload(name)

    async def _sweep(self) -> None:
        """Unload what nobody uses, and what has outgrown the memory."""
        idle_s = self._models.idle_unload_s
        every_s = min(SWEEP_S, idle_s / 4) if idle_s else SWEEP_S
        while True:
            await asyncio.sleep(every_s)
            self._complete_groups()
            residents = [found.resident() for found in self._groups.values() if found.ready()]
            leaving = set(idle_too_long(residents, idle_s))
            leaving.update(to_evict(residents, 0, self._limit_bytes()) or ())
            for name in leaving:
                if not self._groups[name].resident().busy:
                    await self.unload(name)

    def _complete_groups(self) -> None:
        """Where some workers of a group serve, those that could not be loaded try again."""
        for found in self._groups.values():
            if found.ready() and any(worker.state == "backoff" for worker in found.workers):
                with suppress(OmniwattError):
                    found.start()


def _raise_load_error(found: _Group, task: "asyncio.Task[Loaded]") -> None:
    if task.cancelled():
        raise EngineFailed(f"The model {found.card.name} was unloaded while it was being loaded.")
    error = task.exception()
    if isinstance(error, OmniwattError):
        raise type(error)(
            error.message,
            param=error.param,
            code=error.code,
            retry_after_s=error.retry_after_s,
            details=error.details,
        ) from error
    raise EngineFailed(f"The model {found.card.name} could not be loaded.") from error


def _status(card: Card, worker: Worker, now_s: float) -> WorkerStatus:
    loaded = worker.loaded
    return WorkerStatus(
        group=worker.group,
        engine=card.engine,
        pid=worker.pid,
        state=worker.state,
        progress=worker.progress,
        in_flight=worker.in_flight,
        slots=loaded.slots if loaded else card.slots,
        restarts=worker.restarts,
        memory_bytes=worker.memory_bytes(),
        threads=loaded.threads if loaded else card.threads,
        idle_s=0.0 if worker.in_flight else now_s - worker.used_at_s,
        context_window=(loaded.context_window if loaded else 0) or card.context_window,
        steps=worker.steps,
    )
