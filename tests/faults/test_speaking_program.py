"""The espeak-ng program dies, hangs, or goes with its engine: the answer goes on, or ends clearly."""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from omniwatt import settings
from omniwatt.catalog.catalog import Catalog
from omniwatt.contract.error import BadInput, EngineFailed
from omniwatt.contract.event import EMPTY
from omniwatt.contract.job import EngineSpec, Job
from omniwatt.contract.request import SpeakBody, Voice
from omniwatt.engines.speak import espeak_pipe
from omniwatt.engines.speak.espeak_pipe import EspeakPipe, unpacked
from omniwatt.workers.process import HostProcess

pytestmark = pytest.mark.model


def spec() -> EngineSpec:
    return Catalog.open(settings.load(None, {})).spec("espeak-ng")


@contextlib.asynccontextmanager
async def pipe(patience_s: float = 10.0) -> AsyncIterator[EspeakPipe]:
    one = EspeakPipe(unpacked(Path(spec().artifacts["espeak"])), patience_s)
    await one.start()
    try:
        yield one
    finally:
        await one.close()


async def test_killed_it_is_started_again_and_the_question_is_asked_again() -> None:
    async with pipe() as one:
        before = await one.phonemes("hello", "en-us")
        first = one.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        assert await one.say("hello", "en-us")
        assert one.pid != first
        assert before == await one.phonemes("hello", "en-us")


async def test_stopped_it_is_given_up_after_a_while_and_started_again() -> None:
    async with pipe(patience_s=0.3) as one:
        hung = one.pid
        assert hung is not None
        os.kill(hung, signal.SIGSTOP)
        assert await one.phonemes("again", "en-us") == "ɐɡˈɛn"
        assert not psutil.pid_exists(hung)


async def test_a_text_that_always_kills_it_ends_in_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    dying = tmp_path / "dying.py"
    dying.write_text(
        "import sys, struct\n"
        "sys.stdout.buffer.write(b'J' + struct.pack('<I', 5) + b'22050'); sys.stdout.flush()\n"
        "sys.stdin.buffer.read(8)\n"
    )
    monkeypatch.setattr(espeak_pipe, "PROGRAM", dying)
    async with pipe() as one:
        with pytest.raises(EngineFailed):
            await one.phonemes("poison", "en-us")


async def test_an_unknown_voice_is_the_callers_fault_and_harms_nothing() -> None:
    async with pipe() as one:
        program = one.pid
        with pytest.raises(BadInput):
            await one.phonemes("x", "nowhere")
        with pytest.raises(BadInput):
            await one.say("x", "../../etc/passwd")
        assert await one.phonemes("x" * 5000, "en-us")
        assert one.pid == program


async def test_a_question_that_is_given_up_leaves_nothing_in_the_pipe() -> None:
    async with pipe() as one:
        task = asyncio.create_task(one.say("a long story " * 2000, "en-us"))
        await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.wait([task])
        assert await one.phonemes("again", "en-us") == "ɐɡˈɛn"


async def test_a_start_that_is_given_up_leaves_neither_the_program_nor_its_first_words() -> None:
    one = EspeakPipe(unpacked(Path(spec().artifacts["espeak"])))
    try:
        task = asyncio.create_task(one.start())
        while one.pid is None:  # noqa: ASYNC110 - nothing tells that the program has begun
            await asyncio.sleep(0)
        begun = one.pid
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        assert not psutil.pid_exists(begun)
        assert await one.phonemes("again", "en-us") == "ɐɡˈɛn"
    finally:
        await one.close()


async def test_it_dies_with_its_engine(tmp_path: Path) -> None:
    process = await HostProcess.start("espeak-ng", tmp_path)
    try:
        await process.load(spec(), lambda _: None)
        (program,) = psutil.Process(process.pid).children()
        body = SpeakBody(Voice("en-us"), "Hello.")
        async for _ in process.run(Job("1", "speak", "espeak-ng", body), EMPTY):
            pass
        os.kill(process.pid, signal.SIGKILL)
        await asyncio.to_thread(psutil.wait_procs, [program], 2.0)
        assert not program.is_running() or program.status() == psutil.STATUS_ZOMBIE
    finally:
        await process.stop()


def test_no_wheel_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    wheel = tmp_path / "espeakng_loader.whl"
    with pytest.raises(EngineFailed, match="cannot read"):
        unpacked(wheel)
    wheel.write_bytes(b"PK\3\4 and nonsense")
    with pytest.raises(EngineFailed):
        unpacked(wheel)
    assert [file.name for file in tmp_path.iterdir()] == [wheel.name]
