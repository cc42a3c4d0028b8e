"""The governor with real processes: whatever dies or is held, no engine is left stopped, and the budget comes back."""

import asyncio
import errno
import itertools
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest

from omniwatt import settings
from omniwatt.power import line
from omniwatt.power.control import Power
from omniwatt.workers.local import Timing
from omniwatt.workers.pool import Pool
from omniwatt.workers.process import HostProcess
from tests.unit.workers.pools import ask, card, job, only, pool

PATIENCE_S = 20.0
HELD = (psutil.STATUS_STOPPED, psutil.STATUS_TRACING_STOP)
BUSY = card("echo", threads=1, options={"burn": 1, "token_s": 0.02}, slots=4)
"""Computes for as long as a token takes."""


def metered(budget: str = "", **changes: Any) -> settings.Power:
    """A machine of 10 W idle and 10 W a core, by CPU time."""
    return settings.Power(**{"meter": "estimate", "idle_w": 10.0, "max_w": 30.0, "budget": budget} | changes)


@asynccontextmanager
async def node(
    folder: Path, budget: str = "", lock: str = "", *, quota: bool = False, **more: Any
) -> AsyncIterator[tuple[Power, Pool]]:
    """A pool of echo engines that burn, and a governor."""
    lock = lock or f"omniwatt-test-{uuid.uuid4()}"
    async with (
        Power(metered(budget, quota=quota), folder, cores=2, lock=lock) as power,
        pool(folder, [BUSY], hand=power, **more) as one,
    ):
        await one.ensure("echo")
        await until(lambda: power.status()["watts"] is not None)
        yield power, one


async def until(true: Callable[[], object], limit_s: float = PATIENCE_S) -> float:
    """Wait until `true()`; how long it took."""
    begun_s = time.monotonic()
    while not true():
        assert time.monotonic() - begun_s < limit_s
        await asyncio.sleep(0.005)
    return time.monotonic() - begun_s


def status(pid: int) -> str:
    try:
        return psutil.Process(pid).status()
    except psutil.NoSuchProcess:
        return "gone"


async def long_answer(one: Pool, tokens: int = 100_000) -> None:
    async with aclosing(one.call("echo", job(f'echo: {{"tokens": {tokens}}}'))) as events:
        async for _ in events:
            pass


@asynccontextmanager
async def at_work(one: Pool, tokens: int = 100_000) -> AsyncIterator["asyncio.Task[None]"]:
    task = asyncio.create_task(long_answer(one, tokens))
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait([task])


def governs(power: Power) -> bool:
    return power.status()["state"] not in ("unmetered", "unlimited", "ungoverned")


async def held_share(pid: int, seconds: float) -> float:
    """How much of the time it is stopped."""
    looks = []
    until_s = time.monotonic() + seconds
    while time.monotonic() < until_s:
        looks.append(status(pid) in HELD)
        await asyncio.sleep(0.003)
    return sum(looks) / len(looks)


async def cores_used(pid: int, seconds: float) -> float:
    """As an onlooker sees it."""
    clock = ~pid << 3 | 2
    begun_s, before_s = time.monotonic(), time.clock_gettime(clock)
    await asyncio.sleep(seconds)
    return (time.clock_gettime(clock) - before_s) / (time.monotonic() - begun_s)


async def test_a_budget_is_held_and_let_go(tmp_path: Path) -> None:
    async with node(tmp_path) as (power, one), at_work(one):
        pid = only(one).pid
        assert await held_share(pid, 0.5) == 0.0
        power.set_budget("11W")
        await until(lambda: status(pid) in HELD)
        assert await cores_used(pid, 2.0) < 0.4
        assert governs(power)
        power.set_budget("none")
        await until(lambda: power.status()["state"] == "unlimited")
        assert await held_share(pid, 0.5) == 0.0


async def test_a_killed_governor_leaves_nobody_stopped_and_is_started_again(tmp_path: Path) -> None:
    async with node(tmp_path, "11W") as (power, one), at_work(one):
        pid, governor = only(one).pid, power.pid
        await until(lambda: status(pid) in HELD)
        os.kill(governor, signal.SIGSTOP)  # so that it cannot continue it
        await until(lambda: status(pid) in HELD or not psutil.pid_exists(governor), 1.0)
        os.kill(governor, signal.SIGKILL)
        assert await until(lambda: status(pid) not in HELD) < 0.5
        await until(lambda: power.pid not in (0, governor))
        await until(lambda: governs(power))
        await until(lambda: status(pid) in HELD)
        assert only(one).restarts == 0


