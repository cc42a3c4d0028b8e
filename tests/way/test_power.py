"""Joules on the whole way: metered by CPU time, said with the answer and kept in the ledger, whatever the end."""

from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from omniwatt import settings, wiring
from omniwatt.api.parts import Parts
from omniwatt.contract.error import BadInput
from omniwatt.contract.event import Finished, TextDelta
from omniwatt.contract.job import Caller
from omniwatt.contract.request import ChatBody, Message, Request, TextPart
from tests.faults.test_governor import until

CALLER = Caller("k", "tester", "p")
FIELDS = {
    "energy_joules",
    "idle_joules",
    "energy_kwh",
    "avg_power_watts",
    "duration_seconds",
    "method",
    "source",
    "scope",
    "attribution",
    "idle_included",
    "uncertainty_pct",
}


@asynccontextmanager
async def metered(home: Path, **power: Any) -> AsyncIterator[Parts]:
    flags = {
        "storage": {"home": str(home)},
        "models": {"serve": "echo", "preload": False},
        "power": {"meter": "estimate", "idle_w": 10.0, "max_w": 30.0, **power},
    }
    async with wiring.build(settings.load(None, flags, {})) as parts:
        if parts.power.enabled:
            await until(lambda: parts.power.status()["watts"] is not None)
        await parts.pool.ensure("echo")
        yield parts


def request(number: int, text: str) -> Request:
    return Request(f"req-{number}", "chat", "echo", ChatBody((Message("user", (TextPart(text),)),)))


async def test_an_answer_says_what_it_took(tmp_path: Path) -> None:
    async with metered(tmp_path) as parts:
        text = 'echo: {"tokens": 20, "token_s": 0.01}'
        async with aclosing(parts.pipeline.serve(request(1, text), CALLER)) as events:
            (end,) = [event async for event in events if isinstance(event, Finished)]
    energy = end.usage.energy
    assert energy is not None
    assert set(energy) == FIELDS
    assert energy["method"] == "estimated"
    assert energy["source"] == "cpu-time"
    assert 0.15 < energy["duration_seconds"] < 5.0
    watts = energy["energy_joules"] / energy["duration_seconds"]
    assert energy["avg_power_watts"] == pytest.approx(watts)
    assert 5.0 < watts < 35.0


async def test_a_cancelled_and_a_failed_answer_are_charged_in_the_ledger(tmp_path: Path) -> None:
    ended: list[Any] = []
    async with metered(tmp_path) as parts:
        parts.ledger._observers = (*parts.ledger._observers, Watching(ended))
        async with aclosing(parts.pipeline.serve(request(1, 'echo: {"tokens": 99, "token_s": 0.02}'), CALLER)) as one:
            async for event in one:
                if isinstance(event, TextDelta) and "w9" in event.text:
                    break
        with pytest.raises(Exception, match="fail"):
            await exhausted(parts, request(2, 'echo: {"tokens": 9, "token_s": 0.02, "fail_at": 5}'))
        status = parts.power.status()
    assert [record.state for record in ended] == ["cancelled", "failed"]
    assert all(record.energy_j > 0 and record.method == "estimated" for record in ended)
    assert sum(record.energy_j for record in ended) <= status["metered_j"] * 1.01 + 5


async def exhausted(parts: Parts, one: Request) -> None:
    async with aclosing(parts.pipeline.serve(one, CALLER)) as events:
        async for _ in events:
            pass


class Watching:
    """An observer that keeps the records."""

    def __init__(self, ended: list[Any]) -> None:
        self._ended = ended

    def opened(self) -> None:
        """Nothing to keep."""

    def ended(self, record: Any) -> None:
        self._ended.append(record)


async def test_without_a_meter_nothing_is_said_and_nothing_is_started(tmp_path: Path) -> None:
    flags = {
        "storage": {"home": str(tmp_path)},
        "models": {"serve": "echo", "preload": False},
        "power": {"meter": "none"},
    }
    async with wiring.build(settings.load(None, flags, {})) as parts:
        async with aclosing(parts.pipeline.serve(request(1, "hello"), CALLER)) as events:
            (end,) = [event async for event in events if isinstance(event, Finished)]
        assert end.usage.energy is None
        assert parts.power.pid == 0
        assert parts.power.status()["state"] == "unmetered"


async def test_a_budget_set_live_stays_over_restarts(tmp_path: Path) -> None:
    async with metered(tmp_path, budget="60%") as parts:
        assert parts.power.status()["budget_w"] == 18.0
        parts.power.set_budget("80%")
        await until(lambda: parts.power.status()["budget_w"] == 24.0)
        for wrong in ("-1W", "lots", "nan", "inf"):
            with pytest.raises(BadInput):
                parts.power.set_budget(wrong)
    async with metered(tmp_path, budget="60%") as parts:
        assert parts.power.status()["budget_w"] == 24.0
        parts.power.set_budget("none")
        assert parts.power.status()["budget_w"] is None
        parts.power.set_budget("default")
        assert parts.power.status()["budget_w"] == 18.0
