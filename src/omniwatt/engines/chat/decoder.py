"""One prompt into one answer: takes a slot, reads the prompt slice by slice in turn, then yields text as it comes.

While an answer of a higher tier is under way it is broken off between two tokens, and goes on from what it has written:
the cache still holds it, so one token is read again.
"""

from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass, field
from typing import Any, Literal

from omniwatt.contract.error import Cancelled, EngineFailed
from omniwatt.contract.event import Progress, TokenLogprob
from omniwatt.contract.protocol import Context
from omniwatt.engines.chat.precedence import Part, Precedence
from omniwatt.engines.chat.sampling import token_logprobs
from omniwatt.engines.chat.slots import Lease, Slot, SlotPool, Turns
from omniwatt.engines.chat.written import Written, resumable
from omniwatt.engines.llama_server import Generation, LlamaServer

LAST_BATCHES = 4
"""A rest of the prompt this short is read by the request that answers it."""
CELL_STEP = 256
FIRST_CELLS = 512
PREFILL_ONLY = {"n_predict": 0, "temperature": 0.0, "samplers": ["temperature"]}


@dataclass(frozen=True, slots=True)
class Work:
    """One answer to generate. `max_tokens` None means as many as the window holds."""

    ids: Sequence[int]
    scope: str
    window: int
    max_tokens: int | None
    sampling: dict[str, Any]
    top_logprobs: int | None = None
    grammar: dict[str, Any] = field(default_factory=dict)
    tier: str = "default"


@dataclass(slots=True)
class Piece:
    """Text of `tokens` new tokens; the last one has the reason why it ended."""

    text: str
    tokens: int
    logprobs: tuple[TokenLogprob, ...] = ()
    reason: Literal["", "stop", "length"] = ""


@dataclass(slots=True)
class Tally:
    """What one answer consumed."""

    completion_tokens: int = 0
    cached_tokens: int = 0
    evaluated: int = 0
    """Prompt tokens that had to be computed."""


