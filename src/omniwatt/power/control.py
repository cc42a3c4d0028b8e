"""The gateway's end of the governor: starts it, keeps it alive, tells it of engines and jobs, asks what jobs cost."""

import asyncio
import logging
import os
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import msgspec

from omniwatt import settings
from omniwatt.contract.error import BadInput
from omniwatt.contract.power import MeterLost
from omniwatt.contract.request import Value
from omniwatt.power import amounts, calibrate, learnt, share
from omniwatt.power.actuators import quota
from omniwatt.power.choice import cpu_model
from omniwatt.power.line import STOP_S, Line
from omniwatt.power.machinery import clear
from omniwatt.power.messages import (
    LOCK,
    SILENT_S,
    Beat,
    Budget,
    Engine,
    Gone,
    Settled,
    Start,
    Telemetry,
    Want,
    clock_s,
    decode_from_governor,
    encode,
)
from omniwatt.power.orders import DEFAULT, NONE, Orders, check
from omniwatt.power.pulse import Pulse
from omniwatt.power.scarcity import Scarcity
from omniwatt.power.settling import Settling
from omniwatt.power.share import Share
from omniwatt.power.site import Site
from omniwatt.power.tills import Bill

WATCH_S = 0.25
KEEP_S = 60.0
TAKE_UP_S = 0.6
"""A few turns and the telemetry after them."""
RETRY_S, RETRY_MOST_S = 0.05, 5.0
HEALTHY_S = 10.0
HISTORY = 300

log = logging.getLogger(__name__)


class _Joined:
    """A process group the governor is to know of."""

    def __init__(self, engine: Engine, freed: Callable[[], None]) -> None:
        self.engine = engine
        self.freed = freed
        self.want = Want(engine.pid)


