"""Transcriptions at the door: what a form becomes, every answer's shape by the SDK's own types, and every refusal."""

import asyncio

import pytest
from openai.types.audio import (
    Transcription,
    TranscriptionTextDeltaEvent,
    TranscriptionTextDoneEvent,
    TranscriptionVerbose,
    TranslationVerbose,
)

from omniwatt.contract.error import BadInput, EngineFailed, TooLarge
from omniwatt.contract.event import (
    ChoiceEnd,
    Finished,
    Progress,
    Segment,
    Started,
    TextDelta,
    TokenLogprob,
    Usage,
    Word,
)
from omniwatt.contract.request import HearBody, MediaPart
from tests.unit.api.asgi import Client, FakePipeline, form, make_parts
from tests.unit.api.shape import exact

ONE = TokenLogprob(" One", -0.25, b" One")
SEGMENTS = (
    Segment(
        " One <two>",
        0.0,
        1.5,
        id=0,
        seek=0,
        tokens=(1, 2),
        avg_logprob=-0.3,
        compression_ratio=0.9,
        no_speech_prob=0.01,
        words=(Word(" One", 0.0, 0.5, 0.9), Word(" <two>", 0.5, 1.5, 0.8)),
    ),
    Segment(" & three.", 3600.0, 3661.0007, id=1, seek=3000, tokens=(3,)),
)
USAGE = Usage(prompt_tokens=90, completion_tokens=6, audio_tokens=75, audio_s=3.0)
HEARD = (
    Started(model="ears"),
    TextDelta(" One", tokens=1, logprobs=(ONE,)),
    TextDelta(" <two>", tokens=1),
    SEGMENTS[0],
    Progress(1.5, 3.0, "s"),
    TextDelta(" & three.", tokens=2),
    SEGMENTS[1],
    ChoiceEnd("stop"),
    Finished(USAGE, "ears", {"language": "de", "duration_s": 3.0}),
)
TEXT = "One <two> & three."
PATH = "/v1/audio/transcriptions"


@pytest.fixture
def pipeline():
    return FakePipeline(HEARD)


async def send(client, *fields, path=PATH, file=b"RIFF....", model="whisper-1", **more):
    given = [("model", model), *fields] if model else list(fields)
    body, media_type = form(given, file)
    pieces = [body[start : start + 7] for start in range(0, len(body), 7)]
    return await client.request("POST", path, pieces, {"content-type": media_type}, **more)


async def test_a_form_becomes_a_body(client, pipeline):
    answer = await send(
        client,
        ("language", "en-GB"),
        ("prompt", "before"),
        ("temperature", "0.5"),
        ("response_format", "verbose_json"),
        ("timestamp_granularities[]", "word"),
        ("timestamp_granularities[]", "segment"),
        ("keywords[]", "Omniwatt"),
        ("keywords[]", "Kokoro"),
        ("chunking_strategy[type]", "server_vad"),
        ("chunking_strategy[threshold]", "0.6"),
        ("chunking_strategy[silence_duration_ms]", "300"),
        ("accurate", "true"),
        ("stream", "false"),
    )
    assert answer.status == 200, answer.body
    (request,) = pipeline.requests
    assert (request.capability, request.model) == ("hear", "whisper-1")
    assert request.body == HearBody(
        part=MediaPart("audio", data=b"RIFF....", media_type="audio/wav", name="a.wav"),
        language="en",
        prompt="before",
        keywords=("Omniwatt", "Kokoro"),
        temperature=0.5,
        words=True,
        accurate=True,
        chunking={"threshold": 0.6, "silence_duration_ms": 300},
    )


@pytest.mark.parametrize(
    ("fields", "body"),
    [
        ([], HearBody()),
        ([("language", "")], HearBody()),
        ([("language", "German")], HearBody(language="de")),
        ([("languages[]", "fr")], HearBody(language="fr")),
        ([("languages[]", "fr"), ("language", "fr")], HearBody(language="fr")),
        ([("chunking_strategy", "auto")], HearBody()),
        (
            [("chunking_strategy", '{"type":"server_vad","prefix_padding_ms":50}')],
            HearBody(chunking={"prefix_padding_ms": 50}),
        ),
        ([("include[]", "logprobs")], HearBody(logprobs=True)),
        ([("include", "logprobs")], HearBody(logprobs=True)),
    ],
)
async def test_fields_one_by_one(client, pipeline, fields, body):
    assert (await send(client, *fields)).status == 200
    found = pipeline.requests[0].body
    assert found.part.data == b"RIFF...."
    assert HearBody(**{name: getattr(found, name) for name in HearBody.__struct_fields__ if name != "part"}) == body


async def test_json(client):
    answer = await send(client, model="gpt-4o-transcribe")
    found = exact(Transcription, answer.json())
    assert found.text == TEXT
    assert found.languages[0].code == "de"
    assert found.logprobs is None
    assert answer.json()["usage"] == {
        "type": "tokens",
        "input_tokens": 90,
        "output_tokens": 6,
        "total_tokens": 96,
        "input_token_details": {"audio_tokens": 75, "text_tokens": 15},
    }


