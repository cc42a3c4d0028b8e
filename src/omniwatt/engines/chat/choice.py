"""From the decoder's pieces to events: stop strings, tool calls, billing of every token, one end per choice."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Literal, Protocol

import msgspec

from omniwatt.contract.event import ChoiceEnd, Event, Progress, TextDelta, TokenLogprob, ToolCallDelta
from omniwatt.contract.protocol import Context
from omniwatt.engines.chat.decoder import Decoder, Piece, Tally, Work
from omniwatt.engines.chat.stops import StopScanner
from omniwatt.engines.llama_server import finish

Delta = TextDelta | ToolCallDelta
Stream = AsyncGenerator[Event, None]


class Reader(Protocol):
    """Makes deltas of choice 0 out of the answer's text."""

    @property
    def called(self) -> bool:
        """True once a tool call has been read."""
        ...

    def feed(self, text: str) -> list[Delta]: ...

    def end(self) -> list[Delta]: ...


class TextReader:
    """The answer is text and nothing else."""

    called = False

    def feed(self, text: str) -> list[Delta]:
        return [TextDelta(text)] if text else []

    def end(self) -> list[Delta]:
        return []


@dataclass(slots=True)
class Choice:
    """One answer to make: what to generate, where it stops and how it is read."""

    index: int
    work: Work
    stops: Sequence[str]
    reader: Reader
    tally: Tally
    echo: str = ""
    """Text that comes before the answer: the prompt, for a caller who wants it back."""


async def run_choice(decoder: Decoder, choice: Choice, ctx: Context) -> Stream:
    """Events of one choice, its ChoiceEnd last."""
    scanner = StopScanner(choice.stops)
    bill = _Bill(choice.index)
    reason: Literal["stop", "length"] = "stop"
    if choice.echo:
        yield TextDelta(choice.echo, choice.index)
    if choice.work.max_tokens == 0:
        yield ChoiceEnd("length", choice.index)
        return
    async with aclosing(decoder.decode(choice.work, ctx, choice.tally)) as pieces:
        async for piece in pieces:
            if isinstance(piece, Progress):
                yield piece
                continue
            for delta in _read(piece, scanner, choice.reader, bill):
                yield delta
            reason = piece.reason or reason
            if scanner.stopped:
                reason = "stop"
                break
    for delta in [*choice.reader.end(), *([] if scanner.stopped else bill.rest())]:
        yield bill.settle(delta)
    if bill.tokens:
        yield bill.settle(TextDelta(""))
    yield ChoiceEnd("tool_calls" if choice.reader.called and reason == "stop" else reason, choice.index)


def _read(piece: Piece, scanner: StopScanner, reader: Reader, bill: "_Bill") -> list[Delta]:
    text = scanner.feed(piece.text)
    if piece.reason and not scanner.stopped:
        text += scanner.flush()
    bill.add(piece)
    deltas = reader.feed(text)
    if not deltas and bill.logprobs and not scanner.holding and not scanner.stopped:
        deltas = [TextDelta("")]
    return [bill.settle(delta) for delta in deltas]


class _Bill:
    """Tokens and logprobs not yet carried by an event."""

    def __init__(self, index: int) -> None:
        self._index = index
        self.tokens = 0
        self.logprobs: tuple[TokenLogprob, ...] = ()

    def add(self, piece: Piece) -> None:
        self.tokens += piece.tokens
        self.logprobs += piece.logprobs

    def settle(self, delta: Delta) -> Delta:
        tokens, self.tokens = self.tokens, 0
        if isinstance(delta, ToolCallDelta):
            return msgspec.structs.replace(delta, index=self._index, tokens=tokens)
        logprobs, self.logprobs = self.logprobs, ()
        return msgspec.structs.replace(delta, index=self._index, tokens=tokens, logprobs=logprobs)

    def rest(self) -> list[Delta]:
        return [TextDelta("")] if self.logprobs else []


async def run_best(streams: Stream, keep: int, first: int, *, with_logprobs: bool) -> Stream:
    """Of several complete choices the `keep` likeliest by mean log-probability, numbered from `first`."""
    made: dict[int, list[TextDelta | ChoiceEnd]] = {}
    async with aclosing(streams):
        async for event in streams:
            if isinstance(event, TextDelta | ChoiceEnd):
                made.setdefault(event.index, []).append(event)
    likeliest = sorted(made.values(), key=_mean_logprob, reverse=True)
    for place, events in enumerate(likeliest[:keep]):
        for event in events:
            moved = msgspec.structs.replace(event, index=first + place)
            if isinstance(moved, TextDelta) and not with_logprobs:
                moved = msgspec.structs.replace(moved, logprobs=())
            yield moved


def _mean_logprob(events: Sequence[TextDelta | ChoiceEnd]) -> float:
    found = [token.logprob for event in events if isinstance(event, TextDelta) for token in event.logprobs]
    return sum(found) / len(found) if found else float("-inf")


async def run_together(streams: Sequence[Stream], at_once: int) -> Stream:
    """Events of several streams as they come, `at_once` of them under way; closing it closes them all."""
    events: asyncio.Queue[Event | Exception | None] = asyncio.Queue()
    places = asyncio.Semaphore(at_once)

    async def pump(stream: Stream) -> None:
        try:
            async with aclosing(stream), places:
                async for event in stream:
                    events.put_nowait(event)
            events.put_nowait(None)
        except Exception as error:  # noqa: BLE001 - handed to the one who reads
            events.put_nowait(error)

    pumps = [asyncio.create_task(pump(stream)) for stream in streams]
    try:
        left = len(pumps)
        while left:
            event = await events.get()
            if isinstance(event, Exception):
                raise event
            if event is None:
                left -= 1
                continue
            yield event
    finally:
        for task in pumps:
            task.cancel()
        await finish(asyncio.gather(*pumps, return_exceptions=True))
