"""Engines that keep at work nobody waits for: they are ended, the next request is served, nobody else's work is."""

import asyncio
from contextlib import aclosing
from pathlib import Path

import pytest

from omniwatt.contract.error import EngineDied
from tests.unit.workers.pools import IMPATIENT, ask, job, only, pool


@pytest.mark.parametrize("how", ["spin_at", "cling_at"])
async def test_an_engine_that_keeps_what_was_cancelled_is_ended(tmp_path: Path, how: str) -> None:
    async with pool(tmp_path) as one:
        async with aclosing(one.call("echo", job(f'echo: {{"tokens": 9, "token_s": 0.01, "{how}": 2}}'))) as events:
            await events.__anext__()
            first = only(one).pid
            await asyncio.sleep(2 * IMPATIENT.hang_s)
            # Somebody waits: it may be a long computation.
            assert (only(one).pid, only(one).restarts) == (first, 0)
        async with asyncio.timeout(10):
            while only(one).restarts == 0:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        assert await ask(one, "next") == "next"
        assert only(one).pid != first


async def test_while_others_are_served_what_was_cancelled_may_take_its_time(tmp_path: Path) -> None:
    async with pool(tmp_path) as one:
        beside = asyncio.create_task(ask(one, f'echo: {{"tokens": 100, "token_s": {IMPATIENT.hang_s / 25}}}'))
        async with aclosing(one.call("echo", job('echo: {"tokens": 9, "token_s": 0.01, "cling_at": 2}'))) as events:
            await events.__anext__()
        assert len((await beside).split()) == 100
        assert only(one).restarts == 0


async def test_those_who_waited_behind_a_stuck_call_are_told(tmp_path: Path) -> None:
    async with pool(tmp_path) as one:
        async with aclosing(one.call("echo", job('echo: {"tokens": 9, "token_s": 0.01, "spin_at": 2}'))) as events:
            await events.__anext__()
            await asyncio.sleep(0.1)
            beside = asyncio.create_task(ask(one, "beside"))
            await asyncio.sleep(0.02)
        with pytest.raises(EngineDied):
            await beside
        assert await ask(one, "next") == "next"
