"""Facts about good files, and what is wrong with bad ones."""

import asyncio
import contextlib
import io
import struct
import time
import zlib
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from omniwatt.contract.error import BadInput, Cancelled, EngineFailed, TooLarge, UnsupportedField
from omniwatt.contract.request import DataBody, MediaBody, MediaPart

FUZZ = settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])


async def wrong(work: Any, kind: type[Exception] = BadInput) -> str:
    with pytest.raises(BadInput) as caught:
        await work
    assert type(caught.value) is kind
    assert " at 0x" not in caught.value.message
    return caught.value.message


@pytest.mark.parametrize(
    ("name", "facts"),
    [
        ("png", {"kind": "image", "media_type": "image/png", "width": 20, "height": 10, "frames": 1, "mode": "L"}),
        ("jpeg", {"media_type": "image/jpeg", "transparent": False, "orientation": 1}),
        ("webp", {"media_type": "image/webp", "transparent": False}),
        ("avif", {"media_type": "image/avif", "width": 20}),
        ("bmp", {"media_type": "image/bmp", "width": 20}),
        ("tiff", {"media_type": "image/tiff", "frames": 1}),
        ("animation", {"media_type": "image/gif", "width": 8, "height": 8, "frames": 3}),
        ("wav", {"kind": "audio", "seconds": 0.5, "frames": 8000, "sample_rate_hz": 16_000, "channels": 1}),
        ("flac", {"media_type": "audio/flac", "seconds": 0.5, "encoding": "PCM_16"}),
        ("aiff", {"media_type": "audio/aiff", "seconds": 0.5}),
        ("ogg", {"media_type": "audio/ogg", "seconds": 0.5, "encoding": "VORBIS"}),
        ("opus", {"media_type": "audio/ogg", "seconds": 0.5, "encoding": "OPUS"}),
        ("mp3", {"media_type": "audio/mpeg", "seconds": 0.5, "encoding": "MPEG_LAYER_III"}),
        ("pdf", {"kind": "document", "pages": 2, "width_points": 200.0, "height_points": 100.0}),
        ("txt", {"kind": "text", "media_type": "text/plain", "characters": 11, "lines": 2, "bytes": 12}),
    ],
)
async def test_facts(engine, files, name: str, facts: dict[str, Any]) -> None:
    found = await engine.probe(files.all()[name])
    if name == "webp":
        facts = {**facts, "transparent": found["mode"] == "RGBA"}
    assert {key: found[key] for key in facts} == facts
    assert found["bytes"] == len(files.all()[name])


@pytest.mark.parametrize(
    ("name", "claimed", "agrees"),
    [
        ("png", "image/png", True),
        ("png", "image/jpeg", False),
        ("png", "", True),
        ("wav", "audio/x-wav", True),
        ("mp3", "audio/mp3; x=1", True),
        ("txt", "application/json", True),
        ("txt", "text/markdown", True),
        ("txt", "image/png", False),
    ],
)
async def test_a_false_claim_is_a_fact_and_no_error(engine, files, name: str, claimed: str, agrees: bool) -> None:
    assert (await engine.probe(files.all()[name], claimed))["as_claimed"] is agrees


async def test_the_work_is_reported(engine, files) -> None:
    from types import SimpleNamespace

    steps: list[tuple[str, float]] = []
    ctx = SimpleNamespace(cancelled=False, step=lambda kind, units: steps.append((kind, units)))
    data = files.picture()
    await engine.probe(data, ctx=ctx)
    assert steps == [("probe", len(data))]


async def test_size_is_as_shown(engine, files) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    found = await engine.probe(files.picture("RGB", "JPEG", exif=exif))
    assert (found["width"], found["height"], found["orientation"]) == (10, 20, 6)


@pytest.mark.parametrize("name", ["png", "jpeg", "bmp", "tiff", "webp", "avif", "gif"])
async def test_half_a_picture(engine, files, name: str) -> None:
    data = files.picture("RGB" if name != "gif" else "P", name.upper(), size=(200, 200))
    assert f"image/{name} data cannot be read" in await wrong(engine.probe(data[: len(data) // 2]))


@pytest.mark.parametrize("name", ["wav", "flac", "aiff", "ogg", "opus", "mp3", "pdf"])
async def test_the_first_bytes_alone(engine, files, name: str) -> None:
    await wrong(engine.probe(files.all()[name][:30]))


async def test_sound_that_breaks_off(engine, files) -> None:
    data = files.sound("WAV", seconds=2)
    assert "breaks off: 31956 of 64000 bytes" in await wrong(engine.probe(data[:32_000]))
    await wrong(engine.probe(files.sound("FLAC", seconds=2)[:9000]))


async def test_a_wav_of_unknown_length_is_taken(engine, files) -> None:
    data = files.sound("WAV")
    at = data.index(b"data") + 4
    found = await engine.probe(data[:at] + b"\xff\xff\xff\xff" + data[at + 4 :])
    assert found["seconds"] == 0.5


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b"\0\1\2\3", "no picture, sound or document"),
        (b"PK\x03\x04zip", "no picture, sound or document"),
        (b"\0\0\0\x18ftypM4A \0\0\0\0", "no index"),
        (b"\0\0\0\x18ftypheic\0\0\0\0", "no decoder for image/heic"),
        (b"\x1aE\xdf\xa3webm", "breaks off"),
        (b"GIF89a", "image/gif data cannot be read"),
        (b"\x89PNG\r\n\x1a\n", "image/png data cannot be read"),
        (b"%PDF-1.7 nothing more", "PDF document is damaged"),
    ],
)
async def test_what_is_wrong_is_named(engine, data: bytes, words: str) -> None:
    assert words in await wrong(engine.probe(data))


