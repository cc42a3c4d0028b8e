"""Events on their way to the client, in the order they were said; a client that does not read is given up."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Protocol

import msgspec

from omniwatt.realtime.wire import new_id

FULL_BYTES = 1024 * 1024
"""Above this, whoever can wait does."""

encode = msgspec.json.Encoder().encode


class Says(Protocol):
    """What a session needs of the way to its client."""

    def say(self, kind: str, **fields: Any) -> None:
        """One event; never waits."""
        ...


class Outbox:
    """`say` never waits. `send` passes one message to the client, and may raise when it has gone."""

    def __init__(self, send: Callable[[str], Awaitable[None]], stall_s: float) -> None:
        self._send = send
        self._stall_s = stall_s
        self._waiting: deque[str] = deque()
        self._bytes = 0
        self._news = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._empty = asyncio.Event()
        self._empty.set()
        self.gone = asyncio.Event()
        """Set when the client does not read, or has left."""

    def say(self, kind: str, **fields: Any) -> None:
        """One event."""
        if self.gone.is_set():
            return
        text = encode({"type": kind, "event_id": new_id("event"), **fields}).decode()
        self._waiting.append(text)
        self._bytes += len(text)
        self._news.set()
        self._empty.clear()
        if self._bytes > FULL_BYTES:
            self._room.clear()

    async def room(self) -> None:
        """Wait until the client has read most of what was said."""
        await self._room.wait()

    async def run(self) -> None:
        """Send, until the client is gone."""
        try:
            while True:
                await self._news.wait()
                self._news.clear()
                while self._waiting:
                    text = self._waiting.popleft()
                    async with asyncio.timeout(self._stall_s):
                        await self._send(text)
                    self._bytes -= len(text)
                    if self._bytes <= FULL_BYTES:
                        self._room.set()
                self._empty.set()
        except (OSError, RuntimeError, TimeoutError):
            return
        finally:
            self.gone.set()
            self._room.set()
            self._empty.set()
            self._waiting.clear()

    async def flush(self, within_s: float) -> None:
        """Wait until all is out, or the time is up."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._empty.wait()
