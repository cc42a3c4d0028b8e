"""Events -> one JSON body, or server-sent events. The first event comes before the headers; a client gone is noticed.

Whatever happens, the event generator is closed before these functions return: its slot is free by then.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from typing import Any, Protocol, runtime_checkable

import msgspec
from starlette.types import Send

from omniwatt.api import errors
from omniwatt.api.errors import Header
from omniwatt.api.exchange import JSON, Exchange
from omniwatt.contract.error import Cancelled, EngineFailed
from omniwatt.contract.event import EMPTY, Chunk, Data, Event, Finished, Progress, Started
from omniwatt.contract.request import Request

log = logging.getLogger("omniwatt.api")

DONE = b"data: [DONE]\n\n"
PING = b": ping\n\n"
PING_S = 10.0
"""A stream silent for one to two such periods gets a comment, so that no proxy takes it for dead."""
STALL_TICKS = 6
SSE = b"text/event-stream; charset=utf-8"
SSE_HEADERS: tuple[Header, ...] = ((b"cache-control", b"no-cache"), (b"x-accel-buffering", b"no"))

LIMIT_HEADERS = tuple(
    (key.format(kind), f"x-ratelimit-{what}-{kind}".encode())
    for kind in ("requests", "tokens")
    for what, key in (("limit", "limit_{}"), ("remaining", "remaining_{}"), ("reset", "reset_{}_s"))
)

WAITED_S = 0.05
"""A wait in the queue that is worth a header."""

encode_json = msgspec.json.Encoder().encode


STALL_S = PING_S * STALL_TICKS
"""A client that takes nothing for so long is given up."""
HELD_BYTES = 8 * 1024 * 1024
"""Of an answer that may be huge so much is held back, so that a fault before that is a plain HTTP error."""

Through = Callable[[AsyncGenerator[Event]], AsyncGenerator[Event]]
"""What the events of an answer pass through before they are encoded; closing it closes what it was given."""


class Encoder(Protocol):
    """Turns one answer's events into the bytes of a stream. One object per answer."""

    def start(self, started: Started) -> bytes:
        """What goes out together with the first event."""
        ...

    def event(self, event: Event) -> bytes:
        """One event's bytes; b"" sends nothing. Never called for Started, Progress and Finished."""
        ...

    async def end(self, finished: Finished) -> bytes:
        """The last bytes. The slot is free already, and the ledger row written."""
        ...

    def error(self, error: dict[str, Any]) -> bytes:
        """An error after the headers were sent; `error` is OpenAI's error body. Nothing follows it."""
        ...


@runtime_checkable
class Reporting(Encoder, Protocol):
    """An encoder that says how far long work is, too."""

    def progress(self, progress: Progress) -> bytes:
        """One Progress event's bytes, after the first real event; b"" sends nothing."""
        ...


def sse(value: Any, name: str = "") -> bytes:
    """One server-sent event: `data: JSON`, with an `event: NAME` line before it when named."""
    head = f"event: {name}\ndata: ".encode() if name else b"data: "
    return head + encode_json(value) + b"\n\n"


async def whole(
    exchange: Exchange,
    request: Request,
    make: Callable[[Started, list[Event], Finished], Any],
    inputs: AsyncIterator[Chunk] = EMPTY,
) -> Any:
    """Run `request` to its end and return `make(started, events, finished)`; the caller sends it.

    Sets the rate-limit headers. Raises OmniwattError, Cancelled when the client left.
    """
    started: Started | None = None
    finished: Finished | None = None
    events: list[Event] = []
    async with exchange.client_watch(), aclosing(_serve(exchange, request, inputs)) as stream:
        async for event in stream:
            if isinstance(event, Started):
                started = event
            elif isinstance(event, Finished):
                finished = event
            elif not isinstance(event, Progress):
                events.append(event)
    if started is None or finished is None:
        raise EngineFailed("The engine stopped without an end.")
    exchange.extra_headers += started_headers(started)
    return make(started, events, finished)


