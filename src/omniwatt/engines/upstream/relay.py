"""One call's way to a provider: choose a channel, try, try again, go elsewhere; then read what comes."""

import asyncio
import contextlib
import logging
import random
from collections.abc import Iterable
from contextlib import aclosing
from typing import Any

import httpx2
import msgspec

from omniwatt.contract.error import (
    BadInput,
    ModelNotFound,
    OmniwattError,
    Overloaded,
    UnsupportedField,
    UpstreamFailed,
    UpstreamTimeout,
)
from omniwatt.contract.protocol import Context
from omniwatt.engines.upstream.asking import Json, amend, field_of
from omniwatt.engines.upstream.channels import WELL, Channel, Health, choose, name_sent, soonest_s
from omniwatt.engines.upstream.drawing import Files
from omniwatt.engines.upstream.faults import (
    Fault,
    Refusal,
    in_stream_status,
    judge,
    pause_s,
    read_refusal,
    scrub,
)
from omniwatt.engines.upstream.fetching import PICTURE_BYTES, Door
from omniwatt.engines.upstream.patience import Patience
from omniwatt.engines.upstream.sse import MAX_EVENT_BYTES, Events

MAX_BODY_BYTES = 64 * 1024 * 1024
MAX_ERROR_BYTES = 64 * 1024
MAX_REFUSED_FIELDS = 16
DONE = b"[DONE]"
log = logging.getLogger(__name__)


class Call(msgspec.Struct, frozen=True):
    """What is wanted of a provider. A `route` with a leading slash hangs on the server's root, others on its base.

    An `optional` route is one that few servers have: not having it is no failure.
    """

    model: str
    route: str
    asked: Json
    optional: bool = False
    files: Files = ()
    """With files the fields go as a multipart form."""
    event_bytes: int = MAX_EVENT_BYTES
    """The largest event of a streamed answer that is taken."""


class Reply:
    """A provider's answer being read; closing it closes the connection unless all of it was read."""

    def __init__(
        self, channel: Channel, response: httpx2.Response, patience: Patience, event_bytes: int = MAX_EVENT_BYTES
    ) -> None:
        self.channel = channel
        self.model = ""
        self.done = False
        self.streamed = "json" not in response.headers.get("content-type", "").lower()
        self._response = response
        self._patience = patience
        self._chunks = response.aiter_bytes()
        self._events = Events(event_bytes)
        self._ready: list[bytes] = []
        self._ended = False

    async def start(self) -> None:
        """Wait for the first event, or for the whole answer when it is not a stream. Raises Fault, OmniwattError."""
        if self.streamed:
            await self._more(self.channel.timeout_s)
            first = self._ready[0] if self._ready else b""
        else:
            first = await self.body()
            self._ready, self._ended, self.done = [first] if first else [], True, True
        if not self._ready:
            raise UpstreamFailed("The provider of this model answered with nothing.")
        if b'"error"' in first and (error := _error_in(first)) is not None:
            status = in_stream_status(error)
            raise judge(read_refusal(first, status), self._response.headers, self.channel)

    async def body(self, limit_bytes: int = MAX_BODY_BYTES) -> bytes:
        """All of it. Raises UpstreamFailed over the limit."""
        pieces: list[bytes] = []
        size_bytes = 0
        while piece := await self._read(self.channel.timeout_s):
            pieces.append(piece)
            size_bytes += len(piece)
            if size_bytes > limit_bytes:
                raise UpstreamFailed("The provider's answer is too large to take.")
        return b"".join(pieces)

    async def event(self, within_s: float) -> bytes | None:
        """The next event's data; None at the end, and `done` says whether it was a proper one."""
        if not self._ready and not self._ended:
            await self._more(within_s)
        if not self._ready:
            return None
        data = self._ready.pop(0)
        if data == DONE:
            self.done, self._ended, self._ready = True, True, []
            return None
        if b'"error"' in data and (error := _error_in(data)) is not None:
            raise self._broken(error, data)
        return data

    @property
    def in_time(self) -> bool:
        """The caller's own deadline has not passed."""
        return self._patience.left_s > 0

    async def drain(self) -> None:
        """Read the little that follows the end, so that the connection can serve the next call."""
        if self.streamed:
            try:
                while await self._read(0.05):
                    pass
            except UpstreamFailed:
                return

    async def aclose(self) -> None:
        await self._chunks.aclose()
        await self._response.aclose()

    async def _more(self, within_s: float) -> None:
        """Wait for at least one event or the end; pieces without one (comments, halves) renew the time limit."""
        while not self._ready and not self._ended:
            if piece := await self._read(within_s):
                self._ready = self._events.feed(piece)
            else:
                self._ended, self._ready = True, self._events.end()

    async def _read(self, within_s: float) -> bytes:
        """The next bytes; none at the end."""
        try:
            return await self._patience.wait(anext(self._chunks, b""), within_s, "go on with its answer")
        except httpx2.HTTPError:
            raise UpstreamFailed("The connection to the provider of this model broke off.") from None

    def _broken(self, error: Any, data: bytes) -> OmniwattError:
        """An error inside the stream: the caller's only if the provider says so."""
        refusal = read_refusal(data, in_stream_status(error))
        fault = judge(refusal, {}, self.channel)
        if isinstance(fault.error, BadInput):
            return fault.error
        log.warning("upstream channel %s: error %s inside a stream", self.channel.name, refusal.code or refusal.kind)
        return UpstreamFailed("The provider of this model failed in the middle of its answer.")


