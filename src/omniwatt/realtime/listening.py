"""The ears of one session: sound becomes turns, turns become items; at each pause the end of the turn is guessed."""

import asyncio
from dataclasses import dataclass

from omniwatt.contract.error import BadInput, OmniwattError
from omniwatt.realtime import wire
from omniwatt.realtime.answers import Answers, Guessed, ended
from omniwatt.realtime.conversation import Entry
from omniwatt.realtime.hearing import Hearing
from omniwatt.realtime.live import Ear
from omniwatt.realtime.partials import Partials
from omniwatt.realtime.room import Room
from omniwatt.realtime.scribe import Scribe
from omniwatt.realtime.served import Served
from omniwatt.realtime.sound import Sound
from omniwatt.realtime.turns import Sign, Turns, patience_ms
from omniwatt.realtime.values import Item, ItemPart, ResponseSettings

MARGIN_MS = 1000
"""Sound kept before speech begins, beyond the prefix asked for."""
LEAST_COMMIT_MS = 100
WARM_WORDS = 8
"""After so many more words that are sure, the model reads them while the user goes on."""


@dataclass(slots=True, eq=False)
class Turn:
    """Somebody is speaking."""

    item_id: str
    start_ms: int
    hearing: Hearing
    partials: Partials
    warmed: int = 0
    """Words of it that the model has read."""
    warming: "asyncio.Task[None] | None" = None
    guessing: "asyncio.Task[None] | None" = None
    guessed: Guessed | None = None


