"""One virtual run: a simulated server, a sensor, a budget over time and a controller."""

from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol

import msgspec
import numpy as np

from bench.power_metrics import Floats
from omniwatt.contract.power import MeterLost, Reading
from omniwatt.power import profile
from omniwatt.power.loop import Load, Loop, Machine
from omniwatt.power.meters.plant import TICK_S, Plant, Spread
from omniwatt.power.meters.simulated import INSTANT, Ill, Sensor, Simulated
from omniwatt.power.sight import Decision, Tuning

SERVER = "server28kw"
LOOP_S = 0.05
ACT_S = 0.02
"""From a decision until workers know of it."""


class Case(NamedTuple):
    """A plant, its work, its sensor, its budget over time (as a share of full load), and what happens to it."""

    name: str
    budget: Callable[[float], float]
    seconds: float = 90.0
    steps_s: tuple[float, ...] = (0.0,)
    """When the budget or the plant is stepped; 0 is the start from idle."""
    gang: int = 1
    mix: Mapping[str, float] = {"sd35m": 1.0}
    tiers: Mapping[str, float] = {"priority": 0.2, "default": 0.5, "flex": 0.3}
    sensor: Sensor = INSTANT
    trim: bool = False
    spread: Spread = Spread()
    events: tuple[tuple[float, Callable[[Plant], None]], ...] = ()
    ill: tuple[Ill, ...] = ()
    late_s: float = 0.0
    """Added to the sensor's delay, and told to nobody."""
    told: bool = False
    """Calibration knows what each sort of work draws."""
    hidden: bool = False
    """All work is of one engine, whatever it does: which sort of it runs cannot be seen."""
    moving: bool = False
    """The budget moves all the time: there is nothing to settle to."""
    after_s: float = 2.0
    """Steady figures begin so long after each step."""
    note: str = ""
    why: str = ""
    """Where an aim is missed: the reason."""


class Seen(NamedTuple):
    """What a controller may know: the newest reading, the budget, what runs, and what calibration says."""

    now_s: float
    reading: Reading | None
    budget_w: float
    demand: Mapping[str, float]
    ran: float
    running: float
    slots: int
    idle_w: float
    slot_w: float
    ran_s: Mapping[str, float] = {}
    """Slot-seconds so far by engine and device."""
    known: Mapping[str, float] = {}
    """What calibration says of a slot of each, where it does."""


class Order(NamedTuple):
    """What a controller wants. `duty` is for workers that gate themselves."""

    room: float
    pause: tuple[str, ...] = ()
    trim: float = 1.0
    duty: float = 1.0
    weights: Mapping[str, float] = {}
    """Of a step by its engine and device."""


class Controller(Protocol):
    """Decides once each loop."""

    def turn(self, seen: Seen) -> Order: ...


class Ours:
    """The governor's own loop, told what is written on the sensor. It is meter and actuator to the loop."""

    def __init__(self, case: Case, _: int) -> None:
        sensor = case.sensor
        devices = profile.devices_of(profile.server(SERVER))
        step_s = max(each.modes[mode].step_s for each in devices for mode in case.mix)
        react_s = min(2.0, step_s + sensor.window_s + sensor.late_s + 0.1)
        self.tuning = Tuning(window_s=sensor.window_s, period_s=sensor.period_s, trim=case.trim, react_s=react_s)
        self.loop = Loop(Machine(1.0, 0.0, 0.0), self.tuning, self, self)
        self.seen = Seen(0.0, None, 0.0, {}, 0.0, 0, 0, 0.0, 0.0)
        self.slot_s = 0.0
        self.decision: Decision | None = None

    def turn(self, seen: Seen) -> Order:
        weights = self.decision.weights if self.decision else {}
        before = self.seen.ran_s
        self.slot_s += sum(
            (ran_s - before.get(kind, 0.0)) * weights.get(kind, 1.0) for kind, ran_s in seen.ran_s.items()
        )
        self.seen = seen
        self.loop.machine = Machine(float(seen.slots), seen.idle_w, seen.slot_w, seen.known)
        self.loop.limit(seen.budget_w)
        self.decision = self.loop.turn(seen.now_s)
        if self.decision is None:
            return Order(seen.slots)
        return Order(self.decision.room, self.decision.pause, self.decision.trim, weights=self.decision.weights)

    def read(self) -> Reading:
        if self.seen.reading is None:
            raise MeterLost("the simulated sensor does not answer")
        return self.seen.reading

    def close(self) -> None:
        pass

    def look(self, _: float) -> Load:
        return Load(self.seen.demand, self.slot_s, self.seen.running, self.seen.ran_s)

    def obey(self, decision: Decision | None, _: float) -> None:
        self.decision = decision


