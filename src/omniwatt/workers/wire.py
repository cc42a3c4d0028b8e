"""Many calls on one byte stream: frames, multiplexing, half-close, cancel, credit in both directions, heartbeats.

A frame is a 12-byte header (magic, kind, flags, call, length) and at most FRAME_LIMIT bytes. A message larger than
that goes as several frames, the other calls' frames between them. Whoever opens a call sends OPEN, any number of DATA
and FINISH, or CANCEL; the other side sends DATA, FINISH and then exactly one END or ERROR, which closes the call.
DATA costs credit: a side may have WINDOW bytes under way that the other has not read yet.
"""

import asyncio
import socket
import ssl
from collections import deque
from collections.abc import Awaitable, Callable
from typing import cast

from omniwatt.contract.error import Cancelled, EngineDied, EngineFailed, OmniwattError
from omniwatt.workers.call import CANCEL, END, ERROR, FRAME_LIMIT, HEADER, MAGIC, OPEN, PING, PONG, Call, WireError

_FROM_CALLER = frozenset({OPEN, CANCEL})
_FROM_SERVER = frozenset({END, ERROR})

Handler = Callable[[Call], Awaitable[None]]
"""Serves one call: reads `call.request`, iterates, sends; returning ends it well, raising ends it badly."""


async def _refuse(call: Call) -> None:
    raise EngineFailed("This side serves no calls.")


