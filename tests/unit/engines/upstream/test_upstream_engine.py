"""The relay against a real server on a loopback port, which behaves in every way servers do."""

import asyncio
import json
import logging
import time
from collections import Counter
from typing import Any

import pytest

from omniwatt.contract.error import (
    BadInput,
    Cancelled,
    ContextTooLong,
    ModelNotFound,
    OmniwattError,
    Overloaded,
    TooLarge,
    UnsupportedField,
    UpstreamFailed,
    UpstreamTimeout,
)
from omniwatt.contract.event import ChoiceEnd, Event, Fact, Finished, TextDelta, Usage, Vector
from omniwatt.contract.request import (
    ChatBody,
    CompleteBody,
    CountBody,
    DataBody,
    EmbedBody,
    MediaPart,
    Message,
    Sampling,
    TextPart,
)

CHAT = ChatBody((Message("user", (TextPart("hi there"),)),))
KEY = "sk-secret-key-123"


def said(events: list[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


async def failure(work: Any) -> OmniwattError:
    with pytest.raises(OmniwattError) as caught:
        await work
    return caught.value


async def test_a_chat_as_it_should_be(provider, relay, wire, ctx) -> None:
    server = await provider(wire.hello())
    upstream = await relay({"url": server.url, "api_key": KEY, "models": {"m*": "sent-*"}})
    events = await upstream.do(CHAT, ctx, model="m1", recorded={"user": "u"})
    assert events == [
        TextDelta("Hel", 0, 1),
        TextDelta("lo", 0, 1),
        ChoiceEnd("stop"),
        Finished(Usage(7, 2), "real-1", {"channel": "c0"}),
    ]
    asked = server.asked[0]
    assert (asked.path, asked.headers["authorization"]) == ("/v1/chat/completions", f"Bearer {KEY}")
    assert asked.body == {
        "model": "sent-1",
        "messages": [{"role": "user", "content": "hi there"}],
        "stream": True,
        "stream_options": {"include_usage": True},
        "user": "u",
    }
    assert ctx.steps == [("relay", 1)]


async def test_no_key_no_header(provider, relay, wire) -> None:
    server = await provider(wire.hello())
    await (await relay(server)).do(CHAT)
    assert "authorization" not in server.asked[0].headers


@pytest.mark.parametrize(
    ("status", "kind"), [(400, BadInput), (404, ModelNotFound), (413, TooLarge), (422, BadInput)], ids=str
)
async def test_the_callers_own_errors_come_back_at_once_without_key_or_address(
    provider, relay, wire, status: int, kind: type[OmniwattError]
) -> None:
    server = await provider(wire.error(status, f"wrong: {KEY} at 127.0.0.1", param="n", code="bad"))
    other = await provider(wire.hello())
    upstream = await relay({"url": server.url, "api_key": KEY, "retries": 3}, {"url": other.url, "weight": 0})
    error = await failure(upstream.do(CHAT))
    assert type(error) is kind
    assert (error.message, error.param, error.code) == ("wrong: [key] at [provider]", "n", "bad")
    assert (len(server.asked), len(other.asked)) == (1, 0)


async def test_a_context_too_long_is_told_as_such(provider, relay, wire) -> None:
    server = await provider(wire.error(400, "too long", code="context_length_exceeded"))
    assert type(await failure((await relay(server)).do(CHAT))) is ContextTooLong


@pytest.mark.parametrize("status", [401, 403])
async def test_a_refused_key_is_the_operators_fault(provider, relay, wire, caplog, status: int) -> None:
    server = await provider(wire.error(status, f"Incorrect API key {KEY}", code="invalid_api_key"))
    upstream = await relay({"url": server.url, "api_key": KEY, "retries": 3})
    with caplog.at_level(logging.DEBUG):
        error = await failure(upstream.do(CHAT))
    assert type(error) is UpstreamFailed
    assert len(server.asked) == 1
    assert f"status {status}, code invalid_api_key" in caplog.text
    assert KEY not in caplog.text + error.message
    assert "hi there" not in caplog.text


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 504])
async def test_transient_errors_are_tried_again(provider, relay, wire, ctx, status: int) -> None:
    server = await provider(wire.error(status, headers="retry-after-ms: 5\r\n"), wire.hello())
    upstream = await relay({"url": server.url, "retries": 1})
    assert said(await upstream.do(CHAT, ctx)) == "Hello"
    assert len(ctx.steps) == 2


