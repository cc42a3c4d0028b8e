"""Load sweep, and the books of energy over a virtual hour of mixed work, on the simulated server."""

import random

import numpy as np

from bench.power_metrics import Floats, fitted
from bench.power_run import SERVER, Case, Ours, Seen
from omniwatt.contract.power import Joules
from omniwatt.power import profile
from omniwatt.power.account import Account
from omniwatt.power.meters.plant import Plant, Slot
from omniwatt.power.meters.simulated import Simulated
from omniwatt.power.meters.tasks import Finished, Task

LOADS = tuple(share / 10 for share in range(11))
SWEEP_S, WARM_S = 50.0, 20.0
HOUR_S = 3600.0
READ_S = 0.1
MIX = {"sana": 4.0, "sd35m": 2.0, "flux": 1.0, "decode": 8.0, "prefill": 1.0}
"""Requests by kind."""
STEPS = {"sana": 20, "sd35m": 28, "flux": 50, "decode": 200, "prefill": 4}
CANCELLED, CRASHED = 0.05, 0.01


def swept(seed: int) -> list[tuple[float, float]]:
    """(share of slots that ran, watts) under the governor at 100 %, for loads of 0 to 1; Poisson arrivals."""
    return [_at_load(seed, load) for load in LOADS]


def _at_load(seed: int, load: float) -> tuple[float, float]:
    server = profile.server(SERVER)
    plant = Plant(server, seed)
    plant.grant(0)
    meter = Simulated(plant, seed=seed)
    chance = random.Random(seed * 100 + round(load * 10))
    control = Ours(Case("sweep", lambda _: 1.0), seed)
    idle_w, full_w = profile.idle_w(server), profile.full_w(server, {"sd35m": 1.0})
    step_s = sum(slot.mode("sd35m").step_s for slot in plant.workers.slots) / 32
    rate_hz, next_s, made, ran = load * 32 / (28 * step_s), 0.0, 0, 0.0
    for tick in range(round(SWEEP_S / 0.05)):
        now_s = tick * 0.05
        while load == 1.0 and len(plant.workers.queue) < 32:
            plant.workers.queue.append(Task(f"t{(made := made + 1)}", "sd35m", 28))
        while 0 < load < 1 and next_s <= now_s:
            plant.workers.queue.append(Task(f"t{(made := made + 1)}", "sd35m", 28))
            next_s += chance.expovariate(rate_hz)
        share = plant.ran()
        ran += share if now_s >= WARM_S else 0.0
        reading = None if now_s < 0.5 else meter.read()
        seen = Seen(now_s, reading, 1.05 * full_w, plant.workers.demand(), share, plant.workers.running, 32,
                    idle_w, (full_w - idle_w) / 32, plant.ran_s())  # fmt: skip
        order = control.turn(seen)
        plant.grant(order.room, order.pause, weights=order.weights)
        plant.advance(now_s + 0.05)
    ticks = round((SWEEP_S - WARM_S) / 0.05)
    return ran / ticks / 32, (plant.joules_at(SWEEP_S) - plant.joules_at(WARM_S)) / (SWEEP_S - WARM_S)


def proportion(points: list[tuple[float, float]]) -> dict[str, float]:
    """The line of watts over load: what flows at rest as a share of full, and how well it is a line."""
    fit = fitted(*np.array(points).T)
    full_w = fit.rest_w + fit.slope_w
    return {
        "idle_fraction": fit.rest_w / full_w,
        "r2": fit.r2,
        "worst_off_line_pct": fit.worst_off_w / full_w * 100,
    }


