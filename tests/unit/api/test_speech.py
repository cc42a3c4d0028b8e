"""Speech at the door: what a request becomes, both ways to stream it, and every refusal before the first byte."""

import asyncio
import base64

import pytest
from openai.types.audio import speech_create_params

from omniwatt.api import stream
from omniwatt.api.openai.speech import FIELDS, MEDIA_TYPES
from omniwatt.contract.error import EngineFailed, VoiceNotFound
from omniwatt.contract.event import ChoiceEnd, Data, Finished, Started, Usage
from omniwatt.contract.request import SpeakBody, Voice
from tests.unit.api.asgi import STARTED, Client, FakePipeline, make_parts

USAGE = Usage(prompt_tokens=3, completion_tokens=50, audio_output_tokens=50)
SPOKEN = (
    STARTED,
    Data(b"first", "audio/mpeg", tokens=20),
    Data(b"", "audio/mpeg"),
    Data(b"second", "audio/mpeg", tokens=30),
    ChoiceEnd("stop"),
    Finished(USAGE, "voice"),
)
PATH = "/v1/audio/speech"


@pytest.fixture
def pipeline():
    return FakePipeline(SPOKEN)


async def say(client, leave_after=None, **fields):
    return await client.post(
        PATH, {"model": "tts-1", "input": "Hi.", "voice": "alloy"} | fields, leave_after=leave_after
    )


async def test_a_request_becomes_a_body(client, pipeline):
    fields = {"speed": 2, "response_format": "opus", "instructions": " calm ", "language": "en-US"}
    answer = await say(client, voice={"id": "af_heart"}, **fields)
    assert answer.status == 200, answer.body
    (request,) = pipeline.requests
    assert (request.capability, request.model) == ("speak", "tts-1")
    assert request.body == SpeakBody(
        voice=Voice("af_heart", speed=2.0, instructions="calm"), text="Hi.", language="en", audio_format="opus"
    )


@pytest.mark.parametrize(("name", "media_type"), MEDIA_TYPES.items())
async def test_the_bytes_come_as_they_are_made(client, name, media_type):
    answer = await say(client, response_format=name)
    assert answer.headers["content-type"] == media_type.decode()
    assert "content-length" not in answer.headers
    assert answer.headers["x-ratelimit-remaining-tokens"] == "900"
    assert answer.sent == [b"first", b"second", b""]
    assert answer.complete


async def test_mp3_is_what_comes_unasked(client, pipeline):
    assert (await say(client)).headers["content-type"] == "audio/mpeg"
    assert pipeline.requests[0].body.audio_format == "mp3"


async def test_events(client):
    answer = await say(client, stream_format="sse")
    *deltas, done = answer.data()
    assert {delta["type"] for delta in deltas} == {"speech.audio.delta"}
    assert b"".join(base64.b64decode(delta["audio"]) for delta in deltas) == b"firstsecond"
    assert done == {
        "type": "speech.audio.done",
        "usage": {"input_tokens": 3, "output_tokens": 50, "total_tokens": 53},
    }


async def test_every_field_of_the_sdk_is_in_the_table():
    assert set(speech_create_params.SpeechCreateParams.__annotations__) <= set(FIELDS.fields)


@pytest.mark.parametrize(
    ("fields", "param", "code"),
    [
        ({"input": ""}, "input", "empty_string"),
        ({"input": None}, "input", "missing_required_parameter"),
        ({"input": ["a"]}, "input", "invalid_type"),
        ({"input": "a" * 4097}, "input", "string_above_max_length"),
        ({"input": "a" * 100_000}, "input", "string_above_max_length"),
        ({"voice": None}, "voice", "missing_required_parameter"),
        ({"voice": ""}, "voice", "empty_string"),
        ({"voice": {}}, "voice", "invalid_value"),
        ({"voice": {"id": 1}}, "voice.id", "invalid_type"),
        ({"voice": {"id": "a", "x": 1}}, "voice", "invalid_value"),
        ({"voice": 3}, "voice", "invalid_type"),
        ({"speed": 0.24}, "speed", "decimal_below_min_value"),
        ({"speed": 4.01}, "speed", "decimal_above_max_value"),
        ({"speed": "fast"}, "speed", "invalid_type"),
        ({"response_format": "mp4"}, "response_format", "invalid_value"),
        ({"stream_format": "ws"}, "stream_format", "invalid_value"),
        ({"volume": 11}, "volume", "unknown_parameter"),
        ({"model": None}, "model", "missing_required_parameter"),
    ],
)
async def test_refusals_name_the_field(client, pipeline, fields, param, code):
    answer = await say(client, **fields)
    error = answer.json()["error"]
    assert (answer.status, error["param"], error["code"]) == (400, param, code), error
    assert not pipeline.requests
    assert len(pipeline.refused) == 1


async def test_the_operator_may_allow_longer_texts(pipeline, tmp_path):
    parts = make_parts(pipeline, tmp_path)
    parts.settings.audio = type(parts.settings.audio)(max_characters=5)
    client = Client(parts)
    assert (await say(client, input="short")).status == 200
    assert "maximum length 5" in (await say(client, input="longer")).json()["error"]["message"]


@pytest.mark.parametrize("form", ["audio", "sse"])
async def test_what_goes_wrong_before_the_first_byte_is_a_plain_error(client, pipeline, form):
    pipeline.events = (STARTED, VoiceNotFound("no such voice", param="voice"))
    answer = await say(client, stream_format=form)
    assert (answer.status, answer.json()["error"]["code"]) == (400, "voice_not_found")


async def test_a_later_fault_breaks_the_sound_off(client, pipeline):
    pipeline.events = (STARTED, Data(b"first", "audio/mpeg"), EngineFailed("gone"))
    answer = await say(client)
    assert (answer.status, answer.body, answer.complete) == (200, b"first", False)
    told = await say(client, stream_format="sse")
    assert told.complete
    assert told.data()[-1]["error"]["message"] == "gone"


async def test_a_sound_without_an_end_is_broken_off(client, pipeline):
    pipeline.events = (STARTED, Data(b"first", "audio/mpeg"))
    assert not (await say(client)).complete


async def test_a_client_that_leaves_ends_the_work(client, pipeline):
    async def script(_):
        yield Started(model="voice")
        while True:
            yield Data(b"more", "audio/mpeg")
            await asyncio.sleep(0.001)

    pipeline.script = script
    answer = await asyncio.wait_for(say(client, leave_after=3), 5)
    assert not answer.complete
    assert pipeline.ends in (["cancelled"], ["closed"])


async def test_a_client_that_takes_nothing_is_given_up(client, pipeline, monkeypatch):
    monkeypatch.setattr(stream, "STALL_S", 0.05)
    stuck = asyncio.Event()
    app = client.app

    async def stalling(scope, receive, send):
        async def slow(message):
            if message.get("body") == b"second":
                await stuck.wait()
            await send(message)

        await app(scope, receive, slow)

    client.app = stalling
    answer = await asyncio.wait_for(say(client), 5)
    assert (answer.body, answer.complete) == (b"first", False)
    assert pipeline.ends == ["closed"]
