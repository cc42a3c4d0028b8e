"""Draw: the painter paints; what it letters is read back by the model that sees, and set again until it is right.

    draw      Picture, Proof ... Proof ──┐        Picture, Data ... ChoiceEnd
      └ see     reads the proofs         └ Verdict ─> (lettered again, at most ROUNDS times)

For a painter that cannot spell another engine letters (flows/letter.py); what a painter does not understand may be
asked of a model that chats first (flows/opinion.py). Without a model that sees everything is
accepted, and `text_verification` says `verified: false`.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from typing import Any

import msgspec

from omniwatt import tokens
from omniwatt.contract.error import EngineFailed
from omniwatt.contract.event import (
    EMPTY,
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
from omniwatt.contract.job import Caller, Job, Plan
from omniwatt.contract.protocol import Place
from omniwatt.contract.request import DrawBody, MediaPart, Request, SeeBody
from omniwatt.engines.draw.wordless import wordless
from omniwatt.flows.letter import lettering, unchecked
from omniwatt.flows.opinion import second
from omniwatt.flows.reading import Attempt, best, error_rate, hopeless, unreadable

ROUNDS = 3
"""How often a line is lettered at most."""
SEEN_BYTES = 6 * 1024 * 1024
"""Proofs shown to the reader at once; more of them are read in several calls."""
PROOF = "image/png"
TILES = "tiles"


async def run(
    plan: Plan, request: Request, caller: Caller, place: Place, inputs: AsyncIterator[Chunk]
) -> AsyncGenerator[Event]:
    """The painter's events without its proofs; each picture carries `text_verification` and its tokens."""
    if not isinstance(request.body, DrawBody):
        raise EngineFailed("Only a request for a picture can be drawn.")
    async with aclosing(drawn(plan, request, caller, place, plan.model, request.body)) as events:
        async for event in events:
            yield event


async def drawn(
    plan: Plan, request: Request, caller: Caller, place: Place, group: str, body: DrawBody
) -> AsyncGenerator[Event]:
    """The pictures of `body` by the painter `group`, ending in Finished with their usage."""
    job = Job(
        id=request.id,
        capability="draw",
        model=(plan.upstream_model if group == plan.model else "") or group,
        body=body,
        cache_scope=caller.project,
        deadline_s=plan.deadline_s,
        recorded=request.recorded,
    )
    opinion = await second(plan, job, place, group)
    body, job = opinion.body, msgspec.structs.replace(job, body=opinion.body)
    reader = Reader(plan, request.id, place)
    bill = Bill(body, plan.image_tokens)
    inputs = reader.verdicts if reader.group else EMPTY
    words = () if plan.spells else wordless(body.prompt).texts
    letterer = plan.helpers.get("letter", "") if words else ""
    source = lettering(plan, job, place, group, inputs) if letterer else place.call(group, job, inputs)
    async with aclosing(source) as events:
        async for event in events:
            match event:
                case Proof():
                    await reader.take(event)
                case Picture():
                    reader.sketches(event)
                    if reader.proved(event):
                        reader.rest(event.index, last=body.n - 1, beside=letterer or group)
                    details = event.details | {"tokens": bill.picture(event)} | reader.details(event.index)
                    details |= opinion.details
                    details |= unchecked(words) if words and not letterer else {}
                    yield msgspec.structs.replace(event, details=details)
                case Data():
                    reader.rest(event.index, last=body.n - 1, beside=letterer or group)
                    yield msgspec.structs.replace(event, tokens=bill.new_tokens())
                case Progress():
                    bill.progress(event)
                    yield event
                case Finished():
                    reader.verdicts.end()
                    yield msgspec.structs.replace(event, usage=opinion.added(bill.usage(event.usage)))
                case _:
                    yield event


