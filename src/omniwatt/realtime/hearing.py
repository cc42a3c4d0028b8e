"""One stretch of speech being written down: sound goes in while it is spoken, the words come out at its end."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

from omniwatt.contract.error import EngineFailed
from omniwatt.contract.event import Chunk, Event, Fact, Finished, TextDelta, TokenLogprob, Usage
from omniwatt.contract.guess import Guess
from omniwatt.contract.request import HearBody, Request
from omniwatt.realtime.live import CHUNK_BYTES, Feed
from omniwatt.realtime.served import Served
from omniwatt.realtime.values import Transcription

Serve = Callable[[Request, AsyncIterator[Chunk], Guess | None], AsyncGenerator[Event]]
"""`pipeline.serve` for the session's caller."""
MODEL = "hear"
"""What a transcription is asked for as when the client names no model."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What was said, what it took, and how sure each token is where that was asked for."""

    text: str
    usage: Usage
    logprobs: tuple[TokenLogprob, ...] = ()


class Hearing:
    """Guessed at first: `confirm` says that the stretch was a turn, or a part of one, that counts."""

    def __init__(
        self,
        serve: Serve,
        request_id: str,
        wanted: Transcription | None,
        logprobs: bool,
        on_partial: Callable[[str], None] | None = None,
    ) -> None:
        """`on_partial` is told all that seems to have been said so far, now and then."""
        asked = wanted or Transcription()
        body = HearBody(
            language=asked.language or "",
            prompt=asked.prompt or "",
            keywords=asked.keywords,
            logprobs=logprobs,
            partials=on_partial is not None,
        )
        guess = Guess()
        request = Request(request_id, "hear", asked.model or MODEL, body, tier="flex")
        self._feed = Feed()
        self._on_partial = on_partial
        self._served = Served(serve(request, self._feed, guess), guess)
        self.ended = False
        self.heard = asyncio.create_task(self._gather())

    def add(self, samples: bytes) -> None:
        """More sound: 16 kHz samples."""
        for place in range(0, len(samples), CHUNK_BYTES):
            self._feed.put_now(Chunk(data=samples[place : place + CHUNK_BYTES]))

    def end(self) -> None:
        """The stretch is over, as far as can be told."""
        if not self.ended:
            self.ended = True
            self._feed.end()

    def confirm(self) -> None:
        """It is wanted."""
        self._served.confirm()

    async def close(self) -> None:
        """Stop; unless it was confirmed and has ended, nothing comes of it."""
        self.heard.cancel()
        await self._served.close()
        await asyncio.wait([self.heard])
        if not self.heard.cancelled():
            # Whoever wanted to know has been told; of what nobody wanted nobody need be.
            self.heard.exception()

    async def _gather(self) -> Heard:
        pieces: list[str] = []
        logprobs: list[TokenLogprob] = []
        async for event in self._served:
            if isinstance(event, TextDelta):
                pieces.append(event.text)
                logprobs += event.logprobs
            elif isinstance(event, Fact) and self._on_partial is not None and not self.ended:
                self._on_partial(str(event.values.get("heard", "")))
            elif isinstance(event, Finished):
                return Heard("".join(pieces).strip(), event.usage, tuple(logprobs))
        raise EngineFailed("The speech was not written down to its end.")


def logprobs_wire(found: tuple[TokenLogprob, ...]) -> list[dict[str, Any]]:
    """As OpenAI writes them."""
    return [{"token": one.token, "logprob": one.logprob, "bytes": list(one.bytes_)} for one in found]
