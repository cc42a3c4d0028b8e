"""Real engines under a watt budget, watched by a process that is no part of the service.

    python -m bench.power [--quick] [--only mix|large|gate] [--seconds 20]

The meter is the estimate from CPU time (idle 10 W, 10 W a busy core, so that the shares of budget and load are easy to
read); the judge reads the CPU time of every process by its own clock and gives the same model's watts. What is judged
is how well the budget is held, not the watts of a core. Gateway and governor are counted with everything else.
`gate` is the mix once more, held by the gate alone, as it would be where nothing may be stopped. In `large` one more
picture is asked for than are painted at once: work waits at every moment, which it does not with one client alone.
"""

import argparse
import asyncio
import math
import os
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import aclosing, suppress
from statistics import fmean
from typing import Any, NamedTuple

import numpy as np

from bench.common import report, running, say
from bench.power_metrics import MARGIN, Floats, means, measured
from bench.power_node import CORE_W, IDLE_W, SENTENCE, Node, chat_body, draw_body, hear_body, node
from bench.power_phases import SETTLE_S, TICK_S, Budgets, Phase, held_w, steps
from bench.power_shown import NAMES, chief, picture
from omniwatt.contract.event import Event, Finished, Progress, TextDelta
from omniwatt.contract.request import Body
from omniwatt.power.control import Power

MIXED = ("chat", "chat", "draw", "hear")
MIXES = {"mix": MIXED, "large": ("large",) * 3, "gate": MIXED}
TOKENS = 256
SIDES_PX = {"draw": 1536, "large": 4096}
WARM_S = 8.0


class Client(NamedTuple):
    """What somebody asks for as soon as the last of it is answered, and how much of it is done: `more` than so far."""

    sort: str
    body: Body
    unit: str
    more: Callable[[Event, float], float]


class Done(NamedTuple):
    """Units of work at a time."""

    at_s: float
    unit: str
    count: float


class Seen(NamedTuple):
    """The judge's lines, the work done, the budgets set and when each phase began, all by time.monotonic."""

    lines: Floats
    done: list[Done]
    budgets: Budgets
    begun_s: list[float]


async def run(names: Sequence[str], phases: Sequence[Phase], *, stops: bool = True) -> Seen:
    """One mix through all phases."""
    async with node(stops=stops) as ours:
        sound = await ours.spoken(SENTENCE) if "hear" in names else b""
        clients = [_client(name, sound) for name in names]
        await ours.load({client.sort for client in clients})
        done: list[Done] = []
        file = ours.home / "judge"
        tasks = [asyncio.create_task(_on_and_on(ours, client, done)) for client in clients]
        try:
            with running([sys.executable, "-m", "bench.power_judge", str(os.getpid()), str(file)]):
                await asyncio.sleep(WARM_S)
                budgets, begun_s = await _driven(ours.parts.power, phases)
                ours.check_governed()
        finally:
            for task in tasks:
                task.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
        for error in ended:
            if isinstance(error, Exception):
                raise error
        return Seen(np.loadtxt(file), done, budgets, begun_s)


def _client(name: str, sound: bytes) -> Client:
    if name == "chat":
        return Client("chat", chat_body(TOKENS), "tokens", _tokens)
    if name == "hear":
        return Client("hear", hear_body(sound), "sound_s", _sound_s)
    side_px = SIDES_PX[name]
    return Client("draw", draw_body(side_px, "high"), "megapixels", lambda event, told: _mpx(event, told, side_px))


def _tokens(event: Event, _: float) -> float:
    return event.tokens if isinstance(event, TextDelta) else 0.0


def _sound_s(event: Event, _: float) -> float:
    return event.usage.audio_s if isinstance(event, Finished) else 0.0


def _mpx(event: Event, told: float, side_px: int) -> float:
    """As tiles are finished; what is painted a second time does not count."""
    if not isinstance(event, Progress) or event.unit != "tiles":
        return 0.0
    return max(0.0, event.done / event.total * side_px**2 / 1e6 - told)


async def _on_and_on(ours: Node, client: Client, done: list[Done]) -> None:
    while True:
        told = 0.0
        async with aclosing(ours.serve(client.sort, client.body)) as events:
            async for event in events:
                if more := client.more(event, told):
                    told += more
                    done.append(Done(time.monotonic(), client.unit, more))


async def _driven(power: Power, phases: Sequence[Phase]) -> tuple[Budgets, list[float]]:
    """Drive the budget. What 100 % is, the first phase, which has none, tells."""
    budgets: list[tuple[float, float]] = []
    begun: list[float] = []
    full_w = 0.0
    for phase in phases:
        begun_s = time.monotonic()
        begun.append(begun_s)
        say(f"  {phase.name}")
        while (passed_s := time.monotonic() - begun_s) < phase.seconds:
            watts = phase.budget_w(passed_s, full_w)
            if not budgets or budgets[-1][1] != watts:
                power.set_budget("none" if math.isinf(watts) else watts)
                budgets.append((time.monotonic(), watts))
            await asyncio.sleep(0.05)
        budgets.append((time.monotonic(), budgets[-1][1]))
        if not full_w:
            seen = power.status()["history"][-round((phase.seconds - SETTLE_S) * 5) :]
            full_w = float(np.mean([point["watts"] for point in seen]))
    return budgets, begun


