"""A pool of echo engines, in real child processes, impatient enough for tests."""

from collections.abc import Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any

from omniwatt.catalog.card import Card
from omniwatt.contract.error import ModelNotFound
from omniwatt.contract.event import Event, TextDelta
from omniwatt.contract.job import EngineSpec, Job
from omniwatt.contract.request import ChatBody, Message, TextPart
from omniwatt.settings import Models
from omniwatt.workers.hand import Hand
from omniwatt.workers.local import Timing
from omniwatt.workers.pool import Pool, WorkerStatus

IMPATIENT = Timing(beat_s=0.05, hang_s=0.5, backoff_s=0.15, backoff_limit_s=1.0, healthy_s=60.0)


def card(name: str = "echo", **changes: Any) -> Card:
    return Card(
        **{"name": name, "engine": "echo", "capabilities": ("chat",), "slots": 4, "context_window": 1000, **changes}
    )


def pool(
    folder: Path,
    cards: Sequence[Card] = (card(),),
    timing: Timing = IMPATIENT,
    cores: int = 2,
    hand: Hand | None = None,
    **models: Any,
) -> Pool:
    known = {one.name: one for one in cards}

    def find(name: str) -> Card:
        if name not in known:
            raise ModelNotFound(f"no {name}")
        return known[name]

    def spec(name: str) -> EngineSpec:
        if "missing" in find(name).options:
            raise ModelNotFound(f"the files of {name} are missing")
        return find(name).spec({})

    return Pool(find, spec, folder / "run", Models(**models), cores, timing, hand)


def job(text: str, scope: str = "") -> Job:
    return Job("job", "chat", "echo", ChatBody((Message("user", (TextPart(text),)),)), cache_scope=scope)


async def ask(one: Pool, text: str, group: str = "echo") -> str:
    """The whole answer, joined."""
    async with aclosing(one.call(group, job(text))) as events:
        return joined([event async for event in events])


def joined(events: Sequence[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


def only(one: Pool, group: str = "echo") -> WorkerStatus:
    (status,) = [status for status in one.status() if status.group == group]
    return status
