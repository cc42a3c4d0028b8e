"""The live engine's codecs and rates: sound in, samples out, and the other way round."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from omniwatt.contract.error import OmniwattError
from omniwatt.contract.event import Chunk, Data, Event, Fact
from omniwatt.contract.job import EngineSpec, Job
from omniwatt.contract.request import DataBody
from omniwatt.engines.live import Live
from omniwatt.engines.live.codecs import CODECS, codec
from omniwatt.engines.live.resample import Resampler
from omniwatt.workers.host import CallContext
from tests.contract.babble import babble


async def run(chunks: list[Chunk], **options: Any) -> list[Event]:
    engine = Live()
    await engine.load(EngineSpec("live", "live", ("live",)), lambda _: None)

    async def inputs() -> AsyncIterator[Chunk]:
        for chunk in chunks:
            yield chunk

    job = Job("job", "live", "live", DataBody(options=options))
    async with aclosing(engine.run(job, inputs(), CallContext(lambda *_: None))) as events:
        return [event async for event in events]


def data(events: list[Event]) -> bytes:
    return b"".join(event.data for event in events if isinstance(event, Data))


def odds(events: list[Event]) -> list[float]:
    return [one for event in events if isinstance(event, Fact) for one in event.values.get("speech", [])]


def sine(rate_hz: int, seconds: float = 0.5, pitch_hz: float = 440.0) -> np.ndarray:
    return (12000 * np.sin(2 * np.pi * pitch_hz * np.arange(int(rate_hz * seconds)) / rate_hz)).astype(np.int16)


@pytest.mark.parametrize("name", sorted(CODECS))
def test_what_is_encoded_is_decoded(name: str) -> None:
    form = codec(name)
    samples = sine(form.rate_hz)
    back = form.decode(form.encode(samples)).astype(float)
    noise = ((back - samples) ** 2).mean()
    assert noise == 0 if name == "audio/pcm" else 10 * np.log10((samples.astype(float) ** 2).mean() / noise) > 35


def test_known_codes() -> None:
    assert codec("audio/pcmu").decode(b"\xff\x80\x00").tolist() == [0, 32124, -32124]
    assert codec("audio/pcma").decode(b"\xd5\xaa\x2a").tolist() == [8, 32256, -32256]


@pytest.mark.parametrize("name", sorted(CODECS))
async def test_pieces_of_any_size_become_samples_at_16_khz(name: str) -> None:
    form = codec(name)
    whole = form.encode(sine(form.rate_hz))
    cuts = [0, 1, 4, 777, 778, 3001, len(whole)]
    pieces = [Chunk(data=whole[a:b]) for a, b in pairwise(cuts)]
    heard = np.frombuffer(data(await run(pieces, mode="listen", media_type=name)), "<i2").astype(float)
    assert len(heard) == pytest.approx(8000, abs=60)
    spectrum = np.abs(np.fft.rfft(heard[1000:7000]))
    assert np.argmax(spectrum) * 16000 / 6000 == pytest.approx(440, abs=4)
    assert (heard[1000:7000] ** 2).mean() == pytest.approx(12000**2 / 2, rel=0.03)


async def test_speech_is_told_from_silence_and_a_tone() -> None:
    voice = np.frombuffer(babble(1.0, 10), "<i2").astype(np.float32)
    wide = np.interp(np.arange(24000) / 1.5, np.arange(16000), voice).astype("<i2").tobytes()
    assert max(odds(await run([Chunk(data=bytes(48000))], mode="listen", media_type="audio/pcm"))) < 0.2
    tone = sine(24000, 1.0, 1000.0).tobytes()
    assert np.median(odds(await run([Chunk(data=tone)], mode="listen", media_type="audio/pcm"))) < 0.5
    found = odds(await run([Chunk(data=wide)], mode="listen", media_type="audio/pcm"))
    assert len(found) == 31
    assert np.median(found) > 0.8
    assert odds(await run([Chunk(data=wide)], mode="listen", media_type="audio/pcm", speech=False)) == []


async def test_a_mark_comes_back_after_what_was_before_it() -> None:
    events = await run([Chunk(data=bytes(4800)), Chunk(control="here"), Chunk(data=bytes(4800))], mode="listen")
    marked = next(place for place, event in enumerate(events) if isinstance(event, Fact) and "mark" in event.values)
    assert len(data(events[:marked])) == pytest.approx(3200, abs=120)


@pytest.mark.parametrize("name", sorted(CODECS))
@pytest.mark.parametrize("from_hz", [16000, 22050, 24000])
async def test_what_is_said_keeps_its_length_and_comes_piece_by_piece(name: str, from_hz: int) -> None:
    form = codec(name)
    samples = sine(from_hz)
    pieces = [Chunk(data=part.tobytes()) for part in np.array_split(samples, 5)]
    events = await run(pieces, mode="say", media_type=name, from_hz=from_hz)
    made = [event for event in events if isinstance(event, Data)]
    assert len(made) == len(pieces) + 1
    assert {event.media_type for event in made} == {name}
    said = form.decode(data(events)).astype(float)
    assert len(said) == pytest.approx(form.rate_hz / 2, abs=2)
    assert (said**2).mean() == pytest.approx(12000**2 / 2, rel=0.05)


@pytest.mark.parametrize(
    "options",
    [
        {"mode": "listen", "media_type": "audio/mpeg"},
        {"mode": "sing"},
        {"mode": "say", "from_hz": 3},
        {"mode": "say", "from_hz": "24000"},
    ],
)
async def test_what_cannot_be_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(OmniwattError):
        await run([Chunk(data=bytes(100))], **options)


async def test_half_a_sample_is_a_fault() -> None:
    with pytest.raises(OmniwattError, match="Half a sample"):
        await run([Chunk(data=b"\1\2\3")], mode="say", from_hz=24000)


def test_the_resampler_holds_little_back() -> None:
    for from_hz, to_hz in ((24000, 16000), (8000, 16000), (22050, 24000), (22050, 8000)):
        resampler = Resampler(from_hz, to_hz, 1)
        made = len(resampler.feed(np.zeros((from_hz // 10, 1), np.float32)))
        assert (0.1 - made / to_hz) < 0.021