async def streamed(
    exchange: Exchange,
    request: Request,
    encoder: Encoder,
    inputs: AsyncIterator[Chunk] = EMPTY,
    through: Through | None = None,
) -> None:
    """Answer `request` as server-sent events. Errors before the first real event are raised: plain HTTP errors."""
    async with exchange.client_watch() as watch:
        async with aclosing(_through(_serve(exchange, request, inputs), through)) as stream:
            started, first = await _first(stream)
            exchange.extra_headers += started_headers(started)
            await exchange.begin(SSE, SSE_HEADERS)
            watch.start()
            with Pinger(exchange.send, watch.give_up) as pinger:
                last = await _body(exchange, encoder, started, first, stream, pinger)
        await exchange.send({"type": "http.response.body", "body": last})


async def raw(exchange: Exchange, request: Request, media_type: bytes, inputs: AsyncIterator[Chunk] = EMPTY) -> None:
    """Answer `request` with the bytes of its Data, as they come. Errors before the first of them are raised.

    A later fault cannot be said in such an answer: it is raised too, and the connection ends in the middle of it.
    """
    async with exchange.client_watch() as watch:
        async with aclosing(_serve(exchange, request, inputs)) as stream:
            started, event = await _first(stream)
            exchange.extra_headers += started_headers(started) + energy_headers(started.expected_j, "estimated")
            await exchange.begin(media_type, ((b"x-accel-buffering", b"no"),))
            watch.start()
            finished = await _send_data(exchange, event)
            async for event in stream:
                finished = await _send_data(exchange, event)
            if not finished:
                raise EngineFailed("The engine stopped without an end.")
        await exchange.send({"type": "http.response.body", "body": b""})


async def buffered(
    exchange: Exchange,
    request: Request,
    encoder: Encoder,
    media_type: bytes = JSON,
    held_bytes: int = HELD_BYTES,
    through: Through | None = None,
) -> None:
    """Answer `request` with the encoder's bytes: whole and with their length, or, beyond `held_bytes`, as they come.

    What is raised before anything was sent is a plain HTTP error; later the connection ends in the middle of the body.
    """
    held = bytearray()
    async with exchange.client_watch() as watch:
        async with aclosing(_through(_serve(exchange, request, EMPTY), through)) as stream:
            finished: Finished | None = None
            expected_j: float | None = None
            async for event in stream:
                if isinstance(event, Started):
                    exchange.extra_headers += started_headers(event)
                    expected_j = event.expected_j
                    held += encoder.start(event)
                elif isinstance(event, Finished):
                    finished = event
                elif not isinstance(event, Progress):
                    held += encoder.event(event)
                if len(held) > held_bytes:
                    if not exchange.answering:
                        exchange.extra_headers += energy_headers(expected_j, "estimated")
                        await exchange.begin(media_type, ((b"x-accel-buffering", b"no"),))
                        watch.start()
                    await _send_piece(exchange, bytes(held))
                    held.clear()
        if finished is None:
            raise EngineFailed("The engine stopped without an end.")
        held += await encoder.end(finished)
        if exchange.answering:
            await exchange.send({"type": "http.response.body", "body": bytes(held)})
    if not exchange.answering:
        taken = finished.usage.energy or {}
        exchange.extra_headers += energy_headers(taken.get("energy_joules"), taken.get("method", ""))
        await exchange.reply(bytes(held), media_type=media_type)


def _through(events: AsyncGenerator[Event], through: "Through | None") -> AsyncGenerator[Event]:
    return through(events) if through is not None else events


async def _send_data(exchange: Exchange, event: Event) -> bool:
    """Send what an event brings; True for the end. Raises Cancelled when the client does not take it."""
    if isinstance(event, Data) and event.data:
        await _send_piece(exchange, event.data)
    return isinstance(event, Finished)


async def _send_piece(exchange: Exchange, piece: bytes) -> None:
    try:
        async with asyncio.timeout(STALL_S):
            await exchange.send({"type": "http.response.body", "body": piece, "more_body": True})
    except TimeoutError:
        raise Cancelled("The client stopped reading the answer.") from None


async def _body(
    exchange: Exchange,
    encoder: Encoder,
    started: Started,
    first: Event,
    stream: AsyncIterator[Event],
    pinger: "Pinger",
) -> bytes:
    """Send everything but the last bytes, which are returned: an end, or an error in the stream."""
    send = exchange.send
    report = encoder.progress if isinstance(encoder, Reporting) else _unreported
    try:
        pending = encoder.start(started)
        finished = first if isinstance(first, Finished) else None
        if finished is None:
            pending += encoder.event(first)
        await send({"type": "http.response.body", "body": pending, "more_body": True})
        async for event in stream:
            if isinstance(event, Finished):
                finished = event
            elif piece := report(event) if isinstance(event, Progress) else encoder.event(event):
                await send({"type": "http.response.body", "body": piece, "more_body": True})
                pinger.quiet = False
        if finished is None:
            raise EngineFailed("The engine stopped without an end.")
        return await encoder.end(finished)
    except Exception as error:  # noqa: BLE001 - the headers are out: every fault must be said inside the stream
        fault = errors.from_exception(error, exchange.request_id)
        return encoder.error(errors.body(fault))


