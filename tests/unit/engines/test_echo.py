"""Echo in this process: its token rule, its exact accounts, its pictures and sounds, its forced JSON."""

import asyncio
import io
import json
import math
import struct
from array import array
from collections.abc import AsyncIterator, Iterable
from contextlib import aclosing
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from omniwatt.contract.error import BadInput, ContextTooLong
from omniwatt.contract.event import (
    ChoiceEnd,
    Chunk,
    Data,
    Event,
    Fact,
    Finished,
    Proof,
    Segment,
    TextDelta,
    ToolCallDelta,
    Vector,
)
from omniwatt.contract.job import EngineSpec, Job
from omniwatt.contract.request import (
    Body,
    Capability,
    ChatBody,
    CompleteBody,
    CountBody,
    DrawBody,
    EmbedBody,
    Format,
    HearBody,
    MediaPart,
    Message,
    Sampling,
    SeeBody,
    SpeakBody,
    TextPart,
    Tool,
    Voice,
)
from omniwatt.engines.echo import Echo, media
from omniwatt.engines.echo.instance import minimal
from omniwatt.engines.echo.tokens import split
from omniwatt.workers.host import CallContext


async def stream(chunks: Iterable[Chunk]) -> AsyncIterator[Chunk]:
    for chunk in chunks:
        yield chunk


async def run(
    body: Body, capability: Capability = "chat", window: int = 100, inputs: Iterable[Chunk] = (), **options: Any
) -> list[Event]:
    engine = Echo()
    await engine.load(EngineSpec("echo", "echo", (), context_window=window, options=options), lambda _: None)
    job = Job("job", capability, "echo", body)
    async with aclosing(engine.run(job, stream(inputs), CallContext(lambda *_: None))) as events:
        return [event async for event in events]


def chat(text: str, **changes: Any) -> ChatBody:
    return ChatBody((Message("user", (TextPart(text),)),), **changes)


def text_of(events: list[Event], index: int = 0) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta) and event.index == index)


@given(st.text(max_size=60))
def test_the_tokens_of_a_text_joined_are_the_text(text: str) -> None:
    assert "".join(split(text)) == text
    assert all(split(text))


@pytest.mark.parametrize(
    ("text", "count"), [("", 0), ("hello", 1), ("hello there", 2), ("extraordinary", 2), ("鲁迅 ok", 3), ("  ", 1)]
)
def test_the_token_rule(text: str, count: int) -> None:
    assert len(split(text)) == count


async def test_accounts_are_exact_and_counting_agrees() -> None:
    body = chat("hello there", sampling=Sampling(n=2))
    events = await run(body)
    end = events[-1]
    assert isinstance(end, Finished)
    assert (end.usage.prompt_tokens, end.usage.completion_tokens) == (6, 4)
    assert (text_of(events, 0), text_of(events, 1)) == ("hello there",) * 2
    assert Fact({"tokens": 6}) in await run(CountBody(body.messages), "count")


async def test_the_last_user_message_is_echoed_and_media_cost_tokens() -> None:
    part = MediaPart("image", b"x", media_type="image/png")
    words = [Message(role, (TextPart(text),)) for role, text in (("system", "s"), ("user", "u"), ("assistant", "a"))]
    events = await run(
        ChatBody(
            (*words, Message("user", (part, TextPart("this")))),
        ),
        window=0,
    )
    assert text_of(events) == "this"
    assert events[-1].usage.prompt_tokens == 4 * 4 + 4 + 85  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("sampling", "text", "reason"),
    [
        (Sampling(), "one two three", "stop"),
        (Sampling(max_tokens=2), "one two", "length"),
        (Sampling(max_tokens=3), "one two three", "stop"),
        (Sampling(stop=(" three", " two")), "one", "stop"),
        (Sampling(stop=("absent",)), "one two three", "stop"),
    ],
)
async def test_stop_words_and_limits(sampling: Sampling, text: str, reason: str) -> None:
    events = await run(chat("one two three", sampling=sampling))
    assert text_of(events) == text
    assert ChoiceEnd(reason) in events  # type: ignore[arg-type]


async def test_the_window_ends_an_answer_and_refuses_a_prompt() -> None:
    events = await run(chat('echo: {"tokens": 50}'), window=20)
    end = events[-1]
    assert isinstance(end, Finished)
    assert end.usage.total_tokens == 20
    assert ChoiceEnd("length") in events
    for body in (chat("word " * 30), chat("x", sampling=Sampling(max_tokens=16))):
        with pytest.raises(ContextTooLong):
            await run(body, window=20)


async def test_log_probabilities_are_stable_and_sum_to_less_than_one() -> None:
    first, second = [await run(chat("one two", sampling=Sampling(logprobs=3))) for _ in range(2)]
    assert first == second
    for event in first:
        if isinstance(event, TextDelta):
            (drawn,) = event.logprobs
            assert (drawn.token, drawn.bytes_, len(drawn.top)) == (event.text, event.text.encode(), 3)
            assert sum(math.exp(one.logprob) for one in drawn.top) < 2
            assert drawn.top[0].logprob == drawn.logprob < 0


