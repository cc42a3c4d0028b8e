"""A provider on a loopback port that answers as it is told, well or badly, and remembers what it was asked."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from omniwatt.contract.event import Event
from omniwatt.contract.job import EngineSpec, Job
from omniwatt.engines.upstream import Upstream

HANG = 60.0
Step = bytes | float


@dataclass
class Asked:
    """One request as it came over the wire."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]
    left_at_s: float | None = None


@dataclass
class Provider:
    """`answers` are used up in order, the last one again and again. An answer is bytes to send and seconds to wait."""

    answers: list[list[Step]] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    port: int = 0
    left: asyncio.Event = field(default_factory=asyncio.Event)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.tasks.add(task)
        try:
            await self.serve(reader, writer)
        finally:
            writer.transport.abort()
            self.tasks.discard(task)

    async def stop(self) -> None:
        for task in set(self.tasks):
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                asked = await self._read(reader)
                answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
                self.asked.append(asked)
                if HANG in answer:
                    await self._hang(reader, writer, answer, asked)
                    break
                for step in answer:
                    await self._take(step, writer)
                if answer[-1] == b"":
                    break

    async def _take(self, step: Step, writer: asyncio.StreamWriter) -> None:
        if isinstance(step, float):
            await asyncio.sleep(step)
        else:
            writer.write(step)
            await writer.drain()

    async def _hang(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answer: list[Step], asked: Asked
    ) -> None:
        """Send what comes before the hang, then wait for the client to leave and remember when it did."""
        for step in answer[: answer.index(HANG)]:
            await self._take(step, writer)
        with contextlib.suppress(ConnectionError):
            await reader.read()
        asked.left_at_s = time.monotonic()
        self.left.set()

    async def _read(self, reader: asyncio.StreamReader) -> Asked:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        if headers.get("content-type", "").startswith("multipart/form-data"):
            return Asked(head[0].split()[1], headers, {"form": body.decode("latin-1")})
        return Asked(head[0].split()[1], headers, json.loads(body) if body else {})


@dataclass
class Wire:
    """How answers look on the wire."""

    hang: float = HANG

    def stream(self, *events: Any, done: bool = True, cut: bool = False) -> list[Step]:
        """A chunked event stream; `cut` closes the connection instead of ending it."""
        texts = [e if isinstance(e, bytes) else b"data: " + json.dumps(e, ensure_ascii=False).encode() for e in events]
        texts += [b"data: [DONE]"] if done else []
        return [self.head(), *(self.chunk(text + b"\n\n") for text in texts), b"" if cut else b"0\r\n\r\n"]

    def head(self, status: int = 200, kind: str = "text/event-stream", more: str = "") -> bytes:
        return f"HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\n{more}transfer-encoding: chunked\r\n\r\n".encode()

    def chunk(self, data: bytes) -> bytes:
        return f"{len(data):x}\r\n".encode() + data + b"\r\n"

    def whole(self, body: Any, status: int = 200, headers: str = "", kind: str = "application/json") -> list[Step]:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        head = f"HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\ncontent-length: {len(data)}\r\n{headers}\r\n"
        return [head.encode() + data]

    def error(self, status: int, message: str = "no", headers: str = "", **more: Any) -> list[Step]:
        return self.whole(
            {"error": {"message": message, "type": "x", "param": None, "code": None} | more}, status, headers
        )

    def text(self, content: str, index: int = 0, **more: Any) -> dict[str, Any]:
        return {"model": "real-1", "choices": [{"index": index, "delta": {"content": content}, **more}]}

    def end(self, reason: str = "stop", index: int = 0) -> dict[str, Any]:
        return {"model": "real-1", "choices": [{"index": index, "delta": {}, "finish_reason": reason}]}

    def usage(self, prompt: int = 7, completion: int = 2, **more: Any) -> dict[str, Any]:
        usage = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
        return {"model": "real-1", "choices": [], "usage": usage | more}

    def hello(self) -> list[Step]:
        return self.stream(self.text("Hel"), self.text("lo"), self.end(), self.usage())


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.fixture
async def provider() -> AsyncIterator[Callable[..., Awaitable[Provider]]]:
    """Start a provider with these answers."""
    async with contextlib.AsyncExitStack() as stack:

        async def start(*answers: list[Step]) -> Provider:
            made = Provider(list(answers))
            server = await asyncio.start_server(made.accept, "127.0.0.1", 0)
            stack.callback(server.close)
            stack.push_async_callback(made.stop)
            made.port = server.sockets[0].getsockname()[1]
            return made

        yield start


class Calls:
    """A context that cancels on demand and remembers the steps taken."""

    def __init__(self) -> None:
        self.cancelled = False
        self.steps: list[tuple[str, float]] = []
        self._callbacks: list[Callable[[], None]] = []

    def on_cancel(self, callback: Callable[[], None]) -> None:
        self._callbacks.append(callback)

    def step(self, kind: str, units: float) -> None:
        self.steps.append((kind, units))

    async def astep(self, kind: str, units: float) -> None:
        self.step(kind, units)

    def cancel(self) -> None:
        self.cancelled = True
        for callback in self._callbacks:
            callback()


@pytest.fixture
def ctx() -> Calls:
    return Calls()


async def nothing() -> AsyncIterator[Any]:
    for chunk in ():
        yield chunk


class Relayed:
    """A loaded relay; `do` runs one job to its end."""

    def __init__(self, engine: Upstream) -> None:
        self.engine = engine

    def run(self, body: Any, ctx: Any, model: str = "m", **fields: Any) -> Any:
        capability = {"chat": "chat", "complete": "complete", "embed": "embed", "count": "count"}.get(
            body.__struct_config__.tag, "draw"
        )
        return self.engine.run(Job("job-1", capability, model, body, **fields), nothing(), ctx)

    async def do(self, body: Any, ctx: Any = None, model: str = "m", **fields: Any) -> list[Event]:
        async with contextlib.aclosing(self.run(body, ctx or Calls(), model, **fields)) as events:
            return [event async for event in events]


@pytest.fixture
async def relay() -> AsyncIterator[Callable[..., Awaitable[Relayed]]]:
    """Load a relay over these channels; each is a Provider or a dict."""
    async with contextlib.AsyncExitStack() as stack:

        async def load(*channels: Any, rng: Any = None, **options: Any) -> Relayed:
            engine = Upstream(rng)
            defaults = {"models": {"*": ""}, "retries": 0}
            dicts = [
                defaults | {"name": f"c{i}"} | ({"url": c.url} if isinstance(c, Provider) else c)
                for i, c in enumerate(channels)
            ]
            spec = EngineSpec("upstream", "upstream", ("chat",), options={"channels": dicts} | options)
            await engine.load(spec, lambda done: None)
            stack.push_async_callback(engine.close)
            return Relayed(engine)

        yield load
