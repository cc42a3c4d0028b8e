"""What every engine promises, whatever it does: run in this process and in a host of its own."""

import asyncio
import time
from contextlib import aclosing

import pytest

from omniwatt.contract.error import ContextTooLong, OmniwattError
from omniwatt.contract.event import ChoiceEnd, Event, Finished, TextDelta, ToolCallDelta
from omniwatt.contract.request import ChatBody, CompleteBody
from tests.contract.engine_bench import Bench


def check_end(events: list[Event]) -> Finished:
    ends = [event for event in events if isinstance(event, Finished)]
    assert len(ends) == 1
    assert events[-1] is ends[0]
    assert ends[0].usage.prompt_tokens >= 0
    assert ends[0].usage.completion_tokens >= 0
    return ends[0]


async def test_every_job_has_exactly_one_end_and_reports_its_work(bench: Bench) -> None:
    for task in bench.subject.good:
        events = await bench.events(task)
        end = check_end(events)
        steps = end.details.get("steps", {})
        assert bool(steps) is task.counted, task.name
        assert all(units >= 0 for units in steps.values())


async def test_every_choice_ends_once_and_its_tokens_are_billed(bench: Bench) -> None:
    for task in bench.subject.good:
        if not isinstance(task.body, ChatBody | CompleteBody):
            continue
        events = await bench.events(task)
        end = check_end(events)
        pieces = [event for event in events if isinstance(event, TextDelta | ToolCallDelta)]
        ended = [event.index for event in events if isinstance(event, ChoiceEnd)]
        prompts = len(task.body.prompts) if isinstance(task.body, CompleteBody) else 1
        assert sorted(ended) == list(range(prompts * task.body.sampling.n))
        assert {piece.index for piece in pieces} <= set(ended)
        assert end.usage.completion_tokens >= sum(piece.tokens for piece in pieces)


async def test_bad_jobs_are_refused_and_do_no_harm(bench: Bench) -> None:
    for task in bench.subject.refused:
        with pytest.raises(OmniwattError):
            await bench.events(task)
    check_end(await bench.events(bench.subject.good[0]))


async def test_a_prompt_over_the_window_is_refused_before_any_event(bench: Bench) -> None:
    if bench.subject.too_long is None:
        assert bench.loaded.context_window == 0
        return
    async with aclosing(bench.run(bench.subject.too_long)) as events:
        with pytest.raises(ContextTooLong) as caught:
            await events.__anext__()
    assert caught.value.details["window"] == bench.loaded.context_window


async def test_as_many_jobs_as_slots_run_at_once(bench: Bench) -> None:
    tasks = [bench.subject.good[place % len(bench.subject.good)] for place in range(bench.loaded.slots)]
    for events in await asyncio.gather(*(bench.events(task) for task in tasks)):
        check_end(events)


@pytest.mark.parametrize("after", [0, 1, 5])
async def test_leaving_frees_the_slot_at_once(bench: Bench, after: int) -> None:
    long = bench.subject.long
    if long is None:
        assert not any(isinstance(task.body, ChatBody) for task in bench.subject.good)
        return

    async def leave() -> float:
        async with aclosing(bench.run(long)) as events:
            for _ in range(after):
                await events.__anext__()
            if not after:
                waiting = asyncio.ensure_future(events.__anext__())
                await asyncio.sleep(0.005)
                waiting.cancel()
                await asyncio.wait([waiting])
            start_s = time.monotonic()
        return time.monotonic() - start_s

    took_s = await asyncio.gather(*(leave() for _ in range(bench.loaded.slots)))
    assert max(took_s) < 0.2
    check_end(await bench.events(bench.subject.good[0]))
