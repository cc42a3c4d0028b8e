"""The books of energy: what each job has been charged so far, and what nobody has."""

from collections.abc import Iterable, Mapping

from omniwatt.contract.power import Joules, Reading, Work
from omniwatt.power.attribution import BRIEF, Interval, Learnt, Rates, Shares, learn, share
from omniwatt.power.presence import Presence

LEARN_S = 2.0


class _Open:
    """A job under way."""

    def __init__(self, at_s: float) -> None:
        self.at_s = at_s
        self.dynamic_j = 0.0
        self.idle_j = 0.0


class _Lesson:
    """What an engine took and did in a stretch it is learnt from."""

    def __init__(self) -> None:
        self.energy_j = 0.0
        self.length_s = 0.0
        self.units: dict[str, float] = {}

    def add(self, energy_j: float, length_s: float) -> None:
        self.energy_j += energy_j
        self.length_s += length_s

    def count(self, work: Iterable[Work]) -> None:
        for one in work:
            self.units[one.kind] = self.units.get(one.kind, 0.0) + one.units


class Account:
    """Takes work and residents as they come, closes an interval at each reading, and settles jobs.

    At any time settled_j + open_j + both unattributed = metered_j + ahead_j. Not safe for threads: it lives in the
    governor's loop.
    """

    def __init__(self) -> None:
        self.metered_j = 0.0
        self.settled_j = 0.0
        self.unattributed_idle_j = 0.0
        self.unattributed_dynamic_j = 0.0
        self._ahead_dynamic_j = 0.0
        self._ahead_idle_j = 0.0
        self.learnt: dict[str, Learnt] = {}
        """Engine -> joules a unit of its kinds of work."""
        self._lessons: dict[str, _Lesson] = {}
        self._before: Reading | None = None
        self._open: dict[str, _Open] = {}
        self._engines: dict[str, set[str]] = {}
        self._gone: dict[str, set[str]] = {}
        """Engine -> jobs that left it since the last reading."""
        self._present = Presence()
        self._present_s: dict[str, float] = {}
        """Of those that went since the last reading."""
        self._cut_s: float | None = None
        self._work: list[Work] = []
        self._running: dict[tuple[str, str], Work] = {}

    @property
    def rates(self) -> Rates:
        """Joules a unit, as learnt so far."""
        return {(engine, kind): j for engine, known in self.learnt.items() for kind, j in known.rates.items()}

    @property
    def open_j(self) -> float:
        """What jobs under way have been charged so far."""
        return sum(one.dynamic_j + one.idle_j for one in self._open.values())

    @property
    def ahead_j(self) -> float:
        """What was charged by the rates and is not yet found in what the meter counted; it is taken off that first."""
        return self._ahead_dynamic_j + self._ahead_idle_j

    def begin(self, job: str, engine: str, at_s: float) -> None:
        """A job is in flight on an engine from `at_s` on (time.monotonic)."""
        self._open.setdefault(job, _Open(at_s))
        self._engines.setdefault(engine, set()).add(job)
        self._present.come(job, at_s)

    def leave(self, job: str, engine: str, at_s: float) -> None:
        """The job is no more in flight on the engine; it stays open until it is settled."""
        jobs = self._engines.get(engine, set())
        if job in jobs:
            jobs.remove(job)
            self._gone.setdefault(engine, set()).add(job)
        self._running.pop((engine, job), None)
        if not any(job in jobs for jobs in self._engines.values()):
            self._present_s[job] = self._present_s.get(job, 0.0) + self._present.go(job, at_s)

    def did(self, work: Iterable[Work]) -> None:
        """Units of work have begun; those of job BRIEF are over already."""
        for one in work:
            self._work.append(one)
            if one.job != BRIEF:
                self._running[one.engine, one.job] = one

    def close(
        self,
        reading: Reading,
        idle_w: float,
        activity: Mapping[str, float] | None = None,
        now_s: float | None = None,
    ) -> Shares | None:
        """End the interval at a reading and share its energy out; None for the first one.

        `now_s`: when what was said of jobs was last heard, where that is not the reading's own time.
        """
        before, self._before = self._before, reading
        present, gone = self._cut(reading.at_s if now_s is None else now_s)
        if before is None:
            self._work = []
            return None
        interval = Interval(
            energy_j=max(0.0, reading.energy_j - before.energy_j),
            length_s=max(0.0, reading.at_s - before.at_s),
            idle_w=idle_w,
            work=tuple(self._work),
            running=tuple(self._running.values()),
            residents={
                engine: tuple(sorted(jobs | gone.get(engine, set())))
                for engine, jobs in self._engines.items()
                if jobs or engine in gone
            },
            present=present,
            activity=activity or {},
        )
        self._work = []
        shares = share(interval, self.rates)
        self._book(interval, shares)
        self._learn(interval, shares)
        return shares

    def settle(self, job: str, at_s: float, brief_j: float = 0.0) -> Joules | None:
        """Close a job's account and say what it was charged; None for one that never began or no meter was read.

        `brief_j`: what its calls that are told of only in sums take, by the rates.
        """
        found = self._end(job, at_s)
        if found is None or self._before is None:
            return None
        self.settled_j += found.dynamic_j + found.idle_j
        self.advance(brief_j, 0.0)
        said = self._before
        return Joules(
            found.dynamic_j + brief_j,
            found.idle_j,
            max(0.0, at_s - found.at_s),
            said.method,
            said.source,
            said.scope,
            said.uncertainty_pct,
        )

    def advance(self, dynamic_j: float, idle_j: float) -> None:
        """Jobs were charged so much by the rates: what is metered next is theirs up to that."""
        self.settled_j += dynamic_j + idle_j
        self._ahead_dynamic_j += dynamic_j
        self._ahead_idle_j += idle_j

    def drop(self, job: str, at_s: float) -> None:
        """Close the account of a job nobody will ask for: what it was charged is nobody's."""
        found = self._end(job, at_s)
        if found is not None:
            self.unattributed_dynamic_j += found.dynamic_j
            self.unattributed_idle_j += found.idle_j

    def _end(self, job: str, at_s: float) -> _Open | None:
        for engine in self._engines:
            self.leave(job, engine, at_s)
        return self._open.pop(job, None)

    def _cut(self, now_s: float) -> tuple[dict[str, float], dict[str, set[str]]]:
        """Each job's part of the time since the last cut, and the jobs that left since."""
        present, self._present_s = self._present_s, {}
        for job, seconds in self._present.cut(now_s).items():
            present[job] = present.get(job, 0.0) + seconds
        gone, self._gone = self._gone, {}
        length_s = now_s - self._cut_s if self._cut_s is not None else 0.0
        self._cut_s = now_s
        # Jobs never have more time together than there was, but for a clock that fell back.
        whole_s = max(length_s, sum(present.values()))
        return ({job: seconds / whole_s for job, seconds in present.items()} if whole_s > 0.0 else {}), gone

    def _book(self, interval: Interval, shares: Shares) -> None:
        self.metered_j += interval.energy_j
        idle_j = shares.unattributed_idle_j + sum(shares.idle_j.values())
        paid_j = min(self._ahead_idle_j, idle_j)
        self._ahead_idle_j -= paid_j
        left = 1.0 - paid_j / idle_j if idle_j > 0.0 else 1.0
        self.unattributed_idle_j += left * shares.unattributed_idle_j
        spare_j = shares.unattributed_dynamic_j + shares.dynamic_j.get(BRIEF, 0.0)
        paid_j = min(self._ahead_dynamic_j, max(0.0, spare_j))
        self._ahead_dynamic_j -= paid_j
        self.unattributed_dynamic_j += spare_j - paid_j
        for job, charged_j in shares.dynamic_j.items():
            if job != BRIEF:
                self._charge(job, charged_j, 0.0)
        for job, charged_j in shares.idle_j.items():
            self._charge(job, 0.0, left * charged_j)

    def _charge(self, job: str, dynamic_j: float, idle_j: float) -> None:
        """To the job, or, when it has been settled meanwhile, to nobody: its bill has gone out."""
        found = self._open.get(job)
        if found is None:
            self.unattributed_dynamic_j += dynamic_j
            self.unattributed_idle_j += idle_j
            return
        found.dynamic_j += dynamic_j
        found.idle_j += idle_j

    def _learn(self, interval: Interval, shares: Shares) -> None:
        """From stretches of LEARN_S: steps longer than an interval would teach it a part of what they take.

        Only where one engine worked alone, or each engine's part is known by its own activity.
        """
        worked = {one.engine for one in (*interval.work, *interval.running)}
        known = interval.activity or (dict.fromkeys(worked, 1.0) if len(worked) == 1 else {})
        whole = sum(part for part in known.values() if part > 0.0)
        dynamic_j = sum(shares.dynamic_j.values()) + shares.unattributed_dynamic_j
        for engine in worked & set(known):
            lesson = self._lessons.setdefault(engine, _Lesson())
            lesson.add(dynamic_j * known[engine] / whole if whole else 0.0, interval.length_s)
            lesson.count(one for one in interval.work if one.engine == engine)
            if lesson.length_s >= LEARN_S:
                self.learnt[engine] = learn(self.learnt.get(engine, Learnt()), lesson.energy_j, lesson.units)
                del self._lessons[engine]