class Verdicts(AsyncIterator[Chunk]):
    """What the painter is told of its proofs."""

    def __init__(self) -> None:
        self._said: asyncio.Queue[Chunk | None] = asyncio.Queue()

    def say(self, verdict: Verdict) -> None:
        """Answer one round of proofs."""
        self._said.put_nowait(Chunk(text=msgspec.json.encode(verdict).decode(), control="verdict"))

    def end(self) -> None:
        """There will be no more proofs."""
        self._said.put_nowait(None)

    async def __anext__(self) -> Chunk:
        chunk = await self._said.get()
        if chunk is None:
            raise StopAsyncIteration
        return chunk


class Reader:
    """Reads proofs back, and remembers what was requested and what was recognised, line by line."""

    def __init__(self, plan: Plan, request_id: str, place: Place) -> None:
        self.group = plan.helpers.get("see", "")
        self.verdicts = Verdicts()
        self._plan = plan
        self._request_id = request_id
        self._place = place
        self._round: list[Proof] = []
        self._rested = False
        self._sketching = False
        self._newest = -1
        self._lines: dict[int, dict[int, dict[str, Any]]] = {}
        self._attempts: dict[tuple[int, int], list[Attempt]] = {}

    async def take(self, proof: Proof) -> None:
        """Keep a proof; the last of a round is answered with a verdict on them all."""
        self._round.append(proof)
        if not proof.last:
            return
        proofs, self._round = self._round, []
        read = await self._read(proofs) if self.group else None
        texts: Sequence[tuple[str, str | None] | None] = read or [None] * len(proofs)
        verdict = Verdict()
        for one, text in zip(proofs, texts, strict=True):
            verdict = joined(verdict, one, self._note(one, text))
        if self.group:
            self.verdicts.say(verdict)

    def sketches(self, picture: Picture) -> None:
        """What follows is a sketch, or the picture itself."""
        self._sketching = picture.partial is not None

    def proved(self, picture: Picture) -> bool:
        """Whether its lines have all been proved: a painter tells of a picture before that, and once more after it."""
        again = picture.partial is None and picture.index == self._newest
        if picture.partial is None:
            self._newest = picture.index
        return again

    def rest(self, index: int, *, last: int, beside: str) -> None:
        """Its lines have been proved, or pixels come already: there are no more proofs once it is the last picture,
        and a large one takes minutes. The reader's slot is free for others then, who could not even begin without it,
        unless it is the painter's own group."""
        if self.group and self.group != beside and index == last and not self._rested and not self._sketching:
            self._rested = True
            self._place.release(self.group)

    def details(self, index: int) -> dict[str, Any]:
        """`text_verification` of picture `index`, where there is text in it."""
        lines = self._lines.get(index)
        return {"text_verification": [lines[line] for line in sorted(lines)]} if lines else {}

    def _note(self, proof: Proof, texts: tuple[str, str | None] | None) -> int:
        """Enter one line; the attempt it is to be set for next: its own where it stays as it is."""
        made = self._attempts.setdefault((proof.index, proof.line), [])
        entry: dict[str, Any] = {"requested": proof.text, "recognised": None, "cer": None}
        entry |= {"attempts": proof.attempt, "exact": proof.exact, "verified": False}
        self._lines.setdefault(proof.index, {})[proof.line] = entry
        if texts is None:
            return proof.attempt
        made.append(Attempt(proof.attempt, texts[0], error_rate(proof.text, texts[0]), texts[1], proof.exact))
        kept = best(made)
        entry |= {"recognised": kept.text, "cer": round(kept.rate, 4), "exact": kept.exact, "verified": kept.rate == 0}
        if kept.rate and (never := unreadable(proof.text, made)):
            entry["unreadable"] = list(never)
        if kept.rate and proof.attempt < ROUNDS and not hopeless(proof.text, made):
            return proof.attempt + 1
        return kept.number

    async def _read(self, proofs: Sequence[Proof]) -> list[tuple[str, str | None]] | None:
        """The text of each proof, and of its plain lettering; None where the reader failed: the picture is still worth
        having."""
        found: list[tuple[str, str | None]] = []
        try:
            for batch in batches(proofs, SEEN_BYTES):
                texts = await self._see([one.data for one in batch] + [one.plain for one in batch if one.plain])
                plain = iter(texts[len(batch) :])
                found += [(text, next(plain) if one.plain else None) for one, text in zip(batch, texts, strict=False)]
        except EngineFailed:
            return None
        return found

    async def _see(self, pictures: Sequence[bytes]) -> list[str]:
        parts = tuple(MediaPart("image", data=data, media_type=PROOF) for data in pictures)
        job = Job(
            id=self._request_id,
            capability="see",
            model=self.group,
            body=SeeBody(images=parts, whole_line=True),
            deadline_s=self._plan.deadline_s,
        )
        texts = [""] * len(pictures)
        async with aclosing(self._place.call(self.group, job, EMPTY)) as events:
            async for event in events:
                if isinstance(event, Fact):
                    for line in event.values.get("lines", ()):
                        texts[int(line.get("image", 0))] += str(line.get("text", ""))
        return texts