@pytest.mark.parametrize(
    ("status", "kind"),
    [(408, UpstreamTimeout), (429, Overloaded), (500, UpstreamFailed), (504, UpstreamTimeout)],
    ids=str,
)
async def test_transient_errors_that_stay(provider, relay, wire, status: int, kind: type[OmniwattError]) -> None:
    server = await provider(wire.error(status, headers="retry-after-ms: 5\r\n"))
    error = await failure((await relay({"url": server.url, "retries": 1})).do(CHAT))
    assert type(error) is kind
    assert len(server.asked) == 2


async def test_a_long_retry_after_is_left_to_the_caller(provider, relay, wire) -> None:
    server = await provider(wire.error(429, headers="retry-after: 33\r\n"))
    upstream = await relay({"url": server.url, "retries": 3})
    first = await failure(upstream.do(CHAT))
    assert (type(first), first.retry_after_s, len(server.asked)) == (Overloaded, 33.0, 1)
    again = await failure(upstream.do(CHAT))
    assert (type(again), len(server.asked)) == (Overloaded, 1)
    assert 30 < (again.retry_after_s or 0) <= 33


async def test_retry_after_is_waited_for(provider, relay, wire) -> None:
    server = await provider(wire.error(503, headers="retry-after: 0.2\r\n"), wire.hello())
    start = time.monotonic()
    await (await relay({"url": server.url, "retries": 1})).do(CHAT)
    assert time.monotonic() - start >= 0.2


async def test_a_spent_quota_is_not_tried_again_here_but_elsewhere(provider, relay, wire) -> None:
    spent = await provider(wire.error(429, code="insufficient_quota"))
    other = await provider(wire.hello())
    upstream = await relay({"url": spent.url, "retries": 3}, {"url": other.url, "weight": 0})
    assert said(await upstream.do(CHAT)) == "Hello"
    assert len(spent.asked) == 1


GARBAGE: dict[str, Any] = {
    "reset": [b""],
    "not http": [b"SSH-2.0-x\r\n\r\n", b""],
    "html 200": "<html>",
    "redirect": [b"HTTP/1.1 302 X\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n"],
    "empty 200": [b"HTTP/1.1 200 X\r\ncontent-type: text/event-stream\r\ncontent-length: 0\r\n\r\n"],
    "empty json": [b"HTTP/1.1 200 X\r\ncontent-type: application/json\r\ncontent-length: 0\r\n\r\n"],
    "cut head": [b"HTTP/1.1 200 X\r\ncontent-", b""],
    "bad gzip": [
        b"HTTP/1.1 200 X\r\ncontent-type: text/event-stream\r\ncontent-encoding: gzip\r\ncontent-length: 3\r\n\r\nabc"
    ],
    "401 html": [b"HTTP/1.1 401 X\r\ncontent-length: 4\r\n\r\n<ht>"],
    "endless error": [b"HTTP/1.1 400 X\r\ncontent-length: 999999\r\n\r\n" + b"x" * 999_999],
}


@pytest.mark.parametrize("name", GARBAGE)
async def test_garbage_before_the_first_event_goes_elsewhere(provider, relay, wire, name: str) -> None:
    answer = wire.whole(b"<html>", kind="text/html") if name == "html 200" else GARBAGE[name]
    bad, good = await provider(answer), await provider(wire.hello())
    upstream = await relay({"url": bad.url}, {"url": good.url, "weight": 0})
    assert said(await upstream.do(CHAT)) == "Hello"
    alone = await relay(bad)
    assert type(await failure(alone.do(CHAT))) is UpstreamFailed


async def test_nobody_listens(relay, provider, wire) -> None:
    good = await provider(wire.hello())
    upstream = await relay({"url": "http://127.0.0.1:9/v1"}, {"url": good.url, "weight": 0})
    assert said(await upstream.do(CHAT)) == "Hello"


