"""Letter: a painter that cannot spell paints the prompt without its words, and one that can sets them upon it.

    draw      the prompt without its words ──┐ pixels
      └ letter   Picture, Proof ... Proof    │ Picture, Data ... ChoiceEnd     (once for each picture)

With `Plan.harmonise` the painter goes over the lettered picture before: light and colour meet. What it does to small
glyphs does not matter, for the words are then set anew where they stood, and the proofs are of that.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing
from typing import Any

import msgspec

from omniwatt.contract.error import EngineFailed, UnsupportedField
from omniwatt.contract.event import EMPTY, ChoiceEnd, Chunk, Data, Event, Finished, Picture, Progress, Proof, Usage
from omniwatt.contract.job import Job, Plan
from omniwatt.contract.protocol import Place
from omniwatt.contract.request import DrawBody, MediaPart
from omniwatt.engines.draw.wordless import AVOID, Wordless, lettered, wordless

PAINTED_BYTES = 64 * 1024 * 1024
"""The largest picture that is handed from one engine to the other."""
INLINE_BYTES = 8 * 1024 * 1024
PIECE_BYTES = 192 * 1024
FLAT, FLAT_QUALITY = "image/webp", 95
"""The form in which a lettered picture goes back to the painter."""
UNCHECKED = "The words were left to the painter, and nobody has checked them: no model here letters for it."
LEFT_OUT = ("style", "quality", "not_understood", "faster")
"""What the one that letters says of the prompt as if it had drawn the picture."""


async def lettering(
    plan: Plan, job: Job, place: Place, painter: str, verdicts: AsyncIterator[Chunk]
) -> AsyncGenerator[Event]:
    """The pictures of `job`, as of one engine that paints and letters, ending in Finished. Raises EngineFailed."""
    if not isinstance(job.body, DrawBody):
        raise EngineFailed("Only a picture can be lettered.")
    easel = Easel(plan, job, place, painter)
    for index in range(job.body.n):
        async with aclosing(easel.picture(index, verdicts)) as events:
            async for event in events:
                yield event
    yield Finished(easel.usage, easel.model)


class Easel:
    """Carries one picture at a time from the painter to the one that letters."""

    def __init__(self, plan: Plan, job: Job, place: Place, painter: str) -> None:
        if not isinstance(job.body, DrawBody):
            raise EngineFailed("Only a picture can be lettered.")
        self.usage = Usage()
        self.model = job.model
        self._plan, self._job, self._place, self._painter = plan, job, place, painter
        self._body: DrawBody = job.body
        self._wordless: Wordless = wordless(self._body.prompt)
        self._painted: Picture | None = None
        self._pixels = b""

    async def picture(self, index: int, verdicts: AsyncIterator[Chunk]) -> AsyncGenerator[Event]:
        """One of the pictures, from its sketches to its end."""
        seed = None if self._body.seed is None else self._body.seed + index
        bare = msgspec.structs.replace(
            self._body,
            prompt=self._wordless.prompt,
            avoid=AVOID,
            bare=True,
            media_type="image/png",
            n=1,
            seed=seed,
            color_space="srgb",
        )
        async with aclosing(self._paint(bare, index)) as events:
            async for event in events:
                yield event
        first, ground = self._first(), self._pixels
        notes: list[str] = []
        if self._plan.harmonise and self._body.quality != "low":
            async with aclosing(self._harmonise(bare, ground, notes)) as events:
                async for event in events:
                    yield event
        if index == self._body.n - 1 and self._painter != self._plan.helpers["letter"]:
            self._place.release(self._painter)
        async with aclosing(self._letter(self._asked(first), Given((ground, self._pixels), verdicts))) as events:
            async for event in events:
                yield self._told(event, first, index, notes)

    async def _paint(self, body: DrawBody, index: int) -> AsyncGenerator[Event]:
        """Its sketches, and how far it is; the picture itself is kept."""
        self._painted, kept, size_bytes, sketching = None, list[bytes](), 0, False
        job = msgspec.structs.replace(self._job, body=body)
        async with aclosing(self._place.call(self._painter, job, EMPTY)) as events:
            async for event in events:
                match event:
                    case Picture(partial=None):
                        self._painted, sketching = event, False
                    case Picture():
                        sketching = True
                        yield msgspec.structs.replace(event, index=index)
                    case Data() if sketching:
                        yield msgspec.structs.replace(event, index=index)
                    case Data():
                        kept.append(event.data)
                        size_bytes += len(event.data)
                        if size_bytes > PAINTED_BYTES:
                            raise EngineFailed("The painter made more bytes than can be lettered.")
                    case Progress():
                        yield event
                    case Finished():
                        self.usage, self.model = added(self.usage, event.usage), event.model or self.model
        self._pixels = b"".join(kept)

    def _first(self) -> Picture:
        if self._painted is None or not self._pixels:
            raise EngineFailed("The painter made no picture.")
        return self._painted

    async def _harmonise(self, bare: DrawBody, ground: bytes, notes: list[str]) -> AsyncGenerator[Event]:
        """The painter goes over the lettered picture; what cannot be gone over stays as it is, and `notes` say so."""
        first = self._first()
        asked = msgspec.structs.replace(
            self._asked(first), width_px=first.width_px, height_px=first.height_px, media_type=FLAT, mask=None,
            compression=FLAT_QUALITY, preset="",
        )  # fmt: skip
        flat = b""
        async with aclosing(self._letter(asked, Given((ground, ground), EMPTY))) as events:
            async for event in events:
                flat += event.data if isinstance(event, Data) else b""
        if len(flat) > INLINE_BYTES:
            notes.append("not harmonised: the picture is too large")
            return
        image = MediaPart("image", data=flat, media_type=FLAT)
        over = msgspec.structs.replace(
            bare, task="vary", images=(image,), mask=None, strength=self._plan.harmonise, partial_images=0,
            width_px=first.width_px, height_px=first.height_px, seed=asked.seed,
        )  # fmt: skip
        try:
            async with aclosing(self._paint(over, 0)) as events:
                async for event in events:
                    yield event
        except UnsupportedField as error:
            notes.append(f"not harmonised: {error.message}")
            self._painted, self._pixels = first, ground
        self._first()

    async def _letter(self, body: DrawBody, inputs: "Given") -> AsyncGenerator[Event]:
        letterer = self._plan.helpers["letter"]
        job = msgspec.structs.replace(self._job, capability="letter", model=self.model, body=body)
        async with aclosing(self._place.call(letterer, job, inputs)) as events:
            async for event in events:
                if not isinstance(event, Finished):
                    yield event

    def _asked(self, first: Picture) -> DrawBody:
        """What the one that letters is asked: the file that the caller wants, of a picture this large at least."""
        body, seed = self._body, first.details.get("seed")
        return msgspec.structs.replace(
            body, task="generate", images=(), n=1, partial_images=0, seed=seed if isinstance(seed, int) else body.seed,
            width_px=body.width_px or first.width_px, height_px=body.height_px or first.height_px,
        )  # fmt: skip

    def _told(self, event: Event, first: Picture, index: int, notes: list[str]) -> Event:
        """The event as of this picture; a Picture says what was painted and what was lettered."""
        if isinstance(event, Picture):
            size = (first.width_px, first.height_px)
            own = {name: value for name, value in event.details.items() if name not in LEFT_OUT}
            enlarged = event.width_px * event.height_px > first.width_px * first.height_px
            details: dict[str, Any] = first.details | own | {"enlarged": enlarged}
            details |= {"painted_size": f"{size[0]}x{size[1]}"} if size != (event.width_px, event.height_px) else {}
            details |= {"notes": [*own.get("notes", ()), *notes]} if notes else {}
            words = lettered(first.revised_prompt or self._wordless.prompt, self._wordless.texts)
            return msgspec.structs.replace(event, index=index, details=details, revised_prompt=words)
        if isinstance(event, Data | Proof | ChoiceEnd):
            return msgspec.structs.replace(event, index=index)
        return event


class Given(AsyncIterator[Chunk]):
    """A picture in pieces, before it the ground that lettering is fitted to where that is another; then verdicts."""

    def __init__(self, states: tuple[bytes, bytes], verdicts: AsyncIterator[Chunk]) -> None:
        self._pieces: Iterator[Chunk] = pieces(*states)
        self._verdicts = verdicts

    async def __anext__(self) -> Chunk:
        piece = next(self._pieces, None)
        return piece if piece is not None else await anext(self._verdicts)


def pieces(ground: bytes, painted: bytes) -> Iterator[Chunk]:
    """The ground only where it is another picture."""
    states = [("painted", painted)] if ground is painted else [("ground", ground), ("painted", painted)]
    for name, data in states:
        for start in range(0, len(data), PIECE_BYTES):
            yield Chunk(data=data[start : start + PIECE_BYTES])
        yield Chunk(control=name)


def unchecked(texts: tuple[str, ...]) -> dict[str, Any]:
    """What is said of words that a painter wrote by itself."""
    entry = {"recognised": None, "cer": None, "attempts": 1, "exact": False, "verified": False}
    return {"text_verification": [{"requested": text} | entry for text in texts], "notes": [UNCHECKED]}


def added(one: Usage, other: Usage) -> Usage:
    """Two usages as one, by their counts."""
    counts = ("prompt_tokens", "completion_tokens", "image_tokens", "image_output_tokens")
    return Usage(**{name: getattr(one, name) + getattr(other, name) for name in counts})