class Connection(asyncio.Protocol):
    """One end of a stream. `first` numbers its calls odd, the other end even; apart from that both are alike.

    When the stream ends or breaks, every open call ends with EngineDied, and `reason` says why (a WireError if the
    peer broke the protocol).
    """

    def __init__(self, handler: Handler = _refuse, *, first: bool, peer: str = "engine") -> None:
        self._handler = handler
        self._peer = peer
        self._next = 1 if first else 2
        self._newest_of_peer = 0
        self._calls: dict[int, Call] = {}
        self._ready: deque[Call] = deque()
        self._buffer: list[bytes | memoryview] = []
        self._buffered = 0
        self._flushing = False
        self._paused = False
        self._tail = b""
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.WriteTransport | None = None
        self.closed: asyncio.Future[None] = self._loop.create_future()
        self.reason: Exception | None = None
        self.heard_at_s = self._loop.time()
        """Loop time at which the last byte came in."""
        self.clear = False
        """True while a small frame may be written at once: nothing waits its turn."""

    # --- for users

    def open(self, request: bytes) -> Call:
        """Start a call. Raises EngineDied when the connection is gone, TooLarge when the request is."""
        if self._transport is None or self.closed.done():
            raise EngineDied(f"The {self._peer} process is not connected.")
        call = Call(self, self._next, mine=True)
        call.open(request)
        self._next += 2
        self._calls[call.number] = call
        return call

    def ping(self) -> None:
        """Ask for a sign of life; `heard_at_s` shows the answer."""
        self.write(PING, 0, 0, b"")

    @property
    def open_calls(self) -> int:
        return len(self._calls)

    def close(self) -> None:
        """Send what is buffered and hang up; open calls end with EngineDied."""
        self._flush()
        if self._transport is not None:
            self._transport.close()

    # --- for calls

    def write(self, kind: int, flags: int, number: int, payload: bytes | memoryview) -> None:
        """Put one frame on its way, together with all others of this turn of the loop."""
        if self.closed.done():
            return
        size = len(payload)
        self._buffer.append(HEADER.pack(MAGIC, kind, flags, number, size))
        if size:
            self._buffer.append(payload)
        self._buffered += size + HEADER.size
        if self._buffered > FRAME_LIMIT:
            self._flush()
        elif not self._flushing:
            self._flushing = True
            self._loop.call_soon(self._flush)

    def ready(self, call: Call) -> None:
        """`call` has frames to send: one at a time, in turn with the others."""
        if not call.queued:
            call.queued = True
            self._ready.append(call)
        self._pump()

    def serve(self, call: Call) -> None:
        call.task = self._loop.create_task(self._serve(call))

    def forget(self, call: Call, error: OmniwattError | None) -> None:
        """`call` has ended."""
        self._calls.pop(call.number, None)
        call.over(error)

    # --- for the transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.WriteTransport", transport)
        self._transport.set_write_buffer_limits(high=FRAME_LIMIT)
        self.clear = True

    def pause_writing(self) -> None:
        self._paused = True
        self.clear = False

    def resume_writing(self) -> None:
        self._paused = False
        self._pump()

    def data_received(self, data: bytes) -> None:
        self.heard_at_s = self._loop.time()
        if self._tail:
            data = self._tail + data
        start, size = 0, len(data)
        try:
            while size - start >= HEADER.size:
                magic, kind, flags, number, length = HEADER.unpack_from(data, start)
                if magic != MAGIC or length > FRAME_LIMIT:
                    raise WireError("a corrupt frame" if magic != MAGIC else f"a frame of {length} bytes")
                stop = start + HEADER.size + length
                if stop > size:
                    break
                self._frame(kind, flags, number, data[start + HEADER.size : stop])
                start = stop
        except WireError as error:
            self._break(error)
            return
        self._tail = data[start:]

    def connection_lost(self, exc: Exception | None) -> None:
        self.reason = self.reason or exc
        if self.closed.done():
            return
        self.closed.set_result(None)
        self.clear = False
        self._buffer.clear()
        why = f"broke the protocol ({self.reason})" if isinstance(self.reason, WireError) else "ended"
        for call in list(self._calls.values()):
            if not call.mine:
                call.abort()
            self.forget(call, EngineDied(f"The {self._peer} process {why} while it was answering."))

    # --- inside

    def _frame(self, kind: int, flags: int, number: int, payload: bytes) -> None:
        if kind == PING:
            self.write(PONG, 0, 0, payload)
            return
        if kind == PONG:
            return
        if not OPEN <= kind <= PONG:
            raise WireError(f"a frame of unknown kind {kind}")
        call = self._calls.get(number)
        if call is None:
            call = self._unknown(kind, number)
            if call is None:
                return
        if kind in (_FROM_CALLER if call.mine else _FROM_SERVER):
            raise WireError(f"a frame of kind {kind} from the wrong side")
        call.take(kind, flags, payload)

    def _unknown(self, kind: int, number: int) -> Call | None:
        """A frame of no open call: a new one, a late word on an ended one, or nonsense."""
        of_peer = number % 2 != self._next % 2
        if kind == OPEN:
            if not of_peer or number <= self._newest_of_peer:
                raise WireError(f"call {number} opened out of order")
            self._newest_of_peer = number
            call = self._calls[number] = Call(self, number, mine=False)
            return call
        if number > self._newest_of_peer if of_peer else number >= self._next:
            raise WireError(f"a frame of call {number}, which nobody opened")
        return None

    async def _serve(self, call: Call) -> None:
        error: OmniwattError | None = None
        call.begun = True
        try:
            await self._handler(call)
        except asyncio.CancelledError:
            error = Cancelled("The call was cancelled.")
        except OmniwattError as failure:
            error = failure
        except Exception as failure:  # noqa: BLE001 - a defect of one call must not take the others along
            self._loop.call_exception_handler({"message": "a call failed", "exception": failure})
            error = EngineFailed(f"{type(failure).__name__} in the process that was asked: see its log.")
        call.end(error)

    def _pump(self) -> None:
        ready = self._ready
        while ready and not self._paused:
            call = ready.popleft()
            frame = None if call.ended else call.next_frame()
            if frame is None:
                call.queued = False
                continue
            ready.append(call)
            kind, flags, payload = frame
            self.write(kind, flags, call.number, payload)
            if kind in _FROM_SERVER:
                self.forget(call, None)
        self.clear = not ready and not self._paused and self._transport is not None

    def _flush(self) -> None:
        self._flushing = False
        if self._buffer and self._transport is not None and not self._transport.is_closing():
            data = b"".join(self._buffer)
            self._buffer.clear()
            self._buffered = 0
            self._transport.write(data)

    def _break(self, error: WireError) -> None:
        self.reason = error
        if self._transport is not None:
            self._transport.abort()
        self.connection_lost(error)


async def over_socket(stream: socket.socket, handler: Handler = _refuse, *, first: bool, peer: str) -> Connection:
    """A connection over one end of a Unix socket pair."""
    loop = asyncio.get_running_loop()
    _, connection = await loop.create_unix_connection(lambda: Connection(handler, first=first, peer=peer), sock=stream)
    return connection


async def dial(
    host: str, port: int, tls: ssl.SSLContext, handler: Handler = _refuse, peer: str = "engine"
) -> Connection:
    """Connect to another machine. `tls` must hold our own certificate: both sides prove who they are."""
    loop = asyncio.get_running_loop()
    _, connection = await loop.create_connection(
        lambda: Connection(handler, first=True, peer=peer), host, port, ssl=tls, server_hostname=host
    )
    return connection


async def listen(handler: Handler, host: str, port: int, tls: ssl.SSLContext) -> asyncio.Server:
    """Serve other machines. `tls` must require their certificate."""
    if tls.verify_mode is not ssl.CERT_REQUIRED:
        raise ValueError("the TLS context must require the client's certificate")
    loop = asyncio.get_running_loop()
    return await loop.create_server(lambda: Connection(handler, first=False, peer="gateway"), host, port, ssl=tls)