class Hour:
    """Mixed work with cancels and crashes, and an account kept of it from a meter's readings.

    The account sees what a governor sees: units of work, jobs in flight, and each engine's part by the power its
    devices report, which is wrong by one per cent from device to device.
    """

    def __init__(self, seed: int, load: float = 0.7) -> None:
        server = profile.server(SERVER)
        self.plant = Plant(server, seed)
        self.meter = Simulated(self.plant, seed=seed + 1)
        self.account = Account()
        self.chance = random.Random(seed + 2)
        self.wrong = [self.chance.gauss(1.0, 0.01) for _ in self.plant.workers.slots]
        self.known: dict[str, str] = {}
        self.bills: dict[str, Joules | None] = {}
        self.cut: set[str] = set()
        self.alone: dict[tuple[str, int], float] = {}
        self.total: dict[str, float] = {}
        seconds = sum(MIX[kind] * STEPS[kind] * self._step_s(kind) for kind in MIX) / sum(MIX.values())
        self.rate_hz = load * len(self.plant.workers.slots) / seconds
        self.made = self.cancelled = self.crashed = self.done = 0

    def _step_s(self, kind: str) -> float:
        slots = self.plant.workers.slots
        return sum(slot.mode(kind).step_s for slot in slots) / len(slots)

    def run(self, seconds: float = HOUR_S) -> None:
        """Let the hour pass, by readings."""
        self.plant.grant(len(self.plant.workers.slots))
        next_s = 0.0
        for tick in range(1, round(seconds / READ_S) + 1):
            now_s = tick * READ_S
            while next_s <= now_s:
                kind = self.chance.choices(list(MIX), list(MIX.values()))[0]
                self.made += 1
                self.plant.workers.queue.append(Task(f"job-{self.made}", kind, STEPS[kind]))
                next_s += self.chance.expovariate(self.rate_hz)
            self.plant.advance(now_s)
            if tick > 2:
                self._look(now_s)

    def _look(self, now_s: float) -> None:
        workers = self.plant.workers
        flying = {slot.task.name: slot for slot in workers.slots if slot.task is not None}
        for job, slot in flying.items():
            if job not in self.known:
                self.known[job] = slot.engine
                self.account.begin(job, slot.engine, now_s)
                self._trouble(job)
        self.account.did(workers.work)
        workers.work.clear()
        self.account.close(self.meter.read(), profile.idle_w(self.plant.server), self._activity(now_s))
        for finished in workers.finished[self.done :]:
            job = finished.task.name
            if job in self.known and job not in self.bills:
                self.bills[job] = self.account.settle(job, now_s)
        self.done = len(workers.finished)

    def _trouble(self, job: str) -> None:
        """Some are cancelled; some crash: their account is settled while their step still runs."""
        chance = self.chance.random()
        if chance < CANCELLED:
            self.cancelled += 1
            self.cut.add(job)
            self.plant.workers.cancel(job)
        elif chance < CANCELLED + CRASHED:
            self.crashed += 1
            self.cut.add(job)
            self.plant.workers.cancel(job)
            self.bills[job] = self.account.settle(job, self.plant.now_s)

    def _activity(self, now_s: float) -> dict[str, float]:
        """Of each engine, by what its devices report of themselves."""
        total: dict[str, float] = {}
        for (engine, index), drawn_j in self.plant.workers.drawn.items():
            total[engine] = total.get(engine, 0.0) + drawn_j * self.wrong[index]
        for slot in self.plant.workers.slots:
            if slot.state == "running":
                part_j = slot.draws_w * self.wrong[slot.index] * (now_s - slot.began_s)
                total[slot.engine] = total.get(slot.engine, 0.0) + part_j
        before, self.total = self.total, total
        return {engine: max(0.0, joules - before.get(engine, 0.0)) for engine, joules in total.items()}

    def figures(self, seed: int) -> dict[str, float]:
        """Conservation against the meter; bills against what each job truly drew, and against the same job alone."""
        account, plant = self.account, self.plant
        shared_j = account.settled_j + account.open_j + account.unattributed_idle_j + account.unattributed_dynamic_j
        whole = [
            (each, bill) for each in plant.workers.finished if (bill := self.bills.get(each.task.name)) is not None
        ]
        charged = np.array([bill.dynamic_j for _, bill in whole])
        spent = np.array([each.spent_j for each, _ in whole])
        off = charged / (spent * charged.sum() / spent.sum()) - 1
        against = self._against_alone(whole, seed)
        return {
            "jobs": float(self.made), "cancelled": float(self.cancelled), "crashed": float(self.crashed),
            "metered_kwh": account.metered_j / 3.6e6,
            "conservation_pct": abs(shared_j / account.metered_j - 1) * 100,
            "nobodys_pct": (account.unattributed_idle_j + account.unattributed_dynamic_j) / account.metered_j * 100,
            "meter_vs_truth_pct": abs(account.metered_j / plant.trace_j[-1] - 1) * 100,
            "alone_mean_off_pct": float(np.mean(np.abs(against))) * 100,
            "alone_worst_off_pct": float(np.max(np.abs(against))) * 100,
            "job_median_off_pct": float(np.median(np.abs(off))) * 100,
            "job_p95_off_pct": float(np.percentile(np.abs(off), 95)) * 100,
        }  # fmt: skip

    def _against_alone(self, whole: list[tuple[Finished, Joules]], seed: int) -> Floats:
        """By engine: what finished requests were charged on the mean, over what they take alone on the same slots."""
        sums: dict[str, Floats] = {}
        for each, bill in whole:
            if each.task.steps == STEPS[each.task.mode] and each.task.name not in self.cut:
                key = self.known[each.task.name]
                alone_j = self._alone(each.task.mode, seed, each.slot)
                sums[key] = sums.get(key, np.zeros(2)) + np.array([bill.dynamic_j, alone_j])
        return np.array([charged / spent - 1 for charged, spent in sums.values()])

    def _alone(self, kind: str, seed: int, slot: int) -> float:
        if (kind, slot) not in self.alone:
            self.alone[kind, slot] = alone(kind, seed, slot)
        return self.alone[kind, slot]


def alone(kind: str, seed: int, slot: int = 0) -> float:
    """Wall joules of one request above rest, on this slot of the machine of this seed, where nothing else runs."""
    plant = Plant(profile.server(SERVER), seed)
    one: Slot = plant.workers.slots[slot]
    plant.workers.slots, one.index = [one], 0
    plant.grant(0)
    plant.advance(1.0)
    rest_w = plant.watts
    plant.workers.queue.append(Task("alone", kind, STEPS[kind]))
    plant.grant(1)
    plant.advance(round(2.0 + STEPS[kind] * one.mode(kind).step_s * 1.2, 1))
    return plant.joules_at(plant.now_s) - plant.joules_at(1.0) - rest_w * (plant.now_s - 1.0)
