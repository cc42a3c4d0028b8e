"""`omniwatt draw`: wrong use in a sentence, forms by the file's ending, no half files, what is said of a picture."""

import io
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx2
import openai
import pytest
from click.testing import CliRunner, Result

from omniwatt.cli import draw, remote
from omniwatt.cli.menu import omniwatt

COMPLETED = {
    "type": "image_generation.completed",
    "url": "http://elsewhere/v1/images/files/picture-1?expires=1&signature=s",
    "size": "64x64",
    "seed": 7,
    "style": "ink",
    "quality": "high",
    "revised_prompt": "Ink mountains; the text 禅.",
    "not_understood": ["frobnicated"],
    "text_verification": [
        {"requested": "禅", "recognised": "禅", "cer": 0.0, "attempts": 2, "verified": True},
        {"requested": "a", "recognised": "b", "cer": 1.0, "attempts": 3, "verified": False},
        {"requested": "c", "recognised": None, "cer": None, "attempts": 1, "verified": False},
    ],
    "faster": {"style": "flat", "seconds": 0.5, "times": 3.0},
}


ENERGY = {"energy_joules": 38.2, "method": "estimated"}


class FakeClient:
    """Stands where the official client stands; keeps what it was asked."""

    base_url = "http://test/v1"

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.events: list[dict[str, Any]] = [
            {"type": "image_generation.progress", "done": 1, "total": 2, "unit": "tiles"},
            COMPLETED,
        ]
        self.images = self.with_streaming_response = self

    def generate(self, **fields: Any) -> "FakeClient":
        self.asked.append(fields)
        return self

    def edit(self, **fields: Any) -> "FakeClient":
        self.asked.append({name: "file" if hasattr(value, "read") else value for name, value in fields.items()})
        return self

    def post(self, path: str, body: dict[str, Any], cast_to: Any) -> dict[str, Any]:
        self.asked.append(body)
        rows = [
            {
                "style": "ink",
                "quality": "low",
                "seconds": 0.5,
                "bytes": 1_200_000,
                "memory_bytes": 9,
                "energy_joules": 20.0,
            }
        ]
        return {"revised_prompt": "A cat.", "not_understood": ["zorb"], "estimates": rows}

    def __enter__(self) -> "FakeClient":
        return self

    def __exit__(self, *_: object) -> None:
        return

    def __iter__(self) -> Iterator[Any]:
        for event in self.events:
            yield SimpleNamespace(type=event["type"], to_dict=lambda event=event: event)

    def iter_bytes(self) -> Iterator[bytes]:
        yield b"\x89PNG"
        yield b"more"


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> FakeClient:
    fake = FakeClient()
    monkeypatch.setattr(remote, "target", lambda _: remote.Target("http://test", "sk"))
    monkeypatch.setattr(remote, "openai_client", lambda *_, **__: fake)
    return fake


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    asked: list[str] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append(str(request.url))
        return httpx2.Response(200 if "picture-1" in str(request.url) else 404, content=b"the picture")

    assert "OpenAI" in openai.__all__, "imported while the class it is made from is still itself"
    whole = httpx2.Client
    monkeypatch.setattr(httpx2, "Client", lambda **_: whole(transport=httpx2.MockTransport(answer)))
    return asked


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("OMNIWATT_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)

    def run_it(*arguments: str, typed: bytes = b"") -> Result:
        return CliRunner().invoke(omniwatt, ("draw", *arguments), input=typed)

    return run_it


def test_help_shows_examples(run: Any) -> None:
    text = run("--help").output
    assert text.count("omniwatt draw") >= 6
    assert "16384x16384" in text


def test_a_picture_is_written_and_told_of(run: Any, client: FakeClient, served: list[str], tmp_path: Path) -> None:
    result = run("a", "cat", "-o", "cat.jpg", "--seed", "7", "--style", "ink", "--preset", "social", "-q", "high")
    assert result.exit_code == 0, result.output
    assert (tmp_path / "cat.jpg").read_bytes() == b"the picture"
    assert served == ["http://test/v1/images/files/picture-1?expires=1&signature=s"], "the server it talks to"
    (fields,) = client.asked
    assert fields == {
        "model": "draw",
        "prompt": "a cat",
        "size": "auto",
        "n": 1,
        "style": "ink",
        "quality": "high",
        "output_format": "jpeg",
        "response_format": "url",
        "stream": True,
        "extra_body": {"seed": 7, "preset": "social", "progress": True},
    }
    for said in ("64x64", "seed 7", "Ink mountains", "frobnicated", "at try 2", "as “b”", "not read back", "flat"):
        assert said in " ".join(result.output.split())
    assert not list(tmp_path.glob(".*part"))


def test_why_a_text_was_not_read_back_is_said(run: Any, client: FakeClient, served: list[str]) -> None:
    read = {"requested": "서울 🇯🇵", "recognised": "", "cer": 1.0, "attempts": 2, "verified": False}
    client.events = [COMPLETED | {"text_verification": [read | {"exact": False, "unreadable": ["서", "울"]}]}]
    output = " ".join(run("poster", "-o", "a.png").output.split())
    assert "after 2 tries; the reader does not know 서 울; not every character of it could be drawn" in output


def test_several_pictures_are_numbered(run: Any, client: FakeClient, served: list[str], tmp_path: Path) -> None:
    client.events = [COMPLETED, COMPLETED]
    assert run("cats", "-o", "cat.png", "-n", "2").exit_code == 0
    assert {path.name for path in tmp_path.glob("cat*")} == {"cat-1.png", "cat-2.png"}


def test_what_the_pictures_took_is_said_last(run: Any, client: FakeClient, served: list[str]) -> None:
    client.events = [COMPLETED, COMPLETED, {"type": "image_generation.usage", "energy": ENERGY}]
    assert run("cats", "-o", "cat.png", "-n", "2").output.strip().splitlines()[-1] == "38 J estimated"


def test_an_edit_sends_the_files(run: Any, client: FakeClient, served: list[str], tmp_path: Path) -> None:
    for name in ("a.png", "m.png"):
        (tmp_path / name).write_bytes(b"x")
    assert run("a moon", "--edit", "a.png", "--mask", "m.png", "-o", "b.png", "-s", "oil").exit_code == 0
    (fields,) = client.asked
    assert (fields["image"], fields["mask"]) == ("file", "file")
    assert fields["extra_body"] == {"progress": True, "style": "oil", "response_format": "url"}


def test_a_pipe_gets_the_bytes(run: Any, client: FakeClient) -> None:
    result = run("-o", "-", typed=b"a cat")
    assert result.stdout_bytes == b"\x89PNGmore"
    assert client.asked[0]["extra_body"] == {"response_format": "bytes"}


def test_explain_draws_nothing(run: Any, client: FakeClient) -> None:
    output = run("a cat", "--explain").output
    for said in ("A cat.", "zorb", "ink", "0.50", "1 MB", "20"):
        assert said in output


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "nothing to draw"),
        (("a cat",), "name a file"),
        (("a cat", "-o", "cat.gif"), ".gif is none of"),
        (("a cat", "-o", "cat.png", "--mask", "home.png"), "home.png"),
        (("a cat", "-o", "cat.png", "-n", "11"), "11"),
        (("a cat", "-o", "nowhere/cat.png"), "there is no folder nowhere"),
    ],
)
def test_wrong_use(run: Any, client: FakeClient, served: list[str], arguments: tuple[str, ...], says: str) -> None:
    result = run(*arguments)
    assert result.exit_code != 0
    assert says in result.output


