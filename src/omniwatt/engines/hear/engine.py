"""Whisper: speech in, segments of text out, as soon as each is settled."""

import asyncio
import math
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from omniwatt.contract.error import BadInput, Cancelled, EngineFailed, UnsupportedField
from omniwatt.contract.event import ChoiceEnd, Chunk, Event, Fact, Finished, Progress, TextDelta, Usage
from omniwatt.contract.job import EngineSpec, Job, Loaded
from omniwatt.contract.protocol import Context
from omniwatt.contract.request import HearBody
from omniwatt.engines.hear import activity
from omniwatt.engines.hear.cutting import Span, rules_of
from omniwatt.engines.hear.guard import Limits
from omniwatt.engines.hear.listener import Listener
from omniwatt.engines.hear.mel import RATE_HZ
from omniwatt.engines.hear.recogniser import Recogniser
from omniwatt.engines.hear.transcriber import UNSPACED, Fit, Heard, Transcriber, Wish
from omniwatt.engines.hear.vocabulary import Vocabulary

TOKENS_PER_S = 25
"""What a second of sound counts for, as audio tokens."""
LONG_S = 30.0
"""Sound longer than this is reported on with Progress."""
PATIENCE_S = 0.02
"""Input that takes longer than this is waited for: what is there is worked on meanwhile."""
LIVE_SHARE = 0.5
"""Sound that takes this share of its own length to come is being spoken now."""

BATCH = 6
"""Windows decoded together: each more costs less than the one before, but whoever comes next waits for all of them."""

_T = TypeVar("_T")


class Whisper:
    """Options: `cutting`, `fit` and `limits` (fields of Rules, Fit, Limits), `batch`, `compute_type`, `device`."""

    def __init__(self) -> None:
        self._threads: ThreadPoolExecutor | None = None
        self._recogniser: Recogniser | None = None
        self._activity: activity.Model | None = None
        self._cutting: dict[str, Any] = {}
        self._fit, self._limits, self._batch = Fit(), Limits(), BATCH

    async def load(self, spec: EngineSpec, progress: Callable[[float], None]) -> Loaded:
        """Read the weights. Raises EngineFailed when files are missing, damaged or not Whisper's."""
        options = spec.options
        self._cutting = dict(options.get("cutting", {}))
        rules_of(self._cutting, {})
        try:
            self._fit = msgspec.convert(options.get("fit", {}), Fit)
            self._limits = msgspec.convert(options.get("limits", {}), Limits)
        except msgspec.ValidationError as error:
            raise EngineFailed(f"hear/whisper: {error}.") from None
        self._batch = int(options.get("batch", BATCH))
        self._threads = ThreadPoolExecutor(max(1, spec.slots), thread_name_prefix="hear")
        await self.beside(self._load, spec)
        progress(1.0)
        details = {"multilingual": self._model.multilingual}
        return Loaded(slots=max(1, spec.slots), threads=spec.threads, details=details)

    def run(self, job: Job, inputs: AsyncIterator[Chunk], ctx: Context) -> AsyncGenerator[Event]:
        """Raises BadInput for a language, prompt or cutting that cannot be; silence gives no text at all."""
        body = job.body
        if not isinstance(body, HearBody) or job.capability != "hear":
            raise UnsupportedField(f"This engine hears; it cannot `{job.capability}`.")
        return self._hear(job, body, inputs, ctx)

    async def close(self) -> None:
        """The model goes once the last native call has returned."""
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)

    @property
    def _model(self) -> Recogniser:
        if self._recogniser is None:
            raise EngineFailed("The engine was not loaded.")
        return self._recogniser

    def _load(self, spec: EngineSpec) -> None:
        missing = {"model", "config", "tokenizer", "vocabulary", "vad"} - spec.artifacts.keys()
        if missing:
            raise EngineFailed(f"The card names no file for {', '.join(sorted(missing))}.")
        vocabulary = Vocabulary(Path(spec.artifacts["tokenizer"]))
        self._recogniser = Recogniser(Path(spec.artifacts["model"]).parent, vocabulary, spec.threads, spec.options)
        self._activity = activity.Model(activity.read_weights(Path(spec.artifacts["vad"])))

    async def _hear(
        self, job: Job, body: HearBody, inputs: AsyncIterator[Chunk], ctx: Context
    ) -> AsyncGenerator[Event]:
        if self._activity is None:
            raise EngineFailed("The engine was not loaded.")
        listener = Listener(self._activity, rules_of(self._cutting, body.chunking))
        call = Call(self, self._transcriber(body, ctx), listener, partials=body.partials)
        if body.language:
            call.transcriber.language = self._model.vocabulary.language(body.language)
            call.transcriber.language_probability = 1.0
        try:
            async with aclosing(call.events(inputs)) as events:
                async for event in events:
                    yield event
        finally:
            await call.leave()
        yield ChoiceEnd("stop")
        yield Finished(call.usage(), job.model, call.details())

    def _transcriber(self, body: HearBody, ctx: Context) -> Transcriber:
        if not 0 <= body.temperature <= 1:
            raise BadInput("temperature must be between 0 and 1.", param="temperature")
        own = (body.prompt + "".join(body.keywords)).encode("ascii", "ignore").decode()
        words = " ".join([*([f"Glossary: {', '.join(body.keywords)}."] if body.keywords else []), body.prompt]).strip()
        wish = Wish(
            task=body.task, prompt=tuple(self._model.vocabulary.ids(f" {words}")) if words else (),
            temperature=body.temperature, words=body.words, logprobs=body.logprobs, keywords=body.keywords,
            accurate=body.accurate, latin=any(map(str.isalpha, own)),
        )  # fmt: skip

        def step(kind: str, units: float) -> None:
            if ctx.cancelled:
                raise Cancelled("The request was cancelled.")
            ctx.step(kind, units)

        return Transcriber(self._model, self._fit, self._limits, wish, step)

    async def beside(self, function: Callable[..., _T], *args: Any) -> _T:
        """The result of a blocking call, in a thread."""
        if self._threads is None:
            raise EngineFailed("The engine was not loaded.")
        return await asyncio.get_running_loop().run_in_executor(self._threads, function, *args)

    @property
    def batch(self) -> int:
        """Windows decoded together at most."""
        return self._batch


