"""A simulated server on a virtual clock: workers that run steps, and the watts they, the host and the fans draw.

It knows nothing of how it is governed: it is told how many may run, and obeys at step boundaries as engines do. What
differs from machine to machine is drawn by the seed and told to nobody. Sources: the profiles, and for lags and
spreads what is said beside them.
"""

import heapq
import math
import random
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Literal

from omniwatt.contract.governor import TIERS
from omniwatt.contract.power import Work
from omniwatt.power import profile
from omniwatt.power.meters.tasks import Finished, Spread, Task

TICK_S = 0.01
SPEED_EXPONENT = 0.4
"""Speed under a power limit goes with the share of power to this power: derived from a clock-cubed power law."""


WANDER = 0.95
WANDERS = math.sqrt(1 - WANDER**2)
JITTER = 0.03
"""A step is this share longer or shorter at most."""


class Slot:
    """A worker: one device, or several that work as one."""

    def __init__(self, index: int, devices: Sequence[profile.Device], chip: float) -> None:
        self.index = index
        self.devices = devices
        self.chip = chip
        self.resident_w = sum(each.resident_w for each in devices)
        self.limit_w = sum(each.limit_w for each in devices)
        self.state: Literal["idle", "running", "waiting", "resting", "lost"] = "idle"
        self.task: Task | None = None
        self.left = 0
        self.began_s = 0.0
        self.ends_s = 0.0
        self.draws_w = 0.0
        self.noise = 0.0
        self.credit_s = 0.0
        self.runs = ""
        """The engine of the step that runs."""
        self.spent_j = 0.0
        """What its task has drawn so far, above rest, before the supply's losses: the truth that is to be found."""
        self._modes: dict[str, profile.Mode] = {}
        self.on = f" on {devices[0].name}"

    @property
    def tier(self) -> str:
        return self.task.tier if self.task else ""

    @property
    def engine(self) -> str:
        """As a meter of work names it: one engine for each model and sort of device."""
        return self.task.mode + self.on if self.task else ""

    def mode(self, name: str) -> profile.Mode:
        """Of its devices, which step together: the slowest sets the pace."""
        if name not in self._modes:
            modes = [each.modes[name] for each in self.devices]
            watts = sum(each.watts for each in modes)
            self._modes[name] = profile.Mode(max(each.step_s for each in modes), watts, modes[0].units)
        return self._modes[name]


