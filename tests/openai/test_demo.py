"""`omniwatt demo` as a user runs it, with the echo engine: every step is held, and the server stays or goes."""

import signal
import subprocess
import sys
import time
import wave
from pathlib import Path

import pytest

from omniwatt.demo.pictures import TITLE
from omniwatt.demo.steps import STEPS
from tests.served import Served, environment, free_port, share_models


@pytest.fixture
def home(tmp_path: Path) -> Path:
    roles = ("default", "fast", "embed", "hear", "speak", "draw", "see")
    words = 'serve = ["echo"]\n' + "\n".join(f'{role} = "echo"' for role in roles)
    share_models(tmp_path / "home")
    text = f"[models]\n{words}\n[server]\nport = {free_port()}\n[power]\nmeter = 'none'\n"
    (tmp_path / "home/omniwatt.toml").write_text(text)
    return tmp_path / "home"


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "omniwatt", *arguments]


def test_the_demo_holds_every_step_and_leaves(home: Path) -> None:
    settings = home / "omniwatt.toml"
    settings.write_text(settings.read_text().replace("'none'", "'estimate'"))
    environ = environment(home) | {"DEMO_EXIT": "1"}
    done = subprocess.run(command("demo"), env=environ, capture_output=True, encoding="utf-8", timeout=90, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    for number in range(1, len(STEPS) + 1):
        assert f"{number}/{len(STEPS)}  " in done.stdout
    with wave.open(str(home / "demo-answer.wav")) as answer:
        assert (answer.getframerate(), answer.getnchannels()) == (24000, 1)
        assert answer.getnframes() > 0
    for name in ("calligraphy", "city", "poster"):
        assert (home / f"demo-{name}.png").read_bytes().startswith(b"\x89PNG")
    assert f"text requested: {TITLE}, recognised: {TITLE}, CER 0.00, 1 attempt" in " ".join(done.stdout.split())
    assert "What happened" in done.stdout
    assert "the service's fault" not in done.stdout
    assert "and the budget is as it was" in " ".join(done.stdout.split())
    assert not (home / "power_budget").exists()
    assert "energy: estimated by cpu-time, scope node" in done.stdout
    # Echo says 鲁迅's question back, which does not hold that they are one person: the demo does not hide it.
    assert "✗" in done.stdout


def test_the_demo_leaves_the_server_in_the_foreground_until_ctrl_c(home: Path) -> None:
    with (home / "out").open("wb") as out:
        demo = subprocess.Popen(command("demo"), env=environment(home), stdout=out, stderr=out, start_new_session=True)
    try:
        until = time.monotonic() + 90
        while "Ctrl-C" not in (home / "out").read_text() and time.monotonic() < until:
            assert demo.poll() is None, (home / "out").read_text()
            time.sleep(0.05)
        said = subprocess.run(
            command("ps", "--json"), env=environment(home), capture_output=True, text=True, check=True
        )
        assert '"running": true' in said.stdout
        demo.send_signal(signal.SIGINT)
        assert demo.wait(30) in (0, 130)
        said = subprocess.run(
            command("ps", "--json"), env=environment(home), capture_output=True, text=True, check=True
        )
        assert '"running": false' in said.stdout
    finally:
        demo.kill()
        demo.wait()


def test_the_demo_uses_a_server_that_runs_already(home: Path) -> None:
    server = Served(home, port=free_port()).wait()
    try:
        environ = environment(home) | {"DEMO_EXIT": "1"}
        done = subprocess.run(
            command("demo"), env=environ, capture_output=True, encoding="utf-8", timeout=90, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert f"process {server.process.pid}" in done.stdout
        assert server.get("/healthz") == 200
    finally:
        server.stop()


def test_keys_of_a_server_elsewhere_are_managed_by_its_routes(home: Path, tmp_path: Path) -> None:
    admin = subprocess.run(
        command("keys", "create", "--name", "boss", "--admin"),
        env=environment(home),
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    server = Served(home, port=free_port()).wait()
    try:
        far = environment(tmp_path / "elsewhere") | {"OMNIWATT_URL": server.url + "/v1", "OMNIWATT_API_KEY": admin}

        def keys(*arguments: str) -> str:
            return subprocess.run(
                command("keys", *arguments), env=far, capture_output=True, text=True, check=True
            ).stdout

        made = keys("create", "--name", "guest", "--concurrent", "2")
        assert made.strip().startswith("sk-ow-")
        assert "guest" in keys("list")
        listed = subprocess.run(
            command("keys", "list"), env=environment(home), capture_output=True, text=True, check=True
        )
        guest = next(line.split()[0] for line in listed.stdout.splitlines() if "guest" in line)
        keys("revoke", guest)
        assert "revoked" in keys("list")
        keys("delete", guest, "--yes")
        assert "guest" not in keys("list")
        assert not (tmp_path / "elsewhere" / "omniwatt.db").exists()
    finally:
        server.stop()
