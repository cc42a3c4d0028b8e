"""Real engines under a watt budget, watched by a process that is no part of the service.

    python -m bench.power [--quick] [--only mix|large|gate] [--seconds 20]

The meter is the estimate from CPU time (idle 10 W, 10 W a busy core, so that the shares of budget and load are easy to
read); the judge reads the CPU time of every process by its own clock and gives the same model's watts. What is judged
is how well the budget is held, not the watts of a core. Gateway and governor are counted with everything else.
`gate` is the mix once more, held by the gate alone, as it would be where nothing may be stopped.
"""

import argparse
import asyncio
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine, Sequence
from contextlib import aclosing, suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from bench.common import model_store, report, say
from bench.power_metrics import Floats, means, measured
from bench.power_node import CORE_W, IDLE_W, STORY
from bench.power_shown import NAMES, chief, picture
from omniwatt import settings, wiring
from omniwatt.api.parts import Parts
from omniwatt.contract.event import Data, Finished, Progress, TextDelta
from omniwatt.contract.job import Caller
from omniwatt.contract.request import (
    ChatBody,
    DrawBody,
    HearBody,
    MediaPart,
    Message,
    Request,
    Sampling,
    SpeakBody,
    TextPart,
    Voice,
)

TICK_S = 0.02
SETTLE_S = 2.0
CALLER = Caller("bench", "bench", "bench")
SPOKEN = "The quick brown fox jumps over the lazy dog, then rests in the shade of an old oak tree until the evening."
PICTURE = "A harbour town at dusk with many boats, houses on a hill, seagulls and a full moon"


class Phase(NamedTuple):
    """A stretch of a run: the budget as a share of what the load draws without one, by seconds into it."""

    name: str
    seconds: float
    share: Callable[[float], float | None]
    steady: bool = True


class Done(NamedTuple):
    """Units of work at a time."""

    at_s: float
    kind: str
    units: float


class Load:
    """Clients that ask again as soon as they are answered."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._number = 0
        self.done: list[Done] = []
        self.joules = 0.0

    def request(self, capability: Any, model: str, body: Any) -> Request:
        """One more."""
        self._number += 1
        return Request(f"bench-{self._number}", capability, model, body)

    async def chat(self) -> None:
        """Tokens."""
        body = ChatBody((Message("user", (TextPart(STORY),)),), sampling=Sampling(max_tokens=256, seed=1))
        while True:
            async with aclosing(self._parts.pipeline.serve(self.request("chat", "fast", body), CALLER)) as events:
                async for event in events:
                    if isinstance(event, TextDelta):
                        self._note("tokens", event.tokens)

    async def draw(self, side_px: int) -> None:
        """Megapixels, as tiles are finished."""
        body = DrawBody(PICTURE, width_px=side_px, height_px=side_px, quality="high", seed=7)
        while True:
            told = 0.0
            request = self.request("draw", "gpt-image-1", body)
            async with aclosing(self._parts.pipeline.serve(request, CALLER)) as events:
                async for event in events:
                    if isinstance(event, Progress) and event.unit == "tiles":
                        done = event.done / event.total * side_px**2 / 1e6
                        self._note("megapixels", max(0.0, done - told))
                        told = max(told, done)

    async def hear(self, sound: bytes) -> None:
        """Seconds of sound written down."""
        body = HearBody(MediaPart("audio", data=sound, name="a.wav"), language="en")
        while True:
            request = self.request("hear", "whisper-1", body)
            async with aclosing(self._parts.pipeline.serve(request, CALLER)) as events:
                async for event in events:
                    if isinstance(event, Finished):
                        self._note("sound_s", event.usage.audio_s)

    async def spoken(self) -> bytes:
        """Something to hear, spoken by the service itself."""
        request = self.request("speak", "tts-1", SpeakBody(Voice("alloy"), SPOKEN))
        async with aclosing(self._parts.pipeline.serve(request, CALLER)) as events:
            return b"".join([event.data async for event in events if isinstance(event, Data)])

    def _note(self, kind: str, units: float) -> None:
        if units:
            self.done.append(Done(time.monotonic(), kind, float(units)))


def steps(seconds: float) -> list[Phase]:
    """No limit first, to see what the load draws; then 100, 60, 80, 100 %, a ramp, a slow sine."""
    return [
        Phase("free", seconds, lambda _: None),
        Phase("100 %", seconds, lambda _: 1.0),
        Phase("60 %", seconds, lambda _: 0.6),
        Phase("80 %", seconds, lambda _: 0.8),
        Phase("100 % again", seconds, lambda _: 1.0),
        Phase("ramp 90 to 55 %", seconds, lambda t: 0.9 - 0.35 * min(1.0, t / seconds), steady=False),
        Phase(
            "sine 0.05 Hz",
            40.0 if seconds >= 10.0 else 20.0,
            lambda t: 0.7 + 0.12 * math.sin(2 * math.pi * 0.05 * t),
            steady=False,
        ),
    ]


class Seen(NamedTuple):
    """The judge's lines, the work done, the budgets set and when each phase began, all by time.monotonic."""

    lines: Floats
    done: list[Done]
    budgets: list[tuple[float, float]]
    begun_s: list[float]