class Trace(NamedTuple):
    """A run, by ticks of 10 ms."""

    watts: Floats
    budget_w: Floats
    states: Mapping[str, float]
    """Share of the time in each of the policy's states."""
    served: int
    """Requests finished."""


Make = Callable[[Case, int], Controller]


def run(case: Case, seed: int, make: Make, scale_w: float) -> Trace:
    """The case from cold on the machine of this seed; budgets are shares of `scale_w`."""
    plant, meter = _machine(case, seed)
    control = make(case, seed)
    states: dict[str, float] = {}
    budgets: list[float] = []
    events = list(case.events)
    seen_as = kinds(case, plant)
    see = _eyes(case, plant, seen_as)
    for tick in range(round(case.seconds / LOOP_S)):
        now_s = round(tick * LOOP_S, 6)
        while events and events[0][0] <= now_s:
            events.pop(0)[1](plant)
        budget_w = case.budget(now_s) * scale_w
        order = control.turn(see(now_s, _read(meter), budget_w))
        plant.advance(now_s + ACT_S)
        weights = {engine: order.weights[kind] for engine, kind in seen_as.items() if kind in order.weights}
        plant.grant(order.room, order.pause, order.trim, order.duty, weights)
        plant.advance(now_s + LOOP_S)
        budgets.append(budget_w)
        decision = getattr(control, "decision", None)
        state = decision.state if decision else ""
        states[state] = states.get(state, 0.0) + LOOP_S / case.seconds
    each = np.repeat(np.array(budgets), round(LOOP_S / TICK_S))
    return Trace(np.array(plant.trace_w), each, states, len(plant.workers.finished))


def ungoverned(case: Case, seed: int, seconds: float) -> Floats:
    """Watts of the same machine and work with nothing held back."""
    plant, _ = _machine(case, seed)
    plant.grant(len(plant.workers.slots))
    for at_s, event in case.events:
        if at_s < seconds:
            plant.advance(at_s)
            event(plant)
    plant.advance(seconds)
    return np.array(plant.trace_w)


def _machine(case: Case, seed: int) -> tuple[Plant, Simulated]:
    plant = Plant(profile.server(SERVER), seed, gang=case.gang, spread=case.spread, trimmed=case.trim)
    plant.workers.backlog, plant.workers.tiers = case.mix, case.tiers
    plant.grant(0)
    sensor = msgspec.structs.replace(case.sensor, late_s=case.sensor.late_s + case.late_s)
    return plant, Simulated(plant, sensor, seed=seed + 7919, ill=case.ill, claimed_late_s=case.sensor.late_s)


def _eyes(case: Case, plant: Plant, seen_as: Mapping[str, str]) -> Callable[[float, Reading | None, float], Seen]:
    server = profile.server(SERVER)
    full_w, idle_w = profile.full_w(server, case.mix), profile.idle_w(server)
    devices, slots = profile.devices_of(server), len(plant.workers.slots)
    workers = plant.workers

    def known() -> dict[str, float]:
        """The devices' papers, at the wall."""
        out = {}
        for slot in workers.slots if case.told else ():
            for mode in slot.devices[0].modes:
                at_w = profile.full_w(server, {mode: 1.0}) - idle_w
                each_w = sum(each.modes[mode].watts - each.resident_w + server.host_slot_w for each in slot.devices)
                all_w = sum(each.modes[mode].watts - each.resident_w + server.host_slot_w for each in devices)
                out[mode + slot.on] = at_w * each_w / all_w
        return out

    told = known()

    def see(now_s: float, reading: Reading | None, budget_w: float) -> Seen:
        ran_s: dict[str, float] = {}
        for engine, engine_s in plant.ran_s().items():
            ran_s[seen_as[engine]] = ran_s.get(seen_as[engine], 0.0) + engine_s
        slot_w = (full_w - idle_w) / slots
        return Seen(now_s, reading, budget_w, workers.demand(), plant.ran(), workers.load(), slots, idle_w, slot_w,
                    ran_s, told)  # fmt: skip

    return see


def kinds(case: Case, plant: Plant) -> dict[str, str]:
    """Each engine by what can be seen of it: which device it is on, and which engine where that is not hidden."""
    engines = [mode + slot.on for slot in plant.workers.slots for mode in slot.devices[0].modes]
    return {engine: engine.partition(" on ")[2] if case.hidden else engine for engine in engines}


def _read(meter: Simulated) -> Reading | None:
    try:
        return meter.read()
    except MeterLost:
        return None
