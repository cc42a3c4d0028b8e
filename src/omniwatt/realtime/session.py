"""One spoken conversation: the client's events and the sound's signs in, answers out. Holds no engine between turns."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

import msgspec

from omniwatt import settings as settings_module
from omniwatt.contract.error import BadInput, Conflict, OmniwattError
from omniwatt.contract.event import EMPTY
from omniwatt.contract.guess import Guess
from omniwatt.realtime import conversation as talk
from omniwatt.realtime import wire
from omniwatt.realtime.answer import Answer, Wanted, wanted
from omniwatt.realtime.conversation import Conversation, Entry
from omniwatt.realtime.hearing import Heard, Hearing, Serve, logprobs_wire
from omniwatt.realtime.live import Call, Ear, heard_samples
from omniwatt.realtime.outbox import Outbox
from omniwatt.realtime.served import Served
from omniwatt.realtime.sound import Sound
from omniwatt.realtime.tally import Tally
from omniwatt.realtime.turns import Sign, Turns, patience_ms
from omniwatt.realtime.values import (
    Append,
    Clear,
    ClientEvent,
    Commit,
    Item,
    ItemCreate,
    ItemDelete,
    ItemPart,
    ItemRetrieve,
    ItemTruncate,
    Json,
    ResponseCancel,
    ResponseCreate,
    ResponseSettings,
    SessionSettings,
    Update,
)

MARGIN_MS = 1000
"""Sound kept before speech begins, beyond the prefix asked for."""
LEAST_COMMIT_MS = 100


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


@dataclass(slots=True, eq=False)
class Turn:
    """Somebody is speaking."""

    item_id: str
    start_ms: int
    hearing: Hearing
    guessing: asyncio.Task[None] | None = None
    answer: Served | None = None
    """The whole answer, guessed at a pause."""
    basis: "tuple[int, SessionSettings] | None" = None
    """What the guess was made from: if it changes, the guess is no longer right."""


class Session:
    """Feed it with `handle`; close it with `close`, whatever happened."""

    def __init__(self, services: Services, settings: SessionSettings, outbox: Outbox, tally: Tally) -> None:
        limits = services.limits
        self.id = wire.new_id("sess")
        self.expires_at = int(time.time() + limits.session_s)
        self.settings = settings
        self.tally = tally
        self._services = services
        self._out = outbox
        self._emit = outbox.say
        self._conversation_id = wire.new_id("conv")
        self._conversation = Conversation(limits.items, limits.sound_bytes)
        self._sound = Sound(limits.input_buffer_bytes)
        self._ear = Ear(services.call, self.id, self._on_samples, self._on_speech, self._on_lost)
        self._turns: Turns | None = None
        self._turn: Turn | None = None
        self._answer: Answer | None = None
        self._others: dict[str, Answer] = {}
        self._playing: Answer | None = None
        """The spoken answer the user is probably still listening to."""
        self._committed_ms = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._running: dict[str, asyncio.Task[None]] = {}
        self._idle: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()

    async def start(self) -> None:
        """Greet."""
        await self._listen_as_told()
        self._emit("session.created", session=self._shown())
        self._emit(
            "conversation.created", conversation={"id": self._conversation_id, "object": "realtime.conversation"}
        )

    async def close(self) -> None:
        """Stop everything; no slot is held and every row is written when this returns."""
        if self._idle is not None:
            self._idle.cancel()
        await self._ear.close()
        turn, self._turn = self._turn, None
        if turn is not None:
            await self._drop(turn)
        working: set[asyncio.Task[Any]] = set(self._running.values())
        working |= {entry.transcript for entry in self._conversation.entries if entry.transcript is not None}
        for task in working:
            task.cancel()
        # The others let go of something already: they are not hurried.
        if working | self._tasks:
            await asyncio.wait(working | self._tasks)

    def error(self, error: OmniwattError, event_id: str | None = None) -> None:
        """Tell the client what was wrong with one of its events."""
        said = self._services.describe(error)
        self._emit("error", error={**said, "event_id": event_id})

    async def handle(self, event: ClientEvent) -> None:
        """One event of the client's. Raises OmniwattError for what is wrong with it."""
        match event:
            case Append():
                await self._append(event.audio)
            case Commit():
                await self._commit()
            case Clear():
                await self._clear()
            case Update():
                await self._update(event)
            case ResponseCreate():
                self._respond(event.read(self.settings))
            case ResponseCancel():
                self._cancel(event)
            case _:
                await self._on_item(event)

    async def _on_item(self, event: ItemCreate | ItemRetrieve | ItemTruncate | ItemDelete) -> None:
        match event:
            case ItemCreate():
                await self._create(event)
            case ItemRetrieve():
                entry = self._conversation.find(event.item_id)
                self._emit("conversation.item.retrieved", item=wire.item(_with_sound(entry), sound=True))
            case ItemTruncate():
                self._truncate(event)
            case ItemDelete():
                self._delete(event.item_id)

    # --- settings

    async def _update(self, event: Update) -> None:
        changed = event.change(self.settings)
        if changed.voice != self.settings.voice:
            self._services.check_voice(changed.voice, changed.model)
        self.settings = changed
        await self._listen_as_told()
        self._emit("session.updated", session=self._shown())

    async def _listen_as_told(self) -> None:
        now = self.settings
        detection = now.turn_detection
        await self._ear.take_form(now.input_format, speech=detection is not None)
        if self._sound.form != now.input_format:
            self._sound.take_form(now.input_format)
        if detection is None:
            if self._turn is not None:
                self._later(self._drop(self._turn))
            self._turns = self._turn = None
        elif self._turns is None:
            self._turns = Turns(detection, now_ms=self._sound.end_ms)
        else:
            self._turns.detection = detection
        self._rest_idle()

    def _shown(self) -> Json:
        return wire.session(self.settings, self.id, self.expires_at)

    # --- sound

    async def _append(self, data: bytes) -> None:
        self._sound.check_room(len(data))
        self._sound.add_raw(data)
        await self._ear.write(data)

    def _on_samples(self, data: bytes) -> None:
        self._sound.add_samples(data)
        if self._turn is not None and not self._turn.hearing.ended:
            self._turn.hearing.add(data)

    def _on_speech(self, found: list[float]) -> None:
        for speech in found:
            if self._turns is None:
                return
            for sign in self._turns.feed(speech):
                self._on_sign(sign)
        if self._turn is None and self._turns is not None:
            self._sound.forget(self._turns.now_ms - self._turns.detection.prefix_padding_ms - MARGIN_MS)

    def _on_lost(self, error: OmniwattError) -> None:
        """The live engine died: what was being said is lost, the session is not."""
        turn, self._turn = self._turn, None
        if turn is not None:
            self._later(self._drop(turn))
        self._sound.take_form(self.settings.input_format)
        if self._turns is not None:
            self._turns = Turns(self._turns.detection, now_ms=self._sound.end_ms)
        self.error(error)

    def _on_sign(self, sign: Sign) -> None:
        turn = self._turn
        if sign.kind == "started":
            self._begin(sign.at_ms)
        elif turn is None:
            return
        elif sign.kind == "paused":
            turn.hearing.end()
            turn.guessing = asyncio.create_task(self._guess(turn))
        elif sign.kind == "resumed":
            self._go_on(turn)
        else:
            self._stopped(turn, sign.at_ms)

    def _begin(self, start_ms: int) -> None:
        """Somebody begins to speak: whoever was speaking stops."""
        start_ms = max(start_ms, self._committed_ms, self._sound.begin_ms)
        detection = self.settings.turn_detection
        item_id = wire.new_id("item")
        self._rest_idle()
        self._emit("input_audio_buffer.speech_started", audio_start_ms=start_ms, item_id=item_id)
        if detection is not None and detection.interrupt_response:
            self._interrupt()
        self._turn = Turn(item_id, start_ms, self._hear(start_ms))
        self.tally.turns += 1

    def _hear(self, start_ms: int) -> Hearing:
        now = self.settings
        hearing = Hearing(self._services.serve, wire.new_id("req"), now.transcription, now.logprobs)
        hearing.add(self._sound.samples(start_ms, self._sound.end_ms))
        return hearing

    def _go_on(self, turn: Turn) -> None:
        """They were not done: what was guessed is thrown away."""
        if turn.guessing is not None:
            turn.guessing.cancel()
            self.tally.wrong += 1
            self._later(_forget(turn.guessing, turn.answer, turn.hearing))
        turn.guessing = turn.answer = turn.basis = None
        turn.hearing = self._hear(turn.start_ms)

    def _stopped(self, turn: Turn, end_ms: int) -> None:
        self._emit("input_audio_buffer.speech_stopped", audio_end_ms=end_ms, item_id=turn.item_id)
        self._turn = None
        turn.hearing.end()
        guessed = self._taken(turn)
        self._take(turn.item_id, turn.start_ms, end_ms, turn.hearing)
        detection = self.settings.turn_detection
        if self.settings.type == "realtime" and detection is not None and detection.create_response:
            try:
                self._respond(ResponseSettings(), guessed)
            except OmniwattError as error:
                self.error(error)
                self._unwanted(guessed)
        else:
            self._unwanted(guessed)
        self._sound.forget(end_ms)

    # --- guessing

    async def _guess(self, turn: Turn) -> None:
        """At a pause: write down what was said, and have it answered as if it were all."""
        try:
            heard = await asyncio.shield(turn.hearing.heard)
        except (OmniwattError, asyncio.CancelledError):
            return
        detection = self.settings.turn_detection
        if self._turns is not None and detection is not None and detection.type == "semantic_vad":
            self._turns.patience_ms = patience_ms(heard.text, detection.eagerness)
        if not heard.text or not self._may_guess():
            return
        want = wanted(self.settings, ResponseSettings())
        said = Item("", "message", "user", (ItemPart("input_audio", heard.text),))
        messages = self._messages(want, [*(entry.item for entry in self._conversation.entries), said])
        guess = Guess()
        request = want.request(wire.new_id("req"), messages, tier="flex")
        turn.basis = (self._conversation.version, self.settings)
        turn.answer = Served(self._services.serve(request, EMPTY, guess), guess, self._crowded)
        self.tally.guesses += 1

    def _may_guess(self) -> bool:
        now = self.settings
        return (
            self._services.limits.guess
            and now.type == "realtime"
            and now.turn_detection is not None
            and now.turn_detection.create_response
            and self._answer is None
            and all(entry.transcript is None or entry.transcript.done() for entry in self._conversation.entries)
            and not self._crowded()
        )

    def _crowded(self) -> bool:
        return not self._services.free(self.settings.model)

    def _taken(self, turn: Turn) -> Served | None:
        """The guessed answer, if it is still right."""
        if turn.guessing is not None and turn.answer is None:
            turn.guessing.cancel()
        answer, turn.answer = turn.answer, None
        if answer is None:
            self.tally.missed += 1
            return None
        if answer.over or turn.basis != (self._conversation.version, self.settings):
            self.tally.missed += 1
            self._later(answer.close())
            return None
        self.tally.right += 1
        answer.confirm()
        return answer

    def _unwanted(self, guessed: Served | None) -> None:
        if guessed is not None:
            self._later(guessed.close())

    async def _drop(self, turn: Turn) -> None:
        """A turn that comes to nothing."""
        await _forget(turn.guessing, turn.answer, turn.hearing)

    # --- the conversation

    def _take(self, item_id: str, start_ms: int, end_ms: int, hearing: Hearing) -> Entry:
        """What was said becomes an item."""
        hearing.confirm()
        entry = Entry(Item(item_id, "message", "user", (ItemPart("input_audio"),)))
        entry.sound = self._sound.raw(start_ms, end_ms)
        entry.audio_ms = end_ms - start_ms
        self._committed_ms = end_ms
        before = self._conversation.insert(entry)
        self._emit("input_audio_buffer.committed", previous_item_id=before, item_id=item_id)
        self._emit("conversation.item.added", previous_item_id=before, item=wire.item(entry.item))
        self._emit("conversation.item.done", previous_item_id=before, item=wire.item(entry.item))
        entry.transcript = asyncio.create_task(self._write_down(entry, hearing))
        return entry

    async def _write_down(self, entry: Entry, hearing: Hearing) -> str:
        """Put the words where the sound is; tell the client when it asked for them. "" when that failed."""
        item_id = entry.item.id
        try:
            heard = await hearing.heard
        except OmniwattError as error:
            if self._tells:
                said = self._services.describe(error)
                self._emit(
                    "conversation.item.input_audio_transcription.failed",
                    item_id=item_id,
                    content_index=0,
                    error=said,
                )
            return ""
        finally:
            await hearing.close()
        entry.item = msgspec.structs.replace(entry.item, content=(ItemPart("input_audio", heard.text),))
        if self._tells:
            self._tell(item_id, heard)
        return heard.text

    @property
    def _tells(self) -> bool:
        return self.settings.transcription is not None or self.settings.type == "transcription"

    def _tell(self, item_id: str, heard: Heard) -> None:
        place = {"item_id": item_id, "content_index": 0}
        sure = {"logprobs": logprobs_wire(heard.logprobs)} if self.settings.logprobs else {}
        kind = "conversation.item.input_audio_transcription"
        if heard.text:
            self._emit(f"{kind}.delta", **place, delta=heard.text, **sure)
        self._emit(f"{kind}.completed", **place, transcript=heard.text, usage=wire.heard(heard.usage), **sure)

    async def _commit(self) -> None:
        await self._ear.settle()
        start_ms, end_ms = max(self._committed_ms, self._sound.begin_ms), self._sound.end_ms
        if end_ms - start_ms < LEAST_COMMIT_MS:
            raise BadInput(
                "Error committing input audio buffer: buffer too small. Expected at least "
                f"{LEAST_COMMIT_MS}ms of audio, but buffer only has {end_ms - start_ms:.2f}ms of audio.",
                code="input_audio_buffer_commit_empty",
            )
        turn, self._turn = self._turn, None
        if turn is not None:
            self._later(self._drop(turn))
        if self._turns is not None:
            self._turns.reset()
        hearing = self._hear(start_ms)
        hearing.end()
        self._take(turn.item_id if turn else wire.new_id("item"), start_ms, end_ms, hearing)
        self._sound.forget(end_ms)

    async def _clear(self) -> None:
        await self._ear.settle()
        turn, self._turn = self._turn, None
        if turn is not None:
            self._later(self._drop(turn))
        if self._turns is not None:
            self._turns.reset()
        self._committed_ms = self._sound.end_ms
        self._sound.forget(self._sound.end_ms)
        self._emit("input_audio_buffer.cleared")

    async def _create(self, event: ItemCreate) -> None:
        item = event.item if event.item.id else msgspec.structs.replace(event.item, id=wire.new_id("item"))
        sound = b"".join(part.audio for part in item.content)
        bare = tuple(msgspec.structs.replace(part, audio=b"") for part in item.content)
        entry = Entry(msgspec.structs.replace(item, content=bare), sound=sound)
        before = self._conversation.insert(entry, event.after)
        self._emit("conversation.item.added", previous_item_id=before, item=wire.item(entry.item))
        self._emit("conversation.item.done", previous_item_id=before, item=wire.item(entry.item))
        if any(part.audio and part.type == "input_audio" and not part.text for part in item.content):
            entry.transcript = asyncio.create_task(self._hear_item(entry, item))

    async def _hear_item(self, entry: Entry, item: Item) -> str:
        """Write down the sounds of an item the client made."""
        content = list(entry.item.content)
        for place, part in enumerate(item.content):
            if not part.audio or part.type != "input_audio" or part.text:
                continue
            try:
                form = self.settings.input_format
                samples = await heard_samples(self._services.call, self.id, form, part.audio)
                now = self.settings
                hearing = Hearing(self._services.serve, wire.new_id("req"), now.transcription, now.logprobs)
                hearing.confirm()
                hearing.add(samples)
                hearing.end()
                try:
                    heard = await hearing.heard
                finally:
                    await hearing.close()
            except OmniwattError as error:
                self.error(error)
                continue
            content[place] = ItemPart("input_audio", heard.text)
            if self._tells:
                self._tell(entry.item.id, heard)
        entry.item = msgspec.structs.replace(entry.item, content=tuple(content))
        return ""

    def _truncate(self, event: ItemTruncate) -> None:
        entry = self._conversation.find(event.item_id)
        if event.content_index != 0:
            raise BadInput("Spoken answers have one part: content_index is 0.", param="content_index")
        answer = self._answer
        if answer is not None and answer.writing.message is entry:
            entry.audio_ms = answer.writing.audio_ms
            raise Conflict("The answer is still being made; cancel it first.", param="item_id")
        self._cut(entry, float(event.audio_end_ms))

    def _cut(self, entry: Entry, heard_ms: float) -> None:
        self._conversation.truncate(entry, heard_ms)
        self._emit("conversation.item.truncated", item_id=entry.item.id, content_index=0, audio_end_ms=int(heard_ms))

    def _delete(self, item_id: str) -> None:
        entry = self._conversation.delete(item_id)
        if entry.transcript is not None and not entry.transcript.done():
            entry.transcript.cancel()
        self._emit("conversation.item.deleted", item_id=item_id)

    # --- answers

    def _respond(self, own: ResponseSettings, guessed: Served | None = None) -> None:
        if self.settings.type != "realtime":
            raise BadInput("A transcription session answers nothing.", param="type")
        if not own.out_of_band and self._answer is not None:
            raise Conflict(
                f"Conversation already has an active response in progress: {self._answer.id}. "
                "Wait until the response is finished before creating a new one.",
                code="conversation_already_has_active_response",
            )
        if own.out_of_band and len(self._others) >= self._services.limits.responses:
            raise Conflict(f"At most {self._services.limits.responses} responses run at once in a session.")
        if own.voice is not None:
            self._services.check_voice(own.voice, self.settings.model)
        entries = self._context(own)
        want = wanted(self.settings, own)
        answer = Answer(
            want,
            self._emit,
            None if own.out_of_band else self._conversation.insert,
            self._services.call,
            session_id=self.id,
            conversation_id=None if own.out_of_band else self._conversation_id,
            describe=self._services.describe,
            clock=self._loop.time,
        )
        if own.out_of_band:
            self._others[answer.id] = answer
        else:
            self._answer, self._playing = answer, None
            self._rest_idle()
        self.tally.responses += 1
        self._running[answer.id] = asyncio.create_task(self._run(answer, want, entries, guessed))

    def _context(self, own: ResponseSettings) -> list[Entry]:
        """The items a response is made from."""
        if own.input is None:
            return list(self._conversation.entries)
        return [self._conversation.find(one, "input") if isinstance(one, str) else Entry(one) for one in own.input]

    async def _run(self, answer: Answer, want: Wanted, entries: list[Entry], guessed: Served | None) -> None:
        try:
            if guessed is None:
                guessed = await self._asked(answer, want, entries)
            if guessed is not None:
                await answer.run(guessed)
        except OmniwattError as error:
            answer.fail(error)
        except Exception as error:  # noqa: BLE001 - a defect ends the response, never the session
            answer.fail(self._services.defect(error))
        finally:
            self._running.pop(answer.id, None)
            self._done(answer)

    async def _asked(self, answer: Answer, want: Wanted, entries: list[Entry]) -> Served | None:
        """Not guessed: wait for the words, then ask."""
        for entry in entries:
            if entry.transcript is not None:
                await asyncio.wait([entry.transcript])
        for entry in entries:
            if entry.item.content and any(part.audio for part in entry.item.content):
                await self._hear_item(entry, entry.item)
        messages = self._messages(want, [entry.item for entry in entries])
        if answer.over:
            return None
        return Served(self._services.serve(want.request(wire.new_id("req"), messages), EMPTY, None))

    def _messages(self, want: Wanted, items: list[Item]) -> Any:
        found = talk.messages(want.instructions, items)
        return talk.fitting(found, self._services.window(want.model), self.settings.truncation)

    def _done(self, answer: Answer) -> None:
        self._others.pop(answer.id, None)
        if self._answer is answer:
            self._answer = None
        heard = answer.writing.first_sound_s is not None and not answer.stopped
        if heard and not answer.want.out_of_band:
            self._playing = answer
        self._wait_idle()

    def _cancel(self, event: ResponseCancel) -> None:
        answer = self._others.get(event.response_id) if event.response_id else self._answer
        if event.response_id and self._answer is not None and self._answer.id == event.response_id:
            answer = self._answer
        if answer is None:
            raise BadInput("Cancellation failed: no active response found", code="response_cancel_not_active")
        self._stop(answer, "client_cancelled")

    def _interrupt(self) -> None:
        """The user speaks up: the answer stops, and what was not heard of it was never said."""
        answer, self._playing = self._answer or self._playing, None
        if answer is not None and answer is self._answer:
            self._stop(answer, "turn_detected")
        if answer is None or answer.writing.message is None or answer.want.modality != "audio":
            return
        entry, writing = answer.writing.message, answer.writing
        begun_s = writing.first_sound_s
        heard_ms = 0.0 if begun_s is None else (self._loop.time() - begun_s) * 1000
        known = any(one is entry for one in self._conversation.entries)
        if known and heard_ms < entry.audio_ms:
            self._cut(entry, heard_ms)

    def _stop(self, answer: Answer, why: Any) -> None:
        answer.stop(why)
        if self._answer is answer:
            self._answer = None
        self._others.pop(answer.id, None)
        task = self._running.pop(answer.id, None)
        if task is not None:
            self._later(_forget(task, None, None))

    # --- time

    def _wait_idle(self) -> None:
        """After an answer has been heard: prompt the user if nothing is said."""
        self._rest_idle()
        detection = self.settings.turn_detection
        if detection is None or not detection.idle_timeout_ms or self._turn is not None or self._answer is not None:
            return
        left_s = 0.0
        if self._playing is not None:
            writing = self._playing.writing
            left_s = max(0.0, (writing.first_sound_s or 0.0) + writing.audio_ms / 1000 - self._loop.time())
        self._idle = self._loop.call_later(left_s + detection.idle_timeout_ms / 1000, self._prompt)

    def _rest_idle(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None

    def _prompt(self) -> None:
        """Nobody said anything for too long."""
        self._idle = None
        if self._turn is not None or self._answer is not None:
            return
        start_ms, end_ms = max(self._committed_ms, self._sound.begin_ms), self._sound.end_ms
        item_id = wire.new_id("item")
        self._emit(
            "input_audio_buffer.timeout_triggered", audio_start_ms=start_ms, audio_end_ms=end_ms, item_id=item_id
        )
        hearing = self._hear(start_ms)
        hearing.end()
        try:
            self._take(item_id, start_ms, end_ms, hearing)
            self._respond(ResponseSettings())
        except OmniwattError as error:
            self.error(error)

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _forget(guessing: "asyncio.Task[None] | None", answer: Served | None, hearing: Hearing | None) -> None:
    """Let go of a guess, in the order of what waits for what."""
    if guessing is not None:
        guessing.cancel()
        await asyncio.wait([guessing])
    if answer is not None:
        await answer.close()
    if hearing is not None:
        await hearing.close()


def _with_sound(entry: Entry) -> Item:
    """The item with its sound in its first part."""
    item = entry.item
    if not entry.sound or not item.content:
        return item
    first = msgspec.structs.replace(item.content[0], audio=entry.sound)
    return msgspec.structs.replace(item, content=(first, *item.content[1:]))
