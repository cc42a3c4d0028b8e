"""A real GPU under a watt budget by its steps alone, and how far the simulated one is from it.

    python -m bench.power_gpu [--quick] [--seconds 20]

Diffusion-like steps (matrix products of about 126 ms, torch) on the first card; NVML's instant power; the governor's
own loop. No setting of the card is touched: steps begin or wait, nothing else. The onlooker is a process of its own
that reads the card. The same budgets then go to a simulated card. Needs torch and pynvml; without a card it says so,
ends with 3 and keeps nothing.
"""

import argparse
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from bench.common import report, say
from bench.power_metrics import MARGIN, Floats, measured
from bench.power_phases import SETTLE_S, TICK_S, Phase, held_w, steps
from bench.power_run import LOOP_S
from omniwatt.contract.power import Meter, MeterLost, Reading
from omniwatt.power import profile
from omniwatt.power.loop import Load, Loop, Machine
from omniwatt.power.machine import tuning
from omniwatt.power.meters.nvml import INSTANT, Nvml
from omniwatt.power.meters.plant import Plant
from omniwatt.power.meters.simulated import Simulated
from omniwatt.power.sight import Decision

STEP_S, MODE = 0.126, "sd35m"
REST_S, FREE_S = 5.0, 8.0
SEED = 1
COMPARED = ("settle_s", "steady_error_pct", "worst_1s_pct", "worst_10s_pct", "over_102_longest_s", "max_pct_of_budget")
ALONE = profile.Server(
    "one card, its own watts alone", (profile.Group("h100", 1),), "liquid", 0.0, 0.0, 0.0, 1.0, 1e6, 1e6,
    ((0.0, 1.0), (1.0, 1.0)),
)  # fmt: skip


class Steps:
    """Steps one after another in a thread of its own; each asks first. Actuators of the loop."""

    def __init__(self, step: Callable[[], None]) -> None:
        self._step = step
        self._may = threading.Event()
        self._may.set()
        self._ended = False
        self._busy_s, self._begun_s = 0.0, 0.0
        self.done: list[float] = []
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def look(self, now_s: float) -> Load:
        begun_s = self._begun_s
        running = begun_s > 0.0
        return Load({"default": 1.0}, self._busy_s + (now_s - begun_s if running else 0.0), float(running))

    def obey(self, decision: Decision | None, now_s: float) -> None:
        del now_s
        if decision is None or (decision.count > 0 and "default" not in decision.pause):
            self._may.set()
        else:
            self._may.clear()

    def close(self) -> None:
        """The step that runs is finished."""
        self._ended = True
        self._may.set()
        self._thread.join(timeout=30.0)

    def _work(self) -> None:
        while not self._ended:
            self._may.wait()
            self._begun_s = time.monotonic()
            self._step()
            now_s = time.monotonic()
            self._busy_s, self._begun_s = self._busy_s + now_s - self._begun_s, 0.0
            self.done.append(now_s)


class Run(NamedTuple):
    """By ticks of TICK_S: watts, budgets; and what flows with no budget."""

    watts: Floats
    budget_w: Floats
    full_w: float


def main() -> int:
    """Measure, print and keep; 3 where there is no GPU."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="short phases; the result is not kept")
    parser.add_argument("--seconds", type=float, default=20.0, help="of each phase")
    asked = parser.parse_args()
    found = card()
    if found is None:
        say("There is no GPU here that torch and NVML can use: nothing was measured, no result is kept.")
        return 3
    phases = steps(6.0 if asked.quick else asked.seconds)
    name, step = found
    with closing(Nvml((0,))) as meter:
        real = held(meter, step, phases)
    ours = figures("real", phases, real)
    virtual = figures("simulated", phases, simulated(phases))
    notes = {"gpu": name, "step_s": STEP_S, "meter": "NVML instant power", "scope": "gpu", "settings_touched": False,
             "simulated": "one card of the profile h100, watts of its mode sd35m"}  # fmt: skip
    report("power_gpu", [*ours, *virtual, *apart(ours, virtual, name)], asked.quick, notes)
    return 0


def card() -> tuple[str, Callable[[], None]] | None:
    """The first card's name, and a step on it that takes STEP_S; None without torch, NVML or a card."""
    try:
        import torch

        with closing(Nvml((0,))) as meter:
            meter.read()
            if not torch.cuda.is_available() or meter.manner != INSTANT:
                return None
    except (ImportError, MeterLost):
        return None
    one, other = (torch.randn(8192, 8192, device="cuda", dtype=torch.bfloat16) for _ in range(2))

    def products(count: int) -> None:
        for _ in range(count):
            torch.matmul(one, other)
        torch.cuda.synchronize()

    products(50)
    begun_s = time.perf_counter()
    products(200)
    count = max(1, round(STEP_S / ((time.perf_counter() - begun_s) / 200)))
    return torch.cuda.get_device_name(0), lambda: products(count)


def held(meter: Meter, step: Callable[[], None], phases: Sequence[Phase]) -> Run:
    """Rest, then run freely, to calibrate; then all phases with the loop at 20 Hz. The onlooker's watts are judged."""
    idle_w = _mean_w(meter, REST_S)
    work = Steps(step)
    try:
        time.sleep(2.0)
        full_w = _mean_w(meter, FREE_S)
        say(f"rest {idle_w:.1f} W, steps without a pause {full_w:.1f} W")
        loop = Loop(Machine(1.0, idle_w, full_w - idle_w), tuning(meter.manner, 1.0, by_core=False), meter, work)
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "watts"
            looker = subprocess.Popen([sys.executable, "-m", "bench.power_gpu_judge", str(file)])
            try:
                while not (file.exists() and file.stat().st_size):
                    if looker.poll() is not None:
                        raise RuntimeError("the onlooker ended")
                    time.sleep(0.1)
                budgets = _driven(loop, phases, full_w)
            finally:
                looker.terminate()
                looker.wait()
            lines = np.loadtxt(file)
    finally:
        work.close()
    ticks = budgets[0][0] + TICK_S * np.arange(sum(round(phase.seconds / TICK_S) for phase in phases))
    watts = np.interp(ticks, lines[:, 0], lines[:, 1])
    return Run(watts, held_w(budgets, ticks), full_w)


