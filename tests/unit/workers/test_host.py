"""The host's own parts: the context it gives to engines, its answers to strange questions, its weight."""

import asyncio
import socket
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import pytest

from omniwatt.contract.error import EngineFailed
from omniwatt.contract.job import EngineSpec
from omniwatt.engines import registry
from omniwatt.workers.hand import Bill, Hand, Nobody
from omniwatt.workers.host import CallContext
from omniwatt.workers.process import HostProcess
from tests.unit.workers.pools import job

SPEC = EngineSpec("echo", "echo", ("chat",), context_window=1000, slots=2)


class Charging(Nobody):
    """Who charges for calls, where each may be told of in a sum; `heard` is what was said of them."""

    gate = "gate"
    tier, brief = "default", True

    def __init__(self) -> None:
        self.heard: list[tuple[dict[str, float], bool]] = []

    def call(self, job: str, engine: str, capability: str) -> Bill:
        return self

    def end(self, work: Mapping[str, float], *, brief: bool) -> None:
        self.heard.append((dict(work), brief))


@asynccontextmanager
async def host(folder: Path, hand: Hand | None = None) -> AsyncIterator[HostProcess]:
    process = await HostProcess.start("echo", folder, hand)
    try:
        yield process
    finally:
        await process.stop()


def test_a_cancelled_context_runs_each_callback_once_also_late_ones() -> None:
    told: list[str] = []
    context = CallContext(lambda *_: None)
    context.on_cancel(lambda: told.append("early"))
    context.on_cancel(lambda: 1 / 0)
    assert not context.cancelled
    context.cancel()
    context.cancel()
    context.on_cancel(lambda: told.append("late"))
    assert context.cancelled
    assert told == ["early", "late"]


async def test_steps_are_counted_from_any_thread() -> None:
    total: list[float] = []
    context = CallContext(lambda _, units: total.append(units))
    threads = [threading.Thread(target=lambda: [context.step("decode", 1) for _ in range(500)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    await context.astep("prefill", 7)
    assert context.steps == {"decode": 2000.0, "prefill": 7.0}
    assert sum(total) == 2007


async def test_a_host_says_of_each_call_whether_the_governor_was_told_of_it_by_itself(tmp_path: Path) -> None:
    charging = Charging()
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as governor:
        governor.bind(str(tmp_path / charging.gate))
        governor.listen()
        async with host(tmp_path, charging) as process:
            await process.load(SPEC, lambda _: None)
            for words in ("one two", 'echo: {"tokens": 2, "token_s": 0.2}'):
                async for _ in process.run(job(words)):
                    pass
            async with aclosing(process.run(job('echo: {"tokens": 9, "token_s": 0.2}'))) as events:
                await anext(events)
    work, in_sums = zip(*charging.heard, strict=True)
    assert in_sums == (True, False, False)
    assert work[0] == {"prefill": 6.0, "decode": 2.0}
    assert work[2]["decode"] < 9


async def test_a_host_reports_what_it_used(tmp_path: Path) -> None:
    async with host(tmp_path) as process:
        loaded = await process.load(SPEC, lambda _: None)
        assert (loaded.slots, loaded.context_window, loaded.threads) == (2, 1000, 0)
        async for _ in process.run(job("one two")):
            pass
        stats = await process.stats()
        assert stats.steps == process.steps == {"prefill": 6.0, "decode": 2.0}
        assert 0 < stats.cpu_s <= process.cpu_s() + 0.05
        assert process.memory_bytes() > 0
        assert stats.rss_bytes < 60_000_000


async def test_a_host_that_is_not_loaded_says_so(tmp_path: Path) -> None:
    async with host(tmp_path) as process:
        with pytest.raises(EngineFailed, match="not loaded"):
            await anext(process.run(job("x")))
        await process.load(SPEC, lambda _: None)
        with pytest.raises(EngineFailed, match="already"):
            await process.load(SPEC, lambda _: None)


@pytest.mark.parametrize("engine", ["nothing", "broken"])
async def test_engines_that_cannot_be_made(monkeypatch: pytest.MonkeyPatch, engine: str) -> None:
    monkeypatch.setitem(registry.ENGINES, "broken", "omniwatt.engines.no_such_module:Thing")
    with pytest.raises(EngineFailed, match=engine):
        registry.create(engine)


async def test_a_stopped_host_ends_well(tmp_path: Path) -> None:
    process = await HostProcess.start("echo", tmp_path)
    process.pause()
    assert await process.stop() == "exit status 0"
    assert process.memory_bytes() == 0
    assert process.cpu_s() == 0.0
    process.pause()
    process.resume()
    process.kill()
    assert not process.stopped


async def test_a_killed_host_says_how(tmp_path: Path) -> None:
    process = await HostProcess.start("echo", tmp_path)
    process.kill()
    assert await process.reaped() == "signal SIGKILL"


def test_a_host_without_its_parent_does_not_start() -> None:
    done = subprocess.run([sys.executable, "-m", "omniwatt.workers.host", "0", "1", "x"], timeout=20, check=False)
    assert done.returncode == 1


def test_the_host_loads_no_heavy_library() -> None:
    code = "import sys, omniwatt.workers.host; print(*sorted(sys.modules))"
    names = set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())
    assert not names & {"numpy", "xllamacpp", "PIL", "psutil", "starlette", "httpx2", "openai", "pydantic"}


async def test_the_child_is_told_when_its_folder_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(EngineFailed, match="could be started"):
        await HostProcess.start("echo", tmp_path / "file")
    await asyncio.sleep(0)
