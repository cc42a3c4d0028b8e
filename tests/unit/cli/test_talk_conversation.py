"""What `omniwatt talk` shows and plays of what a server says."""

import time
from types import SimpleNamespace
from typing import Any

import click
import pytest

from omniwatt.cli.conversation import Conversation
from omniwatt.cli.playback import BYTES_PER_S, Playback


def event(kind: str, **fields: Any) -> Any:
    return SimpleNamespace(type=kind, **fields)


class Server:
    """A connection whose events are known beforehand."""

    def __init__(self, *events: Any) -> None:
        self._events = iter(events)
        self.session = SimpleNamespace(update=lambda session: None)
        self.sent = 0
        self.input_audio_buffer = SimpleNamespace(append=self._append)

    def _append(self, audio: str) -> None:
        self.sent += 1

    def __iter__(self) -> Any:
        return self._events

    def close(self) -> None:
        self._events = iter(())


TRANSCRIPTION = "conversation.item.input_audio_transcription"
ANSWER = "response.output_audio_transcript"


def done(status: str, error: Any = None) -> Any:
    return event("response.done", response=SimpleNamespace(status=status, status_details=SimpleNamespace(error=error)))


def shown(capsys: pytest.CaptureFixture[str], *events: Any) -> tuple[str, Conversation]:
    conversation = Conversation(Server(*events), None, None)  # type: ignore[arg-type]
    conversation._over.set()
    conversation._read()
    return capsys.readouterr().out, conversation


def test_words_are_shown_as_they_come_and_once(capsys: pytest.CaptureFixture[str]) -> None:
    out, conversation = shown(
        capsys,
        event(f"{TRANSCRIPTION}.delta", item_id="a", delta="What is"),
        event(f"{TRANSCRIPTION}.delta", item_id="a", delta=" it?"),
        event(f"{TRANSCRIPTION}.completed", item_id="a", transcript="What is it?"),
        event(f"{ANSWER}.delta", item_id="b", delta="[It] is"),
        event(f"{ANSWER}.delta", item_id="b", delta=" so."),
        event(f"{ANSWER}.done", item_id="b"),
        done("completed"),
    )
    assert out == "you: What is it?\nanswer: [It] is so.\n"
    assert conversation.failed == 0


def test_an_answer_stands_below_its_question_even_when_it_is_quicker(capsys: pytest.CaptureFixture[str]) -> None:
    out, _ = shown(
        capsys,
        event("input_audio_buffer.speech_started"),
        event(f"{ANSWER}.delta", item_id="b", delta="It is"),
        event(f"{TRANSCRIPTION}.completed", item_id="a", transcript="What is it?"),
        event(f"{ANSWER}.delta", item_id="b", delta=" so."),
        event(f"{ANSWER}.done", item_id="b"),
        event("input_audio_buffer.speech_started"),
        event(f"{ANSWER}.delta", item_id="d", delta="Never written down."),
        done("completed"),
    )
    assert out == "you: What is it?\nanswer: It is so.\nanswer: Never written down.\n"


def test_what_was_shown_wrong_is_said_again(capsys: pytest.CaptureFixture[str]) -> None:
    out, _ = shown(
        capsys,
        event(f"{TRANSCRIPTION}.delta", item_id="a", delta="Whats"),
        event(f"{TRANSCRIPTION}.completed", item_id="a", transcript="What is it?"),
    )
    assert out == "you: Whats\nyou: What is it?\n"


def test_a_turn_that_fails_is_said_and_counted(capsys: pytest.CaptureFixture[str]) -> None:
    _, conversation = shown(capsys, done("failed", SimpleNamespace(message="The engine died.", code="engine_died")))
    assert conversation.failed == 1


def test_a_session_the_server_will_not_have_ends_it() -> None:
    server = Server(event("session.created"), event("error", error=SimpleNamespace(message="There is no voice `x`.")))
    with pytest.raises(click.ClickException, match="no voice"):
        Conversation(server, None, None).begin({})  # type: ignore[arg-type]


def test_a_server_that_hangs_up_is_a_fault() -> None:
    with pytest.raises(OSError, match="hung up"):
        Conversation(Server(), None, None)._read()  # type: ignore[arg-type]


def test_what_is_played_keeps_pace_and_can_be_stopped() -> None:
    played = bytearray()
    playback = Playback(played.extend)
    playback.say(bytes(BYTES_PER_S))
    time.sleep(0.3)
    playback.stop()
    heard_s = len(played) / BYTES_PER_S
    assert 0.2 <= heard_s < 0.9
    playback.say(bytes(BYTES_PER_S // 10))
    playback.close()
    assert len(played) / BYTES_PER_S <= heard_s + 0.2
    assert playback.left_s() < 0.01


def test_a_player_that_is_gone_stops_nobody() -> None:
    tried = list[int]()

    def gone(data: bytes) -> None:
        tried.append(len(data))
        raise BrokenPipeError

    playback = Playback(gone)
    playback.say(bytes(960))
    playback.close()
    assert tried == [960]
    assert not playback._thread.is_alive()
