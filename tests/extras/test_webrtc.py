"""Spoken conversations over WebRTC on the whole way: a real peer connection, echo's ears and voice.

Runs in the environment of the extras (`make test-extras`), for aiortc is not in the default one.
"""

import asyncio
import json
import os
import signal
import time
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
from httpx2 import ASGITransport, AsyncClient
from openai import AsyncOpenAI, BadRequestError
from openai.types.realtime import RealtimeServerEvent
from pydantic import TypeAdapter

from omniwatt import settings, wiring
from omniwatt.api.parts import Parts
from omniwatt.api.server import create_app
from omniwatt.engines.live.codecs import floats, integers, pcm_samples
from omniwatt.engines.live.resample import Resampler
from tests.contract.babble import babble
from tests.extras.webrtc_peer import PATIENCE_S, RATE_HZ, Page, calling, client
from tests.way.realtime_talk import Refused, talking, tone

READ = TypeAdapter(RealtimeServerEvent)
Way = AbstractAsyncContextManager[Parts]
FOREIGN = {"type": "realtime", "audio": {"input": {"format": {"type": "audio/pcmu"}}}}
FORMAT, MODALITIES = "session.audio.input.format", "session.output_modalities"
MANUAL = {"type": "realtime", "audio": {"input": {"turn_detection": None, "transcription": {"model": "whisper-1"}}}}


def key_of(parts: Parts, name: str = "test", **limits: Any) -> str:
    return parts.keys.create(name, **limits)[0]


async def over(parts: Parts) -> None:
    """Wait until no call is left of any."""
    until_s = time.monotonic() + PATIENCE_S
    while held := (parts.sessions.counts()["open"], len(parts.calls._open), in_flight(parts)) != (0, 0, 0):
        assert time.monotonic() < until_s, held
        await asyncio.sleep(0.02)


def in_flight(parts: Parts) -> int:
    return sum(one.in_flight for one in parts.pool.status())


async def answered(page: Page, text: str) -> dict[str, Any]:
    """Have the words spoken back; the answer's last event."""
    content = [{"type": "input_text", "text": text}]
    await page.say("conversation.item.create", item={"type": "message", "role": "user", "content": content})
    await page.say("response.create")
    return (await page.next("response.done"))["response"]


async def test_a_call_from_offer_to_hangup(way: Way) -> None:
    async with way as parts, client(parts, key_of(parts)) as http:
        async with calling(http, MANUAL) as page:
            created = await page.next("session.created")
            assert created["session"]["audio"]["input"]["turn_detection"] is None
            page.microphone.words = tone(1.5, RATE_HZ)
            await asyncio.sleep(2.2)
            await page.say("input_audio_buffer.commit")
            written = await page.next("conversation.item.input_audio_transcription.completed")
            assert written["transcript"].startswith("second 1 second 2")
            await page.say("response.create")
            done = (await page.next("response.done"))["response"]
            assert done["status"] == "completed"
            stopped = await page.next("output_audio_buffer.stopped")
            assert stopped["response_id"] == done["id"]
            kinds = page.kinds()
            assert "response.output_audio.delta" not in kinds
            assert kinds.index("output_audio_buffer.started") < kinds.index("output_audio_buffer.stopped")
            assert "response.output_audio_transcript.delta" in kinds
            spoken_s = done["usage"]["output_token_details"]["audio_tokens"] / 25
            await asyncio.sleep(0.4)
            assert page.loud_s() == pytest.approx(spoken_s, abs=0.15)
            await page.say("output_audio_buffer.clear")
            await page.say("conversation.item.retrieve", item_id=done["output"][0]["id"])
            item = (await page.next("conversation.item.retrieved", "conversation.item.truncated")).get("item")
            assert item is not None, "what was heard to its end was cut"
            assert item["content"][0]["transcript"] == written["transcript"]
            hung_up = await http.post(f"{page.location}/hangup")
            assert hung_up.status_code == 200
            again = await http.post(f"{page.location}/hangup")
            assert again.status_code == 404
        await over(parts)
        parts.database.flush()
        (row,) = parts.database.read("SELECT state, responses FROM sessions")
        assert (row["state"], row["responses"]) == ("done", 1)


