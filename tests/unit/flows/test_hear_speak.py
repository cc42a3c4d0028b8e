"""Hear and speak on engines that are scripts: what is streamed into what, what is billed, and what is closed when."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

import pytest

from omniwatt.contract.error import BadInput, EngineFailed, OmniwattError
from omniwatt.contract.event import EMPTY, ChoiceEnd, Chunk, Data, Event, Finished, Progress, Segment, TextDelta, Usage
from omniwatt.contract.job import Caller, Demand, Job, Plan
from omniwatt.contract.request import HearBody, MediaPart, Request, SpeakBody, Voice
from omniwatt.flows import RECIPES, sound

CALLER = Caller(key_id="k", name="test", project="p")
FILE = MediaPart(kind="audio", data=b"RIFF", media_type="audio/wav")
USED = Usage(prompt_tokens=2, completion_tokens=5, audio_output_tokens=5)
PIECE = b"\1\0" * 1000


class Stage:
    """Engines in this process; what flows through them is written down in order."""

    def __init__(self, pieces: int = 4, rate_hz: int = 10_000) -> None:
        self.pieces = pieces
        self.rate_hz = rate_hz
        self.jobs: list[tuple[str, Job]] = []
        self.log: list[str] = []
        self.open: list[str] = []
        self.fails: dict[str, OmniwattError] = {}

    def call(self, group: str, job: Job, inputs: AsyncIterator[Chunk]) -> AsyncGenerator[Event]:
        return self._run(group, job, inputs)

    def release(self, group: str) -> None:
        raise AssertionError("nothing is given back ahead of the end")

    async def exchange(self, demand: tuple[Demand, ...]) -> None:
        raise AssertionError("everything was asked for at once")

    async def _run(self, group: str, job: Job, inputs: AsyncIterator[Chunk]) -> AsyncGenerator[Event]:
        self.jobs.append((group, job))
        self.open.append(group)
        try:
            async with aclosing(getattr(self, f"_{group}")(job, inputs)) as events:
                async for event in events:
                    yield event
            if group in self.fails:
                raise self.fails[group]
        finally:
            await asyncio.sleep(0)
            self.open.remove(group)

    async def _media(self, job: Job, inputs: AsyncIterator[Chunk]) -> AsyncGenerator[Event]:
        if job.body.part.data:
            for number in range(self.pieces):
                self.log.append(f"decoded {number}")
                yield Data(PIECE, "audio/pcm")
        async for chunk in inputs:
            self.log.append(f"encoded {len(chunk.data)}")
            yield Data(chunk.data[:10], job.body.media_type)
        yield Finished(Usage())

    async def _ears(self, job: Job, inputs: AsyncIterator[Chunk]) -> AsyncGenerator[Event]:
        async for chunk in inputs:
            self.log.append(f"heard {len(chunk.data)}")
            yield TextDelta(" so", tokens=1)
            yield Progress(0.5, 0.0, "s")
        yield Segment(" so", 0.0, 1.0)
        yield ChoiceEnd("stop")
        yield Finished(Usage(prompt_tokens=25, audio_tokens=25, audio_s=1.0, completion_tokens=4), "ears-1")

    async def _voice(self, job: Job, inputs: AsyncIterator[Chunk]) -> AsyncGenerator[Event]:
        for number in range(self.pieces):
            self.log.append(f"spoken {number}")
            yield Data(PIECE, "audio/pcm", rate_hz=self.rate_hz)
        async for chunk in inputs:
            self.log.append(f"spoken {chunk.text}")
            yield Data(PIECE, "audio/pcm", rate_hz=self.rate_hz)
        yield ChoiceEnd("stop")
        yield Finished(USED, "voice-1", {"seconds": 0.4})


def hearing(part: MediaPart | None = FILE) -> tuple[Plan, Request]:
    plan = Plan(recipe="hear", model="ears", demand=(), helpers={"media": "media"}, deadline_s=9.0, sound_s=1.0)
    body = HearBody(part=part, language="de", words=True)
    return plan, Request(id="r", capability="hear", model="m", body=body, recorded={"user": "u"})


def speaking(audio_format: str = "mp3") -> tuple[Plan, Request]:
    speech = SpeakBody(voice=Voice("joe"), audio_format=audio_format)
    helpers = {"media": "media"} if audio_format else {}
    plan = Plan(recipe="speak", model="voice", demand=(), helpers=helpers, speech=speech)
    body = SpeakBody(voice=Voice("alloy"), text="Hi.", audio_format=audio_format)
    return plan, Request(id="r", capability="speak", model="m", body=body)


def steps(stage: Stage, planned: tuple[Plan, Request], inputs: AsyncIterator[Chunk] = EMPTY) -> AsyncGenerator[Event]:
    plan, request = planned
    return RECIPES[plan.recipe](plan, request, CALLER, stage, inputs)


async def ran(stage: Stage, planned: tuple[Plan, Request], inputs: AsyncIterator[Chunk] = EMPTY) -> list[Event]:
    async with aclosing(steps(stage, planned, inputs)) as events:
        return [event async for event in events]


async def samples() -> AsyncIterator[Chunk]:
    yield Chunk(data=PIECE)


async def test_hearing_is_decoding_and_writing_down() -> None:
    stage = Stage()
    events = await ran(stage, hearing())
    assert [type(event) for event in events] == [*[TextDelta, Progress] * 4, Segment, ChoiceEnd, Finished]
    assert events[1] == Progress(0.5, 1.0, "s")
    (_, heard), (_, decoded) = stage.jobs
    assert heard.body == HearBody(language="de", words=True)
    assert (heard.cache_scope, heard.deadline_s, heard.recorded) == ("p", 9.0, {"user": "u"})
    assert (decoded.body.part, decoded.body.media_type) == (FILE, "audio/pcm")
    assert decoded.body.options == {"sample_rate_hz": 16_000, "channels": 1}
    assert stage.open == []


async def test_nothing_is_decoded_before_it_can_be_heard() -> None:
    stage = Stage()
    await ran(stage, hearing())
    assert stage.log == [line for number in range(4) for line in (f"decoded {number}", f"heard {len(PIECE)}")]


async def test_sound_that_streams_in_is_heard_as_it_is() -> None:
    stage = Stage()
    events = await ran(stage, hearing(None), samples())
    assert [group for group, _ in stage.jobs] == ["ears"]
    assert isinstance(events[-1], Finished)
    assert stage.log == [f"heard {len(PIECE)}"]


async def test_a_file_that_breaks_off_is_the_files_fault() -> None:
    stage = Stage()
    stage.fails["media"] = BadInput("breaks off", param="data")
    with pytest.raises(BadInput, match="breaks off"):
        await ran(stage, hearing())
    assert stage.open == []


async def test_speaking_is_speaking_and_encoding() -> None:
    stage = Stage()
    events = await ran(stage, speaking())
    assert [type(event) for event in events] == [*[Data] * 4, ChoiceEnd, Finished]
    assert events[-1] == Finished(USED, "voice-1", {"seconds": 0.4})
    (_, spoken), (_, encoded) = stage.jobs
    assert spoken.body == SpeakBody(voice=Voice("joe"), text="Hi.", audio_format="mp3")
    assert encoded.body.media_type == "audio/mpeg"
    assert encoded.body.options == {"from_hz": 10_000, "sample_rate_hz": 24_000}
    assert stage.open == []


async def test_the_first_bytes_come_after_the_first_samples() -> None:
    stage = Stage()
    async with aclosing(steps(stage, speaking())) as events:
        first = await anext(events)
    assert isinstance(first, Data)
    assert first.media_type == "audio/mpeg"
    assert stage.log == ["spoken 0", f"encoded {len(PIECE)}"]
    assert stage.open == []


async def test_what_is_spoken_is_billed_as_it_is_spoken() -> None:
    events = await ran(Stage(), speaking())
    made = [event.tokens for event in events if isinstance(event, Data)]
    # A tenth of a second each, 25 tokens a second, whole ones only.
    assert made == [2, 3, 2, 3]


async def test_samples_that_nobody_wants_encoded_go_out_as_they_are() -> None:
    stage = Stage()
    events = await ran(stage, speaking(""))
    assert [group for group, _ in stage.jobs] == ["voice"]
    assert {event.rate_hz for event in events if isinstance(event, Data)} == {10_000}


async def test_a_text_without_anything_to_say_is_a_short_silence() -> None:
    stage = Stage(pieces=0)
    events = await ran(stage, speaking("wav"))
    assert stage.log == [f"encoded {len(sound.SILENCE.data)}"]
    assert stage.jobs[1][1].body.options["from_hz"] == 24_000
    assert sum(isinstance(event, Data) for event in events) == 1


async def test_samples_without_a_rate_are_the_engines_fault() -> None:
    with pytest.raises(EngineFailed, match="rate"):
        await ran(Stage(rate_hz=0), speaking())


@pytest.mark.parametrize("group", ["voice", "media"])
async def test_a_fault_of_either_engine_is_told(group: str) -> None:
    stage = Stage()
    stage.fails[group] = EngineFailed("gone")
    with pytest.raises(EngineFailed, match="gone"):
        await ran(stage, speaking())
    assert stage.open == []


@pytest.mark.parametrize("planned", [hearing(), speaking(), speaking("")], ids=["hear", "speak", "samples"])
async def test_closed_at_every_event_nothing_stays_open(planned: tuple[Plan, Request]) -> None:
    for point in range(len(await ran(Stage(), planned))):
        stage = Stage()
        events = steps(stage, planned)
        for _ in range(point + 1):
            await anext(events)
        await events.aclose()
        assert stage.open == [], f"left open after event {point}"