def _mean_w(meter: Meter, seconds: float) -> float:
    seen, end_s = [], time.monotonic() + seconds
    while time.monotonic() < end_s:
        seen.append(meter.read().watts)
        time.sleep(LOOP_S)
    return float(np.mean(seen))


def _driven(loop: Loop, phases: Sequence[Phase], full_w: float) -> list[tuple[float, float]]:
    """Budgets with the times they were set at."""
    budgets, begun_s = [], time.monotonic()
    for phase in phases:
        say(f"  {phase.name}")
        while (passed_s := time.monotonic() - begun_s) < phase.seconds:
            budget_w = phase.budget_w(passed_s, full_w)
            loop.limit(None if np.isinf(budget_w) else budget_w)
            budgets.append((time.monotonic(), budget_w))
            loop.turn(time.monotonic())
            time.sleep(LOOP_S)
        begun_s += phase.seconds
    return budgets


class Virtual:
    """Meter and actuators on a simulated card."""

    def __init__(self, plant: Plant) -> None:
        self.plant, self.sensor = plant, Simulated(plant, seed=SEED)
        self.manner = self.sensor.manner
        self._slot_s = 0.0

    def read(self) -> Reading:
        return self.sensor.read()

    def close(self) -> None:
        self.sensor.close()

    def look(self, _: float) -> Load:
        self._slot_s += self.plant.ran() * LOOP_S
        return Load(self.plant.workers.demand(), self._slot_s, float(self.plant.workers.running))

    def obey(self, decision: Decision | None, _: float) -> None:
        self.plant.grant(1 if decision is None else decision.count, () if decision is None else decision.pause)


def simulated(phases: Sequence[Phase]) -> Run:
    """The same budgets for one simulated card, in virtual time."""
    plant = Plant(ALONE, SEED)
    plant.workers.backlog = {MODE: 1.0}
    plant.grant(1)
    plant.advance(FREE_S)
    full_w = float(np.mean(plant.trace_w[len(plant.trace_w) // 2 :]))
    one = Virtual(plant)
    machine = Machine(1.0, plant.resident_w, full_w - plant.resident_w)
    loop = Loop(machine, tuning(one.manner, 1.0, by_core=False), one, one)
    budgets, begun_s, first = [], plant.now_s, len(plant.trace_w)
    for phase in phases:
        for turn in range(round(phase.seconds / LOOP_S)):
            budget_w = phase.budget_w(turn * LOOP_S, full_w)
            loop.limit(None if np.isinf(budget_w) else budget_w)
            loop.turn(plant.now_s)
            budgets.append(budget_w)
            plant.advance(begun_s + len(budgets) * LOOP_S)
    fine = np.array(plant.trace_w[first:])
    watts = fine[: len(fine) // 2 * 2].reshape(-1, 2).mean(axis=1)
    ticks = (np.arange(len(watts)) * TICK_S / LOOP_S).astype(int).clip(max=len(budgets) - 1)
    return Run(watts, np.array(budgets)[ticks], full_w)


def figures(of: str, phases: Sequence[Phase], run: Run) -> list[dict[str, Any]]:
    """One for each phase that has a budget."""
    found, begun = [], 0
    for phase in phases:
        end = begun + round(phase.seconds / TICK_S)
        # A budget comes into force at the loop's next turn: its first ticks may still have none.
        watts, budget_w = run.watts[begun:end], np.minimum(run.budget_w[begun:end], run.full_w)
        begun = end
        if phase.share(0.0) is None:
            continue
        aim_w = np.minimum((1 - MARGIN) * budget_w, run.full_w)
        figure = measured(watts, budget_w, aim_w, TICK_S, [0.0], SETTLE_S)
        found.append({"figure": "phase", "of": f"{of}: {phase.name}", "value": float(watts.mean()), "unit": "W",
                      "budget_w": float(budget_w.mean()), "steady": phase.steady, **figure})  # fmt: skip
    return found


def apart(real: list[dict[str, Any]], virtual: list[dict[str, Any]], card_name: str) -> list[dict[str, Any]]:
    """The worst steady second on the card, and how far off the simulation is, in each figure's own unit."""
    pairs = list(zip(real, virtual, strict=True))
    gaps = {name: float(np.mean([abs(one[name] - two[name]) for one, two in pairs])) for name in COMPARED}
    worst = max(one["worst_1s_pct"] for one in real if one["steady"])
    error = max(one["steady_error_pct"] for one in real if one["steady"])
    return [
        {"figure": "worst_1s_pct", "of": card_name, "value": worst, "unit": "% of the budget",
         "readme": f"watts, {card_name}, steps alone, steady budgets: mean of a second off the aim by", "aim": "<= 2",
         "met": worst <= 2.0},
        {"figure": "steady_error_pct", "of": card_name, "value": error, "unit": "% of the budget",
         "readme": f"watts, {card_name}, steps alone, steady budgets: whole phases off the aim by", "aim": "<= 2",
         "met": error <= 2.0},
        {"figure": "sim_to_real", "of": card_name, "value": gaps["worst_1s_pct"], "unit": "% of the budget",
         "gaps": gaps, "readme": f"watts, {card_name}: worst second, simulated and real apart by"},
    ]  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
