"""The voices as a client meets them: listed, listened to, and each of OpenAI's names another voice."""

import io
from collections.abc import Iterator
from typing import Any

import openai
import pytest
import soundfile
from openai import OpenAI

from omniwatt.catalog.voices import OPENAI_NAMES, sentence
from omniwatt.engines.speak.melody import melody
from tests.openai.conftest import client_of
from tests.openai.test_audio import words
from tests.served import served, share_models


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenAI]:
    home = share_models(tmp_path_factory.mktemp("voices"))
    with served(home, "--models", "hear,speak", "--log-level", "warning") as server, client_of(server) as opened:
        yield opened


def get(client: OpenAI, path: str) -> Any:
    return client.get(path, cast_to=object)


def test_what_is_not_served_is_not_listed(echo_client: OpenAI) -> None:
    assert get(echo_client, "/audio/voices")["data"] == []
    with pytest.raises(openai.NotFoundError, match="omniwatt pull kokoro-82m"):
        get(echo_client, "/audio/voices/af_heart")


@pytest.mark.model
def test_the_list_and_each_of_it(client: OpenAI) -> None:
    found = get(client, "/audio/voices?language=en")["data"]
    assert {voice["engine"] for voice in found} == {"piper-joe"}
    assert {name for voice in found for name in voice["aliases"]} == set(OPENAI_NAMES)
    assert get(client, "/audio/voices/nova")["id"] == "joe-nova"
    assert get(client, "/audio/voices/joe-news") == next(voice for voice in found if voice["id"] == "joe-news")


@pytest.mark.model
def test_a_sample_can_be_listened_to_and_understood(client: OpenAI) -> None:
    path = get(client, "/audio/voices/joe-calm")["sample"]
    sound = client.get(path.removeprefix("/v1"), cast_to=openai._legacy_response.HttpxBinaryResponseContent).content
    samples, rate_hz = soundfile.read(io.BytesIO(sound), dtype="float32")
    assert 3 < len(samples) / rate_hz < 10
    heard = client.audio.transcriptions.create(model="whisper-1", file=("sample.mp3", sound))
    assert words(heard.text) == words(sentence("en-US"))


@pytest.mark.model
def test_openais_names_are_voices_of_different_pitch(client: OpenAI) -> None:
    pitch = {}
    for name in ("onyx", "alloy", "echo", "sage", "nova"):
        answer = client.audio.speech.create(
            model="tts-1", voice=name, input="One, two, three, four, five.", response_format="wav"
        )
        samples, rate_hz = soundfile.read(io.BytesIO(answer.content), dtype="float32")
        line = melody(samples, rate_hz).f0_hz
        voiced = sorted(line[line > 0])
        pitch[name] = voiced[len(voiced) // 2]
    assert list(pitch) == sorted(pitch, key=pitch.__getitem__), pitch
    assert pitch["nova"] / pitch["alloy"] > 1.7
