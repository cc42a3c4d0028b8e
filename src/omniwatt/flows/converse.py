"""Converse: chat with ears and a voice. What was said is written down and answered, the answer spoken by clauses.

    media -> hear     for each sound among the messages, in their order
    chat              reads the conversation with the transcripts in place of the sounds
      └ speak -> media  says the first clause while the model still writes the next

A plan may leave out either end: without `hear` among its helpers nothing is heard, without `speech` nothing is said.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from typing import NamedTuple

import msgspec

from omniwatt.contract.error import EngineFailed
from omniwatt.contract.event import EMPTY, ChoiceEnd, Chunk, Data, Event, Finished, Progress, TextDelta
from omniwatt.contract.job import Caller, Job, Plan
from omniwatt.contract.protocol import Place
from omniwatt.contract.request import Body, Capability, ChatBody, HearBody, MediaPart, Message, Part, Request, TextPart
from omniwatt.flows import sound
from omniwatt.flows.remembered import Remembered
from omniwatt.flows.remembered import Said as Heard

NOTHING_SAID = "(silence)"
"""Stands for a sound without speech: before an empty message models make up a question."""
AHEAD = 4
"""How many events either side may be ahead of the caller: one who does not read holds the engines back."""


async def run(
    plan: Plan,
    request: Request,
    caller: Caller,
    place: Place,
    inputs: AsyncIterator[Chunk],
    remembered: Remembered | None = None,
) -> AsyncGenerator[Event]:
    """The chat's own events, with Data of the spoken answer between them; its ChoiceEnd comes after the last sound.

    A sound that is `remembered` is not heard again: its tokens are counted as cached ones.
    """
    turn = _Turn(plan, request, caller, place, remembered)
    async with aclosing(turn.hear()) as progress:
        async for heard in progress:
            yield heard
    if plan.speech is None:
        async with aclosing(turn.write()) as events:
            async for event in events:
                yield event
    else:
        async with aclosing(merged(turn.write(), turn.speak())) as events:
            async for event in events:
                yield event
    for end in turn.ends():
        yield end


class _Turn:
    """One request: the conversation as far as it is text, and what has been used of each engine."""

    def __init__(
        self, plan: Plan, request: Request, caller: Caller, place: Place, remembered: Remembered | None
    ) -> None:
        if not isinstance(request.body, ChatBody):
            raise EngineFailed("Only a conversation can be conversed.")
        self._plan = plan
        self._request = request
        self._caller = caller
        self._place = place
        self._remembered = remembered
        self._body = request.body
        self._messages = request.body.messages
        self._said = Said()
        self._heard_tokens = 0
        self._recalled_tokens = 0
        self._heard_s = 0.0
        self._spoken_tokens = 0
        self._choice_ends: list[ChoiceEnd] = []
        self._written: Finished | None = None

    async def hear(self) -> AsyncGenerator[Progress]:
        """Write down every sound of the conversation, one after the other. Says how many seconds were heard so far."""
        if "hear" not in self._plan.helpers:
            return
        messages: list[Message] = []
        for message in self._messages:
            content: list[Part | Transcript] = []
            for part in message.content:
                if not (isinstance(part, MediaPart) and part.kind == "audio"):
                    content.append(part)
                    continue
                pieces: list[str] = []
                async with aclosing(self._said_in(part, pieces)) as progress:
                    async for event in progress:
                        yield event
                content.append(Transcript("".join(pieces).strip() or NOTHING_SAID))
            messages.append(msgspec.structs.replace(message, content=apart(content)))
        self._messages = tuple(messages)

    async def _said_in(self, part: MediaPart, pieces: list[str]) -> AsyncGenerator[Progress]:
        memory, group, project = self._remembered, self._plan.helpers["hear"], self._caller.project
        known = memory.recall(project, group, part) if memory else None
        if known is not None:
            self._recall(known)
            pieces.append(known.text)
            yield Progress(self._heard_s, 0.0, "s")
            return
        before_s, before_tokens = self._heard_s, self._heard_tokens
        async with aclosing(self._transcribe(part, pieces)) as progress:
            async for event in progress:
                yield event
        if memory is not None:
            said = Heard("".join(pieces), self._heard_tokens - before_tokens, self._heard_s - before_s)
            memory.keep(project, group, part, said)

    def _recall(self, known: Heard) -> None:
        self._heard_tokens += known.tokens
        self._recalled_tokens += known.tokens
        self._heard_s += known.seconds

    async def _transcribe(self, part: MediaPart, pieces: list[str]) -> AsyncGenerator[Progress]:
        group = self._plan.helpers["hear"]
        before_s = self._heard_s
        async with (
            aclosing(sound.samples(self._plan, self._request.id, self._place, part)) as samples,
            aclosing(self._place.call(group, self._job("hear", group, HearBody()), samples)) as events,
        ):
            async for event in events:
                if isinstance(event, TextDelta):
                    pieces.append(event.text)
                elif isinstance(event, Progress):
                    yield Progress(before_s + event.done, 0.0, "s")
                elif isinstance(event, Finished):
                    self._heard_tokens += event.usage.audio_tokens
                    self._heard_s += event.usage.audio_s
        yield Progress(self._heard_s, 0.0, "s")

    async def write(self) -> AsyncGenerator[Event]:
        """The chat's events, its last one apart, and its ChoiceEnd when the answer is spoken; `speak` gets the text."""
        plan = self._plan
        body = msgspec.structs.replace(self._body, messages=self._messages, voice=None, audio_format="")
        job = self._job("chat", plan.upstream_model or plan.model, body)
        async with aclosing(self._place.call(plan.model, job, EMPTY)) as events:
            async for event in events:
                if isinstance(event, ChoiceEnd) and plan.speech is not None:
                    self._choice_ends.append(event)
                elif isinstance(event, Finished):
                    self._written = event
                else:
                    if isinstance(event, TextDelta) and event.kind == "answer":
                        self._said.say(event.text)
                    yield event
        self._said.end()

    async def speak(self) -> AsyncGenerator[Data]:
        """What is written, as sound in the form asked for. An answer without words calls no engine."""
        if not await self._said.begun():
            return
        plan, group, body = self._plan, self._plan.helpers["speak"], sound.speech_of(self._plan)
        speech = sound.Speech(self._place, group, self._job("speak", group, body), self._said)
        async with aclosing(speech.pieces()) as pieces:
            out = pieces
            if body.audio_format:
                out = sound.encoded(plan, self._request.id, self._place, pieces, body.audio_format)
            async with aclosing(out) as made:
                async for data in made:
                    yield msgspec.structs.replace(data, tokens=speech.new_tokens())
        self._spoken_tokens = speech.end().usage.audio_output_tokens

    def ends(self) -> list[Event]:
        """The chat's ends, the last one with what all engines used. Raises EngineFailed when the chat had none."""
        if self._written is None:
            raise EngineFailed(f"{self._plan.model} stopped without an end.")
        chat = self._written.usage
        usage = msgspec.structs.replace(
            chat,
            prompt_tokens=chat.prompt_tokens + self._heard_tokens,
            cached_tokens=chat.cached_tokens + self._recalled_tokens,
            audio_tokens=chat.audio_tokens + self._heard_tokens,
            audio_s=chat.audio_s + self._heard_s,
            completion_tokens=chat.completion_tokens + self._spoken_tokens,
            audio_output_tokens=chat.audio_output_tokens + self._spoken_tokens,
        )
        return [*self._choice_ends, msgspec.structs.replace(self._written, usage=usage)]

    def _job(self, capability: Capability, model: str, body: Body) -> Job:
        return Job(
            id=self._request.id,
            capability=capability,
            model=model,
            body=body,
            cache_scope=self._caller.project,
            deadline_s=self._plan.deadline_s,
            recorded=self._request.recorded,
        )


