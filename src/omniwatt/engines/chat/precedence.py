"""Which answers of one model compute: those of lower tiers give way where they would slow a higher one down.

A batch of tokens of several answers costs more than that of one. How much more is measured for each machine and model:
on two cores two answers side by side take 2.4 times as long a token as one, but four little longer than two. So a lower
tier computes beside a higher one where that costs the higher one little, and else waits; but for the first tier nobody
waits where that would make every token dearer. Whoever waits is let on for a moment now and then: nobody starves.
"""

import asyncio
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

from omniwatt.contract.tier import rank

CROWDED = 0.3
"""A token that takes longer by this share is worth holding others for."""
HELD_S = 5.0
"""So often one of those that are held, each in turn, is let on for a moment: however many they are and however slow all
is, they take no more from a higher tier together than one would."""
SIP_TOKENS = 8
"""So many tokens it then writes (or one slice of its prompt it reads) before it gives way again."""

Step = Callable[[int], float]
"""What one token each of so many answers costs."""


def at_once(ranks: Sequence[int], step: Step) -> int:
    """How many of the first of these (sorted) compute beside one another. Pure.

    All of the highest tier; of each next one as many as cost those above no more than CROWDED, and where that is not
    all of them none of the tiers below. Below the first tier those, too, with whom all tokens come cheaper: whoever
    has to wait, nobody's joules are wasted on it.
    """
    count = 0
    while count < len(ranks):
        end = count + ranks.count(ranks[count])
        limit = (1.0 + CROWDED) * step(count) if count else float("inf")
        each = step(count) / count if count and ranks[0] > 0 else 0.0
        count = max(n for n in range(count, end + 1) if n == count or step(n) <= limit or step(n) < n * each)
        if count < end:
            break
    return count


class Part:
    """One answer among the others. `works` while there is something to compute for it, held or not."""

    def __init__(self, precedence: "Precedence", tier: str) -> None:
        self._precedence = precedence
        self.rank = rank(tier)
        self.works = True
        self.reads = True
        """Its prompt, in slices that hold everybody up: never beside the first tier."""
        self.stays = False
        """It cannot be held where it is, so it is in the batch whatever its tier."""
        self.sip = 0
        self.changed = asyncio.Event()

    @property
    def gives_way(self) -> bool:
        """True when it has to stop at the next boundary."""
        return self.sip <= 0 and self._precedence.holds(self)

    def took(self, tokens: int) -> None:
        """It computed so many tokens."""
        self.sip -= tokens

    def writes(self) -> None:
        """Its prompt is read."""
        if self.reads:
            self.reads = False
            self._precedence.tell()

    def rest(self) -> None:
        """Everything is computed; only the reader may still be reading."""
        self.works = False
        self._precedence.tell()

    async def go(self) -> None:
        """Wait until it may compute, or until it is its turn to be let on for a moment."""
        await self._precedence.wait(self)


class Precedence:
    """All answers of one loaded model, `most` at once, on one event loop."""

    def __init__(self, step: Step = float, most: int = 8, clock: Callable[[], float] = time.monotonic) -> None:
        self.step = step
        self._most = most
        self._clock = clock
        self._parts: list[Part] = []
        self._held: list[Part] = []
        """In the order in which they are let on for a moment."""
        self._let_on_s = -math.inf

    @property
    def worth(self) -> bool:
        """Whether anybody could ever be held: not where a full batch takes little longer than one token."""
        return self.step(self._most) > (1.0 + CROWDED) * self.step(1)

    @contextmanager
    def part(self, tier: str) -> Iterator[Part]:
        """Take part from here to the end."""
        part = Part(self, tier)
        self._parts.append(part)
        try:
            yield part
        finally:
            self._parts.remove(part)
            self.tell()

    def holds(self, part: Part) -> bool:
        """Whether it has to wait for a higher tier."""
        working = [other for other in self._parts if other.works]
        best = min((other.rank for other in working), default=part.rank)
        if part.rank <= best or not part.works or not self.worth:
            return False
        if part.reads and best == 0:
            return True
        able = [other for other in working if other.rank == best or other.stays or not (other.reads and best == 0)]
        able.sort(key=lambda other: best if other.stays else other.rank)
        ranks = [best if other.stays else other.rank for other in able]
        return part not in able[: at_once(ranks, self.step)]

    def tell(self) -> None:
        """Have those that are held look again."""
        for part in self._parts:
            part.changed.set()

    async def wait(self, part: Part) -> None:
        """See `Part.go`."""
        if part.sip > 0 or not self.holds(part):
            return
        begun_s = self._clock()
        self._held.append(part)
        try:
            while self.holds(part):
                left_s = max(begun_s, self._let_on_s) + HELD_S - self._clock()
                if left_s <= 0 and self._held[0] is part:
                    self._let_on_s, part.sip = self._clock(), SIP_TOKENS
                    return
                part.changed.clear()
                with suppress(TimeoutError):
                    async with asyncio.timeout(left_s if left_s > 0 else HELD_S):
                        await part.changed.wait()
            part.sip = 0
        finally:
            self._held.remove(part)
            self.tell()
