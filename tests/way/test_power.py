"""Joules on the whole way: metered by CPU time, said with the answer and kept in the ledger, whatever the end."""

import asyncio
import math
import sys
import time
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from omniwatt import settings, wiring
from omniwatt.api.parts import Parts
from omniwatt.contract.error import BadInput
from omniwatt.contract.event import Finished, TextDelta
from omniwatt.contract.job import Caller
from omniwatt.contract.request import ChatBody, MediaPart, Message, Request, TextPart
from omniwatt.power import learnt, settling
from omniwatt.power.attribution import Learnt
from tests.faults.test_governor import until
from tests.way.test_sound import tone

CALLER = Caller("k", "tester", "p")
IDLE_W, CORE_W = 10.0, 10.0
HELLO_UNITS = 6.0
"""Tokens that echo reads and writes for `hello`."""
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
    watts = {"idle_w": IDLE_W, "max_w": IDLE_W + 2 * CORE_W}
    flags = {
        "storage": {"home": str(home)},
        "models": {"serve": "echo", "preload": False},
        "power": {"meter": "estimate", **watts, **power},
    }
    with pytest.MonkeyPatch.context() as patch:
        # However busy the machine that runs these: an answer waits for what it took.
        patch.setattr(settling, "SETTLE_S", 10.0)
        async with _built(flags) as parts:
            yield parts


@asynccontextmanager
async def _built(flags: dict[str, Any]) -> AsyncIterator[Parts]:
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


async def energy_of(parts: Parts, one: Request) -> dict[str, Any]:
    async with aclosing(parts.pipeline.serve(one, CALLER)) as events:
        (end,) = [event async for event in events if isinstance(event, Finished)]
    assert end.usage.energy is not None
    return end.usage.energy


async def test_the_first_short_answer_of_an_engine_is_charged_its_work_and_not_the_loading(tmp_path: Path) -> None:
    async with metered(tmp_path) as parts:
        energy = await energy_of(parts, request(1, "hello"))
        assert energy["duration_seconds"] < 0.5
        worked_s = (energy["energy_joules"] - energy["idle_joules"]) / CORE_W
        assert 0.0 < worked_s <= 2 * energy["duration_seconds"] + 0.01
        assert 0.0 < energy["idle_joules"] <= IDLE_W * energy["duration_seconds"] * 1.01


async def test_short_answers_are_charged_by_the_rates_and_the_books_balance(tmp_path: Path) -> None:
    """The governor is told of them in sums: it says no word of any."""
    rate_j = 0.002
    learnt.save(
        {"echo": Learnt({"prefill": rate_j, "decode": rate_j}, 9.0, 100.0, 10.0)}, tmp_path / "power_rates.json"
    )
    async with metered(tmp_path) as parts:
        ended: list[Any] = []
        parts.ledger._observers = (*parts.ledger._observers, Watching(ended))
        first = await energy_of(parts, request(1, "hello"))
        assert first["uncertainty_pct"] == 20.0
        begun_s = time.monotonic()
        short = [await energy_of(parts, request(number, "hello")) for number in range(2, 202)]
        took_s = time.monotonic() - begun_s
        await energy_of(parts, request(300, 'echo: {"tokens": 10, "token_s": 0.01}'))
        by_rates = [one for one in short if one["uncertainty_pct"] == pytest.approx(math.hypot(20.0, 10.0))]
        assert len(by_rates) > 150, "but for those that were held up"
        units = {round((one["energy_joules"] - one["idle_joules"]) / rate_j, 6) for one in by_rates}
        assert units == {HELLO_UNITS}
        assert sum(one["idle_joules"] for one in short) <= IDLE_W * took_s
        charged_j = sum(record.energy_j for record in ended)
        await until(lambda: books(parts, charged_j) == pytest.approx(0.0, abs=1e-6))


def books(parts: Parts, charged_j: float) -> float:
    """What is missing of the metered joules, once the governor has heard of all that was charged."""
    status = parts.power.status()
    return float(status["metered_j"] - status["unattributed_j"] - charged_j)


async def test_a_refused_request_is_charged_for_the_look_at_its_sound(tmp_path: Path) -> None:
    sound = MediaPart("audio", data=tone(2.0), name="a.wav")
    asked = Request("req-1", "chat", "echo", ChatBody((Message("user", (sound,)),)), deadline_s=-1.0)
    ended: list[Any] = []
    async with metered(tmp_path) as parts:
        parts.ledger._observers = (*parts.ledger._observers, Watching(ended))
        with pytest.raises(BadInput, match="deadline"):
            await exhausted(parts, asked)
        with pytest.raises(BadInput, match="deadline"):
            await exhausted(parts, replace(request(2, "hello"), deadline_s=-1.0))
    assert [record.energy_j is not None for record in ended] == [True, False]
    assert ended[0].energy_j > 0


BURN = "import time\nend = time.monotonic() + 30\nwhile time.monotonic() < end: pass"


async def test_under_a_meter_of_its_own_what_strangers_draw_is_no_answers(tmp_path: Path) -> None:
    """30 W all the time, 20 of them for work: nearly all of it a neighbour's."""
    recording = tmp_path / "watts.csv"
    recording.write_text("time_s,watts\n0,30\n1000,30\n")
    asked = request(1, 'echo: {"tokens": 20, "token_s": 0.02}')
    neighbour = await asyncio.create_subprocess_exec(sys.executable, "-c", BURN)
    try:
        async with metered(tmp_path, meter="replay", recording=str(recording), max_w=40.0) as parts:
            await asyncio.sleep(0.5)
            energy = await energy_of(parts, asked)
    finally:
        neighbour.kill()
        await neighbour.wait()
    assert (energy["method"], energy["source"]) == ("measured", "replay")
    seconds = energy["duration_seconds"]
    assert energy["idle_joules"] == pytest.approx(IDLE_W * seconds, rel=0.1)
    assert 0.0 < energy["energy_joules"] - energy["idle_joules"] < 0.25 * 20.0 * seconds
