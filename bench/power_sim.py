"""Holding a watt budget on a simulated 28 kW server, with the governor's own decision code; and how others hold it.

    python -m bench.power_sim [--quick] [--seeds FIRST:COUNT]

The server: 16 H100 + 16 B100, as 32 slots or as 8 of four devices. Chips, host, supplies, fans, lags and the sensor's
error are drawn by the seed and told to nobody; calibration is the paper's. Budgets are shares of what the machine of
that seed draws with nothing held back. The tuning was found on seeds 1001 to 1006; 1 to 20 are reported.
"""

import argparse
import sys
import time
from collections.abc import Iterable, Mapping
from multiprocessing import get_context
from typing import Any, NamedTuple

import numpy as np

from bench.common import report, say
from bench.power_baselines import BASELINES
from bench.power_cases import COMPARED, DISTURBANCES, ROWS, SIGNALS
from bench.power_metrics import means, measured, rises, summed
from bench.power_run import MARGIN, SERVER, Case, Floats, Ours, Trace, run, ungoverned
from omniwatt.power import profile
from omniwatt.power.meters.plant import TICK_S

OURS = "omniwatt"
CASES = {case.name: case for case in (*ROWS, *SIGNALS, *DISTURBANCES)}
PROCESSES = 2


class Cell(NamedTuple):
    """One run to be made."""

    case: str
    who: str
    seed: int


class Outcome(NamedTuple):
    """What came of it."""

    cell: Cell
    figures: dict[str, float]
    states: Mapping[str, float]
    trace: tuple[Floats, Floats, Floats] | None
    """For plots: watts, budget, aim, as means of 100 ms; of the first seed alone."""


def main() -> None:
    """Run everything, print a line of figures for each case and controller; keep them."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--quick", action="store_true", help="two seeds; the result says so and is not kept")
    parser.add_argument("--seeds", default="1:20", help="the first and how many")
    parser.add_argument("--only", default="", help="cases whose name holds this")
    asked = parser.parse_args()
    first, count = (int(part) for part in asked.seeds.split(":"))
    seeds = range(first, first + (2 if asked.quick else count))
    began = time.perf_counter()
    outcomes = every([cell for cell in cells(seeds) if asked.only in cell.case])
    figures = list(lines(outcomes))
    took_s = time.perf_counter() - began
    say(f"{len(outcomes)} runs in {took_s:.0f} s of wall time, by {PROCESSES} processes")
    notes = {"wall_s": round(took_s, 1), "seeds": [seeds[0], seeds[-1]]}
    report("power_sim", figures, asked.quick or bool(asked.only), notes)


def cells(seeds: Iterable[int]) -> list[Cell]:
    """Ours through every case, each baseline through those that are compared."""
    ours = [Cell(name, OURS, seed) for name in CASES for seed in seeds]
    return ours + [Cell(name, who, seed) for name in COMPARED for who in BASELINES for seed in seeds]


def every(todo: list[Cell]) -> list[Outcome]:
    """All runs, by two processes."""
    out: list[Outcome] = []
    with get_context("spawn").Pool(PROCESSES) as pool:
        for outcome in pool.imap_unordered(one, todo, chunksize=4):
            out.append(outcome)
            bar(len(out), len(todo))
    order = {cell: place for place, cell in enumerate(todo)}
    return sorted(out, key=lambda each: order[each.cell])


def bar(done: int, all_: int) -> None:
    """How far it is."""
    if sys.stderr.isatty() or done == all_ or done % 50 == 0:
        width = 40 * done // all_
        end = "\n" if done == all_ or not sys.stderr.isatty() else ""
        print(f"\r[{'#' * width}{'.' * (40 - width)}] {done}/{all_}", end=end, file=sys.stderr, flush=True)


def one(cell: Cell) -> Outcome:
    """One run and its figures."""
    case = CASES[cell.case]
    make, trimmed = (Ours, case.trim) if cell.who == OURS else BASELINES[cell.who]
    case = case._replace(trim=trimmed)
    free_w = free(case, cell.seed)
    scale_w = min(float(free_w[500:1500].mean()), 1.02 * profile.full_w(profile.server(SERVER), case.mix))
    trace = run(case, cell.seed, make, scale_w)
    aim_w = aim(case, trace, free_w)
    figures = measured(trace.watts, trace.budget_w, aim_w, TICK_S, case.steps_s)
    rose = rises(trace.watts, aim_w, TICK_S, case.steps_s)
    figures["rise_s"] = max(rose) if rose else 0.0
    if case.moving:
        del figures["settle_s"], figures["rise_s"]
    figures["served"] = float(trace.served)
    keep = cell.seed % 1000 == 1
    shown = tuple(means(each, 10)[::10] for each in (trace.watts, trace.budget_w, aim_w)) if keep else None
    return Outcome(cell, figures, trace.states, shown)  # type: ignore[arg-type]


def free(case: Case, seed: int) -> Floats:
    """What would be drawn with nothing held back; as long as the case lasts only where something happens in it."""
    watts = ungoverned(case, seed, case.seconds if case.events else 15.0)
    if case.events:
        return watts
    return np.concatenate((watts, np.full(round(case.seconds / TICK_S) - len(watts), watts[500:].mean())))


def aim(case: Case, trace: Trace, free_w: Floats) -> Floats:
    """min(budget less the margin, what the work draws); the latter as means of a second."""
    padded = np.concatenate((np.full(50, free_w[500:1500].mean()), free_w[100:], np.full(149, free_w[-500:].mean())))
    calm = means(padded, 100)[: len(trace.watts)]
    return np.minimum(trace.budget_w * (1 - MARGIN), calm)


def lines(outcomes: list[Outcome]) -> Iterable[dict[str, Any]]:
    """For each case and controller: every figure as [mean, half of its 95 % interval, worst seed]."""
    groups: dict[tuple[str, str], list[Outcome]] = {}
    for each in outcomes:
        groups.setdefault((each.cell.case, each.cell.who), []).append(each)
    for (case, who), group in groups.items():
        states = {name for each in group for name in each.states if name}
        share = {name: round(float(np.mean([each.states.get(name, 0.0) for each in group])), 3) for name in states}
        note = {"note": CASES[case].note} if CASES[case].note else {}
        yield {"case": case, "who": who, "seeds": len(group), **summed([each.figures for each in group]),
               "states": share, **note}  # fmt: skip


if __name__ == "__main__":
    main()
