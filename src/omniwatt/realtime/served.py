"""One request of a session on its way: run beside the session, guessed ahead where it may turn out not to be wanted."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing

import msgspec

from omniwatt.contract.event import Data, Event, Finished, Progress, TextDelta, ToolCallDelta, Usage
from omniwatt.contract.guess import Guess

AHEAD = 64
"""Events that may wait to be taken: an answer nobody takes holds its engines back."""


class Served(AsyncIterator[Event]):
    """The events of `pipeline.serve`, taken from a queue.

    With a `guess`, the end is not passed before it is known whether the guess came true: the ledger's row needs that.
    """

    def __init__(
        self,
        events: AsyncGenerator[Event],
        guess: Guess | None = None,
        crowded: Callable[[], bool] = lambda: False,
    ) -> None:
        """`crowded` says that others wait for the same engine: a guess gives way to them."""
        self.guess = guess
        self.spent = Usage()
        """What it has taken so far, as the ledger counts it."""
        self._crowded = crowded
        self._queue: asyncio.Queue[Event | BaseException | None] = asyncio.Queue(AHEAD)
        self._known = asyncio.Event()
        if guess is None:
            self._known.set()
        self._task = asyncio.create_task(self._run(events))
        self._over = False

    @property
    def over(self) -> bool:
        """True once it came to nothing: it failed, or gave way."""
        return self._over

    @property
    def confirmed(self) -> bool:
        """Whether what comes of it counts."""
        return self.guess is None or self.guess.confirmed

    def confirm(self) -> None:
        """The guess came true: what was done ahead counts."""
        if self.guess is not None:
            self.guess.confirm()
        self._known.set()

    async def close(self) -> None:
        """Stop; the slot is free and the row written when this returns."""
        self._task.cancel()
        await asyncio.wait([self._task])

    async def __anext__(self) -> Event:
        event = await self._queue.get()
        if event is None:
            self._queue.put_nowait(None)
            raise StopAsyncIteration
        if isinstance(event, BaseException):
            self._queue.put_nowait(None)
            raise event
        return event

    async def _run(self, events: AsyncGenerator[Event]) -> None:
        end: BaseException | None = None
        try:
            async with aclosing(events):
                async for event in events:
                    self.spent = counted(self.spent, event)
                    if not self._known.is_set() and self._crowded():
                        self._over = True
                        break
                    await self._queue.put(event)
                    if isinstance(event, Finished):
                        await self._known.wait()
        except Exception as error:  # noqa: BLE001 - raised again where the events are taken
            end, self._over = error, True
        await self._queue.put(end)


def counted(spent: Usage, event: Event) -> Usage:
    """What has been taken once `event` came: exact at the end, before it what was read and made. Pure."""
    match event:
        case Finished():
            return event.usage
        case TextDelta() | ToolCallDelta() if event.tokens:
            return msgspec.structs.replace(spent, completion_tokens=spent.completion_tokens + event.tokens)
        case Data() if event.tokens:
            return msgspec.structs.replace(
                spent,
                completion_tokens=spent.completion_tokens + event.tokens,
                audio_output_tokens=spent.audio_output_tokens + event.tokens,
            )
        case Progress(unit="tokens"):
            return msgspec.structs.replace(spent, prompt_tokens=max(spent.prompt_tokens, int(event.done)))
    return spent
