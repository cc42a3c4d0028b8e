"""Chat with audio at the door: what may be asked for, and the shape of what is said, whole and in pieces."""

import base64
import io
import time
import wave

import pytest
from openai.lib.streaming.chat._completions import ChatCompletionStreamState
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from omniwatt.api.openai import spoken
from omniwatt.api.openai.chunks import ChatAnswer, completion
from omniwatt.contract.error import Internal, VoiceNotFound
from omniwatt.contract.event import ChoiceEnd, Data, Finished, TextDelta, TokenLogprob, ToolCallDelta, Usage
from omniwatt.contract.request import MediaPart, TextPart, Voice
from tests.unit.api.asgi import CALLER, STARTED, Client, FakePipeline, make_parts
from tests.unit.api.shape import exact

ALOUD = {"modalities": ["text", "audio"], "audio": {"voice": "alloy", "format": "pcm16"}}
SOUND = bytes(range(256)) * 5 + b"\7\7"
USAGE = Usage(prompt_tokens=86, completion_tokens=44, audio_tokens=75, audio_output_tokens=40, audio_s=3.0)
SPOKEN = (
    STARTED,
    TextDelta("One two.", tokens=2),
    Data(SOUND[:7], "audio/pcm", tokens=20),
    TextDelta(" Three.", tokens=2),
    Data(SOUND[7:200], "audio/pcm", tokens=10),
    Data(SOUND[200:], "audio/pcm", tokens=10),
    ChoiceEnd("stop"),
    Finished(usage=USAGE, model="some-chat"),
)
CALL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}


class Stored:
    """What `stored` keeps of spoken answers."""

    def __init__(self):
        self.allowed = True
        self.kept = {}

    async def save_spoken(self, caller, spoken_id, expires_at, transcript):
        self.kept[spoken_id] = (caller, expires_at, transcript)

    async def spoken(self, caller, spoken_id):
        return self.kept[spoken_id][2] if spoken_id in self.kept else None


@pytest.fixture
def pipeline():
    return FakePipeline(SPOKEN)


@pytest.fixture
def stored():
    return Stored()


@pytest.fixture
def client(pipeline, stored, tmp_path):
    parts = make_parts(pipeline, tmp_path)
    parts.stored = stored
    return Client(parts)


async def chunks_of(client, **fields):
    answer = await client.chat(stream=True, **ALOUD | fields)
    assert answer.status == 200, answer.body
    assert answer.body.endswith(b"data: [DONE]\n\n")
    return [exact(ChatCompletionChunk, chunk) for chunk in answer.data()]


async def test_a_whole_answer(client, pipeline, stored):
    found = exact(ChatCompletion, (await client.chat(**ALOUD)).json())
    message = found.choices[0].message
    assert message.content is None
    assert message.audio.transcript == "One two. Three."
    assert base64.b64decode(message.audio.data) == SOUND
    assert message.audio.id.startswith("audio_")
    assert message.audio.expires_at == pytest.approx(time.time() + 3600, abs=5)
    assert stored.kept == {message.audio.id: (CALLER, message.audio.expires_at, "One two. Three.")}
    assert found.choices[0].finish_reason == "stop"
    assert found.usage.prompt_tokens_details.audio_tokens == 75
    assert found.usage.completion_tokens_details.audio_tokens == 40
    assert (found.usage.prompt_tokens, found.usage.completion_tokens, found.usage.total_tokens) == (86, 44, 130)
    assert pipeline.requests[-1].body.voice == Voice("alloy")
    assert pipeline.requests[-1].body.audio_format == "pcm16"


async def test_a_stream(client, stored):
    chunks = await chunks_of(client)
    deltas = [chunk.choices[0].delta for chunk in chunks]
    assert (deltas[0].role, deltas[0].content) == ("assistant", None)
    said = [delta.audio for delta in deltas[1:-1]]
    assert "".join(audio.transcript or "" for audio in said) == "One two. Three."
    assert [audio.id for audio in said if audio.id] == list(stored.kept), "the id comes once, and first"
    assert said[0].id
    pieces = [base64.b64decode(audio.data) for audio in said if audio.data]
    assert b"".join(pieces) == SOUND
    assert base64.b64decode("".join(audio.data or "" for audio in said)) == SOUND, "joined text can be decoded too"
    assert all(len(piece) % 6 == 0 for piece in pieces[:-1])
    assert [audio.expires_at for audio in said if audio.expires_at] == [next(iter(stored.kept.values()))[1]]
    assert said[-1].expires_at
    assert said[-1].model_fields_set == {"expires_at"}
    assert "finish_reason" not in chunks[-2].choices[0].model_fields_set
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert chunks[-1].choices[0].delta.model_fields_set == set()
    order = ["text" if audio.transcript else "sound" for audio in said[:-1]]
    assert order[:3] == ["text", "sound", "text"]


