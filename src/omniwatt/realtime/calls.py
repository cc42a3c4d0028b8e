"""The WebRTC calls that are open: each runs in a task of its own, beside the request that began it."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from omniwatt.contract.error import BadInput, NotFound, OmniwattError
from omniwatt.contract.job import Caller
from omniwatt.realtime.phone import Phone
from omniwatt.realtime.session import Session
from omniwatt.realtime.values import Append, ClientEvent, ResponseCreate, ResponseSettings, SessionSettings, Update


class OpenCall:
    """One call. Whoever takes part, the peer or somebody beside it, is handled one event at a time."""

    def __init__(self, call_id: str, caller: Caller, phone: Phone) -> None:
        self.id = call_id
        self.caller = caller
        self.phone = phone
        self.session: Session | None = None
        self.begun = asyncio.Event()
        """Set when there is a session, or never will be one."""
        self.over = asyncio.Event()
        self._turn = asyncio.Lock()
        self._full = False

    async def start(self) -> None:
        """Nothing: the call has begun before anybody joins it."""

    async def handle(self, event: ClientEvent) -> None:
        """One event. Raises OmniwattError for what is wrong with it."""
        session = self.session
        if session is None:
            return
        async with self._turn:
            await session.handle(_as_in_a_call(event))

    async def hear(self, sound: bytes) -> None:
        """What the peer says. Of a full buffer it is told once, not fifty times a second."""
        try:
            await self.handle(Append(sound))
            self._full = False
        except OmniwattError as error:
            if not self._full:
                self.error(error)
            self._full = True

    def error(self, error: OmniwattError, event_id: str | None = None) -> None:
        """Tell all who take part what was wrong."""
        if self.session is not None:
            self.session.error(error, event_id)


class Calls:
    """Lives on one event loop. `close` hangs up on everybody."""

    def __init__(self) -> None:
        self._open: dict[str, OpenCall] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def begin(self, call: OpenCall, work: Coroutine[Any, Any, None]) -> None:
        """Run `work`, which is the call; its end is the end of the call."""
        self._open[call.id] = call
        task = self._tasks[call.id] = asyncio.create_task(work)
        task.add_done_callback(lambda _: self._ended(call.id))

    def find(self, call_id: str, caller: Caller) -> OpenCall:
        """A call of the caller's project. Raises NotFound."""
        call = self._open.get(call_id)
        if call is None or call.caller.project != caller.project:
            raise NotFound(f"No call found with id '{call_id[:100]}'.", param="call_id", code="call_not_found")
        return call

    async def hang_up(self, call: OpenCall) -> None:
        """End a call; nothing of it is left when this returns."""
        task = self._tasks.get(call.id)
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    async def close(self) -> None:
        """Hang up on everybody."""
        await asyncio.gather(*(self.hang_up(call) for call in list(self._open.values())))

    def _ended(self, call_id: str) -> None:
        del self._open[call_id], self._tasks[call_id]


def _as_in_a_call(event: ClientEvent) -> ClientEvent:
    """A call's sound is its tracks': no event may ask for another form."""
    match event:
        case Update(change=change):
            return Update(lambda now: checked(change(now)), event.event_id)
        case ResponseCreate(read=read):
            return ResponseCreate(lambda now: _checked_response(read(now)), event.event_id)
    return event


def checked(settings: SessionSettings) -> SessionSettings:
    """The settings of a session that is a call. Raises BadInput."""
    for name, given in (("input", settings.input_format), ("output", settings.output_format)):
        if given != "audio/pcm":
            raise _foreign_form(f"session.audio.{name}.format")
    return settings


def _checked_response(own: ResponseSettings) -> ResponseSettings:
    if own.output_format not in (None, "audio/pcm"):
        raise _foreign_form("response.audio.output.format")
    return own


def _foreign_form(param: str) -> BadInput:
    return BadInput("The form of a WebRTC call's sound is agreed on in its SDP; leave this at audio/pcm.", param=param)