async def test_a_governor_that_hangs_is_replaced(tmp_path: Path) -> None:
    async with node(tmp_path, "11W") as (power, one), at_work(one):
        pid, governor = only(one).pid, power.pid
        await until(lambda: status(pid) in HELD)
        os.kill(governor, signal.SIGSTOP)
        assert await until(lambda: status(pid) not in HELD) < 0.5
        assert await held_share(pid, 0.3) == 0.0
        await until(lambda: power.pid not in (0, governor), 6.0)
        assert not psutil.pid_exists(governor)
        await until(lambda: status(pid) not in HELD)


async def test_a_cancel_gets_through_to_a_stopped_engine_at_once(tmp_path: Path) -> None:
    async with node(tmp_path, "10.5W") as (_, one):
        pid = only(one).pid
        async with at_work(one) as task:
            for _ in range(5):
                await until(lambda: status(pid) in HELD)
                begun_s = time.monotonic()
                task.cancel()
                await asyncio.wait([task])
                assert time.monotonic() - begun_s < 0.3
                assert only(one).in_flight == 0
                task = asyncio.create_task(long_answer(one))  # noqa: PLW2901 - the next one to be cancelled
            task.cancel()
            await asyncio.wait([task])
        assert only(one).restarts == 0


async def test_an_engine_held_for_long_is_not_killed_as_hung_and_is_heard_meanwhile(tmp_path: Path) -> None:
    timing = Timing(beat_s=0.05, hang_s=0.5, backoff_s=0.15, backoff_limit_s=1.0, healthy_s=60.0)
    async with node(tmp_path, "0W", timing=timing) as (power, one):
        answer = asyncio.create_task(ask(one, 'echo: {"tokens": 20}'))
        await asyncio.sleep(3.0)
        assert only(one).restarts == 0
        assert power.status()["state"] == "below-idle"
        power.set_budget("none")
        assert await asyncio.wait_for(answer, PATIENCE_S) == "".join(f" w{i}" for i in range(20))


async def test_below_any_budget_an_engine_still_gets_on(tmp_path: Path) -> None:
    """It is stopped for 100 ms at most, then runs for a moment (what tests of duty hold to the millisecond)."""
    async with node(tmp_path, "0W") as (_, one), at_work(one):
        clock = ~only(one).pid << 3 | 2
        await asyncio.sleep(0.5)
        looks = [time.clock_gettime(clock)]
        for _ in range(5):
            await until(lambda: time.clock_gettime(clock) > looks[-1], 1.0)
            looks.append(time.clock_gettime(clock))
            await asyncio.sleep(0.1)
        assert len(looks) == 6
        assert all(before_s < after_s for before_s, after_s in itertools.pairwise(looks))


async def test_of_two_governors_one_governs_and_the_other_says_so(tmp_path: Path) -> None:
    lock = f"omniwatt-test-{uuid.uuid4()}"
    async with node(tmp_path / "a", "11W", lock) as (first, _):
        await until(lambda: governs(first))
        async with node(tmp_path / "b", "11W", lock) as (second, one), at_work(one):
            await until(lambda: "another governor" in second.status()["why"])
            assert second.status()["state"] == "ungoverned"
            assert second.status()["watts"] > 10
            assert await held_share(only(one).pid, 0.5) == 0.0
            first.set_budget("none")
            await until(lambda: governs(second))
            await until(lambda: status(only(one).pid) in HELD)
            assert "another governor" not in second.status()["why"]


GATEWAY = """
import asyncio, sys
from pathlib import Path
from tests.faults.test_governor import HELD, at_work, node, only, status, until

async def main():
    async with node(Path(sys.argv[1]), "11W") as (power, one), at_work(one):
        pid = only(one).pid
        await until(lambda: status(pid) in HELD)
        print(pid, power.pid, flush=True)
        await asyncio.sleep(60)

asyncio.run(main())
"""


