"""Turns found by the live engine itself: guessed, gone on with, interrupted, left waiting. Echo hears and answers."""

import asyncio
import os
import signal
from contextlib import AbstractAsyncContextManager
from typing import Any

import numpy as np
import pytest

from omniwatt.api.parts import Parts
from tests.contract.babble import babble
from tests.way.realtime_talk import Talk, silence, talking, tone
from tests.way.test_realtime import key_of, rows, told

Way = AbstractAsyncContextManager[Parts]


def speech(seconds: float, seed: int = 10) -> bytes:
    """Babble at the rate sessions take."""
    samples = np.frombuffer(babble(seconds, seed), "<i2").astype(np.float32)
    places = np.arange(int(len(samples) * 1.5)) / 1.5
    return np.interp(places, np.arange(len(samples)), samples).astype("<i2").tobytes()


def vad(**more: Any) -> dict[str, Any]:
    detection = {"type": "server_vad", "silence_duration_ms": 300} | more
    return {"type": "realtime", "audio": {"input": {"turn_detection": detection, "transcription": {}}}}


async def in_real_time(talk: Talk, data: bytes) -> None:
    """As a microphone gives it."""
    for place in range(0, len(data), 1920):
        await talk.sound(data[place : place + 1920])
        await asyncio.sleep(0.04)


async def test_a_spoken_turn_is_found_guessed_and_answered_once(way: Way) -> None:
    async with way as parts:
        async with talking(parts, key_of(parts)) as talk:
            await told(talk, vad())
            await talk.sound(silence(1.0))
            await in_real_time(talk, speech(1.0) + silence(0.7))
            done = await talk.next("response.done")
            assert done["response"]["status"] == "completed"
            started, stopped = (talk.of(f"input_audio_buffer.speech_{what}")[0] for what in ("started", "stopped"))
            assert started["audio_start_ms"] == pytest.approx(700, abs=200)
            assert stopped["audio_end_ms"] == pytest.approx(2300, abs=250)
            assert started["item_id"] == stopped["item_id"] == talk.of("input_audio_buffer.committed")[0]["item_id"]
            assert "".join(e["delta"] for e in talk.of("response.output_audio_transcript.delta")).startswith("second 1")
            order = [kind for kind in talk.kinds() if kind in ("response.created", "input_audio_buffer.committed")]
            assert order == ["input_audio_buffer.committed", "response.created"]
        found = [(row["capability"], row["state"]) for row in rows(parts) if row["state"] != "discarded"]
        assert found == [("hear", "done"), ("chat", "done")]
        answer = next(row for row in rows(parts) if row["capability"] == "chat" and row["state"] == "done")
        assert '"confirmed":true' in answer["details"]
        assert answer["tier"] == "default"
        (session,) = parts.database.read("SELECT * FROM sessions")
        assert (session["turns"], session["guesses_right"], session["turns_missed"]) == (1, 1, 0)


async def test_words_are_told_while_they_are_spoken_and_never_taken_back(way: Way) -> None:
    async with way as parts, talking(parts, key_of(parts)) as talk:
        await told(talk, vad())
        await talk.sound(silence(0.5))
        await in_real_time(talk, speech(2.4) + silence(0.7))
        completed = await talk.next("conversation.item.input_audio_transcription.completed")
        kinds = talk.kinds()
        deltas = talk.of("conversation.item.input_audio_transcription.delta")
        told_at, stopped_at = (
            kinds.index(kind)
            for kind in ("conversation.item.input_audio_transcription.delta", "input_audio_buffer.speech_stopped")
        )
        assert told_at < stopped_at
        assert "".join(event["delta"] for event in deltas) == completed["transcript"]
        assert {event["item_id"] for event in deltas} == {completed["item_id"]}


async def test_who_goes_on_is_heard_whole_and_the_guess_costs_nothing(way: Way) -> None:
    async with way as parts:
        async with talking(parts, key_of(parts)) as talk:
            await told(talk, vad(silence_duration_ms=800))
            await talk.sound(silence(0.5))
            await in_real_time(talk, speech(0.8) + silence(0.35) + speech(0.8, seed=12) + silence(1.1))
            await talk.next("response.done")
            assert len(talk.of("input_audio_buffer.speech_stopped")) == 1
            assert len(talk.of("response.created")) == 1
            heard = talk.of("conversation.item.input_audio_transcription.completed")[0]["transcript"]
            assert heard.startswith("second 1 second 2")
        thrown = [row for row in rows(parts) if row["state"] == "discarded"]
        assert {"hear", "chat"} <= {row["capability"] for row in thrown}
        assert sum(row["prompt_tokens"] + row["completion_tokens"] for row in thrown) == 0
        assert all(row["tier"] == "flex" and row["code"] is None for row in thrown)
        assert sum(row["state"] == "done" for row in rows(parts)) == 2
        assert parts.sessions.counts()["discarded_tokens"] > 0
        (session,) = parts.database.read("SELECT * FROM sessions")
        assert session["guesses_wrong"] >= 1


