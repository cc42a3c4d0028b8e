"""`omniwatt usage`: what it asks of the server, and the table it makes of the answer."""

import io
import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import click
import pytest
from click.testing import CliRunner, Result
from rich.console import Console

from omniwatt.cli import tables, usage
from omniwatt.cli.menu import omniwatt

KEPT = ("KEY", "MODEL", "KWH", "COST", "CO2")
NOW = 1_800_000_000.0
KEYS = {"data": [{"id": "k1", "name": "ann"}, {"id": "k2", "name": "bob"}, {"id": "k3", "name": "bob"}]}
PLAIN = {"requests": 2, "prompt_tokens": 1000, "completion_tokens": 20, "total_s": 3.0}
ROWS: list[dict[str, Any]] = [
    PLAIN
    | {"key_id": "k1", "model": "small", "energy_j": 7200.0, "kwh": 0.002, "cost": 0.0006, "currency": "EUR"}
    | {"g_co2": 0.8},
    PLAIN | {"key_id": "k3", "model": "[old]", "energy_j": None},
]


class Server:
    def __init__(self) -> None:
        self.asked: list[str] = []
        self.rows = [dict(row) for row in ROWS]

    def __call__(self, settings: object, method: str, path: str) -> Any:
        assert method == "GET"
        self.asked.append(path)
        return KEYS if path == "/admin/keys" else {"object": "list", "since": NOW, "until": NOW, "data": self.rows}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path) -> Server:
    monkeypatch.setenv("OMNIWATT_HOME", str(tmp_path))
    server = Server()
    monkeypatch.setattr(usage.remote, "admin", server)
    monkeypatch.setattr(usage.time, "time", lambda: NOW)
    monkeypatch.setattr(usage.console, "_width", 200)
    return server


def run(*arguments: str) -> Result:
    return CliRunner().invoke(omniwatt, ["usage", *arguments])


def test_a_month_by_key_and_model_with_energy_money_and_co2(server: Server) -> None:
    done = run()
    assert done.exit_code == 0, done.output
    head, ann, bob, total = (" ".join(line.split()) for line in done.output.splitlines() if line.strip())
    assert head == "KEY MODEL REQUESTS TOKENS IN TOKENS OUT SECONDS ENERGY KWH COST CO2"
    assert ann == "ann small 2 1,000 20 3.0 7200 J 0.002000 0.00060 EUR 0.800 g"
    assert bob == "bob (k3) [old] 2 1,000 20 3.0 - - - -"
    assert total == "all 4 2,000 40 6.0 7200 J 0.002000 0.00060 EUR 0.800 g"
    assert parse_qs(urlsplit(server.asked[0]).query) == {"by": ["key_id,model"], "since": [str(NOW - 30 * 86_400)]}


def test_what_has_no_tariff_has_no_columns_for_it_and_one_row_no_sum(server: Server) -> None:
    server.rows = [{"day": "2027-01-31", "energy_j": 10.0, "kwh": 2.8e-6} | PLAIN]
    done = run("--by", "day", "--since", "2027-01-01", "--until", "2027-02-01T12:00:00+01:00")
    assert "COST" not in done.output
    assert "CO2" not in done.output
    assert len(done.output.strip().splitlines()) == 2
    (asked,) = server.asked
    assert parse_qs(urlsplit(asked).query) == {"by": ["day"], "since": ["1798761600.0"], "until": ["1801479600.0"]}


def test_json_is_the_servers_answer_with_the_keys_names(server: Server) -> None:
    said = json.loads(run("--json").output)
    assert [row["key"] for row in said["data"]] == ["ann", "bob (k3)"]
    assert said["data"][0]["energy_j"] == 7200.0


def test_nothing_used_is_a_sentence(server: Server) -> None:
    server.rows = []
    assert run().output.startswith("nothing was used since 2027-01-15")


@pytest.mark.parametrize(
    "arguments", [("--by", "colour"), ("--by", ""), ("--by", "key,key"), ("--since", "long ago"), ("--until", "-3d")]
)
def test_wrong_use_ends_in_a_sentence(server: Server, arguments: tuple[str, ...]) -> None:
    done = run(*arguments)
    assert done.exit_code == 2
    assert not server.asked


@pytest.mark.parametrize(
    ("text", "at"), [("12h", NOW - 43_200), ("4w", NOW - 28 * 86_400), ("99999y", 0.0), ("1970-01-02", 86_400.0)]
)
def test_moments(text: str, at: float) -> None:
    assert usage.moment(text, NOW) == at


def test_what_is_no_moment() -> None:
    with pytest.raises(click.BadParameter):
        usage.moment("", NOW)


@pytest.mark.parametrize("width", [60, 80, 100, 120])
def test_a_narrow_terminal_keeps_names_kwh_money_and_co2(width: int) -> None:
    rows = [ROWS[0] | {"key": "somebody", "model": "qwen2.5-coder-1.5b-instruct"}, ROWS[1] | {"key": "bob"}]
    out = io.StringIO()
    console = Console(file=out, width=width, force_terminal=True, color_system=None)
    tables.show(usage.table(["key", "model"], rows, tables.width_of(console)), console)
    head, first = out.getvalue().splitlines()[:2]
    assert [word for word in head.split() if word in KEPT] == list(KEPT)
    assert ("SECONDS" in head) == (width == 120)
    assert first.startswith("some")
    for part in ("qwen", "0.002000", "0.00060 EUR", "0.800 g"):
        assert part in first


def test_what_goes_to_a_file_has_all_columns() -> None:
    out = io.StringIO()
    console = Console(file=out, width=40)
    tables.show(usage.table(["key", "model"], ROWS, tables.width_of(console)), console)
    assert "SECONDS" in out.getvalue().splitlines()[0]
