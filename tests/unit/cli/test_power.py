"""`omniwatt power calibrate` under a meter that speaks HTTP, from figures, and without either."""

import contextlib
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from omniwatt.cli import power
from omniwatt.cli.keys import joules
from omniwatt.cli.menu import omniwatt
from omniwatt.cli.power import seconds_of
from omniwatt.contract.power import MeterLost
from omniwatt.power import calibrate, choice


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("OMNIWATT_HOME", str(tmp_path))
    return tmp_path


class Load:
    """Busy cores that are only said to be busy: what else runs on the machine must not matter here."""

    def __init__(self) -> None:
        self.cores, self._since_s, self._used_s = 0, time.monotonic(), 0.0

    def busy_s(self, stat: Path) -> float:
        now_s = time.monotonic()
        self._used_s, self._since_s = self._used_s + self.cores * (now_s - self._since_s), now_s
        return self._used_s

    @contextlib.contextmanager
    def spinning(self, count: int):
        self.busy_s(Path())
        self.cores = count
        yield


def _lost() -> None:
    raise MeterLost("not here")


@pytest.fixture
def wall(monkeypatch):
    """A meter at the wall: 40 W and 15 W for each busy core."""
    load = Load()
    monkeypatch.setattr(calibrate, "busy_s", load.busy_s)
    monkeypatch.setattr(calibrate, "_spinning", load.spinning)
    for inside in ("Rapl", "Nvml"):
        monkeypatch.setattr(choice, inside, _lost)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps({"power": {"watts": 40 + 15 * load.cores}}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_machine_is_calibrated_under_a_meter_at_the_wall(home, wall) -> None:
    (home / "omniwatt.toml").write_text(
        f'[power]\nwall_url = "{wall}"\nwall_field = "power.watts"\nwall_period_s = 0.1\nwall_late_s = 0.05\n'
    )
    done = CliRunner().invoke(omniwatt, ["power", "calibrate", "--seconds", "1"])
    assert done.exit_code == 0, done.output
    kept = json.loads((home / "power.json").read_text())
    assert kept["source"] == "json"
    assert kept["cpu"]["core_w"] == pytest.approx(15.0, rel=0.02)
    assert kept["cpu"]["idle_w"] == pytest.approx(40.0, abs=1.0)
    assert "a running server takes it up" in done.output


def test_figures_off_a_plug_are_kept(home) -> None:
    done = CliRunner().invoke(omniwatt, ["power", "calibrate", "--idle-w", "38", "--max-w", "112"])
    assert done.exit_code == 0, done.output
    assert "full load 112.0 W" in done.output
    assert json.loads((home / "power.json").read_text())["cpu"]["idle_w"] == 38.0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--idle-w", "38"], "say both"),
        (["--idle-w", "200", "--max-w", "100"], "less than"),
        (["--seconds", "0"], "--seconds"),
    ],
)
def test_what_gives_no_calibration_says_why_and_keeps_nothing(home, arguments, said) -> None:
    done = CliRunner().invoke(omniwatt, ["power", "calibrate", *arguments])
    assert done.exit_code == 1
    assert said in done.output
    assert not (home / "power.json").exists()


@pytest.mark.skipif(
    bool(list(Path("/sys/class/powercap").glob("*-rapl:*"))) or Path("/dev/nvidiactl").exists(), reason="has a sensor"
)
def test_a_machine_without_a_sensor_says_what_to_do(home) -> None:
    done = CliRunner().invoke(omniwatt, ["power", "calibrate", "--seconds", "0.5"])
    assert done.exit_code == 1
    assert "omniwatt power calibrate --idle-w" in done.output


def test_a_budget_may_be_typed_as_it_is_printed(home, monkeypatch) -> None:
    asked = []
    monkeypatch.setattr(power.remote, "admin", lambda *call: asked.append(call[-1]) or {"state": "tracking"})
    for words in (["60%"], ["60", "%"], ["1.2 kW", "--for", "3h"], ["2", "kW", "--site"]):
        assert CliRunner().invoke(omniwatt, ["power", "set", *words]).exit_code == 0
    assert asked == [
        {"budget": "60%"},
        {"budget": "60 %"},
        {"budget": "1.2 kW", "for_s": 10_800.0},
        {"site_budget": "2 kW"},
    ]


def test_the_list_of_commands_cuts_no_sentence_off(home) -> None:
    for command in ([], ["power"], ["keys"], ["models"]):
        assert "..." not in CliRunner().invoke(omniwatt, [*command, "--help"]).output.split("Options:")[1]


@pytest.mark.parametrize("arguments", [[], ["--json"], ["set", "60%"]])
def test_without_a_server_it_says_so(home, arguments) -> None:
    done = CliRunner().invoke(omniwatt, ["power", *arguments])
    assert done.exit_code == 1
    assert "no server runs" in done.output


@pytest.mark.parametrize(
    ("text", "expected"), [("500J", 500.0), ("20 kJ", 2e4), ("0.5kWh", 1.8e6), ("2Wh", 7200.0), ("1MJ", 1e6)]
)
def test_energy_is_read_as_people_write_it(text, expected) -> None:
    assert joules(text) == pytest.approx(expected)


@pytest.mark.parametrize("text", ["", "5", "-5J", "0J", "1e9kWh", "..J", "5 W", "infJ"])
def test_what_is_no_energy_is_refused(text) -> None:
    with pytest.raises(click.BadParameter, match="no energy"):
        joules(text)


def test_a_key_with_an_energy_budget_is_listed_with_it(home) -> None:
    made = CliRunner().invoke(omniwatt, ["keys", "create", "--name", "n", "--energy-budget", "0.5kWh"])
    assert made.exit_code == 0, made.output
    assert "0.500 kWh in all" in CliRunner().invoke(omniwatt, ["keys", "list"]).output


@pytest.mark.parametrize(("text", "expected_s"), [("30s", 30.0), ("10 min", 600.0), ("3h", 10_800.0), ("1d", 86_400.0)])
def test_spans_are_read_as_people_write_them(text, expected_s) -> None:
    assert seconds_of(text) == expected_s


@pytest.mark.parametrize("text", ["", "0s", "-1h", "10", "1y", "1.5h"])
def test_what_is_no_span_is_refused(text) -> None:
    with pytest.raises(click.BadParameter, match="no span"):
        seconds_of(text)


def test_calibrate_prints_what_a_running_server_has_learnt_of_steps(home, monkeypatch) -> None:
    row = {"engine": "chat", "kind": "decode", "joules_per_unit": 0.5, "error_pct": 5.2, "intervals": 7}
    monkeypatch.setattr(power.home, "running", lambda _: object())
    monkeypatch.setattr(power.remote, "admin", lambda *_: {"rates": [row]})
    done = CliRunner().invoke(omniwatt, ["power", "calibrate", "--idle-w", "38", "--max-w", "112"])
    assert "chat decode 0.5 J/token ±5 % 7 stretches of 2 s" in " ".join(done.output.split())
    monkeypatch.setattr(power.remote, "admin", lambda *_: {"rates": []})
    done = CliRunner().invoke(omniwatt, ["power", "calibrate", "--idle-w", "38", "--max-w", "112"])
    assert "nothing is learnt of engines" in done.output