class Trace(NamedTuple):
    """Watts by the judge and what was to be held, by even ticks; `places` are where phases begin, and the end."""

    watts: Floats
    ours: Floats
    budget_w: Floats
    aim_w: Floats
    places: list[int]


def traced(seen: Seen) -> Trace:
    """What 100 % is, the first phase tells."""
    start_s, end_s = seen.begun_s[0], seen.budgets[-1][0]
    ticks = np.arange(start_s, end_s, TICK_S)
    cpu_s, ours_s = (np.interp(ticks, seen.lines[:, 0], seen.lines[:, column]) for column in (1, 2))
    watts = IDLE_W + CORE_W * np.diff(cpu_s) / TICK_S
    budget_w = held_w(seen.budgets, ticks[:-1])
    places = [math.ceil((begun_s - start_s) / TICK_S) for begun_s in seen.begun_s]
    demand_w = float(watts[: places[1]].mean())
    aim_w = np.minimum(np.where(np.isinf(budget_w), demand_w, (1 - MARGIN) * budget_w), demand_w)
    return Trace(watts, np.diff(ours_s) / TICK_S, budget_w, aim_w, [*places, len(watts)])


def judged(name: str, phases: Sequence[Phase], seen: Seen, trace: Trace) -> list[dict[str, Any]]:
    """One figure a phase."""
    watts, budget_w, aim_w = trace.watts, trace.budget_w, trace.aim_w
    dynamic_w = float(watts[: trace.places[1]].mean()) - IDLE_W
    figures: list[dict[str, Any]] = []
    rates: dict[str, float] = {}
    for number, phase in enumerate(phases):
        span = slice(trace.places[number], trace.places[number + 1])
        from_s, to_s = (seen.begun_s[0] + place * TICK_S for place in (span.start, span.stop))
        found = _work(seen.done, from_s + SETTLE_S, to_s)
        rates = rates or found
        mean_w, cores_ours = float(watts[span].mean()), float(trace.ours[span].mean())
        figure: dict[str, Any] = {
            "figure": "phase", "of": f"{name}: {phase.name}", "value": mean_w, "unit": "W",
            "cores_ours": cores_ours, "cores_others": (mean_w - IDLE_W) / CORE_W - cores_ours,
            "budget_w": None if np.isinf(budget_w[span]).any() else float(budget_w[span].mean()),
            "work_a_second": found,
            "work_share": (shares := _shares(found, rates)),
            "dynamic_share": (mean_w - IDLE_W) / dynamic_w,
            "work_of_dynamic": fmean(shares.values() or [0.0]) * dynamic_w / (mean_w - IDLE_W),
        }  # fmt: skip
        if figure["budget_w"] is not None:
            figure |= measured(watts[span], budget_w[span], aim_w[span], TICK_S, [0.0], SETTLE_S)
            late = slice(span.start + round(SETTLE_S / TICK_S), span.stop)
            over = means(watts[late] / budget_w[late], round(1 / TICK_S))
            figure["over_1s_pct"] = max(0.0, float(over.max() - 1) * 100)
            dynamic = (watts[late].mean() - IDLE_W) / (aim_w[late].mean() - IDLE_W)
            figure["dynamic_error_pct"] = float(dynamic - 1) * 100
        figures.append(figure)
    return figures


def _work(done: Sequence[Done], from_s: float, to_s: float) -> dict[str, float]:
    found: dict[str, float] = {}
    for one in done:
        if from_s <= one.at_s < to_s:
            found[one.unit] = found.get(one.unit, 0.0) + one.count / (to_s - from_s)
    return found


def _shares(found: dict[str, float], rates: dict[str, float]) -> dict[str, float]:
    """Of what was done without a budget, by unit."""
    return {unit: found.get(unit, 0.0) / rate for unit, rate in rates.items() if rate}


def main() -> None:
    """Run and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="short phases; the result says so and is not kept")
    parser.add_argument("--only", choices=tuple(MIXES), help="one of the mixes")
    parser.add_argument("--seconds", type=float, default=20.0, help="of each phase")
    given = parser.parse_args()
    seconds = 6.0 if given.quick else given.seconds
    figures: list[dict[str, Any]] = []
    runs = {}
    for name, clients in MIXES.items():
        if given.only in (None, name):
            say(NAMES[name])
            phases = steps(seconds)[: 5 if name == "gate" else None]
            seen = asyncio.run(run(clients, phases, stops=name != "gate"))
            trace = traced(seen)
            found = judged(name, phases, seen, trace)
            figures += [*found, *chief(name, found)]
            runs[name] = (trace.watts, trace.budget_w, trace.aim_w)
    if not given.quick:
        picture(runs, TICK_S)
    notes = {"meter": "estimate", "idle_w": IDLE_W, "core_w": CORE_W, "judge": "bench.power_judge, all processes",
             "mixes": MIXES}  # fmt: skip
    report(f"power_{given.only}" if given.only else "power", figures, given.quick, notes)


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        main()
