"""Sound through the official client: shapes on echo, words on the real ears and the fast voice."""

import difflib
import io
import math
import re
import struct
import time
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
from openai import OpenAI
from openai.types.audio import Transcription, TranscriptionVerbose, Translation

from tests.openai.conftest import client_of
from tests.served import Served, served, share_models

SENTENCE = "Tomorrow morning we will take the early train to London and visit the old museum."
SPOKEN_TOKENS = 15
"""Of SENTENCE, as echo counts: two words are longer than eight letters."""
FORMATS = ("mp3", "opus", "aac", "flac", "wav", "pcm")
HEADS = {
    "mp3": (b"\xff", b"ID3"),
    "opus": (b"OggS",),
    "aac": (b"\xff\xf1", b"\xff\xf9"),
    "flac": (b"fLaC",),
    "wav": (b"RIFF",),
}


def tone(seconds: float, rate_hz: int = 16_000) -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        count = int(seconds * rate_hz)
        file.writeframes(struct.pack(f"<{count}h", *(int(8000 * math.sin(place * 0.17)) for place in range(count))))
    return out.getvalue()


def words(text: str) -> list[str]:
    return re.findall(r"[a-z]+", text.lower())


def understood(text: str) -> bool:
    """At least nine words in ten of SENTENCE, in their order."""
    return difflib.SequenceMatcher(None, words(text), words(SENTENCE)).ratio() >= 0.9


# --- shapes


def test_a_transcription_in_every_form(echo_client: OpenAI) -> None:
    file = ("tone.wav", tone(2.5))
    create: Any = echo_client.audio.transcriptions.create
    plain = create(model="gpt-4o-transcribe", file=file)
    assert isinstance(plain, Transcription)
    assert plain.text == "second 1 second 2 second 3"
    assert (plain.usage.type, plain.usage.input_tokens) == ("tokens", 62)
    verbose = create(
        model="whisper-1", file=file, response_format="verbose_json", timestamp_granularities=["word", "segment"]
    )
    assert isinstance(verbose, TranscriptionVerbose)
    assert (verbose.language, verbose.duration, verbose.usage.seconds) == ("english", 2.5, 2.5)
    assert [(one.start, one.end) for one in verbose.segments] == [(0, 1), (1, 2), (2, 2.5)]
    assert [word.word for word in verbose.words[:2]] == ["second", "1"]
    assert create(model="whisper-1", file=file, response_format="text") == "second 1 second 2 second 3\n"
    assert create(model="whisper-1", file=file, response_format="srt").startswith("1\n00:00:00,000 --> 00:00:01,000\n")
    assert create(model="whisper-1", file=file, response_format="vtt").startswith("WEBVTT\n\n00:00:00.000 -->")


def test_every_parameter_of_the_client_arrives(echo_client: OpenAI) -> None:
    answer = echo_client.audio.transcriptions.create(
        model="gpt-transcribe",
        file=("tone.wav", tone(1.0)),
        chunking_strategy={
            "type": "server_vad",
            "threshold": 0.4,
            "prefix_padding_ms": 100,
            "silence_duration_ms": 200,
        },
        include=["logprobs"],
        keywords=["Omniwatt", "Kokoro"],
        languages=["de"],
        prompt="before",
        temperature=0.2,
        response_format="json",
        extra_body={"accurate": True},
    )
    assert [one.code for one in answer.languages] == ["de"]
    assert "".join(one.token for one in answer.logprobs).strip() == answer.text == "second 1"


def test_a_streamed_transcription(echo_client: OpenAI) -> None:
    with echo_client.audio.transcriptions.create(
        model="gpt-4o-mini-transcribe", file=("tone.wav", tone(3.0)), stream=True, chunking_strategy="auto"
    ) as stream:
        events = list(stream)
    deltas = [event.delta for event in events if event.type == "transcript.text.delta"]
    done = events[-1]
    assert done.type == "transcript.text.done"
    assert done.text == "".join(deltas) == "second 1 second 2 second 3"
    assert done.usage.input_token_details.audio_tokens == done.usage.input_tokens == 75


def test_a_translation(echo_client: OpenAI) -> None:
    with pytest.warns(DeprecationWarning, match="deprecated"):
        answer = echo_client.audio.translations.create(model="whisper-1", file=("tone.wav", tone(1.0)))
    assert isinstance(answer, Translation)
    assert answer.text == "second 1"


def test_a_large_recording_goes_by_the_disk_and_leaves_nothing(echo_client: OpenAI, echo_server: Served) -> None:
    file = ("long.wav", tone(1.0, 48_000) + bytes(9 * 1024 * 1024))
    size = struct.pack("<I", len(file[1]) - 44)
    file = (file[0], file[1][:40] + size + file[1][44:])
    answer = echo_client.audio.transcriptions.create(model="whisper-1", file=file)
    assert answer.text == "second 1"
    assert answer.usage.seconds == pytest.approx(99.3, abs=0.5)
    until = time.monotonic() + 5
    while left := [path for path in (echo_server.home / "files").rglob("*") if path.is_file()]:
        assert time.monotonic() < until, left
        time.sleep(0.02)


@pytest.mark.parametrize("form", FORMATS)
def test_speech_in_every_form(echo_client: OpenAI, form: Any) -> None:
    answer = echo_client.audio.speech.create(model="tts-1", voice="nova", input=SENTENCE, response_format=form)
    assert answer.content.startswith(HEADS.get(form, (b"",)))
    if form == "pcm":
        assert len(answer.content) == pytest.approx(SPOKEN_TOKENS * 0.04 * 48_000, rel=0.02)
        return
    heard = echo_client.audio.transcriptions.create(
        model="whisper-1", file=(f"said.{form}", answer.content), response_format="verbose_json"
    )
    assert heard.duration == pytest.approx(SPOKEN_TOKENS * 0.04, abs=0.15)


