"""A node of our own with an estimated meter, and requests of each sort to ask it, for the benchmarks of joules.

The watts are a model's: 10 W idle and 10 W a busy core, CPU time by the processes' own clocks. What is judged is how
joules are shared out and what the budget does to them, not the watts of a core.
"""

import asyncio
import os
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

from bench.common import model_store
from omniwatt import settings, wiring
from omniwatt.api.parts import Parts
from omniwatt.contract.error import OmniwattError
from omniwatt.contract.event import Data, Finished, TextDelta
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

IDLE_W, CORE_W = 10.0, 10.0
NOTES = {
    "meter": "estimate from CPU time", "scope": "node", "idle_w_assumed": IDLE_W, "core_w_assumed": CORE_W,
    "in_process": "the clients run in the gateway's process; what they take is nobody's",
}  # fmt: skip
STORY = "Tell me a very long story about a lighthouse keeper, the sea and a ship that never came back."
PICTURE = "A harbour town at dusk with many boats, houses on a hill, seagulls and a full moon"
SENTENCE = "The quick brown fox jumps over the lazy dog, then rests in the shade of an old oak tree until the evening."
TO_HEAR = f"{SENTENCE} Nobody in the village had seen the lighthouse dark before, and so they all came down to look."
MODELS = {"chat": "fast", "draw": "gpt-image-1", "hear": "whisper-1", "speak": "tts-1", "broken": "whisper-1"}
TOLD_S = 0.6
"""The governor tells its books five times a second."""


class Answer(NamedTuple):
    """What became of a request. Joules are None where nobody could say; `error` is empty for one that was finished."""

    sort: str
    tier: str
    asked_s: float
    first_s: float
    total_s: float
    dynamic_j: float | None
    idle_j: float | None
    tokens: int
    error: str


class Node:
    """The parts of a running service, and what can be asked of it."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.sound = b""
        self._number = 0

    async def ask(self, sort: str, tier: str = "default", *, tokens: int = 100, leave_s: float = 0.0) -> Answer:
        """One request, to its end; with `leave_s` the caller hangs up after so long."""
        self._number += 1
        capability: Any = "hear" if sort == "broken" else sort
        request = Request(f"bench-{self._number}", capability, MODELS[sort], self._body(sort, tokens))
        caller = Caller("bench", "bench", "bench", tier=tier)
        asked_s, first_s, told, end, error = time.monotonic(), 0.0, 0, None, ""
        try:
            async with asyncio.timeout(leave_s or None):
                async with aclosing(self.parts.pipeline.serve(request, caller)) as events:
                    async for event in events:
                        if isinstance(event, TextDelta):
                            told += event.tokens
                        if not first_s and isinstance(event, TextDelta | Data):
                            first_s = time.monotonic() - asked_s
                        end = event if isinstance(event, Finished) else end
        except TimeoutError:
            error = "left"
        except OmniwattError as refused:
            error = refused.message
        energy = (end.usage.energy if end else None) or {}
        total_j, idle_j = energy.get("energy_joules"), energy.get("idle_joules")
        dynamic_j = None if total_j is None or idle_j is None else total_j - idle_j
        return Answer(sort, tier, asked_s, first_s, time.monotonic() - asked_s, dynamic_j, idle_j, told, error)

    async def warm(self, sorts: Iterable[str]) -> None:
        """Models in memory, something to hear at hand, each sort asked for once."""
        sorts = tuple(sorts)
        for name in {self.parts.catalog.resolve(MODELS[sort]).card.name for sort in (*sorts, "speak")}:
            await self.parts.pool.ensure(name)
        request = Request("bench-spoken", "speak", "tts-1", SpeakBody(Voice("alloy"), TO_HEAR))
        async with aclosing(self.parts.pipeline.serve(request, Caller("bench", "bench", "bench"))) as events:
            self.sound = b"".join([event.data async for event in events if isinstance(event, Data)])
        for sort in sorts:
            answer = await self.ask(sort)
            if answer.error:
                raise RuntimeError(f"{sort}: {answer.error}")

    async def books(self) -> tuple[float, float]:
        """Joules metered so far, and those of them that nobody is charged with, once the governor has told."""
        await asyncio.sleep(TOLD_S)
        told = self.parts.power.status()
        return float(told["metered_j"]), float(told["unattributed_j"])

    def _body(self, sort: str, tokens: int) -> Any:
        if sort == "draw":
            return DrawBody(PICTURE, width_px=1024, height_px=1024, quality="low", seed=7)
        if sort == "hear":
            return HearBody(MediaPart("audio", data=self.sound, name="a.wav"), language="en")
        if sort == "broken":
            return HearBody(MediaPart("audio", data=b"this is no sound" * 64, name="a.wav"))
        if sort == "speak":
            return SpeakBody(Voice("alloy"), SENTENCE)
        sampling = Sampling(max_tokens=tokens, seed=1, temperature=0.0)
        return ChatBody((Message("user", (TextPart(STORY),)),), sampling=sampling)


@asynccontextmanager
async def node() -> AsyncIterator[Node]:
    """A service in this process on a folder of its own, with the user's models and no budget."""
    with tempfile.TemporaryDirectory(prefix="ow-") as folder:
        (Path(folder) / "models").symlink_to(model_store())
        cores = len(os.sched_getaffinity(0))
        power = {"meter": "estimate", "idle_w": IDLE_W, "max_w": IDLE_W + cores * CORE_W}
        flags: dict[str, dict[str, Any]] = {"storage": {"home": folder}, "models": {"preload": False}, "power": power}
        async with wiring.build(settings.load(None, flags, {})) as parts:
            yield Node(parts)


async def every(seconds: float, apart_s: Callable[[], float], send: Callable[[], Any]) -> list[Answer]:
    """Open loop: a request after each interval, whether or not the others are answered; all answers, when all are."""
    tasks: list[asyncio.Task[Answer]] = []
    end_s = next_s = time.monotonic()
    end_s += seconds
    while (next_s := next_s + apart_s()) < end_s:
        await asyncio.sleep(max(0.0, next_s - time.monotonic()))
        tasks.append(asyncio.create_task(send()))
    await asyncio.sleep(max(0.0, end_s - time.monotonic()))
    return list(await asyncio.gather(*tasks))


async def again(end_s: float, ask: Callable[[], Any]) -> list[Answer]:
    """Closed loop: the next as soon as the last is answered, until then; the last one is not cut short."""
    answers = []
    while time.monotonic() < end_s:
        answers.append(await ask())
    return answers
