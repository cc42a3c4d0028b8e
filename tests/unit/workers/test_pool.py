"""The pool with real echo processes: load on first use, share loads, free slots, unload, report."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import psutil
import pytest

from omniwatt.contract.error import BadInput, EngineFailed, ModelLoading, ModelNotFound, Overloaded
from omniwatt.contract.event import Chunk, Data, Finished, TextDelta
from omniwatt.contract.job import Job
from omniwatt.contract.request import DataBody
from tests.unit.workers.pools import ask, card, job, only, pool


async def test_a_model_is_loaded_on_first_use_and_stopped_at_the_end(tmp_path: Path) -> None:
    async with pool(tmp_path) as one:
        assert (one.slots("echo"), one.loaded("echo"), only(one).state) == (4, None, "stopped")
        assert await ask(one, "hello there") == "hello there"
        status = only(one)
        assert (status.state, status.in_flight, status.restarts, status.engine) == ("ready", 0, 0, "echo")
        assert status.memory_bytes > 5_000_000
        assert status.steps == {"prefill": 6.0, "decode": 2.0}
        assert one.loaded("echo").context_window == status.context_window == 1000  # type: ignore[union-attr]
        pid = status.pid
        assert (tmp_path / "run").stat().st_mode & 0o777 == 0o700
    assert not psutil.pid_exists(pid)


async def test_nothing_secret_is_in_the_child_s_arguments_or_environment(tmp_path: Path) -> None:
    secret = card(options={"text": "sk-secret"})
    async with pool(tmp_path, [secret]) as one:
        assert await ask(one, "x") == "sk-secret"
        child = psutil.Process(only(one).pid)
        assert "sk-secret" not in f"{child.cmdline()} {child.environ()}"
        assert not [name for name in child.environ() if name.startswith("OMNIWATT")]


async def test_callers_share_one_load(tmp_path: Path) -> None:
    before = set(psutil.Process().children())
    async with pool(tmp_path, [card(options={"load_s": 0.1})]) as one:
        answers = await asyncio.gather(*(ask(one, str(number)) for number in range(8)))
        assert answers == [str(number) for number in range(8)]
        assert len(set(psutil.Process().children()) - before) == 1


async def test_a_slow_load_says_when_to_come_back_and_goes_on(tmp_path: Path) -> None:
    async with pool(tmp_path, [card(options={"load_s": 0.5}, expected_load_s=40.0)]) as one:
        with pytest.raises(ModelLoading) as caught:
            await one.ensure("echo", 0.0)
        assert 1.0 <= (caught.value.retry_after_s or 0) <= 40.0
        for _ in range(100):
            await asyncio.sleep(0.0 if only(one).progress else 0.02)
        with pytest.raises(ModelLoading) as caught:
            await one.ensure("echo", 0.01)
        assert 0.0 < caught.value.details["progress"] < 1.0
        assert only(one).state == "loading"
        await one.ensure("echo")
        assert only(one).state == "ready"


async def test_a_failed_load_is_said_clearly_and_can_be_tried_again(tmp_path: Path) -> None:
    cards = [card("bad", options={"load_fault": "fail"}), card("worse", options={"load_fault": "raise"})]
    cards += [card("dead", options={"load_fault": "kill"}), card("gone", options={"missing": True}), card()]
    async with pool(tmp_path, cards) as one:
        for name, words in (("bad", "asked to fail"), ("worse", "RuntimeError"), ("dead", "ended")):
            with pytest.raises(EngineFailed, match=words):
                await ask(one, "x", name)
            with pytest.raises(EngineFailed, match=words) as caught:
                await ask(one, "x", name)
            assert (caught.value.retry_after_s or 0) > 0
            assert only(one, name).state == "backoff"
        for _ in range(2):
            with pytest.raises(ModelNotFound, match="files of gone are missing"):
                await ask(one, "x", "gone")
        with pytest.raises(ModelNotFound, match="no such"):
            await ask(one, "x", "such")
        await asyncio.sleep(0.2)
        with pytest.raises(EngineFailed, match="asked to fail") as caught:
            await ask(one, "x", "bad")
        assert caught.value.retry_after_s is None
        assert await ask(one, "fine") == "fine"


async def test_leaving_frees_the_slot_fast(tmp_path: Path) -> None:
    async with pool(tmp_path) as one:
        await one.ensure("echo")
        async with aclosing(
            one.call("echo", job('echo: {"tokens": 1000, "token_s": 5, "first_token_s": 5}'))
        ) as events:
            waiting = asyncio.ensure_future(events.__anext__())
            await asyncio.sleep(0.02)
            assert only(one).in_flight == 1
            start_s = time.monotonic()
            waiting.cancel()
            await asyncio.wait([waiting])
        assert time.monotonic() - start_s < 0.2
        assert only(one).in_flight == 0


async def test_a_cancelled_task_still_cancels_in_the_engine(tmp_path: Path) -> None:
    async with pool(tmp_path) as one:
        await one.ensure("echo")
        for delay_s in (0.0, 0.001, 0.01):
            task = asyncio.create_task(ask(one, 'echo: {"tokens": 1000, "token_s": 1}'))
            await asyncio.sleep(delay_s)
            task.cancel()
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])
            await asyncio.sleep(0.02)
            assert only(one).in_flight == 0


async def test_input_streams_in_while_events_come_out(tmp_path: Path) -> None:
    heard: asyncio.Queue[str] = asyncio.Queue()

    async def talk() -> AsyncIterator[Chunk]:
        for word in ("one", "two", "three"):
            yield Chunk(text=word)
            assert await heard.get() == word
        yield Chunk(data=b"\1\2")

    async with pool(tmp_path) as one:
        live = Job("live", "live", "echo", DataBody())
        async with aclosing(one.call("echo", live, talk())) as events:
            seen = []
            async for event in events:
                seen.append(event)
                if isinstance(event, TextDelta):
                    heard.put_nowait(event.text)
        assert isinstance(seen[-1], Finished)
        assert isinstance(seen[-2], Data)


async def test_a_broken_input_stream_ends_the_call_with_its_own_error(tmp_path: Path) -> None:
    async def talk() -> AsyncIterator[Chunk]:
        yield Chunk(text="one")
        raise BadInput("the sound is damaged")

    async with pool(tmp_path) as one:
        with pytest.raises(BadInput, match="damaged"):  # noqa: PT012
            async with aclosing(one.call("echo", Job("live", "live", "echo", DataBody()), talk())) as events:
                async for _ in events:
                    pass
        assert only(one).in_flight == 0


async def test_idle_models_are_unloaded_and_come_back(tmp_path: Path) -> None:
    async with pool(tmp_path, idle_unload_s=0.2) as one:
        async with aclosing(one.call("echo", job('echo: {"tokens": 5, "token_s": 0.1}'))) as events:
            async for _ in events:
                assert only(one).state == "ready"
        await asyncio.sleep(0.4)
        assert (only(one).state, only(one).pid, one.loaded("echo")) == ("stopped", 0, None)
        assert await ask(one, "back") == "back"
        assert only(one).restarts == 0


async def test_the_memory_limit_makes_the_least_recently_used_leave(tmp_path: Path) -> None:
    gigabyte = 1_000_000_000
    cards = [card(name, memory_bytes=gigabyte) for name in ("a", "b", "c")] + [card("huge", memory_bytes=3 * gigabyte)]
    async with pool(tmp_path, cards, memory_limit_bytes=2 * gigabyte + 1) as one:
        for name in ("a", "b", "a", "c"):
            await ask(one, "x", name)
        assert {status.group: status.state for status in one.status()} == {"a": "ready", "b": "stopped", "c": "ready"}
        with pytest.raises(EngineFailed, match="the limit is"):
            await ask(one, "x", "huge")
        async with (
            aclosing(one.call("a", job('echo: {"tokens": 9, "token_s": 1}'))) as at_work,
            aclosing(one.call("c", job('echo: {"tokens": 9, "token_s": 1}'))) as too,
        ):
            waiting = [asyncio.ensure_future(events.__anext__()) for events in (at_work, too)]
            await asyncio.sleep(0.02)
            with pytest.raises(Overloaded):
                await ask(one, "x", "b")
            for future in waiting:
                future.cancel()
            await asyncio.wait(waiting)
        assert await ask(one, "x", "b") == "x"


async def test_a_conversation_returns_to_the_worker_that_knows_it(tmp_path: Path) -> None:
    async with pool(tmp_path, [card(workers=2)]) as one:
        await one.ensure("echo")
        await asyncio.sleep(0.3)
        assert one.slots("echo") == 8
        for _ in range(3):
            await ask(one, "the same words")
        served = sorted(status.steps.get("decode", 0) for status in one.status())
        assert served == [0, 9]
