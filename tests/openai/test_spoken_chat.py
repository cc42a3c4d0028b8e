"""Chat with audio through the official client: shapes on echo, words with real ears, the fast model and a voice."""

import base64
import io
import json
import re
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
from openai import OpenAI
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from tests.openai.conftest import client_of
from tests.openai.test_audio import tone
from tests.served import Served, served, share_models
from tests.unit.api.shape import exact

ALOUD: dict[str, Any] = {"modalities": ["text", "audio"], "audio": {"voice": "alloy", "format": "pcm16"}}
HEADS = {"mp3": (b"\xff", b"ID3"), "opus": (b"OggS",), "aac": (b"\xff",), "flac": (b"fLaC",), "wav": (b"RIFF",)}


def heard(data: bytes, form: str = "wav") -> dict[str, Any]:
    return {"type": "input_audio", "input_audio": {"data": base64.b64encode(data).decode(), "format": form}}


def user(*content: Any) -> dict[str, Any]:
    return {"role": "user", "content": list(content)}


@pytest.fixture(scope="module")
def deaf_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Echo as a model without ears, with another echo that hears and speaks for it."""
    home = tmp_path_factory.mktemp("deaf")
    (home / "cards").mkdir()
    (home / "cards" / "deaf.toml").write_text('base = "echo"\ninput_modalities = ["text"]\n')
    names = 'serve = ["deaf", "echo"]\ndefault = "deaf"\nhear = "echo"\nspeak = "echo"\n'
    (home / "omniwatt.toml").write_text(f"[models]\n{names}[audio]\nmax_seconds = 20\n")
    with served(home, "--log-level", "warning") as server:
        yield server


@pytest.fixture
def client(deaf_server: Served) -> Iterator[OpenAI]:
    with client_of(deaf_server) as opened:
        yield opened


def test_a_tool_call_instead_of_words_brings_no_sound(client: OpenAI) -> None:
    script = "Call it."
    tools: Any = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}]
    answer = client.chat.completions.create(
        model="gpt-4o", messages=[user({"type": "text", "text": script})], tools=tools, tool_choice="required", **ALOUD
    )
    message = answer.choices[0].message
    assert message.tool_calls
    assert message.audio is None
    assert answer.choices[0].finish_reason == "tool_calls"


def test_sound_in_an_assistants_message_is_refused(client: OpenAI) -> None:
    earlier = {"role": "assistant", "content": [heard(tone(1.0))]}
    with pytest.raises(openai.BadRequestError, match="by its id") as refused:
        client.chat.completions.create(model="gpt-4o", messages=[earlier, user(heard(tone(1.0)))])  # type: ignore[list-item]
    assert refused.value.param == "messages[0].content"


def test_speech_in_speech_out(client: OpenAI) -> None:
    raw = client.chat.completions.with_raw_response.create(model="gpt-4o", messages=[user(heard(tone(2.0)))], **ALOUD)
    exact(ChatCompletion, json.loads(raw.content))
    answer = raw.parse()
    audio = answer.choices[0].message.audio
    assert audio is not None
    assert audio.transcript == "second 1 second 2"
    seconds = len(base64.b64decode(audio.data)) / 2 / 24_000
    details = answer.usage.completion_tokens_details
    assert answer.usage.prompt_tokens_details.audio_tokens == 50
    assert details.audio_tokens == pytest.approx(seconds * 25, abs=1.5)
    assert answer.usage.completion_tokens > details.audio_tokens


@pytest.mark.parametrize("form", sorted(HEADS))
def test_every_form_whole_and_streamed(client: OpenAI, form: str) -> None:
    asked: Any = {"model": "gpt-4o", "messages": [user({"type": "text", "text": "one two three"})]}
    asked |= ALOUD | {"audio": {"voice": "alloy", "format": form}}
    whole = client.chat.completions.create(**asked).choices[0].message.audio
    assert base64.b64decode(whole.data).startswith(HEADS[form])
    if form == "wav":
        with wave.open(io.BytesIO(base64.b64decode(whole.data))) as file:
            assert file.getframerate() == 24_000
            assert file.getnframes() * 2 == len(file.readframes(file.getnframes()))
    with client.chat.completions.stream(**asked) as stream:
        final = stream.get_final_completion().choices[0].message.audio
    assert final.transcript == "one two three"
    assert base64.b64decode(final.data).startswith(HEADS[form])


def test_a_stream_chunk_by_chunk(client: OpenAI) -> None:
    chunks = list(
        client.chat.completions.create(model="gpt-4o", messages=[user(heard(tone(1.0)))], stream=True, **ALOUD)
    )
    for chunk in chunks:
        exact(ChatCompletionChunk, chunk.model_dump(exclude_unset=True))
    said = [chunk.choices[0].delta.audio for chunk in chunks if chunk.choices[0].delta.audio]
    assert "".join(audio.transcript or "" for audio in said) == "second 1"
    assert sum(audio.id is not None for audio in said) == 1
    assert all(len(base64.b64decode(audio.data)) % 2 == 0 for audio in said if audio.data)
    assert chunks[-1].choices[0].finish_reason == "stop"


def test_the_conversation_goes_on_by_the_answers_id(client: OpenAI) -> None:
    first: Any = [user(heard(tone(1.0)))]
    spoken = client.chat.completions.create(model="gpt-4o", messages=first, **ALOUD).choices[0].message
    again: Any = [*first, {"role": "assistant", "audio": {"id": spoken.audio.id}}, user(heard(tone(1.0)))]
    plain = client.chat.completions.create(model="gpt-4o", messages=again)
    assert plain.choices[0].message.content == "second 1"
    assert plain.usage.prompt_tokens_details.audio_tokens == 50
    whole: Any = [*first, spoken.model_dump(exclude_none=True), user({"type": "text", "text": "Hm."})]
    assert client.chat.completions.create(model="gpt-4o", messages=whole).choices[0].message.content == "Hm."
    gone: Any = [*first, {"role": "assistant", "audio": {"id": "audio_" + "0" * 32}}]
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model="gpt-4o", messages=gone)
    assert (caught.value.code, caught.value.param) == ("audio_not_found", "messages[1].audio.id")


def test_responses_take_sound_too(client: OpenAI) -> None:
    content: Any = [{"role": "user", "content": [heard(tone(2.0)), {"type": "input_text", "text": "What was that?"}]}]
    answer = client.responses.create(model="gpt-4o", input=content)
    assert answer.output_text == "second 1 second 2\nWhat was that?"
    assert answer.usage.input_tokens_details.to_dict()["audio_tokens"] == 50
    later = client.responses.create(model="gpt-4o", input="And?", previous_response_id=answer.id)
    assert later.output_text == "And?"
    details = later.usage.input_tokens_details.to_dict()
    assert details["audio_tokens"] == 50, "the sound is still in the conversation"
    assert details["cached_tokens"] >= 50, "and was not heard again"


def test_a_sound_counts_by_its_length_before_it_is_sent(client: OpenAI) -> None:
    typed = {"type": "input_text", "text": "What was that?"}
    counted = [
        client.responses.input_tokens.count(model="gpt-4o", input=[{"role": "user", "content": [*sound, typed]}])  # type: ignore[list-item]
        for sound in ([], [heard(tone(2.0))], [heard(tone(2.0)), heard(tone(1.5))])
    ]
    assert [one.input_tokens - counted[0].input_tokens for one in counted] == [0, 50, 88]
    with pytest.raises(openai.BadRequestError) as caught:
        client.responses.input_tokens.count(
            model="gpt-4o",
            input=[{"role": "user", "content": [heard(b"no sound at all"), typed]}],  # type: ignore[list-item]
        )
    assert caught.value.param == "input"


def test_an_uploaded_recording_is_heard(client: OpenAI) -> None:
    file = client.files.create(file=("tone.wav", tone(2.0), "audio/wav"), purpose="user_data")
    by_id: Any = [user({"type": "file", "file": {"file_id": file.id}})]
    assert client.chat.completions.create(model="gpt-4o", messages=by_id).choices[0].message.content == (
        "second 1 second 2"
    )
    long = client.files.create(file=("long.wav", tone(20.0, 240_000), "audio/wav"), purpose="user_data")
    assert long.bytes > 8 * 1024 * 1024, "more than goes inline"
    by_id = [user({"type": "file", "file": {"file_id": long.id}})]
    said = client.chat.completions.create(model="gpt-4o", messages=by_id).choices[0].message.content
    assert said.endswith("second 20")
    url = "data:audio/wav;base64," + base64.b64encode(tone(1.0)).decode()
    content: Any = [{"role": "user", "content": [{"type": "input_file", "file_data": url, "filename": "tone.wav"}]}]
    assert client.responses.create(model="gpt-4o", input=content).output_text == "second 1"


def test_models_say_that_they_hear_and_speak(client: OpenAI) -> None:
    assert client.models.retrieve("deaf").to_dict()["modalities"] == {
        "input": ["text", "audio"],
        "output": ["text", "image", "audio"],
    }


@pytest.mark.parametrize("stream", [False, True])
def test_an_engine_that_dies_in_the_middle_is_one_clear_error(client: OpenAI, stream: bool) -> None:
    script = "echo: " + json.dumps({"tokens": 9, "token_s": 0.02, "kill_at": 4})
    asked: Any = {"model": "gpt-4o", "messages": [user({"type": "text", "text": script})], "stream": stream} | ALOUD
    said = ""

    def listen() -> None:
        nonlocal said
        answer = client.chat.completions.create(**asked)
        for chunk in answer if stream else ():
            audio = chunk.choices[0].delta.audio
            said += (audio.transcript or "") if audio else ""
            assert chunk.choices[0].finish_reason is None

    with pytest.raises(openai.APIError, match="engine"):
        listen()
    assert bool(said) == stream
    asked["messages"] = [user({"type": "text", "text": "Hi"})]
    asked["stream"] = False
    assert client.chat.completions.create(**asked).choices[0].message.audio.transcript == "Hi"


@pytest.mark.parametrize(
    ("fields", "param", "status"),
    [
        ({"messages": [user(heard(b"RIFF not a sound"))]}, "messages", 400),
        ({"messages": [user(heard(b"hello"))]}, "messages", 400),
        ({"messages": [user(heard(tone(21.0, 8000)))]}, "messages", 413),
        (
            {"messages": [user({"type": "input_audio", "input_audio": {"data": "%%", "format": "wav"}})]},
            "messages[0].content[0].input_audio.data",
            400,
        ),
        (ALOUD | {"n": 2}, "n", 400),
        ({"modalities": ["text", "audio"]}, "audio", 400),
    ],
    ids=["damaged", "text", "too long", "no base64", "two answers", "no voice"],
)
@pytest.mark.parametrize("stream", [False, True])
def test_refused_before_the_first_byte(
    client: OpenAI, fields: dict[str, Any], param: str, status: int, stream: bool
) -> None:
    asked: Any = {"model": "gpt-4o", "messages": [user({"type": "text", "text": "Hi"})], "stream": stream} | fields
    with pytest.raises(openai.APIStatusError) as caught:
        client.chat.completions.create(**asked)
    assert (caught.value.status_code, caught.value.param) == (status, param)


# --- words


QUESTION = "What is the capital of France?"


@pytest.fixture(scope="module")
def talking_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Real ears, the fast model and the fast voice."""
    home = share_models(tmp_path_factory.mktemp("talking"))
    names = 'serve = ["fast", "hear", "speak"]\ndefault = "qwen2.5-coder-0.5b-instruct"\n'
    (home / "omniwatt.toml").write_text(f"[models]\n{names}")
    with served(Path(home), "--log-level", "warning", ready="/readyz") as server:
        yield server