@pytest.mark.parametrize("governor_is_stopped", [False, True])
def test_nothing_is_left_when_the_gateway_is_killed(tmp_path: Path, governor_is_stopped: bool) -> None:
    root = Path(__file__).parents[2]
    gateway = subprocess.Popen(
        [sys.executable, "-c", GATEWAY, str(tmp_path)], stdout=subprocess.PIPE, cwd=root, env=settings.child_environ()
    )
    assert gateway.stdout is not None
    family = [psutil.Process(int(word)) for word in gateway.stdout.readline().split()]
    assert len(family) == 2
    if governor_is_stopped:
        family[1].suspend()
    gateway.kill()
    gateway.wait(5)
    gateway.stdout.close()
    _, alive = psutil.wait_procs(family, timeout=5)
    assert alive == []
    assert not list((tmp_path / "run").glob("gate-*"))


async def test_priority_goes_on_and_flex_waits_at_a_step(tmp_path: Path) -> None:
    async with node(tmp_path, "18W") as (power, one):
        counts = {"priority": 0, "flex": 0}

        async def answer(tier: str) -> None:
            power.begin(tier, tier)
            asked = msgspec.structs.replace(job('echo: {"tokens": 100000}'), id=tier)
            async with aclosing(one.call("echo", asked)) as events:
                async for _ in events:
                    counts[tier] += 1

        tasks = [asyncio.create_task(answer(tier)) for tier in counts]
        await until(lambda: counts["priority"] > 3)
        await asyncio.sleep(0.5)
        before = dict(counts)
        await until(lambda: counts["priority"] > before["priority"] + 15)
        assert counts["flex"] <= before["flex"] + 1
        tasks[0].cancel()
        await until(lambda: counts["flex"] > before["flex"] + 5)
        tasks[1].cancel()
        await asyncio.wait(tasks)


async def test_costs_of_jobs_and_what_a_lost_governor_leaves_of_them(tmp_path: Path) -> None:
    async with node(tmp_path) as (power, one):
        power.begin("job", "default")
        await ask(one, 'echo: {"tokens": 10}')
        cost = await power.settle("job")
        assert cost is not None
        assert cost["energy_joules"] > 0
        assert await power.settle("job") is None, "nobody is charged twice"
        assert await power.settle("never begun") is None
        power.begin("job", "default")
        os.kill(power.pid, signal.SIGKILL)
        begun_s = time.monotonic()
        assert await power.settle("job") is None
        assert time.monotonic() - begun_s < 1.0


async def test_a_quota_is_taken_away_with_the_governor_or_stops_take_its_place(tmp_path: Path) -> None:
    """Where no control group can be made, the same budget is held by stops."""
    async with node(tmp_path, "11W", quota=True) as (power, one), at_work(one):
        pid, governor = only(one).pid, power.pid
        await until(lambda: governs(power))
        await asyncio.sleep(0.5)
        assert await cores_used(pid, 2.0) < 0.5
        os.kill(governor, signal.SIGKILL)
        await until(lambda: power.pid not in (0, governor))
        power.set_budget("none")
        await until(lambda: power.status()["state"] == "unlimited")
        assert await held_share(pid, 0.3) == 0.0


@asynccontextmanager
async def governed(folder: Path) -> AsyncIterator[tuple[Power, HostProcess]]:
    """A host without an engine, and a governor that knows of it."""
    async with Power(metered(), folder, cores=2, lock=f"omniwatt-test-{uuid.uuid4()}") as power:
        process = await HostProcess.start("echo", folder, power)
        try:
            await until(lambda: power.status()["state"] == "unlimited")
            yield power, process
        finally:
            await process.stop()


async def test_what_was_held_while_nobody_governed_is_let_go_by_the_next(tmp_path: Path) -> None:
    """The gateway's own turns go on between two governors, by its own signals."""
    async with governed(tmp_path) as (power, process):
        governor = power.pid
        os.kill(governor, signal.SIGKILL)
        await until(lambda: power.status()["state"] == "ungoverned")
        process.pause()
        await until(lambda: status(process.pid) in HELD)
        await until(lambda: power.pid not in (0, governor) and power.status()["state"] == "unlimited")
        process.resume()
        assert await until(lambda: status(process.pid) not in HELD, 2.0) < 0.5


