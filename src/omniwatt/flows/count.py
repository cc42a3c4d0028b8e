"""Count: a conversation with sounds in it. The model counts the text, the sounds count by their length."""

import math
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

import msgspec

from omniwatt.contract.error import EngineFailed
from omniwatt.contract.event import Chunk, Event, Fact
from omniwatt.contract.job import Caller, Job, Plan
from omniwatt.contract.protocol import Place
from omniwatt.contract.request import CountBody, MediaPart, Message, Request
from omniwatt.tokens import AUDIO_TOKENS_PER_S


async def run(
    plan: Plan, request: Request, caller: Caller, place: Place, inputs: AsyncIterator[Chunk]
) -> AsyncGenerator[Event]:
    """The model's own events, its Fact with the `plan.sound_s` seconds of sound added: nothing is listened to."""
    body = request.body
    if not isinstance(body, CountBody):
        raise EngineFailed("Only a conversation can be counted.")
    job = Job(
        id=request.id,
        capability="count",
        model=plan.upstream_model or plan.model,
        body=msgspec.structs.replace(body, messages=tuple(map(_typed, body.messages))),
        cache_scope=caller.project,
        deadline_s=plan.deadline_s,
        recorded=request.recorded,
    )
    more = math.ceil(AUDIO_TOKENS_PER_S * plan.sound_s)
    async with aclosing(place.call(plan.model, job, inputs)) as events:
        async for event in events:
            if isinstance(event, Fact) and "tokens" in event.values:
                yield Fact(event.values | {"tokens": int(event.values["tokens"]) + more})
            else:
                yield event


def _typed(message: Message) -> Message:
    """Without its sounds."""
    content = tuple(part for part in message.content if not (isinstance(part, MediaPart) and part.kind == "audio"))
    return msgspec.structs.replace(message, content=content)