class Workers:
    """Slots that take tasks from a queue, or make their own where `backlog` says so, and ask before each step."""

    def __init__(self, slots: list[Slot], chance: random.Random, spread: Spread) -> None:
        self.slots = slots
        self.chance = chance
        self.spread = spread
        self.backlog: Mapping[str, float] = {}
        self.tiers: Mapping[str, float] = {"default": 1.0}
        self.steps = 28
        self.queue: deque[Task] = deque()
        self.waiting: deque[Slot] = deque()
        self.room: float = len(slots)
        self.weights: Mapping[str, float] = {}
        """What a step of an engine counts for within `room`; 1 where nothing is said."""
        self.pause: tuple[str, ...] = ()
        self.duty = 1.0
        self.speed = 1.0
        self.running = 0
        self.dynamic_w = 0.0
        self.slot_s = 0.0
        self.ran_s: dict[str, float] = {}
        """Slot-seconds by engine, of steps that ended."""
        self.finished: list[Finished] = []
        self.work: list[Work] = []
        self.drawn: dict[tuple[str, int], float] = {}
        """Joules above rest by engine and slot, of steps that ended."""
        self._events: list[tuple[float, int]] = []
        self._made = 0

    def demand(self) -> dict[str, float]:
        """Slots wanted by tier: running, waiting to go on, or with a task in the queue; weighted."""
        wanted = dict.fromkeys(TIERS, 0.0)
        idle = 0
        for slot in self.slots:
            if slot.task is not None and slot.state != "lost":
                wanted[slot.tier] += self.weight(slot)
            idle += slot.state == "idle"
        for task in list(self.queue)[:idle]:
            wanted[task.tier] += 1
        if self.backlog:
            for tier, share in self.tiers.items():
                wanted[tier] += max(0, idle - len(self.queue)) * share / sum(self.tiers.values())
        return wanted

    def advance(self, now_s: float) -> None:
        """All boundaries up to `now_s`, in order; then those that wait may start."""
        while self._events and self._events[0][0] <= now_s:
            at_s, index = heapq.heappop(self._events)
            slot = self.slots[index]
            if slot.state == "running" and slot.ends_s == at_s:
                self._boundary(slot, at_s)
            elif slot.state == "resting" and slot.ends_s == at_s:
                self._wait(slot, at_s)
        self._admit(now_s)

    def cancel(self, name: str) -> None:
        """The task ends at its next boundary."""
        for slot in self.slots:
            if slot.task is not None and slot.task.name == name:
                slot.left = 1

    def lose(self, share: float) -> None:
        """So many of the slots fall off the bus at once."""
        for slot in self.slots[: round(share * len(self.slots))]:
            if slot.state == "running":
                self._leave(slot, slot.ends_s)
            slot.state, slot.task = "lost", None
        self.waiting = deque(slot for slot in self.waiting if slot.state == "waiting")

    def _boundary(self, slot: Slot, at_s: float) -> None:
        task = slot.task
        self._leave(slot, at_s)
        if task is not None:
            slot.left -= 1
            if slot.left <= 0:
                self.finished.append(Finished(at_s, task, slot.index, slot.spent_j))
                slot.task, slot.spent_j = None, 0.0
        if slot.task is None and not self._take(slot):
            slot.state = "idle"
        elif self.duty < 1.0 and self._rests(slot, at_s):
            slot.state = "resting"
        elif self._may(slot):
            self._run(slot, at_s)
        else:
            self._wait(slot, at_s)

    def _leave(self, slot: Slot, at_s: float) -> None:
        self.running -= 1
        self.dynamic_w -= slot.draws_w
        self.slot_s += at_s - slot.began_s
        self.ran_s[slot.runs] = self.ran_s.get(slot.runs, 0.0) + at_s - slot.began_s
        if slot.task is not None:
            drawn_j = slot.draws_w * (at_s - slot.began_s)
            slot.spent_j += drawn_j
            key = slot.engine, slot.index
            self.drawn[key] = self.drawn.get(key, 0.0) + drawn_j

    def _wait(self, slot: Slot, at_s: float, *, first: bool = False) -> None:
        slot.state, slot.began_s = "waiting", at_s
        if first:
            self.waiting.appendleft(slot)
        else:
            self.waiting.append(slot)

    def _rests(self, slot: Slot, at_s: float) -> bool:
        """Each worker by its own credit, ignorant of the others: bursts of about a quarter of a second."""
        slot.credit_s -= (1 - self.duty) * (at_s - slot.began_s)
        if slot.credit_s > 0.0:
            return False
        burst_s = self.chance.uniform(0.1, 0.4)
        slot.ends_s = at_s + (burst_s - slot.credit_s) / max(1e-3, self.duty)
        slot.credit_s = burst_s
        heapq.heappush(self._events, (slot.ends_s, slot.index))
        return True

    def _may(self, slot: Slot) -> bool:
        """A permit goes on unless too many run, or its tier is paused; the lowest tier that runs gives way first."""
        if slot.tier in self.pause:
            return False
        excess = self.load() + self.weight(slot) / 2 - self.room
        if excess <= 0:
            return True
        rank = TIERS.index(slot.tier)
        lower = (one for one in self.slots if one.state == "running" and TIERS.index(one.tier) > rank)
        return sum(self.weights.get(one.runs, 1.0) for one in lower) >= excess

    def weight(self, slot: Slot) -> float:
        """Of its next step."""
        return self.weights.get(slot.engine, 1.0)

    def load(self) -> float:
        """Weights of the steps that run."""
        if not self.weights:
            return float(self.running)
        return sum(self.weights.get(one.runs, 1.0) for one in self.slots if one.state == "running")

    def _admit(self, now_s: float) -> None:
        load = self.load()
        while load < self.room:
            slot = self._next()
            if slot is None:
                return
            if slot.state == "idle" and not self._take(slot):
                return
            load += self.weight(slot)
            if load - self.weight(slot) / 2 > self.room:
                self._wait(slot, now_s, first=True)
                return
            self._run(slot, now_s)

    def _next(self) -> Slot | None:
        ready = [slot for slot in self.waiting if slot.tier not in self.pause]
        if ready:
            slot = min(ready, key=lambda one: TIERS.index(one.tier))
            self.waiting.remove(slot)
            return slot
        if not self.queue and not self.backlog:
            return None
        if self.queue and self.queue[0].tier in self.pause:
            return None
        return next((slot for slot in self.slots if slot.state == "idle"), None)

    def _take(self, slot: Slot) -> bool:
        if self.queue:
            task = self.queue.popleft()
        elif self.backlog:
            self._made += 1
            mode = self.chance.choices(list(self.backlog), list(self.backlog.values()))[0]
            tier = self.chance.choices(list(self.tiers), list(self.tiers.values()))[0]
            task = Task(f"task-{self._made}", mode, max(1, round(self.steps * self.chance.uniform(0.5, 1.5))), tier)
        else:
            return False
        slot.task, slot.left = task, task.steps
        return True

    def _run(self, slot: Slot, at_s: float) -> None:
        if slot.task is None:
            return
        mode = slot.mode(slot.task.mode)
        noise = self.chance.gauss(0.0, self.spread.step)
        slot.noise = WANDER * slot.noise + WANDERS * noise if mode.units == "decode" else noise
        watts = min(slot.limit_w, slot.resident_w + (mode.watts - slot.resident_w) * slot.chip * (1 + slot.noise))
        slot.state, slot.began_s, slot.draws_w, slot.runs = "running", at_s, watts - slot.resident_w, slot.engine
        self.work.append(Work(slot.task.name, slot.engine, mode.units, 1.0))
        slot.ends_s = at_s + mode.step_s * (1 + JITTER * (2 * self.chance.random() - 1)) / self.speed
        self.running += 1
        self.dynamic_w += slot.draws_w
        heapq.heappush(self._events, (slot.ends_s, slot.index))


