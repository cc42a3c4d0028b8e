"""The draw recipe: proofs are read in rounds, what cannot be read is said so, tokens follow what was painted."""

from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

import msgspec
import pytest

from omniwatt.contract.error import EngineFailed
from omniwatt.contract.event import (
    ChoiceEnd,
    Chunk,
    Data,
    Event,
    Fact,
    Finished,
    Picture,
    Progress,
    Proof,
    Usage,
    Verdict,
)
from omniwatt.contract.job import Caller, Demand, Job, Plan
from omniwatt.contract.request import DrawBody, Request, SeeBody
from omniwatt.flows.draw import Bill, batches, run

CALLER = Caller(key_id="k", name="n", project="p")
BODY = DrawBody("x" * 40, width_px=1024, height_px=1024, quality="high")


class Place:
    """A painter that letters two lines, and a reader that says what it is told to, round by round."""

    def __init__(self, rounds: list[list[str]] | Exception) -> None:
        self.rounds = rounds
        self.exact = {1, 2, 3}
        self.shown: list[int] = []
        self.verdicts: list[Verdict] = []
        self.released: list[str] = []

    def call(self, group: str, job: Job, inputs: AsyncIterator[Chunk]) -> AsyncGenerator[Event]:
        return self._see(job) if group == "reader" else self._draw(inputs)

    def release(self, group: str) -> None:
        self.released.append(group)

    async def exchange(self, demand: tuple[Demand, ...]) -> None:
        raise AssertionError("a picture has all it needs from the beginning")

    async def _see(self, job: Job) -> AsyncGenerator[Event]:
        if isinstance(self.rounds, Exception):
            raise self.rounds
        assert isinstance(job.body, SeeBody)
        assert job.body.whole_line
        self.shown.append(len(job.body.images))
        texts = self.rounds.pop(0)
        yield Fact({"lines": [{"text": text, "image": place} for place, text in enumerate(texts)]})
        yield Finished(Usage())

    async def _draw(self, inputs: AsyncIterator[Chunk]) -> AsyncGenerator[Event]:
        left, attempt = ["one", "two"], 1
        lines = [0, 1]
        while lines:
            for line in lines:
                yield Proof(
                    left[line], b"png", line, exact=attempt in self.exact, attempt=attempt, last=line == lines[-1]
                )
            verdict = Verdict()
            async for chunk in inputs:
                verdict = msgspec.json.decode(chunk.text, type=Verdict)
                break
            self.verdicts.append(verdict)
            lines = list(verdict.again)
            attempt += 1
        yield Picture(1024, 1024, "image/png", details={"quality": "high"})
        for number in range(4):
            yield Progress(number + 1, 4, "tiles")
            yield Data(b"row", "image/png")
        yield ChoiceEnd("stop")
        yield Finished(Usage(), "painter")


async def events_of(place: Place, see: str = "reader") -> list[Event]:
    plan = Plan("draw", "painter", (Demand("painter"),), helpers={"see": see} if see else {})
    request = Request("r", "draw", "m", BODY)
    return [event async for event in run(plan, request, CALLER, place, _nothing())]


async def _nothing() -> AsyncGenerator[Chunk]:
    for nothing in ():
        yield nothing


def said(events: list[Event]) -> list[dict[str, Any]]:
    (picture,) = [event for event in events if isinstance(event, Picture)]
    return list(picture.details["text_verification"])


async def test_what_was_read_exactly() -> None:
    place = Place([["one", "two"]])
    lines = said(await events_of(place))
    assert [(line["recognised"], line["cer"], line["attempts"], line["verified"]) for line in lines] == [
        ("one", 0.0, 1, True),
        ("two", 0.0, 1, True),
    ]
    assert place.verdicts == [Verdict()]


async def test_only_the_wrong_line_is_lettered_again() -> None:
    place = Place([["one", "twa"], ["two"]])
    lines = said(await events_of(place))
    assert place.shown == [2, 1]
    assert place.verdicts == [Verdict(accepted=False, again=(1,)), Verdict()]
    assert [(line["attempts"], line["verified"]) for line in lines] == [(1, True), (2, True)]