async def test_the_official_client_puts_the_stream_together(client):
    state = ChatCompletionStreamState()
    for chunk in await chunks_of(client, stream_options={"include_usage": True}):
        state.handle_chunk(chunk)
    audio = state.get_final_completion().choices[0].message.audio
    assert audio.transcript == "One two. Three."
    assert base64.b64decode(audio.data) == SOUND
    assert audio.id.startswith("audio_")
    assert len(audio.id) == len("audio_") + 32


async def test_long_sound_goes_out_in_short_lines(client, pipeline):
    pipeline.events = (STARTED, TextDelta("x"), Data(b"\0" * 200_000, "audio/pcm"), ChoiceEnd("stop"), SPOKEN[-1])
    pieces = [c.choices[0].delta.audio.data for c in (await chunks_of(client))[2:-2]]
    assert sum(len(base64.b64decode(piece)) for piece in pieces) == 200_000
    assert max(map(len, pieces)) <= spoken.PIECE_BYTES * 4 // 3


async def test_usage_in_the_stream(client):
    chunks = await chunks_of(client, stream_options={"include_usage": True})
    assert chunks[-1].usage.completion_tokens_details.audio_tokens == 40
    assert all(chunk.usage is None and "usage" in chunk.model_fields_set for chunk in chunks[:-1])


async def test_logprobs_are_those_of_the_transcript(client, pipeline):
    token = TokenLogprob("One", -0.5, b"One")
    pipeline.events = (STARTED, TextDelta("One", logprobs=(token,)), *SPOKEN[4:])
    whole = exact(ChatCompletion, (await client.chat(logprobs=True, **ALOUD)).json()).choices[0]
    assert (whole.logprobs.content[0].token, whole.message.audio.transcript) == ("One", "One")
    chunk = (await chunks_of(client, logprobs=True))[1].choices[0]
    assert (chunk.logprobs.content[0].logprob, chunk.delta.audio.transcript) == (-0.5, "One")


async def test_obfuscation_pads_the_transcript(client):
    chunks = await chunks_of(client, stream_options={"include_obfuscation": True})
    said = [(c.choices[0].delta.audio.transcript, c.obfuscation) for c in chunks if c.choices[0].delta.audio]
    assert {len(text + pad) for text, pad in said if text} == {32}


async def test_tool_calls_are_not_spoken(client, pipeline, stored):
    pipeline.events = (
        STARTED,
        ToolCallDelta(0, "", "c1", "f"),
        ToolCallDelta(0, "{}"),
        ChoiceEnd("tool_calls"),
        SPOKEN[-1],
    )
    choice = exact(ChatCompletion, (await client.chat(tools=[CALL], **ALOUD)).json()).choices[0]
    assert (choice.message.audio, choice.message.content, choice.finish_reason) == (None, None, "tool_calls")
    chunks = await chunks_of(client, tools=[CALL])
    assert all(chunk.choices[0].delta.audio is None for chunk in chunks)
    assert chunks[-1].choices[0].finish_reason == "tool_calls"
    assert stored.kept == {}


async def test_an_answer_cut_short_says_so(client, pipeline):
    pipeline.events = (*SPOKEN[:-2], ChoiceEnd("length"), SPOKEN[-1])
    assert (await chunks_of(client))[-1].choices[0].finish_reason == "length"


