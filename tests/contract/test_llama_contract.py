"""The llama.cpp engines on real models: exact accounts, tenants kept apart, tools, formats, leaving, embeddings."""

import asyncio
import json
import math
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import jsonschema
import numpy as np
import pytest
import pytest_asyncio

from omniwatt import settings
from omniwatt.catalog.catalog import Catalog
from omniwatt.contract.error import BadInput, ContextTooLong, UnsupportedField
from omniwatt.contract.event import EMPTY, ChoiceEnd, Event, Fact, Finished, Progress, TextDelta, ToolCallDelta, Vector
from omniwatt.contract.job import EngineSpec, Job
from omniwatt.contract.request import (
    ChatBody,
    CompleteBody,
    CountBody,
    EmbedBody,
    Format,
    Message,
    Sampling,
    TextPart,
    Tool,
    ToolCall,
)
from omniwatt.engines.chat.llama_cpp import LlamaCpp
from omniwatt.engines.embed.llama_cpp import LlamaCppEmbedder
from tests.contract import bert_reference

pytestmark = [pytest.mark.model, pytest.mark.asyncio(loop_scope="module")]

WINDOW = 1024
BATCH_S = [0.0]
WEATHER = Tool(
    "get_weather",
    "Current weather in a city",
    {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"], "additionalProperties": False},
)
LONG = "The quick brown fox jumps over the lazy dog. " * 55


class Steps:
    """A context that counts work, and never cancels."""

    cancelled = False

    def __init__(self) -> None:
        self.units: dict[str, float] = {}

    def on_cancel(self, callback: Any) -> None:
        pass

    def step(self, kind: str, units: float) -> None:
        self.units[kind] = self.units.get(kind, 0) + units

    async def astep(self, kind: str, units: float) -> None:
        self.step(kind, units)


def spec(name: str, **changes: Any) -> EngineSpec:
    found = Catalog.open(settings.load(None, {})).spec(name)
    return EngineSpec(**{field: getattr(found, field) for field in found.__struct_fields__} | changes)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def chat() -> AsyncIterator[LlamaCpp]:
    engine = LlamaCpp()
    loaded = await engine.load(spec(settings.Models().fast, context_window=WINDOW), lambda _: None)
    assert loaded.context_window == WINDOW
    BATCH_S[0] = loaded.details["batch_s"]
    yield engine
    await engine.close()


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def embedder() -> AsyncIterator[LlamaCppEmbedder]:
    engine = LlamaCppEmbedder()
    loaded = await engine.load(spec(settings.Models().embed), lambda _: None)
    assert loaded.details["dimensions"] == 384
    yield engine
    await engine.close()


def ask(text: str, scope: str = "tests", sampling: Sampling | None = None, **fields: Any) -> Job:
    messages = fields.pop("messages", (Message("user", (TextPart(text),)),))
    return Job("job", "chat", "m", ChatBody(messages, sampling or Sampling(max_tokens=16), **fields), scope)


def complete(*prompts: str | tuple[int, ...], **fields: Any) -> Job:
    return Job("job", "complete", "m", CompleteBody(prompts, **fields), "tests")


async def events(engine: Any, job: Job, steps: Steps | None = None) -> list[Event]:
    async with aclosing(engine.run(job, EMPTY, steps or Steps())) as found:
        return [event async for event in found]


def text(found: list[Event], index: int = 0) -> str:
    return "".join(event.text for event in found if isinstance(event, TextDelta) and event.index == index)


def reasons(found: list[Event]) -> dict[int, str]:
    return {event.index: event.reason for event in found if isinstance(event, ChoiceEnd)}


def calls(found: list[Event]) -> list[tuple[str, dict[str, Any]]]:
    names: dict[int, str] = {}
    arguments: dict[int, str] = {}
    for event in found:
        if isinstance(event, ToolCallDelta):
            names.setdefault(event.call, event.name)
            arguments[event.call] = arguments.get(event.call, "") + event.arguments
    return [(names[number], json.loads(arguments[number])) for number in names]


def finished(found: list[Event]) -> Finished:
    end = found[-1]
    assert isinstance(end, Finished)
    assert sum(isinstance(event, Finished) for event in found) == 1
    return end


async def test_every_token_is_accounted_for(chat: LlamaCpp) -> None:
    steps = Steps()
    found = await events(chat, ask("Write a long story about the sea.", sampling=Sampling(max_tokens=12)), steps)
    usage = finished(found).usage
    assert usage.completion_tokens == 12
    assert sum(event.tokens for event in found if isinstance(event, TextDelta)) == 12
    assert reasons(found) == {0: "length"}
    assert steps.units["decode"] == 12
    count = await events(
        chat, Job("job", "count", "m", CountBody((Message("user", (TextPart("Write a long story about the sea."),)),)))
    )
    assert count[0] == Fact({"tokens": usage.prompt_tokens})


async def test_prefixes_are_reused_within_a_tenant_only(chat: LlamaCpp) -> None:
    question = "Here is a secret that must stay between the two of us: the treasure lies under the old oak."
    cached = [
        finished(await events(chat, ask(question, scope, Sampling(max_tokens=1)))).usage.cached_tokens
        for scope in ("one", "one", "two", "", "")
    ]
    public = len(chat._slots.public)
    assert cached[1] > public + 15, "the same tenant's second time reuses all of it"
    assert max(cached[0], *cached[2:]) <= public, "nobody else has more than what every prompt begins with"


async def test_a_seed_repeats_and_the_choices_differ(chat: LlamaCpp) -> None:
    job = ask("Invent a name for a cat.", sampling=Sampling(max_tokens=12, seed=7, temperature=1.5, top_p=1.0))
    first, again = [text(await events(chat, job)) for _ in range(2)]
    assert first == again
    three = await events(
        chat, ask("Invent a name for a cat.", sampling=Sampling(max_tokens=12, n=3, seed=7, temperature=1.5, top_p=1.0))
    )
    assert set(reasons(three)) == {0, 1, 2}
    assert len({text(three, index) for index in range(3)}) > 1


async def test_stop_strings_are_cut_out_exactly(chat: LlamaCpp) -> None:
    plain = Sampling(max_tokens=40, temperature=0.0)
    whole = text(await events(chat, ask("Write: alpha beta gamma delta", sampling=plain)))
    stop = whole[len(whole) // 2 - 2 : len(whole) // 2 + 2]
    found = await events(
        chat, ask("Write: alpha beta gamma delta", sampling=Sampling(max_tokens=40, temperature=0.0, stop=("§", stop)))
    )
    assert text(found) == whole[: whole.index(stop)]
    assert reasons(found) == {0: "stop"}
    assert (
        sum(event.tokens for event in found if isinstance(event, TextDelta)) == finished(found).usage.completion_tokens
    )


async def test_log_probabilities(chat: LlamaCpp) -> None:
    found = await events(chat, ask("Say yes.", sampling=Sampling(max_tokens=5, logprobs=4, temperature=0.0)))
    tokens = [token for event in found if isinstance(event, TextDelta) for token in event.logprobs]
    assert tokens
    assert b"".join(token.bytes_ for token in tokens).decode() == text(found)
    for token in tokens:
        assert len(token.top) == 4
        assert token.logprob == pytest.approx(max(other.logprob for other in token.top))
        assert sum(math.exp(other.logprob) for other in token.top) <= 1.0001


async def test_characters_made_of_several_tokens_arrive_whole(chat: LlamaCpp) -> None:
    strange = "龘靐齉 👩‍👩‍👧‍👦 ᚠᛇᚻ"
    found = await events(chat, ask(f"Repeat exactly: {strange}", sampling=Sampling(max_tokens=60, temperature=0.0)))
    assert "\ufffd" not in text(found)
    assert max(event.tokens for event in found if isinstance(event, TextDelta)) > 1


async def test_a_prompt_over_the_window_is_refused_with_the_numbers(chat: LlamaCpp) -> None:
    for job in (ask(LONG * 4), ask("Hi", sampling=Sampling(max_tokens=WINDOW))):
        async with aclosing(chat.run(job, EMPTY, Steps())) as found:
            with pytest.raises(ContextTooLong) as caught:
                await anext(found)
        assert caught.value.details["window"] == WINDOW


async def test_one_request_may_use_the_whole_window(chat: LlamaCpp) -> None:
    """More than a slot's even share of the cache; and the slots that lose theirs go on working."""
    steps = Steps()
    found = await events(chat, ask(LONG, "large", Sampling(max_tokens=3)), steps)
    usage = finished(found).usage
    assert WINDOW / 2 < usage.prompt_tokens < WINDOW
    progress = [event.done for event in found if isinstance(event, Progress)]
    assert progress == sorted(progress)
    assert len(progress) > 3
    assert steps.units["prefill"] >= usage.prompt_tokens - usage.cached_tokens
    others = await asyncio.gather(*(events(chat, ask(LONG, f"t{number}", Sampling(max_tokens=2))) for number in (1, 2)))
    assert [finished(other).usage.completion_tokens for other in others] == [2, 2]


async def test_a_short_prompt_does_not_wait_for_a_long_one(chat: LlamaCpp) -> None:
    async def first_token(job: Job) -> float:
        async with aclosing(chat.run(job, EMPTY, Steps())) as found:
            async for event in found:
                if isinstance(event, TextDelta):
                    break
        return time.monotonic()

    long = asyncio.create_task(first_token(ask(LONG, "long", Sampling(max_tokens=2))))
    await asyncio.sleep(0.1)
    start_s = time.monotonic()
    short_s = await first_token(ask("Hi", "short", Sampling(max_tokens=2))) - start_s
    assert short_s < (await long - start_s) / 3


@pytest.mark.parametrize("prompt", [LONG, "Count to one thousand."])
async def test_leaving_frees_the_slot(chat: LlamaCpp, prompt: str) -> None:
    async with aclosing(chat.run(ask(prompt, "leaver", Sampling(max_tokens=200)), EMPTY, Steps())) as found:
        await anext(found)
        waiting = asyncio.ensure_future(anext(found))
        await asyncio.sleep(0.02)
        start_s = time.monotonic()
        waiting.cancel()
        await asyncio.wait([waiting])
    while await chat._server.busy_slots():  # noqa: ASYNC110 - llama.cpp has no event to wait for
        await asyncio.sleep(0.005)
    # A batch takes 150 ms at most on an idle machine; this one is judged by what its batches took when it loaded.
    assert time.monotonic() - start_s < 0.3 + 5 * BATCH_S[0]
    assert chat._slots.free == len(chat._slots.slots)
    assert reasons(await events(chat, ask("Hi"))) in ({0: "stop"}, {0: "length"})


@pytest.mark.parametrize("choice", ["required", "function:get_weather"])
async def test_forced_calls_are_always_well_formed(chat: LlamaCpp, choice: str) -> None:
    job = ask("Hello there!", sampling=Sampling(max_tokens=60, seed=1), tools=(WEATHER,), tool_choice=choice)
    found = await events(chat, job)
    assert reasons(found) == {0: "tool_calls"}
    assert text(found) == ""
    for name, arguments in calls(found):
        assert name == "get_weather"
        jsonschema.validate(arguments, WEATHER.parameters)
    assert calls(found)
    ids = [event.id for event in found if isinstance(event, ToolCallDelta) and event.id]
    assert all(call.startswith("call_") for call in ids)


async def test_under_auto_the_model_chooses(chat: LlamaCpp) -> None:
    plain = Sampling(max_tokens=60, temperature=0.0)
    found = await events(chat, ask("What is the weather in Paris?", sampling=plain, tools=(WEATHER,)))
    assert calls(found) == [("get_weather", {"city": "Paris"})]
    result = (
        Message("user", (TextPart("What is the weather in Paris?"),)),
        Message("assistant", tool_calls=(ToolCall("call_1", "get_weather", '{"city": "Paris"}'),)),
        Message("tool", (TextPart('{"sky": "clear", "celsius": 21}'),), tool_call_id="call_1"),
    )
    found = await events(chat, ask("", sampling=plain, messages=result, tools=(WEATHER,)))
    assert "21" in text(found)
    assert not calls(found)


PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 30},
        "age": {"type": "integer", "minimum": 0, "maximum": 130},
        "email": {"type": "string", "format": "email"},
        "mood": {"enum": ["good", "bad"]},
        "friends": {"type": "array", "items": {"type": "string", "maxLength": 10}, "maxItems": 2},
    },
    "required": ["name", "age", "email", "mood", "friends"],
    "additionalProperties": False,
}