class Said(AsyncIterator[Chunk]):
    """Text on its way from the model that writes to the one that speaks; never longer than the answer itself."""

    def __init__(self) -> None:
        self._pieces: asyncio.Queue[str | None] = asyncio.Queue()
        self._first = ""

    def say(self, text: str) -> None:
        """Pass on a piece."""
        if text:
            self._pieces.put_nowait(text)

    def end(self) -> None:
        """There is no more."""
        self._pieces.put_nowait(None)

    async def begun(self) -> bool:
        """Wait for the first word; False when the end comes before it."""
        while not self._first.strip():
            piece = await self._pieces.get()
            if piece is None:
                return False
            self._first += piece
        return True

    async def __anext__(self) -> Chunk:
        text, self._first = self._first, ""
        piece = text or await self._pieces.get()
        if piece is None:
            self._pieces.put_nowait(None)
            raise StopAsyncIteration
        return Chunk(text=piece)


class Transcript(NamedTuple):
    """What was heard, while it is to be told from what was typed."""

    text: str


def apart(content: Sequence[Part | Transcript]) -> tuple[Part, ...]:
    """Transcripts as text, each on a line of its own; texts that were typed stay as they are."""
    parts: list[Part] = []
    for place, part in enumerate(content):
        before = content[place - 1] if place else None
        texts = isinstance(before, TextPart | Transcript) and isinstance(part, TextPart | Transcript)
        if texts and (isinstance(before, Transcript) or isinstance(part, Transcript)):
            parts.append(TextPart("\n"))
        parts.append(TextPart(part.text) if isinstance(part, Transcript) else part)
    return tuple(parts)


async def merged(*sources: AsyncGenerator[Event]) -> AsyncGenerator[Event]:
    """The events of all sources as they come. The first error ends them all; all are closed when this one is."""
    events: asyncio.Queue[Event | Exception | None] = asyncio.Queue(AHEAD)
    pumps = [asyncio.create_task(_pump(source, events)) for source in sources]
    left = len(pumps)
    try:
        while left:
            event = await events.get()
            if isinstance(event, Exception):
                raise event
            if event is None:
                left -= 1
            else:
                yield event
    finally:
        for pump in pumps:
            pump.cancel()
        await asyncio.wait(pumps)


async def _pump(source: AsyncGenerator[Event], events: "asyncio.Queue[Event | Exception | None]") -> None:
    end: Exception | None = None
    try:
        async with aclosing(source):
            async for event in source:
                await events.put(event)
    except Exception as error:  # noqa: BLE001 - raised again where the events are read
        end = error
    await events.put(end)
