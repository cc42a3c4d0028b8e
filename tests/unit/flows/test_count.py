"""Counting a conversation with sounds: the model sees the text, the sounds are added by their length."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

import pytest

from omniwatt.contract.error import EngineFailed
from omniwatt.contract.event import EMPTY, Chunk, Event, Fact, Finished, Usage
from omniwatt.contract.job import Caller, Demand, Job, Plan
from omniwatt.contract.request import Body, CountBody, HearBody, MediaPart, Message, Request, TextPart
from omniwatt.flows import RECIPES

CALLER = Caller(key_id="k", name="test", project="p")
PLAN = Plan(recipe="count", model="writer", demand=(), sound_s=2.02, upstream_model="far", deadline_s=9.0)
SOUND = MediaPart(kind="audio", data=b"RIFF")
PICTURE = MediaPart(kind="image", data=b"PNG")


class Stage:
    """A model that counts seven."""

    def __init__(self) -> None:
        self.jobs: list[tuple[str, Job]] = []

    def call(self, group: str, job: Job, inputs: AsyncIterator[Chunk]) -> AsyncGenerator[Event]:
        self.jobs.append((group, job))
        return self._run()

    def release(self, group: str) -> None:
        raise AssertionError("nothing is given back ahead of the end")

    async def exchange(self, demand: tuple[Demand, ...]) -> None:
        raise AssertionError("there is one step")

    async def _run(self) -> AsyncGenerator[Event]:
        yield Fact({"tokens": 7, "exact": True})
        yield Finished(Usage(prompt_tokens=7))


async def counted(stage: Stage, body: Body) -> list[Event]:
    request = Request(id="r", capability="count", model="m", body=body)
    async with aclosing(RECIPES["count"](PLAN, request, CALLER, stage, EMPTY)) as events:
        return [event async for event in events]


async def test_sounds_are_added_and_not_sent() -> None:
    stage = Stage()
    said = (Message("user", (TextPart("a"), SOUND, PICTURE)), Message("user", (SOUND,)))
    found = await counted(stage, CountBody(messages=said))
    assert found == [Fact({"tokens": 7 + 51, "exact": True}), Finished(Usage(prompt_tokens=7))]
    ((group, job),) = stage.jobs
    assert (group, job.model, job.capability, job.cache_scope, job.deadline_s) == ("writer", "far", "count", "p", 9.0)
    assert job.body == CountBody(messages=(Message("user", (TextPart("a"), PICTURE)), Message("user", ())))


async def test_nothing_but_a_conversation_is_counted() -> None:
    with pytest.raises(EngineFailed):
        await counted(Stage(), HearBody(part=SOUND))
