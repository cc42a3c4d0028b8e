"""Sound made to do harm, sent to the media engine in a process of its own: refused in words, and nothing else ends."""

import asyncio
import contextlib
import io
import struct
import time
import wave
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import psutil
import pytest

from omniwatt.contract.error import BadInput, TooLarge
from omniwatt.contract.event import Chunk, Event, Fact
from omniwatt.contract.job import EngineSpec, Job
from omniwatt.contract.request import MediaBody, MediaPart
from omniwatt.workers.process import HostProcess

TO_SAMPLES = {"sample_rate_hz": 16_000, "channels": 1}


def wav(seconds: float, rate_hz: int = 16_000) -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes(bytes(2 * int(seconds * rate_hz)))
    return out.getvalue()


def box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(body), kind) + body


def nested(depth: int) -> bytes:
    body = b""
    for _ in range(depth):
        body = box(b"moov", body)
    return box(b"ftyp", b"isom\0\0\0\0") + body


MP3 = b"\xff\xfb\x90\x64" + b"\x55" * 413
ADTS = b"\xff\xf1\x50\x80\x10\x1f\xfc" + b"\x5a" * 121
EBML = b"\x1aE\xdf\xa3\x80\x18\x53\x80\x67\x01\xff\xff\xff\xff\xff\xff\xff"
POISON = {
    "nothing": b"",
    "no sound": bytes(range(256)) * 40,
    "a wav of no sound": wav(0),
    "half a wav": wav(2)[:20_000],
    "a wav at 0 Hz": wav(1)[:24] + bytes(8) + wav(1)[32:],
    "a wav of 65535 channels": wav(1)[:22] + b"\xff\xff" + wav(1)[24:],
    "mp3 frames of noise": MP3 * 300,
    "mp3 heads only": b"\xff\xfb\xf0" * 500_000,
    "an id3 tag that is longer than the file": b"ID3\4\0\0\x7f\x7f\x7f\x7f" + MP3 * 5,
    "aac frames of noise": ADTS * 300,
    "aac heads only": b"\xff\xf1\x50\x80\x00\xff\xfc" * 200_000,
    "a flac head": b"fLaC\0\0\0\x22" + b"\xff" * 34,
    "a flac head and noise": b"fLaC\x80\0\0\x22" + bytes(34) + b"\xff\xf8\xc9\x18" * 9999,
    "an ogg page of nothing": b"OggS\0\2" + bytes(20) + b"\1\x13OpusHead" + bytes(11),
    "boxes in boxes": nested(3000),
    "a box that is shorter than its head": box(b"ftyp", b"isom\0\0\0\0") + b"\0\0\0\1moov\0\0\0\0\0\0\0\0",
    "elements in elements": EBML + b"\x1f\x43\xb6\x75\x01\xff\xff\xff\xff\xff\xff\xff" * 50_000,
    "an element longer than the file": EBML + b"\x16\x54\xae\x6b\x08\xff\xff\xff\xff\xff\xff",
    "an element of no kind": EBML + b"\0" * 4000,
}


@contextlib.asynccontextmanager
async def media(folder: Path) -> AsyncIterator[HostProcess]:
    process = await HostProcess.start("media", folder)
    try:
        spec = EngineSpec("media", "media", ("probe", "transcode"), slots=4, threads=2, options={"max_seconds": 600.0})
        await process.load(spec, lambda _: None)
        yield process
    finally:
        await process.stop()


async def ask(process: HostProcess, data: bytes, target: str = "") -> list[Event]:
    body = MediaBody(MediaPart("audio", data), target, TO_SAMPLES if target else {})
    job = Job("j", "transcode" if target else "probe", "media", body)
    async with aclosing(process.run(job)) as events:
        return [event async for event in events]


async def test_poisoned_sound_is_refused_and_the_engine_lives_on(tmp_path: Path) -> None:
    async with media(tmp_path) as process:
        for name, data in POISON.items():
            for target in ("", "audio/pcm"):
                start_s = time.monotonic()
                try:
                    await ask(process, data, target)
                except BadInput as error:
                    assert len(error.message) > 10, name  # noqa: PT017 - noise may also be taken for sound
                else:
                    assert "noise" in name, name
                assert time.monotonic() - start_s < 3, name
        assert not process.gone.done()
        fact, _ = await ask(process, wav(1))
        assert isinstance(fact, Fact)
        assert fact.values["seconds"] == 1.0


async def test_more_sound_than_is_taken_names_the_limit(tmp_path: Path) -> None:
    async with media(tmp_path) as process:
        for target in ("", "audio/pcm"):
            with pytest.raises(TooLarge, match="600 seconds"):
                await ask(process, wav(700, 4000), target)


async def test_who_leaves_a_long_sound_is_let_go_at_once(tmp_path: Path) -> None:
    data = wav(250)
    async with media(tmp_path) as process:
        job = Job("j", "transcode", "media", MediaBody(MediaPart("audio", data), "audio/mpeg"))
        for after in (1, 3):
            async with aclosing(process.run(job)) as events:
                for _ in range(after):
                    await events.__anext__()
                start_s = time.monotonic()
            assert time.monotonic() - start_s < 0.2
        assert process.in_flight == 0


async def test_samples_that_stop_coming_hold_nobody_up(tmp_path: Path) -> None:
    """A caller that sends half a second and then nothing more: others are served, and leaving frees the slot."""
    never = asyncio.Event()

    async def samples() -> AsyncIterator[Chunk]:
        yield Chunk(bytes(24_000))
        await never.wait()

    async with media(tmp_path) as process:
        part = MediaPart("audio", media_type="audio/pcm")
        job = Job("j", "transcode", "media", MediaBody(part, "audio/mpeg", {"from_hz": 24_000}))
        async with aclosing(process.run(job, samples())) as events:
            await events.__anext__()
            assert isinstance((await ask(process, wav(1)))[0], Fact)
            start_s = time.monotonic()
        assert time.monotonic() - start_s < 0.2
        assert process.in_flight == 0


async def test_a_decoder_that_dies_takes_one_request_with_it(tmp_path: Path) -> None:
    """What a native crash looks like: the helper is gone from one moment to the next, with seconds of work left."""
    async with media(tmp_path) as process:
        await ask(process, wav(1))
        (helper,) = psutil.Process(process.pid).children()
        body = MediaBody(MediaPart("audio", wav(560, 8000)), "audio/mpeg", {"sample_rate_hz": 48_000})
        async with aclosing(process.run(Job("j", "transcode", "media", body))) as events:
            await events.__anext__()
            helper.kill()
            with pytest.raises(BadInput, match="damaged"):
                async for _ in events:
                    pass
        assert not process.gone.done()
        assert isinstance((await ask(process, wav(1)))[0], Fact)


async def test_no_helper_is_left_behind(tmp_path: Path) -> None:
    async with media(tmp_path) as process:
        await ask(process, wav(1))
        helpers = psutil.Process(process.pid).children()
        assert len(helpers) == 1
        process.kill()
        await process.reaped()
        assert not psutil.wait_procs(helpers, timeout=5)[1]
