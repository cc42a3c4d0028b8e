"""What every engine promises, kept by the relay: one end, and nothing left behind wherever the caller leaves."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from omniwatt.contract.error import Cancelled, OmniwattError
from omniwatt.contract.event import ChoiceEnd, Event, Finished
from omniwatt.contract.job import EngineSpec, Job
from omniwatt.contract.request import ChatBody, CompleteBody, EmbedBody, Message, Sampling, TextPart
from omniwatt.engines.registry import create

STREAM = b"".join(
    f"data: {event}\n\n".encode()
    for event in (
        '{"model":"m","choices":[{"index":0,"delta":{"content":"a"},"text":"a"}]}',
        '{"choices":[{"index":1,"delta":{"content":"b"},"text":"b"}]}',
        '{"choices":[{"index":0,"delta":{},"finish_reason":"stop"},{"index":1,"delta":{},"finish_reason":"length"}]}',
        '{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2}}',
        "[DONE]",
    )
)
VECTORS = b'{"data":[{"index":0,"embedding":[1.0]},{"index":1,"embedding":[2.0]}],"usage":{"prompt_tokens":2}}'
BODIES: dict[str, Any] = {
    "chat": ChatBody((Message("user", (TextPart("hi"),)),), sampling=Sampling(n=2)),
    "complete": CompleteBody(("a", "b")),
    "embed": EmbedBody(("a", "b")),
}


class Server:
    """Answers every POST well, unless told to hang after the first half."""

    def __init__(self) -> None:
        self.open = 0
        self.hang = False
        self._writers: set[asyncio.StreamWriter] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open += 1
        self._writers.add(writer)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while head := await reader.readuntil(b"\r\n\r\n"):
                await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0]))
                data, kind = (VECTORS, "application/json") if b"/embed" in head else (STREAM, "text/event-stream")
                writer.write(f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {len(data)}\r\n\r\n".encode())
                writer.write(data[: len(data) // 2] if self.hang else data)
        self.open -= 1
        self._writers.discard(writer)
        writer.close()

    def stop(self) -> None:
        for writer in self._writers:
            writer.transport.abort()


class Host:
    """What the host of an engine gives it."""

    def __init__(self) -> None:
        self.cancelled = False
        self._callbacks: list[Callable[[], None]] = []

    def on_cancel(self, callback: Callable[[], None]) -> None:
        self._callbacks.append(callback)
        if self.cancelled:
            callback()

    def step(self, kind: str, units: float) -> None: ...

    async def astep(self, kind: str, units: float) -> None: ...

    def cancel(self) -> None:
        self.cancelled = True
        for callback in self._callbacks:
            callback()


async def _nothing() -> AsyncIterator[Any]:
    for chunk in ():
        yield chunk


@pytest.fixture
async def server() -> AsyncIterator[tuple[Server, Any]]:
    made = Server()
    listening = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/v1"
    engine = create("upstream")
    channel = {"name": "c", "url": url, "models": {"*": ""}, "retries": 0}
    await engine.load(EngineSpec("u", "upstream", ("chat",), options={"channels": [channel]}), lambda done: None)
    yield made, engine
    await engine.close()
    listening.close()
    made.stop()
    await asyncio.sleep(0)


def run(engine: Any, name: str, ctx: Host) -> Any:
    return engine.run(Job("j", name, "m", BODIES[name]), _nothing(), ctx)  # type: ignore[arg-type]


async def ended(server: Server) -> bool:
    for _ in range(40):
        if server.open == 0:
            return True
        await asyncio.sleep(0.005)
    return False


@pytest.mark.parametrize("name", BODIES)
async def test_exactly_one_end_and_it_is_last(server: tuple[Server, Any], name: str) -> None:
    events: list[Event] = [event async for event in run(server[1], name, Host())]
    assert [index for index, event in enumerate(events) if isinstance(event, Finished)] == [len(events) - 1]
    if name != "embed":
        assert sorted(event.index for event in events if isinstance(event, ChoiceEnd)) == [0, 1]


@pytest.mark.parametrize("name", BODIES)
async def test_a_caller_may_leave_at_every_event(server: tuple[Server, Any], name: str) -> None:
    total = len([event async for event in run(server[1], name, Host())])
    for leave_after in range(total + 1):
        events = run(server[1], name, Host())
        for _ in range(leave_after):
            await anext(events)
        await events.aclose()
    assert len([event async for event in run(server[1], name, Host())]) == total


@pytest.mark.parametrize("name", BODIES)
@pytest.mark.parametrize("how", ["cancel", "task"])
async def test_leaving_a_provider_that_hangs_frees_its_connection(
    server: tuple[Server, Any], name: str, how: str
) -> None:
    server[0].hang = True
    ctx = Host()
    events = run(server[1], name, ctx)

    async def consume() -> None:
        async with contextlib.aclosing(events):
            async for _ in events:
                pass

    work = asyncio.create_task(consume())
    await asyncio.sleep(0.05)
    _ = ctx.cancel() if how == "cancel" else work.cancel()
    with pytest.raises(Cancelled if how == "cancel" else asyncio.CancelledError):
        await work
    assert await ended(server[0])


@pytest.mark.parametrize("name", BODIES)
async def test_a_call_cancelled_before_it_began_ends_at_once(server: tuple[Server, Any], name: str) -> None:
    ctx = Host()
    ctx.cancel()
    with pytest.raises(Cancelled):
        await anext(run(server[1], name, ctx))


@pytest.mark.parametrize("name", BODIES)
async def test_a_provider_that_goes_away_is_one_error(server: tuple[Server, Any], name: str) -> None:
    server[0].hang = True
    work = asyncio.create_task(_all(run(server[1], name, Host())))
    await asyncio.sleep(0.05)
    server[0].stop()
    with pytest.raises(OmniwattError):
        await work


async def _all(events: AsyncIterator[Event]) -> list[Event]:
    return [event async for event in events]