def test_a_picture_that_breaks_off_leaves_nothing(
    run: Any, client: FakeClient, served: list[str], tmp_path: Path
) -> None:
    client.events = [COMPLETED | {"url": "http://test/v1/images/files/gone"}]
    result = run("a cat", "-o", "cat.png")
    assert result.exit_code == 1
    assert "broke off" in result.output
    assert not list(tmp_path.glob("*cat.png*"))


def test_a_server_that_fails_or_sends_nothing(run: Any, client: FakeClient, served: list[str]) -> None:
    client.events = [{"type": "error", "error": {"message": "the painter died"}}]
    assert "the painter died" in run("a cat", "-o", "cat.png").output
    client.events = []
    assert "no picture" in run("a cat", "-o", "cat.png").output


def test_long_words_are_shortened() -> None:
    assert len(draw._short("x " * 400)) == draw.PROMPT_SHOWN + 1
    assert io.StringIO(draw._short("a\nb")).read() == "a b"


def test_nothing_is_painted_for_a_file_that_cannot_be(run: Any, client: FakeClient, tmp_path: Path) -> None:
    (tmp_path / "cat.png").mkdir()
    for output in ("cat.png", "nowhere/cat.png"):
        assert "cannot write" in run("a cat", "-o", output).output
    assert not client.asked


def test_ctrl_c_leaves_no_file_and_a_sentence(
    run: Any, client: FakeClient, served: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(draw._Bar, "fetch", stopped)
    result = run("a cat", "-o", "cat.png")
    assert result.exit_code == 130
    assert "stopped" in result.output
    assert not list(tmp_path.glob("*cat.png*"))


def test_what_the_server_refuses_is_said_in_its_words(run: Any, client: FakeClient) -> None:
    said = "A picture of 16368x16368 needs 9.5 GB of memory, and pictures may take 2.0 GB here."
    answer = httpx2.Response(400, request=httpx2.Request("POST", "http://test/v1/images/generations"))

    def refused(**_: Any) -> None:
        raise openai.BadRequestError("Error code: 400 - {...}", response=answer, body={"message": said})

    client.generate = refused  # type: ignore[method-assign, assignment]
    result = run("a cat", "-o", "cat.webp")
    assert said in result.output
    assert "Error code" not in result.output


def test_four_inks_are_asked_for(run: Any, client: FakeClient, served: list[str]) -> None:
    assert run("a cat", "-o", "cat.tif", "--cmyk").exit_code == 0
    assert client.asked[0]["extra_body"]["color_space"] == "cmyk"


def test_explain_says_what_is_too_much(run: Any, client: FakeClient, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [
        {"style": style, "quality": "low", "seconds": 5.0, "bytes": 10, "memory_bytes": memory}
        for style, memory in (("ink", 3_000_000_000), ("flat", 10_000_000))
    ]
    found = {"style": "ink", "quality": "low", "estimates": rows, "memory_limit_bytes": 1_000_000_000}
    found["faster"] = {"style": "flat", "seconds": 1.5, "times": 3.3}
    monkeypatch.setattr(client, "post", lambda *_, **__: found)
    output = run("a cat", "--explain").output
    assert output.count("too much here") == 1
    assert "joules" not in output
    assert "the style flat would take 1.5 s (3.3 times faster)" in output


@pytest.mark.parametrize(
    ("passed_s", "done", "total", "says"),
    [(2, 1, 64, ""), (10, 10, 40, "0:30 left"), (600, 1, 2, "10:00 left"), (5, 3, 0, ""), (5, 4, 4, "0:00 left")],
)
def test_time_that_is_left(passed_s: float, done: float, total: float, says: str) -> None:
    assert draw.left_text(passed_s, done, total) == says