async def test_no_sound_at_all(engine, files) -> None:
    assert "holds no sound" in await wrong(engine.probe(files.sound("WAV", seconds=0)))


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few hundred bytes that says it has that many pixels."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 9999)) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(("width", "height"), [(10_001, 10_000), (65_535, 65_535), (2**31 - 1, 1)])
async def test_decompression_bombs(engine, width: int, height: int) -> None:
    start = time.monotonic()
    assert "pixels" in await wrong(engine.probe(bomb(width, height)))
    assert time.monotonic() - start < 1


async def test_limits(media, files) -> None:
    small = await media(max_pixels=199, max_pages=1, max_seconds=0.4, max_frames=2, max_bytes=100_000)
    assert "more than 199 pixels" in await wrong(small.probe(files.picture()))
    assert "2 pages" in await wrong(small.probe(files.pdf(2)))
    assert "longer than the 0.4 seconds" in await wrong(small.probe(files.sound()), TooLarge)
    assert "more than 2 frames" in await wrong(small.probe(files.animation()))
    assert "100000 bytes" in await wrong(small.probe(b"x" * 100_001), TooLarge)


async def test_more_channels_than_anybody_has(engine, files) -> None:
    await wrong(engine.probe(files.sound(channels=33, seconds=0.01)))


async def test_an_encrypted_document(engine, files) -> None:
    data = files.pdf(encrypt=files.locked)
    assert "encrypted" in await wrong(engine.probe(data))
    body = MediaBody(MediaPart("file", data), "text/plain", {"password": "no"})
    assert "password does not open" in await wrong(engine.events("transcode", body))


async def test_frames_made_to_be_counted_for_ever(media) -> None:
    media_engine = await media(max_frames=1000)
    gif = b"GIF89a\1\0\1\0\x80\0\0" + b"\0" * 6 + b"\x2c\0\0\0\0\1\0\1\0\0\2\2\x44\1\0" * 200_000 + b";"
    directory = b"".join(struct.pack("<HI", 0, 8 + 6 * (i + 1)) for i in range(200_000))
    tiff = b"II*\0" + struct.pack("<I", 8) + directory
    circle = b"II*\0" + struct.pack("<IHI", 8, 0, 8)
    start = time.monotonic()
    for data in (gif, tiff, circle):
        await wrong(media_engine.probe(data))
    assert time.monotonic() - start < 2


async def test_what_it_cannot_do(engine, files) -> None:
    await wrong(engine.events("draw", DataBody("x")), UnsupportedField)
    await wrong(engine.events("probe", DataBody("x")), UnsupportedField)


async def test_a_limit_that_is_none_stops_the_load(media) -> None:
    with pytest.raises(EngineFailed):
        await media(max_pixels="many")


async def test_leaving_ends_at_once_and_the_thread_soon(engine, files) -> None:
    data = files.sound("FLAC", rate_hz=48_000, channels=2, seconds=30)
    body = MediaBody(MediaPart("file", data), "audio/mpeg")
    work = asyncio.create_task(engine.events("transcode", body))
    await asyncio.sleep(0.1)
    start = time.monotonic()
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert time.monotonic() - start < 0.1
    assert (await engine.probe(files.picture()))["width"] == 20
    assert time.monotonic() - start < 2


async def test_a_cancelled_call_does_nothing(engine, files) -> None:
    from types import SimpleNamespace

    with pytest.raises(Cancelled):
        await engine.probe(files.picture(), ctx=SimpleNamespace(cancelled=True))


async def test_leaving_at_every_event(engine, files) -> None:
    body = MediaBody(MediaPart("file", files.pdf(3)), "image/png")
    total = len(await engine.events("transcode", body))
    for leave_after in range(total + 1):
        async with contextlib.aclosing(engine.run("transcode", body)) as events:
            for _ in range(leave_after):
                await anext(events)
    assert len(await engine.events("transcode", body)) == total


async def fact_or_bad_input(engine, data: bytes) -> None:
    try:
        facts = await engine.probe(data)
    except BadInput as error:
        assert error.message  # noqa: PT017 - either outcome is right
    else:
        assert facts["media_type"]


@FUZZ
@given(data=st.binary(max_size=300))
async def test_random_bytes(engine, data: bytes) -> None:
    await fact_or_bad_input(engine, data)


@FUZZ
@given(draw=st.data())
async def test_damaged_files(engine, files, draw: st.DataObject) -> None:
    good = files.all()
    data = bytearray(good[draw.draw(st.sampled_from(sorted(good)))])
    for _ in range(draw.draw(st.integers(1, 8))):
        at = draw.draw(st.integers(0, len(data) - 1))
        data[at] = draw.draw(st.integers(0, 255))
    await fact_or_bad_input(engine, bytes(data[: draw.draw(st.integers(1, len(data)))]))


async def test_a_picture_opened_as_what_it_says_elsewhere_is_never_tried(engine) -> None:
    """Only the sniffed format's decoder sees the bytes: PostScript inside a BMP name is no PostScript."""
    out = io.BytesIO()
    Image.new("RGB", (2, 2)).save(out, "EPS")
    facts = await engine.probe(out.getvalue())
    assert facts["kind"] == "text"