@pytest.fixture
def talking(talking_server: Served) -> Iterator[OpenAI]:
    with client_of(talking_server) as opened:
        yield opened


def words(text: str) -> list[str]:
    return re.findall(r"[a-z]+", text.lower())


@pytest.mark.model
def test_a_spoken_question_is_answered_aloud(talking: OpenAI) -> None:
    question = talking.audio.speech.create(model="tts-1", voice="alloy", input=QUESTION, response_format="mp3").content
    asked: Any = {"model": "gpt-4o", "messages": [user(heard(question, "mp3"))], "temperature": 0}
    asked |= ALOUD | {"max_completion_tokens": 40}
    answer = talking.chat.completions.create(**asked)
    audio = answer.choices[0].message.audio
    assert "Paris" in audio.transcript
    samples = base64.b64decode(audio.data)
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setparams((1, 2, 24_000, 0, "NONE", ""))
        file.writeframes(samples)
    again = talking.audio.transcriptions.create(model="whisper-1", file=("answer.wav", out.getvalue())).text
    assert {"the", "capital", "paris"} <= set(words(again)), "what is heard is what is written"
    assert answer.usage.completion_tokens_details.audio_tokens == pytest.approx(len(samples) / 48_000 * 25, rel=0.1)


@pytest.mark.model
def test_the_first_clause_is_heard_before_the_last_is_written(talking: OpenAI) -> None:
    asked: Any = {"model": "gpt-4o", "temperature": 0, "stream": True} | ALOUD
    asked["messages"] = [user({"type": "text", "text": "Tell me in five sentences what a museum is."})]
    kinds = []
    for chunk in talking.chat.completions.create(**asked):
        audio = chunk.choices[0].delta.audio
        if audio is not None:
            kinds.append("sound" if audio.data else "text")
    last_text = len(kinds) - 1 - kinds[::-1].index("text")
    assert kinds.index("sound") < last_text / 2


@pytest.mark.model
def test_a_voice_nobody_has(talking: OpenAI) -> None:
    asked: Any = ALOUD | {"audio": {"voice": "nobody-in-particular", "format": "wav"}}
    with pytest.raises(openai.BadRequestError) as caught:
        talking.chat.completions.create(model="gpt-4o", messages=[user({"type": "text", "text": "Hi"})], **asked)
    assert (caught.value.param, caught.value.code) == ("audio.voice", "voice_not_found")
