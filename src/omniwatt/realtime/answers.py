"""The answers of one session: asked for or guessed, one at a time in the conversation, a few beside it."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from omniwatt.contract.error import BadInput, Conflict, OmniwattError
from omniwatt.contract.event import EMPTY, Finished
from omniwatt.contract.guess import Guess
from omniwatt.contract.request import Message, TextPart
from omniwatt.realtime import conversation as talk
from omniwatt.realtime import wire
from omniwatt.realtime.answer import Answer, Wanted, Why, wanted
from omniwatt.realtime.conversation import Entry
from omniwatt.realtime.room import Room
from omniwatt.realtime.scribe import Scribe, written
from omniwatt.realtime.served import Served
from omniwatt.realtime.values import Item, ItemPart, ItemTruncate, ResponseCancel, ResponseSettings, SessionSettings

UNHEARD_MS = 20
"""So little of an answer's end is no word: what a player has not reported yet when all has been heard."""


@dataclass(frozen=True, slots=True)
class Guessed:
    """A whole answer made ahead, and what it was made from: if that changes, it is no longer right."""

    served: Served
    version: int
    settings: SessionSettings


class Answers:
    """`on_rest` is called when an answer is over, and when one begins."""

    def __init__(self, room: Room, scribe: Scribe, on_rest: Callable[[], None]) -> None:
        self._room = room
        self._scribe = scribe
        self._on_rest = on_rest
        self._beside: dict[str, Answer] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._playing: Answer | None = None
        """The spoken answer the user is probably still listening to."""
        self._clock = asyncio.get_running_loop().time
        self.current: Answer | None = None

    async def close(self) -> None:
        """Stop them all."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def respond(self, own: ResponseSettings, guessed: Served | None = None) -> None:
        """Begin an answer. Raises OmniwattError for one that cannot be."""
        room = self._room
        limits = room.services.limits
        if room.settings.type != "realtime":
            raise BadInput("A transcription session answers nothing.", param="type")
        if not own.out_of_band and self.current is not None:
            raise Conflict(
                f"Conversation already has an active response in progress: {self.current.id}. "
                "Wait until the response is finished before creating a new one.",
                code="conversation_already_has_active_response",
            )
        if own.out_of_band and len(self._beside) >= limits.responses:
            raise Conflict(f"At most {limits.responses} responses run at once beside the conversation.")
        if own.voice is not None:
            room.services.check_voice(own.voice, room.settings.model)
        entries = self._context(own)
        answer = self._answer(wanted(room.settings, own))
        if own.out_of_band:
            self._beside[answer.id] = answer
        else:
            self.current, self._playing = answer, None
            self._on_rest()
        room.tally.responses += 1
        task = self._tasks[answer.id] = asyncio.create_task(self._run(answer, entries, guessed))
        if guessed is not None:
            # A task that is stopped before it began lets go of nothing.
            task.add_done_callback(lambda _: room.later(guessed.close()))

    def guess(self, text: str) -> Guessed | None:
        """Answer what was just said as if it were all; None where that must not be."""
        room = self._room
        if not text or self.current is not None or self._crowded():
            return None
        entries = room.conversation.entries
        if not all(map(_is_written, entries)):
            return None
        want = wanted(room.settings, ResponseSettings())
        said = Item("", "message", "user", (ItemPart("input_audio", text),))
        try:
            messages = self._messages(want, [*(entry.item for entry in entries), said])
        except OmniwattError:
            return None
        guess = Guess()
        request = want.request(wire.new_id("req"), messages, tier="flex")
        served = Served(room.services.serve(request, EMPTY, guess), guess, self._crowded)
        room.tally.guesses += 1
        return Guessed(served, room.conversation.version, room.settings)

    def warm(self, said: str = "") -> "asyncio.Task[None] | None":
        """While the user still speaks: have the model read all that comes before, and what they have `said` so far.
        None where it is not known what is to be read, or others wait."""
        room = self._room
        entries = room.conversation.entries
        if self.current is not None or self._crowded() or not all(map(_is_written, entries)):
            return None
        want = wanted(room.settings, ResponseSettings())
        try:
            messages = self._messages(want, [entry.item for entry in entries])
        except OmniwattError:
            return None
        guess = Guess()
        user = Message("user", (TextPart(said),) if said else ())
        request = want.warming(wire.new_id("req"), (*messages, user))
        served = Served(room.services.serve(request, EMPTY, guess), guess, self._crowded)
        return asyncio.create_task(self._drained(served))

    async def discard(self, served: Served) -> None:
        """Something made ahead is not wanted."""
        await served.close()
        if not served.confirmed:
            self._room.tally.discard(served.spent)

    def right(self, guessed: Guessed) -> bool:
        """Whether nothing has changed since."""
        now = (self._room.conversation.version, self._room.settings)
        return not guessed.served.over and now == (guessed.version, guessed.settings) and self.current is None

    def cancel(self, event: ResponseCancel) -> None:
        """What the client asks for. Raises BadInput when there is nothing to cancel."""
        answer = self._beside.get(event.response_id or "")
        if self.current is not None and event.response_id in (None, self.current.id):
            answer = self.current
        if answer is None:
            raise BadInput("Cancellation failed: no active response found", code="response_cancel_not_active")
        self._stop(answer, "client_cancelled")

    def interrupt(self, why: Why = "turn_detected") -> None:
        """The user speaks up: the answer stops, and what was not heard of it was never said."""
        if self._room.player is not None:
            self._room.player.clear()
        answer, self._playing = self.current or self._playing, None
        if answer is None:
            return
        if answer is self.current:
            self._stop(answer, why)
        writing = answer.writing
        entry = writing.message
        if entry is None or answer.want.modality != "audio" or entry not in self._room.conversation.entries:
            return
        heard_ms = self._heard_ms(answer, entry)
        if heard_ms < entry.audio_ms - UNHEARD_MS:
            self._cut(entry, heard_ms)

    def truncate(self, event: ItemTruncate) -> None:
        """What the client says was heard. Raises OmniwattError."""
        entry = self._room.conversation.find(event.item_id)
        if event.content_index != 0:
            raise BadInput("Spoken answers have one part: content_index is 0.", param="content_index")
        if self.current is not None and self.current.writing.message is entry:
            raise Conflict("The answer is still being made; cancel it first.", param="item_id")
        self._cut(entry, float(event.audio_end_ms))

    def _heard_ms(self, answer: Answer, entry: Entry) -> float:
        """A client that plays is taken to have begun with the first sound."""
        if self._room.player is not None:
            return self._room.player.heard_ms(entry.item.id)
        first_s = answer.writing.first_sound_s
        return 0.0 if first_s is None else (self._clock() - first_s) * 1000

    def playing_s(self) -> float:
        """How long the last answer will still be listened to."""
        if self._room.player is not None:
            return self._room.player.left_s()
        if self._playing is None or self._playing.writing.first_sound_s is None:
            return 0.0
        writing = self._playing.writing
        return max(0.0, (writing.first_sound_s or 0.0) + writing.audio_ms / 1000 - self._clock())

    def _crowded(self) -> bool:
        return not self._room.services.free(self._room.settings.model)

    def _answer(self, want: Wanted) -> Answer:
        room = self._room
        return Answer(
            want,
            room.emit,
            None if want.out_of_band else room.conversation.insert,
            room.services.call,
            session_id=room.id,
            conversation_id=None if want.out_of_band else room.conversation_id,
            describe=room.services.describe,
            clock=self._clock,
        )

    def _context(self, own: ResponseSettings) -> list[Entry]:
        """The items a response is made from."""
        conversation = self._room.conversation
        if own.input is None:
            return list(conversation.entries)
        return [conversation.find(one, "input") if isinstance(one, str) else Entry(one) for one in own.input]

    async def _run(self, answer: Answer, entries: list[Entry], guessed: Served | None) -> None:
        try:
            served = guessed or await self._asked(answer, entries)
            if served is not None:
                await answer.run(served)
        except OmniwattError as error:
            answer.fail(error)
        except Exception as error:  # noqa: BLE001 - a defect ends the response, never the session
            answer.fail(self._room.services.defect(error))
        finally:
            self._tasks.pop(answer.id, None)
            self._over(answer)

    async def _asked(self, answer: Answer, entries: list[Entry]) -> Served | None:
        """Not guessed: wait for the words, then ask."""
        await written(entries)
        for entry in entries:
            if any(part.audio for part in entry.item.content):
                await self._scribe.hear_item(entry, entry.item)
        if answer.over:
            return None
        messages = self._messages(answer.want, [entry.item for entry in entries])
        request = answer.want.request(wire.new_id("req"), messages)
        return Served(self._room.services.serve(request, EMPTY, None))

    def _messages(self, want: Wanted, items: list[Item]) -> tuple[Message, ...]:
        found = talk.messages(want.instructions, items)
        return talk.fitting(found, self._room.services.window(want.model), self._room.settings.truncation)

    def _over(self, answer: Answer) -> None:
        self._beside.pop(answer.id, None)
        if self.current is answer:
            self.current = None
        heard = answer.writing.first_sound_s is not None and not answer.stopped
        if heard and not answer.want.out_of_band:
            self._playing = answer
        self._on_rest()

    def _stop(self, answer: Answer, why: Why) -> None:
        answer.stop(why)
        if self.current is answer:
            self.current = None
        self._beside.pop(answer.id, None)
        task = self._tasks.pop(answer.id, None)
        if task is not None:
            self._room.later(ended(task))

    async def _drained(self, served: Served) -> None:
        """Let it do its work, and nothing come of it."""
        try:
            async for event in served:
                if isinstance(event, Finished):
                    return
        except OmniwattError:
            # It was only a help: the request that counts will say what is wrong.
            return
        finally:
            await self.discard(served)

    def _cut(self, entry: Entry, heard_ms: float) -> None:
        self._room.conversation.truncate(entry, heard_ms)
        item_id = entry.item.id
        self._room.emit("conversation.item.truncated", item_id=item_id, content_index=0, audio_end_ms=int(heard_ms))


def _is_written(entry: Entry) -> bool:
    return entry.transcript is None or entry.transcript.done()


async def ended(task: "asyncio.Task[Any]") -> None:
    """Cancel a task and wait until it has let go of everything."""
    task.cancel()
    await asyncio.wait([task])
