"""A live server whose engine says what a test tells it to; real blobs, real stored responses, three keys."""

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import openai
import pydantic
import pytest
import uvicorn
from starlette.routing import Router
from starlette.types import Receive, Scope, Send

from omniwatt.api.middleware import ErrorBoundary, Exchanges, bearer
from omniwatt.api.openai import files, input_tokens, responses
from omniwatt.blobs import Blobs
from omniwatt.contract.error import NotAuthenticated
from omniwatt.contract.event import ChoiceEnd, Event, Finished, Started, TextDelta, Usage
from omniwatt.contract.job import Caller
from omniwatt.contract.request import ChatBody, Request
from omniwatt.database import Database
from omniwatt.ledger import Ledger
from omniwatt.settings import Server, Settings, Storage
from omniwatt.stored import StoredResponses

CALLERS = {
    "sk-ann": Caller(key_id="ann", name="ann", project="red"),
    "sk-al": Caller(key_id="al", name="al", project="red"),
    "sk-bob": Caller(key_id="bob", name="bob", project="blue"),
}
USAGE = Usage(prompt_tokens=7, completion_tokens=3, cached_tokens=2)
Script = Sequence[Event | Exception]


def plain(*pieces: str, reason: Any = "stop") -> Script:
    deltas = [TextDelta(piece, tokens=1) for piece in pieces]
    return [*deltas, ChoiceEnd(reason), Finished(USAGE, model="scripted-1")]


@dataclass
class Engine:
    """Stands where the pipeline stands. `say` is what the next requests are answered with."""

    say: Script | Callable[[Request], Script] = field(default_factory=lambda: plain("Hello", " there"))
    seen: list[Request] = field(default_factory=list)
    gate: threading.Event | None = None
    closed: int = 0

    async def serve(self, request: Request, caller: Caller, inputs: Any = None) -> AsyncGenerator[Event]:
        self.seen.append(request)
        script = self.say(request) if callable(self.say) else self.say
        try:
            if not script or not isinstance(script[0], Exception):
                yield Started(model="scripted", rate_limits={"limit_requests": 9, "remaining_requests": 8})
            for number, event in enumerate(script):
                if number and self.gate is not None:
                    await asyncio.to_thread(self.gate.wait, 10)
                if isinstance(event, Exception):
                    raise event
                yield event
        finally:
            self.closed += 1

    @property
    def body(self) -> ChatBody:
        body = self.seen[-1].body
        assert isinstance(body, ChatBody)
        return body


class Door:
    """Authentication by a table."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = scope["state"]["exchange"]
        caller = CALLERS.get(bearer(exchange) or "")
        if caller is None:
            raise NotAuthenticated("no such key")
        exchange.caller = scope["state"]["caller"] = caller
        await self._app(scope, receive, send)


@dataclass
class Live:
    """The running server."""

    url: str
    home: Path
    engine: Engine
    parts: Any
    database: Database

    def client(self, key: str = "sk-ann") -> openai.OpenAI:
        return openai.OpenAI(api_key=key, base_url=f"{self.url}/v1", max_retries=0)

    def settings(self, **server_or_storage: Any) -> None:
        """Change the settings of the running server."""
        storage = Storage(responses=server_or_storage.pop("responses", True))
        self.parts.settings = Settings(server=Server(**server_or_storage), storage=storage)
        self.parts.stored = StoredResponses(self.database, storage)


@pytest.fixture(scope="session")
def _running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    home = tmp_path_factory.mktemp("home")
    with Database(home / "omniwatt.db") as database:
        for caller in CALLERS.values():
            database.write(
                "INSERT INTO keys (id, name, project, prefix, digest, admin, tier, limits, created_at)"
                " VALUES (?, ?, ?, '', ?, 0, 'default', '{}', 0)",
                (caller.key_id, caller.name, caller.project, caller.key_id.encode()),
            )
        blobs = Blobs(home, database, quota_bytes=64 * 1024 * 1024)
        parts = SimpleNamespace(blobs=blobs, ledger=Ledger(database), pipeline=None)
        router = Router([*responses.routes, *input_tokens.routes, *files.routes])
        app = Exchanges(ErrorBoundary(Door(router)), parts)  # type: ignore[arg-type]
        config = uvicorn.Config(
            app, host="127.0.0.1", port=0, log_config=None, log_level=None, lifespan="off", ws="none"
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        while not server.started:
            thread.join(0.005)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield Live(f"http://127.0.0.1:{port}", home, Engine(), parts, database)
        server.should_exit = True
        thread.join(5)


@pytest.fixture
def live(_running: Live) -> Live:
    _running.engine = _running.parts.pipeline = Engine()
    _running.settings()
    return _running


@pytest.fixture
def client(live: Live) -> Iterator[openai.OpenAI]:
    with live.client() as client:
        yield client


@pytest.fixture
def bob(live: Live) -> Iterator[openai.OpenAI]:
    with live.client("sk-bob") as client:
        yield client


@pytest.fixture
def exact() -> Callable[[Any, Any], Any]:
    """`exact(kind, value)`: the value is of this SDK type, with no key the type does not know."""

    def check(kind: Any, value: Any) -> Any:
        data = value.to_dict(mode="json") if isinstance(value, pydantic.BaseModel) else value
        found = pydantic.TypeAdapter(kind).validate_python(data)
        assert not list(unknown(found))
        return found

    return check


def unknown(value: Any) -> Iterator[str]:
    if isinstance(value, pydantic.BaseModel):
        yield from (f"{type(value).__name__}.{key}" for key in value.model_extra or {})
        for item in value.__dict__.values():
            yield from unknown(item)
    elif isinstance(value, list):
        for item in value:
            yield from unknown(item)
