"""Chat with audio over the whole way: echo hears, writes and speaks in its own process, the media engine decodes."""

import asyncio
import io
import json
import math
import struct
import wave
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from omniwatt import settings, wiring
from omniwatt.api.parts import Parts
from omniwatt.contract.error import BadInput, EngineDied, EngineFailed, OmniwattError, TooLarge
from omniwatt.contract.event import ChoiceEnd, Data, Event, Finished, Started, TextDelta
from omniwatt.contract.job import Caller
from omniwatt.contract.request import ChatBody, MediaPart, Message, Part, Request, TextPart, Voice

CALLER = Caller(key_id="k1", name="test", project="p1")
CARDS = {
    "deaf": 'base = "echo"\ninput_modalities = ["text"]\n',
    "ears": 'base = "echo"\ncapabilities = ["hear"]\nslots = 1\n',
    "voice": 'base = "echo"\ncapabilities = ["speak"]\nslots = 1\n',
    "broken-voice": 'base = "echo"\ncapabilities = ["speak"]\n[options]\nkill_at = 2\n',
    "broken-ears": 'base = "echo"\ncapabilities = ["hear"]\n[options]\nkill_at = 1\n',
}


@asynccontextmanager
async def _build(home: Path, **models: str) -> AsyncIterator[Parts]:
    (home / "cards").mkdir(parents=True)
    for name, card in CARDS.items():
        (home / "cards" / f"{name}.toml").write_text(card)
    named = {"default": "deaf", "hear": "ears", "speak": "voice", "preload": False} | models
    named["serve"] = f"deaf,{named['hear']},{named['speak']}"
    flags = {"storage": {"home": str(home)}, "models": named, "audio": {"max_seconds": 5}}
    async with wiring.build(settings.load(None, flags, {})) as parts:
        yield parts


Way = AbstractAsyncContextManager[Parts]


@pytest.fixture
def way(tmp_path: Path) -> Way:
    return _build(tmp_path / "home")


def wav(seconds: float, rate_hz: int = 16_000) -> MediaPart:
    """A tone: echo writes `second N` for each second of it."""
    count = int(seconds * rate_hz)
    samples = struct.pack(f"<{count}h", *(int(8000 * math.sin(place / 5)) for place in range(count)))
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setparams((1, 2, rate_hz, 0, "NONE", ""))
        file.writeframes(samples)
    return MediaPart(kind="audio", data=buffer.getvalue(), media_type="audio/wav")


def asked(name: str, *parts: Part, voice: str = "alloy", form: str = "pcm16", model: str = "deaf") -> Request:
    body = ChatBody(
        messages=(Message("user", parts),), voice=Voice(voice) if voice else None, audio_format=form if voice else ""
    )
    return Request(id=name, capability="chat", model=model, body=body)


def scripted(name: str, **script: Any) -> Request:
    return asked(name, TextPart(f"echo: {json.dumps(script)}"))


async def everything(parts: Parts, request: Request, seen: list[Event] | None = None) -> list[Event]:
    seen = [] if seen is None else seen
    async with aclosing(parts.pipeline.serve(request, CALLER)) as events:
        async for event in events:
            seen.append(event)
    return seen


def rows(parts: Parts) -> dict[str, Any]:
    parts.database.flush()
    found = [dict(row) for row in parts.database.read("SELECT * FROM ledger")]
    assert len({row["id"] for row in found}) == len(found), "two rows for one request"
    return {row["id"]: row for row in found}


def taken(parts: Parts) -> float:
    return sum(group["running"] + group["waiting"] for group in parts.admission.status().values())


