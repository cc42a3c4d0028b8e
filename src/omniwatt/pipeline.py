"""THE WAY of every request, whatever it asks for: plan, wait, run, stream, record. Read this file first."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing
from typing import Any, Self

from msgspec.structs import replace

from omniwatt import settings, tokens
from omniwatt.admission import Admission
from omniwatt.catalog.catalog import Resolution
from omniwatt.catalog.voices import Voices
from omniwatt.compute import compute_used
from omniwatt.contract.error import EngineFailed
from omniwatt.contract.event import EMPTY, Chunk, Event, Fact, Finished, Started
from omniwatt.contract.guess import Guess
from omniwatt.contract.job import Caller, Job, Plan
from omniwatt.contract.protocol import Engines
from omniwatt.contract.request import MediaBody, MediaPart, Request
from omniwatt.flows import recipes
from omniwatt.ledger import Entry, Ledger
from omniwatt.limits import Limiter
from omniwatt.plan import ROLES, make_plan, modalities
from omniwatt.plan_pictures import frugal
from omniwatt.power.metering import Metering, Unmetered
from omniwatt.power.typical import Typical


class Pipeline:
    """Built once; `serve` runs for every request. `resolve`, `roles` (role -> card) and `voices` are the catalog's."""

    def __init__(
        self,
        resolve: Callable[[str], Resolution],
        ledger: Ledger,
        limiter: Limiter,
        admission: Admission,
        engines: Engines,
        roles: Callable[[], Mapping[str, str]] = lambda: ROLES,
        voices: Callable[[], Voices] | None = None,
        *,
        audio: settings.Audio | None = None,
        draw: settings.Draw | None = None,
        power: Metering | None = None,
    ) -> None:
        self._resolve = resolve
        self._ledger = ledger
        self._limiter = limiter
        self._admission = admission
        self._engines = engines
        self._roles = roles
        self._voices = voices
        self._audio = audio
        self._draw = draw
        self._power = power or Unmetered()
        self._typical = Typical()
        self._recipes = recipes()

    async def serve(
        self, request: Request, caller: Caller, inputs: AsyncIterator[Chunk] = EMPTY, guess: Guess | None = None
    ) -> AsyncGenerator[Event]:
        """Yield Started, then what the engines say, ending in one Finished; or raise one OmniwattError.

        A `guess` is work ahead of being asked for: not confirmed, it counts against no limit and is billed nothing.

        Close the generator to cancel: slots are free and the ledger row is written when `aclose` returns.
        """
        with self._ledger.open(request, caller, guess) as entry:
            async with _Charged(self._power, entry, request.id, caller.tier) as charged:
                found = self._resolve(request.model)
                request, degraded = frugal(request, self._power.tight)
                roles = self._roles()
                facts = [await self._probe(request, part) for part in _acceptable_media(request, found, roles)]
                plan = entry.plan = make_plan(
                    request, caller, found, facts, roles, self._voices and self._voices(), self._audio, self._draw
                )
                arrived_s = time.monotonic()
                with self._limiter.hold(caller, plan) as hold:
                    charged.begin(plan.tier)
                    try:
                        await self._ensure(plan)
                        async with self._admission.admit(plan) as place:
                            entry.granted()
                            yield Started(
                                model=plan.upstream_model or plan.model,
                                tier=plan.tier,
                                rate_limits=hold.rate_limits,
                                queue_s=time.monotonic() - arrived_s,
                                degraded=degraded,
                                power_share=self._power.share(plan.tier),
                                expected_j=self._typical.expect(plan.model, request),
                            )
                            steps = self._recipes[plan.recipe](plan, request, caller, place, inputs)
                            async with aclosing(steps) as events:
                                async for event in events:
                                    if isinstance(event, Finished):
                                        break
                                    entry.see(event)
                                    yield event
                                else:
                                    raise EngineFailed("the engine stopped without an end")
                                end = await self._costed(event, charged, request, found)
                                entry.see(end)
                                yield end
                    finally:
                        try:
                            await charged.settle()
                        finally:
                            hold.settle(entry.usage)
                            hold.counts = not entry.unwanted

    async def _costed(self, end: Finished, charged: "_Charged", request: Request, found: Resolution) -> Finished:
        """The end, with the joules it took and the arithmetic; neither where nobody can say."""
        used = await charged.settle()
        self._typical.learn(found.card.name, request, used)
        end = end if used is None else replace(end, usage=replace(end.usage, energy=used))
        return _with_compute(end, found)

    async def _ensure(self, plan: Plan) -> None:
        """Every model the plan may touch, in memory; several are loaded side by side."""
        if len(plan.demand) == 1:
            await self._engines.ensure(plan.demand[0].group)
            return
        await asyncio.gather(*(self._engines.ensure(one.group) for one in plan.demand))

    async def _probe(self, request: Request, part: MediaPart) -> Mapping[str, Any]:
        """What one picture, sound or document is, seen by the media engine: untrusted bytes are not opened here."""
        job = Job(id=request.id, capability="probe", model="media", body=MediaBody(part=part))
        async with aclosing(self._engines.call("media", job, EMPTY)) as events:
            facts = [event.values async for event in events if isinstance(event, Fact)]
        if not facts:
            raise EngineFailed("the media engine found nothing")
        return facts[0]


class _Charged:
    """From its first look at what came to its end, however it ends, a request is charged what is done for it."""

    def __init__(self, power: Metering, entry: Entry, job: str, tier: str) -> None:
        self._power = power
        self._entry = entry
        self._job = job
        self._tier = tier
        self._settled = False
        power.begin(job, tier)

    def begin(self, tier: str) -> None:
        """Its tier is known better."""
        if tier != self._tier:
            self._tier = tier
            self._power.begin(self._job, tier)

    async def settle(self) -> dict[str, Any] | None:
        """Nothing more will be done for it. What it has cost; None where nobody can say, and when said again."""
        if self._settled:
            return None
        used = await self._power.settle(self._job)
        self._settled = True
        if used is not None:
            self._entry.energy = used
        return used

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.settle()


def _with_compute(end: Finished, found: Resolution) -> Finished:
    """The end, with the arithmetic it took: relays and painters are not counted."""
    used = compute_used(found.card.capabilities[0], found.card.parameters, end.usage)
    return end if used is None else replace(end, usage=replace(end.usage, compute=used))


def _acceptable_media(request: Request, found: Resolution, roles: Mapping[str, str]) -> list[MediaPart]:
    """The parts worth looking into: those of a kind the model takes at all; the plan refuses the others."""
    parts = tokens.media_parts(request.body)
    if parts and any(part.kind not in modalities(request, found.card, roles) for part in parts):
        return []
    return parts