async def test_a_wav_has_its_lengths(client, pipeline):
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setparams((1, 2, 24000, 0, "NONE", ""))
        file.writeframes(SOUND)
    endless = bytearray(buffer.getvalue())
    endless[4:8] = endless[40:44] = b"\xff\xff\xff\xff"
    pipeline.events = (STARTED, TextDelta("x"), Data(bytes(endless), "audio/wav"), ChoiceEnd("stop"), SPOKEN[-1])
    asked = ALOUD | {"audio": {"voice": {"id": "joe"}, "format": "wav"}}
    answer = exact(ChatCompletion, (await client.chat(**asked)).json())
    with wave.open(io.BytesIO(base64.b64decode(answer.choices[0].message.audio.data))) as file:
        assert file.readframes(10**6) == SOUND
    assert pipeline.requests[-1].body.voice == Voice("joe")
    assert spoken.sized(b"RIFF....WAVEfmt ") == b"RIFF....WAVEfmt "
    assert spoken.sized(b"ID3") == b"ID3"


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"modalities": []}, "modalities"),
        ({"modalities": "audio"}, "modalities"),
        ({"modalities": ["text", "video"]}, "modalities[1]"),
        ({"modalities": ["text", "audio"]}, "audio"),
        ({"modalities": ["audio"], "audio": None}, "audio"),
        ({"audio": ALOUD["audio"]}, "audio"),
        ({"modalities": ["text"], "audio": ALOUD["audio"]}, "audio"),
        (ALOUD | {"audio": "alloy"}, "audio"),
        (ALOUD | {"audio": {"voice": "alloy"}}, "audio.format"),
        (ALOUD | {"audio": {"format": "wav"}}, "audio.voice"),
        (ALOUD | {"audio": {"voice": "", "format": "wav"}}, "audio.voice"),
        (ALOUD | {"audio": {"voice": 7, "format": "wav"}}, "audio.voice"),
        (ALOUD | {"audio": {"voice": {}, "format": "wav"}}, "audio.voice.id"),
        (ALOUD | {"audio": {"voice": {"id": "a", "x": 1}, "format": "wav"}}, "audio.voice.x"),
        (ALOUD | {"audio": {"voice": "alloy", "format": "midi"}}, "audio.format"),
        (ALOUD | {"audio": {"voice": "alloy", "format": "wav", "speed": 2}}, "audio.speed"),
        (ALOUD | {"n": 2}, "n"),
        (ALOUD | {"response_format": {"type": "json_object"}}, "response_format"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_what_is_wrong_is_named_before_anything_runs(client, pipeline, fields, param, stream):
    answer = await client.chat(stream=stream, **fields)
    assert answer.status == 400, answer.body
    assert answer.json()["error"]["param"] == param
    assert pipeline.requests == []
    assert pipeline.refused, "what the door refuses has its ledger row"


@pytest.mark.parametrize("modalities", [["audio"], ["audio", "text"], ["text", "audio", "audio"]])
async def test_sound_brings_its_text_whatever_the_order(client, modalities):
    answer = await client.chat(**ALOUD | {"modalities": modalities})
    assert exact(ChatCompletion, answer.json()).choices[0].message.audio.transcript


async def test_what_the_way_calls_voice_is_audio_voice_here(client, pipeline):
    pipeline.events = (VoiceNotFound("There is no voice `x`.", param="voice"),)
    answer = await client.chat(stream=True, **ALOUD)
    assert (answer.status, answer.json()["error"]["param"]) == (400, "audio.voice")


async def test_an_answer_may_be_referred_to_by_its_id(client, pipeline):
    first = (await client.chat(**ALOUD)).json()["choices"][0]["message"]
    asked = {"role": "user", "content": "Again?"}
    answer = await client.chat(messages=[asked, {"role": "assistant", "audio": {"id": first["audio"]["id"]}}, asked])
    assert answer.status == 200
    assert pipeline.requests[-1].body.messages[1].content == (TextPart("One two. Three."),)
    answer = await client.chat(messages=[asked, first, asked])
    assert answer.status == 200
    assert pipeline.requests[-1].body.messages[1].content == (TextPart("One two. Three."),)


async def test_an_unknown_id_is_refused_at_its_place(client, pipeline):
    asked = [{"role": "user", "content": "Hi"}, {"role": "assistant", "audio": {"id": "audio_gone"}}]
    answer = await client.chat(messages=asked)
    error = answer.json()["error"]
    assert (answer.status, error["param"], error["code"]) == (400, "messages[1].audio.id", "audio_not_found")
    assert pipeline.requests == []


async def test_where_nothing_may_be_stored_an_id_holds_no_time(client, stored):
    stored.allowed = False
    audio = (await client.chat(**ALOUD)).json()["choices"][0]["message"]["audio"]
    assert audio["expires_at"] <= time.time()


async def test_words_that_cannot_be_kept_are_an_error_in_the_stream(client, stored):
    async def full(*_):
        raise Internal("The answer is complete but its words could not be kept.", code="storage_failed")

    stored.save_spoken = full
    answer = await client.chat(stream=True, **ALOUD)
    assert answer.data()[-1]["error"]["code"] == "storage_failed"
    assert (await client.chat(**ALOUD)).status == 500


async def test_sound_in_reaches_the_way(client, pipeline):
    part = {"type": "input_audio", "input_audio": {"data": base64.b64encode(b"RIFF").decode(), "format": "wav"}}
    await client.chat(messages=[{"role": "user", "content": [part]}])
    assert pipeline.requests[-1].body.messages[0].content == (
        MediaPart(kind="audio", data=b"RIFF", media_type="audio/wav"),
    )
    assert pipeline.requests[-1].body.voice is None


def test_pieces_of_any_length():
    pieces = spoken.Pieces()
    made = []
    for start in range(0, len(SOUND), 5):
        made += pieces.feed(SOUND[start : start + 5])
    made += pieces.end() + pieces.end()
    assert b"".join(map(base64.b64decode, made)) == SOUND
    assert base64.b64decode("".join(made)) == SOUND


def test_an_empty_piece_of_text_before_a_tool_call_is_no_sound() -> None:
    events = [TextDelta(""), ToolCallDelta(0, "{}", "call_1", "weather"), ChoiceEnd("tool_calls")]
    sounding = spoken.Spoken("audio_1", "wav", 1)
    answer = ChatAnswer("chatcmpl-1", 0, logprobs=False, functions=False, spoken=sounding)
    message = completion(answer, STARTED, list(events), Finished(Usage()))["choices"][0]["message"]
    assert message["tool_calls"]
    assert "audio" not in message
