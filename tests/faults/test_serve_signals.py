"""SIGTERM drains, a drain that takes too long is cut short with an error, SIGHUP reads again."""

import json
import signal
import socket
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from openai import APIError, OpenAI

from tests.served import Served, served

PAUSE_S = 0.02


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Served]:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    (home / "omniwatt.toml").write_text('[server]\ndrain_s = 1.0\n[models]\nserve = ["echo"]\ndefault = "echo"\n')
    with served(home, ready="/readyz") as one:
        yield one


class Reader(threading.Thread):
    """Reads one streamed answer of `tokens` tokens, one every PAUSE_S."""

    def __init__(self, server: Served, tokens: int) -> None:
        super().__init__()
        self.client = OpenAI(base_url=server.url + "/v1", api_key=server.key, max_retries=0, timeout=30)
        self.tokens = tokens
        self.pieces: list[str] = []
        self.finish: str | None = None
        self.error: APIError | None = None
        self.flowing = threading.Event()

    def run(self) -> None:
        words = "echo: " + json.dumps({"tokens": self.tokens, "token_s": PAUSE_S})
        try:
            with self.client.chat.completions.create(
                model="echo", messages=[{"role": "user", "content": words}], stream=True
            ) as stream:
                for chunk in stream:
                    self.pieces.append(chunk.choices[0].delta.content or "")
                    self.finish = chunk.choices[0].finish_reason or self.finish
                    if len(self.pieces) > 3:
                        self.flowing.set()
        except APIError as error:
            self.error = error
        finally:
            self.flowing.set()
            self.client.close()


def started(server: Served, tokens: int) -> Reader:
    reader = Reader(server, tokens)
    reader.start()
    assert reader.flowing.wait(20)
    return reader


def ledger_states(server: Served) -> list[str]:
    with closing(sqlite3.connect(server.home / "omniwatt.db")) as database:
        return [row[0] for row in database.execute("SELECT state FROM ledger ORDER BY rowid")]


def test_sigterm_lets_a_running_answer_finish(server: Served) -> None:
    reader = started(server, 30)
    assert server.stop() == 0
    reader.join(10)
    assert reader.error is None
    assert reader.finish in ("stop", "length")
    assert ledger_states(server) == ["done"]


def test_while_draining_nobody_new_is_let_in(server: Served) -> None:
    reader = started(server, 40)
    server.process.send_signal(signal.SIGTERM)
    until = time.monotonic() + 2
    while server.get("/healthz") and time.monotonic() < until:
        time.sleep(0.01)
    with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.1", server.port), 2):
        pass
    reader.join(10)
    assert server.stop() == 0
    assert reader.error is None


def test_what_outlasts_the_drain_ends_in_an_error_and_in_the_ledger(server: Served) -> None:
    reader = started(server, 2000)
    began = time.monotonic()
    assert server.stop() == 0
    assert time.monotonic() - began < 8
    reader.join(10)
    assert reader.error is not None
    assert "stopping" in str(reader.error)
    assert len(ledger_states(server)) == 1
    assert ledger_states(server)[0] in ("cancelled", "failed")


def test_a_second_signal_ends_the_drain_at_once(tmp_path: Path) -> None:
    with served(tmp_path / "home", "--models", "echo") as patient:
        reader = started(patient, 2000)
        patient.process.send_signal(signal.SIGINT)
        time.sleep(0.3)
        began = time.monotonic()
        patient.process.send_signal(signal.SIGINT)
        assert patient.process.wait(10) == 0
        assert time.monotonic() - began < 4
        reader.join(10)
        assert reader.error is not None


def test_sighup_reads_the_settings_again(server: Served) -> None:
    settings = server.home / "omniwatt.toml"
    with OpenAI(base_url=server.url + "/v1", api_key=server.key, max_retries=0) as client:
        settings.write_text(settings.read_text() + '[models.aliases]\nmy-own-name = "echo"\n')
        server.process.send_signal(signal.SIGHUP)
        until = time.monotonic() + 5
        while "my-own-name" not in {model.id for model in client.models.list()} and time.monotonic() < until:
            time.sleep(0.05)
        answer = client.chat.completions.create(model="my-own-name", messages=[{"role": "user", "content": "hello"}])
    assert answer.model == "echo"


def test_sighup_with_wrong_settings_changes_nothing(server: Served) -> None:
    (server.home / "omniwatt.toml").write_text("[server]\nprot = 1\n")
    server.process.send_signal(signal.SIGHUP)
    until = time.monotonic() + 5
    while "prot" not in server.said and time.monotonic() < until:
        time.sleep(0.02)
    assert "not reloaded" in server.said
    assert server.get("/healthz") == 200
