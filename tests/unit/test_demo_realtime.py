"""The demo's stop watch: when a voice fell silent, and when the answer was heard."""

import base64
import struct
import time
from types import SimpleNamespace
from typing import Any

import pytest

from omniwatt.demo import realtime


def event(kind: str, **fields: Any) -> Any:
    return SimpleNamespace(type=kind, **fields)


def done(status: str = "completed", usage: Any = None) -> Any:
    return event("response.done", response=SimpleNamespace(status=status, usage=usage))


def sound(seconds: float) -> Any:
    return event("response.output_audio.delta", delta=base64.b64encode(b"\0\0" * int(24_000 * seconds)).decode())


def test_silence_at_the_end_is_not_speech() -> None:
    voice = struct.pack("<12000h", *[8000, -8000] * 6000)
    assert realtime.voiced_s(voice) == pytest.approx(0.5)
    assert realtime.voiced_s(voice + b"\7\0" * 24_000) == pytest.approx(0.5)
    assert realtime.voiced_s(b"\0\0" * 24_000) < 0.001


def test_the_first_sound_stops_the_watch() -> None:
    turn = realtime._Turn(time.monotonic() - 0.5)
    for one in (event("response.created"), sound(0.2), event("response.output_audio_transcript.delta", delta="Hi.")):
        turn.take(one)
    first = turn.latency_s
    turn.take(sound(0.2))
    assert first == turn.latency_s == pytest.approx(0.5, abs=0.2)
    assert turn.playing_until == pytest.approx(time.monotonic() + 0.4, abs=0.2)
    turn.take(done(usage=SimpleNamespace(input_tokens=3, output_tokens=4)))
    assert (turn.over, turn.error, turn.text, turn.prompt_tokens, turn.tokens) == (True, "", "Hi.", 3, 4)


def test_an_answer_that_was_given_up_counts_for_nothing() -> None:
    turn = realtime._Turn(time.monotonic())
    for one in (sound(0.1), event("response.output_audio_transcript.delta", delta="No"), done("cancelled")):
        turn.take(one)
    assert (turn.over, turn.latency_s, turn.text) == (False, None, "")


@pytest.mark.parametrize(
    ("last", "error"),
    [(done("failed"), "the response failed"), (event("error", error=SimpleNamespace(message="no")), "no")],
)
def test_faults_are_told(last: Any, error: str) -> None:
    turn = realtime._Turn(time.monotonic())
    turn.take(last)
    assert (turn.over, turn.error) == (True, error)


def test_a_microphone_sends_in_real_time_what_is_said_and_silence_else() -> None:
    sent: list[tuple[float, bytes]] = []
    buffer = SimpleNamespace(append=lambda audio: sent.append((time.monotonic(), base64.b64decode(audio))))
    began = time.monotonic()
    microphone = realtime._Microphone(SimpleNamespace(input_audio_buffer=buffer))
    voice = b"\1\2" * 4800
    silent_at = microphone.say(voice)
    time.sleep(0.4)
    microphone.stop()
    assert silent_at == pytest.approx(began + 0.2, abs=0.1)
    whole = b"".join(piece for _, piece in sent)
    assert whole.strip(b"\0") == voice
    assert len(whole) / 2 / 24_000 <= time.monotonic() - began + realtime.PIECE_S
    assert {len(piece) for _, piece in sent} == {960}
