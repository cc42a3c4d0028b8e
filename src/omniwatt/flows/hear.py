"""Hear: decode whatever form the sound has, and write down what is said while it is still being decoded."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

import msgspec

from omniwatt.contract.error import EngineFailed
from omniwatt.contract.event import Chunk, Event, Progress
from omniwatt.contract.job import Caller, Job, Plan
from omniwatt.contract.protocol import Place
from omniwatt.contract.request import HearBody, Request
from omniwatt.flows import sound


async def run(
    plan: Plan, request: Request, caller: Caller, place: Place, inputs: AsyncIterator[Chunk]
) -> AsyncGenerator[Event]:
    """Samples stream from the media engine into the hearing one; neither runs ahead of the other by more than a window.

    A body without a part takes `inputs` as its samples: nothing is decoded then.
    """
    body = request.body
    if not isinstance(body, HearBody):
        raise EngineFailed("Only a body of sound can be heard.")
    job = Job(
        id=request.id,
        capability="hear",
        model=plan.model,
        body=msgspec.structs.replace(body, part=None),
        cache_scope=caller.project,
        deadline_s=plan.deadline_s,
        recorded=request.recorded,
    )
    if body.part is None:
        async with aclosing(place.call(plan.model, job, inputs)) as events:
            async for event in events:
                yield event
        return
    async with (
        aclosing(sound.samples(plan, request.id, place, body.part)) as samples,
        aclosing(place.call(plan.model, job, samples)) as events,
    ):
        async for event in events:
            # The engine hears a stream, and cannot know how long it will be.
            yield msgspec.structs.replace(event, total=plan.sound_s) if isinstance(event, Progress) else event
