"""A governor that may open no file, cannot be started, is killed again and again, or sleeps with the whole machine."""

import asyncio
import errno
import os
import resource
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from omniwatt.power import line
from tests.faults.test_governor import HELD, at_work, cores_used, governs, held_share, node, status, until
from tests.unit.workers.pools import ask, only


@contextmanager
def no_more_files(pid: int) -> Iterator[None]:
    """What it has open stays open."""
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (0, before[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, before)


async def test_a_governor_out_of_files_holds_on_and_takes_in_who_came_meanwhile(tmp_path: Path) -> None:
    async with node(tmp_path, "11W") as (power, one):
        async with at_work(one):
            await until(lambda: status(only(one).pid) in HELD)
            governor = power.pid
            with no_more_files(governor):
                assert await cores_used(only(one).pid, 1.0) < 0.5
                assert governs(power)
                os.kill(only(one).pid, signal.SIGKILL)
                await until(lambda: only(one).state == "ready" and only(one).restarts == 1)
                assert await ask(one, 'echo: {"tokens": 3}') == " w0 w1 w2"
                # Who waits at its door must not keep it busy.
                assert await cores_used(governor, 1.0) < 0.5
        async with at_work(one):
            await until(lambda: status(only(one).pid) in HELD)
        assert power.pid == governor


async def test_where_no_process_may_be_started_it_says_so_and_answers_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with node(tmp_path, "11W") as (power, one):
        await until(lambda: governs(power))
        with monkeypatch.context() as patch:
            patch.setattr(line.subprocess, "Popen", _no_process)
            os.kill(power.pid, signal.SIGKILL)
            await until(lambda: "no governor could be started" in caplog.text)
            found = power.status()
            assert found["state"] == "ungoverned"
            assert "Resource temporarily unavailable" in found["why"]
            assert found["watts"] is None, "nobody has read them since"
            assert await ask(one, 'echo: {"tokens": 3}') == " w0 w1 w2"
        await until(lambda: governs(power))
        assert power.status()["why"] == ""


def _no_process(*_: object, **__: object) -> None:
    raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))


async def test_where_no_gate_can_be_made_it_says_so_and_answers_come(tmp_path: Path) -> None:
    """A folder in its place stands for a file system that has become read-only."""
    async with node(tmp_path, "11W") as (power, one):
        (gate,) = (tmp_path / "run").glob("gate-*")
        gate.unlink()
        gate.mkdir()
        os.kill(power.pid, signal.SIGKILL)
        await until(lambda: "no governor could be started: Is a directory" in power.status()["why"])
        assert await ask(one, 'echo: {"tokens": 3}') == " w0 w1 w2"
        gate.rmdir()
        await until(lambda: governs(power))


async def test_a_governor_killed_five_times_in_a_row_comes_back_each_time(tmp_path: Path) -> None:
    async with node(tmp_path, "11W") as (power, one), at_work(one):
        pid = only(one).pid
        for _ in range(5):
            governor = power.pid
            os.kill(governor, signal.SIGKILL)
            await until(lambda seen=governor: power.pid not in (0, seen))  # type: ignore[misc]
        await until(lambda: governs(power))
        await until(lambda: status(pid) in HELD)
        assert only(one).restarts == 0
        assert only(one).pid == pid


async def test_an_engine_killed_while_it_is_stopped_is_replaced_and_the_next_is_held(tmp_path: Path) -> None:
    async with node(tmp_path, "11W") as (power, one):
        async with at_work(one) as task:
            pid, governor = only(one).pid, power.pid
            await until(lambda: status(pid) in HELD)
            os.kill(pid, signal.SIGKILL)
            await asyncio.wait([task], timeout=5)
            assert task.done()
        await until(lambda: only(one).state == "ready" and only(one).pid != pid)
        async with at_work(one):
            await until(lambda: status(only(one).pid) in HELD)
        assert power.pid == governor
        assert status(pid) == "gone"


async def test_a_machine_that_slept_goes_on_where_it_was(tmp_path: Path) -> None:
    """All that runs stands still at once; nobody takes the gap for a hang, and nobody is charged for it twice."""
    async with node(tmp_path, "20W") as (power, one), at_work(one):
        await until(lambda: governs(power))
        pids = [power.pid, only(one).pid]
        begun_s, before_j = time.monotonic(), power.status()["metered_j"]
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        time.sleep(2.5)  # noqa: ASYNC251 - this process is one of those that stand still
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
        assert await held_share(pids[1], 0.5) < 0.9
        told = power.status()
        assert [power.pid, only(one).pid, only(one).restarts] == [*pids, 0]
        assert governs(power)
        assert told["metered_j"] - before_j <= 30.0 * (time.monotonic() - begun_s + 1.0)
