"""Chats of one model under a tight budget: whatever becomes of the governor while one is held, all are answered."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest
import pytest_asyncio

from omniwatt import settings
from omniwatt.catalog.catalog import Catalog
from omniwatt.contract.event import TextDelta
from omniwatt.contract.job import Job
from omniwatt.contract.request import ChatBody, Message, Sampling, TextPart
from omniwatt.engines.chat.precedence import HELD_S, SIP_TOKENS
from omniwatt.power.control import Power
from omniwatt.workers.local import Timing
from omniwatt.workers.pool import Pool
from tests.faults.test_governor import metered, until

pytestmark = [pytest.mark.model, pytest.mark.asyncio(loop_scope="module")]

MODEL = "smollm2-135m-instruct"
TOKENS = {"flex": 200, "priority": 40}
TIMING = Timing(beat_s=0.1, hang_s=1.0, backoff_s=0.2, backoff_limit_s=1.0, healthy_s=60.0)
Node = tuple[Power, Pool]


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def node(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Node]:
    """The model, loaded, and a governor with its own lock."""
    folder: Path = tmp_path_factory.mktemp("node")
    catalog = Catalog.open(settings.load(None, {}))
    async with (
        Power(metered(quota=False), folder, cores=2, lock=f"omniwatt-test-{os.getpid()}") as power,
        Pool(catalog.card, catalog.spec, folder / "run", settings.Models(), 2, TIMING, power) as pool,
    ):
        await pool.ensure(MODEL)
        yield power, pool


class Asked:
    """A chat that is being answered."""

    def __init__(self, node: Node, tier: str) -> None:
        self.power, self.pool = node
        self.tier = tier
        self.text = ""
        self.tokens = 0
        self.task = asyncio.create_task(self._answer())

    async def _answer(self) -> str:
        body = ChatBody(
            (Message("user", (TextPart(f"Tell me a long story, for {self.tier}."),)),),
            Sampling(max_tokens=TOKENS[self.tier], temperature=0.0),
        )
        job = Job(f"{self.tier}-{id(self)}", "chat", MODEL, body, "tests", tier=self.tier)
        self.power.begin(job.id, self.tier)
        try:
            async with aclosing(self.pool.call(MODEL, job)) as events:
                async for event in events:
                    if isinstance(event, TextDelta):
                        self.text += event.text
                        self.tokens += event.tokens
        finally:
            await self.power.settle(job.id)
        return self.text


@pytest.mark.parametrize("fault", ["none", "killed"])
async def test_what_is_held_is_answered_whatever_becomes_of_the_governor(node: Node, fault: str) -> None:
    power, pool = node
    power.set_budget("20W")
    await until(lambda: power.status()["state"] not in ("unmetered", "unlimited", "ungoverned"))
    low = Asked(node, "flex")
    await until(lambda: low.tokens > 3)
    high = Asked(node, "priority")
    await until(lambda: high.tokens > 3)
    held_at, governor = low.tokens, power.pid
    if fault != "none":
        os.kill(governor, signal.SIGKILL)
    begun_s = time.monotonic()
    await high.task
    sips = 1 + (time.monotonic() - begun_s) // HELD_S
    assert low.tokens <= held_at + (SIP_TOKENS + 2) * sips
    assert not low.task.done()
    await low.task
    assert high.text
    assert low.text
    assert pool.status()[0].restarts == 0
    power.set_budget("none")
    if fault != "none":
        await until(lambda: power.pid not in (0, governor))