class Decoder:
    """All answers of one loaded model go through here."""

    def __init__(
        self, server: LlamaServer, pool: SlotPool, batch: int, marker: int, precedence: Precedence | None = None
    ) -> None:
        self._server = server
        self._precedence = precedence or Precedence()
        self._marker = marker
        self._pool = pool
        self._batch = batch
        self._turns = Turns()

    async def warm(self, slot: Slot) -> None:
        """Read the public prefix into a slot nobody has used yet."""
        public = self._pool.public
        lease = self._pool.hold(slot, public) if public else None
        if lease is None:
            return
        try:
            async with self._turns.turn("flex"):
                await _drain(self._server.generate(self._feed(public, lease)))
            lease.fed = len(public)
            slot.pristine = True
        finally:
            self._pool.release(lease)

    async def decode(self, work: Work, ctx: Context, tally: Tally) -> AsyncGenerator[Progress | Piece, None]:
        """Progress while a long prompt is read, then pieces, the last one with a reason. Closing it frees the slot."""
        answer = FIRST_CELLS if work.max_tokens is None else work.max_tokens
        cells = min(work.window, len(work.ids) + answer)
        lease = await self._pool.acquire(work.ids, work.scope, cells, anew="seed" in work.sampling, tier=work.tier)
        try:
            with self._precedence.part(work.tier) as part:
                async with aclosing(self._read(work, lease, ctx, tally, part)) as steps:
                    async for step in steps:
                        yield step
                async with aclosing(self._answer(work, lease, ctx, tally, part)) as pieces:
                    async for piece in pieces:
                        yield piece
        finally:
            self._pool.release(lease)

    async def _read(
        self, work: Work, lease: Lease, ctx: Context, tally: Tally, part: Part
    ) -> AsyncGenerator[Progress, None]:
        """Read all but the last few batches of the prompt, giving others their turn between slices."""
        await part.go()
        if lease.reuse == "public":
            # A token no text has makes llama.cpp keep the public prefix exactly, whatever came after it before.
            await _drain(self._server.generate(self._feed([*self._pool.public, self._marker], lease)))
        lease.fed, total = lease.shared, len(work.ids)
        grammar = work.grammar
        while total - lease.fed > LAST_BATCHES * self._batch:
            await part.go()
            async with self._turns.turn(work.tier):
                size = self._batch * (1 if self._turns.contended else 2)
                await ctx.astep("prefill", size)
                feed = self._feed(work.ids[: lease.fed + size], lease) | grammar
                tally.evaluated += await _drain(self._server.generate(feed))
            grammar = {}
            lease.fed += size
            part.took(size)
            yield Progress(lease.fed, total, "tokens")

    def _feed(self, ids: Sequence[int], lease: Lease) -> dict[str, Any]:
        """A request that leaves exactly `ids` in the slot."""
        return {"prompt": list(ids), "stream": True, "return_progress": True, **_place(lease), **PREFILL_ONLY}

    async def _answer(
        self, work: Work, lease: Lease, ctx: Context, tally: Tally, part: Part
    ) -> AsyncGenerator[Piece, None]:
        may_give_way = self._precedence.worth and part.rank > 0 and resumable(work.sampling, work.grammar)
        written = Written(work.grammar, resumable=may_give_way)
        piece = Piece("", 0)
        while not piece.reason:
            await part.go()
            part.stays = not may_give_way
            async with aclosing(self._stretch(work, lease, ctx, tally, part, written)) as pieces:
                async for piece in pieces:
                    yield piece

    async def _stretch(
        self, work: Work, lease: Lease, ctx: Context, tally: Tally, part: Part, written: Written
    ) -> AsyncGenerator[Piece, None]:
        """From where the answer stands to its end, or to where it gives way."""
        before = tally.completion_tokens
        to_read = 1 if before else len(work.ids) - lease.fed
        async with AsyncExitStack() as turn:
            if to_read > self._batch:
                await turn.enter_async_context(self._turns.turn(work.tier))
            await ctx.astep("prefill", to_read)
            body = {"prompt": [*work.ids, *written.ids], **_place(lease), **_answering(work, before), **written.asks}
            async with aclosing(self._server.generate({**body, **work.sampling, **work.grammar})) as generation:
                generation.on_end = part.rest
                async for chunk in generation:
                    if "prompt_progress" in chunk:
                        continue
                    if not tally.completion_tokens:
                        await turn.aclose()
                        part.writes()
                        lease.fed = len(work.ids)
                        tally.evaluated += chunk["timings"]["prompt_n"]
                        tally.cached_tokens = max(0, len(work.ids) - tally.evaluated)
                    piece = _piece(chunk, work, tally, before)
                    written.add(chunk, piece.tokens)
                    part.took(piece.tokens)
                    if not self._room(work, lease, tally) and not piece.reason:
                        piece.reason = "length"
                    if piece.tokens:
                        await ctx.astep("decode", piece.tokens)
                    yield piece
                    if piece.reason:
                        return
                    more = tally.completion_tokens < _limit(work) and not generation.ahead
                    if part.gives_way and more and await written.ready(self._tokenize):
                        generation.on_end = _nothing
                        return
        raise Cancelled("The request was stopped") if ctx.cancelled else EngineFailed("The answer broke off")

    async def _tokenize(self, text: str) -> list[int]:
        return await self._server.tokenize(text, start=False, control=False)

    def _room(self, work: Work, lease: Lease, tally: Tally) -> bool:
        """Whether the cache takes one more token; an answer without a limit takes cells as it grows."""
        if len(work.ids) + tally.completion_tokens < lease.cells or work.max_tokens is not None:
            return True
        return lease.cells >= work.window or self._pool.grow(lease, min(CELL_STEP, work.window - lease.cells))


def _place(lease: Lease) -> dict[str, Any]:
    return {"id_slot": lease.slot.id, "cache_prompt": lease.reuse != "none" or lease.fed > 0}


def _limit(work: Work) -> int:
    return work.window - len(work.ids) if work.max_tokens is None else work.max_tokens


def _answering(work: Work, written: int) -> dict[str, Any]:
    return {"n_predict": _limit(work) - written, "stream": True, "return_progress": True, "timings_per_token": True}


def _piece(chunk: dict[str, Any], work: Work, tally: Tally, before: int) -> Piece:
    choice = chunk["choices"][0]
    made = before + chunk["timings"]["predicted_n"]
    tokens, tally.completion_tokens = made - tally.completion_tokens, made
    logprobs: tuple[TokenLogprob, ...] = ()
    if work.top_logprobs is not None:
        logprobs = token_logprobs(choice["logprobs"], work.top_logprobs)
    return Piece(choice["text"], tokens, logprobs, choice["finish_reason"] or "")


def _nothing() -> None:
    return


async def _drain(generation: Generation) -> int:
    """Wait until a prompt is read; gives back how many of its tokens had to be computed."""
    computed = 0
    async with aclosing(generation):
        async for chunk in generation:
            computed = chunk["timings"]["prompt_n"] if "timings" in chunk else computed
    return computed
