"""The recipe on engines that are scripts: order, usage, what is closed when, and that one error is one error."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any

import pytest

from omniwatt.contract.error import EngineDied, EngineFailed, OmniwattError
from omniwatt.contract.event import (
    EMPTY,
    ChoiceEnd,
    Chunk,
    Data,
    Event,
    Finished,
    Progress,
    Segment,
    TextDelta,
    ToolCallDelta,
    Usage,
)
from omniwatt.contract.job import Caller, Demand, Job, Plan
from omniwatt.contract.request import ChatBody, MediaPart, Message, Part, Request, SpeakBody, TextPart, Voice
from omniwatt.flows import converse
from omniwatt.flows.remembered import Remembered

CALLER = Caller(key_id="k", name="test", project="p")
SPEECH = SpeakBody(voice=Voice("joe", speed=1.5), audio_format="mp3")
SAMPLES = SpeakBody(voice=Voice("joe"), audio_format="")
SOUND = MediaPart(kind="audio", data=b"RIFF1", media_type="audio/wav")
ANSWER = ("One", " two.", " Three", " four.")


class Stage:
    """Engines by group, in this process. `fail` is (group, number of the event) -> what is raised in its place."""

    def __init__(self, answer: tuple[Event, ...] | None = None, heard: tuple[str, ...] = (" Hello.",)) -> None:
        self.answer = answer or (*(TextDelta(text, tokens=1) for text in ANSWER), ChoiceEnd("stop"))
        self.heard = heard
        self.fail: dict[tuple[str, int], Exception] = {}
        self.hang: tuple[str, int] | None = None
        self.jobs: list[tuple[str, Job]] = []
        self.open: list[str] = []
        self.spoken: list[str] = []

    def call(self, group: str, job: Job, inputs: AsyncIterator[Chunk]) -> AsyncGenerator[Event]:
        return self._run(group, job, inputs)

    def release(self, group: str) -> None:
        raise AssertionError("nothing is given back ahead of the end")

    async def exchange(self, demand: tuple[Demand, ...]) -> None:
        raise AssertionError("everything was asked for at once")

    async def _run(self, group: str, job: Job, inputs: AsyncIterator[Chunk]) -> AsyncGenerator[Event]:
        self.jobs.append((group, job))
        self.open.append(group)
        number = 0
        try:
            async with aclosing(getattr(self, f"_{job.capability}")(job, inputs)) as events:
                async for event in events:
                    if (group, number) in self.fail:
                        raise self.fail[group, number]
                    if (group, number) == self.hang:
                        await asyncio.Event().wait()
                    number += 1
                    await asyncio.sleep(0)
                    yield event
        finally:
            await asyncio.sleep(0)
            self.open.remove(group)

    async def _transcode(self, job: Job, inputs: AsyncIterator[Chunk]) -> AsyncGenerator[Event]:
        if job.body.part.data:
            for _ in range(3):
                yield Data(b"\1\0" * 100, "audio/pcm")
        async for chunk in inputs:
            yield Data(b"<" + chunk.data + b">", job.body.media_type)
        yield Finished(Usage())

    async def _hear(self, job: Job, inputs: AsyncIterator[Chunk]) -> AsyncGenerator[Event]:
        heard = 0
        async for chunk in inputs:
            heard += len(chunk.data)
            yield Progress(heard / 200, 0.0, "s")
        said = self.heard[sum(group == "ears" for group, _ in self.jobs) % len(self.heard) - 1]
        yield TextDelta(said, tokens=2)
        yield Segment(said, 0.0, 3.0)
        yield ChoiceEnd("stop")
        yield Finished(Usage(prompt_tokens=75, audio_tokens=75, audio_s=3.0, completion_tokens=2))

    async def _chat(self, job: Job, inputs: AsyncIterator[Chunk]) -> AsyncGenerator[Event]:
        for event in self.answer:
            await asyncio.sleep(0.002)
            yield event
        yield Finished(Usage(prompt_tokens=11, completion_tokens=4, cached_tokens=3), "model-1", {"k": 1})

    async def _speak(self, job: Job, inputs: AsyncIterator[Chunk]) -> AsyncGenerator[Event]:
        async for chunk in inputs:
            self.spoken.append(chunk.text)
            yield Data(b"\2\0" * 400, "audio/pcm", rate_hz=1000, text=chunk.text)
        yield ChoiceEnd("stop")
        spoken = 10 * len(self.spoken)
        yield Finished(Usage(prompt_tokens=4, completion_tokens=spoken, audio_output_tokens=spoken))


def plan(*, hear: bool = True, speech: SpeakBody | None = SPEECH) -> Plan:
    helpers = {"media": "media"} | ({"hear": "ears"} if hear else {}) | ({"speak": "voice"} if speech else {})
    return Plan(recipe="converse", model="writer", demand=(), helpers=helpers, speech=speech, deadline_s=9.0)


def request(*parts: Part, **body: Any) -> Request:
    said = (Message("user", parts or (SOUND,)),)
    return Request(id="r", capability="chat", model="m", body=ChatBody(messages=said, **body))


def run(stage: Stage, made: Plan, asked: Request) -> AsyncGenerator[Event]:
    return converse.run(made, asked, CALLER, stage, EMPTY)


async def everything(
    stage: Stage, made: Plan | None = None, asked: Request | None = None, seen: list[Event] | None = None
) -> list[Event]:
    seen = [] if seen is None else seen
    async with aclosing(run(stage, made or plan(), asked or request())) as events:
        async for event in events:
            seen.append(event)
    assert stage.open == []
    return seen


def job(stage: Stage, group: str) -> Job:
    return next(one for name, one in stage.jobs if name == group)


async def test_what_was_heard_is_answered_aloud() -> None:
    stage = Stage()
    events = await everything(stage)
    assert [group for group, _ in stage.jobs] == ["ears", "media", "writer", "voice", "media"]
    assert job(stage, "writer").body == ChatBody(messages=(Message("user", (TextPart("Hello."),)),))
    assert job(stage, "voice").body == SPEECH
    assert all(one.cache_scope == "p" for name, one in stage.jobs if name != "media")
    assert all(one.deadline_s == 9.0 for _, one in stage.jobs)
    said = [event for event in events if isinstance(event, TextDelta)]
    assert "".join(event.text for event in said) == "".join(stage.spoken) == "One two. Three four."
    sounds = [event for event in events if isinstance(event, Data)]
    assert {event.media_type for event in sounds} == {"audio/mpeg"}
    assert events[-2:] == [
        ChoiceEnd("stop"),
        Finished(
            Usage(
                prompt_tokens=11 + 75,
                completion_tokens=4 + 40,
                cached_tokens=3,
                audio_tokens=75,
                audio_output_tokens=40,
                audio_s=3.0,
            ),
            "model-1",
            {"k": 1},
        ),
    ]
    assert sum(event.tokens for event in sounds) == 40, "what was spoken is billed as it goes out"
    assert not any(isinstance(event, Segment) for event in events)


async def test_the_first_clause_is_spoken_while_the_next_is_written() -> None:
    kinds = [type(event) for event in await everything(Stage())]
    assert kinds.index(Data) < len(kinds) - 1 - kinds[::-1].index(TextDelta)
    assert kinds[-2:] == [ChoiceEnd, Finished], "the answer ends with its last sound"


async def test_samples_go_out_as_they_are_where_no_form_is_asked_for() -> None:
    stage = Stage()
    events = await everything(stage, plan(hear=False, speech=SAMPLES), request(TextPart("Hi")))
    sounds = [event for event in events if isinstance(event, Data)]
    assert [group for group, _ in stage.jobs] == ["writer", "voice"]
    assert [(one.rate_hz, one.text) for one in sounds] == [(1000, text) for text in ANSWER]


async def test_only_heard() -> None:
    stage = Stage()
    events = await everything(stage, plan(speech=None))
    assert [type(event) for event in events if not isinstance(event, Progress)] == [TextDelta] * 4 + [
        ChoiceEnd,
        Finished,
    ]
    assert events[-1].usage == Usage(  # type: ignore[union-attr]
        prompt_tokens=86, completion_tokens=4, cached_tokens=3, audio_tokens=75, audio_s=3.0
    )
    assert "voice" not in {group for group, _ in stage.jobs}


async def test_progress_of_hearing_counts_all_sounds() -> None:
    stage = Stage()
    events = await everything(stage, plan(), request(SOUND, SOUND))
    heard = [event.done for event in events if isinstance(event, Progress)]
    assert heard == [1.0, 2.0, 3.0, 3.0, 4.0, 5.0, 6.0, 6.0]
    assert events[-1].usage.audio_tokens == 150  # type: ignore[union-attr]


async def test_a_sound_sent_again_is_not_heard_again() -> None:
    memory = Remembered()
    other = MediaPart(kind="audio", data=b"RIFF2", media_type="audio/wav")
    for sounds, heard in (((SOUND,), ["ears"]), ((SOUND, other), ["ears"]), ((SOUND, other), [])):
        stage = Stage(heard=(" Hello.",))
        async with aclosing(converse.run(plan(), request(*sounds), CALLER, stage, EMPTY, memory)) as events:
            seen = [event async for event in events]
        assert [group for group, _ in stage.jobs if group == "ears"] == heard
        said = job(stage, "writer").body.messages[0].text  # type: ignore[union-attr]
        assert said == "\n".join(["Hello."] * len(sounds))
        usage = seen[-1].usage  # type: ignore[union-attr]
        assert (usage.audio_tokens, usage.audio_s) == (75 * len(sounds), 3.0 * len(sounds))
        assert usage.cached_tokens == 3 + 75 * (len(sounds) - len(heard))


async def test_a_sound_half_heard_is_not_remembered() -> None:
    memory = Remembered()
    stage = Stage()
    stage.fail["ears", 2] = EngineDied("gone")
    with pytest.raises(EngineDied):
        async with aclosing(converse.run(plan(), request(), CALLER, stage, EMPTY, memory)) as events:
            assert [event async for event in events]
    assert memory.recall("p", "ears", SOUND) is None


async def test_several_sounds_in_several_messages() -> None:
    stage = Stage(heard=(" First.", " Second. ", "", "Fourth."))
    conversation = (
        Message("system", (TextPart("Be kind."),)),
        Message("user", (TextPart("Listen:"), SOUND, SOUND, TextPart("What was that?"), TextPart("!"))),
        Message("assistant", (TextPart("A voice."),)),
        Message("user", (SOUND,), name="ann"),
        Message("user", (SOUND,)),
    )
    asked = Request(id="r", capability="chat", model="m", body=ChatBody(messages=conversation))
    await everything(stage, plan(), asked)
    messages = job(stage, "writer").body.messages  # type: ignore[union-attr]
    assert [(message.role, message.text) for message in messages] == [
        ("system", "Be kind."),
        ("user", "Listen:\nFirst.\nSecond.\nWhat was that?!"),
        ("assistant", "A voice."),
        ("user", converse.NOTHING_SAID),
        ("user", "Fourth."),
    ]
    assert messages[3].name == "ann"


async def test_ears_of_the_model_itself_are_left_to_it() -> None:
    stage = Stage()
    await everything(stage, plan(hear=False))
    assert job(stage, "writer").body.messages[0].content == (SOUND,)  # type: ignore[union-attr]


async def test_tool_calls_thoughts_and_refusals_are_not_spoken() -> None:
    call = (ToolCallDelta(0, "", "c1", "f"), ToolCallDelta(0, "{}"), ChoiceEnd("tool_calls"))
    stage = Stage((TextDelta("hm", kind="reasoning"), *call))
    events = await everything(stage)
    assert "voice" not in {group for group, _ in stage.jobs}
    assert [event for event in events if isinstance(event, ToolCallDelta)] == list(call[:2])
    assert events[-1].usage.audio_output_tokens == 0  # type: ignore[union-attr]
    stage = Stage((TextDelta("No.", kind="refusal"), TextDelta(" \n"), ChoiceEnd("stop")))
    await everything(stage)
    assert stage.spoken == []


async def test_leading_blanks_wait_for_the_first_word() -> None:
    stage = Stage((TextDelta("\n"), TextDelta(""), TextDelta(" Yes"), TextDelta("."), ChoiceEnd("length")))
    events = await everything(stage)
    assert stage.spoken == ["\n Yes", "."]
    assert ChoiceEnd("length") in events


@pytest.mark.parametrize("speech", [SAMPLES, SPEECH], ids=["samples", "mp3"])
async def test_closed_at_every_event(speech: SpeakBody) -> None:
    made = plan(speech=speech)
    points = len(await everything(Stage(), made))
    assert points > 10
    for point in range(points):
        stage = Stage()
        events = run(stage, made, request())
        for _ in range(point + 1):
            await anext(events)
        await events.aclose()
        assert stage.open == [], f"an engine is still at work after event {point}"
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == {asyncio.current_task()}


FAULTS = [
    ("media", 0, "the sound cannot be decoded"),
    ("media", 1, "nor its second piece, or its first encoded one"),
    ("ears", 0, "hearing fails first"),
    ("ears", 3, "hearing fails at its end"),
    ("writer", 0, "writing fails first"),
    ("writer", 2, "writing fails while the voice speaks"),
    ("writer", 5, "writing fails at its end"),
    ("voice", 0, "the voice fails first"),
    ("voice", 2, "the voice fails while the model writes"),
]


@pytest.mark.parametrize(("group", "number", "says"), FAULTS, ids=[case[2] for case in FAULTS])
async def test_one_fault_is_one_error_and_ends_all(group: str, number: int, says: str) -> None:
    stage = Stage()
    stage.fail[group, number] = EngineDied(says)
    seen: list[Event] = []
    with pytest.raises(EngineDied, match=says):
        await asyncio.wait_for(everything(stage, seen=seen), 5)
    assert stage.open == []
    assert not any(isinstance(event, Finished | ChoiceEnd) for event in seen)


@pytest.mark.parametrize("group", ["media", "ears", "writer", "voice"])
async def test_a_task_that_is_cancelled_lets_every_engine_go(group: str) -> None:
    stage = Stage()
    stage.hang = (group, 1)
    task = asyncio.create_task(everything(stage))
    await asyncio.sleep(0.05)
    assert group in stage.open
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert stage.open == []


async def test_a_caller_who_does_not_read_holds_the_engines_back() -> None:
    stage = Stage((*(TextDelta(f"w{number}. ", tokens=1) for number in range(200)), ChoiceEnd("stop")))
    events = run(stage, plan(hear=False), request(TextPart("Hi")))
    await anext(events)
    await asyncio.sleep(0.3)
    written = len(stage.spoken)
    await events.aclose()
    assert written < 20


async def test_an_engine_without_an_end_is_at_fault() -> None:
    async def cut(events: AsyncGenerator[Event]) -> AsyncGenerator[Event]:
        async with aclosing(events):
            async for event in events:
                if not isinstance(event, Finished):
                    yield event

    stage = Stage()
    whole = stage.call
    for group in ("writer", "voice"):
        stage.call = (  # type: ignore[method-assign]
            lambda name, *rest, group=group: cut(whole(name, *rest)) if name == group else whole(name, *rest)
        )
        with pytest.raises(EngineFailed, match="stopped without an end"):
            await everything(stage)


async def test_other_bodies_are_no_conversation() -> None:
    with pytest.raises(OmniwattError):
        await everything(Stage(), plan(), Request(id="r", capability="speak", model="m", body=SPEECH))