async def test_a_governor_that_does_not_listen_misses_nothing(tmp_path: Path) -> None:
    """More is said to it than its socket holds, the budget last; and nobody stays stopped meanwhile."""
    async with governed(tmp_path) as (power, process):
        governor = power.pid
        os.kill(governor, signal.SIGSTOP)
        for _ in range(500):
            process.pause()
            process.resume()
        await until(lambda: status(process.pid) not in HELD)
        process.pause()
        await until(lambda: status(process.pid) in HELD)
        power.set_budget("11W")
        os.kill(governor, signal.SIGCONT)
        await until(lambda: governs(power))
        assert power.pid == governor
        process.resume()
        assert await until(lambda: status(process.pid) not in HELD, 2.0) < 0.5


@pytest.mark.parametrize("command", [("/nowhere/omniwatt",), ("/bin/false",), ("/bin/sleep", "60")])
async def test_where_no_governor_can_run_answers_come_all_the_same(
    tmp_path: Path, command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No such program, one that ends at once, one that never says a word."""
    monkeypatch.setattr(line, "COMMAND", command)
    async with (
        Power(metered("11W"), tmp_path, cores=2, lock=f"omniwatt-test-{uuid.uuid4()}") as power,
        pool(tmp_path, [BUSY], hand=power) as one,
    ):
        power.begin("job", "default")
        assert await ask(one, 'echo: {"tokens": 20}') == "".join(f" w{i}" for i in range(20))
        assert await power.settle("job") is None
        assert power.status()["watts"] is None
        assert status(only(one).pid) not in HELD


async def test_a_gateway_out_of_files_goes_on_and_governs_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with node(tmp_path, "11W") as (power, one):
        await until(lambda: governs(power))
        with monkeypatch.context() as patch:
            patch.setattr(line.socket, "socketpair", _no_files)
            os.kill(power.pid, signal.SIGKILL)
            await until(lambda: "no governor could be started" in caplog.text)
            assert await ask(one, 'echo: {"tokens": 3}') == " w0 w1 w2"
        await until(lambda: governs(power))


def _no_files(*_: object) -> None:
    raise OSError(errno.EMFILE, "Too many open files")


async def test_where_no_name_can_be_claimed_it_meters_and_says_so(tmp_path: Path) -> None:
    """A name the kernel refuses stands for one that forbids such names at all."""
    async with node(tmp_path, "11W", "x" * 200) as (power, one), at_work(one):
        await until(lambda: "does not let us" in power.status()["why"])
        assert power.status()["state"] == "ungoverned"
        assert await held_share(only(one).pid, 0.3) == 0.0


@pytest.mark.parametrize(
    ("meter", "why"),
    [
        ({"meter": "wall", "wall_url": "http://127.0.0.1:9/watts"}, "silent"),
        ({"meter": "wall", "wall_url": "http://root:calvin@127.0.0.1:9/"}, "password"),
        ({"meter": "replay", "recording": "/nowhere.csv"}, "nowhere"),
    ],
)
async def test_without_the_meter_that_was_asked_for_the_model_holds_the_budget(
    tmp_path: Path, meter: dict[str, Any], why: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with (
        Power(metered("11W", **meter), tmp_path, cores=2, lock=f"omniwatt-test-{uuid.uuid4()}") as power,
        pool(tmp_path, [BUSY], hand=power) as one,
    ):
        await one.ensure("echo")
        async with at_work(one):
            pid = only(one).pid
            await until(lambda: status(pid) in HELD)
            await until(lambda: why in power.status()["why"])
            assert power.status()["watts"] is None
            assert await cores_used(pid, 2.0) < 0.4
        assert "calvin" not in caplog.text + str(power.status())


async def test_gates_of_gateways_that_are_gone_are_removed(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    # The kernel gives no process so high a number.
    ours, left = tmp_path / "run" / f"gate-{os.getpid()}-1", tmp_path / "run" / "gate-99999999-1"
    for gate in (ours, left):
        gate.touch()
    async with Power(metered(), tmp_path, cores=2, lock=f"omniwatt-test-{uuid.uuid4()}"):
        assert ours.exists()
        assert not left.exists()
