"""The echo engine: one method per capability, all of them deterministic."""

import asyncio
import os
import signal
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from typing import Any

from omniwatt.contract.error import BadInput, ContextTooLong, EngineFailed, UnsupportedField
from omniwatt.contract.event import Chunk, Data, Event, Fact, Finished, TextDelta, Usage, Vector
from omniwatt.contract.job import EngineSpec, Job, Loaded
from omniwatt.contract.protocol import Context
from omniwatt.contract.request import (
    ChatBody,
    CompleteBody,
    CountBody,
    DataBody,
    DrawBody,
    EmbedBody,
    HearBody,
    MediaBody,
    MediaPart,
    SeeBody,
    SpeakBody,
)
from omniwatt.engines.echo import media, picture, script, sound, tokens
from omniwatt.engines.echo.write import Writer, complete, last_words


class Echo:
    """Answers with what it was given."""

    def __init__(self) -> None:
        self._options: dict[str, Any] = {}
        self._model = "echo"
        self._window = 0

    async def load(self, spec: EngineSpec, progress: Callable[[float], None]) -> Loaded:
        """Ready at once, unless the card's `load_s` and `load_fault` say otherwise."""
        self._options, self._model, self._window = spec.options, spec.name, spec.context_window
        plan, _ = script.read(spec.options, "")
        if plan.burn:
            script.round_s()
        for part in range(10):
            progress(part / 10)
            await asyncio.sleep(plan.load_s / 10)
        match plan.load_fault:
            case "fail":
                raise EngineFailed("Echo was asked to fail on loading.")
            case "raise":
                raise RuntimeError("asked to raise on loading")
            case "kill":
                os.kill(os.getpid(), signal.SIGKILL)
        return Loaded(slots=spec.slots, context_window=spec.context_window, threads=plan.burn)

    async def run(self, job: Job, inputs: AsyncIterator[Chunk], ctx: Context) -> AsyncGenerator[Event]:
        """One job of any capability."""
        async with aclosing(self._events(job, inputs, ctx)) as events:
            async for event in events:
                yield event

    async def close(self) -> None:
        """Nothing is held."""

    def _events(self, job: Job, inputs: AsyncIterator[Chunk], ctx: Context) -> AsyncGenerator[Event]:
        body = job.body
        if isinstance(body, MediaBody):
            return self._of_media(job.capability, body, inputs, ctx)
        match body:
            case ChatBody():
                return self._chat(body, ctx)
            case CompleteBody():
                return complete(body, self._writer(_prompt_text(body), ctx))
            case EmbedBody():
                return self._embed(body, ctx)
            case CountBody():
                return self._count(body)
            case HearBody():
                return self._hear(body, inputs, ctx)
            case SpeakBody():
                return self._speak(body, inputs, ctx)
        return self._of_pictures(job.capability, body, inputs, ctx)

    def _of_pictures(
        self, capability: str, body: DrawBody | SeeBody | DataBody, inputs: AsyncIterator[Chunk], ctx: Context
    ) -> AsyncGenerator[Event]:
        match body:
            case DrawBody():
                return self._draw(capability, body, inputs, ctx)
            case SeeBody():
                return picture.read(body, ctx)
        return self._of_data(capability, body, inputs, ctx)

    def _of_media(
        self, capability: str, body: MediaBody, inputs: AsyncIterator[Chunk], ctx: Context
    ) -> AsyncGenerator[Event]:
        if capability == "probe":
            return self._probe(body, ctx)
        return self._transcode(body, ctx) if capability == "transcode" else self._describe(body, inputs, ctx)

    def _of_data(
        self, capability: str, body: DataBody, inputs: AsyncIterator[Chunk], ctx: Context
    ) -> AsyncGenerator[Event]:
        match capability:
            case "see":
                return self._describe(body, inputs, ctx)
            case "live":
                return self._live(inputs, ctx)
        raise UnsupportedField(f"Echo cannot {capability} a text with options.")

    def _writer(self, text: str, ctx: Context) -> Writer:
        plan, words = script.read(self._options, text)
        return Writer(self._model, words, self._window, script.Pace(plan, ctx))

    async def _chat(self, body: ChatBody, ctx: Context) -> AsyncGenerator[Event]:
        prompt = tokens.count_prompt(body)
        limit = body.sampling.max_tokens
        if self._window and prompt + (limit or 1) > self._window:
            raise ContextTooLong.of(prompt, limit, self._window)
        writer = self._writer(last_words(body.messages), ctx)
        await ctx.astep("prefill", prompt)
        async with aclosing(writer.chat(body, prompt)) as events:
            async for event in events:
                yield event

    async def _embed(self, body: EmbedBody, ctx: Context) -> AsyncGenerator[Event]:
        plan, _ = script.read(self._options, "")
        size = plan.dimensions if body.dimensions is None else body.dimensions
        if not 1 <= size <= 4096:
            raise BadInput("dimensions must be between 1 and 4096.", param="dimensions")
        total = 0
        for index, text in enumerate(body.inputs):
            words = text if isinstance(text, str) else _of_numbers(text)
            count = len(tokens.split(words)) if isinstance(text, str) else len(text)
            if self._window and count > self._window:
                raise ContextTooLong.of(count, None, self._window, param="input")
            await ctx.astep("embed", count)
            total += count
            yield Vector(tokens.vector(words, size), index)
        yield self._finished(total)

    async def _count(self, body: CountBody) -> AsyncGenerator[Event]:
        yield Fact({"tokens": tokens.count_prompt(body)})
        yield self._finished(0)

    async def _probe(self, body: MediaBody, ctx: Context) -> AsyncGenerator[Event]:
        await ctx.astep("probe", len(body.part.data))
        facts: dict[str, Any] = {
            "kind": body.part.kind,
            "media_type": body.part.media_type or "application/octet-stream",
            "bytes": len(body.part.data),
        }
        seconds = media.wav_seconds(body.part.data)
        if seconds is not None:
            facts["seconds"] = seconds
        yield Fact(facts)
        yield self._finished(0)

    async def _transcode(self, body: MediaBody, ctx: Context) -> AsyncGenerator[Event]:
        await ctx.astep("probe", len(body.part.data))
        yield Data(body.part.data, body.media_type or body.part.media_type)
        yield self._finished(0)

    async def _describe(
        self, body: DataBody | MediaBody, inputs: AsyncIterator[Chunk], ctx: Context
    ) -> AsyncGenerator[Event]:
        """see: say what came in, also when it came as a stream."""
        parts: list[MediaPart] = [body.part] if isinstance(body, MediaBody) else list(body.parts)
        streamed = 0
        async for chunk in inputs:
            streamed += len(chunk.data)
            await ctx.astep("encode", len(chunk.data) / (2 * media.RATE_HZ))
        said = [f"{len(part.data)} bytes of {part.media_type or part.kind}" for part in parts]
        said += [f"{streamed} streamed bytes"] if streamed else []
        words = body.text if isinstance(body, DataBody) else ""
        writer = self._writer(words, ctx)
        prompt = len(tokens.split(words)) + tokens.MEDIA_TOKENS * len(parts)
        async with aclosing(writer.plain(", ".join(said) or "nothing", prompt)) as events:
            async for event in events:
                yield event

    def _hear(self, body: HearBody, inputs: AsyncIterator[Chunk], ctx: Context) -> AsyncGenerator[Event]:
        """`prompt` may hold a script."""
        plan, _ = script.read(self._options, _scripted(body.prompt))
        return sound.hear(body, script.Pace(plan, ctx), inputs, ctx)

    def _speak(self, body: SpeakBody, inputs: AsyncIterator[Chunk], ctx: Context) -> AsyncGenerator[Event]:
        """The text may begin with a script."""
        plan, _ = script.read(self._options, _scripted(body.text))
        words = Writer(self._model, body.text, 0, script.Pace(plan, ctx)).text()
        return sound.speak(body, script.Pace(plan, ctx), sound.clauses(body, words, inputs), ctx)

    def _draw(
        self, capability: str, body: DrawBody, inputs: AsyncIterator[Chunk], ctx: Context
    ) -> AsyncGenerator[Event]:
        """The prompt may begin with a script; its `tokens` are then the tiles, and its `text` is lettered."""
        plan, _ = script.read(self._options, _scripted(body.prompt))
        draw = picture.letter if capability == "letter" else picture.draw
        return draw(body, script.Pace(plan, ctx), inputs, ctx)

    async def _live(self, inputs: AsyncIterator[Chunk], ctx: Context) -> AsyncGenerator[Event]:
        """Every chunk comes back as it arrives; the control word `end` ends it."""
        pace = script.Pace(script.read(self._options, "")[0], ctx)
        prompt = written = 0
        async for chunk in inputs:
            if chunk.control == "end":
                break
            if chunk.text:
                prompt += len(tokens.split(chunk.text))
                for token in tokens.split(chunk.text):
                    await pace.token()
                    written += 1
                    yield TextDelta(token, tokens=1)
            if chunk.data:
                await ctx.astep("encode", len(chunk.data) / (2 * media.RATE_HZ))
                yield Data(chunk.data, "audio/pcm")
        yield Finished(Usage(prompt_tokens=prompt, completion_tokens=written), self._model)

    def _finished(self, prompt: int) -> Finished:
        return Finished(Usage(prompt_tokens=prompt), self._model)


def _prompt_text(body: CompleteBody) -> str:
    first = body.prompts[0] if body.prompts else ""
    return _scripted(first) if isinstance(first, str) else ""


def _scripted(text: str) -> str:
    return text if text.lstrip().startswith(script.PREFIX) else ""


def _of_numbers(numbers: tuple[int, ...]) -> str:
    return "".join(f" {number}" for number in numbers)