class Call:
    """One call: reads its input and writes it down, the two by turns, so that neither runs ahead of the other."""

    def __init__(self, engine: Whisper, transcriber: Transcriber, listener: Listener, *, partials: bool) -> None:
        self._engine, self.transcriber, self._listener, self._partials = engine, transcriber, listener, partials
        self._next: asyncio.Future[Chunk] | None = None
        self._guessing: asyncio.Future[str] | None = None
        self._guess_of: Span | None = None
        self._asked_s = 0.0
        self._live = False
        self._batch = 1
        self._segments = 0
        self._tokens = 0
        self._done_s = 0.0

    async def events(self, inputs: AsyncIterator[Chunk]) -> AsyncGenerator[Event]:
        """Text and segments in order, Progress between them."""
        while True:
            live = await self._listen(inputs)
            if self._guessing is not None:
                text = await self._guessed()
                if self._partials and text and not self._listener.ended:
                    yield Fact({"heard": text})
                if live is None:
                    continue
            windows = self._listener.take(self._batch, flush=bool(live))
            if windows:
                for heard in await self._engine.beside(self.transcriber.write, windows):
                    for event in self._told(heard):
                        yield event
                self._done_s = windows[-1].start / 16_000 + windows[-1].seconds
                # The first text should come soon; what follows is cheaper in larger batches.
                self._batch = min(self._engine.batch, 2 * self._batch)
                if self._listener.heard_s > LONG_S:
                    yield Progress(self._done_s, self._listener.heard_s if self._listener.ended else 0.0, "s")
            elif self._listener.ended:
                return

    async def leave(self) -> None:
        """Stop reading, and what was begun."""
        if self._next is not None:
            self._next.cancel()
            await asyncio.wait([self._next])
            self._next = None
        if self._guessing is not None:
            self.transcriber.overtaken = True
            await asyncio.wait([self._guessing])
            self._guessing.exception()

    def usage(self) -> Usage:
        """25 tokens for each second heard, and the tokens written."""
        tokens = math.ceil(TOKENS_PER_S * self._listener.heard_s)
        return Usage(
            prompt_tokens=tokens, audio_tokens=tokens, audio_s=self._listener.heard_s, completion_tokens=self._tokens
        )

    def details(self) -> dict[str, Any]:
        return {
            "language": self.transcriber.language,
            "language_probability": self.transcriber.language_probability,
            "duration_s": self._listener.heard_s,
        }

    async def _listen(self, inputs: AsyncIterator[Chunk]) -> bool | None:
        """Read until there is a batch, the end, or nothing to do but wait; True when the input comes in real time, None
        when only a guess is ready."""
        while not self._listener.ended and self._listener.waiting <= self._batch:
            if self._next is None:
                self._next, self._asked_s = asyncio.ensure_future(anext(inputs)), time.monotonic()
            if not self._next.done():
                self._guess()
                patience_s = PATIENCE_S if self._listener.waiting else None
                waits: set[asyncio.Future[Any]] = {self._next}
                if self._guessing is not None:
                    waits.add(self._guessing)
                await asyncio.wait(waits, timeout=patience_s, return_when=asyncio.FIRST_COMPLETED)
                if self._guessing is not None and self._guessing.done():
                    return None
                if not self._next.done():
                    return True
            read, self._next = self._next, None
            try:
                chunk = read.result()
            except StopAsyncIteration:
                await self._engine.beside(self._listener.end)
            else:
                self._live = time.monotonic() - self._asked_s >= LIVE_SHARE * len(chunk.data) / 2 / RATE_HZ
                await self._engine.beside(self._listener.feed, chunk.data)
                if self._guess_of is not None and self._listener.said() != self._guess_of:
                    self.transcriber.overtaken = True
        return False

    def _guess(self) -> None:
        """Begin to find out what was said, should that be all, while more is listened to."""
        said = self._listener.said() if self._live and self._guessing is None else None
        if said is None or said == self._guess_of:
            return
        window = self._listener.guess()
        if window is not None:
            self._guess_of, self.transcriber.overtaken = said, False
            self._guessing = asyncio.ensure_future(self._engine.beside(self.transcriber.guess, window))

    async def _guessed(self) -> str:
        """The transcriber does one thing at a time. Raises what the guess failed with."""
        guessing, self._guessing = self._guessing, None
        return await guessing if guessing is not None else ""

    def _told(self, heard: Heard) -> list[Event]:
        found: list[Event] = []
        for segment in heard.segments:
            text = segment.text
            if not self._segments:
                text = text.lstrip()
            elif not text.startswith(" ") and heard.language not in UNSPACED:
                text = f" {text}"
            tokens = len(segment.tokens)
            self._tokens += tokens
            found.append(TextDelta(text, tokens=tokens))
            found.append(msgspec.structs.replace(segment, text=text, id=self._segments))
            self._segments += 1
        return found
