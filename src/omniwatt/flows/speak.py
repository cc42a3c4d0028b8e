"""Speak: samples from the speaking engine, brought into the form asked for while the next clause is still made."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

import msgspec

from omniwatt.contract.event import ChoiceEnd, Chunk, Event
from omniwatt.contract.job import Caller, Job, Plan
from omniwatt.contract.protocol import Place
from omniwatt.contract.request import Request, SpeakBody
from omniwatt.flows import sound


async def run(
    plan: Plan, request: Request, caller: Caller, place: Place, inputs: AsyncIterator[Chunk]
) -> AsyncGenerator[Event]:
    """The text is the body's own, or streams in as `inputs`. Without an `audio_format` samples go out as they are."""
    body = sound.speech_of(plan)
    if isinstance(request.body, SpeakBody):
        body = msgspec.structs.replace(body, text=request.body.text)
    job = Job(
        id=request.id,
        capability="speak",
        model=plan.model,
        body=body,
        cache_scope=caller.project,
        deadline_s=plan.deadline_s,
        recorded=request.recorded,
    )
    speech = sound.Speech(place, plan.model, job, inputs)
    async with aclosing(speech.pieces()) as pieces:
        out = sound.encoded(plan, request.id, place, pieces, body.audio_format) if body.audio_format else pieces
        async with aclosing(out) as made:
            async for data in made:
                yield msgspec.structs.replace(data, tokens=speech.new_tokens())
    yield ChoiceEnd("stop")
    yield speech.end()
