"""Budget, windows, events and prices changed in the settings file of a running server: by signal and by route."""

import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.served import Served, served

HEAD = '[models]\nserve = ["echo"]\ndefault = "echo"\npreload = false\n'
POWER = '[power]\nmeter = "estimate"\nidle_w = 10.0\nmax_w = 30.0\n'


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Served]:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    (home / "omniwatt.toml").write_text(HEAD + POWER)
    with served(home) as one:
        yield one


def admin(server: Served, method: str, path: str, **more: Any) -> Any:
    transport = httpx2.HTTPTransport(uds=str(server.home / "run" / "admin.sock"))
    with httpx2.Client(transport=transport, base_url="http://localhost", timeout=10.0) as client:
        answer = client.request(method, path, **more)
    assert answer.is_success, answer.text
    return answer.json()


def until(said: Callable[[], bool], patience_s: float = 5.0) -> bool:
    ends = time.monotonic() + patience_s
    while not said() and time.monotonic() < ends:
        time.sleep(0.02)
    return said()


def test_the_file_changes_budget_windows_events_and_prices_live(server: Served) -> None:
    file = server.home / "omniwatt.toml"

    def holds(budget_w: float | None) -> bool:
        found = admin(server, "GET", "/admin/power")["budget_w"]
        return bool(found is None if budget_w is None else found is not None and abs(found - budget_w) < 0.01)

    assert holds(None)
    file.write_text(HEAD + POWER + 'budget = "60%"\nprice_per_kwh = 0.5\ncurrency = "CHF"\n')
    server.process.send_signal(signal.SIGHUP)
    assert until(lambda: holds(18.0))
    assert until(lambda: admin(server, "GET", "/admin/power").get("amounts", {}).get("currency") == "CHF")
    window = '[[power.windows]]\nstart = 00:00:00\nend = 23:59:59.999999\nbudget = "80%"\n'
    file.write_text(HEAD + POWER + 'budget = "60%"\n' + window)
    assert admin(server, "POST", "/admin/reload") == {"reload": "started"}
    assert until(lambda: holds(24.0))
    event = "[[power.events]]\nstart = 2020-01-01T00:00:00Z\nlength_s = 1e9\nreduce_pct = 50\n"
    file.write_text(HEAD + POWER + 'budget = "60%"\n' + event)
    admin(server, "POST", "/admin/reload")
    assert until(lambda: holds(9.0))


def test_a_word_holds_over_the_file_and_a_wrong_file_changes_nothing(server: Served) -> None:
    file = server.home / "omniwatt.toml"
    admin(server, "PUT", "/admin/power", json={"budget": "50%"})
    file.write_text(HEAD + POWER + 'budget = "60%"\n')
    admin(server, "POST", "/admin/reload")
    assert until(lambda: "set by hand (50%)" in server.said)
    assert admin(server, "GET", "/admin/power")["budget_w"] == 15.0
    file.write_text(HEAD + POWER + 'budget = "much"\n')
    admin(server, "POST", "/admin/reload")
    assert until(lambda: "not reloaded: 'much' is no budget" in server.said)
    assert admin(server, "PUT", "/admin/power", json={"budget": "default"})["budget_w"] == 18.0


def test_a_server_does_not_start_with_a_budget_that_is_none(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    (home / "omniwatt.toml").write_text(HEAD + POWER + 'budget = "much"\n')
    server = Served(home)
    assert server.process.wait(20) == 1
    assert "'much' is no budget" in server.said
    assert "Traceback" not in server.said
