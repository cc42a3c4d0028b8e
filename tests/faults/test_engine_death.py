"""Engine processes that die, hang or talk nonsense: what was in them ends clearly, what comes next is served."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from contextlib import aclosing
from pathlib import Path

import psutil
import pytest

from omniwatt.contract.error import EngineDied, EngineFailed, OmniwattError
from omniwatt.workers.local import Timing
from omniwatt.workers.process import HostProcess
from tests.unit.workers.pools import ask, card, job, joined, only, pool


async def events_until_error(one: object, text: str) -> tuple[str, OmniwattError]:
    seen = []
    with pytest.raises(OmniwattError) as caught:  # noqa: PT012
        async with aclosing(one.call("echo", job(text))) as events:  # type: ignore[attr-defined]
            async for event in events:
                seen.append(event)  # noqa: PERF401 - what came before the error matters
    return joined(seen), caught.value


@pytest.mark.parametrize("how", ["kill_at", "exit_at"])
async def test_a_dying_engine_ends_its_calls_and_the_next_is_served(tmp_path: Path, how: str) -> None:
    async with pool(tmp_path) as one:
        beside = asyncio.create_task(ask(one, 'echo: {"tokens": 50, "token_s": 1}'))
        await one.ensure("echo")
        await asyncio.sleep(0.02)
        first = only(one).pid
        text, error = await events_until_error(one, f'echo: {{"tokens": 9, "token_s": 0.002, "{how}": 3}}')
        assert isinstance(error, EngineDied)
        assert text == " w0 w1 w2"
        with pytest.raises(EngineDied):
            await beside
        assert await ask(one, "next") == "next"
        status = only(one)
        assert (status.restarts, status.state, status.in_flight) == (1, "ready", 0)
        assert status.pid != first


async def test_killed_from_outside_in_mid_stream(tmp_path: Path) -> None:
    async with pool(tmp_path) as one:
        async with aclosing(one.call("echo", job('echo: {"tokens": 99, "token_s": 0.01}'))) as events:
            await events.__anext__()
            os.kill(only(one).pid, signal.SIGKILL)
            with pytest.raises(EngineDied):
                async for _ in events:
                    pass
        assert await ask(one, "next") == "next"


async def test_it_is_started_again_before_anybody_asks(tmp_path: Path) -> None:
    async with pool(tmp_path) as one:
        await one.ensure("echo")
        os.kill(only(one).pid, signal.SIGKILL)
        for _ in range(100):
            await asyncio.sleep(0.02)
            if only(one).restarts == 1 and only(one).state == "ready":
                break
        assert (only(one).restarts, only(one).state) == (1, "ready")


async def test_an_engine_that_keeps_dying_waits_longer_each_time(tmp_path: Path) -> None:
    async with pool(tmp_path) as one:
        waits_s = []
        for _ in range(3):
            with pytest.raises(EngineDied):
                await ask(one, 'echo: {"text": "x", "kill_at": 0}')
            start_s = time.monotonic()
            await one.ensure("echo")
            waits_s.append(time.monotonic() - start_s)
        assert waits_s[1] >= 0.15
        assert waits_s[2] >= 0.3
        assert only(one).restarts == 3


async def test_a_healthy_life_forgives(tmp_path: Path) -> None:
    async with pool(tmp_path, timing=Timing(backoff_s=30.0, healthy_s=0.0)) as one:
        for _ in range(3):
            with pytest.raises(EngineDied):
                await ask(one, 'echo: {"text": "x", "kill_at": 0}')
        assert await ask(one, "at once") == "at once"


@pytest.mark.parametrize("how", ["raise_at", "fail_at", "corrupt_at"])
async def test_a_fault_of_one_call_leaves_the_process_alone(tmp_path: Path, how: str) -> None:
    async with pool(tmp_path) as one:
        text, error = await events_until_error(one, f'echo: {{"tokens": 9, "{how}": 2}}')
        assert isinstance(error, EngineFailed)
        assert not isinstance(error, EngineDied)
        assert "w1" not in error.message
        assert text == " w0 w1"
        assert await ask(one, "next") == "next"
        assert only(one).restarts == 0


async def test_what_an_engine_logs_comes_out_under_its_name(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with pool(tmp_path) as one:
        await events_until_error(one, 'echo: {"tokens": 9, "raise_at": 2}')
        await asyncio.sleep(0.05)
    told = [record for record in caplog.records if record.name == "omniwatt.engine.echo"]
    assert told[0].levelname == "ERROR"
    assert any("asked to raise at token 2" in record.message for record in told)


async def test_a_blocked_engine_is_noticed_and_replaced(tmp_path: Path) -> None:
    async with pool(tmp_path) as one:
        await one.ensure("echo")
        start_s = time.monotonic()
        with pytest.raises(EngineDied):
            await ask(one, 'echo: {"tokens": 9, "block_at": 2}')
        assert 0.4 <= time.monotonic() - start_s < 3.0
        assert await ask(one, "next") == "next"
        assert only(one).restarts == 1


async def test_a_polite_wait_and_hard_work_are_no_hang(tmp_path: Path) -> None:
    worker = card("worker", options={"burn": 1, "token_s": 0.7}, threads=1)
    async with pool(tmp_path, [card(), worker]) as one:
        async with aclosing(one.call("echo", job('echo: {"tokens": 9, "hang_at": 0}'))) as events:
            waiting = asyncio.ensure_future(events.__anext__())
            assert await ask(one, "one", "worker") == "one"
            await asyncio.sleep(0.3)
            assert not waiting.done()
            waiting.cancel()
            await asyncio.wait([waiting])
        assert [status.restarts for status in one.status()] == [0, 0]


async def test_another_worker_takes_over_before_the_first_event(tmp_path: Path) -> None:
    async with pool(tmp_path, [card(workers=2)]) as one:
        await one.ensure("echo")
        await asyncio.sleep(0.3)
        async with aclosing(one.call("echo", job('echo: {"text": "still here", "first_token_s": 0.3}'))) as events:
            coming = asyncio.ensure_future(events.__anext__())
            await asyncio.sleep(0.05)
            (busy,) = [status.pid for status in one.status() if status.in_flight]
            os.kill(busy, signal.SIGKILL)
            assert joined([await coming] + [event async for event in events]) == "still here"


async def test_after_the_first_event_nobody_takes_over(tmp_path: Path) -> None:
    async with pool(tmp_path, [card(workers=2)]) as one:
        text, error = await events_until_error(one, 'echo: {"tokens": 9, "token_s": 0.005, "kill_at": 1}')
        assert isinstance(error, EngineDied)
        assert text == " w0"


GATEWAY = """
import asyncio, sys
from pathlib import Path
from tests.unit.workers.pools import pool, only

