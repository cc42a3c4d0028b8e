"""What recipes with sound share: any container -> samples for the ears, an engine's samples -> the form asked for."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

from omniwatt.contract.error import EngineFailed
from omniwatt.contract.event import EMPTY, Chunk, Data, Finished
from omniwatt.contract.job import Job, Plan
from omniwatt.contract.protocol import Place
from omniwatt.contract.request import MediaBody, MediaPart, SpeakBody
from omniwatt.tokens import AUDIO_TOKENS_PER_S

HEARD_HZ = 16_000
"""The rate ears take."""
SPOKEN_HZ = 24_000
"""The rate answers go out with, whatever the voice's own is: OpenAI's `pcm` has no header that could say another."""
SAMPLE_BYTES = 2
SAMPLES = "audio/pcm"
SILENCE = Data(bytes(SPOKEN_HZ // 10 * SAMPLE_BYTES), SAMPLES, rate_hz=SPOKEN_HZ)
"""A tenth of a second, for a text with nothing in it that can be said."""

MEDIA_TYPES = {
    "mp3": "audio/mpeg",
    "opus": "audio/ogg;codecs=opus",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "pcm": SAMPLES,
    "pcm16": SAMPLES,
}
"""Name of a form as callers write it -> what the media engine makes of samples."""


async def samples(plan: Plan, request_id: str, place: Place, part: MediaPart) -> AsyncGenerator[Chunk]:
    """`part`, whatever it is, as mono samples of HEARD_HZ; decoded no faster than they are taken."""
    body = MediaBody(part=part, media_type=SAMPLES, options={"sample_rate_hz": HEARD_HZ, "channels": 1})
    job = Job(id=request_id, capability="transcode", model="media", body=body, deadline_s=plan.deadline_s)
    async with aclosing(place.call(plan.helpers["media"], job, EMPTY)) as events:
        async for event in events:
            if isinstance(event, Data):
                yield Chunk(data=event.data)


async def encoded(
    plan: Plan, request_id: str, place: Place, pieces: AsyncGenerator[Data], audio_format: str
) -> AsyncGenerator[Data]:
    """Samples, all of one rate, as a stream of `audio_format`: its first bytes come after the first samples."""
    first = await anext(pieces, SILENCE)
    body = MediaBody(
        part=MediaPart(kind="audio", media_type=SAMPLES),
        media_type=MEDIA_TYPES[audio_format],
        options={"from_hz": first.rate_hz, "sample_rate_hz": SPOKEN_HZ},
    )
    job = Job(id=request_id, capability="transcode", model="media", body=body, deadline_s=plan.deadline_s)
    async with (
        aclosing(_chunks(first, pieces)) as chunks,
        aclosing(place.call(plan.helpers["media"], job, chunks)) as events,
    ):
        async for event in events:
            if isinstance(event, Data):
                yield event


async def _chunks(first: Data, pieces: AsyncGenerator[Data]) -> AsyncGenerator[Chunk]:
    yield Chunk(data=first.data)
    async for piece in pieces:
        yield Chunk(data=piece.data)


class Speech:
    """One speaking step: `pieces` are its samples; `tokens` and `finished` say what it has cost so far and in all."""

    def __init__(self, place: Place, group: str, job: Job, inputs: AsyncIterator[Chunk]) -> None:
        self._place = place
        self._group = group
        self._job = job
        self._inputs = inputs
        self._samples_s = 0.0
        self._told = 0
        self.finished: Finished | None = None

    async def pieces(self) -> AsyncGenerator[Data]:
        """Data of samples, each with its rate. Raises EngineFailed when the engine leaves that out."""
        async with aclosing(self._place.call(self._group, self._job, self._inputs)) as events:
            async for event in events:
                if isinstance(event, Finished):
                    self.finished = event
                elif isinstance(event, Data):
                    if not event.rate_hz:
                        raise EngineFailed(f"{self._group} spoke without saying at which rate.")
                    self._samples_s += len(event.data) / SAMPLE_BYTES / event.rate_hz
                    yield event

    def new_tokens(self) -> int:
        """Audio tokens spoken since this was last asked."""
        tokens = int(self._samples_s * AUDIO_TOKENS_PER_S)
        new, self._told = tokens - self._told, tokens
        return new

    def end(self) -> Finished:
        """How it ended. Raises EngineFailed when it did not."""
        if self.finished is None:
            raise EngineFailed(f"{self._group} stopped without an end.")
        return self.finished


def speech_of(plan: Plan) -> SpeakBody:
    """How this plan speaks. Raises EngineFailed for a plan that does not."""
    if plan.speech is None:
        raise EngineFailed("This plan holds no speech.")
    return plan.speech
