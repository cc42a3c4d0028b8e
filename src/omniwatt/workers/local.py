"""One supervised engine on this machine: load, run, restart with back-off, notice when it hangs, unload."""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from pathlib import Path
from typing import Literal

import msgspec

from omniwatt.contract.error import EngineDied, EngineFailed, OmniwattError
from omniwatt.contract.event import EMPTY, Chunk, Event
from omniwatt.contract.job import EngineSpec, Job, Loaded
from omniwatt.workers.hand import Hand
from omniwatt.workers.process import HostProcess
from omniwatt.workers.roster import Prefixes, WorkerView
from omniwatt.workers.ticker import Ticker

State = Literal["stopped", "loading", "ready", "backoff"]

log = logging.getLogger(__name__)


class Timing(msgspec.Struct, frozen=True, kw_only=True):
    """How patient supervision is, in seconds."""

    beat_s: float = 2.0
    """Between two pings."""
    hang_s: float = 30.0
    """Silence and no CPU time for this long, while work is owed, is a hang."""
    backoff_s: float = 0.5
    """Before the second restart in a row; doubles with each further one."""
    backoff_limit_s: float = 30.0
    healthy_s: float = 60.0
    """An engine that was ready for this long starts again with no failures to its name."""


class Pulse(msgspec.Struct, frozen=True):
    """What is known about a silent process: for how long it could have spoken, and the CPU time it used meanwhile."""

    silent_s: float
    cpu_s: float
    owed: bool
    stuck_s: float = 0.0
    """For how long it has kept a call that nobody waits for any more, and said nothing of any other."""


def is_hung(pulse: Pulse, hang_s: float) -> bool:
    """True for a process that owes work, could have run, and neither spoke nor computed for `hang_s`.

    One that computes is given its time as long as somebody waits for what it computes.
    """
    if pulse.stuck_s >= hang_s:
        return True
    return pulse.owed and pulse.silent_s >= hang_s and pulse.cpu_s < 0.001 * hang_s


def restart_delay_s(failures: int, timing: Timing) -> float:
    """How long to wait before a start after `failures` in a row: the first restart is immediate."""
    if failures <= 1:
        return 0.0
    return float(min(timing.backoff_limit_s, timing.backoff_s * 2.0 ** min(failures - 2, 30)))