async def run(clients: Sequence[str], phases: Sequence[Phase], *, stops: bool = True) -> Seen:
    """One mix through all phases."""
    with tempfile.TemporaryDirectory(prefix="ow-") as folder:
        home = Path(folder)
        (home / "models").symlink_to(model_store())
        cores = len(os.sched_getaffinity(0))
        power = {"meter": "estimate", "idle_w": IDLE_W, "max_w": IDLE_W + cores * CORE_W, "stops": stops}
        flags: dict[str, dict[str, Any]] = {"storage": {"home": folder}, "models": {"preload": False}, "power": power}
        async with wiring.build(settings.load(None, flags, {})) as parts:
            load = Load(parts)
            sound = await load.spoken() if "hear" in clients else b""
            cards = {parts.catalog.resolve(name).card.name for name in _models(clients)}
            await asyncio.gather(*map(parts.pool.ensure, cards))
            work: dict[str, Callable[[], Coroutine[Any, Any, None]]] = {
                "chat": load.chat,
                "draw": lambda: load.draw(1536),
                "large": lambda: load.draw(4096),
                "hear": lambda: load.hear(sound),
            }
            tasks = [asyncio.create_task(work[name]()) for name in clients]
            judge = _onlooker(home / "judge")
            try:
                await asyncio.sleep(3.0)
                budgets, begun_s = await _phases(parts, phases)
            finally:
                judge.terminate()
                judge.wait()
                for task in tasks:
                    task.cancel()
                ended = await asyncio.gather(*tasks, return_exceptions=True)
            for error in ended:
                if isinstance(error, Exception):
                    raise error
            lines = np.loadtxt(home / "judge")
    return Seen(lines, load.done, budgets, begun_s)


async def _phases(parts: Parts, phases: Sequence[Phase]) -> tuple[list[tuple[float, float]], list[float]]:
    """Drive the budget. What 100 % is, the first phase, which has none, tells."""
    budgets: list[tuple[float, float]] = []
    begun: list[float] = []
    full_w = 0.0
    for phase in phases:
        begun_s = time.monotonic()
        begun.append(begun_s)
        say(f"  {phase.name}")
        while (passed_s := time.monotonic() - begun_s) < phase.seconds:
            share = phase.share(passed_s)
            watts = full_w * share if share is not None else math.inf
            if not budgets or budgets[-1][1] != watts:
                parts.power.set_budget("none" if share is None else watts)
                budgets.append((time.monotonic(), watts))
            await asyncio.sleep(0.05)
        budgets.append((time.monotonic(), budgets[-1][1]))
        if not full_w:
            seen = parts.power.status()["history"][-round((phase.seconds - SETTLE_S) * 5) :]
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
    at = np.searchsorted([when for when, _ in seen.budgets], ticks[:-1] + 1e-9, side="right") - 1
    budget_w = np.array([seen.budgets[max(0, place)][1] for place in at])
    places = [math.ceil((begun_s - start_s) / TICK_S) for begun_s in seen.begun_s]
    demand_w = float(watts[: places[1]].mean())
    aim_w = np.minimum(np.where(np.isinf(budget_w), demand_w, 0.99 * budget_w), demand_w)
    return Trace(watts, np.diff(ours_s) / TICK_S, budget_w, aim_w, [*places, len(watts)])


def judged(clients: Sequence[str], phases: Sequence[Phase], seen: Seen, trace: Trace) -> list[dict[str, Any]]:
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
            "figure": "phase", "of": f"{'+'.join(clients)}: {phase.name}", "value": mean_w, "unit": "W",
            "cores_ours": cores_ours, "cores_others": (mean_w - IDLE_W) / CORE_W - cores_ours,
            "budget_w": None if np.isinf(budget_w[span]).any() else float(budget_w[span].mean()),
            "work_a_second": found,
            "work_share": {kind: found.get(kind, 0.0) / rate for kind, rate in rates.items() if rate},
            "dynamic_share": (mean_w - IDLE_W) / dynamic_w,
            "work_of_dynamic": _mean_share(found, rates) * dynamic_w / (mean_w - IDLE_W),
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
            found[one.kind] = found.get(one.kind, 0.0) + one.units / (to_s - from_s)
    return found


def _mean_share(found: dict[str, float], rates: dict[str, float]) -> float:
    """Of what was done without a budget, over the kinds of work."""
    shares = [found.get(kind, 0.0) / rate for kind, rate in rates.items() if rate]
    return sum(shares) / len(shares) if shares else 0.0


def _models(clients: Sequence[str]) -> set[str]:
    names = {"chat": "fast", "draw": "gpt-image-1", "large": "gpt-image-1", "hear": "whisper-1"}
    return {names[name] for name in clients}


def _onlooker(file: Path) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-m", "bench.power_judge", str(os.getpid()), str(file)])


MIXED = ("chat", "chat", "draw", "hear")
MIXES = {"mix": MIXED, "large": ("large",), "gate": MIXED}


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
            found = judged([name], phases, seen, trace)
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
