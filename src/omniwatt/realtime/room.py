"""What the parts of one session share: who serves it, what it was told, what was said, and the way to the client."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Protocol

from omniwatt import settings as settings_module
from omniwatt.contract.error import OmniwattError
from omniwatt.realtime import wire
from omniwatt.realtime.conversation import Conversation
from omniwatt.realtime.hearing import Serve
from omniwatt.realtime.live import Call
from omniwatt.realtime.tally import Tally
from omniwatt.realtime.values import Json, SessionSettings
from omniwatt.realtime.writing import Emit


@dataclass(frozen=True, slots=True)
class Services:
    """What a session uses of the server."""

    serve: Serve
    call: Call
    """One call of an engine group, by name."""
    window: Callable[[str], int]
    """A model's context window; 0 when it says none."""
    free: Callable[[str], bool]
    """Whether nobody waits for a model: only then is anything guessed."""
    check_voice: Callable[[str, str], None]
    """Raises VoiceNotFound for a voice the session's model cannot speak with."""
    describe: Callable[[OmniwattError], Json]
    """An error in OpenAI's words: type, code, message, param."""
    defect: Callable[[Exception], OmniwattError]
    """What may be said of a fault of ours."""
    limits: settings_module.Realtime


class Player(Protocol):
    """Plays a session's answers itself, where the client does not: it knows what was heard."""

    def heard_ms(self, item_id: str) -> float:
        """How much of an item's sound was played."""
        ...

    def left_s(self) -> float:
        """How long what is to be played will take."""
        ...

    def clear(self) -> None:
        """What was not played yet never is."""
        ...


@dataclass(slots=True)
class Room:
    """One session's."""

    services: Services
    settings: SessionSettings
    emit: Emit
    tally: Tally
    conversation: Conversation
    player: Player | None = None
    id: str = field(default_factory=lambda: wire.new_id("sess"))
    conversation_id: str = field(default_factory=lambda: wire.new_id("conv"))
    _letting_go: "set[asyncio.Task[None]]" = field(default_factory=set)

    @property
    def tells(self) -> bool:
        """Whether the client wants to read what was heard."""
        return self.settings.transcription is not None or self.settings.type == "transcription"

    def error(self, error: OmniwattError, event_id: str | None = None) -> None:
        """Tell the client what was wrong."""
        self.emit("error", error={**self.services.describe(error), "event_id": event_id})

    def later(self, work: Coroutine[Any, Any, None]) -> None:
        """Let go of something while the session goes on."""
        task = asyncio.create_task(work)
        self._letting_go.add(task)
        task.add_done_callback(self._letting_go.discard)

    async def settle(self) -> None:
        """Wait for all that is being let go of."""
        while self._letting_go:
            await asyncio.wait(self._letting_go)