def text(events: list[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


async def test_speech_in_speech_out_is_one_request_and_one_row(way: Way) -> None:
    async with way as parts:
        events = await everything(parts, asked("r", wav(2.0, 44_100)))
        assert isinstance(events[0], Started)
        assert text(events) == "second 1 second 2"
        sounds = [event for event in events if isinstance(event, Data)]
        spoken_s = sum(len(event.data) for event in sounds) / 2 / 24_000
        # Four words and the three blanks between them, 0.04 s each.
        assert spoken_s == pytest.approx(0.04 * sum(event.tokens for event in sounds), abs=0.05)
        assert [type(event) for event in events[-2:]] == [ChoiceEnd, Finished]
        usage = events[-1].usage  # type: ignore[union-attr]
        assert (usage.audio_tokens, usage.audio_s) == (50, pytest.approx(2.0, abs=0.01))
        assert usage.audio_output_tokens == round(spoken_s * 25)
        row = rows(parts)["r"]
        assert (row["state"], row["card"], row["audio_tokens"]) == ("done", "deaf", 50)
        assert row["audio_output_tokens"] == usage.audio_output_tokens
        assert row["prompt_tokens"] == usage.prompt_tokens > 50
        assert row["completion_tokens"] == usage.completion_tokens > usage.audio_output_tokens
        assert taken(parts) == 0
        assert set(parts.admission.status()) == {"deaf", "ears", "voice", "media"}


@pytest.mark.parametrize("form", ["wav", "mp3", "flac", "opus", "aac"])
async def test_every_form_comes_in_pieces(way: Way, form: str) -> None:
    async with way as parts:
        events = await everything(parts, asked("r", TextPart("one two three four five six"), form=form))
        data = b"".join(event.data for event in events if isinstance(event, Data))
        begins = {"wav": b"RIFF", "flac": b"fLaC", "opus": b"OggS", "mp3": b"", "aac": b"\xff"}
        assert data.startswith(begins[form])
        assert len(data) > 500
        heard = await everything(parts, asked("again", MediaPart("audio", data), voice=""))
        assert text(heard).startswith("second 1"), "what was spoken can be heard"


async def test_one_minute_of_speech_is_1500_tokens(way: Way) -> None:
    async with way as parts:
        minutes = asked("r", *(wav(4.0, 8000) for _ in range(15)), voice="")
        events = await everything(parts, minutes)
        assert events[-1].usage.audio_tokens == 1500  # type: ignore[union-attr]
        assert text(events).count("second") == 60


async def test_closed_at_every_event(way: Way) -> None:
    async with way as parts:
        points = len(await everything(parts, asked("r0", wav(1.0))))
        for point in range(points):
            events = parts.pipeline.serve(asked(f"r{point + 1}", wav(1.0)), CALLER)
            for _ in range(min(point + 1, points)):
                if await anext(events, None) is None:
                    break
            await events.aclose()
            assert taken(parts) == 0, f"a slot leaked at event {point}"
            assert all(one.in_flight == 0 for one in parts.pool.status()), f"an engine still works after event {point}"
        states = [row["state"] for row in rows(parts).values()]
        assert len(states) == points + 1
        assert set(states) <= {"done", "cancelled"}
        assert states.count("cancelled") >= points - 3
        heard = [row["audio_tokens"] for row in rows(parts).values() if row["state"] == "cancelled"]
        assert 25 in heard, "what was heard before the client left is billed"


async def test_clients_that_leave_at_any_moment_leave_nothing(way: Way) -> None:
    async with way as parts:
        await everything(parts, asked("warm", wav(1.0)))
        tasks = [asyncio.create_task(everything(parts, asked(f"r{number}", wav(1.0)))) for number in range(12)]
        for number, task in enumerate(tasks):
            asyncio.get_running_loop().call_later(0.01 + 0.03 * number, task.cancel)
        await asyncio.gather(*tasks, return_exceptions=True)
        assert taken(parts) == 0
        assert all(one.in_flight == 0 for one in parts.pool.status())
        assert len(rows(parts)) == 13
        assert isinstance((await everything(parts, asked("after", wav(1.0))))[-1], Finished)


@pytest.mark.parametrize(
    ("script", "error"),
    [({"kill_at": 3}, EngineDied), ({"fail_at": 3}, EngineFailed), ({"raise_at": 0}, EngineFailed)],
    ids=["killed", "failed", "defect"],
)
async def test_a_writer_that_dies_is_one_error(way: Way, script: dict[str, Any], error: type[OmniwattError]) -> None:
    async with way as parts:
        with pytest.raises(error):
            await everything(parts, scripted("r", tokens=9, token_s=0.02, **script))
        assert rows(parts)["r"]["state"] == "failed"
        assert taken(parts) == 0
        assert isinstance((await everything(parts, asked("next", wav(1.0))))[-1], Finished)


@pytest.mark.parametrize(("role", "card"), [("speak", "broken-voice"), ("hear", "broken-ears")])
async def test_a_helper_that_is_killed_is_one_error(tmp_path: Path, role: str, card: str) -> None:
    async with _build(tmp_path / "home", **{role: card}) as parts:
        seen: list[Event] = []
        with pytest.raises(EngineDied):
            await everything(parts, asked("r", wav(3.0)), seen)
        assert not any(isinstance(event, ChoiceEnd | Finished) for event in seen)
        assert bool(text(seen)) == (role == "speak")
        assert rows(parts)["r"]["state"] == "failed"
        assert taken(parts) == 0
        assert isinstance((await everything(parts, asked("next", TextPart("Hi"), voice="")))[-1], Finished)


@pytest.mark.parametrize(
    ("part", "error", "says"),
    [
        (MediaPart("audio", b"\x89PNG\r\n\x1a\n" + b"\0" * 50, media_type="audio/wav"), BadInput, "image/png"),
        (MediaPart("audio", b"no sound at all", media_type="audio/wav"), BadInput, "no sound"),
        (MediaPart("audio", b"RIFF\0\0\0\0WAVE", media_type="audio/wav"), BadInput, "audio/wav"),
        (wav(6.0, 8000), TooLarge, "at most 5"),
    ],
    ids=["a picture", "text", "a header alone", "too long"],
)
async def test_bad_sound_is_refused_before_anything_is_said(
    way: Way, part: MediaPart, error: type[OmniwattError], says: str
) -> None:
    async with way as parts:
        seen: list[Event] = []
        with pytest.raises(error, match=says):
            await everything(parts, asked("r", part), seen)
        assert seen == []
        assert rows(parts)["r"]["state"] == "refused"
        assert parts.pool.loaded("ears") is None


async def test_silence_is_said_to_be_silence(way: Way) -> None:
    async with way as parts:
        quiet = wav(1.0)
        quiet = MediaPart("audio", quiet.data[:44] + b"\0" * (len(quiet.data) - 44), media_type="audio/wav")
        assert text(await everything(parts, asked("r", quiet, voice=""))) == "(silence)"