class Listening:
    """One session's."""

    def __init__(self, room: Room, scribe: Scribe) -> None:
        self._room = room
        self._scribe = scribe
        self.answers = Answers(room, scribe, self._rest)
        self._sound = Sound(room.services.limits.input_buffer_bytes)
        self._ear = Ear(room.services.call, room.id, self._on_samples, self._on_speech, self._on_lost)
        self._turns: Turns | None = None
        self._turn: Turn | None = None
        self._committed_ms = 0
        self._idle: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()

    async def close(self) -> None:
        """Stop."""
        self._hush()
        await self._ear.close()
        self._drop_turn()

    async def as_told(self) -> None:
        """Follow the settings: another form, another way to find turns."""
        now = self._room.settings
        await self._ear.take_form(now.input_format, speech=now.turn_detection is not None)
        if self._sound.form != now.input_format:
            self._sound.take_form(now.input_format)
        if now.turn_detection is None:
            self._drop_turn()
            self._turns = None
        elif self._turns is None:
            self._turns = Turns(now.turn_detection, now_ms=self._sound.end_ms)
        else:
            self._turns.detection = now.turn_detection
        self._rest()

    # --- what the client does with its buffer

    async def append(self, data: bytes) -> None:
        """More sound. Raises TooLarge when there is no room for it."""
        self._sound.check_room(len(data))
        self._sound.add_raw(data)
        await self._ear.write(data)

    async def commit(self) -> None:
        """All since the last item becomes one. Raises BadInput when that is too little."""
        await self._ear.settle()
        start_ms, end_ms = self._uncommitted()
        if end_ms - start_ms < LEAST_COMMIT_MS:
            raise BadInput(
                "Error committing input audio buffer: buffer too small. Expected at least "
                f"{LEAST_COMMIT_MS}ms of audio, but buffer only has {end_ms - start_ms:.2f}ms of audio.",
                code="input_audio_buffer_commit_empty",
            )
        item_id = self._turn.item_id if self._turn is not None else wire.new_id("item")
        partials = self._turn.partials if self._turn is not None else Partials()
        self._drop_turn()
        self._take(item_id, start_ms, end_ms, self._hear(start_ms), partials)
        self._sound.forget(end_ms)

    async def clear(self) -> None:
        """Nothing was said."""
        await self._ear.settle()
        self._drop_turn()
        self._committed_ms = self._sound.end_ms
        self._sound.forget(self._sound.end_ms)
        self._room.emit("input_audio_buffer.cleared")

    # --- what the live engine says

    def _on_samples(self, data: bytes) -> None:
        self._sound.add_samples(data)
        if self._turn is not None and not self._turn.hearing.ended:
            self._turn.hearing.add(data)

    def _on_speech(self, odds: list[float]) -> None:
        for speech in odds:
            if self._turns is None:
                return
            for sign in self._turns.feed(speech):
                self._on_sign(sign)
        if self._turn is None and self._turns is not None:
            self._sound.forget(self._turns.now_ms - self._turns.detection.prefix_padding_ms - MARGIN_MS)

    def _on_lost(self, error: OmniwattError) -> None:
        """The live engine died: what was being said is lost, the session is not."""
        self._drop_turn()
        self._sound.take_form(self._room.settings.input_format)
        if self._turns is not None:
            self._turns = Turns(self._turns.detection, now_ms=self._sound.end_ms)
        self._room.error(error)

    def _on_sign(self, sign: Sign) -> None:
        turn = self._turn
        if sign.kind == "started":
            self._started(sign.at_ms)
        elif turn is None:
            return
        elif sign.kind == "paused":
            turn.hearing.end()
            turn.guessing = asyncio.create_task(self._guess(turn))
        elif sign.kind == "resumed":
            self._resumed(turn)
        else:
            self._stopped(turn, sign.at_ms)

    # --- turns

    def _started(self, start_ms: int) -> None:
        """Somebody begins to speak: whoever was speaking stops."""
        start_ms = max(start_ms, *self._uncommitted()[:1])
        item_id = wire.new_id("item")
        self._hush()
        self._room.emit("input_audio_buffer.speech_started", audio_start_ms=start_ms, item_id=item_id)
        detection = self._room.settings.turn_detection
        if detection is not None and detection.interrupt_response:
            self.answers.interrupt()
        self._turn = Turn(item_id, start_ms, self._hear(start_ms), Partials())
        if self._guesses:
            self._turn.warming = self.answers.warm()
        self._room.tally.turns += 1

    def _resumed(self, turn: Turn) -> None:
        """They were not done: what was guessed is thrown away, and heard again together with what follows."""
        self._room.tally.wrong += 1
        self._forget(turn)
        turn.hearing = self._hear(turn.start_ms)

    def _stopped(self, turn: Turn, end_ms: int) -> None:
        self._room.emit("input_audio_buffer.speech_stopped", audio_end_ms=end_ms, item_id=turn.item_id)
        self._turn = None
        guessed = self._right(turn)
        now = self._room.settings
        try:
            self._take(turn.item_id, turn.start_ms, end_ms, turn.hearing, turn.partials)
            if now.type == "realtime" and now.turn_detection is not None and now.turn_detection.create_response:
                self.answers.respond(ResponseSettings(), guessed)
        except OmniwattError as error:
            self._room.error(error)
            if guessed is not None:
                self._room.later(guessed.close())
        self._sound.forget(end_ms)

    def _on_partial(self, text: str) -> None:
        """Some of what is being said is known already: the client may read it, and the model reads ahead."""
        turn = self._turn
        if turn is None:
            return
        self._scribe.tell_partly(turn.item_id, turn.partials.hear(text))
        idle = turn.warming is None or turn.warming.done()
        if self._guesses and idle and turn.partials.words >= turn.warmed + WARM_WORDS:
            turn.warmed = turn.partials.words
            turn.warming = self.answers.warm(turn.partials.text)

    async def _guess(self, turn: Turn) -> None:
        """At a pause: see what was said, and have it answered as if it were all."""
        try:
            heard = await asyncio.shield(turn.hearing.heard)
        except OmniwattError:
            return
        now = self._room.settings
        if self._turns is None or now.turn_detection is None:
            return
        if now.turn_detection.type == "semantic_vad":
            self._turns.patience_ms = patience_ms(heard.text, now.turn_detection.eagerness)
        if self._guesses:
            await self._cool(turn)
            turn.guessed = self.answers.guess(heard.text)

    @property
    def _guesses(self) -> bool:
        now = self._room.settings
        answers = now.turn_detection is not None and now.turn_detection.create_response
        return self._room.services.limits.guess and now.type == "realtime" and answers

    @staticmethod
    async def _cool(turn: Turn) -> None:
        """The model has read enough: its slot is wanted for the answer."""
        warming, turn.warming = turn.warming, None
        if warming is not None:
            await ended(warming)

    def _right(self, turn: Turn) -> Served | None:
        """The guessed answer, if it is still right; from here on it is an ordinary one."""
        if turn.guessing is not None:
            turn.guessing.cancel()
        self._room.later(self._cool(turn))
        guessed = turn.guessed
        if guessed is not None and self.answers.right(guessed):
            self._room.tally.right += 1
            guessed.served.confirm()
            return guessed.served
        self._room.tally.missed += 1
        if guessed is not None:
            self._room.later(self.answers.discard(guessed.served))
        return None

    def _drop_turn(self) -> None:
        """The turn under way comes to nothing."""
        turn, self._turn = self._turn, None
        if turn is not None:
            self._forget(turn)
        if self._turns is not None:
            self._turns.reset()

    def _forget(self, turn: Turn) -> None:
        if turn.guessing is not None:
            turn.guessing.cancel()
        self._room.later(self._let_go(turn.guessing, turn.guessed, turn.hearing))
        self._room.later(self._cool(turn))
        turn.guessing = turn.guessed = None

    async def _let_go(self, guessing: "asyncio.Task[None] | None", guessed: Guessed | None, hearing: Hearing) -> None:
        if guessing is not None:
            await ended(guessing)
        if guessed is not None:
            await self.answers.discard(guessed.served)
        await hearing.close()

    # --- items

    def _hear(self, start_ms: int) -> Hearing:
        return self._scribe.hear(self._sound.samples(start_ms, self._sound.end_ms), self._on_partial)

    def _take(self, item_id: str, start_ms: int, end_ms: int, hearing: Hearing, partials: Partials) -> None:
        """What was said becomes an item. Raises BadInput where there is no place for one."""
        room = self._room
        entry = Entry(Item(item_id, "message", "user", (ItemPart("input_audio"),)))
        entry.sound = self._sound.raw(start_ms, end_ms)
        entry.audio_ms = end_ms - start_ms
        self._committed_ms = end_ms
        try:
            before = room.conversation.insert(entry)
        except OmniwattError:
            room.later(hearing.close())
            raise
        hearing.end()
        hearing.confirm()
        room.emit("input_audio_buffer.committed", previous_item_id=before, item_id=item_id)
        room.emit("conversation.item.added", previous_item_id=before, item=wire.item(entry.item))
        room.emit("conversation.item.done", previous_item_id=before, item=wire.item(entry.item))
        entry.transcript = asyncio.create_task(self._scribe.write_down(entry, hearing, partials))

    def _uncommitted(self) -> tuple[int, int]:
        """Where the sound begins and ends that is in no item yet."""
        return max(self._committed_ms, self._sound.begin_ms), self._sound.end_ms

    # --- when nobody says anything

    def _rest(self) -> None:
        """An answer is over, or the settings have changed: wait for the user, as long as asked for."""
        self._hush()
        detection = self._room.settings.turn_detection
        if detection is None or not detection.idle_timeout_ms or self._turn is not None:
            return
        if self.answers.current is None:
            wait_s = self.answers.playing_s() + detection.idle_timeout_ms / 1000
            self._idle = self._loop.call_later(wait_s, self._prompt)

    def _hush(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None

    def _prompt(self) -> None:
        """Nobody said anything for too long: the model speaks up."""
        self._idle = None
        if self._turn is not None or self.answers.current is not None:
            return
        start_ms, end_ms = self._uncommitted()
        item_id = wire.new_id("item")
        self._room.emit(
            "input_audio_buffer.timeout_triggered", audio_start_ms=start_ms, audio_end_ms=end_ms, item_id=item_id
        )
        try:
            self._take(item_id, start_ms, end_ms, self._hear(start_ms), Partials())
            self.answers.respond(ResponseSettings())
        except OmniwattError as error:
            self._room.error(error)
