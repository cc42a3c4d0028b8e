"""Sound from every container, sound that streams in, and sound made to do harm."""

import asyncio
import contextlib
import io
import struct
import time
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import codecpod
import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from omniwatt.contract.error import BadInput, TooLarge, UnsupportedField
from omniwatt.contract.event import Chunk, Data, Finished
from omniwatt.contract.job import Job
from omniwatt.contract.request import MediaBody, MediaPart
from omniwatt.engines.media import isobmff, matroska, mpeg
from tests.unit.engines.media import containers

FUZZ = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
RATE_HZ = 16_000
CONTAINERS = {
    "aac": "AAC",
    "m4a": "AAC",
    "mp4-aac": "AAC",
    "mp4-fragmented": "AAC",
    "mp4-opus": "OPUS",
    "mp4-mp3": "MPEG_LAYER_III",
    "mp4-flac": "PCM_16",
    "webm-opus": "OPUS",
    "webm-opus-live": "OPUS",
    "webm-opus-xiph": "OPUS",
    "webm-opus-ebml": "OPUS",
    "webm-vorbis": "VORBIS",
    "mkv-aac": "AAC",
    "mkv-mp3": "MPEG_LAYER_III",
    "mp3": "MPEG_LAYER_III",
}
SAMPLES = MediaPart("audio", media_type="audio/pcm")


async def heard(engine: Any, data: bytes, rate_hz: int = RATE_HZ) -> np.ndarray:
    results, _ = await engine.transcode(data, "audio/pcm", sample_rate_hz=rate_hz, channels=1)
    return np.frombuffer(results[0], "<i2") / 32_768


def noise_db(found: np.ndarray, wanted: np.ndarray) -> float:
    """How far the difference lies below the sound, wherever in `found` the sound begins."""
    middle = wanted[4000:-4000]
    size = 2 * max(len(found), len(middle))
    product = np.fft.irfft(np.fft.rfft(found, size) * np.conj(np.fft.rfft(middle, size)))
    start = int(np.argmax(product[: len(found) - len(middle) + 1]))
    rest = found[start : start + len(middle)] - middle
    return float(10 * np.log10(np.sum(rest**2) / np.sum(middle**2)))


async def wrong(work: Any, kind: type[Exception] = BadInput) -> str:
    with pytest.raises(BadInput) as caught:
        await work
    assert type(caught.value) is kind
    return caught.value.message


@pytest.mark.parametrize(("name", "encoding"), CONTAINERS.items())
async def test_every_container_is_probed_and_decoded(engine, files, name: str, encoding: str) -> None:
    data = files.speech()[name]
    facts = await engine.probe(data)
    samples = await heard(engine, data)
    assert (facts["encoding"], facts["channels"]) == (encoding, 1)
    assert facts["seconds"] == pytest.approx(2.0, abs=0.12)
    assert abs(len(samples) - facts["seconds"] * RATE_HZ) <= 1
    assert noise_db(samples, files.tone(RATE_HZ, 2.0)) < -20


async def test_what_an_encoder_added_is_left_out(engine, files) -> None:
    for name in ("m4a", "mp3-tagged"):
        facts = await engine.probe(files.speech()[name])
        assert facts["frames"] == 2 * RATE_HZ
    packets = containers.adts_packets(files.speech()["aac"])
    sample_entry = containers.entry(b"mp4a", containers.esds(0x40, b"\x14\x08"))
    cut = containers.mp4(packets, sample_entry, edit=containers.edits(1024, 1500))
    samples = await heard(engine, cut)
    assert len(samples) == 1.5 * RATE_HZ
    assert np.corrcoef(samples[100:8000], files.tone(RATE_HZ, 2.0)[100:8000])[0, 1] > 0.99


