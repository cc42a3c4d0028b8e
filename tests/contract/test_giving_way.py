"""Answers of one model that give way to higher tiers: not a token differs, nobody hangs, leaving is at once."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing, contextmanager
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from omniwatt.contract.event import EMPTY, Event, Finished, TextDelta
from omniwatt.contract.job import Job
from omniwatt.contract.request import Format, Sampling, Tool
from omniwatt.engines.chat import precedence
from omniwatt.engines.chat.llama_cpp import LlamaCpp
from omniwatt.engines.chat.precedence import SIP_TOKENS
from tests.contract.test_llama_contract import LONG, Steps, ask, events, finished, reasons, spec, text

pytestmark = [pytest.mark.model, pytest.mark.asyncio(loop_scope="module")]

WINDOW = 2048
TOKENS = 40
PLAIN = Sampling(max_tokens=TOKENS, temperature=0.0)
TIME = Tool("get_time", "The time of day", {"type": "object", "properties": {}, "additionalProperties": False})
LIST = Format("json_schema", "list", {"type": "array", "items": {"type": "integer"}, "minItems": 12, "maxItems": 12})


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def chat() -> AsyncIterator[LlamaCpp]:
    engine = LlamaCpp()
    model = spec("smollm2-135m-instruct", context_window=WINDOW)
    # A batch as large as a fast machine's would read the long prompt at once.
    model = msgspec.structs.replace(model, options={**model.options, "n_batch": 64})
    loaded = await engine.load(model, lambda _: None)
    assert (loaded.slots, loaded.reserve) == (4, 4)
    engine._precedence.step = float
    yield engine
    await engine.close()


def job(words: str, tier: str = "flex", **fields: Any) -> Job:
    return msgspec.structs.replace(ask(words, **fields), tier=tier)


@contextmanager
def counted(chat: LlamaCpp, *, slices: bool = False) -> Iterator[list[dict[str, Any]]]:
    """The answers llama.cpp is asked for meanwhile, or the slices of prompts."""
    server, asked = chat._server, []
    generate: Callable[[dict[str, Any]], Any] = server.generate

    def note(body: dict[str, Any]) -> Any:
        if slices is (body["n_predict"] == 0):
            asked.append(body)
        return generate(body)

    server.generate = note  # type: ignore[method-assign]
    try:
        yield asked
    finally:
        del server.generate  # type: ignore[attr-defined]


async def until(true: Callable[[], bool]) -> None:
    while not true():  # noqa: ASYNC110 - nothing tells
        await asyncio.sleep(0.005)


async def whole_of(chat: LlamaCpp, one: Job) -> list[Event]:
    """The answer with nobody else, the second time: what of the prompt is in the cache moves the last digits."""
    await events(chat, one)
    return await events(chat, one)


async def interrupted(chat: LlamaCpp, one: Job, times: int = 3, steps: Steps | None = None) -> list[Event]:
    """The answer, while somebody of a higher tier comes and goes `times` times."""
    found, left = [], times
    async with aclosing(chat.run(one, EMPTY, steps or Steps())) as answer:
        async for event in answer:
            found.append(event)
            if isinstance(event, TextDelta) and event.tokens and left and len(found) % 5 == 0:
                left -= 1
                above = chat._precedence.part("priority")
                above.__enter__()
                asyncio.get_running_loop().call_later(0.05, above.__exit__, None, None, None)
    return found


def made(found: list[Event]) -> list[Any]:
    """All that an answer says, but for when."""
    pieces = [event for event in found if isinstance(event, TextDelta)]
    logprobs = [
        (token.token, token.bytes_, [other.token for other in token.top]) for p in pieces for token in p.logprobs
    ]
    return [
        text(found),
        sum(p.tokens for p in pieces),
        logprobs,
        reasons(found),
        finished(found).usage.completion_tokens,
    ]


GOES_ON = {
    "greedy": job("Tell me a story about a ship.", sampling=PLAIN),
    "greedy with a seed": job("Tell me a story.", sampling=msgspec.structs.replace(PLAIN, seed=5)),
    "penalties": job(
        "Count: one two one two one two", sampling=Sampling(max_tokens=TOKENS, temperature=0.0, frequency_penalty=1.5)
    ),
    "biased": job("Tell me a story.", sampling=msgspec.structs.replace(PLAIN, logit_bias={"253": 3.0, "28": -100})),
    "logprobs": job("What is the sea?", sampling=msgspec.structs.replace(PLAIN, logprobs=2)),
    "no limit, but a stop string": job("Tell me a story.", sampling=Sampling(temperature=0.0, stop=(". ", "\n"))),
    "tools it does not call": job("Tell me a story about a ship.", sampling=PLAIN, tools=(TIME,)),
    "characters of many tokens": job("Repeat: 龘靐齉 ᚠᛇᚻ 龘靐齉 ᚠᛇᚻ 龘靐齉", sampling=PLAIN),
}


@pytest.mark.parametrize("name", GOES_ON)
async def test_an_answer_that_was_held_is_the_very_same(chat: LlamaCpp, name: str) -> None:
    one = GOES_ON[name]
    whole = await whole_of(chat, one)
    steps = Steps()
    with counted(chat) as asked:
        found = await interrupted(chat, one, steps=steps)
    assert made(found) == made(whole)
    assert len(asked) >= 3, "it was broken off"
    again = asked[1:]
    assert all(body["prompt"][: len(asked[0]["prompt"])] == asked[0]["prompt"] for body in again)
    assert finished(found).usage.prompt_tokens == finished(whole).usage.prompt_tokens
    assert steps.units["decode"] == finished(found).usage.completion_tokens


async def test_going_on_reads_one_token_again(chat: LlamaCpp) -> None:
    server, read = chat._server, []
    one = GOES_ON["greedy"]
    await events(chat, one)
    with counted(chat) as asked:
        generate = server.generate

        def listen(body: dict[str, Any]) -> Any:
            generation = generate(body)
            take = generation._take

            def look(chunk: dict[str, Any]) -> bool:
                if "prompt_progress" not in chunk:
                    read.append((len(asked), chunk["timings"]["prompt_n"]))
                return bool(take(chunk))

            generation._take = look
            return generation

        server.generate = listen  # type: ignore[method-assign]
        await interrupted(chat, one)
    assert {prompt_n for number, prompt_n in read if number > 1} <= {1}


STAYS = {
    "a seed and dice": job("Tell me a story.", sampling=Sampling(max_tokens=TOKENS, temperature=1.2, seed=3)),
    "a form": job("Twelve numbers", sampling=Sampling(max_tokens=80, temperature=0.0), format=LIST),
    "a tool it must call": job("The time?", sampling=PLAIN, tools=(TIME,), tool_choice="required"),
}


@pytest.mark.parametrize("name", STAYS)
async def test_what_could_not_go_on_exactly_is_not_broken_off(chat: LlamaCpp, name: str) -> None:
    one = STAYS[name]
    whole = await whole_of(chat, one)
    with counted(chat) as asked:
        found = await interrupted(chat, one)
    assert made(found) == made(whole)
    assert len(asked) == 1


async def test_the_higher_tier_is_written_first(chat: LlamaCpp) -> None:
    order: list[str] = []

    async def answer(one: Job) -> None:
        async with aclosing(chat.run(one, EMPTY, Steps())) as found:
            async for event in found:
                order.extend([one.tier] if isinstance(event, TextDelta) and event.tokens else [])

    body = ask("Tell me a long story.", sampling=Sampling(max_tokens=60, temperature=0.0)).body
    low = [Job("job", "chat", "m", body, "tests", tier=tier) for tier in ("flex", "default", "flex", "default")]
    tasks = [asyncio.create_task(answer(one)) for one in low]
    await until(lambda: len(order) >= 8)
    await answer(job("Tell me a story.", "priority", sampling=PLAIN))
    begun, ended = order.index("priority"), len(order) - order[::-1].index("priority")
    assert ended - begun <= TOKENS + 8, "all slots were taken, and nearly nobody wrote beside it"
    await asyncio.gather(*tasks)
    last_default = len(order) - order[::-1].index("default")
    assert order[last_default:].count("flex") > 60, "flex is written when default is done"


async def test_who_is_always_outranked_finishes_all_the_same(chat: LlamaCpp, monkeypatch: pytest.MonkeyPatch) -> None:
    one = GOES_ON["greedy"]
    whole = await whole_of(chat, one)
    monkeypatch.setattr(precedence, "HELD_S", 0.1)
    with counted(chat) as asked, chat._precedence.part("priority"):
        begun_s = time.monotonic()
        found = await events(chat, one)
    assert made(found) == made(whole)
    assert len(asked) == pytest.approx(TOKENS / SIP_TOKENS, abs=1.5)
    assert time.monotonic() - begun_s >= 0.1 * (len(asked) - 1)


async def test_a_long_prompt_is_held_between_slices(chat: LlamaCpp, monkeypatch: pytest.MonkeyPatch) -> None:
    long = job(LONG, scope="", sampling=Sampling(max_tokens=3, temperature=0.0))
    whole = await whole_of(chat, long)
    monkeypatch.setattr(precedence, "HELD_S", 0.05)
    with counted(chat, slices=True) as asked, chat._precedence.part("priority"):
        found = await events(chat, long)
    assert len(asked) > 3
    assert (text(found), finished(found).usage.prompt_tokens) == (text(whole), finished(whole).usage.prompt_tokens)


@pytest.mark.parametrize("before", [0, 5])
async def test_leaving_while_held_is_at_once(chat: LlamaCpp, before: int) -> None:
    endless = job("Tell me a very long story.", sampling=Sampling(max_tokens=1000, temperature=0.0))
    with counted(chat) as asked, chat._precedence.part("priority" if not before else "flex"):
        reading: list[Event] = []

        async def read() -> None:
            async with aclosing(chat.run(endless, EMPTY, Steps())) as found:
                async for event in found:
                    reading.extend([event])

        task = asyncio.create_task(read())
        await until(lambda: len(reading) >= before)
        with chat._precedence.part("priority"):
            await asyncio.sleep(0.3)
            written, begun = len(reading), len(asked)
            await asyncio.sleep(0.2)
            assert (len(reading), len(asked)) == (written, begun), "it is held"
            begun_s = time.monotonic()
            task.cancel()
            await asyncio.wait([task])
            assert time.monotonic() - begun_s < 0.2
    assert chat._slots.free == len(chat._slots.slots)
    assert not any(isinstance(event, Finished) for event in reading)


async def test_where_it_pays_nobody_all_run_on(chat: LlamaCpp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat._precedence, "step", lambda _: 1.0)
    with counted(chat) as asked, chat._precedence.part("priority"):
        await events(chat, GOES_ON["greedy"])
    assert len(asked) == 1
    assert "verbose" not in asked[0]