async def test_the_older_name_is_told_the_seconds(client):
    assert (await send(client)).json()["usage"] == {"type": "duration", "seconds": 3.0}


async def test_log_probabilities(client):
    found = exact(Transcription, (await send(client, ("include[]", "logprobs"))).json())
    assert [(one.token, one.logprob, one.bytes) for one in found.logprobs] == [(" One", -0.25, list(b" One"))]


async def test_log_probabilities_of_segments_stand_in_where_the_text_has_none(client, pipeline):
    pipeline.events = (HEARD[0], TextDelta(" a"), Segment(" a", 0, 1, logprobs=(ONE,)), HEARD[-1])
    found = (await send(client, ("include[]", "logprobs"))).json()
    assert [one["token"] for one in found["logprobs"]] == [" One"]


async def test_verbose_json(client):
    answer = (await send(client, ("response_format", "verbose_json"))).json()
    found = exact(TranscriptionVerbose, {name: value for name, value in answer.items() if name != "task"})
    assert (answer["task"], found.language, found.duration, found.text) == ("transcribe", "german", 3.0, TEXT)
    assert found.words is None
    first, second = found.segments
    assert (first.id, first.seek, first.tokens, first.start, first.end) == (0, 0, [1, 2], 0.0, 1.5)
    assert (first.text, first.avg_logprob, first.compression_ratio) == (" One <two>", -0.3, 0.9)
    assert (second.seek, second.end, second.temperature) == (3000, 3661.001, 0.0)


async def test_words(client):
    verbose = ("response_format", "verbose_json")
    answer = (await send(client, verbose, ("timestamp_granularities[]", "word"))).json()
    assert answer["words"] == [
        {"word": "One", "start": 0.0, "end": 0.5},
        {"word": "<two>", "start": 0.5, "end": 1.5},
    ]
    assert "segments" not in answer


async def test_plain_text_and_subtitles(client):
    plain = await send(client, ("response_format", "text"))
    assert (plain.body.decode(), plain.headers["content-type"]) == (TEXT + "\n", "text/plain; charset=utf-8")
    srt = await send(client, ("response_format", "srt"))
    assert srt.body.decode() == (
        "1\n00:00:00,000 --> 00:00:01,500\nOne <two>\n\n2\n01:00:00,000 --> 01:01:01,001\n& three.\n"
    )
    vtt = await send(client, ("response_format", "vtt"))
    assert vtt.headers["content-type"] == "text/vtt; charset=utf-8"
    assert vtt.body.decode() == (
        "WEBVTT\n\n00:00:00.000 --> 00:00:01.500\nOne &lt;two&gt;\n\n01:00:00.000 --> 01:01:01.001\n&amp; three.\n"
    )


async def test_silence_is_no_words_in_any_form(client, pipeline):
    pipeline.events = (HEARD[0], ChoiceEnd("stop"), Finished(Usage(), "ears", {"duration_s": 2.0}))
    assert (await send(client)).json()["text"] == ""
    for name, body in (("text", "\n"), ("srt", ""), ("vtt", "WEBVTT\n")):
        assert (await send(client, ("response_format", name))).body.decode() == body
    verbose = (await send(client, ("response_format", "verbose_json"))).json()
    assert (verbose["segments"], verbose["text"], verbose["language"]) == ([], "", "")


async def test_a_stream(client):
    answer = await send(client, ("stream", "true"), ("include[]", "logprobs"))
    assert answer.headers["content-type"].startswith("text/event-stream")
    *deltas, done = answer.data()
    assert [delta["delta"] for delta in deltas] == ["One", " <two>", " & three."]
    assert exact(TranscriptionTextDeltaEvent, deltas[0]).logprobs[0].token == " One"
    assert exact(TranscriptionTextDoneEvent, {k: v for k, v in done.items() if k != "languages"}).text == TEXT
    assert done["usage"]["input_token_details"]["audio_tokens"] == 75
    assert b': {"heard_seconds":1.5,"of":3.0}\n\n' in answer.body


async def test_a_fault_in_the_stream_ends_it(client, pipeline):
    pipeline.events = (*HEARD[:3], EngineFailed("gone"))
    answer = await send(client, ("stream", "true"))
    assert answer.complete
    assert answer.data()[-1]["error"]["message"] == "gone"


async def test_translations(client, pipeline):
    path = "/v1/audio/translations"
    answer = await send(client, ("response_format", "verbose_json"), path=path)
    found = {name: value for name, value in answer.json().items() if name not in ("task", "usage")}
    assert exact(TranslationVerbose, found).language == "english"
    assert pipeline.requests[0].body.task == "translate"
    assert (await send(client, path=path)).json()["text"] == TEXT
    assert (await send(client, ("language", "de"), path=path)).json()["error"]["param"] == "language"


