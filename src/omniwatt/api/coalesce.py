"""One system call for all that is written in one turn of the loop: a small answer's head and body leave together.

A write to a socket costs more than everything else the gateway does for a small answer, and uvicorn writes an
answer's head and its body apart.
"""

import asyncio
from typing import Any, cast

from omniwatt.api.connection import GuardedProtocol


class _Coalescing:
    """A transport whose writes wait for the end of the loop's turn."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._waiting: list[bytes] = []

    def write(self, data: bytes) -> None:
        if not self._waiting:
            self._loop.call_soon(self._flush)
        self._waiting.append(data)

    def close(self) -> None:
        self._flush()
        self._transport.close()

    def abort(self) -> None:
        self._waiting.clear()
        self._transport.abort()

    def _flush(self) -> None:
        waiting, self._waiting = self._waiting, []
        if waiting and not self._transport.is_closing():
            self._transport.write(waiting[0] if len(waiting) == 1 else b"".join(waiting))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class CoalescingProtocol(GuardedProtocol):
    """The guarded HTTP protocol over a coalescing transport."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wrap the transport, then go on as before."""
        super().connection_made(cast("asyncio.Transport", _Coalescing(transport, self.loop)))