async def test_clearing_stops_the_sound_and_truncates_to_what_was_played(way: Way) -> None:
    async with way as parts, client(parts, key_of(parts)) as http, calling(http, MANUAL, candidates=False) as page:
        words = " ".join(f"w{number}" for number in range(60))
        done = await answered(page, words)
        spoken_s = done["usage"]["output_token_details"]["audio_tokens"] / 25
        assert spoken_s > 2
        await asyncio.sleep(0.6)
        before = len(page.heard)
        await page.say("output_audio_buffer.clear")
        truncated = await page.next("conversation.item.truncated")
        cleared = await page.next("output_audio_buffer.cleared")
        assert cleared["response_id"] == done["id"]
        heard_s = truncated["audio_end_ms"] / 1000
        assert 0.3 < heard_s < spoken_s
        assert page.loud_s() == pytest.approx(heard_s, abs=0.25)
        await asyncio.sleep(0.5)
        assert page.loud_s(before) < 0.3
        await page.say("conversation.item.retrieve", item_id=truncated["item_id"])
        item = (await page.next("conversation.item.retrieved"))["item"]
        kept = item["content"][0]["transcript"].split()
        assert 0 < len(kept) < 60
        assert words.startswith(" ".join(kept))


async def test_what_cannot_be_answered_is_refused_and_leaves_nothing(way: Way) -> None:
    async with way as parts, client(parts, key_of(parts)) as http:
        page = Page()
        page.connection.addTransceiver("video")
        video = await page.offer()
        await page.close()
        headers = {"content-type": "application/sdp"}
        for offer in ("garbage", "v=0\r\n", "\0" * 100, video, "v=0\r\nm=audio x y\r\n" * 300):
            refused = await http.post("/v1/realtime/calls", content=offer, headers=headers)
            assert refused.status_code == 400, offer
            assert refused.json()["error"]["param"] == "sdp"
        cases: list[tuple[dict[str, Any], int, str | None]] = [
            ({"content": "x" * 70_000, "headers": headers}, 413, None),
            ({"content": "", "headers": headers}, 400, "sdp"),
            ({"json": {"sdp": "v=0"}}, 415, None),
            ({"files": {"sdp": (None, "v=0"), "session": (None, "{")}}, 400, "session"),
            ({"files": {"sdp": (None, "v=0"), "other": (None, "1")}}, 400, "other"),
            (
                {"files": {"sdp": (None, "v=0"), "session": (None, '{"type":"realtime","voice":1}')}},
                400,
                "session.voice",
            ),
            (
                {
                    "files": {
                        "sdp": (None, "v=0"),
                        "session": (None, json.dumps(FOREIGN)),
                    }
                },
                400,
                "session.audio.input.format",
            ),
        ]
        for sent, status, param in cases:
            refused = await http.post("/v1/realtime/calls", **sent)
            assert (refused.status_code, refused.json()["error"]["param"]) == (status, param), refused.text
        for verb in ("accept", "reject", "refer"):
            refused = await http.post(f"/v1/realtime/calls/rtc_1/{verb}", json={})
            assert refused.status_code == 400
            assert "SIP" in refused.json()["error"]["message"]
        await over(parts)


async def test_a_killed_engine_ends_its_calls_and_the_next_one_works(way: Way) -> None:
    async with way as parts, client(parts, key_of(parts)) as http:
        async with calling(http, MANUAL) as one, calling(http, MANUAL) as other:
            assert (await answered(one, "first"))["status"] == "completed"
            assert (await answered(other, "second"))["status"] == "completed"
            assert parts.sessions.counts()["open"] == 2
            (pid,) = [worker.pid for worker in parts.pool.status() if worker.group == "rtc"]
            os.kill(pid, signal.SIGKILL)
            await over(parts)
        async with calling(http, MANUAL) as page:
            assert (await answered(page, "third"))["status"] == "completed"


async def test_a_secret_opens_a_call_and_somebody_listens_beside(way: Way) -> None:
    async with way as parts:
        key = key_of(parts)
        async with client(parts, key) as http:
            made = await http.post("/v1/realtime/client_secrets", json={"session": MANUAL})
            secret = made.json()["value"]
        stranger = parts.keys.create("stranger", project="elsewhere")[0]
        async with client(parts, secret) as http, calling(http) as page:
            created = await page.next("session.created")
            assert created["session"]["audio"]["input"]["turn_detection"] is None
            query = "call_id=" + page.location.rpartition("/")[2]
            with pytest.raises(Refused) as refused:
                async with talking(parts, stranger, query=query):
                    pass
            assert refused.value.status == 404
            async with talking(parts, key, query=query) as talk:
                content = [{"type": "input_text", "text": "told from beside"}]
                await talk.say("conversation.item.create", item={"type": "message", "role": "user", "content": content})
                await talk.say("response.create")
                done = await talk.next("response.done")
                assert (await page.next("response.done"))["response"] == done["response"]
                assert "response.output_audio.delta" not in talk.kinds()
                await talk.say("session.update", session=FOREIGN)
                assert (await talk.next("error"))["error"]["param"] == FORMAT
            assert (await answered(page, "still here"))["status"] == "completed"
            assert (await http.get("/v1/models")).status_code == 401


