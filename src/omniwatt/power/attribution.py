"""Metered joules -> joules of each job. Pure, and conserved: what is shared out is what the meter counted.

An interval's energy is cut twice. First by what flows anyway (the idle watts) and what work added (the dynamic part).
The dynamic part goes to the engines by their activity (the CPU seconds or device watts of their own processes, where
that is known), and within an engine to its jobs by units of work x learnt joules a unit: one batch serves many jobs,
and only the units tell them apart. The idle part goes to the jobs in flight: of the time in which n were there, each
has an nth; with none it is nobody's.
"""

from collections.abc import Iterable, Mapping

import msgspec

from omniwatt.contract.power import Work

Rates = Mapping[tuple[str, str], float]
"""(engine, kind of work) -> joules a unit."""
BRIEF = ""
"""The job of work that is told of in sums: calls too short to be told of one by one."""
LEAST_UNITS, LEAST_J = 1e-6, 1e-9
"""Less work or energy than this teaches nothing."""
FADE = 0.99
"""What an interval's prediction still counts after the next one."""
UNKNOWN_J = 1.0
"""A unit of a kind never seen: alone in its engine it takes everything whatever stands here."""


class Interval(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a stretch of time between two looks at the meter."""

    energy_j: float
    """What the meter counted."""
    length_s: float
    idle_w: float
    """Watts that flow with nothing to do."""
    work: tuple[Work, ...] = ()
    """Units begun in it."""
    running: tuple[Work, ...] = ()
    """Steps begun earlier that still run: an engine's jobs are charged by these where it began none."""
    residents: Mapping[str, tuple[str, ...]] = {}
    """Engine -> jobs that were in flight on it, be it for a part of the time."""
    present: Mapping[str, float] = {}
    """Job -> its part of the time, 1 for one that was there throughout and alone. Empty: the residents' equal parts."""
    activity: Mapping[str, float] = {}
    """Engine -> how much of the dynamic part is its own, in any unit; `""` is what serves all. Empty: unknown."""


class Shares(msgspec.Struct, frozen=True):
    """Where an interval's joules went. Everything together is the interval's `energy_j`."""

    dynamic_j: Mapping[str, float]
    idle_j: Mapping[str, float]
    unattributed_idle_j: float
    unattributed_dynamic_j: float

    @property
    def total_j(self) -> float:
        """The sum of all shares."""
        shared = sum(self.dynamic_j.values()) + sum(self.idle_j.values())
        return shared + self.unattributed_idle_j + self.unattributed_dynamic_j


def share(interval: Interval, rates: Rates) -> Shares:
    """Share an interval's energy out. Raises ValueError for a negative energy or length."""
    if not interval.energy_j >= 0.0 or not interval.length_s >= 0.0:
        raise ValueError("an interval's energy and length are not negative")
    idle_j = min(interval.energy_j, max(0.0, interval.idle_w) * interval.length_s)
    dynamic: dict[str, float] = {}
    lost_j = 0.0
    for engine, part_j in _by_engine(interval, rates, interval.energy_j - idle_j).items():
        jobs = _by_job(interval, rates, engine)
        for job, part in jobs.items():
            dynamic[job] = dynamic.get(job, 0.0) + part_j * part
        lost_j += 0.0 if jobs else part_j
    idle = {job: idle_j * part for job, part in _present(interval).items()}
    return Shares(dynamic, idle, max(0.0, idle_j - sum(idle.values())), lost_j)


def expected_j(work: Iterable[Work], rates: Rates) -> float:
    """What units are expected to take."""
    return sum(one.units * rates.get((one.engine, one.kind), UNKNOWN_J) for one in work)


def _present(interval: Interval) -> Mapping[str, float]:
    if interval.present:
        return interval.present
    jobs = sorted({job for jobs in interval.residents.values() for job in jobs})
    return dict.fromkeys(jobs, 1.0 / len(jobs)) if jobs else {}


def _by_engine(interval: Interval, rates: Rates, dynamic_j: float) -> dict[str, float]:
    """Each engine's joules; `""` holds what no engine with a job can be charged with."""
    known = {engine: part for engine, part in interval.activity.items() if part > 0.0}
    if not known:
        engines = {one.engine for one in (*interval.work, *interval.running)}
        known = {engine: _weight(interval, rates, engine) for engine in engines}
        known = {engine: part for engine, part in known.items() if part > 0.0}
    if not known:
        known = {engine: float(len(jobs)) for engine, jobs in interval.residents.items() if jobs} or {"": 1.0}
    whole = sum(known.values())
    return {engine: dynamic_j * (part / whole) for engine, part in known.items()}


def _weight(interval: Interval, rates: Rates, engine: str) -> float:
    fresh = [one for one in interval.work if one.engine == engine]
    return expected_j(fresh or [one for one in interval.running if one.engine == engine], rates)


def _by_job(interval: Interval, rates: Rates, engine: str) -> dict[str, float]:
    """Each job's part (they sum to 1) of what the engine took; empty when the engine has none."""
    found: dict[str, float] = {}
    fresh = [one for one in interval.work if one.engine == engine]
    for one in fresh or [one for one in interval.running if one.engine == engine]:
        found[one.job] = found.get(one.job, 0.0) + expected_j((one,), rates)
    whole = sum(found.values())
    if whole > 0.0:
        return {job: part / whole for job, part in found.items()}
    present = interval.residents.get(engine, ())
    return dict.fromkeys(present, 1.0 / len(present)) if present else {}


class Learnt(msgspec.Struct, frozen=True):
    """Joules a unit of each kind of one engine, learnt from intervals in which it worked."""

    rates: Mapping[str, float] = {}
    seen: float = 0.0
    """Intervals that were learnt from: a new one weighs less, down to a tenth."""
    metered_j: float = 0.0
    """What the meter said lately, in intervals that could be predicted; older ones fade."""
    missed_j: float = 0.0
    """How far the predictions of these were from it, all of them taken as positive."""

    @property
    def error_pct(self) -> float | None:
        """How far predictions lie from the meter, in percent of it; None before there was one."""
        return 100.0 * self.missed_j / self.metered_j if self.metered_j > 0.0 else None


def learn(learnt: Learnt, energy_j: float, units: Mapping[str, float]) -> Learnt:
    """Correct an engine's rates by what an interval's units really took.

    Normalised least mean squares (Widrow and Hoff 1960), on rates that stay above zero: each kind's rate moves
    in proportion to what it was expected to take.
    """
    worked = {kind: amount for kind, amount in units.items() if amount > LEAST_UNITS}
    if not worked or not energy_j > LEAST_J:
        return learnt
    before = {kind: learnt.rates.get(kind, energy_j / sum(worked.values())) for kind in worked}
    expected = sum(amount * before[kind] for kind, amount in worked.items())
    power = sum((amount * before[kind]) ** 2 for kind, amount in worked.items())
    if power <= 0.0:
        return msgspec.structs.replace(learnt, rates={**learnt.rates, **before})
    step = max(0.1, 1.0 / (1.0 + learnt.seen)) * (energy_j - expected) / power
    # Never to nothing at once: a rate of zero could not grow again.
    after = {kind: rate * max(0.1, 1.0 + step * worked[kind] * rate) for kind, rate in before.items()}
    metered_j, missed_j = FADE * learnt.metered_j, FADE * learnt.missed_j
    if worked.keys() <= learnt.rates.keys():
        metered_j, missed_j = metered_j + energy_j, missed_j + abs(energy_j - expected)
    return Learnt({**learnt.rates, **after}, learnt.seen + 1.0, metered_j, missed_j)
