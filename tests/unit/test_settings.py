"""Settings: where a value comes from, what stops the start, and what engine processes are not told."""

from pathlib import Path
from typing import Any

import pytest

from omniwatt import settings
from omniwatt.settings import Settings, SettingsError, child_environ, load


def test_file_then_environment_then_flags(tmp_path: Path) -> None:
    file = tmp_path / "omniwatt.toml"
    file.write_text('[server]\nport = 1\nhost = "a"\ndrain_s = 3\n[admission]\nqueue_limit = 7\n')
    environ = {"OMNIWATT_SERVER_PORT": "2", "OMNIWATT_SERVER_HOST": "b", "OMNIWATT_HOME": "/h", "PATH": "/bin"}
    found = load(file, {"server": {"port": 3}}, environ)
    assert (found.server.port, found.server.host, found.server.drain_s) == (3, "b", 3.0)
    assert found.admission.queue_limit == 7
    assert found.home == Path("/h")


@pytest.mark.parametrize(
    ("text", "expected"), [("a,b", ("a", "b")), (" a , b ,", ("a", "b")), ("", ()), ("/x/y.gguf", ("/x/y.gguf",))]
)
def test_lists_as_text(text: str, expected: tuple[str, ...]) -> None:
    assert load(None, {}, {"OMNIWATT_MODELS_SERVE": text}).models.serve == expected


def test_a_channel(tmp_path: Path) -> None:
    file = tmp_path / "s.toml"
    file.write_text('[upstream.far]\nurl = "http://far/v1"\nmodels = { "big-*" = "" }\n')
    assert load(file, {}, {}).upstream["far"].models == {"big-*": ""}


@pytest.mark.parametrize(
    ("text", "flags", "environ", "says"),
    [
        ("[server]\nprot = 1\n", {}, {}, "prot"),
        ("[sever]\nport = 1\n", {}, {}, "sever"),
        ('[server]\nport = "many"\n', {}, {}, "server.port"),
        ("[server\n", {}, {}, "not valid TOML"),
        ("", {"log": {"level": "loud"}}, {}, "loud"),
        ("", {}, {"OMNIWATT_SERVER_PROT": "1"}, "prot"),
        ("[upstream.far]\nweight = 1\n", {}, {}, "url"),
    ],
)
def test_what_stops_the_start(
    tmp_path: Path, text: str, flags: dict[str, Any], environ: dict[str, str], says: str
) -> None:
    file = tmp_path / "s.toml"
    file.write_text(text)
    with pytest.raises(SettingsError, match=says):
        load(file, flags, environ)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"nowhere\.toml"):
        load(tmp_path / "nowhere.toml", {}, {})


def test_the_defaults_are_valid_and_immutable() -> None:
    assert load(None, {}, {}) == Settings()
    with pytest.raises(AttributeError):
        Settings().server.port = 1  # type: ignore[misc]


def test_engines_get_no_secret() -> None:
    environ = {
        "PATH": "/bin",
        "OMP_NUM_THREADS": "2",
        "PROVIDER_KEY": "sk-1",
        "HF_TOKEN": "t",
        "MyPassword": "p",
        "AWS_SECRET_ACCESS": "s",
        "OMNIWATT_API_KEY": "k",
        "OMNIWATT_HOME": "/h",
    }
    assert child_environ(environ) == {"PATH": "/bin", "OMP_NUM_THREADS": "2"}


def test_the_client_reads_its_own_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMNIWATT_URL", "http://there")
    monkeypatch.setenv("OMNIWATT_API_KEY", "")
    assert settings.client_url() == "http://there"
    assert settings.client_key() is None