@pytest.mark.parametrize(
    ("fields", "param", "code"),
    [
        ([("response_format", "diarized_json")], "response_format", "unsupported_parameter"),
        ([("response_format", "doc")], "response_format", "invalid_value"),
        ([("temperature", "1.5")], "temperature", "decimal_above_max_value"),
        ([("temperature", "warm")], "temperature", "invalid_type"),
        ([("temperature", "nan")], "temperature", "invalid_type"),
        ([("stream", "perhaps")], "stream", "invalid_type"),
        ([("stream", "true"), ("response_format", "srt")], "stream", "invalid_value"),
        ([("language", "xx")], "language", "invalid_value"),
        ([("languages[]", "de"), ("languages[]", "fr")], "languages", "unsupported_parameter"),
        ([("languages[]", "de"), ("language", "fr")], "languages", "invalid_value"),
        ([("timestamp_granularities[]", "word")], "timestamp_granularities", "invalid_value"),
        ([("timestamp_granularities[]", "day")], "timestamp_granularities", "invalid_value"),
        ([("include[]", "logprobs"), ("response_format", "text")], "include", "invalid_value"),
        ([("include[]", "everything")], "include", "invalid_value"),
        ([("chunking_strategy", "never")], "chunking_strategy", "invalid_type"),
        ([("chunking_strategy", '{"type":"server_vad","threshold":2}')], "chunking_strategy.threshold", None),
        ([("chunking_strategy[type]", "semantic")], "chunking_strategy.type", "invalid_value"),
        ([("chunking_strategy[type]", "server_vad"), ("chunking_strategy[x]", "1")], "chunking_strategy.x", None),
        ([("known_speaker_names[]", "ann")], "known_speaker_names", "unsupported_parameter"),
        ([("keywords[]", "")], "keywords", "empty_string"),
        ([("keywords[]", "x" * 101)], "keywords", "string_above_max_length"),
        ([("prompt", "x" * 8193)], "prompt", "string_above_max_length"),
        ([("prompt", "a\x00b")], "prompt", "invalid_value"),
        ([("prompt", "a"), ("prompt", "b")], "prompt", "invalid_value"),
        ([("prompt", "x" * 70_000)], "prompt", "invalid_value"),
        ([("colour", "red")], "colour", "unknown_parameter"),
        ([("model", "again")], "model", "invalid_value"),
    ],
)
async def test_refusals_name_the_field(client, pipeline, fields, param, code):
    answer = await send(client, *fields)
    error = answer.json()["error"]
    assert (answer.status, error["param"]) == (400, param), error
    assert code is None or error["code"] == code
    assert not pipeline.requests
    assert len(pipeline.refused) == 1, "one row for what was refused at the door"


@pytest.mark.parametrize(
    ("options", "param", "code"),
    [
        ({"file": None}, "file", "missing_required_parameter"),
        ({"file": b""}, "file", "empty_file"),
        ({"model": ""}, "model", "missing_required_parameter"),
    ],
)
async def test_what_is_missing_is_named(client, options, param, code):
    error = (await send(client, **options)).json()["error"]
    assert (error["param"], error["code"]) == (param, code)


async def test_a_body_of_another_kind(client):
    answer = await client.post(PATH, {"model": "whisper-1"})
    assert answer.status == 415
    whole, media_type = form([("model", "m")])
    cut = await client.request("POST", PATH, whole[:-9], {"content-type": media_type})
    assert cut.status == 400
    plain = b'--XX\r\nContent-Disposition: form-data; name="file"\r\n\r\nno file\r\n--XX--\r\n'
    answer = await client.request("POST", PATH, plain, {"content-type": media_type})
    assert answer.json()["error"]["param"] == "file"


async def test_a_file_over_the_limit(pipeline, tmp_path):
    client = Client(make_parts(pipeline, tmp_path, max_upload_bytes=10))

    answer = await send(client, file=b"x" * 11)
    assert answer.status == 413
    assert answer.json()["error"]["param"] == "file"


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (TooLarge("3 hours", param="file", code="audio_too_long"), 413),
        (BadInput("The audio/mpeg data cannot be read.", param="data"), 400),
    ],
)
async def test_what_the_way_refuses_is_said_of_the_file(client, pipeline, error, status):
    pipeline.events = (error,)
    answer = await send(client, ("stream", "true"))
    assert (answer.status, answer.json()["error"]["param"]) == (status, "file")


@pytest.mark.parametrize("streamed", ["true", "false"])
async def test_a_client_that_leaves_ends_the_work(client, pipeline, streamed):
    async def script(_):
        yield Started(model="ears")
        while True:
            yield TextDelta(" more", tokens=1)
            await asyncio.sleep(0.001)

    pipeline.script = script
    answer = await asyncio.wait_for(send(client, ("stream", streamed), leave_after=2 if streamed == "true" else 0), 5)
    assert not answer.complete
    assert pipeline.ends in (["cancelled"], ["closed"])


async def test_a_file_announced_over_the_limit_is_refused_unread(pipeline, tmp_path):
    client = Client(make_parts(pipeline, tmp_path, max_upload_bytes=10))
    body, media_type = form([("model", "m")])
    head = {"content-type": media_type, "content-length": str(10**9)}
    answer = await client.request("POST", PATH, body, head)
    assert (answer.status, answer.json()["error"]["param"]) == (413, "file")
