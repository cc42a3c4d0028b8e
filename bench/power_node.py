"""A node of our own with an estimated meter, and requests of each sort to ask it, for the benchmarks of watts.

The watts are a model's: 10 W idle and 10 W a busy core, CPU time by the processes' own clocks. What is judged is how
joules are shared out and what the budget does to them, not the watts of a core.
"""

import asyncio
import os
import tempfile
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Iterable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any, Literal, NamedTuple

from bench.common import model_store
from omniwatt import settings, wiring
from omniwatt.api.parts import Parts
from omniwatt.contract.error import OmniwattError
from omniwatt.contract.event import Data, Event, Finished, TextDelta
from omniwatt.contract.job import Caller
from omniwatt.contract.request import (
    Body,
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


class Spent:
    """What the meter counted over some seconds."""

    joules = seconds = 0.0

    @property
    def watts(self) -> float:
        """The mean."""
        return self.joules / self.seconds


class Node:
    """The parts of a running service, and what can be asked of it."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.home = Path(parts.settings.home)
        self.sound = b""
        self._number = 0

    async def ask(self, sort: str, tier: str = "default", *, tokens: int = 100, leave_s: float = 0.0) -> Answer:
        """One request, to its end; with `leave_s` the caller hangs up after so long."""
        asked_s, first_s, told, end, error = time.monotonic(), 0.0, 0, None, ""
        try:
            async with asyncio.timeout(leave_s or None):
                async with aclosing(self.serve(sort, self._body(sort, tokens), tier)) as events:
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

    def serve(self, sort: str, body: Body, tier: str = "default") -> AsyncGenerator[Event]:
        """The events of one request."""
        self._number += 1
        capability: Any = "hear" if sort == "broken" else sort
        request = Request(f"bench-{self._number}", capability, MODELS[sort], body)
        return self.parts.pipeline.serve(request, Caller("bench", "bench", "bench", tier=tier))

    async def spoken(self, text: str) -> bytes:
        """Something to hear, spoken by the service itself."""
        async with aclosing(self.serve("speak", SpeakBody(Voice("alloy"), text))) as events:
            return b"".join([event.data async for event in events if isinstance(event, Data)])

    async def load(self, sorts: Iterable[str]) -> None:
        """Have the models of these sorts in memory."""
        await asyncio.gather(*map(self.parts.pool.ensure, {self._card(sort) for sort in sorts}))

    async def warm(self, sorts: Iterable[str]) -> None:
        """Models in memory, something to hear at hand, each sort asked for once."""
        sorts = tuple(sorts)
        await self.load((*sorts, "speak"))
        self.sound = await self.spoken(TO_HEAR)
        for sort in sorts:
            answer = await self.ask(sort)
            if answer.error:
                raise RuntimeError(f"{sort}: {answer.error}")

    def engine(self, sort: str) -> tuple[str, int]:
        """The card that answers a sort of request, and the process its engine runs in now."""
        card = self._card(sort)
        return card, next(one.pid for one in self.parts.pool.status() if one.pid and one.group == card)

    async def books(self) -> tuple[float, float]:
        """Joules metered so far, and those of them that nobody is charged with, once the governor has told."""
        await asyncio.sleep(TOLD_S)
        told = self.parts.power.status()
        return float(told["metered_j"]), float(told["unattributed_j"])

    @asynccontextmanager
    async def metered(self) -> AsyncIterator[Spent]:
        """What the meter counts meanwhile, and until the governor has told of it: TOLD_S longer."""
        spent = Spent()
        (before_j, _), begun_s = await self.books(), time.monotonic()
        yield spent
        (after_j, _), ended_s = await self.books(), time.monotonic()
        self.check_governed()
        spent.joules, spent.seconds = after_j - before_j, ended_s - begun_s

    def check_governed(self) -> None:
        """Raises RuntimeError where a budget is set and not held: another server's may hold this machine."""
        told = self.parts.power.status()
        if told["budget_w"] is not None and (told["state"] == "ungoverned" or "another governor" in told["why"]):
            raise RuntimeError(f"the budget is not held: {told['why']}")

    def _card(self, sort: str) -> str:
        return self.parts.catalog.resolve(MODELS[sort]).card.name

    def _body(self, sort: str, tokens: int) -> Body:
        if sort == "draw":
            return draw_body(1024, "low")
        if sort == "hear":
            return hear_body(self.sound)
        if sort == "broken":
            return HearBody(MediaPart("audio", data=b"this is no sound" * 64, name="a.wav"))
        if sort == "speak":
            return SpeakBody(Voice("alloy"), SENTENCE)
        return chat_body(tokens)


def chat_body(tokens: int) -> ChatBody:
    """An answer of so many tokens, always the same."""
    sampling = Sampling(max_tokens=tokens, seed=1, temperature=0.0)
    return ChatBody((Message("user", (TextPart(STORY),)),), sampling=sampling)


def draw_body(side_px: int, quality: Literal["low", "high"]) -> DrawBody:
    """A square picture, always the same."""
    return DrawBody(PICTURE, width_px=side_px, height_px=side_px, quality=quality, seed=7)


def hear_body(sound: bytes) -> HearBody:
    """English, to be written down."""
    return HearBody(MediaPart("audio", data=sound, name="a.wav"), language="en")


@asynccontextmanager
async def node(*, stops: bool = True) -> AsyncIterator[Node]:
    """A service in this process on a folder of its own, with the user's models and no budget; `stops` as in power."""
    with tempfile.TemporaryDirectory(prefix="ow-") as folder:
        (Path(folder) / "models").symlink_to(model_store())
        cores = len(os.sched_getaffinity(0))
        power = {"meter": "estimate", "idle_w": IDLE_W, "max_w": IDLE_W + cores * CORE_W, "stops": stops}
        flags: dict[str, dict[str, Any]] = {"storage": {"home": folder}, "models": {"preload": False}, "power": power}
        async with wiring.build(settings.load(None, flags, {})) as parts:
            yield Node(parts)


Ask = Callable[[], Coroutine[Any, Any, Answer]]


async def arriving(calls: Iterable[tuple[float, Ask]]) -> list[Answer]:
    """Open loop: each is asked so many seconds from now, answered or not what came before; all answers, when all are.

    The times rise.
    """
    begun_s = time.monotonic()
    tasks: list[asyncio.Task[Answer]] = []
    for at_s, ask in calls:
        await asyncio.sleep(max(0.0, begun_s + at_s - time.monotonic()))
        tasks.append(asyncio.create_task(ask()))
    return await asyncio.gather(*tasks)


async def again(end_s: float, ask: Ask) -> list[Answer]:
    """Closed loop: the next as soon as the last is answered, until then; the last one is not cut short."""
    answers = []
    while time.monotonic() < end_s:
        answers.append(await ask())
    return answers