@pytest.mark.parametrize("target", ["audio/mpeg", "audio/aac"])
def test_stretches_decoded_apart_are_what_one_decoding_gives(files, target: str) -> None:
    """The seams of our own decoder, and for AAC also those of our encoder, cannot be heard."""
    from omniwatt.engines.media import framed
    from omniwatt.engines.media.work import Limits, Work

    tone = files.tone(24_000, 40)
    data = files.encoded(target, tone, 24_000)
    work = Work(SimpleNamespace(cancelled=False, step=lambda kind, units: None), Limits())
    source = (framed.mp3 if target == "audio/mpeg" else framed.adts)(memoryview(data), work)
    blocks = list(source.blocks(work))
    assert len(blocks) > 2
    whole, _ = codecpod.load(data)
    found = np.concatenate(blocks)[:, 0]
    assert len(found) == len(whole)
    # AAC may leave noise to a generator whose state is not in the stream.
    assert np.sum((found - whole) ** 2) <= (0 if target == "audio/mpeg" else 1e-3) * np.sum(whole**2)
    assert noise_db(whole, tone) < -18


def test_the_seams_of_aac_made_in_stretches_are_no_louder_than_the_rest(files) -> None:
    tone = files.tone(24_000, 10)
    found, _ = codecpod.load(files.encoded("audio/aac", tone, 24_000, piece=7200))
    error = found[1024 : 1024 + len(tone)] - tone
    frames = np.sum(error[: 230 * 1024].reshape(230, 1024)[30:-10] ** 2, axis=1)
    assert 10 * np.log10(frames.max() / np.median(frames)) < 10
    assert noise_db(found, tone) < -27


@pytest.mark.parametrize("rate_hz", [8000, 11_025, 22_050, 44_100, 48_000, 96_000])
@pytest.mark.parametrize("channels", [1, 2, 6])
async def test_every_rate_and_number_of_channels(engine, files, rate_hz: int, channels: int) -> None:
    samples = await heard(engine, files.sound("FLAC", rate_hz=rate_hz, channels=channels, seconds=1.0))
    assert len(samples) == RATE_HZ
    spectrum = np.abs(np.fft.rfft(samples))
    assert spectrum[440] > 0.9 * spectrum.max()


async def test_the_first_piece_comes_before_the_last_is_decoded(engine, files) -> None:
    body = MediaBody(MediaPart("file", files.sound("FLAC", seconds=60)), "audio/pcm")
    steps: list[tuple[str, float]] = []
    ctx = SimpleNamespace(cancelled=False, step=lambda kind, units: steps.append((kind, units)))
    async with contextlib.aclosing(engine.run("transcode", body, ctx)) as events:
        first = await anext(events)
        assert (first.media_type, first.rate_hz) == ("audio/pcm", RATE_HZ)
        assert sum(units for kind, units in steps if kind == "encode") < 10
        async for _ in events:
            pass
    assert sum(units for kind, units in steps if kind == "encode") == pytest.approx(60)


async def stream(engine: Any, target: str, data: bytes, size: int, **options: Any) -> tuple[list[Data], Finished, int]:
    """What comes of it, and how many chunks had been sent when the first came."""
    sent = 0

    async def chunks() -> AsyncIterator[Chunk]:
        nonlocal sent
        for at in range(0, len(data), size):
            sent += 1
            yield Chunk(data[at : at + size])

    job = Job("j", "transcode", "media", MediaBody(SAMPLES, target, options))
    pieces, first = [], -1
    ctx = SimpleNamespace(cancelled=False, step=lambda kind, units: None)
    async with contextlib.aclosing(engine.engine.run(job, chunks(), ctx)) as events:
        async for event in events:
            first = sent if first < 0 else first
            pieces.append(event)
    *pieces, finished = pieces
    return pieces, finished, first