async def main():
    async with pool(Path(sys.argv[1])) as one:
        await one.ensure("echo")
        print(only(one).pid, flush=True)
        await asyncio.sleep(60)

asyncio.run(main())
"""


@pytest.mark.parametrize("stopped", [False, True])
def test_children_die_with_their_gateway(tmp_path: Path, stopped: bool) -> None:
    gateway = subprocess.Popen([sys.executable, "-c", GATEWAY, str(tmp_path)], stdout=subprocess.PIPE)
    assert gateway.stdout is not None
    child = psutil.Process(int(gateway.stdout.readline()))
    if stopped:
        child.suspend()
    gateway.kill()
    gateway.wait(5)
    gateway.stdout.close()
    gone, alive = psutil.wait_procs([child], timeout=5)
    assert (len(gone), alive) == (1, [])


async def test_time_for_which_somebody_else_stops_it_is_no_hang(tmp_path: Path) -> None:
    async with pool(tmp_path) as one:
        await one.ensure("echo")
        answer = asyncio.create_task(ask(one, 'echo: {"text": "slept well", "first_token_s": 0.1}'))
        await asyncio.sleep(0.02)
        os.kill(only(one).pid, signal.SIGSTOP)
        await asyncio.sleep(0.8)
        os.kill(only(one).pid, signal.SIGCONT)
        assert await answer == "slept well"
        assert only(one).restarts == 0


async def test_a_worker_that_could_not_be_loaded_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("omniwatt.workers.pool.SWEEP_S", 0.05)
    async with pool(tmp_path, [card(workers=2)], timing=Timing(backoff_s=0.1)) as one:
        real = HostProcess.start
        starts: list[str] = []

        async def start(name: str, folder: Path, _: object) -> HostProcess:
            starts.append(name)
            if len(starts) == 2:
                raise EngineFailed("no more processes today")
            return await real(name, folder)

        monkeypatch.setattr(HostProcess, "start", start)
        await one.ensure("echo")
        for _ in range(100):
            await asyncio.sleep(0.02)
            if [status.state for status in one.status()] == ["ready", "ready"]:
                break
        assert [status.state for status in one.status()] == ["ready", "ready"]
        assert len(starts) == 3
