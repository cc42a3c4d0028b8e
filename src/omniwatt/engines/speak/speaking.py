"""What all speaking engines do alike: text in, clause by clause, sound out, with one end and its cost."""

import asyncio
import math
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from omniwatt.catalog.instructions import delivered
from omniwatt.contract.error import BadInput, Cancelled, EngineFailed
from omniwatt.contract.event import ChoiceEnd, Chunk, Data, Event, Finished, Usage
from omniwatt.contract.job import EngineSpec, Job
from omniwatt.contract.protocol import Context
from omniwatt.contract.request import Delivery, SpeakBody
from omniwatt.engines.speak.clauses import COMMA_CHARS, EAGER_MOST, FIRST_MOST, Clauses
from omniwatt.engines.speak.delivery import Shaper, limited

TOKENS_PER_S = 25
SLOWEST, FASTEST = 0.25, 4.0
PIECE_SAMPLES = 24_000
"""In one event, at most: about a second."""
SILENCE_S = 0.3
"""What a text without anything to say becomes."""
PARAGRAPH_S, SENTENCE_S, CLAUSE_S, CUT_S = 0.5, 0.32, 0.15, 0.0
"""Pauses after a clause that ends so, in a neutral voice; none where a text without marks was cut."""
_QUIET = 0.006
_EDGE_S = 0.03
"""What is left of the silence around a clause (below _QUIET, -44 dB): a consonant may begin or end in it."""

Sound = NDArray[np.float32]


class Rendering(ABC):
    """One answer on its way: voice, language and pace are settled, clauses come in order.

    Sound is float32 in -1..1, mono. `pace` is how fast the answer is to be; `pace_left` what the engine leaves of it
    to the Shaper, as a factor.
    """

    pace_left: float = 1.0

    @abstractmethod
    def sound(self, clause: str, ctx: Context) -> AsyncGenerator[Sound]:
        """The sound of one clause, in pieces as soon as they are made. Says `ctx.astep("render", seconds)`."""


class Speaker(ABC):
    """Base of the speaking engines."""

    rate_hz: int = 0

    @abstractmethod
    def rendering(self, body: SpeakBody, pace: float) -> Rendering:
        """Check voice and language before anything is said. Raises BadInput (param `voice`)."""

    async def run(self, job: Job, inputs: AsyncIterator[Chunk], ctx: Context) -> AsyncGenerator[Event]:
        """Say a SpeakBody; see Engine.run."""
        body = checked(job)
        delivery = delivered(body.delivery, body.voice.instructions)
        rendering = self.rendering(body, body.voice.speed * delivery.pace)
        delivery = msgspec.structs.replace(delivery, pace=rendering.pace_left)
        answer = _Answer(rendering, Shaper(self.rate_hz, delivery), self.rate_hz, _streams(delivery))
        async with aclosing(_clauses(body, inputs)) as clauses:
            async for clause in clauses:
                async with aclosing(answer.said(clause, ctx)) as pieces:
                    async for piece in pieces:
                        yield piece
        if not answer.samples:
            yield answer.data(np.zeros(round(SILENCE_S * self.rate_hz), np.float32), "")
        yield ChoiceEnd("stop")
        yield answer.finished(job.model)


