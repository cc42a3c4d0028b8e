"""Commands from the outside: what they print, and that wrong use ends in a sentence and not in a traceback."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner, Result

from omniwatt.cli import doctor, home, keys, serve
from omniwatt.cli.chat import Conversation, command
from omniwatt.cli.menu import omniwatt
from omniwatt.settings import Settings, Storage

NOW = 1_800_000_000.0


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("OMNIWATT_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("OMNIWATT_URL", raising=False)

    def run_it(*arguments: str, typed: str = "") -> Result:
        return CliRunner().invoke(omniwatt, arguments, input=typed)

    return run_it


def test_help_groups_the_commands_and_needs_no_engine(run: Any) -> None:
    text = run("--help").output
    for word in ("Serve:", "Talk:", "Models:", "Operate:", "First steps"):
        assert word in text


def test_a_key_is_shown_once_alone_on_the_last_line(run: Any) -> None:
    made = run("keys", "create", "--name", "laptop", "--models", "fast, embed", "--budget", "1000", "--expires", "30d")
    assert made.exit_code == 0, made.output
    key = made.stdout.strip().splitlines()[-1]
    assert key.startswith("sk-ow-")
    listed = run("keys", "list", "--json")
    (info,) = json.loads(listed.stdout)
    assert key not in listed.output
    assert info["name"] == "laptop"
    assert info["limits"] == {"token_budget": 1000, "models": ["fast", "embed"]}


def test_a_revoked_key_stays_in_the_list_and_a_deleted_one_does_not(run: Any) -> None:
    for name in ("one", "two"):
        run("keys", "create", "--name", name)
    first, second = (info["id"] for info in json.loads(run("keys", "list", "--json").stdout))
    assert run("keys", "revoke", first).exit_code == 0
    assert run("keys", "delete", second, "--yes").exit_code == 0
    (left,) = json.loads(run("keys", "list", "--json").stdout)
    assert left["id"] == first
    assert left["revoked_at"] > 0
    assert "revoked" in run("keys", "list").stdout


def test_an_unknown_key_is_a_sentence(run: Any) -> None:
    refused = run("keys", "revoke", "nobody")
    assert refused.exit_code == 1
    assert "omniwatt keys list" in refused.output


@pytest.mark.parametrize(
    ("text", "seconds"), [("12h", NOW + 43200), ("30d", NOW + 2592000), ("2030-01-31", 1896048000)]
)
def test_expiry(text: str, seconds: float) -> None:
    assert keys.expiry(text, NOW) == seconds


@pytest.mark.parametrize("text", ["soon", "30", "2001-01-01", "-1d"])
def test_a_wrong_expiry_is_refused(run: Any, text: str) -> None:
    refused = run("keys", "create", "--name", "x", f"--expires={text}")
    assert refused.exit_code == 2
    assert "Traceback" not in refused.output


@pytest.mark.parametrize("words", [("chat", "hello"), ("chat",)])
def test_chat_without_a_server_says_how_to_start_one(run: Any, words: tuple[str, ...]) -> None:
    refused = run(*words)
    assert refused.exit_code == 1
    assert "omniwatt serve" in refused.output


def test_chat_with_an_empty_pipe_asks_for_words(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMNIWATT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("OMNIWATT_API_KEY", "none")
    refused = run("chat", typed="")
    assert refused.exit_code == 2
    assert "empty" in refused.output


def test_chat_with_nobody_at_the_address_is_a_sentence(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMNIWATT_URL", "http://127.0.0.1:9/v1/")
    monkeypatch.setenv("OMNIWATT_API_KEY", "none")
    monkeypatch.setattr("openai._base_client.INITIAL_RETRY_DELAY", 0.01)
    monkeypatch.setattr("openai._base_client.MAX_RETRY_DELAY", 0.01)
    refused = run("chat", "hello")
    assert refused.exit_code == 1
    assert "http://127.0.0.1:9/v1/" in refused.output
    assert "does not answer" in refused.output


def test_ps_without_a_server(run: Any) -> None:
    assert "no server runs" in run("ps").stdout
    assert json.loads(run("ps", "--json").stdout)["running"] is False


def test_pull_list_shows_size_licence_and_sources(run: Any) -> None:
    text = run("pull", "--list").stdout
    for word in ("qwen2.5-coder-1.5b-instruct", "1.12 GB", "Apache-2.0", "hf:Qwen/", "pypi:", "○"):
        assert word in text
    assert not any(row["present"] for row in json.loads(run("pull", "--list", "--json").stdout) if row["bytes"])


def test_pull_of_an_unknown_model_says_where_to_look(run: Any) -> None:
    refused = run("pull", "gpt-17")
    assert refused.exit_code == 1
    assert "--list" in refused.output


def test_pull_of_a_missing_file_is_a_sentence(run: Any) -> None:
    refused = run("pull", "file:/nowhere/model.gguf")
    assert refused.exit_code == 1
    assert "Traceback" not in refused.output


def test_models_info_and_rm(run: Any) -> None:
    facts = json.loads(run("models", "info", "fast").stdout)
    assert facts["name"] == Settings().models.fast
    assert facts["present"] is False
    assert "0 B freed" in run("models", "rm", "fast", "--yes").stdout
    assert run("models", "info", "gpt-17").exit_code == 1


def test_a_wrong_setting_is_a_sentence(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMNIWATT_SERVER_PORT", "many")
    refused = run("doctor")
    assert refused.exit_code == 1
    assert "port" in refused.output


def test_doctor_says_what_to_do_next(run: Any, tmp_path: Path) -> None:
    text = run("doctor", "--quick").stdout
    assert "omniwatt pull" in text
    for word in ("python", "processor", "memory", "disk", "npm", "port"):
        assert word in text
    state = tmp_path / "home"
    state.mkdir(mode=0o755)
    state.chmod(0o755)
    open_to_all = run("doctor", "--json")
    assert open_to_all.exit_code == 1
    assert any(f["state"] == "wrong" and "chmod" in f["advice"] for f in json.loads(open_to_all.stdout))


def test_doctor_finds_a_damaged_model(tmp_path: Path) -> None:
    settings = Settings(storage=Storage(home=str(tmp_path)))
    (tmp_path / "cards").mkdir()
    (tmp_path / "models/blobs").mkdir(parents=True)
    (tmp_path / "models/mine").mkdir()
    digest = "0" * 64
    (tmp_path / "models/blobs" / digest).write_bytes(b"12345")
    (tmp_path / "models/mine/m.gguf").symlink_to(Path("../blobs") / digest)
    (tmp_path / "cards/mine.toml").write_text(
        'engine = "chat/llama_cpp"\ncapabilities = ["chat"]\n[[artifacts]]\nrole = "model"\nfile = "m.gguf"\n'
        f'sha256 = "{digest}"\nbytes = 5\nsources = ["file:/nowhere/m.gguf"]\n'
    )
    found = [f for f in doctor.examine(settings, quick=False) if "mine" in f.finding]
    assert [f.state for f in found] == ["wrong"]
    assert found[0].advice == "omniwatt pull mine"


def test_vector_flags(tmp_path: Path) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("processor : 0\nflags\t\t: fpu avx avx2 avx512f bmi2\n")
    assert doctor.vector_flags(cpuinfo) == ("avx2", "avx512f")
    assert doctor.vector_flags(tmp_path / "none") == ()


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("127.0.0.1", True), ("localhost", True), ("::1", True), ("0.0.0.0", False), ("10.0.0.2", False), ("box", False)],
)
def test_is_loopback(host: str, loopback: bool) -> None:
    assert serve.is_loopback(host) is loopback


def test_the_lock_is_free_again_after_its_holder(tmp_path: Path) -> None:
    assert home.running(tmp_path) is None
    with home.only_server(tmp_path, "http://127.0.0.1:1"):
        pass
    assert home.running(tmp_path) is None
    with home.only_server(tmp_path, "http://127.0.0.1:2"):
        pass


def piece(text: str) -> SimpleNamespace:
    choice = SimpleNamespace(delta=SimpleNamespace(content=text))
    return SimpleNamespace(model="m", usage=None, choices=[choice])


class FakeStream(list[SimpleNamespace]):
    def __enter__(self) -> "FakeStream":
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to close."""


