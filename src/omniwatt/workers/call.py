"""One call on a connection: its two directions, their credit, and its one end."""

import asyncio
import struct
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

import msgspec

from omniwatt.contract.error import Cancelled, OmniwattError, TooLarge

HEADER = struct.Struct("<BBBxII")
MAGIC = 0xA9
FRAME_LIMIT = 256 * 1024
MESSAGE_LIMIT = 9 * 1024 * 1024
"""8 MiB of inline media and what comes with it; larger bodies cross as blob references."""
WINDOW = 512 * 1024

OPEN, DATA, FINISH, END, ERROR, CANCEL, CREDIT, PING, PONG = range(1, 10)
MORE = 1


class WireError(Exception):
    """The peer broke the protocol: a corrupt, oversized or impossible frame."""


class Link(Protocol):
    """What a call needs of its connection."""

    clear: bool

    def write(self, kind: int, flags: int, number: int, payload: bytes | memoryview) -> None: ...
    def ready(self, call: "Call") -> None: ...
    def serve(self, call: "Call") -> None: ...
    def forget(self, call: "Call", error: OmniwattError | None) -> None: ...


class Call:
    """One duplex exchange. Both sides hold one; `request` is what it was opened with."""

    def __init__(self, connection: Link, number: int, *, mine: bool) -> None:
        self.request = b""
        self.trailer = b""
        """Serving side: goes with the end, good or bad. Calling side: what came with it."""
        self.mine = mine
        self._connection = connection
        self.number = number
        self._outbox: deque[tuple[int, int, bytes | memoryview]] = deque()
        self.queued = False
        self._announced = not mine
        self._opened = mine
        self._credit = WINDOW
        self._drained: list[asyncio.Future[None]] = []
        self._finished = False
        self._inbox: deque[tuple[bytes, int]] = deque()
        self._parts: list[bytes] = []
        self._parts_bytes = 0
        self._held = 0
        self._owed = 0
        self._allowed = WINDOW
        self._no_more_input = False
        self._discard = False
        self._ending = False
        self._ended = False
        self._error: OmniwattError | None = None
        self._wakers: list[asyncio.Future[None]] = []
        self._on_cancel: list[Callable[[], None]] = []
        self._on_end: list[Callable[[], None]] = []
        self.task: asyncio.Task[None] | None = None
        self.begun = False

    # --- what both sides may do

    async def send(self, message: bytes) -> None:
        """Send one message; waits for credit and for the transport. Silently nothing once the call has ended.

        Cancelling it never tears a message apart: what was begun is sent. Raises TooLarge above MESSAGE_LIMIT.
        """
        if self._ended or self._finished:
            return
        if self._credit > 0 and self._at_once(message):
            self._credit -= len(message) + HEADER.size
            self._connection.write(DATA, 0, self.number, message)
            return
        self._queue(DATA, message)
        while self._outbox and not self._ended:
            await _parked(self._drained)

    def finish(self) -> None:
        """Half-close: no more messages from here. The other direction goes on."""
        if not self._ended and not self._finished:
            self._queue(FINISH, b"")
            self._finished = True

    def __aiter__(self) -> "Call":
        return self

    async def __anext__(self) -> bytes:
        """The next message. Ends when the other side finished or ended well; raises what it ended with otherwise."""
        while not self._inbox:
            if self._error is not None:
                raise self._error
            if self._no_more_input:
                raise StopAsyncIteration
            await _parked(self._wakers)
        message, cost = self._inbox.popleft()
        if not self._inbox:
            cost += self._held
            self._held = 0
        self._refund(cost)
        return message

    @property
    def ended(self) -> bool:
        """True once END or ERROR has passed, or the connection is gone."""
        return self._ended

    def on_end(self, callback: Callable[[], None]) -> None:
        """Run `callback` when the call has ended, however; at once if it already has."""
        if self._ended:
            callback()
        else:
            self._on_end.append(callback)

    async def wait_ended(self) -> None:
        """Return when the call has ended, however."""
        while not self._ended:
            await _parked(self._wakers)

    # --- what the calling side may do

    def cancel(self) -> None:
        """Nobody waits for the answer any more. Never blocks, never fails; the call ends when the other side agrees."""
        if self._ended or self._discard:
            return
        self._discard = True
        self._outbox.clear()
        _wake(self._drained)
        self._error = Cancelled("The call was cancelled.")
        self._inbox.clear()
        if self._announced:
            self._connection.write(CANCEL, 0, self.number, b"")
            self._wake_readers()
        else:
            self._connection.forget(self, self._error)

    async def result(self) -> bytes:
        """Wait for the end and drop what comes before it; the trailer, or the error it ended with."""
        while not self._ended or self._inbox:
            if self._inbox:
                await self.__anext__()
            else:
                await _parked(self._wakers)
        if self._error is not None:
            raise self._error
        return self.trailer

    # --- what the serving side may do

    def on_cancel(self, callback: Callable[[], None]) -> None:
        """Run `callback` when the caller has cancelled or gone."""
        self._on_cancel.append(callback)

    # --- for the connection

    def open(self, request: bytes) -> None:
        if self._at_once(request):
            self._announced = True
            self._connection.write(OPEN, 0, self.number, request)
        else:
            self._queue(OPEN, request)

    def end(self, error: OmniwattError | None) -> None:
        if self._ended or self._ending:
            return
        self._ending = True
        if error is None and self._at_once(self.trailer):
            self._connection.write(END, 0, self.number, self.trailer)
            self._connection.forget(self, None)
        elif error is None:
            self._queue(END, self.trailer)
        else:
            self._outbox.clear()
            self._queue(ERROR, _pack_error(error, self.trailer))

    def next_frame(self) -> tuple[int, int, bytes | memoryview] | None:
        """The next frame that may go now; None when there is none or credit is used up."""
        if not self._outbox or (self._outbox[0][0] == DATA and self._credit <= 0):
            return None
        frame = self._outbox.popleft()
        if frame[0] == DATA:
            self._credit -= len(frame[2]) + HEADER.size
        self._announced = True
        if not self._outbox:
            _wake(self._drained)
        return frame

    def take(self, kind: int, flags: int, payload: bytes) -> None:
        """One frame of this call has arrived. Raises WireError."""
        if kind in (OPEN, DATA):
            if (kind == OPEN) is self._opened:
                raise WireError("a call opened twice" if self._opened else "data before the call was open")
            self._take_part(kind, flags, payload)
        elif kind == FINISH:
            self._no_more_input = True
            self._wake_readers()
        elif kind == CREDIT:
            self._credit += int.from_bytes(payload, "little")
            self._connection.ready(self)
        elif kind == CANCEL:
            self.abort()
        elif kind == END:
            self.trailer = payload
            self._connection.forget(self, None)
        else:
            self._take_error(payload)

    def abort(self) -> None:
        """Serving side: the caller is gone; stop the handler."""
        self._discard = True
        callbacks, self._on_cancel = self._on_cancel, []
        for callback in callbacks:
            callback()
        if self.task is not None:
            self.task.cancel()
        if not self.begun:
            # A task cancelled before its first step never runs, so it cannot say the end itself.
            self.end(Cancelled("The call was cancelled."))

    def over(self, error: OmniwattError | None) -> None:
        """The end has passed, or can no longer come."""
        if self._ended:
            return
        self._ended = self._no_more_input = True
        self._error = self._error or error
        self._outbox.clear()
        _wake(self._drained)
        self._wake_readers()
        callbacks, self._on_end = self._on_end, []
        for callback in callbacks:
            callback()

    def _at_once(self, message: bytes) -> bool:
        """Whether it may be written now, as one frame: nothing waits its turn."""
        return not self._outbox and self._connection.clear and len(message) <= FRAME_LIMIT

    def _queue(self, kind: int, message: bytes) -> None:
        size = len(message)
        if size > MESSAGE_LIMIT:
            raise TooLarge(f"A message of {size} bytes; at most {MESSAGE_LIMIT} can be passed to an engine inline.")
        if size <= FRAME_LIMIT:
            self._outbox.append((kind, 0, message))
        else:
            view = memoryview(message)
            for start in range(0, size, FRAME_LIMIT):
                flags = MORE if start + FRAME_LIMIT < size else 0
                self._outbox.append((kind, flags, view[start : start + FRAME_LIMIT]))
        self._connection.ready(self)

    def _take_part(self, kind: int, flags: int, payload: bytes) -> None:
        cost = len(payload) + HEADER.size if kind == DATA else 0
        self._allowed -= cost
        if self._allowed < -(FRAME_LIMIT + HEADER.size):
            raise WireError("more data than there was credit for")
        if self._discard:
            self._refund(cost)
            return
        self._parts_bytes += len(payload)
        if self._parts_bytes > MESSAGE_LIMIT:
            raise WireError("a message over the limit")
        self._parts.append(payload)
        if flags & MORE:
            self._held += cost
            if not self._inbox:
                # Nothing else is waiting to be read, so this message must be let in to its end.
                self._refund(self._held)
                self._held = 0
            return
        message = payload if len(self._parts) == 1 else b"".join(self._parts)
        self._parts, self._parts_bytes = [], 0
        if kind == OPEN:
            self._opened = True
            self.request = message
            self._connection.serve(self)
            return
        self._inbox.append((message, cost + self._held))
        self._held = 0
        self._wake_readers()

    def _take_error(self, payload: bytes) -> None:
        try:
            wire, self.trailer = _error_decoder.decode(payload)
        except msgspec.DecodeError as error:
            raise WireError(f"an unreadable error frame: {error}") from error
        self._connection.forget(self, OmniwattError.from_wire(wire))

    def _refund(self, cost: int) -> None:
        self._owed += cost
        if self._owed >= WINDOW // 2 and not self._ended:
            self._allowed += self._owed
            self._connection.write(CREDIT, 0, self.number, self._owed.to_bytes(4, "little"))
            self._owed = 0

    def _wake_readers(self) -> None:
        if self._wakers:
            _wake(self._wakers)


_error_encoder = msgspec.msgpack.Encoder()
_error_decoder: msgspec.msgpack.Decoder[tuple[dict[str, Any], bytes]] = msgspec.msgpack.Decoder(
    tuple[dict[str, Any], bytes]
)


def _pack_error(error: OmniwattError, trailer: bytes) -> bytes:
    packed = _error_encoder.encode((error.to_wire(), trailer))
    if len(packed) <= FRAME_LIMIT:
        return packed
    return _error_encoder.encode((type(error)(error.message[:1000], code=error.code).to_wire(), b""))


async def _parked(waiters: list[asyncio.Future[None]]) -> None:
    future = asyncio.get_running_loop().create_future()
    waiters.append(future)
    try:
        await future
    finally:
        if future in waiters:
            waiters.remove(future)


def _wake(waiters: list[asyncio.Future[None]]) -> None:
    for future in waiters:
        if not future.done():
            future.set_result(None)
    waiters.clear()