async def test_a_failing_channel_cools_and_comes_back(provider, relay, wire, monkeypatch) -> None:
    server = await provider(*[wire.error(500)] * 3, wire.hello())
    upstream = await relay(server)
    for _ in range(3):
        await failure(upstream.do(CHAT))
    cooling = await failure(upstream.do(CHAT))
    assert (type(cooling), len(server.asked)) == (UpstreamFailed, 3)
    assert 1 <= (cooling.retry_after_s or 0) <= 2
    later = asyncio.get_running_loop().time() + 5
    monkeypatch.setattr("omniwatt.engines.upstream.relay.Relay._now_s", staticmethod(lambda: later))
    assert said(await upstream.do(CHAT)) == "Hello"
    assert said(await upstream.do(CHAT)) == "Hello"


async def test_only_failures_in_a_row_count(provider, relay, wire) -> None:
    server = await provider(*[wire.error(500), wire.error(500), wire.hello()] * 3, wire.error(500))
    upstream = await relay(server)
    for _ in range(3):
        await failure(upstream.do(CHAT))
        await failure(upstream.do(CHAT))
        assert said(await upstream.do(CHAT)) == "Hello"


async def test_weights_over_real_calls(provider, relay, wire) -> None:
    import random

    heavy, light = await provider(wire.hello()), await provider(wire.hello())
    upstream = await relay({"url": heavy.url, "weight": 4}, {"url": light.url, "weight": 1}, rng=random.Random(3))
    counts = Counter([(await upstream.do(CHAT))[-1].details["channel"] for _ in range(100)])
    assert 70 <= counts["c0"] <= 90
    assert (counts["c0"], counts["c1"]) == (len(heavy.asked), len(light.asked))


async def test_only_channels_that_serve_the_model(provider, relay, wire) -> None:
    one, two = await provider(wire.hello()), await provider(wire.hello())
    upstream = await relay({"url": one.url, "models": {"a": ""}}, {"url": two.url, "models": {"b*": ""}})
    await upstream.do(CHAT, model="b9")
    assert (len(one.asked), len(two.asked)) == (0, 1)
    assert type(await failure(upstream.do(CHAT, model="c"))) is ModelNotFound


async def test_a_field_the_provider_refuses_is_left_out_once_and_for_all(provider, relay, wire) -> None:
    server = await provider(
        wire.error(400, param="max_tokens", code="unsupported_parameter"),
        wire.error(400, param="metadata"),
        wire.hello(),
    )
    upstream = await relay(server)
    body = ChatBody(CHAT.messages, sampling=Sampling(max_tokens=5))
    assert said(await upstream.do(body, recorded={"metadata": {"a": "b"}})) == "Hello"
    assert said(await upstream.do(body, recorded={"metadata": {"a": "b"}})) == "Hello"
    assert len(server.asked) == 4
    assert server.asked[3].body["max_completion_tokens"] == 5
    assert not {"max_tokens", "metadata"} & set(server.asked[3].body)


async def test_a_connection_is_used_again(provider, relay, wire) -> None:
    server = await provider(wire.hello())
    upstream = await relay(server)
    for _ in range(5):
        await upstream.do(CHAT)
    pool = upstream.engine._relay._client._transport._pool
    assert len(pool.connections) == 1


# ---- in the stream


async def collect(upstream: Any, body: Any = CHAT) -> tuple[list[Event], OmniwattError | None]:
    events: list[Event] = []
    try:
        async for event in upstream.run(body, Quiet()):
            events.append(event)  # noqa: PERF401 - what came before the error counts
    except OmniwattError as error:
        return events, error
    return events, None


class Quiet:
    cancelled = False

    def on_cancel(self, callback: Any) -> None: ...

    async def astep(self, kind: str, units: float) -> None: ...


IN_STREAM = {
    "cut": (lambda w: w.stream(w.text("a"), done=False, cut=True), UpstreamFailed),
    "ended early": (lambda w: w.stream(w.text("a"), done=False), UpstreamFailed),
    "error": (
        lambda w: w.stream(w.text("a"), {"error": {"message": f"{KEY}", "type": "server_error"}}),
        UpstreamFailed,
    ),
    "their error": (
        lambda w: w.stream(w.text("a"), {"error": {"message": "bad", "type": "invalid_request_error"}}),
        BadInput,
    ),
    "limit": (lambda w: w.stream(w.text("a"), {"error": {"message": "slow", "code": 429}}), UpstreamFailed),
    "garbage": (lambda w: w.stream(w.text("a"), b"data: {garbage"), UpstreamFailed),
    "huge line": (lambda w: w.stream(w.text("a"), b"data: " + b"x" * (5 << 20)), UpstreamFailed),
    "not utf-8": (lambda w: w.stream(w.text("a"), b'data: {"choices":[{"delta":{"content":"\xff"}}]}'), UpstreamFailed),
}


