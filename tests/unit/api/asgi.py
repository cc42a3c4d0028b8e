"""A small ASGI client and fake parts: the door without a socket and without engines."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from omniwatt.api.server import create_app
from omniwatt.catalog.card import Card
from omniwatt.catalog.catalog import Resolution
from omniwatt.contract.error import ModelNotFound, NotAuthenticated
from omniwatt.contract.event import ChoiceEnd, Event, Finished, Started, TextDelta, Usage
from omniwatt.contract.job import Caller, Limits
from omniwatt.contract.request import Request
from omniwatt.settings import Server, Settings

KEY = "sk-ow-test"
CALLER = Caller(key_id="k1", name="test", project="p1", limits=Limits())
CHAT = Card(name="some-chat", engine="echo", capabilities=("chat", "complete"), context_window=4096)
EMBED = Card(name="some-embed", engine="echo", capabilities=("embed",), instruct=False)
STARTED = Started(
    model="some-chat",
    rate_limits={
        "limit_requests": 60,
        "remaining_requests": 59,
        "reset_requests_s": 1.0,
        "limit_tokens": 1000,
        "remaining_tokens": 900,
        "reset_tokens_s": 0.02,
    },
)
USAGE = Usage(prompt_tokens=5, completion_tokens=2, cached_tokens=1)
HELLO: tuple[Event, ...] = (
    STARTED,
    TextDelta("Hel", tokens=1),
    TextDelta("lo", tokens=1),
    ChoiceEnd("stop"),
    Finished(usage=USAGE, model="some-chat"),
)

Script = Callable[[Request], AsyncIterator[Event]]


class FakePipeline:
    """Plays events, or a script; counts how often it was opened and closed, and keeps what it was asked."""

    def __init__(self, events: tuple[Event | Exception, ...] = HELLO) -> None:
        self.events = events
        self.script: Script | None = None
        self.requests: list[Request] = []
        self.ends: list[str] = []
        self.refused: list[tuple[Any, ...]] = []

    async def serve(self, request: Request, caller: Caller, inputs: Any) -> AsyncGenerator[Event]:
        self.requests.append(request)
        end = "closed"
        try:
            async for event in self.script(request) if self.script else self._play():
                yield event
            end = "done"
        except asyncio.CancelledError:
            end = "cancelled"
            raise
        except GeneratorExit:
            raise
        except Exception as error:
            end = type(error).__name__
            raise
        finally:
            self.ends.append(end)

    async def _play(self) -> AsyncIterator[Event]:
        for event in self.events:
            if isinstance(event, Exception):
                raise event
            yield event


class FakeKeys:
    def caller(self, key: str | None) -> Caller:
        if key != KEY:
            raise NotAuthenticated("Incorrect API key provided.")
        return CALLER


class FakeCatalog:
    def served(self) -> list[Card]:
        return [CHAT, EMBED]

    def aliases(self) -> dict[str, str]:
        return {"gpt-4": "some-chat", "text-embedding-3-small": "some-embed", "org/alias": "some-chat"}

    def roles(self) -> dict[str, str]:
        return {"media": "media"}

    def resolve(self, name: str) -> Resolution:
        alias = name in self.aliases()
        target = self.aliases().get(name, name)
        for card in self.served():
            if card.name == target:
                return Resolution(card=card, asked=name, alias=alias)
        raise ModelNotFound(f"The model `{name}` does not exist.", param="model")


def make_parts(pipeline: FakePipeline, tmp_path: Any, **server: Any) -> Any:
    settings = Settings(server=Server(**server))
    return SimpleNamespace(
        settings=SimpleNamespace(
            server=settings.server, home=tmp_path, storage=settings.storage, log=settings.log, audio=settings.audio
        ),
        keys=FakeKeys(),
        catalog=FakeCatalog(),
        pool=SimpleNamespace(loaded=lambda _: None),
        ledger=SimpleNamespace(refused=lambda *row: pipeline.refused.append(row)),
        pipeline=pipeline,
    )


def form(fields: list[tuple[str, str]], file: bytes | None = b"RIFF", name: str = "a.wav") -> tuple[bytes, str]:
    """A multipart body and its content type; the file comes last, as the official client sends it."""
    parts = [f'Content-Disposition: form-data; name="{key}"\r\n\r\n{value}'.encode() for key, value in fields]
    if file is not None:
        head = f'Content-Disposition: form-data; name="file"; filename="{name}"\r\nContent-Type: audio/wav\r\n\r\n'
        parts.append(head.encode() + file)
    body = b"".join(b"--XX\r\n" + part + b"\r\n" for part in parts) + b"--XX--\r\n"
    return body, "multipart/form-data; boundary=XX"


@dataclass
class Answer:
    """What came back. `sent` holds each body message by itself."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    sent: list[bytes] = field(default_factory=list)
    complete: bool = False

    @property
    def body(self) -> bytes:
        return b"".join(self.sent)

    def json(self) -> Any:
        return json.loads(self.body)

    def data(self) -> list[Any]:
        """The JSON of every SSE event but [DONE]; comments are left out."""
        blocks = self.body.decode().split("\n\n")
        lines = [line for block in blocks for line in block.split("\n") if line.startswith("data: ")]
        return [json.loads(line[6:]) for line in lines if line != "data: [DONE]"]


