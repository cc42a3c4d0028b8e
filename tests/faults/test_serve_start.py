"""Starting where one should not: each refusal is one clear message, and nothing is lost."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.served import Served, environment, free_port, served


def run(home: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "omniwatt", *arguments]
    return subprocess.run(command, env=environment(home), capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> "object":
    with served(tmp_path_factory.mktemp("one"), "--models", "echo") as one:
        yield one


def test_a_second_server_on_one_home_refuses_and_names_the_first(server: Served) -> None:
    second = run(server.home, "serve", "--models", "echo", "--port", str(free_port()))
    assert second.returncode == 1
    assert "already runs" in second.stderr
    assert f"process {server.process.pid}" in second.stderr
    assert server.url in second.stderr
    assert "Traceback" not in second.stderr
    assert server.get("/healthz") == 200


def test_the_first_ones_socket_survives_the_second(server: Served) -> None:
    run(server.home, "serve", "--models", "echo", "--port", str(free_port()))
    listed = run(server.home, "ps", "--json")
    assert listed.returncode == 0, listed.stderr
    assert '"running": true' in listed.stdout


def test_a_port_in_use_is_said_with_a_way_out(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        refused = run(tmp_path, "serve", "--models", "echo", "--port", str(port))
    assert refused.returncode == 1
    assert f"cannot listen on 127.0.0.1 port {port}" in refused.stderr
    assert "--port" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_beyond_this_machine_needs_a_key_first(tmp_path: Path) -> None:
    refused = run(tmp_path, "serve", "--host", "0.0.0.0", "--models", "echo", "--port", str(free_port()))
    assert refused.returncode == 1
    assert "omniwatt keys create" in refused.stderr
    assert "--insecure" in refused.stderr


@pytest.mark.parametrize("arguments", [["--insecure"], []])
def test_with_a_key_or_insecure_it_listens_everywhere(tmp_path: Path, arguments: list[str]) -> None:
    if not arguments:
        made = run(tmp_path, "keys", "create", "--name", "me")
        assert made.returncode == 0, made.stderr
        assert made.stdout.strip().startswith("sk-ow-")
    with served(tmp_path, "--host", "0.0.0.0", "--models", "echo", *arguments) as server:
        assert server.get("/healthz") == 200


def test_an_unknown_setting_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "omniwatt.toml").write_text("[server]\nprot = 1\n")
    refused = run(tmp_path, "serve")
    assert refused.returncode == 1
    assert "prot" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_an_unknown_model_stops_the_start(tmp_path: Path) -> None:
    refused = run(tmp_path, "serve", "--models", "gpt-17", "--port", str(free_port()))
    assert refused.returncode == 1
    assert "gpt-17" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_the_state_folder_is_its_owners_alone(server: Served) -> None:
    assert (server.home / "run").stat().st_mode & 0o077 == 0
    for private in ("run/admin.sock", "run/demo.key", "secret"):
        assert (server.home / private).stat().st_mode & 0o077 == 0, private


def test_a_killed_server_leaves_no_lock_behind(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    first = Served(home, "--models", "echo").wait()
    os.kill(first.process.pid, 9)
    first.process.wait()
    with served(home, "--models", "echo") as second:
        assert second.get("/healthz") == 200


def test_keys_made_beside_a_running_server_work_within_a_second(server: Served) -> None:
    import time
    import urllib.request

    key = run(server.home, "keys", "create", "--name", "beside").stdout.strip().splitlines()[-1]
    request = urllib.request.Request(server.url + "/v1/models", headers={"Authorization": f"Bearer {key}"})
    until = time.monotonic() + 1.0
    while True:
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                assert answer.status == 200
                return
        except urllib.error.HTTPError as error:
            error.close()
            assert time.monotonic() < until
            time.sleep(0.05)


@pytest.mark.parametrize("file", ["omniwatt.db", "secret"])
def test_a_damaged_state_folder_is_named(tmp_path: Path, file: str) -> None:
    (tmp_path / file).write_bytes(b"this is neither a database nor a secret" * 100)
    words = ["serve", "--models", "echo", "--port", "0"]
    environ = {"OMNIWATT_HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    command = [sys.executable, "-m", "omniwatt", *words]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 1
    assert "cannot be used" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("why", ["Is a directory", "File too large"])
def test_a_lock_that_cannot_be_opened_or_written_is_named(tmp_path: Path, why: str) -> None:
    """A limit on what may be written stands for a full disk."""
    if why == "Is a directory":
        (tmp_path / "run" / "serve.lock").mkdir(parents=True)
    command = [sys.executable, "-m", "omniwatt", "serve", "--models", "echo", "--port", "0"]
    if why == "File too large":
        command = ["prlimit", "--fsize=0", *command]
    environ = {"OMNIWATT_HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 1
    assert "serve.lock" in done.stderr
    assert why in done.stderr
    assert "Traceback" not in done.stderr


NO_THREADS = """
import threading
from omniwatt.__main__ import main

def refused(thread):
    raise RuntimeError("can't start new thread")

threading.Thread.start = refused
main()
"""


def test_where_no_thread_may_be_started_it_says_what_to_raise(tmp_path: Path) -> None:
    command = [sys.executable, "-c", NO_THREADS, "serve", "--models", "echo", "--port", "0"]
    environ = {"OMNIWATT_HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 1
    assert "no more threads" in done.stderr
    assert "Traceback" not in done.stderr
