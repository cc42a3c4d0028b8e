"""Budgets nobody can hold, in the settings of a running server, by its admin route and in the word it kept; and a
state folder that takes nothing any more."""

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.faults.test_power_reload import HEAD, POWER, admin, until
from tests.served import Served, served

GOOD = HEAD + POWER + 'budget = "60%"\n'
LATE = "[[power.events]]\nstart = 2020-01-01T00:00:00Z\nlength_s = nan\nreduce_pct = 50\n"
SETTINGS = [
    ('budget = "NaN"', "no budget"),
    ('budget = "-5W"', "no budget"),
    ('budget = "inf"', "no budget"),
    ('budget = "1e300W"', "no machine takes so much"),
    ("budget = nan", "Expected `str`"),
    ("budget = 60", "Expected `str`"),
    ('budget = "60%"\n' + LATE, "length_s"),
    ('budget = "60%', "not valid TOML"),
    ('budget = "60%"\nbudget = "70%"', "not valid TOML"),
    ('budgte = "60%"', "budgte"),
]
WORDS: list[Any] = ["NaN", "-5W", "inf", "1e300W", "", "60%%", "x" * 100_000, -1, 1e300, True, [], {}]
RAW = [
    b'{"budget": NaN}',
    b'{"budget": 1e999}',
    b'{"budget": "60%", "for_s": 1e999}',
    b'{"budget": "60%", "for_s": -1}',
]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Served]:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    (home / "omniwatt.toml").write_text(GOOD)
    with served(home) as one:
        yield one


def power(server: Served) -> Any:
    return admin(server, "GET", "/admin/power")


def chat(server: Served) -> Any:
    body = {"model": "echo", "messages": [{"role": "user", "content": 'echo: {"tokens": 3}'}]}
    headers = {"authorization": f"Bearer {server.key}"}
    with httpx2.Client(base_url=server.url, headers=headers, timeout=20.0) as client:
        answer = client.post("/v1/chat/completions", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_settings_that_hold_no_budget_change_nothing_and_say_why(server: Served) -> None:
    file = server.home / "omniwatt.toml"
    for text, why in SETTINGS:
        before = len(server.said)
        file.write_text(HEAD + POWER + text + "\n")
        server.process.send_signal(signal.SIGHUP)
        assert until(lambda: "not reloaded: " in server.said[before:])  # noqa: B023 - called before the next
        assert why in server.said[before:]
        assert power(server)["budget_w"] == 18.0
    file.unlink()
    before = len(server.said)
    server.process.send_signal(signal.SIGHUP)
    assert until(lambda: "No such file" in server.said[before:])
    assert power(server)["budget_w"] == 18.0
    file.write_text("")
    server.process.send_signal(signal.SIGHUP)
    assert until(lambda: "no budget any more" in server.said), "what lifts a budget is not done in silence"
    assert power(server)["budget_w"] is None


def test_words_that_are_no_budget_are_refused_and_the_oddest_that_are_leave_answers_coming(server: Served) -> None:
    transport = httpx2.HTTPTransport(uds=str(server.home / "run" / "admin.sock"))
    with httpx2.Client(transport=transport, base_url="http://localhost", timeout=10.0) as client:
        asked = [client.put("/admin/power", json={"budget": word}) for word in WORDS]
        asked += [client.put("/admin/power", content=raw, headers={"content-type": "application/json"}) for raw in RAW]
    assert [answer.status_code for answer in asked] == [400] * len(asked)
    assert all(len(answer.text) < 500 for answer in asked)
    assert power(server)["budget_w"] == 18.0
    for word, held_w in (("0W", 0.0), ("5W", 5.0), ("300%", 90.0)):
        assert admin(server, "PUT", "/admin/power", json={"budget": word})["budget_w"] == held_w
        assert chat(server)["usage"]["completion_tokens"] == 3


def test_a_folder_that_takes_nothing_loses_nothing_in_silence(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    (home / "omniwatt.toml").write_text(GOOD)
    for name in ("power_budget.new", "power_rates.new", "power.new"):
        (home / name).symlink_to("/dev/full")
    with served(home) as server:
        told = admin(server, "PUT", "/admin/power", json={"budget": "70%"})
        assert (told["budget_w"], told["budget_unkept"][-24:]) == (21.0, " No space left on device")
        assert "power_budget" in told["budget_unkept"]
        assert chat(server)["usage"]["energy"]["energy_joules"] > 0.0
        killed = _governors(server.process.pid)
        os.kill(killed[0], signal.SIGKILL)
        assert until(lambda: _governors(server.process.pid) not in ([], killed))
        assert until(lambda: power(server)["watts"] is not None)
        assert power(server)["budget_w"] == 21.0
    assert "power_rates.json cannot be written: No space left on device" in server.said


def _governors(pid: int) -> list[int]:
    found = []
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        with suppress(OSError):
            if b"omniwatt.power.governor" in Path(f"/proc/{child}/cmdline").read_bytes():
                found.append(int(child))
    return found