class Relay:
    """All channels, what is known of their health, and the connections to them."""

    def __init__(self, channels: tuple[Channel, ...], rng: random.Random) -> None:
        self._channels = channels
        self._rng = rng
        self._health: dict[str, Health] = {}
        self._refused: dict[tuple[str, str], list[str]] = {}
        """Fields that a channel's model refused once: not sent to it again."""
        self._client = httpx2.AsyncClient(
            trust_env=False,
            follow_redirects=False,
            limits=httpx2.Limits(max_connections=None, max_keepalive_connections=64, keepalive_expiry=30),
            headers={"user-agent": "omniwatt", "accept-encoding": "identity"},
        )
        self._door = Door(self._client)

    async def aclose(self) -> None:
        await self._client.aclose()

    def picture_sizes(self, model: str) -> tuple[str, ...]:
        """The sizes of pictures that every channel of this model that names any makes; none where none does."""
        named = [
            set(one.picture_sizes) for one in self._channels if one.picture_sizes and name_sent(one, model) is not None
        ]
        return tuple(sorted(set.intersection(*named))) if named else ()

    async def fetched(self, addresses: Iterable[str], channel: Channel, patience: Patience) -> dict[str, bytes]:
        """What lies at these addresses, one after the other. Raises UpstreamFailed."""
        found: dict[str, bytes] = {}
        for address in addresses:
            found[address] = await self._door.fetch(address, channel, patience)
            if sum(map(len, found.values())) > PICTURE_BYTES:
                raise UpstreamFailed("The provider's pictures are too large to take.")
        return found

    async def open(self, call: Call, patience: Patience, ctx: Context) -> Reply:
        """The first good answer of any channel that serves the model. Raises OmniwattError."""
        serving = [channel for channel in self._channels if name_sent(channel, call.model) is not None]
        if not serving:
            raise ModelNotFound(f"The model `{call.model}` is not relayed anywhere.", param="model")
        tried: set[str] = set()
        last: OmniwattError | None = None
        while channel := choose(serving, self._health, self._now_s(), self._rng, tried):
            tried.add(channel.name)
            try:
                return await self._persist(channel, call, patience, ctx)
            except Fault as fault:
                last = fault.error
                if not fault.elsewhere:
                    break
        raise last or self._all_cooling(serving)

    def ended(self, reply: Reply, *, well: bool) -> None:
        """An answer that was being passed on came to its end, or broke off: that counts against the channel."""
        if well:
            self._health[reply.channel.name] = WELL
        elif reply.in_time:
            self._health[reply.channel.name] = self._of(reply.channel).failed(self._now_s())

    async def _persist(self, channel: Channel, call: Call, patience: Patience, ctx: Context) -> Reply:
        """Attempts on one channel; a channel on probation gets one. Raises Fault when they are used up."""
        attempts = 1 if self._of(channel).suspect else channel.retries + 1
        self._health[channel.name] = self._of(channel).claimed()
        try:
            for attempt in range(attempts):
                await ctx.astep("relay", 1)
                try:
                    return await self._adapt(channel, call, patience)
                except Fault as fault:
                    self._note(channel, fault)
                    wait_s = pause_s(attempt, fault.error.retry_after_s, self._rng)
                    if attempt == attempts - 1 or not fault.retry or wait_s is None or wait_s >= patience.left_s:
                        raise
                await patience.sleep(wait_s)
        finally:
            self._health[channel.name] = self._of(channel).released()
        raise AssertionError("unreachable: the last attempt returns or raises")

    async def _adapt(self, channel: Channel, call: Call, patience: Patience) -> Reply:
        """One attempt, repeated without the fields that this model's provider turns out not to take."""
        sent = name_sent(channel, call.model) or call.model
        asked = {"model": sent} | call.asked
        refused = self._refused.setdefault((channel.name, sent), [])
        for field in refused:
            asked = amend(asked, Refusal(param=field, status=400)) or asked
        while True:
            try:
                reply = await self._attempt(channel, call, asked, patience)
            except Fault as fault:
                amended = amend(asked, fault.refusal) if fault.refusal is not None else None
                if amended is None or fault.refusal is None or len(refused) >= MAX_REFUSED_FIELDS:
                    raise
                asked = amended
                refused.append(field_of(fault.refusal))
            else:
                reply.model = sent
                return reply

    async def _attempt(self, channel: Channel, call: Call, asked: Json, patience: Patience) -> Reply:
        at_root = call.route.startswith("/")
        request = self._client.build_request(
            "POST",
            f"{channel.root}{call.route}" if at_root else f"{channel.base}/{call.route}",
            **_content(asked, call.files),
            headers=_headers(channel, json=not call.files),
            timeout=httpx2.Timeout(channel.timeout_s, connect=channel.connect_timeout_s),
        )
        async with contextlib.AsyncExitStack() as unless_good:
            try:
                sending = self._client.send(request, stream=True)
                response = await patience.wait(sending, channel.timeout_s, "begin to answer")
                reply = Reply(channel, response, patience, call.event_bytes)
                await unless_good.enter_async_context(aclosing(reply))
                await _begin(reply, response, call)
            except (httpx2.HTTPError, UpstreamFailed) as error:
                raise _fault_of(error, patience) from None
            unless_good.pop_all()
        self._health[channel.name] = self._of(channel).answered() if reply.streamed else WELL
        return reply

    def _note(self, channel: Channel, fault: Fault) -> None:
        """Keep the channel's health, and tell the operator: names and numbers, never the provider's words."""
        if fault.blameless:
            return
        health, now_s = self._of(channel), self._now_s()
        if fault.throttled:
            self._health[channel.name] = health.throttled(now_s, fault.error.retry_after_s or 1.0)
        else:
            self._health[channel.name] = health.failed(now_s)
        refusal = fault.refusal or Refusal(status=0)
        log.warning(
            "upstream channel %s: %s, status %d, code %s, %d failures in a row",
            channel.name,
            fault.error.code,
            refusal.status,
            scrub(refusal.code or refusal.kind or "-", channel)[:80],
            self._of(channel).failures,
        )

    def _all_cooling(self, serving: list[Channel]) -> OmniwattError:
        wait_s = soonest_s(serving, self._health, self._now_s())
        if any(self._of(channel).limited for channel in serving):
            return Overloaded("The provider of this model is limiting our rate.", retry_after_s=wait_s)
        return UpstreamFailed("The provider of this model is failing; it is tried again soon.", retry_after_s=wait_s)

    def _of(self, channel: Channel) -> Health:
        return self._health.get(channel.name, WELL)

    @staticmethod
    def _now_s() -> float:
        return asyncio.get_running_loop().time()