WEATHER = Tool(
    "weather",
    parameters={
        "type": "object",
        "properties": {"city": {"type": "string"}, "days": {"type": "integer", "minimum": 2}, "note": {}},
        "required": ["city", "days"],
    },
)


@pytest.mark.parametrize(
    ("choice", "text", "called"),
    [
        ("auto", "x", ""),
        ("none", 'echo: {"call": "weather", "text": "x"}', ""),
        ("auto", 'echo: {"call": "weather"}', "weather"),
        ("required", "x", "other"),
        ("function:weather", "x", "weather"),
    ],
)
async def test_tools(choice: str, text: str, called: str) -> None:
    events = await run(chat(text, tools=(Tool("other"), WEATHER), tool_choice=choice))
    pieces = [event for event in events if isinstance(event, ToolCallDelta)]
    assert "".join(piece.name for piece in pieces) == called
    if not called:
        assert text_of(events) == "x"
        return
    assert ChoiceEnd("tool_calls") in events
    arguments = json.loads("".join(piece.arguments for piece in pieces))
    jsonschema.validate(arguments, next(tool for tool in (Tool("other"), WEATHER) if tool.name == called).parameters)


TREE = {
    "type": "object",
    "properties": {"value": {"type": "number"}, "left": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}},
    "required": ["value", "left"],
}


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "properties": {"a": {"$ref": "#/$defs/x"}}, "required": ["a"], "$defs": {"x": {"const": 5}}},
        {"type": "array", "items": {"type": "boolean"}, "minItems": 3},
        {"type": "array", "prefixItems": [{"type": "string"}, {"type": "null"}], "minItems": 3},
        {"enum": ["blue", "red"]},
        {"type": ["string", "null"], "minLength": 9},
        {"type": "string", "maxLength": 2},
        {"type": "string", "format": "date"},
        {"type": "integer", "exclusiveMinimum": 3, "multipleOf": 5},
        {"type": "integer", "maximum": -4},
        {"type": "number", "exclusiveMaximum": 0},
        {"allOf": [{"type": "object", "required": ["a"]}, {"properties": {"a": {"type": "integer"}}}]},
        {"oneOf": [{"type": "string"}, {"type": "integer"}]},
        TREE,
        {},
    ],
)
async def test_a_forced_shape_is_met(schema: dict[str, Any]) -> None:
    jsonschema.validate(minimal(schema), schema)
    forced = await run(chat("x", format=Format("json_schema", "it", schema)))
    jsonschema.validate(json.loads(text_of(forced)), schema)


@pytest.mark.parametrize(
    "schema",
    [False, {"$ref": "#"}, {"$ref": "#/nowhere"}, {"type": "colour"}, {"anyOf": [False]}, {"not": 1, "allOf": [False]}],
)
def test_a_shape_without_values_is_refused(schema: Any) -> None:
    with pytest.raises(BadInput):
        minimal(schema)


async def test_a_json_object_is_one() -> None:
    assert json.loads(text_of(await run(chat("x", format=Format("json_object"))))) == {}


async def test_completions_keep_their_prompts_apart() -> None:
    body = CompleteBody(("one two", (7, 8)), echo=True, best_of=3, suffix="end", sampling=Sampling(n=2))
    events = await run(body, "complete")
    assert [text_of(events, index) for index in range(4)] == ["one twoone two"] * 2 + [" 7 8 7 8"] * 2
    end = events[-1]
    assert isinstance(end, Finished)
    assert (end.usage.prompt_tokens, end.usage.completion_tokens) == (2 + 1 + 2 + 1, 2 * 3 * 2)


async def test_vectors_are_unit_and_depend_on_the_text_alone() -> None:
    events = await run(EmbedBody(("same", "other", "same"), dimensions=7), "embed")
    vectors = [struct.unpack("<7f", event.data) for event in events if isinstance(event, Vector)]
    assert vectors[0] == vectors[2] != vectors[1]
    assert all(math.isclose(math.fsum(x * x for x in one), 1.0, rel_tol=1e-5) for one in vectors)


async def test_speech_is_a_tone_for_each_token() -> None:
    said = await run(SpeakBody(Voice("any"), "one two three"), "speak")
    pieces = [event for event in said if isinstance(event, Data)]
    assert {(piece.media_type, piece.rate_hz) for piece in pieces} == {("audio/pcm", 16000)}
    assert [piece.text for piece in pieces] == ["one two three", "", ""]
    sound = array("h", b"".join(piece.data for piece in pieces))
    assert len(sound) == 0.12 * 16000
    assert 3000 < max(sound) < 32000
    end = said[-1]
    assert isinstance(end, Finished)
    assert (end.usage.prompt_tokens, end.usage.completion_tokens, end.usage.audio_output_tokens) == (3, 3, 3)
    assert end.details["seconds"] == pytest.approx(0.12)
    fast = await run(SpeakBody(Voice("any", speed=2.0), "one two three"), "speak")
    assert sum(len(event.data) for event in fast if isinstance(event, Data)) == len(sound)