class Worker:
    """One engine of a group, through all its processes."""

    def __init__(
        self,
        name: str,
        group: str,
        spec: Callable[[], EngineSpec],
        folder: Path,
        timing: Timing,
        ticker: Ticker,
        hand: Hand | None = None,
    ) -> None:
        self.id = name
        self.group = group
        self.state: State = "stopped"
        self.loaded: Loaded | None = None
        self.progress = 0.0
        self.restarts = 0
        self.failures = 0
        self._used_at_s = time.monotonic()
        self.started_at_s = 0.0
        """When the present load began, in time.monotonic."""
        self._spec = spec
        self._folder = folder
        self._timing = timing
        self._ticker = ticker
        self._hand = hand
        self._prefixes = Prefixes()
        self._process: HostProcess | None = None
        self._dying: list[HostProcess] = []
        self._loading: asyncio.Task[Loaded] | None = None
        self._heart: asyncio.Task[None] | None = None
        self._ready_at_s = 0.0
        self._retry_at_s = 0.0
        self._why: OmniwattError | None = None

    @property
    def pid(self) -> int:
        """The host process, 0 when there is none."""
        return self._process.pid if self._process else 0

    @property
    def in_flight(self) -> int:
        """Jobs the engine has not let go of yet."""
        return self._process.in_flight if self._process else 0

    @property
    def holds_memory(self) -> bool:
        """True from the beginning of a load to the end of its process."""
        return self._process is not None or self._loading is not None

    @property
    def used_at_s(self) -> float:
        """When it last had work, or became ready, in time.monotonic."""
        return max(self._used_at_s, self._process.used_at_s if self._process else 0.0)

    @property
    def steps(self) -> dict[str, float]:
        """Units of work this process has reported, by kind."""
        return dict(self._process.steps) if self._process else {}

    def memory_bytes(self) -> int:
        """Resident bytes of the process, 0 when there is none."""
        return self._process.memory_bytes() if self._process else 0

    def view(self) -> WorkerView:
        """This worker as pick sees it."""
        ready = self.state == "ready" and self.loaded is not None
        slots = self.loaded.slots if self.loaded else 1
        return WorkerView(self.id, self.group, ready, ready, slots, self.in_flight, self._prefixes.view())

    def load(self) -> "asyncio.Task[Loaded]":
        """The one load under way (a new one if there is none). Raises what the last one failed with, if too recent."""
        if self._loading is not None:
            return self._loading
        wait_s = self._retry_at_s - time.monotonic()
        if self._why is not None and wait_s > 0:
            why = self._why
            raise EngineFailed(why.message, code=why.code, details=why.details, retry_after_s=wait_s)
        return self._begin(0.0)

    def run(self, job: Job, inputs: AsyncIterator[Chunk] = EMPTY) -> AsyncGenerator[Event]:
        """Do one job. Raises EngineDied when the engine is not running, or, once begun, when it ends meanwhile."""
        if self._process is None or self.state != "ready":
            raise EngineDied(f"The {self.group} engine is not running.")
        return self._process.run(job, inputs)

    def served(self, keys: tuple[str, ...]) -> None:
        """Remember which prefixes are cached here now."""
        self._prefixes.add(keys)

    async def unload(self) -> None:
        """Stop the process, if any; the next load starts a new one. Calls still in it end with EngineDied."""
        self.state = "stopped"
        self._why = None
        self._end_heart()
        loading, self._loading = self._loading, None
        if loading is not None:
            loading.cancel()
            await asyncio.wait([loading])
        await self._end_process()

    # --- inside

    def _begin(self, delay_s: float) -> "asyncio.Task[Loaded]":
        self.state = "backoff" if delay_s else "loading"
        self.started_at_s = time.monotonic() + delay_s
        self.progress = 0.0
        self._loading = asyncio.create_task(self._load(delay_s))
        self._loading.add_done_callback(self._load_ended)
        return self._loading

    async def _load(self, delay_s: float) -> Loaded:
        if self._process is not None:
            log.error("engine %s (pid %d) ended: %s", self.id, self._process.pid, await self._process.reaped())
            self._process = None
        await asyncio.sleep(delay_s)
        await self._bury()
        self.state = "loading"
        spec = self._spec()
        self._process = process = await HostProcess.start(self.group, self._folder, self._hand)
        self._heart = asyncio.create_task(self._watch(process))
        try:
            loaded = await process.load(spec, self._progressed)
        except BaseException:
            self._end_heart()
            self._process = None
            self._dying.append(process)
            process.kill()
            raise
        self._ready(process, loaded)
        return loaded

    def _ready(self, process: HostProcess, loaded: Loaded) -> None:
        self.loaded = loaded
        self.state = "ready"
        self.progress = 1.0
        self._used_at_s = self._ready_at_s = time.monotonic()
        self._why = None
        self._prefixes.clear()
        self._ticker.join(process, loaded.threads)
        took_s = self._ready_at_s - self.started_at_s
        log.info("engine %s (pid %d) is ready after %.1f s", self.id, process.pid, took_s)
        process.on_lost(lambda: self._lost(process))

    def _progressed(self, done: float) -> None:
        self.progress = max(0.0, min(1.0, done))

    def _load_ended(self, task: "asyncio.Task[Loaded]") -> None:
        if self._loading is task:
            self._loading = None
        error = None if task.cancelled() else task.exception()
        if error is None:
            return
        self.failures += 1
        self.state = "stopped"
        self._why = error if isinstance(error, OmniwattError) else EngineFailed(f"{type(error).__name__} on loading.")
        if isinstance(self._why, EngineFailed):
            self._retry_at_s = time.monotonic() + restart_delay_s(self.failures + 1, self._timing)
            self.state = "backoff"
        else:
            self._retry_at_s = 0.0
        log.error("loading %s failed: %s", self.id, error)

    def _lost(self, process: HostProcess) -> None:
        """The process has gone by itself: start the next one before anybody who waited for it can ask again."""
        if self._process is not process or self.state != "ready":
            return
        self._end_heart()
        self._ticker.leave(process)
        if time.monotonic() - self._ready_at_s >= self._timing.healthy_s:
            self.failures = 0
        self.failures += 1
        self.restarts += 1
        delay_s = restart_delay_s(self.failures, self._timing)
        log.error("engine %s (pid %d) was lost; restart in %.1f s", self.id, process.pid, delay_s)
        self._begin(delay_s)

    def _end_heart(self) -> None:
        if self._heart is not None:
            self._heart.cancel()
            self._heart = None

    async def _watch(self, process: HostProcess) -> None:
        """Ping, and kill what hangs."""
        loop, beat_s = asyncio.get_running_loop(), self._timing.beat_s
        silent_s, stuck_s, cpu_s = 0.0, 0.0, process.cpu_s()
        while True:
            process.ping()
            asked_s, held_s = loop.time(), process.held_s
            await asyncio.sleep(beat_s)
            spoke = process.heard_at_s >= asked_s
            if not spoke and not process.stopped and process.is_held():
                # Somebody else holds it: time for which it could not run is no silence.
                silent_s, stuck_s, cpu_s = 0.0, 0.0, process.cpu_s()
                continue
            # If the beat took much longer than it should, it was the gateway that could not listen.
            passed_s = max(0.0, min(loop.time() - asked_s, 2 * beat_s) - (process.held_s - held_s))
            stuck_s = stuck_s + passed_s if process.clings_since(asked_s) else 0.0
            silent_s, cpu_s = (0.0, process.cpu_s()) if spoke else (silent_s + passed_s, cpu_s)
            owed = process.in_flight > 0 or self.state == "loading"
            if is_hung(Pulse(silent_s, process.cpu_s() - cpu_s, owed, stuck_s), self._timing.hang_s):
                log.error("engine %s (pid %d) hangs: killed", self.id, process.pid)
                process.kill()

    async def _end_process(self) -> None:
        self._used_at_s = self.used_at_s
        process, self._process = self._process, None
        self.loaded = None
        if process is not None:
            self._ticker.leave(process)
            await process.stop()
        await self._bury()

    async def _bury(self) -> None:
        """Wait until what was killed is really gone, with its memory."""
        while self._dying:
            await self._dying[0].reaped()
            self._dying.pop(0)
