"""Pictures of one engine lettered by another: who is asked what, in which order, and what is said of it."""

from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

import msgspec
import pytest

from omniwatt.contract.error import EngineFailed, UnsupportedField
from omniwatt.contract.event import EMPTY, ChoiceEnd, Chunk, Data, Event, Fact, Finished, Picture, Proof, Usage
from omniwatt.contract.job import Caller, Demand, Job, Plan
from omniwatt.contract.request import DrawBody, MediaPart, Request
from omniwatt.flows import letter
from omniwatt.flows.draw import run

CALLER = Caller(key_id="k", name="n", project="p")
BODY = DrawBody('a wall with the words "one two"', width_px=2048, height_px=1024, n=2, seed=7, quality="high")
IMAGE = MediaPart("image", b"given")


class Place:
    """A painter of its own size, one that letters, a reader; what each was asked is kept."""

    def __init__(self, read: str = "one two", fault: Exception | None = None, pixels: bytes = b"pixels") -> None:
        self.asked: list[tuple[str, Job]] = []
        self.given: list[dict[str, bytes]] = []
        self.released: list[str] = []
        self._read, self._fault, self._pixels = read, fault, pixels

    def call(self, group: str, job: Job, inputs: AsyncIterator[Chunk]) -> AsyncGenerator[Event]:
        assert group not in self.released
        self.asked.append((group, job))
        return {"painter": self._paint, "letterer": self._letter, "reader": self._see}[group](job, inputs)

    def release(self, group: str) -> None:
        self.released.append(group)

    async def exchange(self, demand: tuple[Demand, ...]) -> None:
        raise AssertionError("a picture has all it needs from the beginning")

    async def _paint(self, job: Job, inputs: AsyncIterator[Chunk]) -> AsyncGenerator[Event]:
        body = job.body
        assert isinstance(body, DrawBody)
        if body.task == "vary" and self._fault:
            raise self._fault
        yield Picture(64, 32, "image/png", 0, 0, "sketch")
        yield Data(b"sketch", "image/png")
        yield Picture(512, 256, "image/png", 0, None, body.prompt, {"seed": body.seed, "steps": 9})
        yield Data(self._pixels + (b" gone over" if body.task == "vary" else b""), "image/png")
        yield ChoiceEnd("stop")
        yield Finished(Usage(3, 50, image_output_tokens=50), "painter-1")

    async def _letter(self, job: Job, inputs: AsyncIterator[Chunk]) -> AsyncGenerator[Event]:
        body, found, data = job.body, dict[str, bytes](), b""
        assert isinstance(body, DrawBody)
        async for chunk in inputs:
            data += chunk.data
            if chunk.control:
                found[chunk.control], data = data, b""
            if chunk.control == "painted":
                break
        self.given.append(found)
        if body.media_type == "image/png":
            yield Proof("one two", b"png", 0, last=True)
            verdict = await anext(inputs, None)
            assert verdict is not None
        details = {"seed": body.seed, "style": "cartoon", "quality": "low", "lines": ["a line"]}
        yield Picture(body.width_px, body.height_px, body.media_type, 0, None, "the letterer's words", details)
        yield Data(b"file", body.media_type)
        yield ChoiceEnd("stop")
        yield Finished(Usage())

    async def _see(self, job: Job, inputs: AsyncIterator[Chunk]) -> AsyncGenerator[Event]:
        yield Fact({"lines": [{"text": self._read, "image": 0}]})
        yield Finished(Usage())


async def events_of(place: Place, body: DrawBody = BODY, **fields: Any) -> list[Event]:
    helpers = fields.pop("helpers", {"see": "reader", "letter": "letterer"})
    plan = Plan("draw", "painter", (Demand("painter"),), helpers=helpers, spells=False, **fields)
    return [event async for event in run(plan, Request("r", "draw", "m", body), CALLER, place, EMPTY)]


def finals(events: list[Event]) -> list[Picture]:
    return [event for event in events if isinstance(event, Picture) and event.partial is None]


async def test_the_painter_never_hears_of_the_words() -> None:
    place = Place()
    events = await events_of(place)
    assert [group for group, _ in place.asked] == ["painter", "letterer", "reader"] * 2
    for index in (0, 1):
        painted, lettered = place.asked[3 * index][1].body, place.asked[3 * index + 1][1].body
        assert isinstance(painted, DrawBody)
        assert isinstance(lettered, DrawBody)
        assert (painted.prompt, painted.n, painted.seed, painted.bare) == ("a wall", 1, 7 + index, True)
        assert "letters" in painted.avoid
        assert (lettered.prompt, lettered.width_px, lettered.height_px) == (BODY.prompt, 2048, 1024)
        assert (lettered.seed, lettered.bare) == (7 + index, False)
    assert place.given == [{"painted": b"pixels"}] * 2
    assert [event.index for event in events if isinstance(event, ChoiceEnd)] == [0, 1]


