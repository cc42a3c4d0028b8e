"""The plainest recipe: one step on one engine."""

from collections.abc import AsyncGenerator, AsyncIterator

from omniwatt.contract.event import Chunk, Event
from omniwatt.contract.job import Caller, Job, Plan
from omniwatt.contract.protocol import Place
from omniwatt.contract.request import Request


def run(
    plan: Plan, request: Request, caller: Caller, place: Place, inputs: AsyncIterator[Chunk]
) -> AsyncGenerator[Event]:
    """Hand the body to the planned model: its events are the answer."""
    job = Job(
        id=request.id,
        capability=request.capability,
        model=plan.upstream_model or plan.model,
        body=request.body,
        cache_scope=caller.project,
        deadline_s=plan.deadline_s,
        recorded=request.recorded,
    )
    return place.call(plan.model, job, inputs)
