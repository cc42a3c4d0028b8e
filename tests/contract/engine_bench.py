"""Runs an engine in this process or in a host of its own, behind one face."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from pathlib import Path

from omniwatt.contract.event import EMPTY, Chunk, Event, Finished
from omniwatt.contract.job import Loaded
from omniwatt.engines import registry
from omniwatt.workers.host import CallContext
from omniwatt.workers.process import HostProcess
from tests.contract.subjects import Subject, Task, job


async def stream(chunks: tuple[Chunk, ...]) -> AsyncIterator[Chunk]:
    for chunk in chunks:
        await asyncio.sleep(0)
        yield chunk


class Bench:
    """A loaded engine; `steps` sums what its calls have reported."""

    def __init__(self, subject: Subject, loaded: Loaded, start: Callable[..., AsyncGenerator[Event]]) -> None:
        self.subject = subject
        self.loaded = loaded
        self._start = start

    def run(self, task: Task) -> AsyncGenerator[Event]:
        return self._start(job(task), stream(task.inputs) if task.inputs else EMPTY)

    async def events(self, task: Task) -> list[Event]:
        async with aclosing(self.run(task)) as events:
            return [event async for event in events]


async def in_process(subject: Subject) -> AsyncIterator[Bench]:
    engine = registry.create(subject.spec().engine)
    loaded = await engine.load(subject.spec(), lambda _: None)

    async def start(one: object, inputs: AsyncIterator[Chunk]) -> AsyncGenerator[Event]:
        context = CallContext(lambda *_: None)
        try:
            async with aclosing(engine.run(one, inputs, context)) as events:  # type: ignore[arg-type]
                async for event in events:
                    if isinstance(event, Finished):
                        event.details["steps"] = dict(context.steps)
                    yield event
        finally:
            context.cancel()

    yield Bench(subject, loaded, start)
    await engine.close()


async def in_host(subject: Subject, folder: Path) -> AsyncIterator[Bench]:
    process = await HostProcess.start(subject.name, folder)
    try:
        loaded = await process.load(subject.spec(), lambda _: None)
        yield Bench(subject, loaded, process.run)
    finally:
        await process.stop()
