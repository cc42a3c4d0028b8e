"""What requests are charged: the governor is asked, or, where all was short, the learnt rates are."""

import asyncio
from collections.abc import Callable, Mapping

from omniwatt.contract.governor import SUM_S
from omniwatt.contract.power import Joules
from omniwatt.contract.request import Value
from omniwatt.power.attribution import Learnt
from omniwatt.power.messages import Ahead, Settle, Settled, Telemetry
from omniwatt.power.tills import Bill, Till, Tills

SETTLE_S = 0.25
"""So long an answer waits for what it has cost; then it goes without."""


class Settling:
    """`post` tells the governor, and says whether it can; `told` is what it said last."""

    def __init__(self, post: Callable[[Value], bool], told: Callable[[], Telemetry]) -> None:
        self._post = post
        self._told = told
        self._tills = Tills()
        self._ahead_j = [0.0, 0.0]
        """Dynamic and idle joules charged by the rates that the governor has not been told of."""
        self._asked: dict[str, asyncio.Future[Settled | None]] = {}
        self._life = 0
        """Of the governor: one that died takes with it what it knew."""
        self._governed = False

    def renewed(self) -> None:
        """A governor begins, and knows nothing."""
        self._life += 1
        self._ahead_j = [0.0, 0.0]
        self._governed = True

    def lost(self) -> None:
        """It has gone: nobody will answer."""
        self._governed = False
        for answer in self._asked.values():
            if not answer.done():
                answer.set_result(None)

    def learn(self, learnt: Mapping[str, Learnt]) -> None:
        """The rates as they are now."""
        self._tills.learn(learnt)

    def call(self, job: str, engine: str, capability: str, *, brief: bool) -> Bill:
        """A call for a job begins on an engine; `brief`: the governor need not hear of it, should it be short."""
        return self._tills.call(job, engine, capability, brief=brief and self._told().brief and self._governed)

    def begin(self, job: str, tier: str) -> None:
        """A request whose cost will be asked for; said again when its tier is known."""
        if self._governed:
            self._tills.begin(job, tier, self._life)

    async def settle(self, job: str) -> Joules | None:
        """What it has cost; None where nobody can say."""
        till = self._tills.end(job)
        if till is None or not till.calls:
            return None
        if till.life != self._life or not self._governed:
            self._post(Settle(job))  # whoever governs now may know of it all the same
            return None
        return await self._ask(job, till) if till.told else self._charge(till)

    def answered(self, settled: Settled) -> None:
        """The governor says what a request has cost."""
        answer = self._asked.get(settled.job)
        if answer is not None and not answer.done():
            answer.set_result(settled)

    async def _ask(self, job: str, till: Till) -> Joules | None:
        answer: asyncio.Future[Settled | None] = asyncio.get_running_loop().create_future()
        self._asked[job] = answer
        try:
            if not self._post(Settle(job, till.brief_j)):
                return None
            async with asyncio.timeout(SETTLE_S):
                settled = await answer
        except TimeoutError:
            return None
        finally:
            self._asked.pop(job, None)
        if settled is None:
            return None
        if settled.joules is not None:
            return settled.joules
        # No host told of it by itself: one that ended could not say so.
        till.as_brief()
        return self._charge(till)

    def _charge(self, till: Till) -> Joules | None:
        """By the rates, without asking; the governor hears of many such at once. None while the meter is silent."""
        told = self._told()
        if not told.brief or not told.method:
            return None
        joules = till.joules(told)
        if not any(self._ahead_j):
            asyncio.get_running_loop().call_later(SUM_S, self._tell_ahead)
        self._ahead_j[0] += joules.dynamic_j
        self._ahead_j[1] += joules.idle_j
        return joules

    def _tell_ahead(self) -> None:
        self._post(Ahead(*self._ahead_j))
        self._ahead_j = [0.0, 0.0]