@pytest.mark.parametrize("name", IN_STREAM)
async def test_faults_in_the_stream_end_it_and_are_never_tried_again(provider, relay, wire, name: str) -> None:
    make, kind = IN_STREAM[name]
    server = await provider(make(wire), wire.hello())
    spare = await provider(wire.hello())
    upstream = await relay({"url": server.url, "api_key": KEY, "retries": 3}, {"url": spare.url, "weight": 0})
    events, error = await collect(upstream)
    assert said(events) == "a"
    assert type(error) is kind
    assert KEY not in error.message
    assert (len(server.asked), len(spare.asked)) == (1, 0)


async def test_an_error_as_the_first_event_is_tried_again(provider, relay, wire) -> None:
    server = await provider(wire.stream({"error": {"message": "busy", "code": 503}}), wire.hello())
    upstream = await relay({"url": server.url, "retries": 1})
    assert said(await upstream.do(CHAT)) == "Hello"


@pytest.mark.parametrize("cut", [True, False])
async def test_channels_that_always_break_off_cool_too(provider, relay, wire, cut: bool) -> None:
    broken = await provider(wire.stream(wire.text("a"), done=False, cut=cut))
    upstream = await relay(broken)
    for _ in range(5):
        await collect(upstream)
    assert len(broken.asked) == 3


ODD_BUT_RIGHT = {
    "no done": lambda w: w.stream(w.text("你好"), w.end(), w.usage(), done=False),
    "no last blank line": lambda w: [
        w.head(), w.chunk(b"data: " + json.dumps(w.text("你好", finish_reason="stop")).encode()), b"0\r\n\r\n"
    ],
    "comments": lambda w: w.stream(b": ping", w.text("你好"), b": ping", w.end(), w.usage()),
    "the word error": lambda w: w.stream(w.text("你好", error=None), w.end(), w.usage()),
    "crlf": lambda w: [w.head(), *(w.chunk(b"data: " + json.dumps(e).encode() + b"\r\n\r\n")
                                   for e in (w.text("你好"), w.end())), b"0\r\n\r\n"],
    "cut between letters": lambda w: [w.head(), *(w.chunk(bytes([b])) for b in b'data: {"choices":[{"delta":{"content":'
                           b'"\xe4\xbd\xa0\xe5\xa5\xbd"}}]}\n\ndata: [DONE]\n\n'), b"0\r\n\r\n"],
    "not streamed": lambda w: w.whole({"model": "m", "choices": [{"message": {"content": "你好"},
                                                                  "finish_reason": "stop"}]}),
    "no finish reason": lambda w: w.stream(w.text("你好")),
}  # fmt: skip


@pytest.mark.parametrize("name", ODD_BUT_RIGHT)
async def test_odd_but_right_streams(provider, relay, wire, name: str) -> None:
    server = await provider(ODD_BUT_RIGHT[name](wire))
    events = await (await relay(server)).do(CHAT)
    assert said(events) == "你好"
    assert [type(event) for event in events[-2:]] == [ChoiceEnd, Finished]


async def test_usage_that_never_comes_is_estimated(provider, relay, wire, monkeypatch) -> None:
    monkeypatch.setattr("omniwatt.engines.upstream.engine.USAGE_WAIT_S", 0.05)
    stream = wire.stream(wire.text("a"), wire.end(), done=False)[:-1]
    server = await provider([*stream, wire.hang])
    events = await (await relay(server)).do(CHAT)
    assert events[-1] == Finished(Usage(2, 1), "real-1", {"channel": "c0", "usage": "estimated"})


# ---- time and leaving


@pytest.mark.parametrize("at", ["first byte", "between bytes"])
async def test_time_limits_of_a_channel(provider, relay, wire, at: str) -> None:
    begun = wire.stream(wire.text("a"), done=False)[:-1] if at == "between bytes" else []
    server = await provider([*begun, wire.hang])
    start = time.monotonic()
    events, error = await collect(await relay({"url": server.url, "timeout_s": 0.1}))
    assert type(error) is UpstreamTimeout
    assert "0.1 s" in error.message
    assert len(events) == bool(begun)
    assert time.monotonic() - start < 1


