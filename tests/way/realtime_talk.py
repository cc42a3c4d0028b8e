"""A realtime client without a socket: says events to the app, and gathers what it says back."""

import asyncio
import base64
import json
import math
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from omniwatt.api.parts import Parts
from omniwatt.api.server import create_app
from tests.way import sdk_events

Event = dict[str, Any]
PATIENCE_S = 20.0


class Refused(Exception):
    """The handshake was refused with `status` and the error `body`."""

    def __init__(self, status: int, body: Any) -> None:
        super().__init__(f"{status}: {body}")
        self.status = status
        self.body = body


class Talk:
    """One connection. `events` is all that came so far."""

    def __init__(self) -> None:
        self.incoming: asyncio.Queue[Event] = asyncio.Queue()
        self.outgoing: asyncio.Queue[Event | None] = asyncio.Queue()
        self.events: list[Event] = []
        self.strange: list[str] = []
        self.closed: int | None = None
        self.reads = asyncio.Event()
        self.reads.set()

    async def say(self, kind: str, **fields: Any) -> None:
        await self.raw(json.dumps({"type": kind} | fields))

    async def raw(self, text: str | None = None, data: bytes | None = None) -> None:
        message: Event = {"type": "websocket.receive", "text": text} if data is None else {"bytes": data}
        await self.outgoing.put({"type": "websocket.receive"} | message)

    async def sound(self, data: bytes, piece: int = 4800) -> None:
        for place in range(0, len(data), piece):
            audio = base64.b64encode(data[place : place + piece]).decode()
            await self.say("input_audio_buffer.append", audio=audio)

    async def next(self, *kinds: str) -> Event:
        """The next event, or the next of these kinds; what comes before it is kept in `events`."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                event = await self.incoming.get()
                self.events.append(event)
                assert event["type"] != "closed", f"closed while waiting for {kinds}: {self.kinds()}"
                if not kinds or event["type"] in kinds:
                    return event

    async def quiet(self, for_s: float = 0.2) -> list[Event]:
        """What comes within a while."""
        found = []
        try:
            async with asyncio.timeout(for_s):
                while True:
                    event = await self.incoming.get()
                    self.events.append(event)
                    found.append(event)
        except TimeoutError:
            return found

    def check(self, event: Event) -> None:
        """The official client must know it. What is wrong is told when the talk is over."""
        try:
            sdk_events.check(event)
        except (AssertionError, ValueError) as error:
            self.strange.append(f"{error}: {json.dumps(event)[:500]}")

    def kinds(self) -> list[str]:
        return [event["type"] for event in self.events]

    def of(self, kind: str) -> list[Event]:
        return [event for event in self.events if event["type"] == kind]

    async def leave(self) -> None:
        await self.outgoing.put({"type": "websocket.disconnect", "code": 1001})


@asynccontextmanager
async def talking(
    parts: Parts,
    key: str | None,
    *,
    query: str = "model=gpt-realtime",
    headers: dict[str, str] | None = None,
    subprotocols: list[str] | None = None,
    path: str = "/v1/realtime",
) -> AsyncIterator[Talk]:
    """A connection that is accepted, or Refused. Leaving the block leaves the session, and waits for its end."""
    talk, accepted = Talk(), asyncio.get_running_loop().create_future()
    denied: dict[str, Any] = {}

    async def receive() -> Event:
        message = await talk.outgoing.get()
        assert message is not None
        return message

    async def send(message: Any) -> None:
        match message["type"]:
            case "websocket.accept":
                accepted.set_result(message.get("subprotocol"))
            case "websocket.send":
                await talk.reads.wait()
                event = json.loads(message["text"])
                await talk.incoming.put(event)
                talk.check(event)
            case "websocket.close":
                talk.closed = message["code"]
                await talk.incoming.put({"type": "closed"})
            case "websocket.http.response.start":
                denied["status"] = message["status"]
            case "websocket.http.response.body":
                accepted.set_exception(Refused(denied["status"], json.loads(message["body"])))

    sent = {"host": "localhost:8000"} | ({"authorization": f"Bearer {key}"} if key else {}) | (headers or {})
    scope = {
        "type": "websocket",
        "http_version": "1.1",
        "scheme": "ws",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "server": ("127.0.0.1", 8000),
        "client": ("127.0.0.1", 1),
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in sent.items()],
        "subprotocols": subprotocols or [],
        "extensions": {"websocket.http.response": {}},
    }
    await talk.outgoing.put({"type": "websocket.connect"})
    task = asyncio.create_task(create_app(parts)(scope, receive, send))
    try:
        await asyncio.wait([task, accepted], return_when=asyncio.FIRST_COMPLETED)
        await accepted
        yield talk
    finally:
        talk.reads.set()
        await talk.leave()
        async with asyncio.timeout(PATIENCE_S):
            await task
    assert not talk.strange, "\n".join(talk.strange)


def tone(seconds: float, rate_hz: int = 24000, pitch_hz: float = 300.0) -> bytes:
    """Not speech, but not silence either."""
    turn = 2 * math.pi * pitch_hz / rate_hz
    count = int(seconds * rate_hz)
    return struct.pack(f"<{count}h", *(int(9000 * math.sin(turn * place)) for place in range(count)))


def silence(seconds: float, rate_hz: int = 24000) -> bytes:
    return bytes(int(seconds * rate_hz) * 2)