class _Answer:
    """The clauses of one answer as they become sound; counts what was read and made."""

    def __init__(self, rendering: Rendering, shaper: Shaper, rate_hz: int, streams: bool) -> None:
        self._rendering = rendering
        self._shaper = shaper
        self._rate_hz = rate_hz
        self._streams = streams
        self._pause_s = 0.0
        self._bytes = 0
        self.samples = 0

    async def said(self, clause: str, ctx: Context) -> AsyncGenerator[Data]:
        """One clause after the pause that the one before asks for."""
        self._bytes += len(clause.encode())
        text = clause
        pause = np.zeros(round(self._pause_s * self._rate_hz), np.float32)
        async with aclosing(self._rendering.sound(clause, ctx)) as raw, aclosing(self._shaped(raw)) as pieces:
            async for piece in pieces:
                if ctx.cancelled:
                    raise Cancelled("The request was cancelled.")
                whole = np.concatenate((pause, piece)) if len(pause) else piece
                for start in range(0, len(whole), PIECE_SAMPLES):
                    yield self.data(whole[start : start + PIECE_SAMPLES], text)
                    text = ""
                pause = pause[:0]
        self._pause_s = self._shaper.pause_s(pause_after(clause))

    async def _shaped(self, raw: AsyncIterator[Sound]) -> AsyncGenerator[Sound]:
        """Without the silence around; piece by piece where the delivery leaves the sound as it is."""
        trim = Trim(self._rate_hz)
        if self._streams:
            async for piece in raw:
                if len(spoken := trim.feed(piece)):
                    yield limited(spoken, self._rate_hz)
            return
        whole = [trim.feed(piece) async for piece in raw]
        if whole and len(spoken := np.concatenate(whole)):
            yield await asyncio.to_thread(self._shaper.shape, spoken)

    def data(self, sound: Sound, text: str) -> Data:
        self.samples += len(sound)
        return Data(pcm(sound), "audio/pcm", 0, self._rate_hz, text)

    def finished(self, model: str) -> Finished:
        """About four bytes of text are a token, and a second of sound is 25."""
        seconds = self.samples / self._rate_hz
        made = math.ceil(seconds * TOKENS_PER_S)
        usage = Usage(prompt_tokens=math.ceil(self._bytes / 4), completion_tokens=made, audio_output_tokens=made)
        return Finished(usage, model, {"seconds": round(seconds, 4)})


class Trim:
    """Takes the silence before and after a clause away, piece by piece."""

    def __init__(self, rate_hz: int) -> None:
        self._edge = round(_EDGE_S * rate_hz)
        self._held: Sound = np.zeros(0, np.float32)
        self._begun = False

    def feed(self, piece: Sound) -> Sound:
        """What of the sound so far is certain to be heard: all but a quiet end."""
        held = np.concatenate((self._held, piece)) if len(self._held) else piece
        loud = np.flatnonzero(np.abs(held) > _QUIET)
        if not len(loud):
            self._held = held if self._begun else held[max(0, len(held) - self._edge) :]
            return held[:0]
        start = 0 if self._begun else max(0, int(loud[0]) - self._edge)
        end = min(len(held), int(loud[-1]) + self._edge)
        self._begun = True
        self._held = held[end:]
        return held[start:end]


def checked(job: Job) -> SpeakBody:
    """The body of a speak job. Raises BadInput."""
    body = job.body
    if not isinstance(body, SpeakBody) or job.capability != "speak":
        raise BadInput(f"A speaking engine cannot do `{job.capability}`.")
    if not SLOWEST <= body.voice.speed <= FASTEST:
        raise BadInput(f"speed must be between {SLOWEST} and {FASTEST}.", param="speed")
    return body


def artifact(spec: EngineSpec, role: str) -> Path:
    """The file of that role. Raises EngineFailed."""
    try:
        return Path(spec.artifacts[role])
    except KeyError:
        raise EngineFailed(f"{spec.name} needs the artifact {role!r}") from None


def pcm(sound: Sound) -> bytes:
    """Signed 16-bit little-endian samples; what is beyond -1..1 is clipped."""
    return (np.clip(sound, -1.0, 1.0) * 32767.0).astype("<i2").tobytes()


def pause_after(clause: str) -> float:
    """Seconds of silence that a clause asks for by how it ends."""
    ending = clause.rstrip("\"'”’»)]}）】」』》〉 ")[-1:]
    if clause.endswith("\n"):
        return PARAGRAPH_S
    if ending in ".。!！?？…｡":
        return SENTENCE_S
    return CLAUSE_S if ending in ",，、;；:：—–､" else CUT_S


def _streams(delivery: Delivery) -> bool:
    """Whether the Shaper leaves the samples alone, so that they need not be held back until the clause is whole."""
    return msgspec.structs.replace(delivery, pauses=1.0) == Delivery()


async def _clauses(body: SpeakBody, inputs: AsyncIterator[Chunk]) -> AsyncGenerator[str]:
    # A text that is all here is not cut within a phrase: its decoder starts early anyway, and the melody suffers.
    patient = COMMA_CHARS if body.text else FIRST_MOST
    clauses = Clauses(first_most=EAGER_MOST if body.voice.eager else patient)
    if body.text:
        for clause in clauses.feed(body.text):
            yield clause
    else:
        async for chunk in inputs:
            for clause in clauses.feed(chunk.text):
                yield clause
    for clause in clauses.end():
        yield clause
