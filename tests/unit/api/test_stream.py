"""Streams: clients that leave, readers that stall, silence."""

import asyncio

import pytest

from omniwatt.api import stream
from omniwatt.api.exchange import ClientWatch
from omniwatt.api.stream import Pinger, duration, rate_limit_headers, sse
from omniwatt.contract.error import Cancelled
from omniwatt.contract.event import ChoiceEnd, Finished, Progress, TextDelta
from tests.unit.api.asgi import STARTED, USAGE


async def endless(request):
    yield STARTED
    while True:
        yield TextDelta("x", tokens=1)
        await asyncio.sleep(0)


async def stuck(request):
    yield STARTED
    await asyncio.Event().wait()


@pytest.mark.parametrize("leave_after", range(1, 6))
async def test_a_client_that_leaves_ends_its_stream_once(client, pipeline, leave_after):
    pipeline.script = endless
    async with asyncio.timeout(2):
        answer = await client.chat_leaving(leave_after, stream=True)
    assert len(answer.sent) >= leave_after
    assert not answer.complete
    assert len(pipeline.ends) == 1
    assert pipeline.ends[0] in ("closed", "cancelled")


@pytest.mark.parametrize("streamed", [True, False])
async def test_a_client_that_leaves_before_the_first_token(client, pipeline, streamed):
    pipeline.script = stuck
    async with asyncio.timeout(2):
        answer = await client.chat_leaving(0, stream=streamed)
    assert answer.status == 0
    assert pipeline.ends == ["cancelled"]


async def test_cancelled_from_outside_it_stays_cancelled(client, pipeline):
    async def script(request):
        yield STARTED
        begun.set()
        await asyncio.Event().wait()

    begun = asyncio.Event()
    pipeline.script = script
    task = asyncio.create_task(client.chat(stream=True))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert pipeline.ends == ["cancelled"]


async def test_nothing_is_left_running(client, pipeline):
    before = asyncio.all_tasks()
    await client.chat()
    await client.chat(stream=True)
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == before


async def test_the_generator_is_exhausted_before_the_last_bytes(client, pipeline):
    async def script(request):
        yield STARTED
        yield TextDelta("x")
        yield Finished(usage=USAGE)
        await asyncio.sleep(0.01)
        order.append("ended")

    order = []
    pipeline.script = script
    answer = await client.chat(stream=True)
    assert order == ["ended"]
    assert answer.body.endswith(b"data: [DONE]\n\n")


async def test_progress_is_not_shown(client, pipeline):
    pipeline.events = (
        STARTED,
        Progress(1, 2),
        TextDelta("a"),
        Progress(2, 2),
        ChoiceEnd("stop"),
        Finished(usage=USAGE),
    )
    answer = await client.chat(stream=True)
    assert [chunk["choices"][0]["delta"].get("content") for chunk in answer.data()] == ["", "a", ""]


async def test_a_silent_stream_gets_comments(client, pipeline, monkeypatch):
    async def script(request):
        yield STARTED
        yield TextDelta("a")
        await asyncio.sleep(0.05)
        yield Finished(usage=USAGE)

    monkeypatch.setattr(stream, "PING_S", 0.01)
    pipeline.script = script
    answer = await client.chat(stream=True)
    assert 2 <= answer.sent.count(b": ping\n\n") <= 6
    assert answer.body.endswith(b"data: [DONE]\n\n")


async def test_a_reader_that_stalls_is_given_up(monkeypatch):
    async def send(message):
        await asyncio.Event().wait()

    monkeypatch.setattr(stream, "PING_S", 0.002)
    given_up = asyncio.Event()
    with Pinger(send, given_up.set):
        async with asyncio.timeout(1):
            await given_up.wait()


async def test_a_busy_stream_gets_no_comments(monkeypatch):
    sent = []

    async def send(message):
        sent.append(message)

    monkeypatch.setattr(stream, "PING_S", 0.02)
    with Pinger(send, lambda: None) as pinger:
        for _ in range(20):
            pinger.quiet = False
            await asyncio.sleep(0.005)
    assert sent == []


async def test_the_watch_tells_its_own_cancel_from_others():
    gone = asyncio.Event()

    async def receive():
        await gone.wait()
        return {"type": "http.disconnect"}

    async def wait():
        async with ClientWatch(receive):
            gone.set()
            await asyncio.sleep(1)

    with pytest.raises(Cancelled):
        await wait()
    assert asyncio.current_task().cancelling() == 0

    with pytest.raises(ValueError, match="own"):
        async with ClientWatch(receive):
            raise ValueError("own")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0ms"), (0.0201, "20ms"), (1, "1s"), (1.5, "1.5s"), (59.9994, "59.999s"), (360, "6m0s"), (3723, "1h2m3s")],
)
def test_durations(seconds, words):
    assert duration(seconds) == words


def test_only_known_limits_become_headers():
    assert rate_limit_headers({}) == []
    assert rate_limit_headers({"limit_tokens": 5, "remaining_tokens": None}) == [(b"x-ratelimit-limit-tokens", b"5")]


def test_events_on_the_wire():
    assert sse({"a": "\n"}) == b'data: {"a":"\\n"}\n\n'
    assert sse({"a": 1}, "b") == b'event: b\ndata: {"a":1}\n\n'