TARGETS = ["audio/mpeg", "audio/ogg;codecs=opus", "audio/aac", "audio/flac", "audio/wav", "audio/pcm"]


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("size", [999, 9600])
async def test_samples_that_stream_in_come_out_encoded(engine, files, target: str, size: int) -> None:
    tone = files.tone(24_000, 2.0)
    data = (tone * 32_767).astype("<i2").tobytes()
    pieces, finished, first = await stream(engine, target, data, size, from_hz=24_000, sample_rate_hz=24_000)
    assert {piece.media_type for piece in pieces} == {target}
    assert first * size <= 9600
    assert finished.details["outputs"][0]["seconds"] == 2.0
    out = b"".join(piece.data for piece in pieces)
    assert finished.details["outputs"][0]["bytes"] == len(out)
    if target == "audio/pcm":
        assert out == data
        return
    samples, rate_hz = codecpod.load(out)
    assert noise_db(samples[:: rate_hz // 24_000], tone) < -15


async def test_a_stream_is_resampled(engine, files) -> None:
    data = (files.tone(22_050, 1.0) * 32_767).astype("<i2").tobytes()
    pieces, _, _ = await stream(engine, "audio/pcm", data, 5000, from_hz=22_050, sample_rate_hz=24_000)
    samples = np.frombuffer(b"".join(piece.data for piece in pieces), "<i2") / 32_768
    assert len(samples) == 24_000
    assert noise_db(samples, files.tone(24_000, 1.0)) < -15


@pytest.mark.parametrize("target", TARGETS)
async def test_a_stream_without_samples(engine, target: str) -> None:
    pieces, finished, _ = await stream(engine, target, b"", 100, from_hz=24_000)
    assert finished.details["outputs"][0]["seconds"] == 0
    assert len(b"".join(piece.data for piece in pieces)) < 5000


async def test_streams_that_make_no_sense(engine) -> None:
    assert "within a sample" in await wrong(stream(engine, "audio/wav", b"123", 100, from_hz=24_000))
    await wrong(stream(engine, "audio/wav", b"1234", 100))
    await wrong(stream(engine, "audio/wav", b"1234", 100, from_hz=1))
    await wrong(stream(engine, "audio/aac", b"1234", 100, from_hz=9000))
    await wrong(stream(engine, "image/png", b"1234", 100, from_hz=24_000), UnsupportedField)


async def test_a_wav_streamed_out_is_a_wav(engine, files) -> None:
    pieces, _, _ = await stream(engine, "audio/wav", bytes(4800), 960, from_hz=24_000)
    samples, rate_hz = soundfile.read(io.BytesIO(b"".join(piece.data for piece in pieces)))
    assert (len(samples), rate_hz) == (2400, 24_000)


async def test_silence_is_sound(engine) -> None:
    out = io.BytesIO()
    soundfile.write(out, np.zeros(RATE_HZ), RATE_HZ, "PCM_16", format="WAV")
    assert (await engine.probe(out.getvalue()))["seconds"] == 1.0
    assert not (await heard(engine, out.getvalue())).any()


async def test_no_number_becomes_silence(engine) -> None:
    out = io.BytesIO()
    wave = np.array([0.5, np.nan, np.inf, -np.inf, 0.25] * 1000, np.float32)
    soundfile.write(out, wave, RATE_HZ, "FLOAT", format="WAV")
    samples = await heard(engine, out.getvalue())
    assert samples[:5] == pytest.approx([0.5, 0.0, 1.0, -1.0, 0.25], abs=1e-4)
    assert (await engine.probe(out.getvalue()))["frames"] == 5000


async def test_an_mp3_that_breaks_off(engine, files) -> None:
    data = files.speech()["mp3-tagged"]
    message = await wrong(engine.probe(data[: len(data) // 2]))
    assert "breaks off" in message
    assert "of 58 frames" in message
    await wrong(heard(engine, data[: len(data) // 2]))


@pytest.mark.parametrize("name", [name for name in CONTAINERS if "-" in name or name == "m4a"])
async def test_containers_that_break_off(engine, files, name: str) -> None:
    data = files.speech()[name]
    for part in (0.2, 0.6, 0.97):
        cut = data[: int(part * len(data))]
        if name == "mp4-fragmented" and part < 0.9:
            continue
        message = await wrong(engine.probe(cut))
        assert any(words in message for words in ("breaks off", "damaged", "no index", "no sound track"))


async def test_a_length_that_is_a_lie_is_not_believed(engine, media, files) -> None:
    """Counts in headers: too high, too low, and without an encoder's mark."""
    mp3 = bytearray(files.speech()["mp3-tagged"])
    at = mp3.find(b"Xing") + 8
    mp3[at : at + 4] = struct.pack(">I", 3)
    assert (await engine.probe(bytes(mp3)))["seconds"] > 2.0
    mp3[at : at + 4] = struct.pack(">I", 10_000_000)
    assert "of 10000000 frames" in await wrong(engine.probe(bytes(mp3)))
    flac = bytearray(files.sound("FLAC", seconds=1))
    flac[21:26] = bytes((flac[21] & 0xF0 | 1,)) + bytes(4)
    assert "longer than" not in await wrong(engine.probe(bytes(flac)))
    ogg = bytearray(files.sound("OGG", "VORBIS", seconds=1))
    last = ogg.rfind(b"OggS")
    ogg[last + 6 : last + 14] = struct.pack("<q", 3 * 3600 * RATE_HZ)
    with contextlib.suppress(BadInput):
        assert (await engine.probe(bytes(ogg)))["seconds"] < 2


def mp3_frames(data: bytes) -> bytes:
    """The file without its tags."""
    places = mpeg.frames(memoryview(data), lambda: None).places.tolist()
    return b"".join(data[at : at + size] for at, size in places)


async def test_two_bit_rates_in_one_mp3_are_both_heard(engine, files) -> None:
    tone = files.tone(24_000, 5)
    loud, quiet = (mp3_frames(codecpod.save_bytes(tone, 24_000, codecpod.Mp3(rate))) for rate in (128_000, 32_000))
    facts = await engine.probe(loud + b"\0" * 1000 + quiet)
    assert facts["seconds"] == pytest.approx(10, abs=0.3)
    assert len(await heard(engine, loud + quiet)) == pytest.approx(160_000, abs=5000)


async def test_three_hours_are_too_long_and_the_limit_is_named(media, files, tmp_path: Path) -> None:
    engine = await media(blobs_dir=str(tmp_path))
    wav = bytearray(files.sound("WAV", rate_hz=RATE_HZ))
    hours = struct.pack("<I", 3 * 3600 * 2 * RATE_HZ)
    at = wav.index(b"data")
    name = "ab" * 32
    (tmp_path / "ab").mkdir()
    with (tmp_path / "ab" / name).open("wb") as file:
        file.write(bytes(wav[: at + 4]) + hours)
        file.truncate(file.tell() + 3 * 3600 * 2 * RATE_HZ)
    start_s = time.monotonic()
    message = await wrong(engine.probe(b"", blob=name), TooLarge)
    assert "1800 seconds (30 minutes)" in message
    body = MediaBody(MediaPart("file", blob=name), "audio/pcm")
    await wrong(engine.events("transcode", body), TooLarge)
    frame = containers.mp3_packets(files.speech()["mp3"])[0]
    await wrong(engine.probe(frame * (3 * 3600 * RATE_HZ // 576)), TooLarge)
    assert time.monotonic() - start_s < 10


@pytest.mark.parametrize(
    ("rate_hz", "taken"), [(0, False), (1, False), (999, False), (4_000_000_000, False), (7999, True)]
)
async def test_a_wrong_sample_rate_in_the_header(engine, files, rate_hz: int, taken: bool) -> None:
    wav = bytearray(files.sound("WAV"))
    wav[24:32] = struct.pack("<II", rate_hz, (2 * rate_hz) & 0xFFFFFFFF)
    if taken:
        assert (await engine.probe(bytes(wav)))["sample_rate_hz"] == rate_hz
        assert len(await heard(engine, bytes(wav))) == pytest.approx(8000 * RATE_HZ / rate_hz, abs=1)
    else:
        await wrong(engine.probe(bytes(wav)))


async def test_films_without_sound_and_sound_nobody_can_decode(engine, files) -> None:
    packets = [b"\0" * 50] * 5
    entry = containers.entry(b"mp4a", containers.esds(0x40, b"\x14\x08"))
    for data, words in (
        (containers.mp4(packets, entry, handler=b"vide"), "no sound track"),
        (containers.webm(packets, b"V_VP8", b"", track_type=1), "no sound track"),
        (containers.mp4(packets, containers.entry(b"alac", b"")), "Apple Lossless"),
        (containers.mp4(packets, containers.entry(b"enca", b"")), "encrypted"),
        (containers.webm(packets, b"A_DTS", b""), "A_DTS"),
        (containers.webm(packets, b"A_OPUS", b"", extra=containers.element(0x6D80, b"x")), "encrypted"),
        (containers.mp4(packets, containers.entry(b"mp4a", containers.esds(0x40, b"\xb9\x08"))), "object type 23"),
    ):
        assert words in await wrong(engine.probe(data))


async def test_tables_made_to_take_all_memory(engine, files) -> None:
    entry = containers.entry(b"mp4a", containers.esds(0x40, b"\x14\x08"))
    good = containers.mp4([b"\0" * 50] * 5, entry)
    for table, at in ((b"stsz", 8), (b"stsz", 12), (b"stsc", 8), (b"stsc", 12), (b"stco", 8)):
        for value in (0xFFFFFFFF, 0x7FFFFFFF, 1 << 20):
            bad = bytearray(good)
            place = bad.index(table) + at
            bad[place : place + 4] = struct.pack(">I", value)
            start_s = time.monotonic()
            await wrong(engine.probe(bytes(bad)))
            assert time.monotonic() - start_s < 1


async def test_junk_is_not_searched_for_ever(engine, files) -> None:
    start_s = time.monotonic()
    await wrong(engine.probe(b"\xff\xfb\x90\x64" + b"\xff\xfb\xf0" * 2_000_000))
    await wrong(engine.probe(b"\xff\xf1\x50\x80\x02\x1f\xfc" + b"\xff\xf1\xff" * 2_000_000))
    assert time.monotonic() - start_s < 5


@pytest.mark.parametrize("name", ["mp3", "m4a", "webm-opus"])
async def test_nobody_waits_for_a_decoder_that_was_left(engine, files, name: str) -> None:
    body = MediaBody(MediaPart("file", files.speech(30.0)[name]), "audio/flac")
    work = asyncio.create_task(engine.events("transcode", body))
    await asyncio.sleep(0.02)
    work.cancel()
    start_s = time.monotonic()
    with contextlib.suppress(asyncio.CancelledError):
        await work
    assert (await engine.probe(files.picture()))["width"] == 20
    assert time.monotonic() - start_s < 0.2


@FUZZ
@given(draw=st.data())
async def test_damaged_containers(engine, files, draw: st.DataObject) -> None:
    good = files.speech(0.5)
    data = bytearray(good[draw.draw(st.sampled_from(sorted(good)))])
    for _ in range(draw.draw(st.integers(1, 8))):
        at = draw.draw(st.integers(0, min(len(data), 2000) - 1) | st.integers(0, len(data) - 1))
        data[at] = draw.draw(st.sampled_from((0, 1, 0x7F, 0x80, 0xFF)) | st.integers(0, 255))
    data = data[: draw.draw(st.integers(1, len(data)) | st.just(len(data)))]
    for target in ("audio/pcm", "audio/flac"):
        with contextlib.suppress(BadInput):
            await engine.transcode(bytes(data), target, sample_rate_hz=RATE_HZ, channels=1)
    with contextlib.suppress(BadInput):
        found = await engine.probe(bytes(data))
        # What is left of a file may be a word of text: then there is no sound to have a length.
        assert found["kind"] == "text" or found["seconds"] < 1800


@FUZZ
@given(data=st.binary(max_size=400), which=st.sampled_from([isobmff.track, matroska.track, mpeg.frames]))
def test_readers_raise_nothing_else_on_random_bytes(data: bytes, which: Any) -> None:
    heads = {isobmff.track: b"\0\0\1\0moov", matroska.track: b"\x18\x53\x80\x67\x01\xff\xff\xff\xff\xff\xff\xff"}
    for head in (b"", heads.get(which, b"\xff\xfb\x90\x64")):
        with contextlib.suppress(BadInput, struct.error, IndexError):
            which(memoryview(head + data), lambda: None)
