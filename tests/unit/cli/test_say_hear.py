"""`say` and `hear`: wrong use in a sentence, formats by the file's ending, players, and no half files."""

import io
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest
from click.testing import CliRunner, Result

from omniwatt.cli import hear, play, say
from omniwatt.cli.menu import omniwatt
from omniwatt.cli.taken import taken


class FakeClient:
    """Stands where the official client stands; keeps what it was asked."""

    base_url = "http://test/v1"

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.pieces: list[bytes | Exception] = [b"RIFF", b"more"]
        self.answer: Any = "the words"
        self.headers: dict[str, str] = {}
        self.events: list[Any] = []

    def __getattr__(self, name: str) -> "FakeClient":
        return self

    def create(self, **fields: Any) -> Any:
        self.asked.append(fields)
        if "file" in fields and hasattr(fields["file"][1], "read"):
            with fields["file"][1] as file:
                self.asked[-1]["file"] = (fields["file"][0], file.read())
        return self

    def parse(self) -> Any:
        return self.answer

    def __enter__(self) -> "FakeClient":
        return self

    def __exit__(self, *_: object) -> None:
        return

    def __iter__(self) -> Iterator[Any]:
        return iter(self.events)

    def iter_bytes(self) -> Iterator[bytes]:
        for piece in self.pieces:
            if isinstance(piece, Exception):
                raise piece
            yield piece


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> FakeClient:
    fake = FakeClient()
    monkeypatch.setattr(say.remote, "target", lambda _: None)
    monkeypatch.setattr(say.remote, "openai_client", lambda *_, **__: fake)
    return fake


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("OMNIWATT_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)

    def run_it(*arguments: str, typed: bytes = b"") -> Result:
        return CliRunner().invoke(omniwatt, arguments, input=typed)

    return run_it


@pytest.mark.parametrize("name", ["say", "hear"])
def test_help_shows_examples(run: Any, name: str) -> None:
    text = run(name, "--help").output
    assert "Examples:" in text
    assert text.count(f"omniwatt {name}") >= 4


@pytest.mark.parametrize(
    ("name", "form"), [("a.mp3", "mp3"), ("a.OGG", "opus"), ("a.flac", "flac"), ("a.xyz", "wav"), ("a", "wav")]
)
def test_the_ending_says_the_format(run: Any, client: FakeClient, tmp_path: Path, name: str, form: str) -> None:
    done = run("say", "Hello", "there", "-o", name)
    assert done.exit_code == 0, done.output
    assert client.asked == [{"model": "tts-1", "voice": "alloy", "input": "Hello there", "response_format": form}]
    assert (tmp_path / name).read_bytes() == b"RIFFmore"


def test_everything_that_can_be_said_about_saying_arrives(run: Any, client: FakeClient) -> None:
    given = ["-v", "af_heart", "-m", "tts-1-hd", "-s", "1.5", "-i", "whisper", "-f", "opus", "-o", "-"]
    done = run("say", *given, typed=b"Piped in.")
    assert done.stdout_bytes == b"RIFFmore"
    assert client.asked[0] == {
        "model": "tts-1-hd",
        "voice": "af_heart",
        "input": "Piped in.",
        "response_format": "opus",
        "speed": 1.5,
        "instructions": "whisper",
    }


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("say", "-o", "a.wav"), "nothing to say"),
        (("say", "Hi.", "-s", "9"), "0.25"),
        (("say", "Hi.", "-f", "midi"), "midi"),
        (("say", "Hi.", "-o", "no/such/folder/a.wav"), "cannot write"),
        (("hear", "nothing.wav"), "does not exist"),
        (("hear", "-"), "the input is empty"),
        (("hear", "-", "--words", "-f", "srt"), "verbose_json"),
        (("hear", "-", "--translate", "-l", "de"), "--translate"),
    ],
)
def test_wrong_use_ends_in_a_sentence(run: Any, client: FakeClient, arguments: tuple[str, ...], says: str) -> None:
    done = run(*arguments)
    assert done.exit_code != 0
    assert says in done.output
    assert "Traceback" not in done.output


