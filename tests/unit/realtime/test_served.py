"""Work done ahead: it waits at its end until it is known to be wanted, and gives way to others."""

import asyncio
from collections.abc import AsyncGenerator

import pytest

from omniwatt.contract.error import EngineFailed
from omniwatt.contract.event import Data, Event, Finished, Progress, TextDelta, Usage
from omniwatt.contract.guess import Guess
from omniwatt.realtime.served import Served, counted


async def answer(log: list[str], words: int = 3, fault: Exception | None = None) -> AsyncGenerator[Event]:
    try:
        for place in range(words):
            yield TextDelta(f"w{place}")
        if fault is not None:
            raise fault
        yield Finished(Usage())
        log.append("ended")
    finally:
        log.append("closed")


async def test_without_a_guess_it_simply_runs() -> None:
    log: list[str] = []
    served = Served(answer(log))
    assert len([event async for event in served]) == 4
    assert log == ["ended", "closed"]


async def test_a_guess_ends_only_when_it_is_wanted() -> None:
    log: list[str] = []
    guess = Guess()
    served = Served(answer(log), guess)
    await asyncio.sleep(0.01)
    assert log == []
    served.confirm()
    assert len([event async for event in served]) == 4
    assert log == ["ended", "closed"]
    assert guess.confirmed


async def test_a_guess_nobody_wants_is_broken_off() -> None:
    log: list[str] = []
    guess = Guess()
    served = Served(answer(log), guess)
    await asyncio.sleep(0.01)
    await served.close()
    assert log == ["closed"]
    assert not guess.confirmed


async def test_a_guess_gives_way_to_those_who_wait() -> None:
    log: list[str] = []
    served = Served(answer(log), Guess(), lambda: True)
    assert [event async for event in served] == []
    assert served.over
    assert log == ["closed"]


def test_what_is_spent_is_counted_as_it_comes_and_exact_at_the_end() -> None:
    spent = Usage()
    for event in (Progress(30, 60, "tokens"), Progress(2, 0, "s"), TextDelta("a", tokens=2), TextDelta("b")):
        spent = counted(spent, event)
    assert spent == Usage(prompt_tokens=30, completion_tokens=2)
    spent = counted(spent, Data(b"..", "audio/pcm", tokens=5))
    assert spent == Usage(prompt_tokens=30, completion_tokens=7, audio_output_tokens=5)
    exact = Usage(prompt_tokens=60, completion_tokens=9)
    assert counted(spent, Finished(exact)) == exact


async def test_nobody_runs_far_ahead() -> None:
    served = Served(answer([], words=1000), Guess())
    await asyncio.sleep(0.01)
    assert not served.over
    await served.close()


async def test_a_fault_is_raised_where_the_events_are_taken() -> None:
    served = Served(answer([], fault=EngineFailed("broken")), Guess())
    with pytest.raises(EngineFailed, match="broken"):
        async for _ in served:
            pass
    assert served.over
