"""Realtime through the official client: text, sound, functions and short-lived keys; one real conversation."""

import asyncio
import base64
from typing import Any

import numpy as np
import pytest
from openai import AsyncOpenAI, OpenAI

from tests.served import Served

MANUAL: Any = {"type": "realtime", "audio": {"input": {"turn_detection": None}}}
TEXT: Any = MANUAL | {"output_modalities": ["text"]}


def client_of(server: Served, key: str = "") -> AsyncOpenAI:
    return AsyncOpenAI(base_url=server.url + "/v1", api_key=key or server.key)


def said(text: str) -> Any:
    return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}


async def test_text_is_answered(echo_server: Served) -> None:
    async with client_of(echo_server) as client, client.realtime.connect(model="gpt-realtime") as talk:
        await talk.session.update(session=TEXT)
        await talk.conversation.item.create(item=said("hello there"))
        await talk.response.create()
        pieces, kinds = [], []
        async for event in talk:
            kinds.append(event.type)
            if event.type == "response.output_text.delta":
                pieces.append(event.delta)
            if event.type == "response.done":
                assert event.response.status == "completed"
                assert event.response.usage is not None
                break
        assert "".join(pieces) == "hello there"
        assert kinds[0] == "session.created"
        assert "error" not in kinds


async def test_sound_is_heard_and_answered_in_sound(echo_server: Served) -> None:
    noise = np.random.default_rng(1).integers(-9000, 9000, 24000).astype("<i2").tobytes()
    async with client_of(echo_server) as client, client.realtime.connect(model="gpt-realtime") as talk:
        await talk.session.update(session=MANUAL)
        await talk.input_audio_buffer.append(audio=base64.b64encode(noise).decode())
        await talk.input_audio_buffer.commit()
        await talk.response.create()
        sound, words = b"", ""
        async for event in talk:
            assert event.type != "error", event
            if event.type == "response.output_audio.delta":
                sound += base64.b64decode(event.delta)
            if event.type == "response.output_audio_transcript.done":
                words = event.transcript
            if event.type == "response.done":
                break
        assert words == "second 1"
        assert len(sound) > 1000


async def test_a_bad_event_is_answered_with_its_id(echo_server: Served) -> None:
    async with client_of(echo_server) as client, client.realtime.connect(model="gpt-realtime") as talk:
        await talk.send({"type": "conversation.item.delete", "item_id": "nothing", "event_id": "mine"})
        async for event in talk:
            if event.type == "error":
                assert event.error.event_id == "mine"
                assert event.error.code == "item_not_found"
                break


async def test_a_short_lived_key_opens_the_session_it_was_made_for(echo_server: Served) -> None:
    with OpenAI(base_url=echo_server.url + "/v1", api_key=echo_server.key) as client:
        made = client.realtime.client_secrets.create(
            expires_after={"anchor": "created_at", "seconds": 60},
            session={"type": "realtime", "model": "gpt-realtime", "instructions": "Be kind."},
        )
    assert made.value.startswith("ek_")
    assert made.session.type == "realtime"
    async with client_of(echo_server, made.value) as client, client.realtime.connect(model="gpt-realtime") as talk:
        async for event in talk:
            if event.type == "session.created":
                assert event.session.instructions == "Be kind."  # type: ignore[union-attr]
                break


@pytest.mark.model
async def test_a_spoken_question_is_answered_aloud(talking_server: Served) -> None:
    with OpenAI(base_url=talking_server.url + "/v1", api_key=talking_server.key, timeout=100.0) as client:
        question = client.audio.speech.create(
            model="tts-1", voice="alloy", input="What is the capital of France?", response_format="pcm"
        ).read()
    vad = {"type": "server_vad", "silence_duration_ms": 500}
    async with client_of(talking_server) as client, client.realtime.connect(model="gpt-realtime") as talk:
        await talk.session.update(
            session={"type": "realtime", "audio": {"input": {"turn_detection": vad, "transcription": {}}}}  # type: ignore[arg-type, typeddict-item]
        )

        async def speak() -> None:
            data = bytes(24000) + question + bytes(48000 * 2)
            for place in range(0, len(data), 4800):
                await talk.input_audio_buffer.append(audio=base64.b64encode(data[place : place + 4800]).decode())
                await asyncio.sleep(0.1)

        speaker = asyncio.create_task(speak())
        heard, answer, sound_bytes = "", "", 0
        try:
            async with asyncio.timeout(100):
                async for event in talk:
                    assert event.type != "error", event
                    match event.type:
                        case "conversation.item.input_audio_transcription.completed":
                            heard = event.transcript
                        case "response.output_audio.delta":
                            sound_bytes += len(base64.b64decode(event.delta))
                        case "response.output_audio_transcript.done":
                            answer = event.transcript
                        case "response.done":
                            break
        finally:
            speaker.cancel()
        assert "capital" in heard.lower()
        assert "paris" in answer.lower()
        assert sound_bytes > 24000