async def test_a_page_that_vanishes_ends_its_call(tmp_path: Path) -> None:
    flags = {
        "storage": {"home": str(tmp_path)},
        "models": {"serve": "echo", "preload": False},
        "realtime": {"call_lost_s": 2.0},
    }
    async with wiring.build(settings.load(None, flags, {})) as parts, client(parts, key_of(parts)) as http:
        async with calling(http, MANUAL) as page:
            assert (await answered(page, " ".join("w" * 60)))["status"] == "completed"
            await page.connection.sctp.transport.transport.stop()
            await over(parts)
        never = Page()
        posted = {"content": await never.offer(), "headers": {"content-type": "application/sdp"}}
        assert (await http.post("/v1/realtime/calls", **posted)).status_code == 201
        assert parts.calls._open
        await over(parts)
        await never.close()
        parts.database.flush()
        assert [row["state"] for row in parts.database.read("SELECT state FROM sessions")] == ["done"]


async def test_the_official_client_makes_a_call_and_hangs_up(way: Way) -> None:
    async with way as parts:
        key = key_of(parts)
        transport = ASGITransport(create_app(parts))
        async with AsyncOpenAI(
            api_key=key,
            base_url="http://localhost:8000/v1",
            http_client=AsyncClient(transport=transport),
            max_retries=0,
        ) as openai:
            page = Page()
            answer = await openai.realtime.calls.with_raw_response.create(sdp=await page.offer(), session=MANUAL)
            await page.take(answer.http_response)
            done = await answered(page, "hello")
            assert done["status"] == "completed"
            for event in page.events:
                READ.validate_python(event, strict=False)
            await openai.realtime.calls.hangup(page.location.rpartition("/")[2])
            await over(parts)
            await page.close()
            with pytest.raises(BadRequestError, match="SIP"):
                await openai.realtime.calls.reject("rtc_1")


async def test_whoever_speaks_up_silences_the_answer(way: Way) -> None:
    """The voice activity is the real one, and a babble is speech to it."""
    listening = {"type": "realtime", "audio": {"input": {"turn_detection": {"type": "server_vad"}}}}
    async with way as parts, client(parts, key_of(parts)) as http, calling(http, listening) as page:
        done = await answered(page, " ".join(f"w{number}" for number in range(60)))
        await asyncio.sleep(0.5)
        page.microphone.words = resampled(babble(1.5))
        started = await page.next("input_audio_buffer.speech_started")
        assert started["item_id"]
        truncated = await page.next("conversation.item.truncated")
        assert truncated["item_id"] == done["output"][0]["id"]
        assert 0.3 < truncated["audio_end_ms"] / 1000 < 3.0
        assert (await page.next("output_audio_buffer.cleared"))["response_id"] == done["id"]
        quiet_from = len(page.heard) + 5
        await page.next("input_audio_buffer.speech_stopped")
        assert page.loud_s(quiet_from) < 0.1


def resampled(samples: bytes) -> bytes:
    """Samples at 16 kHz as samples at RATE_HZ."""
    resampler = Resampler(16_000, RATE_HZ, 1)
    return integers(resampler.feed(floats(pcm_samples(samples))[:, None])[:, 0]).tobytes()


async def test_garbage_on_the_channel_is_an_error_and_the_call_goes_on(way: Way) -> None:
    async with way as parts, client(parts, key_of(parts)) as http, calling(http, MANUAL) as page:
        other = page.connection.createDataChannel("something-else")
        closed = asyncio.Event()
        other.on("close", closed.set)
        for garbage in (b"\0\1\2", "nonsense", '{"type": "no.such"}', "x" * 100_000):
            page.channel.send(garbage)
            error = (await page.next("error"))["error"]
            assert error["type"] == "invalid_request_error"
        async with asyncio.timeout(PATIENCE_S):
            await closed.wait()
        large = [{"type": "input_text", "text": "y" * 261_950}]
        await page.say("conversation.item.create", item={"type": "message", "role": "user", "content": large})
        assert (await page.next("error"))["error"]["code"] == "message_too_large"
        assert (await answered(page, "still here"))["status"] == "completed"