class FakeClient:
    """Answers with the number of messages it was sent, in two pieces."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.chat = SimpleNamespace(completions=SimpleNamespace(create=self.create))

    def create(self, **asked: Any) -> FakeStream:
        self.asked.append(asked)
        return FakeStream([piece("n="), piece(str(len(asked["messages"])))])


def test_an_answer_in_a_terminal_ends_with_what_it_took(capsys: pytest.CaptureFixture[str], monkeypatch: Any) -> None:
    last = piece("")
    last.choices = []
    last.usage = SimpleNamespace(completion_tokens=7, energy={"energy_joules": 38.2, "method": "estimated"})
    client = SimpleNamespace(chat=SimpleNamespace(completions=SimpleNamespace()))
    client.chat.completions.create = lambda **_: FakeStream([piece("Hello."), last])
    monkeypatch.setattr(type(sys.stdout), "isatty", lambda _: True, raising=False)
    Conversation(client, "gpt-4", "", {}).ask("Hi!")  # type: ignore[arg-type]
    assert capsys.readouterr().err.strip().endswith(", 38 J estimated")


def test_a_conversation_remembers_and_its_commands_work(capsys: pytest.CaptureFixture[str]) -> None:
    client = FakeClient()
    talk = Conversation(client, "gpt-4", "", {"temperature": 0})  # type: ignore[arg-type]
    talk.ask("one")
    talk.ask("two")
    assert [len(asked["messages"]) for asked in client.asked] == [1, 3]
    assert talk.turns[-1] == {"role": "assistant", "content": "n=3"}
    command(talk, "/undo")
    assert len(talk.turns) == 2
    command(talk, "/system Be brief.")
    talk.ask("three")
    assert client.asked[-1]["messages"][0] == {"role": "system", "content": "Be brief."}
    command(talk, "/model other")
    command(talk, "/new")
    talk.ask("four")
    assert client.asked[-1]["model"] == "other"
    assert len(client.asked[-1]["messages"]) == 2
    command(talk, "/help")
    command(talk, "/nonsense")
    said = capsys.readouterr().out
    assert "n=1" in said
    assert "/undo" in said
    assert "no such command: /nonsense" in said


@pytest.mark.parametrize(
    ("problem", "advice"),
    [
        ("ImportError: libGL.so.1: cannot open shared object file: No such file or directory", "apt install libgl1"),
        ("ImportError: libEGL.so.1: cannot open shared object file: No such file or directory", "apt install libegl1"),
        ("ModuleNotFoundError: No module named 'skia'", "pip install skia-python"),
        ("ModuleNotFoundError: No module named 'PIL.ImageCms'", "pip install pillow"),
        ("ModuleNotFoundError: No module named 'uharfbuzz'", "pip install uharfbuzz"),
        ("the import ended with -11", "pip install --force-reinstall skia-python"),
    ],
)
def test_doctor_says_what_drawing_needs(problem: str, advice: str) -> None:
    assert doctor.drawing_advice(problem) == advice


def test_doctor_tries_whether_drawing_works() -> None:
    assert doctor.drawing().state == "ok"
    broken = doctor.drawing("no_such_thing_at_all")
    assert (broken.state, broken.advice) == ("wrong", "pip install no_such_thing_at_all")
