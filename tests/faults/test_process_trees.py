"""A host and the helpers it starts are one: counted, held, continued and ended together."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import psutil

from omniwatt import settings
from omniwatt.contract.job import EngineSpec, Job
from omniwatt.contract.request import MediaBody, MediaPart
from omniwatt.tree import LOOK_S, Tree
from omniwatt.workers.process import HostProcess
from tests.way.test_sound import tone

MEDIA = EngineSpec("media", "media", ("probe", "transcode"), slots=2, threads=2)
PATIENCE_S = 20.0
HELD = (psutil.STATUS_STOPPED, psutil.STATUS_TRACING_STOP)


@asynccontextmanager
async def media(folder: Path) -> AsyncIterator[tuple[HostProcess, psutil.Process]]:
    """The media engine's host, and the helper its first sound needed."""
    process = await HostProcess.start("media", folder)
    try:
        await process.load(MEDIA, lambda _: None)
        await probe(process, 0.1)
        (helper,) = psutil.Process(process.pid).children()
        yield process, helper
    finally:
        await process.stop()


async def probe(process: HostProcess, seconds: float) -> None:
    part = MediaPart("audio", data=tone(seconds), name="a.wav")
    async for _ in process.run(Job("j", "probe", "media", MediaBody(part=part))):
        pass


async def until(true: Callable[[], bool]) -> None:
    limit_s = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < limit_s
        await asyncio.sleep(0.01)


def gone(helper: psutil.Process) -> bool:
    return not helper.is_running() or helper.status() == psutil.STATUS_ZOMBIE


async def test_helpers_are_counted_with_their_host(tmp_path: Path) -> None:
    async with media(tmp_path) as (process, helper):
        await asyncio.sleep(LOOK_S)
        host = psutil.Process(process.pid)
        alone_s = sum(host.cpu_times()[:2])
        helper_s = sum(helper.cpu_times()[:2])
        assert helper_s > 0.02, "importing alone takes longer"
        whole_s = process.cpu_s()
        assert abs(whole_s - alone_s - helper_s) < 0.1
        assert (await process.stats()).cpu_s >= whole_s - 0.02
        own = helper.memory_full_info().uss
        assert process.memory_bytes() > host.memory_info().rss + own / 2
        assert (await process.stats()).rss_bytes > host.memory_info().rss + own / 2

        helper.kill()
        await until(lambda: gone(helper))
        await probe(process, 0.1)  # not the sound's fault: another one is started
        await until(lambda: not helper.is_running())
        await asyncio.sleep(LOOK_S)
        assert process.cpu_s() >= whole_s, "what a helper used is not forgotten when it ends"
        assert sum(host.cpu_times()[:2]) < process.cpu_s() - helper_s / 2


async def test_helpers_are_held_and_continued_with_their_host(tmp_path: Path) -> None:
    async with media(tmp_path) as (process, helper):
        process.pause()
        await until(lambda: helper.status() in HELD)
        await asyncio.sleep(LOOK_S)
        before_s = process.cpu_s()
        await asyncio.sleep(0.1)
        assert process.cpu_s() == before_s
        process.resume()
        await until(lambda: helper.status() not in HELD)
        await probe(process, 0.1)


async def test_helpers_end_with_a_host_that_is_killed_or_dies_also_when_held(tmp_path: Path) -> None:
    for how in ("kill", "dies", "dies held", "stop held"):
        async with media(tmp_path) as (process, helper):
            if "held" in how:
                process.pause()
                await until(lambda: helper.status() in HELD)
            if how == "kill":
                process.kill()
            elif how.startswith("dies"):
                os.kill(process.pid, signal.SIGKILL)
            else:
                await process.stop()
            await process.reaped()
            await until(lambda: gone(helper))
            assert process.cpu_s() == process.memory_bytes() == 0


async def test_held_helpers_do_not_outlive_the_gateway(tmp_path: Path) -> None:
    code = f"""
import asyncio, sys
from pathlib import Path
from tests.faults.test_process_trees import media
async def main():
    async with media(Path({str(tmp_path)!r})) as (process, helper):
        process.pause()
        print(process.pid, helper.pid, flush=True)
        await asyncio.sleep(60)
asyncio.run(main())
"""
    root = Path(__file__).parents[2]
    gateway = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, cwd=root, env=settings.child_environ(), stdout=asyncio.subprocess.PIPE
    )
    assert gateway.stdout is not None
    async with asyncio.timeout(PATIENCE_S):
        pids = [int(word) for word in (await gateway.stdout.readline()).split()]
    family = [psutil.Process(pid) for pid in pids]
    gateway.kill()
    await gateway.wait()
    await until(lambda: all(gone(one) for one in family))


async def test_a_tree_that_is_gone_uses_nothing() -> None:
    child = await asyncio.create_subprocess_exec("true")
    await child.wait()
    tree = Tree(child.pid)
    assert (tree.cpu_s(), tree.memory_bytes()) == (0.0, 0)