def joined(verdict: Verdict, proof: Proof, attempt: int) -> Verdict:
    """The verdict with what is to become of one more line: the attempt it is to be set for."""
    if attempt > proof.attempt:
        return msgspec.structs.replace(verdict, accepted=False, again=(*verdict.again, proof.line))
    if attempt < proof.attempt:
        return msgspec.structs.replace(verdict, settled=verdict.settled | {proof.line: attempt})
    return verdict


def batches(proofs: Sequence[Proof], limit_bytes: int) -> list[list[Proof]]:
    """The proofs in their order, in groups of at most `limit_bytes` of pictures (one at least)."""
    found: list[list[Proof]] = []
    held = 0
    for proof in proofs:
        size = len(proof.data) + len(proof.plain)
        if not found or held + size > limit_bytes:
            found.append([])
            held = 0
        found[-1].append(proof)
        held += size
    return found


class Bill:
    """Tokens of the pictures as they come: the size and quality really drawn, and what of it is painted so far."""

    def __init__(self, body: DrawBody, image_tokens: int) -> None:
        self._prompt = tokens.estimate_text(body.prompt)
        self._image_tokens = image_tokens
        self._quality = body.quality
        self._free = body.explain
        self._partial = 0
        self._pictures: dict[int, int] = {}
        self._index = 0
        self._told = 0
        self._done = 0.0

    def picture(self, event: Picture) -> dict[str, int]:
        """What this picture costs: tokens of the words and pictures it was made from, and its own."""
        if event.partial is not None:
            self._partial += tokens.PARTIAL_TOKENS
            own = tokens.PARTIAL_TOKENS
        else:
            quality = str(event.details.get("quality") or self._quality)
            own = tokens.picture_tokens(event.width_px, event.height_px, quality)
            self._pictures[event.index] = own
            self._index, self._done = event.index, 0.0
        first = event.index == 0
        return {
            "text": self._prompt if first else 0,
            "image": self._image_tokens if first else 0,
            "output": own,
        }

    def progress(self, event: Progress) -> None:
        """How much of the picture in hand is painted."""
        if event.unit == TILES and event.total:
            self._done = min(1.0, event.done / event.total)

    def new_tokens(self) -> int:
        """Tokens painted since this was last asked: what is billed where the caller leaves."""
        before = sum(count for index, count in self._pictures.items() if index != self._index)
        painted = self._partial + before + int(self._pictures.get(self._index, 0) * self._done)
        new, self._told = max(0, painted - self._told), max(self._told, painted)
        return new

    def usage(self, own: Usage) -> Usage:
        """The whole; a painter that counts for itself (a relayed one) is believed, and an estimate is free."""
        if own.total_tokens or self._free:
            return own
        made = self._partial + sum(self._pictures.values())
        return Usage(
            prompt_tokens=self._prompt + self._image_tokens,
            image_tokens=self._image_tokens,
            completion_tokens=made,
            image_output_tokens=made,
            energy=own.energy,
            compute=own.compute,
        )
