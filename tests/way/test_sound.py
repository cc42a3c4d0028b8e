"""Sound on the whole way: echo's ears and voice with the real decoders and encoders, in processes of their own."""

import asyncio
import io
import math
import struct
import wave
from contextlib import AbstractAsyncContextManager, aclosing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from omniwatt import settings, wiring
from omniwatt.api.parts import Parts
from omniwatt.contract.error import BadInput, EngineDied, OmniwattError, TooLarge, UnsupportedField
from omniwatt.contract.event import Data, Event, Fact, Finished, Progress, Segment, Started, TextDelta
from omniwatt.contract.job import Caller, Job
from omniwatt.contract.request import Body, Capability, HearBody, MediaBody, MediaPart, Request, SpeakBody, Voice

CALLER = Caller(key_id="k1", name="test", project="p1")
FORMATS = ("mp3", "opus", "aac", "flac", "wav", "pcm")
WORDS = "one two three four five six seven eight nine ten eleven twelve"


def tone(seconds: float, rate_hz: int = 16_000, channels: int = 1, silent: tuple[int, ...] = ()) -> bytes:
    """A WAV of a tone; the seconds numbered in `silent` hold nothing."""
    frames = bytearray()
    for place in range(int(seconds * rate_hz)):
        loud = 0 if place // rate_hz in silent else 8000
        frames += struct.pack("<h", int(loud * math.sin(place / rate_hz * 2764))) * channels
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes(bytes(frames))
    return out.getvalue()


def asked(capability: Capability, body: Body, name: str = "r1") -> Request:
    return Request(id=name, capability=capability, model="echo", body=body)


def recording(data: bytes, **fields: Any) -> HearBody:
    return HearBody(part=MediaPart("audio", data=data, name="a.wav"), **fields)


def speech(text: str, audio_format: str = "wav", **voice: Any) -> SpeakBody:
    return SpeakBody(voice=Voice("alloy", **voice), text=text, audio_format=audio_format)


async def everything(parts: Parts, request: Request) -> list[Event]:
    async with aclosing(parts.pipeline.serve(request, CALLER)) as events:
        return [event async for event in events]


def rows(parts: Parts) -> list[dict[str, Any]]:
    parts.database.flush()
    return [dict(row) for row in parts.database.read("SELECT * FROM ledger ORDER BY number")]


def taken(parts: Parts) -> float:
    return sum(group["running"] + group["waiting"] for group in parts.admission.status().values())


async def seconds_of(parts: Parts, data: bytes) -> float:
    """How long it is, by the media engine's own look."""
    job = Job(id="look", capability="probe", model="media", body=MediaBody(MediaPart("audio", data=data)))
    async with aclosing(parts.pool.call("media", job)) as events:
        facts = [event.values async for event in events if isinstance(event, Fact)]
    return float(facts[0]["seconds"])


async def test_a_recording_is_decoded_and_written_down(way: AbstractAsyncContextManager[Parts]) -> None:
    async with way as parts:
        stereo = tone(3.5, 44_100, 2, silent=(1,))
        events = await everything(parts, asked("hear", recording(stereo, words=True)))
        assert isinstance(events[0], Started)
        segments = [event for event in events if isinstance(event, Segment)]
        assert [segment.text for segment in segments] == [" second 1", " second 3", " second 4"]
        assert segments[-1].end_s == pytest.approx(3.5, abs=0.01)
        assert any(isinstance(event, Progress) for event in events)
        end = events[-1]
        assert isinstance(end, Finished)
        assert end.usage.audio_s == pytest.approx(3.5, abs=0.01)
        (row,) = rows(parts)
        assert (row["state"], row["capability"], row["card"]) == ("done", "hear", "echo")
        assert row["prompt_tokens"] == row["audio_tokens"] == pytest.approx(3.5 * 25, abs=1)
        assert row["completion_tokens"] == sum(isinstance(event, TextDelta) for event in events)
        assert taken(parts) == 0


@pytest.mark.parametrize("form", FORMATS)
async def test_speech_in_every_form_is_as_long_as_it_should_be(
    way: AbstractAsyncContextManager[Parts], form: str
) -> None:
    async with way as parts:
        events = await everything(parts, asked("speak", speech(WORDS, form)))
        sound = b"".join(event.data for event in events if isinstance(event, Data))
        expected_s = 12 * 0.04
        if form == "pcm":
            assert len(sound) / 2 / 24_000 == pytest.approx(expected_s, abs=0.01)
        else:
            assert await seconds_of(parts, sound) == pytest.approx(expected_s, abs=0.12)
        (row,) = rows(parts)
        assert (row["prompt_tokens"], row["completion_tokens"], row["audio_output_tokens"]) == (12, 12, 12)
        assert (row["audio_tokens"], row["state"]) == (0, "done")
        assert taken(parts) == 0


async def test_what_was_spoken_can_be_heard(way: AbstractAsyncContextManager[Parts]) -> None:
    async with way as parts:
        spoken = await everything(parts, asked("speak", speech(WORDS * 5, "flac")))
        sound = b"".join(event.data for event in spoken if isinstance(event, Data))
        heard = await everything(parts, asked("hear", recording(sound)))
        assert [event.text for event in heard if isinstance(event, Segment)] == [" second 1", " second 2", " second 3"]