class Plant:
    """The whole server. `advance` moves its clock; `watts` is the truth, `joules_at` its integral.

    `gang` devices work as one slot. `trimmed`: it has power limits that can be set, and `trim` is taken up with a lag.
    """

    def __init__(
        self, server: profile.Server, seed: int, *, gang: int = 1, spread: Spread | None = None, trimmed: bool = False
    ) -> None:
        self.server = server
        self.spread = spread = spread or Spread()
        self.trimmed = trimmed
        self.chance = chance = random.Random(seed)  # noqa: S311
        devices = profile.devices_of(server)
        chance.shuffle(devices)
        groups = [devices[at : at + gang] for at in range(0, len(devices), gang)]
        chip = spread.chip / math.sqrt(gang)
        slots = [Slot(index, group, chance.gauss(1.0, chip)) for index, group in enumerate(groups)]
        self.workers = Workers(slots, chance, spread)
        self.resident_w = sum(each.resident_w for each in devices)
        self.host_w = server.host_w * chance.gauss(1.0, spread.host)
        self.loss = chance.gauss(1.0, spread.psu)
        self.cooling = max(0.2, chance.gauss(1.0, spread.cooling))
        self.lag_s = chance.uniform(*spread.lag_s)
        self.cooling_lag_s = chance.uniform(*spread.cooling_lag_s)
        self.gain = 1.0 + spread.gain
        self.drift = 0.0
        self.trim = self.trim_wanted = 1.0
        self.trim_lag_s = 0.08
        self.now_s = 0.0
        self.dynamic_w = 0.0
        self.heat_w = self.host_w + self.resident_w
        self.trace_w: list[float] = []
        """The truth, each 10 ms from 0."""
        self.trace_j: list[float] = [0.0]
        self._ran = (0.0, 0.0)

    @property
    def watts(self) -> float:
        """What flows through the plug now."""
        return self.trace_w[-1] if self.trace_w else self._wall_w()

    def grant(
        self,
        room: float,
        pause: Sequence[str] = (),
        trim: float = 1.0,
        duty: float = 1.0,
        weights: Mapping[str, float] | None = None,
    ) -> None:
        """From now on: so many may run, to the nearest whole one, these tiers may not, at this share of their power."""
        workers = self.workers
        workers.room, workers.pause, workers.duty, workers.weights = room, tuple(pause), duty, weights or {}
        self.trim_wanted = min(1.0, max(0.3, trim)) if self.trimmed else 1.0
        workers.advance(self.now_s)

    def advance(self, until_s: float) -> None:
        """Let time pass, by ticks of 10 ms."""
        ticks = round((until_s - self.now_s) / TICK_S)
        follow = 1 - math.exp(-TICK_S / self.lag_s)
        trim = 1 - math.exp(-TICK_S / self.trim_lag_s)
        cool = TICK_S / self.cooling_lag_s
        for _ in range(ticks):
            self.now_s = round(self.now_s + TICK_S, 6)
            self.trim += trim * (self.trim_wanted - self.trim)
            self.workers.speed = self._speed()
            self.workers.advance(self.now_s)
            wanted_w = self.workers.dynamic_w * self.gain * (1 + self.drift) * self.trim
            self.dynamic_w += follow * (wanted_w - self.dynamic_w)
            it_w = self.host_w + self.resident_w + self.dynamic_w
            self.heat_w += cool * (it_w - self.heat_w)
            self._drift()
            self.trace_w.append(self._wall_w())
            self.trace_j.append(self.trace_j[-1] + self.trace_w[-1] * TICK_S)

    def ran(self) -> float:
        """Slots that ran, as the mean since this was asked last."""
        slot_s = self.workers.slot_s
        slot_s += sum(self.now_s - slot.began_s for slot in self.workers.slots if slot.state == "running")
        before_s, then_s = self._ran
        self._ran = (slot_s, self.now_s)
        return (slot_s - before_s) / (self.now_s - then_s) if self.now_s > then_s else float(self.workers.running)

    def ran_s(self) -> dict[str, float]:
        """Slot-seconds that ran so far, by engine."""
        out = dict(self.workers.ran_s)
        for slot in self.workers.slots:
            if slot.state == "running":
                out[slot.runs] = out.get(slot.runs, 0.0) + self.now_s - slot.began_s
        return out

    def joules_at(self, at_s: float) -> float:
        """Drawn from 0 to a time that has passed; before 0 it stood idle."""
        if at_s < 0 or len(self.trace_j) < 2:
            return at_s * (self.trace_w[0] if self.trace_w else self._wall_w())
        place = min(at_s / TICK_S, len(self.trace_j) - 1.0)
        low = min(int(place), len(self.trace_j) - 2)
        return self.trace_j[low] + (self.trace_j[low + 1] - self.trace_j[low]) * (place - low)

    def _speed(self) -> float:
        return float((self.trim * self._throttle()) ** SPEED_EXPONENT)

    def _throttle(self) -> float:
        """What is left of dynamic power when more heat comes than the cooling carries away."""
        over = self.heat_w / self.server.heat_limit_w
        return 1.0 if over <= 1.0 else max(0.5, 1.0 - 5 * (over - 1.0))

    def _drift(self) -> None:
        if self.spread.drift:
            keep = math.exp(-TICK_S / self.spread.drift_s)
            self.drift = keep * self.drift + math.sqrt(1 - keep**2) * self.chance.gauss(0.0, self.spread.drift)

    def _wall_w(self) -> float:
        dynamic_w = self.dynamic_w * self._throttle() + self.server.host_slot_w * self.workers.running
        it_w = self.host_w + self.resident_w + dynamic_w
        dc_w = it_w + self.cooling * profile.cooling_w(self.server, self.heat_w)
        return dc_w * self.loss / profile.efficiency(self.server.psu, dc_w / self.server.psu_w)
