"""A session's WebRTC call: what the session says goes to the peer's data channel, what it speaks to the peer's ears."""

import asyncio
import base64
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from omniwatt.contract.error import EngineFailed, OmniwattError
from omniwatt.contract.event import Chunk, Event, Fact
from omniwatt.contract.job import Job
from omniwatt.contract.request import DataBody
from omniwatt.realtime.live import Call, Feed
from omniwatt.realtime.outbox import Outbox, encode
from omniwatt.realtime.values import BYTES_PER_MS
from omniwatt.realtime.wire import new_id

GROUP = "rtc"
FRAME_BYTES = 64 * 1024
"""Sound goes in pieces this large at most."""
HANG_UP_S = 2.0
SAID = {name: f"output_audio_buffer.{name}" for name in ("started", "stopped", "cleared")}


class Phone:
    """Make one, `answer`, then read `events` until the peer has hung up; `close` it whatever happens.

    It is the session's outbox (`say`) and its player (`heard_ms`, `left_s`, `clear`).
    """

    def __init__(self, call: Call, call_id: str, offer: str, options: dict[str, object]) -> None:
        self._feed = Feed()
        job = Job(id=call_id, capability="live", model=GROUP, body=DataBody(text=offer, options=options))
        self._events = call(GROUP, job, self._feed)
        self._beside: list[Outbox] = []
        self._message_limit = 0
        self._sent_ms = 0.0
        self._played: dict[str, float] = {}
        """Item -> how many ms of it were played; the items of the answer under way and the one before."""
        self._cleared_at_ms = 0.0

    async def answer(self) -> str:
        """The SDP answer. Raises BadInput for an offer that has none, EngineFailed."""
        event = await anext(self._events, None)
        if not isinstance(event, Fact) or "answer" not in event.values:
            raise EngineFailed("The call could not be answered.")
        self._message_limit = int(event.values["message_limit"])
        return str(event.values["answer"])

    async def connected(self) -> bool:
        """Wait for the peer; False when it does not come. What it says from now on is in `events`."""
        async for event in self._events:
            if isinstance(event, Fact) and "connected" in event.values:
                return True
        return False

    async def events(self) -> AsyncIterator[Event]:
        """Data: what the peer says; Fact with `message`: what it writes. What was played is noted on the way."""
        async for event in self._events:
            if isinstance(event, Fact):
                self._note(event)
            yield event

    async def close(self) -> None:
        """Hang up; what was said before still goes out."""
        self._feed.end()
        with suppress(TimeoutError, OmniwattError):
            async with asyncio.timeout(HANG_UP_S):
                async for _ in self._events:
                    pass
        await self._events.aclose()

    @contextmanager
    def beside(self, outbox: Outbox) -> Iterator[None]:
        """Have `outbox` told all that the peer is told."""
        self._beside.append(outbox)
        try:
            yield
        finally:
            self._beside.remove(outbox)

    # --- the session's outbox

    def say(self, kind: str, **fields: Any) -> None:
        """One event; sound is played instead of written."""
        if kind == "response.output_audio.delta":
            self._play(f"{fields['response_id']} {fields['item_id']}", base64.b64decode(fields["delta"]))
            return
        text = encode({"type": kind, "event_id": new_id("event"), **fields}).decode()
        if len(text.encode()) > self._message_limit:
            text = self._too_long(kind).decode()
        self._feed.put_now(Chunk(text=text, control="tell"))
        for outbox in self._beside:
            outbox.say(kind, **fields)
        if kind == "response.done":
            self._feed.put_now(Chunk(text=fields["response"]["id"], control="end"))

    # --- the session's player

    def heard_ms(self, item_id: str) -> float:
        """How much of an item's sound was played."""
        return self._played.get(item_id, 0.0)

    def left_s(self) -> float:
        """How long what was sent will still be played."""
        return max(0.0, self._sent_ms - sum(self._played.values())) / 1000

    def clear(self) -> None:
        """What was not played yet never is."""
        self._feed.put_now(Chunk(control="clear"))
        self._sent_ms = sum(self._played.values())

    # --- inside

    def _too_long(self, kind: str) -> bytes:
        message = f"A '{kind}' is larger than the {self._message_limit} bytes your data channel takes."
        error = {"type": "invalid_request_error", "code": "message_too_large", "message": message, "param": None}
        return encode({"type": "error", "event_id": new_id("event"), "error": error | {"event_id": None}})

    def _play(self, name: str, sound: bytes) -> None:
        self._sent_ms += len(sound) / BYTES_PER_MS["audio/pcm"]
        for place in range(0, len(sound), FRAME_BYTES):
            self._feed.put_now(Chunk(data=sound[place : place + FRAME_BYTES], text=name, control="play"))

    def _note(self, event: Fact) -> None:
        if "played" in event.values:
            item, ms = event.values["played"]
            self._played[str(item)] = float(ms)
            return
        for name, kind in SAID.items():
            if name in event.values:
                self.say(kind, response_id=event.values[name])