async def test_formats_are_kept(chat: LlamaCpp) -> None:
    for seed in range(2):
        sampling = Sampling(max_tokens=200, seed=seed, temperature=1.2)
        job = ask("Invent a person.", sampling=sampling, format=Format("json_schema", "person", PERSON, True))
        found = await events(chat, job)
        assert reasons(found) == {0: "stop"}
        jsonschema.validate(json.loads(text(found)), PERSON)
    sampling = Sampling(max_tokens=300, temperature=0.0)
    found = await events(chat, ask("A book as JSON: title, year.", sampling=sampling, format=Format("json_object")))
    assert reasons(found) == {0: "stop"}
    assert isinstance(json.loads(text(found)), dict)


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "array", "minItems": 10**9},
        {"$ref": "#"},
        {"not": {}, "type": "strin"},
        {"pattern": "((a{999}){999}){999}"},
    ],
)
async def test_hostile_schemas_are_refused_at_once(chat: LlamaCpp, schema: dict[str, Any]) -> None:
    start_s = time.monotonic()
    for fields in ({"format": Format("json_schema", "x", schema, True)},):
        async with aclosing(chat.run(ask("Hi", **fields), EMPTY, Steps())) as found:
            with pytest.raises(BadInput):
                await anext(found)
    assert time.monotonic() - start_s < 1.0


