"""Two jobs: `listen` makes samples and odds of speech of a client's sound, `say` makes its sound of samples."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing

import numpy as np

from omniwatt.contract.error import BadInput, EngineFailed, UnsupportedField
from omniwatt.contract.event import Chunk, Data, Event, Fact, Finished, Usage
from omniwatt.contract.job import EngineSpec, Job, Loaded
from omniwatt.contract.protocol import Context
from omniwatt.contract.request import DataBody
from omniwatt.engines import silero
from omniwatt.engines.hear import activity
from omniwatt.engines.live.codecs import Codec, codec, floats, integers, pcm_samples
from omniwatt.engines.live.resample import Resampler

HEARD_HZ = 16_000
SAMPLES = "audio/pcm"
LEAST_HZ, MOST_HZ = 8000, 48_000
PIECE_BYTES = 64 * 1024
"""How much is worked on at once: others have their turn in between."""


class Live:
    """Answers as fast as sound comes in; a session that listens for speech takes a hundredth of a core."""

    def __init__(self) -> None:
        self._activity: activity.Model | None = None

    async def load(self, spec: EngineSpec, progress: Callable[[float], None]) -> Loaded:
        """Read the voice activity model. Raises EngineFailed when it is missing or not what it should be."""
        self._activity = activity.Model(activity.read_weights(silero.weights()))
        progress(1.0)
        return Loaded(slots=max(1, spec.slots), threads=0)

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
        """Nothing is held."""

    async def _listen(
        self, form: Codec, speech: bool, inputs: AsyncIterator[Chunk], ctx: Context
    ) -> AsyncGenerator[Event]:
        """For each chunk Data of 16 kHz samples, and a Fact `speech` with the odds of each 32 ms completed.

        A chunk with a `control` comes back as a Fact `mark` when everything before it is out.
        """
        if self._activity is None:
            raise EngineFailed("The engine was not loaded.")
        ears = activity.Activity(self._activity) if speech else None
        resampler = Resampler(form.rate_hz, HEARD_HZ, 1)
        rest = b""
        async for chunk in inputs:
            if chunk.control:
                yield Fact({"mark": chunk.control})
            for place in range(0, len(chunk.data), PIECE_BYTES):
                data = rest + chunk.data[place : place + PIECE_BYTES]
                whole = len(data) - len(data) % form.sample_bytes
                data, rest = data[:whole], data[whole:]
                await ctx.astep("encode", whole / form.sample_bytes / form.rate_hz)
                heard = resampler.feed(floats(form.decode(data))[:, None])[:, 0]
                if len(heard):
                    yield Data(integers(heard).tobytes(), SAMPLES, rate_hz=HEARD_HZ)
                odds = ears.feed(heard).tolist() if ears is not None else []
                if odds:
                    yield Fact({"speech": odds})


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
