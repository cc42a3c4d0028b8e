"""Chat and completion on llama.cpp: continuous batching over parallel slots, tools, formats, fill-in-the-middle."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing
from functools import partial
from typing import Any

import psutil

from omniwatt.contract.error import BadInput
from omniwatt.contract.event import Chunk, Event, Fact, Finished, Usage
from omniwatt.contract.job import EngineSpec, Job, Loaded
from omniwatt.contract.protocol import Context
from omniwatt.contract.request import ChatBody, CompleteBody, CountBody, Message, TextPart
from omniwatt.engines.chat import batch
from omniwatt.engines.chat.build import Builder
from omniwatt.engines.chat.choice import Choice, Stream, run_best, run_choice, run_together
from omniwatt.engines.chat.decoder import Decoder
from omniwatt.engines.chat.precedence import Precedence
from omniwatt.engines.chat.slots import SlotPool, common
from omniwatt.engines.llama_server import SPIN, LlamaServer, base_params, file_bytes

EXTRA_THREADS = 4
"""Threads beside one for each slot, so that a short call never waits for an answer under way."""
IDLE_S = 1.0
"""The slots are warmed when nobody has asked anything for this long."""
LONG_PROMPT = 256
"""From here on several choices of one prompt run one after another, each on the cache of the one before."""


class LlamaCpp:
    """One GGUF model. Options of its card: `system_prompt`, `sampling`, `n_batch`, `fim`, `chat_template`, `spin`."""

    _server: LlamaServer
    _builder: Builder
    _decoder: Decoder
    _slots: SlotPool
    _at_once: int
    _precedence: Precedence

    def __init__(self) -> None:
        self._opened: LlamaServer | None = None
        self._warming: asyncio.Task[None] | None = None

    async def load(self, spec: EngineSpec, progress: Callable[[float], None]) -> Loaded:
        """Load, find the batch size for this machine, and read what every prompt begins with into the slots."""
        slots = max(1, spec.slots)
        asked = int(spec.options.get("n_batch", 0))
        weights = file_bytes(spec.artifacts["model"])
        size = asked or batch.first_guess(weights, spec.threads, spec.gpu_layers, 2 * slots)
        vocabulary, window = await self._open(spec, size, progress)
        batch_s, token_s = await batch.measure(self._server, size, vocabulary)
        better = batch.fitted(size, batch_s, token_s, 2 * slots)
        if not asked and batch.worth_reloading(size, better):
            await self._server.close()
            size = better
            await self._open(spec, size, progress)
        self._builder = Builder(self._server, spec.options, window, vocabulary)
        await self._builder.look()
        self._at_once = slots
        self._slots = SlotPool(slots, window, slots)
        most = len(self._slots.slots)
        rows = await batch.measure_rows(self._server, most, vocabulary, by_cpu=not spec.gpu_layers)
        self._precedence = Precedence(partial(batch.between, rows), most)
        self._decoder = Decoder(self._server, self._slots, size, vocabulary - 1, self._precedence)
        await self._warm()
        progress(1.0)
        details: dict[str, Any] = {"n_batch": size, "batch_s": round(batch_s, 4), "token_s": round(token_s, 4)}
        details["rows_s"] = [round(rows[number], 4) for number in sorted(rows)]
        memory = psutil.Process().memory_info().rss
        company = batch.company(rows, slots)
        return Loaded(slots, window, spec.threads, memory, details, reserve=slots, company=company, gated=False)

    async def _open(self, spec: EngineSpec, size: int, progress: Callable[[float], None]) -> tuple[int, int]:
        spin = int(spec.options.get("spin", SPIN))
        params = base_params(spec.artifacts["model"], threads=spec.threads, gpu_layers=spec.gpu_layers, spin=spin)
        params.n_ctx = spec.context_window
        # As many again for the first tier: an answer that gives way keeps its slot.
        params.n_parallel = 2 * max(1, spec.slots)
        params.kv_unified = True
        params.n_batch = params.n_ubatch = size
        params.chat_template = str(spec.options.get("chat_template", ""))
        self._server = self._opened = LlamaServer(params, params.n_parallel + EXTRA_THREADS)
        await self._server.start(progress)
        meta = (await self._server.get("/v1/models"))["data"][0]["meta"]
        trained = int(meta["n_ctx_train"])
        return int(meta["n_vocab"]), min(spec.context_window or trained, trained)

    async def _warm(self) -> None:
        """What every conversation without a system message begins with is the same for all tenants.

        Its length is a multiple of four, the rows llama.cpp multiplies at a time: what follows is then computed the
        same way as without the cache. The first slot is read before we are ready, the others when nobody waits.
        """
        one, other = [await self._builder.chat_ids((Message("user", (TextPart(text),)),)) for text in ("a", "?")]
        self._slots.public = one[: common(one, other) // 4 * 4]
        first, *rest = self._slots.slots
        await self._decoder.warm(first)

        async def warm_rest() -> None:
            for slot in rest:
                while self._slots.idle_s < IDLE_S:  # noqa: ASYNC110 - no event says that nothing happens
                    await asyncio.sleep(IDLE_S)
                await self._decoder.warm(slot)

        self._warming = asyncio.create_task(warm_rest())

    async def run(self, job: Job, inputs: AsyncIterator[Chunk], ctx: Context) -> AsyncIterator[Event]:
        """Answer a chat, completion or count job; see Engine.run."""
        if isinstance(job.body, CountBody):
            ids = await self._builder.chat_ids(job.body.messages, job.body.tools)
            yield Fact({"tokens": len(ids)})
            yield Finished(Usage(prompt_tokens=len(ids)), job.model)
            return
        if isinstance(job.body, ChatBody):
            groups = [await self._builder.chat(job, job.body)]
            streams = [self._together(groups[0], ctx)]
        elif isinstance(job.body, CompleteBody):
            groups = await self._builder.complete(job, job.body)
            streams = self._completions(job.body, groups, ctx)
        else:
            raise BadInput(f"A chat model cannot do {job.capability!r}")
        events = streams[0] if len(streams) == 1 else run_together(streams, self._at_once)
        async with aclosing(events):
            async for event in events:
                yield event
        yield Finished(_usage(groups), job.model)

    def _completions(self, body: CompleteBody, groups: Sequence[Sequence[Choice]], ctx: Context) -> list[Stream]:
        streams = []
        for place, group in enumerate(groups):
            stream = self._together(group, ctx)
            if body.best_of > body.sampling.n:
                stream = run_best(
                    stream, body.sampling.n, place * body.sampling.n, with_logprobs=body.sampling.logprobs is not None
                )
            streams.append(stream)
        return streams

    def _together(self, choices: Sequence[Choice], ctx: Context) -> Stream:
        streams = [run_choice(self._decoder, choice, ctx) for choice in choices]
        if len(streams) == 1:
            return streams[0]
        one_by_one = len(choices[0].work.ids) > LONG_PROMPT
        return run_together(streams, 1 if one_by_one else self._at_once)

    async def close(self) -> None:
        """Free the model."""
        if self._warming is not None:
            self._warming.cancel()
            await asyncio.wait([self._warming])
        if self._opened is not None:
            await self._opened.close()


def _usage(groups: Sequence[Sequence[Choice]]) -> Usage:
    """A prompt is billed once for all its choices; what they generate is billed for each."""
    tallies = [choice.tally for group in groups for choice in group]
    return Usage(
        prompt_tokens=sum(len(group[0].work.ids) for group in groups),
        completion_tokens=sum(tally.completion_tokens for tally in tallies),
        cached_tokens=sum(group[0].tally.cached_tokens for group in groups),
    )