async def test_what_is_said_of_a_lettered_picture() -> None:
    place = Place()
    events = await events_of(place)
    assert [(picture.index, picture.width_px) for picture in finals(events)] == [(0, 2048), (1, 2048)]
    assert finals(events)[0].revised_prompt == "a wall; lettered upon it: “one two”"
    details = finals(events)[0].details
    assert (details["steps"], details["enlarged"], details["painted_size"]) == (9, True, "512x256")
    assert details["lines"] == ["a line"]
    assert "style" not in details
    (line,) = details["text_verification"]
    assert (line["requested"], line["recognised"], line["verified"]) == ("one two", "one two", True)
    assert place.released[0] == "painter"
    end = events[-1]
    assert isinstance(end, Finished)
    assert (end.usage.prompt_tokens, end.usage.completion_tokens, end.usage.image_output_tokens) == (6, 100, 100)
    assert end.model == "painter-1"


async def test_sketches_are_passed_on_under_their_own_number() -> None:
    events = await events_of(Place())
    sketches = [event.index for event in events if isinstance(event, Picture) and event.partial is not None]
    assert sketches == [0, 1]


async def test_a_picture_is_gone_over_before_it_is_lettered_for_good() -> None:
    place = Place()
    await events_of(place, msgspec.structs.replace(BODY, n=1), harmonise=0.25)
    assert [group for group, _ in place.asked] == ["painter", "letterer", "painter", "letterer", "reader"]
    first, over, last = (place.asked[number][1].body for number in (1, 2, 3))
    assert isinstance(first, DrawBody)
    assert isinstance(over, DrawBody)
    assert isinstance(last, DrawBody)
    assert (first.media_type, first.width_px) == ("image/webp", 512)
    assert (over.task, over.strength, over.images[0].data, over.prompt) == ("vary", 0.25, b"file", "a wall")
    assert (over.seed, over.width_px, over.partial_images) == (7, 512, 0)
    assert (last.media_type, last.width_px) == ("image/png", 2048)
    assert place.given == [{"painted": b"pixels"}, {"ground": b"pixels", "painted": b"pixels gone over"}]


async def test_a_painter_that_cannot_go_over_a_picture_leaves_it_as_it_is() -> None:
    place = Place(fault=UnsupportedField("This model cannot paint over a picture."))
    events = await events_of(place, msgspec.structs.replace(BODY, n=1), harmonise=0.25)
    assert place.given[-1] == {"painted": b"pixels"}
    assert finals(events)[-1].details["notes"] == ["not harmonised: This model cannot paint over a picture."]


async def test_fast_pictures_are_not_gone_over() -> None:
    place = Place()
    await events_of(place, msgspec.structs.replace(BODY, n=1, quality="low"), harmonise=0.25)
    assert [group for group, _ in place.asked] == ["painter", "letterer", "reader"]


async def test_without_one_that_letters_the_painter_is_left_alone_and_it_is_said() -> None:
    place = Place()
    events = await events_of(place, helpers={"see": "reader"})
    ((_, job),) = place.asked
    assert job.body == BODY
    (line,) = finals(events)[0].details["text_verification"]
    assert line == {
        "requested": "one two", "recognised": None, "cer": None, "attempts": 1, "exact": False, "verified": False,
    }  # fmt: skip
    assert finals(events)[0].details["notes"] == [letter.UNCHECKED]


async def test_a_picture_without_words_is_the_painters_alone() -> None:
    place = Place()
    events = await events_of(place, DrawBody("a wall"))
    assert [group for group, _ in place.asked] == ["painter"]
    assert "text_verification" not in finals(events)[0].details


async def test_what_is_too_large_to_hand_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(letter, "PAINTED_BYTES", 5)
    with pytest.raises(EngineFailed, match="more bytes"):
        await events_of(Place())
    monkeypatch.setattr(letter, "PAINTED_BYTES", 5000)
    with pytest.raises(EngineFailed, match="no picture"):
        await events_of(Place(pixels=b""))


async def test_given_comes_in_pieces_then_verdicts() -> None:
    async def verdicts() -> AsyncIterator[Chunk]:
        yield Chunk(text="{}", control="verdict")

    large = bytes(letter.PIECE_BYTES + 1)
    found = [chunk async for chunk in letter.Given((large, b"over"), verdicts())]
    assert [len(chunk.data) for chunk in found] == [letter.PIECE_BYTES, 1, 0, 4, 0, 0]
    assert [chunk.control for chunk in found] == ["", "", "ground", "", "painted", "verdict"]
