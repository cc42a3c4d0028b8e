"""The demo's server goes with the demo, whatever ends that."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from omniwatt.cli import demo
from omniwatt.settings import Settings


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGHUP, signal.SIGTERM])
def test_a_closed_terminal_ends_the_server_as_ctrl_c_does(monkeypatch, tmp_path: Path, ending: signal.Signals) -> None:
    start = subprocess.Popen
    monkeypatch.setenv("OMNIWATT_HOME", str(tmp_path))
    monkeypatch.setattr(demo.subprocess, "Popen", lambda *_, **__: start(["sleep", "60"]))
    for one in (signal.SIGHUP, signal.SIGTERM):
        signal.signal(one, signal.SIG_DFL)
    try:
        with demo._server(Settings(), None) as (_, child):
            assert child is not None
            os.kill(os.getpid(), ending)
            time.sleep(5)
            pytest.fail("it goes on")
    finally:
        for one in (signal.SIGHUP, signal.SIGTERM):
            signal.signal(one, signal.SIG_DFL)
    assert child.poll() == -signal.SIGTERM


def test_who_asked_not_to_hear_of_a_closed_terminal_is_left_in_peace(monkeypatch, tmp_path: Path) -> None:
    """As `nohup` does."""
    start = subprocess.Popen
    monkeypatch.setenv("OMNIWATT_HOME", str(tmp_path))
    monkeypatch.setattr(demo.subprocess, "Popen", lambda *_, **__: start(["sleep", "60"]))
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with demo._server(Settings(), None):
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        for one in (signal.SIGHUP, signal.SIGTERM):
            signal.signal(one, signal.SIG_DFL)
