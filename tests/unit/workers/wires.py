"""Two connected ends in one loop, and a raw peer that writes whatever it likes."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from omniwatt.workers.call import HEADER, MAGIC
from omniwatt.workers.wire import Connection, Handler, over_socket


@asynccontextmanager
async def pair(handler: Handler) -> AsyncIterator[tuple[Connection, Connection]]:
    """A calling and a serving end. No defect may reach the loop's exception handler."""
    defects: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: defects.append(context))
    ours, theirs = socket.socketpair()
    caller = await over_socket(ours, first=True, peer="test engine")
    server = await over_socket(theirs, handler, first=False, peer="gateway")
    try:
        yield caller, server
    finally:
        caller.close()
        async with asyncio.timeout(5):
            await asyncio.shield(caller.closed)
            await asyncio.shield(server.closed)
        await settled()
    assert defects == []


@asynccontextmanager
async def raw(handler: Handler) -> AsyncIterator[tuple[socket.socket, Connection]]:
    """A serving end and the bare socket at its other side."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    server = await over_socket(theirs, handler, first=False, peer="gateway")
    try:
        yield ours, server
    finally:
        ours.close()
        async with asyncio.timeout(5):
            await asyncio.shield(server.closed)
        await settled()


async def settled() -> None:
    """Let everything that is ready run."""
    for _ in range(10):
        await asyncio.sleep(0)


def frame(kind: int, number: int, payload: bytes = b"", flags: int = 0, length: int | None = None) -> bytes:
    """One frame as bytes; `length` lies about the payload."""
    return HEADER.pack(MAGIC, kind, flags, number, len(payload) if length is None else length) + payload
