"""The second opinion: only leftovers are asked about, and whatever goes wrong the picture is drawn without it."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

import msgspec
import pytest

from omniwatt.contract.error import Cancelled, EngineFailed, UpstreamTimeout
from omniwatt.contract.event import ChoiceEnd, Chunk, Data, Event, Fact, Finished, Picture, TextDelta, Usage
from omniwatt.contract.job import Caller, Demand, Job, Plan
from omniwatt.contract.request import ChatBody, DrawBody, Request
from omniwatt.flows.draw import run
from omniwatt.flows.opinion import ANSWER_CHARACTERS

CALLER = Caller(key_id="k", name="n", project="p")
BODY = DrawBody("two dogs and a zorp", width_px=64, height_px=64, quality="high")
QUESTION = {"text": "What is a zorp?", "schema": {"type": "object"}}
ANSWER = '{"things": [{"word": "zorp", "looks_like": "lizard", "count": 1}]}'
PLAN = Plan(
    recipe="draw",
    model="painter",
    demand=(Demand("painter"), Demand("relay")),
    helpers={"opinion": "relay"},
    spells=True,
    opinion_model="strong-1",
    opinion_s=0.2,
)


class Place:
    """A painter with a question, and a model with an answer, or with a fault."""

    def __init__(self, answer: str | Exception | None, question: dict[str, Any] | None = QUESTION) -> None:
        self.answer, self.question = answer, question
        self.asked: list[Job] = []
        self.drawn: list[DrawBody] = []
        self.released: list[str] = []

    def call(self, group: str, job: Job, inputs: AsyncIterator[Chunk]) -> AsyncGenerator[Event]:
        return self._chat(job) if group == "relay" else self._draw(job)

    def release(self, group: str) -> None:
        self.released.append(group)

    async def exchange(self, demand: tuple[Demand, ...]) -> None:
        raise AssertionError("a picture has all it needs from the beginning")

    async def _chat(self, job: Job) -> AsyncGenerator[Event]:
        self.asked.append(job)
        if self.answer is None:
            await asyncio.sleep(60)
        if isinstance(self.answer, Exception):
            raise self.answer
        for letter in self.answer or "":
            yield TextDelta(letter, tokens=1)
        yield Finished(Usage(prompt_tokens=30, completion_tokens=7), job.model)

    async def _draw(self, job: Job) -> AsyncGenerator[Event]:
        assert isinstance(job.body, DrawBody)
        if job.body.explain:
            assert job.body.opinion == {}
            yield Fact({"question": self.question} if self.question else {})
        else:
            self.drawn.append(job.body)
            yield Picture(64, 64, "image/png", 0, None, "", {"quality": "high"})
            yield Data(b"x", "image/png", 0)
            yield ChoiceEnd("stop", 0)
        yield Finished(Usage(), job.model)


async def draw(place: Place, plan: Plan = PLAN) -> tuple[Picture, Usage]:
    request = Request(id="r", capability="draw", model="painter", body=BODY)
    events = [event async for event in run(plan, request, CALLER, place, aiter_of())]
    picture = next(event for event in events if isinstance(event, Picture))
    (end,) = [event for event in events if isinstance(event, Finished)]
    return picture, end.usage


async def aiter_of() -> AsyncIterator[Chunk]:
    return
    yield


async def test_an_answer_travels_to_the_painter_and_is_billed() -> None:
    place, without = Place(ANSWER), Place(ANSWER)
    picture, usage = await draw(place)
    _, own = await draw(without, msgspec.structs.replace(PLAN, helpers={}))
    assert place.drawn[0].opinion == {"things": [{"word": "zorp", "looks_like": "lizard", "count": 1}]}
    assert picture.details["second_opinion"] == {"model": "strong-1"}
    assert (usage.prompt_tokens - own.prompt_tokens, usage.completion_tokens - own.completion_tokens) == (30, 7)
    (job,) = place.asked
    assert isinstance(job.body, ChatBody)
    assert (job.model, job.body.messages[0].text) == ("strong-1", "What is a zorp?")
    assert (job.body.format.kind, job.body.format.schema) == ("json_schema", {"type": "object"})
    assert place.released == ["relay"]
    assert not without.asked
    assert not without.released


async def test_nobody_is_asked_where_every_word_was_understood() -> None:
    place = Place(ANSWER, question=None)
    picture, _ = await draw(place)
    assert place.asked == []
    assert place.drawn == [BODY]
    assert "second_opinion" not in picture.details
    assert place.released == ["relay"]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (None, "longer than 0.2 s"),
        (EngineFailed("down"), "could not answer"),
        (UpstreamTimeout("slow"), "could not answer"),
        ("I think it is a lizard.", "not of the form"),
        ('["lizard"]', "not of the form"),
        ("{" * (ANSWER_CHARACTERS + 1), "not of the form"),
    ],
)
async def test_a_failing_model_changes_nothing(answer: str | Exception | None, said: str) -> None:
    place = Place(answer)
    picture, _ = await draw(place)
    assert place.drawn == [BODY]
    assert said in picture.details["second_opinion"]["failed"]
    assert place.released == ["relay"]


async def test_a_cancelled_request_is_not_drawn() -> None:
    place = Place(Cancelled("gone"))
    with pytest.raises(Cancelled):
        await draw(place)
    assert place.drawn == []