async def test_completions(chat: LlamaCpp) -> None:
    plain = Sampling(max_tokens=4, temperature=0.0)
    found = await events(chat, complete("The capital of France is", "One, two,", echo=True, sampling=plain))
    assert text(found, 0).startswith("The capital of France is")
    assert "Paris" in text(found, 0)
    assert text(found, 1).startswith("One, two,")
    assert finished(found).usage.completion_tokens == 8
    ids = tuple(await chat._server.tokenize("The capital of France is"))
    assert "Paris" in text(await events(chat, complete(ids, sampling=plain)))
    found = await events(chat, complete("Name:", best_of=3, sampling=Sampling(max_tokens=4, n=2)))
    assert reasons(found).keys() == {0, 1}
    assert finished(found).usage.completion_tokens >= 3
    templated = finished(await events(chat, complete("Hi", raw=False, sampling=plain))).usage.prompt_tokens
    assert templated > finished(await events(chat, complete("Hi", sampling=plain))).usage.prompt_tokens
    assert len(text(await events(chat, complete("Once upon a time")))) > 0
    with pytest.raises(UnsupportedField):
        await events(chat, complete("Hi", echo=True, sampling=Sampling(logprobs=1)))
    with pytest.raises(BadInput):
        await events(chat, complete((10**9,)))


