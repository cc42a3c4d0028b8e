"""What requests are charged without asking the governor: short calls, by the joules a unit it has learnt.

A call that is over soon is told to the governor in a sum with others, and costs it no wake-up; its host says so. What
it takes is what its work takes by the rates, and its job's part of the idle watts; the governor is told the sum of what
was charged so, and takes it off what the meter counts next: in the books every joule still is somewhere, once.
"""

import math
import time
from collections.abc import Mapping

from omniwatt.contract.power import Joules
from omniwatt.power.attribution import Learnt
from omniwatt.power.messages import Telemetry
from omniwatt.power.presence import Presence


class Till:
    """One job's."""

    __slots__ = (
        "begun_s",
        "brief_j",
        "calls",
        "ended_s",
        "error_pct",
        "idle_s",
        "life",
        "tier",
        "told",
        "told_j",
    )

    def __init__(self, tier: str, life: int) -> None:
        self.tier = tier
        self.life = life
        """Of the governor, in which the job began."""
        self.calls = 0
        self.told = False
        """Whether the governor has been told of a call of its own accord."""
        self.brief_j = 0.0
        """What its other calls took, by the rates."""
        self.told_j = 0.0
        """What those it was told of took, by the rates."""
        self.error_pct = 0.0
        """How far the worst of these rates lies from the meter."""
        self.begun_s = self.ended_s = 0.0
        self.idle_s = 0.0
        """Seconds of the idle watts that are its own."""

    def as_brief(self) -> None:
        """The governor was not told of any call, after all."""
        self.brief_j, self.told_j, self.told = self.brief_j + self.told_j, 0.0, False

    def joules(self, told: Telemetry) -> Joules:
        """What it is charged of watts as they stand."""
        uncertainty_pct = math.hypot(told.uncertainty_pct, self.error_pct) if self.brief_j else told.uncertainty_pct
        idle_j, duration_s = told.idle_w * self.idle_s, self.ended_s - self.begun_s
        return Joules(
            self.brief_j,
            idle_j,
            duration_s,
            told.method,  # type: ignore[arg-type]
            told.source,
            told.scope,  # type: ignore[arg-type]
            uncertainty_pct,
        )


class Bill:
    """One call of a job; see workers/hand.py."""

    def __init__(self, tills: "Tills", till: Till | None, engine: str, capability: str, *, brief: bool) -> None:
        self.tier = till.tier if till else ""
        self.brief = brief
        self._tills = tills
        self._till = till
        self._of = engine, capability
        self._ended = False

    def end(self, work: Mapping[str, float], *, brief: bool) -> None:
        """It is over, and did so many units of each kind; said again, nothing."""
        if self._ended:
            return
        self._ended = True
        energy_j, error_pct = self._tills.price(*self._of, work)
        if self._till is None:
            return
        if brief:
            self._till.brief_j += energy_j
        else:
            self._till.told_j += energy_j
            self._till.told = True
        self._till.error_pct = max(self._till.error_pct, error_pct)


class Tills:
    """All jobs under way. Not safe for threads: it lives in the gateway's loop."""

    def __init__(self) -> None:
        self._jobs: dict[str, Till] = {}
        self._present = Presence()
        self._learnt: Mapping[str, Learnt] = {}
        self._known: set[tuple[str, str]] = set()
        """(engine, capability) whose kinds of work all have a rate."""

    def learn(self, learnt: Mapping[str, Learnt]) -> None:
        """Rates from now on."""
        self._learnt = learnt

    def begin(self, job: str, tier: str, life: int) -> None:
        """A job is there; said again, its tier is known better."""
        till = self._jobs.get(job)
        if till is None:
            self._jobs[job] = Till(tier, life)
            self._present.come(job, time.monotonic())
        else:
            till.tier = tier

    def call(self, job: str, engine: str, capability: str, *, brief: bool) -> Bill:
        """A call begins. `brief`: one that may be short need not be told of, if what it takes is known."""
        till = self._jobs.get(job)
        if till is not None:
            till.calls += 1
            till.begun_s = till.begun_s or time.monotonic()
        return Bill(self, till, engine, capability, brief=brief and (engine, capability) in self._known)

    def price(self, engine: str, capability: str, work: Mapping[str, float]) -> tuple[float, float]:
        """Joules that a call's work takes by the rates, and how far they lie from the meter, in per cent."""
        learnt = self._learnt.get(engine)
        if learnt is None:
            return 0.0, 0.0
        energy_j, known = 0.0, bool(work)
        for kind, units in work.items():
            rate = learnt.rates.get(kind)
            known = known and rate is not None
            energy_j += units * (rate or 0.0)
        if known:
            self._known.add((engine, capability))
        return energy_j, learnt.error_pct or 0.0

    def end(self, job: str) -> Till | None:
        """It is over; None for one that is not there."""
        till = self._jobs.pop(job, None)
        if till is not None:
            till.ended_s = time.monotonic()
            till.idle_s = self._present.go(job, till.ended_s)
        return till
