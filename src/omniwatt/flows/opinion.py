"""Opinion: what a painter could not read in a prompt is asked of a model that chats; its answer only ever adds.

    draw (explain)   the question, and the form of its answer ──┐
      └ opinion      one JSON value                             └─> the same painter, with the answer beside the prompt

The painter checks the answer and takes of it what it can draw. A model that fails, answers something else or takes too
long changes nothing: the picture is drawn as it was understood, and its details say so.
"""

import asyncio
import json
from contextlib import aclosing
from typing import Any

import msgspec

from omniwatt.contract.error import Cancelled, OmniwattError
from omniwatt.contract.event import EMPTY, Fact, Finished, TextDelta, Usage
from omniwatt.contract.job import Job, Plan
from omniwatt.contract.protocol import Place
from omniwatt.contract.request import ChatBody, DrawBody, Format, Message, Sampling, TextPart

ANSWER_TOKENS = 400
ANSWER_CHARACTERS = 4096
"""A longer answer is given up."""


class Opinion(msgspec.Struct, frozen=True):
    """The body to draw, what to say of the opinion in the picture's details, and what it took to get it."""

    body: DrawBody
    details: dict[str, Any]
    usage: Usage = Usage()

    def added(self, painted: Usage) -> Usage:
        """The usage of the pictures with that of the opinion."""
        return msgspec.structs.replace(
            painted,
            prompt_tokens=painted.prompt_tokens + self.usage.prompt_tokens,
            cached_tokens=painted.cached_tokens + self.usage.cached_tokens,
            completion_tokens=painted.completion_tokens + self.usage.completion_tokens,
        )


async def second(plan: Plan, job: Job, place: Place, painter: str) -> Opinion:
    """Ask for a second opinion where the plan has somebody to ask, and give that model's slot back."""
    body = job.body
    if not isinstance(body, DrawBody):
        raise TypeError("only a picture is asked about")
    group = plan.helpers.get("opinion", "")
    if not group:
        return Opinion(body, {})
    try:
        question = await _question(job, body, place, painter)
        return await _answered(plan, job, place, question) if question else Opinion(body, {})
    finally:
        if group not in (painter, plan.helpers.get("see")):
            place.release(group)


async def _question(job: Job, body: DrawBody, place: Place, painter: str) -> dict[str, Any]:
    """What the painter would ask; empty when it understood every word."""
    asking = msgspec.structs.replace(job, body=msgspec.structs.replace(body, explain=True, opinion={}))
    async with aclosing(place.call(painter, asking, EMPTY)) as events:
        found = [event.values async for event in events if isinstance(event, Fact)]
    return dict(found[0].get("question") or {}) if found else {}


async def _answered(plan: Plan, job: Job, place: Place, question: dict[str, Any]) -> Opinion:
    body: Any = job.body
    said: dict[str, Any] = {"model": plan.opinion_model}
    asked = Asked(plan, job, place, question)
    try:
        async with asyncio.timeout(plan.opinion_s):
            answer = await asked.answer()
        body = msgspec.structs.replace(body, opinion=answer)
    except TimeoutError:
        said["failed"] = f"It took longer than {plan.opinion_s:g} s."
    except Cancelled:
        raise
    except OmniwattError:
        said["failed"] = "The model could not answer."
    except ValueError:
        said["failed"] = "The model's answer was not of the form asked for."
    return Opinion(body, {"second_opinion": said}, asked.usage)


class Asked:
    """One question to the model; `usage` is what it has taken, also where no answer came of it."""

    def __init__(self, plan: Plan, job: Job, place: Place, question: dict[str, Any]) -> None:
        self.usage = Usage()
        self._group = plan.helpers["opinion"]
        self._place = place
        self._job = Job(
            id=job.id,
            capability="chat",
            model=plan.opinion_model,
            body=ChatBody(
                messages=(Message("user", (TextPart(str(question.get("text", ""))),)),),
                sampling=Sampling(max_tokens=ANSWER_TOKENS, temperature=0.0),
                format=Format("json_schema", "leftovers", dict(question.get("schema") or {}), strict=True),
            ),
            cache_scope=job.cache_scope,
            deadline_s=plan.opinion_s,
        )

    async def answer(self) -> dict[str, Any]:
        """The JSON object it answers. Raises ValueError for anything else, and what the engine raises."""
        pieces: list[str] = []
        async with aclosing(self._place.call(self._group, self._job, EMPTY)) as events:
            async for event in events:
                if isinstance(event, TextDelta) and event.kind == "answer":
                    pieces.append(event.text)
                    if sum(map(len, pieces)) > ANSWER_CHARACTERS:
                        raise ValueError("an answer without an end")
                elif isinstance(event, Finished):
                    self.usage = event.usage
        found = json.loads("".join(pieces))
        if not isinstance(found, dict):
            raise ValueError("no JSON object")
        return found
