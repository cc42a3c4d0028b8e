"""Which answers of one model compute: those of lower tiers give way while one of a higher tier does.

On processors tokens of several answers in one batch cost nearly as much as one after another, so what a lower tier
writes is taken from the higher one. Whoever gives way is let on for a moment again and again, so that nobody starves.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from omniwatt.contract.tier import rank

HELD_S = 5.0
"""The longest an answer is held at a stretch."""
SIP_TOKENS = 8
"""So many tokens it then writes (or one slice of its prompt it reads) before it gives way again."""


class Part:
    """One answer among the others. `works` while there is something to compute for it, held or not."""

    def __init__(self, precedence: "Precedence", tier: str) -> None:
        self._precedence = precedence
        self.rank = rank(tier)
        self.works = True
        self.sip = 0
        self.changed = asyncio.Event()

    @property
    def gives_way(self) -> bool:
        """True when it has to stop at the next boundary."""
        return self.sip <= 0 and self._precedence.outranked(self)

    def took(self, tokens: int) -> None:
        """It computed so many tokens."""
        self.sip -= tokens

    def rest(self) -> None:
        """Everything is computed; only the reader may still be reading."""
        self.works = False
        self._precedence.tell()

    async def go(self) -> None:
        """Wait until nobody of a higher tier works, HELD_S at most."""
        await self._precedence.wait(self)


class Precedence:
    """All answers of one loaded model, on one event loop. `worth` is False where giving way speeds up nobody."""

    def __init__(self, *, worth: bool = True, clock: Callable[[], float] = time.monotonic) -> None:
        self.worth = worth
        self._clock = clock
        self._parts: set[Part] = set()

    @contextmanager
    def part(self, tier: str) -> Iterator[Part]:
        """Take part from here to the end."""
        part = Part(self, tier)
        self._parts.add(part)
        try:
            yield part
        finally:
            self._parts.discard(part)
            self.tell()

    def outranked(self, part: Part) -> bool:
        """Whether somebody of a higher tier works."""
        return self.worth and any(other.rank < part.rank and other.works for other in self._parts)

    def tell(self) -> None:
        """Have those that are held look again."""
        for part in self._parts:
            part.changed.set()

    async def wait(self, part: Part) -> None:
        """See `Part.go`."""
        if part.sip > 0 or not self.outranked(part):
            return
        until_s = self._clock() + HELD_S
        while self.outranked(part) and (left_s := until_s - self._clock()) > 0:
            part.changed.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(left_s):
                    await part.changed.wait()
        part.sip = SIP_TOKENS if self.outranked(part) else 0
