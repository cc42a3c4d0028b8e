"""Where a session ends, and what it does not take: nothing is held afterwards, and nothing is left half said."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from omniwatt import settings, wiring
from omniwatt.api.parts import Parts
from tests.way.realtime_talk import Talk, silence, talking, tone
from tests.way.test_realtime import MANUAL, TEXT, key_of, rows, say_text, told
from tests.way.test_realtime_turns import in_real_time, speech, vad


@asynccontextmanager
async def limited(home: Path, **realtime: Any) -> AsyncIterator[tuple[Parts, Talk]]:
    flags = {
        "storage": {"home": str(home)},
        "models": {"serve": "echo", "preload": False},
        "realtime": {name: str(value) for name, value in realtime.items()},
    }
    async with wiring.build(settings.load(None, flags, {})) as parts:
        async with talking(parts, key_of(parts)) as talk:
            yield parts, talk
        assert not any(values["running"] for values in parts.admission.status().values())


@pytest.mark.parametrize(
    ("limit", "code"), [({"session_s": 0.4}, "session_expired"), ({"idle_s": 0.4}, "session_idle")]
)
async def test_a_session_ends_with_a_word_for_why(tmp_path: Path, limit: dict[str, float], code: str) -> None:
    async with limited(tmp_path, **limit) as (_, talk):
        assert (await talk.next("error"))["error"]["code"] == code
        async with asyncio.timeout(5):
            while (await talk.incoming.get())["type"] != "closed":
                continue
        assert talk.closed == 1000


async def test_who_keeps_talking_is_not_idle(tmp_path: Path) -> None:
    async with limited(tmp_path, idle_s=0.4) as (_, talk):
        await told(talk, MANUAL)
        for _ in range(8):
            await talk.sound(silence(0.1))
            await asyncio.sleep(0.1)
        assert talk.closed is None


async def test_a_full_conversation_takes_no_turn_and_the_guess_is_let_go(tmp_path: Path) -> None:
    async with limited(tmp_path, items=1) as (parts, talk):
        await told(talk, vad())
        await say_text(talk, "the only item")
        await talk.sound(silence(0.5))
        await in_real_time(talk, speech(0.8) + silence(0.7))
        assert (await talk.next("error"))["error"]["code"] == "conversation_full"
        assert not talk.of("input_audio_buffer.committed")
        assert not talk.of("response.created")
        async with asyncio.timeout(5):
            while any(values["running"] for values in parts.admission.status().values()):  # noqa: ASYNC110 - no event
                await asyncio.sleep(0.01)
        assert not [row for row in rows(parts) if row["state"] in ("open", "failed")]


async def test_an_answer_that_finds_no_place_fails_and_says_so(tmp_path: Path) -> None:
    async with limited(tmp_path, items=1) as (_, talk):
        await told(talk, TEXT)
        await say_text(talk, "one two")
        await talk.say("response.create")
        done = (await talk.next("response.done"))["response"]
        assert done["status"] == "failed"
        assert done["status_details"]["error"]["code"] == "conversation_full"
        assert done["output"] == []


async def test_a_conversation_does_not_grow_without_end(tmp_path: Path) -> None:
    async with limited(tmp_path) as (_, talk):
        await told(talk, TEXT)
        for _ in range(8):
            await say_text(talk, "x" * 1_000_000)
        item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "x"}]}
        await talk.say("conversation.item.create", item=item)
        assert (await talk.next("error"))["error"]["code"] == "conversation_full"


async def test_recordings_are_taken_no_faster_than_they_are_heard(tmp_path: Path) -> None:
    sound = base64.b64encode(tone(1.0)).decode()
    async with limited(tmp_path) as (_, talk):
        await told(talk, MANUAL)
        item = {"type": "message", "role": "user", "content": [{"type": "input_audio", "audio": sound}]}
        for _ in range(10):
            await talk.say("conversation.item.create", item=item)
        for _ in range(10):
            await talk.next("conversation.item.done")
        await talk.say("response.create")
        assert (await talk.next("response.done"))["response"]["status"] == "completed"


@pytest.mark.parametrize("raw", ['{"type": "input_audio_buffer.commit", "event_id": "\\ud800"}', '{"type": "\\udfff"}'])
async def test_half_a_character_is_an_error_event(tmp_path: Path, raw: str) -> None:
    async with limited(tmp_path) as (_, talk):
        await told(talk, TEXT)
        await talk.raw(raw)
        assert (await talk.next("error"))["error"]["type"] == "invalid_request_error"
        await say_text(talk, "still here")
