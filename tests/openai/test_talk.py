"""`omniwatt talk` against live servers, with recordings for a microphone."""

import os
import subprocess
import sys
import wave
from pathlib import Path

import pytest
from openai import OpenAI

from tests.served import Served
from tests.way.realtime_talk import silence
from tests.way.test_realtime_turns import speech


def run_talk(server: Served, *arguments: str) -> subprocess.CompletedProcess[str]:
    environ = {k: v for k, v in os.environ.items() if not k.startswith("OMNIWATT_")}
    environ |= {"OMNIWATT_URL": server.url, "OMNIWATT_API_KEY": server.key}
    command = [sys.executable, "-m", "omniwatt", "talk", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=100, check=False, env=environ)


def write(path: Path, data: bytes) -> str:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(24000)
        file.writeframes(data)
    return str(path)


def seconds(path: Path) -> float:
    with wave.open(str(path)) as file:
        return file.getnframes() / file.getframerate()


def test_recordings_are_answered_one_after_another(echo_server: Served, tmp_path: Path) -> None:
    one = write(tmp_path / "one.wav", silence(0.3) + speech(1.2))
    none = write(tmp_path / "none.wav", silence(0.2))
    found = run_talk(echo_server, one, none, "-o", str(tmp_path / "answers.wav"), "--silence", "0.3")
    assert found.stdout.count("you: second 1") == 1
    assert "answer: second 1" in found.stdout
    assert "first sound after" in found.stderr
    assert "nobody was heard" in found.stderr
    assert found.returncode == 1
    assert seconds(tmp_path / "answers.wav") > 0.05


def test_what_the_server_will_not_have_is_said_in_its_words(echo_server: Served, tmp_path: Path) -> None:
    one = write(tmp_path / "one.wav", speech(0.5))
    model = run_talk(echo_server, one, "-m", "no-such-model")
    assert model.returncode == 1
    assert "The model `no-such-model` does not exist" in model.stderr


@pytest.mark.model
def test_a_question_is_heard_and_answered(talking_server: Served, tmp_path: Path) -> None:
    with OpenAI(base_url=talking_server.url + "/v1", api_key=talking_server.key, timeout=100.0) as client:
        question = client.audio.speech.create(
            model="tts-1", voice="alloy", input="What is the capital of France?", response_format="wav"
        )
    (tmp_path / "q.wav").write_bytes(question.read())
    found = run_talk(talking_server, str(tmp_path / "q.wav"), "-o", str(tmp_path / "a.wav"))
    assert found.returncode == 0, found.stderr
    assert found.stdout.startswith("you: What is the capital of France?")
    assert "Paris" in found.stdout.partition("answer:")[2]
    assert seconds(tmp_path / "a.wav") > 0.5
    voice = run_talk(talking_server, str(tmp_path / "q.wav"), "-v", "nobody")
    assert voice.returncode == 1
    assert "no voice `nobody`" in voice.stderr