async def _begin(reply: Reply, response: httpx2.Response, call: Call) -> None:
    """Wait for the first event. Raises Fault for an error status, OmniwattError for anything else."""
    if response.status_code == 200:
        await reply.start()
        return
    if call.optional and response.status_code == 404:
        raise Fault(UnsupportedField("The provider of this model cannot do this.", param="model"), blameless=True)
    body = await reply.body(MAX_ERROR_BYTES)
    status = response.status_code if response.status_code >= 400 else 502
    raise judge(read_refusal(body, status), response.headers, reply.channel)


def _fault_of(error: httpx2.HTTPError | UpstreamFailed, patience: Patience) -> Fault:
    """What failed before anything was passed on. When the caller's deadline has passed, nobody is to blame."""
    if isinstance(error, httpx2.TimeoutException):
        error = UpstreamTimeout("The provider of this model could not be reached in time.")
    elif isinstance(error, httpx2.HTTPError):
        error = UpstreamFailed("The provider of this model cannot be reached.")
    in_time = patience.left_s > 0
    return Fault(error, retry=in_time, elsewhere=in_time, blameless=not in_time)


def _headers(channel: Channel, *, json: bool) -> dict[str, str]:
    kind = {"content-type": "application/json"} if json else {}
    return kind | ({"authorization": f"Bearer {channel.api_key}"} if channel.api_key else {})


def _content(asked: Json, files: Files) -> dict[str, Any]:
    """What the client library takes: JSON, or the fields of a form and its files."""
    if not files:
        return {"content": msgspec.json.encode(asked)}
    fields = {
        name: value if isinstance(value, str) else msgspec.json.encode(value).decode() for name, value in asked.items()
    }
    return {"data": fields, "files": list(files)}


def _error_in(data: bytes) -> Any:
    """What an event says went wrong, or None: the word may also stand in a text."""
    try:
        tree = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    error = tree.get("error") if isinstance(tree, dict) else None
    return error or None
