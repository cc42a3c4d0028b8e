"""One HTTP exchange: what came in, what goes out. Every route gets one; no decisions here."""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import msgspec
from starlette.types import Message, Receive, Scope, Send

from omniwatt.api import body as bodies
from omniwatt.api.errors import Header
from omniwatt.api.parts import Parts
from omniwatt.contract.error import Cancelled, OmniwattError
from omniwatt.contract.job import Caller
from omniwatt.contract.request import Capability

JSON = b"application/json"
WATCH_AFTER_S = 0.02


class Exchange:
    """`caller` is set by authentication; `extra_headers` go out with the answer, whoever sends it."""

    __slots__ = (
        "_send",
        "answering",
        "asked",
        "caller",
        "extra_headers",
        "headers",
        "parts",
        "receive",
        "request_id",
        "scope",
        "served",
        "started_s",
    )

    caller: Caller

    def __init__(self, scope: Scope, receive: Receive, send: Send, parts: Parts) -> None:
        self.scope = scope
        self.receive = receive
        self._send = send
        self.parts = parts
        self.answering = False
        """True once the answer's status is out."""
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        self.started_s = time.monotonic()
        self.request_id = _request_id(self.headers.get(b"x-request-id"))
        self.extra_headers: list[Header] = []
        self.asked = ""
        """The model the body names, once it has been read."""
        self.served = False
        """True once the pipeline has it: the ledger row is the pipeline's then."""

    async def send(self, message: Message) -> None:
        """ASGI send; the start of the answer gets `extra_headers`, the request's id and the time taken."""
        if message["type"] == "http.response.start":
            self.answering = True
            taken_ms = int((time.monotonic() - self.started_s) * 1000)
            own = [(b"x-request-id", self.request_id.encode()), (b"openai-processing-ms", str(taken_ms).encode())]
            message["headers"] = [*message.get("headers", ()), *own, *self.extra_headers]
        await self._send(message)

    def header(self, name: bytes) -> str:
        """A request header's text, "" when absent."""
        return self.headers.get(name, b"").decode("latin-1")

    def path(self, name: str) -> str:
        """A path parameter."""
        return str(self.scope["path_params"][name])

    async def json(self) -> dict[str, Any]:
        """The body as a JSON object. Raises WrongMediaType, TooLarge or BadInput."""
        bodies.require_json(self.header(b"content-type"))
        raw = await bodies.read(self.receive, self.headers, self.parts.settings.server.max_body_bytes)
        value = bodies.parse(raw)
        model = value.get("model")
        self.asked = model if isinstance(model, str) else ""
        return value

    async def reply(self, content: bytes, *, status: int = 200, media_type: bytes = JSON) -> None:
        """Send a whole answer."""
        head: list[Header] = [(b"content-type", media_type), (b"content-length", str(len(content)).encode())]
        await self.send({"type": "http.response.start", "status": status, "headers": head})
        await self.send({"type": "http.response.body", "body": content})

    async def reply_json(self, value: Any, *, status: int = 200) -> None:
        """Send a whole answer as JSON."""
        await self.reply(msgspec.json.encode(value), status=status)

    async def begin(self, media_type: bytes, headers: Iterable[Header] = ()) -> None:
        """Send status 200 and the headers of an answer that comes in pieces."""
        head: list[Header] = [(b"content-type", media_type), *headers]
        await self.send({"type": "http.response.start", "status": 200, "headers": head})

    def client_watch(self) -> "ClientWatch":
        """`async with exchange.client_watch():` ends its block with Cancelled when the client leaves.

        Enter it only after the body has been read.
        """
        return ClientWatch(self.receive)


class ClientWatch:
    """Cancels the task inside its block once the client has gone, and turns that into one Cancelled error.

    Begins after WATCH_AFTER_S: most small answers are out by then, and need no second task.
    """

    __slots__ = ("_begin", "_gone", "_receive", "_task", "_watcher")

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._gone = False

    async def __aenter__(self) -> "ClientWatch":
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a client is watched from within a task")
        self._task = task
        self._watcher: asyncio.Task[None] | None = None
        self._begin = asyncio.get_running_loop().call_later(WATCH_AFTER_S, self.start)
        return self

    def give_up(self) -> None:
        """Treat the client as gone: it stopped reading."""
        if not self._gone:
            self._gone = True
            self._task.cancel()

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._begin.cancel()
        if self._watcher is not None:
            self._watcher.cancel()
        if self._gone and self._task.uncancel() == 0 and kind is asyncio.CancelledError:
            raise Cancelled("The client left before the answer was complete.")

    def start(self) -> None:
        """Watch from now on: an answer in pieces has begun."""
        self._begin.cancel()
        if self._watcher is None:
            self._watcher = asyncio.create_task(self._watch())

    async def _watch(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.give_up()


class Endpoint:
    """`Route(path, Endpoint(handler), methods=[...])`: calls `await handler(exchange)` without wrapping anything.

    With `serves`, what the handler refuses before the pipeline has it gets its ledger row here.
    """

    __slots__ = ("handler", "serves")

    def __init__(self, handler: Callable[[Exchange], Awaitable[None]], serves: Capability | None = None) -> None:
        self.handler = handler
        self.serves = serves

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange: Exchange = scope["state"]["exchange"]
        try:
            await self.handler(exchange)
        except OmniwattError as error:
            if self.serves and not exchange.served:
                record = exchange.parts.ledger.refused
                record(exchange.request_id, self.serves, exchange.asked, exchange.caller, error)
            raise


def _request_id(given: bytes | None) -> str:
    """The client's own id where it is harmless, else a new one."""
    if given and len(given) <= 128:
        text = given.decode("latin-1")
        if text.isascii() and text.replace("-", "").replace("_", "").replace(".", "").isalnum():
            return text
    return "req_" + secrets.token_hex(16)