async def test_hearing_writes_down_the_seconds_that_are_not_silent() -> None:
    loud, quiet = b"\0\x10" * 16_000, bytes(32_000)
    chunks = [Chunk(loud), Chunk(quiet), Chunk((loud + loud)[:40_001])]
    events = await run(HearBody(words=True, logprobs=True, language="de"), "hear", inputs=chunks)
    segments = [event for event in events if isinstance(event, Segment)]
    assert [segment.text for segment in segments] == [" second 1", " second 3", " second 4"]
    assert [(segment.start_s, segment.end_s) for segment in segments] == [(0.0, 1.0), (2.0, 3.0), (3.0, 3.25)]
    assert "".join(segment.text for segment in segments) == text_of(events)
    assert [word.text for word in segments[0].words] == [" second", " 1"]
    assert [one.token for one in segments[0].logprobs] == list(split(" second 1"))
    end = events[-1]
    assert isinstance(end, Finished)
    assert (end.usage.prompt_tokens, end.usage.audio_tokens, end.usage.completion_tokens) == (81, 81, 6)
    assert end.details == {"language": "de", "duration_s": 3.25}
    assert not text_of(await run(HearBody(), "hear", inputs=[Chunk(quiet)]))


async def test_hearing_keeps_up_with_sound_that_still_comes() -> None:
    engine, heard = Echo(), asyncio.Event()

    async def live() -> AsyncIterator[Chunk]:
        yield Chunk(b"\0\x10" * 16_000)
        await asyncio.wait_for(heard.wait(), 5)

    await engine.load(EngineSpec("echo", "echo", ()), lambda _: None)
    job = Job("job", "hear", "echo", HearBody())
    async with aclosing(engine.run(job, live(), CallContext(lambda *_: None))) as events:
        async for event in events:
            if isinstance(event, Segment):
                heard.set()
    assert heard.is_set()


async def test_pictures_are_pngs() -> None:
    drawn = await run(DrawBody("a cat", width_px=48, height_px=32, n=2), "draw")
    files = [b"".join(e.data for e in drawn if isinstance(e, Data) and e.index == index) for index in (0, 1)]
    pictures = [Image.open(io.BytesIO(file)) for file in files]
    assert [picture.size for picture in pictures] == [(48, 32)] * 2
    assert pictures[0].getpixel((3, 3)) != pictures[1].getpixel((3, 3))


async def test_what_is_lettered_wrong_is_lettered_again() -> None:
    verdicts = [Chunk(text='{"accepted": false, "again": [1]}', control="verdict"), Chunk(text="{}", control="verdict")]
    drawn = await run(DrawBody('a "first" and a 「second」 sign'), "draw", inputs=verdicts)
    proofs = [event for event in drawn if isinstance(event, Proof)]
    assert [(proof.text, proof.attempt, proof.last) for proof in proofs] == [
        ("first", 1, False),
        ("second", 1, True),
        ("second", 2, True),
    ]
    parts = tuple(MediaPart("image", data=proof.data) for proof in proofs)
    read = await run(SeeBody(parts, whole_line=True), "see")
    (fact,) = [event for event in read if isinstance(event, Fact)]
    assert [(line["image"], line["text"]) for line in fact.values["lines"]] == [
        (0, "first"),
        (1, "second"),
        (2, "second"),
    ]


async def test_misread_letters_wrong_so_many_times() -> None:
    drawn = await run(DrawBody('echo: {"text": "abc", "misread": 1}'), "draw")
    (proof,) = [event for event in drawn if isinstance(event, Proof)]
    assert media.said(proof.data) == "abc?"


@pytest.mark.parametrize(("form", "name"), [("image/jpeg", "JPEG"), ("image/webp", "WEBP"), ("image/tiff", "TIFF")])
async def test_pictures_in_other_forms(form: str, name: str) -> None:
    drawn = await run(DrawBody("a cat", media_type=form), "draw")
    picture = Image.open(io.BytesIO(b"".join(event.data for event in drawn if isinstance(event, Data))))
    assert (picture.format, picture.size) == (name, (64, 64))


async def test_the_card_s_options_are_everybody_s_script() -> None:
    events = await run(chat("x"), text="always this", reasoning="let me think", prefill_steps=3)
    assert [event.text for event in events if isinstance(event, TextDelta) and event.kind == "answer"] == [
        "always",
        " this",
    ]
    assert len(events) == 3 + 3 + 2 + 1 + 1


@pytest.mark.parametrize("text", ["echo: [1]", "echo: {", 'echo: {"burn": 4}', 'echo: {"tokens": "x"}'])
async def test_a_wrong_script_is_refused(text: str) -> None:
    with pytest.raises(BadInput):
        await run(chat(text))