async def test_fill_in_the_middle(chat: LlamaCpp) -> None:
    job = complete(
        "def add(a, b):\n    ", suffix="\n\nprint(add(1, 2))\n", sampling=Sampling(max_tokens=12, temperature=0.0)
    )
    assert "return a + b" in text(await events(chat, job))


async def test_biases(chat: LlamaCpp) -> None:
    (token,) = await chat._server.tokenize(" Rome")
    job = complete("The capital is", sampling=Sampling(max_tokens=3, logit_bias={str(token): 100.0}))
    assert text(await events(chat, job)) == " Rome Rome Rome"
    with pytest.raises(BadInput):
        await events(chat, complete("x", sampling=Sampling(logit_bias={"not a number": 1.0})))


SENTENCES = (
    "A man is eating food.",
    "A man is eating a piece of bread.",
    "The girl is carrying a baby.",
    "Unaffected tokenisation: naïve café, don't!",
)


def vectors(found: list[Event]) -> list["np.ndarray[Any, Any]"]:
    return [np.frombuffer(event.data, "<f4") for event in found if isinstance(event, Vector)]


async def test_embeddings_agree_with_a_plain_forward_pass(embedder: LlamaCppEmbedder) -> None:
    paths = spec(settings.Models().embed).artifacts
    found = await events(embedder, Job("job", "embed", "m", EmbedBody(SENTENCES)))
    expected = []
    for sentence in SENTENCES:
        ids = await embedder._server.tokenize(sentence)
        expected.append(bert_reference.embedding(paths["model"], paths["config"], ids))
    for vector, wanted in zip(vectors(found), expected, strict=True):
        assert np.linalg.norm(vector) == pytest.approx(1.0, abs=1e-4)
        assert float(vector @ wanted) > 0.999
    words = bert_reference.pieces(paths["vocab"], "a man is eating food .")
    assert await embedder._server.tokenize(SENTENCES[0]) == words
    assert finished(found).usage.prompt_tokens == sum([len(await embedder._server.tokenize(one)) for one in SENTENCES])


async def test_embeddings_many_short_and_refused(embedder: LlamaCppEmbedder) -> None:
    many = vectors(await events(embedder, Job("job", "embed", "m", EmbedBody(tuple(f"text {n}" for n in range(60))))))
    alone = vectors(await events(embedder, Job("job", "embed", "m", EmbedBody(("text 37",)))))
    assert len(many) == 60
    assert float(many[37] @ alone[0]) > 0.9999
    (short,) = vectors(await events(embedder, Job("job", "embed", "m", EmbedBody(("text 37",), dimensions=64))))
    assert len(short) == 64
    assert short == pytest.approx(alone[0][:64] / np.linalg.norm(alone[0][:64]), abs=1e-5)
    for inputs, dimensions, kind in (
        (("x " * 600,), None, ContextTooLong),
        (((1, 2),), None, BadInput),
        (("x",), 999, BadInput),
    ):
        with pytest.raises(kind):
            await events(embedder, Job("job", "embed", "m", EmbedBody(inputs, dimensions)))