async def test_the_first_sound_comes_while_the_rest_is_still_made(way: AbstractAsyncContextManager[Parts]) -> None:
    async with way as parts:
        slow = speech('echo: {"tokens": 100, "token_s": 0.05}', "mp3")
        async with aclosing(parts.pipeline.serve(asked("speak", slow), CALLER)) as events:
            async with asyncio.timeout(20):
                first = [await anext(events) for _ in range(2)][1]
        assert isinstance(first, Data)
        (row,) = rows(parts)
        assert row["state"] == "cancelled"
        assert 0 < row["completion_tokens"] == row["audio_output_tokens"] < 90
        assert taken(parts) == 0


@pytest.mark.parametrize("body", [recording(tone(2.2)), speech(WORDS)], ids=["hear", "speak"])
async def test_closed_at_every_event(way: AbstractAsyncContextManager[Parts], body: HearBody | SpeakBody) -> None:
    capability: Capability = "hear" if isinstance(body, HearBody) else "speak"
    async with way as parts:
        points = len(await everything(parts, asked(capability, body)))
        for point in range(points):
            events = parts.pipeline.serve(asked(capability, body, f"c{point}"), CALLER)
            for _ in range(point + 1):
                await anext(events)
            await events.aclose()
            assert taken(parts) == 0, f"a slot leaked at event {point}"
        states = [row["state"] for row in rows(parts)]
        assert states == ["done", *["cancelled"] * (points - 1), "done"]


@pytest.mark.parametrize(
    ("data", "error", "says"),
    [
        (b"", BadInput, "empty"),
        (b"\x89PNG\r\n\x1a\nnothing", BadInput, "image"),
        (b"just some text", BadInput, "no sound"),
        (tone(1.0)[:20_000], BadInput, "breaks off"),
        (tone(0.0), BadInput, "no sound"),
        (b"\x00\x01\x02\x03" * 100, BadInput, "known here"),
    ],
    ids=["empty", "broken picture", "text", "cut off", "no samples", "noise"],
)
async def test_what_is_no_sound_is_refused(
    way: AbstractAsyncContextManager[Parts], data: bytes, error: type[OmniwattError], says: str
) -> None:
    async with way as parts:
        with pytest.raises(error, match=says):
            await everything(parts, asked("hear", recording(data)))
        (row,) = rows(parts)
        assert (row["state"], row["status"]) == ("refused", 400)
        assert taken(parts) == 0
        assert isinstance((await everything(parts, asked("hear", recording(tone(0.5)))))[-1], Finished)


async def test_silence_is_no_text(way: AbstractAsyncContextManager[Parts]) -> None:
    async with way as parts:
        events = await everything(parts, asked("hear", recording(tone(2.0, silent=(0, 1)))))
        assert not [event for event in events if isinstance(event, TextDelta | Segment)]
        assert isinstance(events[-1], Finished)


async def test_a_sound_over_the_operators_limit_is_too_large(tmp_path: Path) -> None:
    flags = {"storage": {"home": str(tmp_path)}, "models": {"serve": "echo", "preload": False}}
    chosen = settings.load(None, {**flags, "audio": {"max_seconds": 2}}, {})
    async with wiring.build(chosen) as parts:
        with pytest.raises(TooLarge, match="3 seconds") as caught:
            await everything(parts, asked("hear", recording(tone(3.0))))
        assert (caught.value.param, caught.value.code) == ("file", "audio_too_long")
        assert rows(parts)[0]["status"] == 413
        assert isinstance((await everything(parts, asked("hear", recording(tone(1.9)))))[-1], Finished)


async def test_a_killed_voice_ends_one_request(way: AbstractAsyncContextManager[Parts]) -> None:
    async with way as parts:
        with pytest.raises(EngineDied):
            await everything(parts, asked("speak", speech('echo: {"tokens": 50, "token_s": 0.01, "kill_at": 9}')))
        with pytest.raises(EngineDied):
            await everything(parts, asked("hear", recording(tone(3.0), prompt='echo: {"kill_at": 3}')))
        assert [row["state"] for row in rows(parts)] == ["failed", "failed"]
        assert taken(parts) == 0
        assert isinstance((await everything(parts, asked("speak", speech(WORDS))))[-1], Finished)


async def test_a_long_recording_crosses_as_a_reference(way: AbstractAsyncContextManager[Parts]) -> None:
    async with way as parts:
        data = tone(5.0, 48_000, 2) + bytes(9 * 1024 * 1024)
        with parts.blobs.draft("p1") as draft:
            await draft.write(data)
            blob = await draft.keep(kind="spool")
        body = HearBody(part=MediaPart("audio", blob=blob.sha256))
        events = await everything(parts, asked("hear", body))
        assert sum(isinstance(event, Segment) for event in events) == 5


async def test_an_engine_that_cannot_speak_says_so(way: AbstractAsyncContextManager[Parts]) -> None:
    async with way as parts:
        deaf = msgspec.structs.replace(asked("hear", recording(tone(0.5))), model="media")
        with pytest.raises(OmniwattError):
            await everything(parts, deaf)
        with pytest.raises(UnsupportedField, match="instructions"):
            await everything(parts, asked("speak", speech("Hi.", instructions="with a French accent")))
        assert {row["state"] for row in rows(parts)} == {"refused"}