class Power:
    """One node's power: an async context manager. Without a meter (`power.meter = none`) nothing is started."""

    def __init__(self, power: settings.Power, home: Path, cores: int | None = None, lock: str = LOCK) -> None:
        self._power = power
        self._folder = home / "run"
        try:
            self._calibration = calibrate.load(home / "power.json")
            self._cpu = cpu_model(power, self._calibration)
            self._max_w = self._cpu.max_w
            self._orders = Orders(power, self._max_w, home / "power_budget")
            self._share = Share(power, home, lambda: self._telemetry, self._apply_budget)
        except (ValueError, MeterLost) as error:
            raise settings.SettingsError(f"power: {error}") from error
        gate = f"gate-{os.getpid()}-{id(self):x}"
        self._start = Start(
            power, gate, cores or len(os.sched_getaffinity(0)), self._calibration, str(home / "power_state"), lock
        )
        self._joined: dict[int, _Joined] = {}
        self._settling = Settling(self._post, lambda: self._telemetry)
        self._line: Line | None = None
        self._pulse = Pulse(self._missed)
        self._dead: Line | None = None
        """Hung up on, and not yet buried."""
        self._unstarted = ""
        """Why there is no governor; empty when there is one, or it has only just ended."""
        self._begun_at_s = 0.0
        self._heard_at_s = 0.0
        self._retry_s = RETRY_S
        self._budget = Budget(None)
        self._rates = home / "power_rates.json"
        self._telemetry = Telemetry(learnt=learnt.load(self._rates))
        self._scarcity = Scarcity()
        self._history: deque[dict[str, float | None]] = deque(maxlen=HISTORY)
        self._watcher: asyncio.Task[None] | None = None
        self._closing = False

    async def __aenter__(self) -> Self:
        if self.enabled:
            self._apply_budget()
            self._launch()
            self._share.start()
            self._watcher = asyncio.create_task(self._watch())
        elif self._orders.budget not in ("", NONE):
            log.warning("power.meter is none: nobody holds the budget %s", self._orders.budget)
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._closing = True
        await self._share.stop()
        if self._watcher is not None:
            self._watcher.cancel()
            with suppress(asyncio.CancelledError):
                await self._watcher
        self._hang_up()
        await self._bury()
        if self.enabled:
            learnt.save(self._telemetry.learnt, self._rates)

    @property
    def enabled(self) -> bool:
        """Whether there may be a meter at all."""
        return self._power.meter != "none"

    @property
    def takes_w(self) -> tuple[float, float] | None:
        """Watts with nothing to do, and of each busy core besides; None where nothing is metered."""
        return (self._cpu.idle_w, self._cpu.core_w) if self.enabled else None

    # --- for the workers: see workers/hand.py

    @property
    def gate(self) -> str:
        """The governor's socket, relative to the hosts' folder."""
        return self._start.gate if self.enabled else ""

    def join(self, pid: int, name: str, threads: int, *, exempt: bool, freed: Callable[[], None]) -> None:
        """A process group has come, or more is known of it."""
        joined = self._joined[pid] = _Joined(Engine(pid, name, threads, exempt), freed)
        self._post(joined.engine)

    def leave(self, pid: int) -> None:
        """A process group is about to end."""
        if self._joined.pop(pid, None) is not None:
            self._post(Gone(pid))

    def want(self, pid: int, *, held: bool, urgent: bool) -> bool:
        """Have it held, or never held; False when there is no governor to do it, or none that does it now."""
        joined = self._joined.get(pid)
        if joined is None:
            return False
        joined.want = Want(pid, held, urgent)
        return self._post(joined.want) and not self._pulse.late

    def call(self, job: str, engine: str, capability: str) -> Bill:
        """A call for a job begins on an engine; told to the governor by the engine's host, if it lasts."""
        return self._settling.call(job, engine, capability, brief=self._budget.watts is None)

    def let(self, pid: int) -> float:
        """Share of the time a process group is let run."""
        return self._telemetry.let.get(pid, 1.0) if self._line is not None else 1.0

    # --- for the way of a request

    def begin(self, job: str, tier: str) -> None:
        """A request whose cost will be asked for; said again when its tier is known."""
        self._settling.begin(job, tier)

    async def settle(self, job: str) -> dict[str, Any] | None:
        """What it has cost, as `usage.energy`; None where nobody can say."""
        joules = await self._settling.settle(job)
        return None if joules is None else amounts.energy(joules)

    @property
    def tight(self) -> bool:
        """Watts have been short for a while."""
        return self._line is not None and self._scarcity.tight

    def share(self, tier: str) -> float:
        """What of the steps it wants a call of this tier may run now; see Scarcity.share."""
        return self._scarcity.share(tier) if self._line is not None else 1.0

    # --- for the faces

    def status(self) -> dict[str, Any]:
        """How the node stands: watts, budget, state, the last minute; see messages.Telemetry."""
        full: dict[str, Any] = msgspec.structs.asdict(self._telemetry)
        full["budget_w"] = self._budget.at(clock_s())
        full["budget"] = self._orders.budget
        full["budget_left_s"] = self._orders.left_s
        full["budget_unkept"] = self._orders.unkept
        full["budget_because"] = self._orders.because
        full["rates"] = learnt.rows(full.pop("learnt"))
        del full["brief"]
        if self.enabled and self._line is None:
            full["watts"], full["state"] = None, "ungoverned"
            full["why"] = self._unstarted or "the governor has ended and is started again"
        elif self._telemetry.at_s and time.monotonic() - self._telemetry.at_s > 2 * SILENT_S:
            full["watts"], full["state"], full["why"] = None, "ungoverned", "the governor does not answer"
        full |= {"tight": self.tight} | self._share.status()
        full["history"] = list(self._history)
        if full["watts"] is not None:
            full["amounts"] = msgspec.to_builtins(amounts.a_day_of(full["watts"], self._orders.tariff))
        return full

    def cost(self, energy_j: float | None) -> dict[str, float | str]:
        """kWh, money and grams of CO2 of what requests were charged; nothing of what was not metered."""
        return {} if energy_j is None else amounts.cost_of(energy_j, self._orders.tariff)

    def set_budget(self, budget: str | float, for_s: float | None = None) -> None:
        """`180W`, `60%`, watts, `none`, or `default` for what the settings say; see Orders.say.

        Raises BadInput for what is no budget.
        """
        if not self.enabled and budget not in (NONE, DEFAULT):
            raise BadInput("Nothing holds a budget here: power.meter is none.", param="budget")
        try:
            self._orders.say(budget, self._max_w, for_s)
        except ValueError as error:
            raise BadInput(str(error), param="budget") from error
        self._apply_budget()

    @property
    def site(self) -> Site:
        """The site, where this server is it. Raises Conflict elsewhere."""
        return self._share.site

    async def taken_up(self) -> None:
        """Wait until it can be seen how the governor does with what was set last; TAKE_UP_S at most."""
        set_s = time.monotonic()
        while self._line is not None and time.monotonic() - set_s < TAKE_UP_S:
            told = self._telemetry
            if told.budget_w == self._budget.at(clock_s()) and told.at_s - set_s > TAKE_UP_S / 4:
                return
            await asyncio.sleep(TAKE_UP_S / 50)

    def check(self, power: settings.Power) -> None:
        """Raises ValueError for settings that cannot be held."""
        check(power, self._max_w)
        share.check(power)

    def reload(self, power: settings.Power) -> None:
        """Take up budget, windows, events and prices as the settings say now; a budget by word of mouth still holds.

        Raises ValueError, changing nothing, for what cannot be held.
        """
        had_one = self._budget.watts is not None
        self._orders.read(power, self._max_w)
        self._share.reload(power)
        if self._orders.by_word and power.budget and self._orders.budget != power.budget:
            log.warning("the budget set by hand (%s) holds; `omniwatt power set default` ends it", self._orders.budget)
        self._apply_budget()
        if had_one and self._budget.watts is None:
            log.warning("the settings say no budget any more: nothing is held")

    # --- the governor's life

    def _launch(self) -> None:
        self._begun_at_s = time.monotonic()
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            clear(self._folder)
            # What the last one left; where it cannot be removed, none can be made either.
            (self._folder / self._start.gate).unlink(missing_ok=True)
            self._line = Line.start(self._folder, self._take, self._ended)
        except OSError as error:
            where = f" ({Path(error.filename).parent})" if error.filename else ""
            self._unstarted = f"no governor could be started: {error.strerror}{where}"
            log.warning("%s; engines run without one", self._unstarted)
            return
        self._unstarted = ""
        self._settling.renewed()
        self._telemetry = msgspec.structs.replace(self._telemetry, brief=False, watts=None)
        self._heard_at_s = self._begun_at_s + STOP_S  # it takes a moment to start
        self._introduce()

    def _introduce(self) -> None:
        """Everything a new governor has to know."""
        self._post(msgspec.structs.replace(self._start, learnt=self._telemetry.learnt))
        for joined in self._joined.values():
            self._post(joined.engine)
            if joined.want.held or joined.want.urgent:
                self._post(joined.want)
        self._post(self._budget)

    def _hang_up(self) -> None:
        """No more governor: what it held is continued at once."""
        if self._line is None:
            return
        self._pulse.stop()
        self._dead, self._line = self._line, None
        self._dead.close()
        if self._power.quota:
            with suppress(OSError):
                own = Path("/proc/self/cgroup").read_text("ascii")
                quota.lift(Path(self._start.cgroups), own, quota.quota_name(self._start.gate))
        self._free()
        self._settling.lost()

    def _free(self) -> None:
        for joined in list(self._joined.values()):
            joined.want = Want(joined.engine.pid, urgent=joined.want.urgent)
            joined.freed()

    def _missed(self) -> None:
        """It does not say any more whom it holds: they go on, until it is heard again or replaced."""
        log.warning("the governor (pid %d) is late: what it holds for the watts' sake goes on", self.pid)
        for joined in list(self._joined.values()):
            if not joined.want.held:
                joined.freed()

    async def _bury(self) -> None:
        """Wait until it is gone; it ends by itself once it is hung up on."""
        if self._dead is not None:
            await self._dead.bury()
            self._dead = None
            # Until now it may still have stopped somebody.
            self._free()

    async def _watch(self) -> None:
        """Once a quarter of a second: is it alive, and what is the budget now?"""
        silent, kept_s = 0, time.monotonic()
        while True:
            await asyncio.sleep(WATCH_S)
            if self._line is None:
                await self._again()
                silent = 0
                continue
            # Twice in a row: the first time it may be us who did not listen.
            silent = silent + 1 if time.monotonic() - self._heard_at_s > SILENT_S else 0
            if silent >= 2:
                log.error("the governor (pid %d) is silent: replaced", self.pid)
                self._lost()
            self._apply_budget()
            if time.monotonic() - kept_s > KEEP_S:
                kept_s = time.monotonic()
                with suppress(RuntimeError):  # no thread to be had now
                    await asyncio.to_thread(learnt.save, self._telemetry.learnt, self._rates)

    async def _again(self) -> None:
        await self._bury()
        if time.monotonic() - self._begun_at_s > max(HEALTHY_S, 2 * self._retry_s):
            self._retry_s = RETRY_S
        await asyncio.sleep(self._retry_s)
        self._retry_s = min(RETRY_MOST_S, 2 * self._retry_s)
        self._launch()

    def _lost(self) -> None:
        if self._line is not None:
            self._line.kill()
        self._hang_up()

    def _ended(self) -> None:
        if not self._closing:
            log.error("the governor (pid %d) has ended: what it held goes on, and it is started again", self.pid)
        self._lost()

    @property
    def pid(self) -> int:
        """Of the governor; 0 when there is none."""
        line = self._line or self._dead
        return line.pid if line else 0

    def _take(self, packet: bytes) -> None:
        self._heard_at_s = max(self._heard_at_s, time.monotonic())
        match decode_from_governor(packet):
            case Settled() as settled:
                self._settling.answered(settled)
            case Telemetry() as told:
                if told.why != self._telemetry.why and told.why:
                    log.warning("power: %s", told.why)
                self._telemetry = told
                self._settling.learn(told.learnt)
                self._max_w = told.max_w or self._max_w
                self._scarcity.see(told.slots, told.wanted, told.budget_w)
                self._history.append({"at_s": told.at_s, "watts": told.watts, "budget_w": told.budget_w})
            case Beat(holds=holds):
                self._pulse.beat(holds=holds)

    def _post(self, message: Value) -> bool:
        return self._line is not None and self._line.post(encode(message))

    # --- the budget

    def _apply_budget(self) -> None:
        budget = self._share.limited(self._orders.now_w(self._max_w))
        if budget != self._budget:
            self._budget = budget
            self._post(budget)
