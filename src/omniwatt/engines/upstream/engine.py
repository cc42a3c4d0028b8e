"""The relay as an engine: each capability's way to a provider and back."""

import asyncio
import logging
import random
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import aclosing
from functools import partial
from typing import Any

import msgspec

from omniwatt.contract.error import EngineFailed, UnsupportedField, UpstreamFailed
from omniwatt.contract.event import ChoiceEnd, Chunk, Data, Event, Fact, Finished, Picture, TextDelta, Usage
from omniwatt.contract.job import EngineSpec, Job, Loaded
from omniwatt.contract.protocol import Context
from omniwatt.contract.request import ChatBody, CompleteBody, CountBody, DrawBody, EmbedBody, MediaPart
from omniwatt.engines.source import part_bytes
from omniwatt.engines.upstream import asking, drawing
from omniwatt.engines.upstream.answers import Answer, ChatChunk, TextChunk, public_name, usage_of, vectors
from omniwatt.engines.upstream.asking import Json
from omniwatt.engines.upstream.channels import channels_from
from omniwatt.engines.upstream.patience import Patience
from omniwatt.engines.upstream.relay import Call, Relay, Reply

USAGE_WAIT_S = 5.0
"""How long to wait for the usage of an answer that is otherwise complete."""
MAX_MEDIA_BYTES = 64 * 1024 * 1024
MAX_PICTURE_BYTES = 64 * 1024 * 1024


class Upstream:
    """Relays chat, completion, embedding, counting and drawing. Options: `channels` and, for blobs, `blobs_dir`."""

    def __init__(self, rng: random.Random | None = None) -> None:
        self._rng = rng or random.Random()  # noqa: S311 - spreads load, guards nothing
        self._relay: Relay | None = None
        self._blobs_dir = ""

    async def load(self, spec: EngineSpec, progress: Callable[[float], None]) -> Loaded:
        """Open no connection yet. Raises EngineFailed on a channel that cannot work."""
        for library in ("httpx2", "httpcore2"):
            # They log addresses of requests.
            logging.getLogger(library).setLevel(logging.WARNING)
        channels = channels_from(spec.options)
        self._relay = Relay(channels, self._rng)
        self._blobs_dir = str(spec.options.get("blobs_dir", ""))
        progress(1.0)
        return Loaded(slots=sum(channel.slots for channel in channels), context_window=spec.context_window)

    async def run(self, job: Job, inputs: AsyncIterator[Chunk], ctx: Context) -> AsyncIterator[Event]:
        """Relay one job. Raises as the provider did, in our words; UnsupportedField for what cannot be relayed."""
        if self._relay is None:
            raise EngineFailed("the relay was not loaded")
        way = _Way(self._relay, job, ctx, self._fetch)
        async with aclosing(way.events()) as events:
            async for event in events:
                yield event

    async def close(self) -> None:
        """Close every connection."""
        if self._relay is not None:
            await self._relay.aclose()

    def _fetch(self, part: MediaPart) -> bytes:
        return part_bytes(part, self._blobs_dir, MAX_MEDIA_BYTES)