def _unreported(_: Progress) -> bytes:
    return b""


async def _first(stream: AsyncIterator[Event]) -> tuple[Started, Event]:
    started: Started | None = None
    async for event in stream:
        if isinstance(event, Started):
            started = event
        elif started is not None and not isinstance(event, Progress):
            return started, event
    raise EngineFailed("The engine stopped without an answer.")


def _serve(exchange: Exchange, request: Request, inputs: AsyncIterator[Chunk]) -> Any:
    exchange.served = True
    return exchange.parts.pipeline.serve(request, exchange.caller, inputs)


class Pinger:
    """Sends a comment when nothing was sent for a while: set `quiet` to False at each sending.

    A reader that takes nothing for STALL_TICKS periods is given up: it would hold its slot for ever.
    """

    __slots__ = ("_give_up", "_loop", "_send", "_sending", "_stalled", "_timer", "quiet")

    def __init__(self, send: Send, give_up: Callable[[], None]) -> None:
        self.quiet = True
        self._send = send
        self._give_up = give_up
        self._loop = asyncio.get_running_loop()
        self._sending: asyncio.Task[None] | None = None
        self._stalled = 0

    def __enter__(self) -> "Pinger":
        self._timer = self._loop.call_later(PING_S, self._tick)
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        if self._sending is not None:
            self._sending.cancel()

    def _tick(self) -> None:
        self._timer = self._loop.call_later(PING_S, self._tick)
        if self._sending is not None and not self._sending.done():
            self._stalled += 1
            if self._stalled >= STALL_TICKS:
                self._give_up()
        elif self.quiet:
            self._stalled = 0
            self._sending = self._loop.create_task(self._ping())
        self.quiet = True

    async def _ping(self) -> None:
        await self._send({"type": "http.response.body", "body": PING, "more_body": True})


def started_headers(started: Started) -> list[Header]:
    """What is known before the first byte: limits, how long it waited, what became less or slower for want of watts."""
    found = rate_limit_headers(started.rate_limits)
    if started.queue_s >= WAITED_S:
        found.append((b"x-omniwatt-queue-ms", b"%d" % round(started.queue_s * 1000)))
    if started.degraded:
        said = ", ".join(f"{name}={value}" for name, value in started.degraded.items())
        found.append((b"x-omniwatt-degraded", f"{said}; reason=power-budget".encode()))
    if started.power_share < 1.0:
        found.append((b"x-omniwatt-power-share", f"{started.power_share:.2f}".encode()))
    return found


def energy_headers(joules: float | None, method: str) -> list[Header]:
    """What an answer takes, for those whose body has no place for it: known at its end, before that expected."""
    if joules is None:
        return []
    return [(b"x-energy-joules", f"{joules:.4g}".encode()), (b"x-energy-method", method.encode())]


def rate_limit_headers(limits: dict[str, Any]) -> list[Header]:
    """`x-ratelimit-*` from what Started says of the caller's limits; absent ones are left out."""
    if not limits:
        return []
    found: list[Header] = []
    for key, name in LIMIT_HEADERS:
        value = limits.get(key)
        if value is not None:
            found.append((name, duration(value).encode() if key.endswith("_s") else b"%d" % value))
    return found


def duration(seconds: float) -> str:
    """A duration as OpenAI writes it: `20ms`, `1.5s`, `6m0s`, `1h2m3s`."""
    if seconds < 1:
        return f"{max(0, round(seconds * 1000))}ms"
    minutes, rest_s = divmod(seconds, 60)
    if minutes < 1:
        return f"{round(rest_s, 3):g}s"
    hours, minutes = divmod(int(minutes), 60)
    head = f"{hours}h{minutes}m" if hours else f"{minutes}m"
    return f"{head}{int(rest_s)}s"
