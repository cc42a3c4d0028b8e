"""Text embeddings on llama.cpp: BERT encoders as published, or any embedding model as GGUF."""

import asyncio
import base64
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from omniwatt.contract.error import BadInput, ContextTooLong, EngineFailed
from omniwatt.contract.event import Chunk, Event, Fact, Finished, Usage, Vector
from omniwatt.contract.job import EngineSpec, Job, Loaded
from omniwatt.contract.protocol import Context
from omniwatt.contract.request import CountBody, EmbedBody
from omniwatt.engines.embed.bert_gguf import converted
from omniwatt.engines.llama_server import LlamaServer, base_params, failure, finish, library

EXTRA_THREADS = 2
POOLINGS = ("mean", "cls", "last")


class LlamaCppEmbedder:
    """One embedding model. Options of its card: `pooling` (mean, cls, last; unset: what the GGUF says)."""

    _server: LlamaServer
    _window: int

    def __init__(self) -> None:
        self._opened: LlamaServer | None = None

    async def load(self, spec: EngineSpec, progress: Callable[[float], None]) -> Loaded:
        """Convert once if the model comes as safetensors, then load."""
        slots = max(1, spec.slots)
        model = await asyncio.to_thread(_gguf, spec)
        params = base_params(str(model), threads=spec.threads, gpu_layers=spec.gpu_layers)
        params.embedding = True
        if (pooling := spec.options.get("pooling")) in POOLINGS:
            params.pooling_type = getattr(library().llama_pooling_type, f"LLAMA_POOLING_TYPE_{pooling.upper()}")
        # An encoder reads an input whole: one batch holds the longest, or several short ones.
        self._window = spec.context_window or 512
        params.n_ctx = self._window * slots
        params.n_parallel = slots
        params.n_batch = params.n_ubatch = self._window
        self._server = self._opened = LlamaServer(params, slots + EXTRA_THREADS)
        await self._server.start(progress)
        meta = (await self._server.get("/v1/models"))["data"][0]["meta"]
        self._window = min(self._window, int(meta["n_ctx_train"]))
        progress(1.0)
        details = {"dimensions": int(meta["n_embd"])}
        return Loaded(slots, self._window, spec.threads, psutil.Process().memory_info().rss, details, gated=False)

    async def run(self, job: Job, inputs: AsyncIterator[Chunk], ctx: Context) -> AsyncIterator[Event]:
        """Answer an embed or count job; see Engine.run."""
        if isinstance(job.body, CountBody):
            tokens = len(await self._server.tokenize("\n".join(message.text for message in job.body.messages)))
            yield Fact({"tokens": tokens})
            yield Finished(Usage(prompt_tokens=tokens), job.model)
            return
        if not isinstance(job.body, EmbedBody):
            raise BadInput(f"An embedding model cannot do {job.capability!r}")
        prompts = [await self._ids(text) for text in job.body.inputs]
        for first, batch in _batches(prompts, self._window):
            await ctx.astep("embed", sum(len(ids) for ids in batch))
            for place, vector in enumerate(await self._embed(batch)):
                yield Vector(_shortened(vector, job.body.dimensions), first + place)
        yield Finished(Usage(prompt_tokens=sum(len(ids) for ids in prompts)), job.model)

    async def _ids(self, text: str | tuple[int, ...]) -> list[int]:
        if not isinstance(text, str):
            raise BadInput(
                "This model has its own tokenizer: send text, not token ids "
                "(LangChain: OpenAIEmbeddings(check_embedding_ctx_length=False))",
                param="input",
            )
        ids = await self._server.tokenize(text)
        if len(ids) > self._window:
            raise ContextTooLong.of(len(ids), None, self._window, "input")
        return ids

    async def _embed(self, batch: list[list[int]]) -> list["np.ndarray[Any, Any]"]:
        body = {"input": batch, "encoding_format": "base64"}
        work = asyncio.ensure_future(self._server.on_thread(self._server.embed, body))
        await finish(work)
        answer = work.result()
        if "error" in answer:
            raise failure(answer)
        entries = sorted(answer["data"], key=lambda entry: int(entry["index"]))
        return [np.frombuffer(base64.b64decode(entry["embedding"]), "<f4") for entry in entries]

    async def close(self) -> None:
        """Free the model."""
        if self._opened is not None:
            await self._opened.close()


def _gguf(spec: EngineSpec) -> Path:
    model = Path(spec.artifacts["model"])
    if model.suffix != ".safetensors":
        return model
    try:
        config, vocab = Path(spec.artifacts["config"]), Path(spec.artifacts["vocab"])
    except KeyError as error:
        raise EngineFailed(f"{spec.name} needs a {error} beside its weights") from error
    return converted(model, config, vocab, str(spec.options.get("pooling", "mean")))


def _batches(prompts: Sequence[list[int]], most: int) -> Iterator[tuple[int, list[list[int]]]]:
    """Index of the first, and inputs that together fill one batch."""
    first, held = 0, 0
    for place, ids in enumerate(prompts):
        if place > first and held + len(ids) > most:
            yield first, list(prompts[first:place])
            first, held = place, 0
        held += len(ids)
    if prompts:
        yield first, list(prompts[first:])


def _shortened(vector: "np.ndarray[Any, Any]", dimensions: int | None) -> bytes:
    """The first `dimensions` numbers, brought back to length 1. Raises BadInput when the model has fewer."""
    if dimensions is None or dimensions == len(vector):
        return vector.tobytes()
    if dimensions > len(vector):
        raise BadInput(f"This model has {len(vector)} dimensions", param="dimensions")
    cut = vector[:dimensions]
    return (cut / max(float(np.linalg.norm(cut)), 1e-12)).astype("<f4").tobytes()