async def test_three_rounds_at_most_and_what_stays_wrong_is_said() -> None:
    place = Place([["one", "tw"], ["tw"], ["t"]])
    lines = said(await events_of(place))
    assert place.shown == [2, 1, 1]
    assert place.verdicts[-1] == Verdict(settled={1: 1})
    assert lines[1] == {
        "requested": "two",
        "recognised": "tw",
        "cer": 0.3333,
        "attempts": 3,
        "exact": True,
        "verified": False,
    }


@pytest.mark.parametrize(("readings", "kept"), [(["tw", "t", "t"], 1), (["t", "tw", "t"], 2), (["t", "t", "tw"], 3)])
async def test_whether_a_line_is_exact_is_said_of_the_attempt_that_is_kept(readings: list[str], kept: int) -> None:
    first, *rest = readings
    place = Place([["one", first], *([text] for text in rest)])
    place.exact = {kept}
    assert said(await events_of(place))[1]["exact"] is True
    place = Place([["one", first], *([text] for text in rest)])
    place.exact = {1, 2, 3} - {kept}
    assert said(await events_of(place))[1]["exact"] is False


@pytest.mark.parametrize("see", ["", "reader"])
async def test_without_a_reader_or_with_a_broken_one_nothing_is_verified(see: str) -> None:
    place = Place(EngineFailed("no eyes"))
    lines = said(await events_of(place, see))
    assert {(line["recognised"], line["cer"], line["verified"]) for line in lines} == {(None, None, False)}


async def test_the_reader_is_free_while_pixels_come() -> None:
    place = Place([["one", "two"]])
    await events_of(place)
    assert place.released == ["reader"]
    alone = Place([["one", "two"]])
    await events_of(alone, see="")
    assert alone.released == []


class TellsTwice(Place):
    """Of each picture: before its lines are proved, and once more, behind a sketch, when they have been."""

    async def _draw(self, inputs: AsyncIterator[Chunk]) -> AsyncGenerator[Event]:
        for index in range(BODY.n):
            yield Picture(1024, 1024, "image/png", index)
            yield Proof("one", b"png", 0, index, exact=True, attempt=1, last=True)
            async for _ in inputs:
                break
            yield Picture(512, 512, "image/png", index, partial=0)
            yield Data(b"sketch", "image/png", index)
            yield Picture(1024, 1024, "image/png", index)
            yield Fact({"released": list(self.released)})
            yield Data(b"row", "image/png", index)
        yield Finished(Usage(), "painter")


async def test_the_reader_is_free_as_soon_as_the_last_picture_is_proved(monkeypatch: pytest.MonkeyPatch) -> None:
    """A large picture's first pixels take seconds, and who asks for one meanwhile needs the reader to begin."""
    monkeypatch.setitem(globals(), "BODY", msgspec.structs.replace(BODY, n=2))
    place = TellsTwice([["one"], ["one"]])
    events = await events_of(place)
    assert [event.values["released"] for event in events if isinstance(event, Fact)] == [[], ["reader"]]
    assert place.shown == [1, 1]
    assert place.released == ["reader"]


async def test_tokens_follow_what_is_painted() -> None:
    events = await events_of(Place([["one", "two"]]))
    assert [event.tokens for event in events if isinstance(event, Data)] == [1040] * 4
    assert not [event for event in events if isinstance(event, Proof)]
    end = events[-1]
    assert isinstance(end, Finished)
    assert (end.usage.prompt_tokens, end.usage.completion_tokens, end.usage.image_output_tokens) == (10, 4160, 4160)


def test_a_painter_that_counts_for_itself_is_believed() -> None:
    bill = Bill(BODY, 0)
    bill.picture(Picture(1024, 1024, "image/png"))
    assert bill.usage(Usage(5, 7)) == Usage(5, 7)
    assert Bill(msgspec.structs.replace(BODY, explain=True), 0).usage(Usage()) == Usage()


def test_many_proofs_are_read_in_several_calls() -> None:
    proofs = [Proof("t", bytes(size), number) for number, size in enumerate((5, 5, 5, 20, 1))]
    assert [[one.line for one in batch] for batch in batches(proofs, 10)] == [[0, 1], [2], [3], [4]]