class _Way:
    """One job's way."""

    def __init__(self, relay: Relay, job: Job, ctx: Context, fetch: asking.Fetch) -> None:
        self._relay = relay
        self._job = job
        self._ctx = ctx
        self._fetch = fetch
        self._patience = Patience(ctx, job.deadline_s)

    def events(self) -> AsyncGenerator[Event, None]:
        body = self._job.body
        match body:
            case ChatBody():
                return self._chat(body)
            case CompleteBody(raw=True):
                return self._complete(body)
            case CompleteBody():
                return self._complete_as_chats(body)
            case EmbedBody():
                return self._embed(body)
            case CountBody():
                return self._count(body)
            case DrawBody():
                return self._draw(body)
            case _:
                raise UnsupportedField(f"A relay cannot do `{self._job.capability}`.", param="model")

    async def _chat(self, body: ChatBody) -> AsyncGenerator[Event, None]:
        answer = Answer(ChatChunk, body.sampling.n, asking.prompt_bytes(body))
        asked = await _beside(partial(asking.chat, body, self._job.recorded, self._fetch), body)
        async with aclosing(self._pass_on(self._call("chat/completions", asked), answer)) as events:
            async for event in events:
                yield event
        yield answer.finished()

    async def _complete(self, body: CompleteBody) -> AsyncGenerator[Event, None]:
        answer = Answer(TextChunk, body.sampling.n * len(body.prompts), asking.prompt_bytes(body))
        asked = asking.complete(body, self._job.recorded)
        async with aclosing(self._pass_on(self._call("completions", asked), answer)) as events:
            async for event in events:
                yield event
        yield answer.finished()

    async def _complete_as_chats(self, body: CompleteBody) -> AsyncGenerator[Event, None]:
        """Prompts one after another, each a conversation of one message; the usages add up."""
        finished: list[Finished] = []
        for number, chat in enumerate(asking.as_chats(body)):
            first = number * body.sampling.n
            answer = Answer(ChatChunk, body.sampling.n, asking.prompt_bytes(chat), first)
            for index in range(first, first + body.sampling.n) if body.echo else ():
                yield TextDelta(chat.messages[0].text, index)
            call = self._call("chat/completions", asking.chat(chat, self._job.recorded, self._fetch))
            async with aclosing(self._pass_on(call, answer)) as events:
                async for event in events:
                    yield event
            finished.append(answer.finished())
        yield _sum(finished)

    async def _embed(self, body: EmbedBody) -> AsyncGenerator[Event, None]:
        reply = await self._open(self._call("embeddings", asking.embed(body, self._job.recorded)))
        async with aclosing(reply):
            events, answer = vectors(await _whole(reply), len(body.inputs))
        for event in events:
            yield event
        details: dict[str, Any] = {"channel": reply.channel.name}
        if answer.usage is None:
            size_bytes = sum(len(text.encode()) if isinstance(text, str) else 4 * len(text) for text in body.inputs)
            details["usage"] = "estimated"
            yield Finished(Usage(-(-size_bytes // 4)), public_name(answer.model or "") or reply.model, details)
        else:
            yield Finished(usage_of(answer.usage), public_name(answer.model or "") or reply.model, details)

    async def _count(self, body: CountBody) -> AsyncGenerator[Event, None]:
        """vLLM counts messages; llama-server first lays them out, then counts. Others cannot: UnsupportedField."""
        asked = await _beside(partial(asking.count, body, self._fetch), body)
        reply, found = await self._ask("/tokenize", asked | {"add_generation_prompt": True})
        tokens = found.get("count")
        if not isinstance(tokens, int):
            _, laid_out = await self._ask("/apply-template", asked)
            content = {"content": laid_out.get("prompt", ""), "add_special": True, "parse_special": True}
            reply, found = await self._ask("/tokenize", content)
            tokens = len(found["tokens"]) if isinstance(found.get("tokens"), list) else None
        if not tokens:
            raise UnsupportedField("The provider of this model does not count tokens.", param="model")
        yield Fact({"tokens": tokens})
        yield Finished(Usage(), reply.model, {"channel": reply.channel.name})

    async def _draw(self, body: DrawBody) -> AsyncGenerator[Event, None]:
        sizes = self._relay.picture_sizes(self._job.model)
        asked = drawing.asked(body, sizes)
        files = await asyncio.to_thread(drawing.files, body, self._fetch) if body.images else ()
        call = Call(self._job.model, drawing.ROUTES[body.task], asked, files=files, event_bytes=MAX_PICTURE_BYTES)
        pictures = drawing.Pictures(body)
        reply = await self._open(call)
        async with aclosing(reply):
            while (piece := await reply.event(reply.channel.timeout_s)) is not None:
                fetched = await self._relay.fetched(drawing.addresses(piece), reply.channel, self._patience)
                for made in pictures.made(piece, fetched):
                    if isinstance(made, ChoiceEnd):
                        yield made
                        continue
                    again = await asyncio.to_thread(drawing.finish, body, made, reply.model, sizes)
                    picture, pieces = again or (made.picture, iter((made.data,)))
                    async with aclosing(self._shown(picture, pieces)) as events:
                        async for event in events:
                            yield event
        pictures.close()
        yield Finished(pictures.usage, reply.model, {"channel": reply.channel.name})

    async def _shown(self, picture: Picture, pieces: Iterator[bytes]) -> AsyncGenerator[Event, None]:
        """The picture and its bytes; what is written anew is written in a thread, as fast as it is read."""
        yield picture
        while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
            for start in range(0, len(piece), drawing.PIECE_BYTES):
                yield Data(piece[start : start + drawing.PIECE_BYTES], picture.media_type, picture.index)

    async def _ask(self, route: str, asked: Json) -> tuple[Reply, Json]:
        reply = await self._open(Call(self._job.model, route, asked, optional=True))
        async with aclosing(reply):
            data = await _whole(reply)
        try:
            return reply, msgspec.json.decode(data, type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise UpstreamFailed("The provider's answer is not JSON.") from None

    async def _pass_on(self, call: Call, answer: Answer) -> AsyncGenerator[Event, None]:
        """One streamed answer's events without its Finished. An answer that lacks only its usage is a whole one."""
        reply = await self._open(call)
        answer.model = reply.model
        answer.details["channel"] = reply.channel.name

        async with aclosing(reply):
            try:
                async with aclosing(self._pieces(reply, answer)) as pieces:
                    async for piece in pieces:
                        for event in answer.events(piece):
                            yield event
                for event in answer.close(reply.done):
                    yield event
            except UpstreamFailed:
                self._relay.ended(reply, well=answer.complete)
                if not answer.complete:
                    raise
            else:
                self._relay.ended(reply, well=True)
                await reply.drain()

    @staticmethod
    async def _pieces(reply: Reply, answer: Answer) -> AsyncGenerator[bytes, None]:
        limit_s = reply.channel.timeout_s
        while (data := await reply.event(min(USAGE_WAIT_S, limit_s) if answer.complete else limit_s)) is not None:
            yield data

    async def _open(self, call: Call) -> Reply:
        return await self._relay.open(call, self._patience, self._ctx)

    def _call(self, route: str, asked: Json) -> Call:
        return Call(self._job.model, route, asked)


async def _beside(make: Callable[[], Json], body: ChatBody | CountBody) -> Json:
    """Media are read and encoded in a thread: they may be large, and lie on a disk."""
    if any(isinstance(part, MediaPart) for message in body.messages for part in message.content):
        return await asyncio.to_thread(make)
    return make()


async def _whole(reply: Reply) -> bytes:
    data = await reply.event(reply.channel.timeout_s)
    if data is None or reply.streamed:
        raise UpstreamFailed("The provider's answer is not JSON.")
    return data


def _sum(parts: list[Finished]) -> Finished:
    """Several answers as one."""
    counts = ("prompt_tokens", "completion_tokens", "cached_tokens", "reasoning_tokens")
    usage = Usage(**{name: sum(getattr(part.usage, name) for part in parts) for name in counts})
    details: dict[str, Any] = {}
    for part in parts:
        details |= part.details
    return Finished(usage, parts[-1].model if parts else "", details)