@pytest.mark.parametrize("how", ["silence", "pings"])
async def test_the_deadline_ends_everything_and_blames_nobody(provider, relay, wire, how: str) -> None:
    pings = [wire.head(), *[wire.chunk(b": ping\n\n"), 0.02] * 100]
    server = await provider(pings if how == "pings" else [wire.hang])
    upstream = await relay({"url": server.url, "retries": 9})
    start = time.monotonic()
    for _ in range(4):
        assert type(await failure(upstream.do(CHAT, deadline_s=0.05))) is UpstreamTimeout
    assert time.monotonic() - start < 1
    assert len(server.asked) == 4


async def test_no_pause_goes_beyond_the_deadline(provider, relay, wire) -> None:
    server = await provider(wire.error(503, headers="retry-after: 5\r\n"))
    error = await failure((await relay({"url": server.url, "retries": 9})).do(CHAT, deadline_s=1.0))
    assert (type(error), error.retry_after_s, len(server.asked)) == (UpstreamFailed, 5.0, 1)


async def test_a_connect_that_hangs(relay) -> None:
    writers: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(lambda _, writer: writers.append(writer), "127.0.0.1", 0)
    upstream = await relay(
        {"url": f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", "connect_timeout_s": 0.1}
    )
    assert type(await failure(upstream.do(CHAT))) is UpstreamTimeout
    server.close()
    for writer in writers:
        writer.transport.abort()


LEAVE = {
    "before the first byte": lambda w: [w.hang],
    "between bytes": lambda w: [*w.stream(w.text("a"), done=False)[:-1], w.hang],
}


@pytest.mark.parametrize(
    ("way", "at"),
    [
        ("context", "before the first byte"),
        ("task", "before the first byte"),
        ("context", "between bytes"),
        ("task", "between bytes"),
        ("aclose", "between bytes"),
    ],
)
async def test_leaving_closes_the_providers_connection_at_once(provider, relay, wire, ctx, way: str, at: str) -> None:
    server = await provider(LEAVE[at](wire))
    run = (await relay(server)).run(CHAT, ctx)
    if at == "between bytes":
        assert said([await anext(run)]) == "a"
    start = time.monotonic()
    if way == "aclose":
        await run.aclose()
    else:
        waiting = asyncio.create_task(anext(run))
        await asyncio.sleep(0.05)
        start = time.monotonic()
        _ = waiting.cancel() if way == "task" else await asyncio.to_thread(ctx.cancel)
        with pytest.raises(asyncio.CancelledError if way == "task" else Cancelled):
            await waiting
    await asyncio.wait_for(server.left.wait(), 1)
    assert server.asked[0].left_at_s is not None
    assert server.asked[0].left_at_s - start < 0.2
    await run.aclose()


async def test_a_cancel_while_waiting_to_try_again(provider, relay, wire, ctx) -> None:
    server = await provider(wire.error(503, headers="retry-after: 5\r\n"))
    work = asyncio.create_task((await relay({"url": server.url, "retries": 3})).do(CHAT, ctx))
    await asyncio.sleep(0.05)
    ctx.cancel()
    with pytest.raises(Cancelled):
        await asyncio.wait_for(work, 0.5)


async def test_a_probe_whose_caller_left_can_be_repeated(provider, relay, wire, ctx, monkeypatch) -> None:
    server = await provider(*[wire.error(500)] * 3, [wire.hang], wire.hello())
    upstream = await relay(server)
    for _ in range(3):
        await failure(upstream.do(CHAT))
    later = asyncio.get_running_loop().time() + 5
    monkeypatch.setattr("omniwatt.engines.upstream.relay.Relay._now_s", staticmethod(lambda: later))
    probe = asyncio.create_task(upstream.do(CHAT))
    await asyncio.sleep(0.05)
    assert type(await failure(upstream.do(CHAT))) is UpstreamFailed
    probe.cancel()
    with pytest.raises(asyncio.CancelledError):
        await probe
    assert said(await upstream.do(CHAT)) == "Hello"


# ---- the other capabilities


async def test_raw_completions(provider, relay, wire) -> None:
    chunks = [{"choices": [{"index": i, "text": t, "finish_reason": f}]} for i, t, f in
              ((1, "b", None), (0, "a", "stop"), (1, "", "length"))]  # fmt: skip
    server = await provider(wire.stream(*chunks, wire.usage()))
    events = await (await relay(server)).do(CompleteBody(("p", "q")))
    assert server.asked[0].path == "/v1/completions"
    assert events[:-1] == [TextDelta("b", 1, 1), TextDelta("a", 0, 1), ChoiceEnd("stop", 0), ChoiceEnd("length", 1)]


async def test_templated_completions_are_conversations(provider, relay, wire) -> None:
    server = await provider(wire.stream(wire.text("x"), wire.text("y", 1), wire.end(), wire.end(index=1), wire.usage()))
    body = CompleteBody(("p", "q"), raw=False, echo=True, sampling=Sampling(n=2))
    events = await (await relay(server)).do(body)
    texts: dict[int, str] = {}
    for event in events:
        if isinstance(event, TextDelta):
            texts[event.index] = texts.get(event.index, "") + event.text
    assert texts == {0: "px", 1: "py", 2: "qx", 3: "qy"}
    assert [asked.body["messages"][0]["content"] for asked in server.asked] == ["p", "q"]
    assert events[-1] == Finished(Usage(14, 4), "real-1", {"channel": "c0"})


async def test_best_of_is_asked_without_a_stream(provider, relay, wire) -> None:
    whole = {
        "model": "m",
        "choices": [{"index": 0, "text": "t", "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1},
    }
    server = await provider(wire.whole(whole))
    assert said(await (await relay(server)).do(CompleteBody(("p",), best_of=3))) == "t"
    assert "stream" not in server.asked[0].body


async def test_embeddings(provider, relay, wire) -> None:
    data = [{"index": 1, "embedding": [1.0]}, {"index": 0, "embedding": [0.5]}]
    server = await provider(wire.whole({"model": "e", "data": data, "usage": {"prompt_tokens": 4}}))
    events = await (await relay(server)).do(EmbedBody(("a", "b")))
    assert [event.index for event in events if isinstance(event, Vector)] == [0, 1]
    assert events[-1] == Finished(Usage(4), "e", {"channel": "c0"})


async def test_counting_with_vllm_and_with_llama_server(provider, relay, wire) -> None:
    vllm = await provider(wire.whole({"count": 12, "tokens": [1] * 12}))
    events = await (await relay(vllm)).do(CountBody(CHAT.messages))
    assert events == [Fact({"tokens": 12}), Finished(Usage(), "m", {"channel": "c0"})]
    assert vllm.asked[0].path == "/tokenize"
    llama = await provider(
        wire.whole({"tokens": []}), wire.whole({"prompt": "<|im|>hi"}), wire.whole({"tokens": [1, 2, 3]})
    )
    assert (await (await relay(llama)).do(CountBody(CHAT.messages)))[0] == Fact({"tokens": 3})
    assert [asked.path for asked in llama.asked] == ["/tokenize", "/apply-template", "/tokenize"]
    assert llama.asked[2].body["content"] == "<|im|>hi"


async def test_a_provider_that_cannot_count_says_so_and_is_none_the_worse(provider, relay, wire) -> None:
    server = await provider(*[wire.error(404, "Invalid URL (POST /tokenize)")] * 4, wire.hello())
    upstream = await relay(server)
    for _ in range(4):
        assert type(await failure(upstream.do(CountBody(CHAT.messages)))) is UnsupportedField
    assert said(await upstream.do(CHAT)) == "Hello"


async def test_what_a_relay_cannot_do(provider, relay, wire) -> None:
    server = await provider(wire.hello())
    assert type(await failure((await relay(server)).do(DataBody("draw")))) is UnsupportedField


async def test_media_from_the_blob_store(provider, relay, wire, tmp_path) -> None:
    name = "ab" * 32
    (tmp_path / "ab").mkdir()
    (tmp_path / "ab" / name).write_bytes(b"\x89PNG\r\n\x1a\n")
    server = await provider(wire.hello())
    upstream = await relay(server, blobs_dir=str(tmp_path))

    def seen(blob: str) -> ChatBody:
        return ChatBody((Message("user", (MediaPart("image", blob=blob),)),))

    await upstream.do(seen(name))
    assert server.asked[0].body["messages"][0]["content"][0]["image_url"]["url"] == "data:image/png;base64,iVBORw0KGgo="
    assert type(await failure(upstream.do(seen("../" + name)))) is BadInput