async def test_speaking_up_stops_the_answer_and_cuts_what_was_not_heard(way: Way) -> None:
    async with way as parts:
        async with talking(parts, key_of(parts)) as talk:
            await told(talk, vad())
            content = [{"type": "input_text", "text": 'echo: {"tokens": 400, "token_s": 0.02}'}]
            await talk.say("conversation.item.create", item={"type": "message", "role": "user", "content": content})
            await talk.say("response.create")
            await talk.next("response.output_audio.delta")
            await in_real_time(talk, silence(0.5) + speech(0.6))
            done = (await talk.next("response.done"))["response"]
            assert done["status"] == "cancelled"
            assert done["status_details"]["reason"] == "turn_detected"
            cut = await talk.next("conversation.item.truncated")
            assert cut["item_id"] == done["output"][0]["id"]
            kinds = talk.kinds()
            assert kinds.index("input_audio_buffer.speech_started") < kinds.index("response.done")
            await talk.say("conversation.item.retrieve", item_id=cut["item_id"])
            left = (await talk.next("conversation.item.retrieved"))["item"]["content"][0]["transcript"] or ""
            assert len(left) < len(done["output"][0]["content"][0]["transcript"])
            await talk.say("input_audio_buffer.clear")
            await talk.next("input_audio_buffer.cleared")
        assert "cancelled" in [row["state"] for row in rows(parts)]


async def test_an_answer_may_be_left_to_end(way: Way) -> None:
    async with way as parts, talking(parts, key_of(parts)) as talk:
        await told(talk, vad(interrupt_response=False, create_response=False))
        content = [{"type": "input_text", "text": 'echo: {"tokens": 60, "token_s": 0.03}'}]
        await talk.say("conversation.item.create", item={"type": "message", "role": "user", "content": content})
        await talk.say("response.create")
        await talk.next("response.output_audio.delta")
        await in_real_time(talk, silence(0.3) + speech(0.5) + silence(0.5))
        done = (await talk.next("response.done"))["response"]
        assert done["status"] == "completed"
        if not talk.of("conversation.item.input_audio_transcription.completed"):
            await talk.next("conversation.item.input_audio_transcription.completed")
        assert len(talk.of("response.created")) == 1


async def test_nothing_but_noise_begins_no_turn(way: Way) -> None:
    async with way as parts, talking(parts, key_of(parts)) as talk:
        await told(talk, vad())
        await talk.sound(tone(1.0, pitch_hz=1000) + silence(1.0))
        assert await talk.quiet(0.6) == []


async def test_who_says_nothing_is_prompted(way: Way) -> None:
    async with way as parts, talking(parts, key_of(parts)) as talk:
        await told(talk, vad(idle_timeout_ms=1000))
        await talk.sound(silence(0.5))
        event = await talk.next("input_audio_buffer.timeout_triggered")
        assert event["audio_end_ms"] == pytest.approx(500, abs=40)
        assert (await talk.next("response.done"))["response"]["status"] == "completed"


async def test_a_dead_ear_is_said_and_the_next_turn_is_heard(way: Way) -> None:
    async with way as parts, talking(parts, key_of(parts)) as talk:
        await told(talk, vad())
        await in_real_time(talk, silence(0.3) + speech(0.5))
        await talk.next("input_audio_buffer.speech_started")
        (ear,) = [worker for worker in parts.pool.status() if worker.group == "live"]
        os.kill(ear.pid, signal.SIGKILL)
        assert (await talk.next("error"))["error"]["code"] == "engine_died"
        await in_real_time(talk, silence(0.3) + speech(0.8) + silence(0.7))
        assert (await talk.next("response.done"))["response"]["status"] == "completed"


async def test_a_transcription_session_only_writes_down(way: Way) -> None:
    async with way as parts:
        async with talking(parts, key_of(parts), query="intent=transcription") as talk:
            assert (await talk.next("session.created"))["session"]["type"] == "transcription"
            await in_real_time(talk, silence(0.3) + speech(0.8) + silence(0.8))
            heard = await talk.next("conversation.item.input_audio_transcription.completed")
            assert heard["transcript"].startswith("second 1")
            await talk.say("response.create")
            assert "answers nothing" in (await talk.next("error"))["error"]["message"]
        assert [row["capability"] for row in rows(parts) if row["state"] == "done"] == ["hear"]


async def test_a_flood_is_held_back_and_a_client_that_reads_nothing_is_given_up(way: Way) -> None:
    async with way as parts, talking(parts, key_of(parts)) as talk:
        await told(talk, vad())
        talk.reads.clear()
        for _ in range(6000):
            await talk.raw('{"type": "nonsense"}')
        await asyncio.sleep(1.0)
        # A megabyte of errors waits for the client; the rest of what it sent was not even read.
        assert talk.outgoing.qsize() > 1000
        talk.reads.set()
        await talk.next("error")