def test_speech_to_a_file_and_as_events(echo_client: OpenAI, tmp_path: Path) -> None:
    target = tmp_path / "said.mp3"
    with echo_client.audio.speech.with_streaming_response.create(
        model="gpt-4o-mini-tts", voice={"id": "alloy"}, input=SENTENCE, speed=2.0
    ) as answer:
        assert answer.headers["content-type"] == "audio/mpeg"
        answer.stream_to_file(target)
    assert target.stat().st_size > 1000
    raw = echo_client.audio.speech.with_raw_response.create(
        model="gpt-4o-mini-tts", voice="alloy", input=SENTENCE, stream_format="sse"
    )
    lines = [line for line in raw.text.splitlines() if line.startswith("data: ")]
    assert '"type":"speech.audio.delta"' in lines[0]
    assert '"type":"speech.audio.done"' in lines[-1]


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"input": ""}, "input"),
        ({"input": "a" * 100_000}, "input"),
        ({"speed": 5.0}, "speed"),
        ({"response_format": "midi"}, "response_format"),
        ({"instructions": "with a French accent"}, "instructions"),
    ],
)
def test_speech_that_is_refused(echo_client: OpenAI, fields: Any, param: str) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        echo_client.audio.speech.create(**{"model": "tts-1", "voice": "alloy", "input": "Hi."} | fields)
    assert caught.value.param == param


@pytest.mark.parametrize("data", [b"no sound at all", bytes(5000), b"\xff\xfb\x90\x00" + b"x" * 300])
def test_files_that_are_refused(echo_client: OpenAI, data: bytes) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        echo_client.audio.transcriptions.create(model="whisper-1", file=("a.mp3", data))
    assert caught.value.param == "file"
    with pytest.raises(openai.BadRequestError, match="diarized_json"):
        echo_client.audio.transcriptions.create(
            model="whisper-1", file=("a.wav", tone(0.1)), response_format="diarized_json"
        )


# --- words


@pytest.fixture(scope="module")
def sound_client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenAI]:
    """The real ears and the fast voice."""
    home = share_models(tmp_path_factory.mktemp("sound"))
    with served(home, "--models", "hear,speak", "--log-level", "warning") as server, client_of(server) as client:
        yield client


@pytest.fixture(scope="module")
def said(sound_client: OpenAI) -> bytes:
    return sound_client.audio.speech.create(model="tts-1", voice="alloy", input=SENTENCE, response_format="wav").content


@pytest.mark.model
def test_what_the_voice_says_the_ears_understand(sound_client: OpenAI, said: bytes) -> None:
    answer: Any = sound_client.audio.transcriptions.create(
        model="whisper-1", file=("said.wav", said), response_format="verbose_json", timestamp_granularities=["word"]
    )
    assert understood(answer.text)
    assert answer.language == "english"
    assert words(" ".join(word.word for word in answer.words)) == words(answer.text)
    starts = [word.start for word in answer.words]
    assert starts == sorted(starts)
    assert answer.words[-1].end <= answer.duration + 0.1


@pytest.mark.model
@pytest.mark.parametrize("form", ["mp3", "opus", "aac", "flac"])
def test_every_form_can_be_understood(sound_client: OpenAI, form: Any) -> None:
    spoken = sound_client.audio.speech.create(model="tts-1", voice="alloy", input=SENTENCE, response_format=form)
    heard = sound_client.audio.transcriptions.create(model="gpt-4o-transcribe", file=(f"said.{form}", spoken.content))
    assert understood(heard.text)
    assert heard.usage.input_token_details.audio_tokens == pytest.approx(heard.usage.input_tokens, abs=8)


@pytest.mark.model
def test_a_stream_says_what_the_whole_says(sound_client: OpenAI, said: bytes) -> None:
    with sound_client.audio.transcriptions.create(
        model="gpt-4o-mini-transcribe", file=("said.wav", said), stream=True, language="en"
    ) as stream:
        events = list(stream)
    text = "".join(event.delta for event in events if event.type == "transcript.text.delta")
    assert events[-1].type == "transcript.text.done"
    assert events[-1].text == text.strip()
    assert understood(text)


@pytest.mark.model
def test_faster_speech_is_shorter_and_still_understood(sound_client: OpenAI, said: bytes) -> None:
    fast = sound_client.audio.speech.create(
        model="tts-1", voice="alloy", input=SENTENCE, response_format="wav", speed=1.4
    ).content
    assert len(fast) < len(said) * 0.85
    heard = sound_client.audio.transcriptions.create(model="whisper-1", file=("fast.wav", fast))
    assert understood(heard.text)


@pytest.mark.model
def test_silence_is_not_put_into_words(sound_client: OpenAI) -> None:
    silent = tone(3.0)[:44] + bytes(96_000)
    assert sound_client.audio.transcriptions.create(model="whisper-1", file=("silent.wav", silent)).text == ""


@pytest.mark.model
def test_a_voice_nobody_has_is_refused_before_the_first_byte(sound_client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        sound_client.audio.speech.create(model="tts-1", voice="nobody-at-all", input="Hi.")
    assert (caught.value.param, caught.value.code) == ("voice", "voice_not_found")
