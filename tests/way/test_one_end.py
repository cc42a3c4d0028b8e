"""Whatever happens to a request, it ends once: one Finished or one error, one ledger row, no slot left taken."""

import asyncio
import json
import random
from collections import Counter
from contextlib import AbstractAsyncContextManager, aclosing
from typing import Any

import pytest

from omniwatt.api.parts import Parts
from omniwatt.contract.error import BadInput, EngineDied, EngineFailed, ModelNotFound, OmniwattError
from omniwatt.contract.event import Event, Finished, Started, TextDelta
from omniwatt.contract.job import Caller, Limits
from omniwatt.contract.request import ChatBody, EmbedBody, Message, Request, Sampling, TextPart

CALLER = Caller(key_id="k1", name="test", project="p1")
TOKENS = 6


def chat(number: int, model: str = "echo", caller_says: str = "", **script: Any) -> Request:
    text = caller_says or f"echo: {json.dumps({'tokens': TOKENS} | script)}"
    body = ChatBody(messages=(Message("user", (TextPart(text),)),), sampling=Sampling())
    return Request(id=f"req-{number}", capability="chat", model=model, body=body)


async def everything(
    parts: Parts, request: Request, caller: Caller = CALLER, seen: list[Event] | None = None
) -> list[Event]:
    seen = [] if seen is None else seen
    async with aclosing(parts.pipeline.serve(request, caller)) as events:
        async for event in events:
            seen.append(event)
    return seen


def rows(parts: Parts) -> dict[str, str]:
    """Request id -> state; fails on two rows for one request."""
    parts.database.flush()
    found = [tuple(row) for row in parts.database.read("SELECT id, state FROM ledger")]
    assert len(dict(found)) == len(found), "two rows for one request"
    return dict(found)


def taken(parts: Parts) -> float:
    return sum(group["running"] + group["waiting"] for group in parts.admission.status().values())


async def test_a_good_request(way: AbstractAsyncContextManager[Parts]) -> None:
    async with way as parts:
        events = await everything(parts, chat(1))
        assert isinstance(events[0], Started)
        assert sum(isinstance(event, Finished) for event in events) == 1
        assert isinstance(events[-1], Finished)
        assert events[-1].usage.completion_tokens == TOKENS
        assert rows(parts) == {"req-1": "done"}
        row = parts.database.read("SELECT * FROM ledger")[0]
        assert (row["completion_tokens"], row["model"], row["project"]) == (TOKENS, "echo", "p1")
        assert taken(parts) == 0


async def test_closed_at_every_event(way: AbstractAsyncContextManager[Parts]) -> None:
    async with way as parts:
        points = len(await everything(parts, chat(0)))
        for point in range(points):
            events = parts.pipeline.serve(chat(point + 1), CALLER)
            for _ in range(point + 1):
                await anext(events)
            await events.aclose()
            assert taken(parts) == 0, f"a slot leaked at event {point}"
            state = rows(parts)[f"req-{point + 1}"]
            assert state == ("done" if point == points - 1 else "cancelled")
        billed = parts.database.read("SELECT completion_tokens FROM ledger WHERE state = 'cancelled' ORDER BY number")
        assert [row[0] for row in billed] == sorted(row[0] for row in billed)
        assert billed[-1][0] == TOKENS


async def test_cancelled_at_random_moments(way: AbstractAsyncContextManager[Parts]) -> None:
    rng = random.Random(7)
    async with way as parts:
        await everything(parts, chat(0))
        tasks = []
        for number in range(1, 151):
            task = asyncio.create_task(everything(parts, chat(number, token_s=0.001)))
            tasks.append(task)
            asyncio.get_running_loop().call_later(rng.random() * 0.05, task.cancel)
        results = await asyncio.gather(*tasks, return_exceptions=True)
        ended = Counter("done" if isinstance(result, list) else "cancelled" for result in results)
        assert all(isinstance(result, list | asyncio.CancelledError) for result in results)
        assert taken(parts) == 0
        states = rows(parts)
        assert len(states) == 151
        assert set(states.values()) <= {"done", "cancelled"}
        # A task cancelled after its Finished had been seen is rightly recorded as done.
        assert Counter(states.values())["done"] - 1 >= ended["done"]
        assert (await everything(parts, chat(999)))[-1].__class__ is Finished


@pytest.mark.parametrize(
    ("request_", "error", "state"),
    [
        (chat(1, model="nobody"), ModelNotFound, "refused"),
        (
            Request(id="req-1", capability="embed", model="echo", body=EmbedBody(("a",), dimensions=9999)),
            BadInput,
            "refused",
        ),
        (chat(1, fail_at=0), OmniwattError, "failed"),
        (chat(1, fail_at=3), OmniwattError, "failed"),
        (chat(1, raise_at=3), EngineFailed, "failed"),
        (chat(1, kill_at=3), EngineDied, "failed"),
    ],
    ids=["unknown model", "refused by the engine", "fault first", "fault later", "defect", "death"],
)
async def test_bad_ends(
    way: AbstractAsyncContextManager[Parts], request_: Request, error: type[OmniwattError], state: str
) -> None:
    async with way as parts:
        with pytest.raises(error):
            await everything(parts, request_)
        assert rows(parts) == {"req-1": state}
        assert taken(parts) == 0
        good = await everything(parts, chat(2))
        assert isinstance(good[-1], Finished), "the next request is served"


async def test_what_was_produced_before_a_death_is_billed(way: AbstractAsyncContextManager[Parts]) -> None:
    async with way as parts:
        seen: list[Event] = []
        with pytest.raises(EngineDied):
            await everything(parts, chat(1, kill_at=3, token_s=0.01), seen=seen)
        produced = sum(event.tokens for event in seen if isinstance(event, TextDelta))
        assert produced > 0
        rows(parts)
        assert parts.database.read("SELECT completion_tokens FROM ledger")[0][0] == produced


async def test_reservations_are_given_back(way: AbstractAsyncContextManager[Parts]) -> None:
    limits = Limits(tokens_per_min=600, concurrent=1)
    caller = Caller(key_id="k2", name="tight", project="p2", limits=limits)
    async with way as parts:
        events = parts.pipeline.serve(chat(1), caller)
        await anext(events)
        with pytest.raises(OmniwattError) as caught:
            await everything(parts, chat(2), caller)
        assert caught.value.code == "rate_limit_exceeded"
        await events.aclose()
        assert isinstance((await everything(parts, chat(3), caller))[-1], Finished)
        assert rows(parts) == {"req-1": "cancelled", "req-2": "refused", "req-3": "done"}