class Client:
    """Sends requests to the app. `leave_after`: disconnect once so many body messages were received."""

    def __init__(self, parts: Any) -> None:
        self.app = create_app(parts)

    async def request(
        self,
        method: str,
        path: str,
        body: bytes | list[bytes] = b"",
        headers: dict[str, str] | None = None,
        *,
        key: str | None = KEY,
        leave_after: int | None = None,
        server: tuple[str, int | None] = ("127.0.0.1", 8000),
    ) -> Answer:
        chunks = [body] if isinstance(body, bytes) else list(body)
        answer, gone = Answer(), asyncio.Event()
        if leave_after == 0:
            asyncio.get_running_loop().call_later(0.01, gone.set)

        async def receive() -> dict[str, Any]:
            if chunks:
                piece = chunks.pop(0)
                return {"type": "http.request", "body": piece, "more_body": bool(chunks)}
            await gone.wait()
            return {"type": "http.disconnect"}

        async def send(message: dict[str, Any]) -> None:
            if gone.is_set():
                return
            if message["type"] == "http.response.start":
                answer.status = message["status"]
                answer.headers = {k.decode(): v.decode() for k, v in message["headers"]}
            else:
                answer.sent.append(message.get("body", b""))
                answer.complete = not message.get("more_body", False)
                if leave_after and len(answer.sent) >= leave_after:
                    gone.set()
                    await asyncio.sleep(0)

        sent = {"host": "localhost:8000", "content-type": "application/json"}
        sent |= {"authorization": f"Bearer {key}"} if key else {}
        sent |= headers or {}
        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "root_path": "",
            "scheme": "http",
            "server": server,
            "client": ("127.0.0.1", 1),
            "headers": [(k.lower().encode(), v.encode("latin-1")) for k, v in sent.items() if v is not None],
        }
        await self.app(scope, receive, send)
        return answer

    async def post(self, path: str, value: Any, **more: Any) -> Answer:
        raw = value if isinstance(value, bytes | list) else json.dumps(value).encode()
        return await self.request("POST", path, raw, **more)

    async def chat(self, **fields: Any) -> Answer:
        body = {"model": "gpt-4", "messages": [{"role": "user", "content": "Hi"}]} | fields
        return await self.post("/v1/chat/completions", body)

    async def chat_leaving(self, leave_after: int, **fields: Any) -> Answer:
        """A chat whose client leaves once so many body messages came; 0: soon, whatever came."""
        body = {"model": "gpt-4", "messages": [{"role": "user", "content": "Hi"}]} | fields
        return await self.post("/v1/chat/completions", body, leave_after=leave_after)