def test_without_a_player_a_file_is_asked_for(run: Any, client: FakeClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(play.shutil, "which", lambda _: None)
    assert "-o FILE" in run("say", "Hi.").output
    assert not client.asked


@pytest.mark.parametrize("fault", [BrokenPipeError(), httpx2.ReadError("reset"), httpx2.RemoteProtocolError("closed")])
def test_a_sound_that_breaks_off_leaves_no_file(run: Any, client: FakeClient, tmp_path: Path, fault: Exception) -> None:
    client.pieces = [b"RIFF", fault]
    done = run("say", "Hi.", "-o", "a.wav")
    assert done.exit_code == 1
    assert done.output.startswith("Error: the "), done.output
    assert [path.name for path in tmp_path.iterdir() if path.name != "home"] == []


def test_a_player_hears_it_all(run: Any, client: FakeClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "heard"
    player = tmp_path / "player"
    player.write_text(f"#!{sys.executable}\nimport sys\nopen({str(target)!r}, 'wb').write(sys.stdin.buffer.read())\n")
    player.chmod(0o700)
    monkeypatch.setattr(play, "PLAYERS", ((str(player),),))
    done = run("say", "Aloud.")
    assert done.exit_code == 0, done.output
    assert target.read_bytes() == b"RIFFmore"
    assert client.asked[0]["response_format"] == "pcm"


def test_a_player_that_gives_up_is_told(run: Any, client: FakeClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(play, "PLAYERS", (("true",),))
    client.pieces = [bytes(1_000_000)] * 3
    done = run("say", "Aloud.")
    assert done.exit_code == 1
    assert "has ended" in done.output


def test_words_appear_as_they_are_heard(run: Any, client: FakeClient, tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"RIFF....")
    kind = type("Event", (), {})
    for text in ("One", " two"):
        event: Any = kind()
        event.type, event.delta = "transcript.text.delta", text
        client.events.append(event)
    done = run("hear", "a.wav", "-l", "en", "-k", "Omniwatt", "-k", "Kokoro", "-p", "before", "--accurate")
    assert done.stdout == "One two\n"
    assert client.asked == [
        {
            "model": "whisper-1",
            "file": ("a.wav", b"RIFF...."),
            "response_format": "text",
            "prompt": "before",
            "language": "en",
            "keywords": ["Omniwatt", "Kokoro"],
            "extra_body": {"accurate": True},
            "stream": True,
        }
    ]


@pytest.mark.parametrize(
    ("name", "form"), [("a.srt", "srt"), ("a.vtt", "vtt"), ("a.json", "verbose_json"), ("a", "text")]
)
def test_the_ending_says_the_kind_of_transcript(
    run: Any, client: FakeClient, tmp_path: Path, name: str, form: str
) -> None:
    done = run("hear", "-", "-o", name, typed=b"RIFF")
    assert done.exit_code == 0, done.output
    assert client.asked[0]["response_format"] == form
    assert client.asked[0]["file"] == ("stdin", b"RIFF")
    assert (tmp_path / name).read_text() == "the words"


def test_translations_go_to_their_own_route(run: Any, client: FakeClient) -> None:
    assert run("hear", "-", "--translate", typed=b"RIFF").stdout == "the words\n"
    assert "stream" not in client.asked[0]


def test_word_times_are_asked_for(run: Any, client: FakeClient) -> None:
    run("hear", "-", "--words", typed=b"RIFF")
    assert client.asked[0]["timestamp_granularities"] == ["word", "segment"]
    assert client.asked[0]["response_format"] == "verbose_json"


def test_an_unreadable_recording(run: Any, client: FakeClient, tmp_path: Path) -> None:
    secret = tmp_path / "a.wav"
    secret.write_bytes(b"RIFF")
    secret.chmod(0)
    if os.geteuid() == 0:
        secret.unlink()
        secret.symlink_to(tmp_path / "gone")
    done = run("hear", "a.wav")
    assert done.exit_code != 0
    assert "Traceback" not in done.output


def test_the_modules_are_the_commands() -> None:
    assert (hear.hear.name, say.say.name) == ("hear", "say")


ENERGY = {"x-energy-joules": "12.34", "x-energy-method": "estimated"}


@pytest.mark.parametrize(
    ("headers", "said"),
    [({}, ""), (ENERGY, "about 12 J estimated"), (ENERGY | {"content-length": "8"}, "12 J estimated")],
)
def test_what_a_sound_took(client: FakeClient, headers: dict[str, str], said: str) -> None:
    client.headers = headers
    sink = io.BytesIO()
    assert say._spoken(client, {"input": "Hi."}, sink)[2] == said  # type: ignore[arg-type]


def test_what_a_transcript_took(client: FakeClient) -> None:
    client.headers = ENERGY | {"content-length": "8"}
    assert hear._heard(client, {}, translate=False, live=False) == ("the words", "12 J estimated")  # type: ignore[arg-type]
    assert hear._heard(client, {}, translate=True, live=False) == ("the words", "12 J estimated")  # type: ignore[arg-type]
    usage = SimpleNamespace(energy={"energy_joules": 4.5, "method": "measured"})
    client.events = [SimpleNamespace(type="transcript.text.done", usage=usage)]
    assert hear._heard(client, {}, translate=False, live=True) == ("", "4.50 J measured")  # type: ignore[arg-type]


@pytest.mark.parametrize("energy", [None, {}, {"energy_joules": None}, "much"])
def test_where_nothing_is_known_nothing_is_said(energy: object) -> None:
    assert taken(energy) == ""
