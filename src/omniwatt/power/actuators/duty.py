"""Processes that share CPU seconds: so many cores for all of them together, by stopping and continuing them.

One credit for all, per tier: it grows by the cores that may be in use and falls by the CPU time that was really used.
While it is used up the processes of that tier are stopped; a lower tier's credit pays for the higher tiers too, so it
is used up first. What was used too much or too little is made up for in the next ticks: on the mean of a second the
error is that of a single tick. This is also the one hand on SIGSTOP and SIGCONT: who is to be held for the cores' sake
(the gateway's turns) is held here too.
"""

import signal
from collections.abc import Callable, Iterable
from typing import Protocol

from omniwatt.contract.governor import TIERS
from omniwatt.power.actuators.quota import Quota
from omniwatt.power.actuators.signals import Signals
from omniwatt.tree import Tree

TICK_S = 0.01
LEAST_S = 0.001
"""Sooner than this nobody is looked at again."""
MOST_STOP_S = 0.1
"""The longest a process is stopped at a stretch for the watts' sake."""
LET_S = 0.5
"""Over so long is smoothed how much of the time a group was let run."""
SIP_S = 0.002
"""How long it runs then, although there is no credit."""
SAVED_S = 0.03
"""Unused credit is kept for so long: what a late tick or a moment without work left over."""
DEBT_S = 0.3
"""And no more than this is owed: what could not be stopped (a load, a cancel) is not paid back for ever."""
QUOTA_S = 0.2
"""Over so long is smoothed what is not held, where a quota is kept."""
QUOTA_WRITE_S, QUOTA_STEP = 0.3, 0.02
"""A quota is written no oftener, and for no smaller change: each write begins the kernel's accounts anew."""
WORKING = 0.1
"""Cores; below this a process waits for something else than the CPU."""
_LOWEST = len(TIERS) - 1


class Usage(Protocol):
    """Where the CPU seconds of a process group are read."""

    def clock_s(self) -> float:
        """So far; 0.0 once it is gone."""
        ...

    def pids(self) -> Iterable[int]:
        """The processes themselves."""
        ...


class Signaller(Protocol):
    """What carries signals to process groups."""

    def send(self, pid: int, number: int) -> None:
        """Nothing if it is gone."""
        ...

    def forget(self, pid: int) -> None:
        """It is not ours any more."""
        ...


class Group:
    """One process group: an engine host and its helpers."""

    def __init__(self, pid: int, usage: Usage) -> None:
        self.pid = pid
        self.usage = usage
        self.threads = 0
        self.exempt = False
        self.rank = _LOWEST
        """Of the best tier it works for: 0 goes first."""
        self.at_work = False
        self.held_for_cores = False
        self.urgent = False
        self.stopped = False
        self.since_s = 0.0
        """When it was last stopped or continued."""
        self.used_s = usage.clock_s()
        self.used = 0.0
        """CPU seconds in the tick that ends."""
        self.cores = 0.0
        """Of late, smoothed over some ticks in which it could run."""
        self.let = 1.0
        """Share of the time it was let run of late, of that in which it was not held for the cores."""


class Duty:
    """All groups; `cores` is what the machine has."""

    def __init__(
        self,
        cores: int,
        signals: Signaller | None = None,
        usage_of: Callable[[int], Usage] = Tree,
        quota: Quota | None = None,
    ) -> None:
        self._cores = cores
        self._signals = signals or Signals()
        self._usage_of = usage_of
        self._quota = quota
        self._unheld = 0.0
        """Cores used by what is counted and not held, smoothed."""
        self._quota_cores: float | None = None
        self._quota_at_s = float("-inf")
        self._groups: dict[int, Group] = {}
        self._others: list[Usage] = []
        self._others_s = 0.0
        self._others_used = 0.0
        self._credit = [0.0] * len(TIERS)
        self._at_s: float | None = None
        self._total_s = 0.0
        self.slots: float | None = None
        """Cores that may be in use; None: no limit."""
        self.paused: frozenset[int] = frozenset()
        """Ranks that are stopped whatever the credit."""

    # --- who

    def join(self, pid: int, threads: int, *, exempt: bool) -> None:
        """Take a group in, or learn more of it."""
        group = self._groups.get(pid)
        if group is None:
            group = self._groups[pid] = Group(pid, self._usage_of(pid))
            # A governor before us may have died while it was stopped.
            self._signals.send(pid, signal.SIGCONT)
        group.threads, group.exempt = threads, exempt
        self._carry_out(group, group.since_s)

    def count(self, usage: Usage) -> None:
        """Count what these processes use, too; they are never stopped."""
        self._others.append(usage)
        self._others_s += usage.clock_s()

    def leave(self, pid: int) -> None:
        """A group is gone, or ends: it is never signalled again, and never left stopped."""
        group = self._groups.pop(pid, None)
        if group is not None and group.stopped:
            self._signals.send(pid, signal.SIGCONT)
        self._signals.forget(pid)

    def want(self, pid: int, now_s: float, *, held: bool, urgent: bool) -> None:
        """Held for the cores' sake, or urgent: never stopped. At once."""
        group = self._groups.get(pid)
        if group is None:
            return
        group.held_for_cores, group.urgent = held, urgent
        stopped = group.stopped
        self._carry_out(group, now_s)
        if not (held or stopped or group.stopped):
            # Whoever says so may have held it alone, while we were not there or did not listen.
            self._signals.send(pid, signal.SIGCONT)

    def works_for(self, pid: int, tiers: Iterable[str]) -> None:
        """The tiers of a group's calls in flight; none: it has nothing to do."""
        group = self._groups.get(pid)
        if group is not None:
            ranks = [TIERS.index(tier) if tier in TIERS else 1 for tier in tiers]
            group.at_work = bool(ranks)
            group.rank = min(ranks, default=_LOWEST)

    def free_all(self) -> None:
        """Continue everybody."""
        self.slots = None
        if self._quota is not None:
            self._quota.close()
            self._quota = None
        for group in self._groups.values():
            group.held_for_cores = False
            if group.stopped:
                group.stopped = False
            self._signals.send(group.pid, signal.SIGCONT)

    # --- the tick

    def tick(self, now_s: float) -> float:
        """Account for what was used, stop and continue; returns when to come again."""
        length_s = 0.0 if self._at_s is None else min(max(0.0, now_s - self._at_s), DEBT_S)
        self._at_s = now_s
        self._look(length_s)
        if self.slots is not None:
            self._account(self.slots, length_s)
        self._hold_quota(now_s, length_s)
        for group in self._groups.values():
            self._carry_out(group, now_s)
        return now_s + self.next_s()

    # --- how it stands

    @property
    def holds(self) -> bool:
        """True while somebody is held, or stopped."""
        return any(group.held_for_cores or group.stopped for group in self._groups.values())

    @property
    def used_s(self) -> float:
        """CPU seconds of all groups and the others that are counted, as of the last tick."""
        return self._total_s

    @property
    def others_s(self) -> float:
        """Of the others alone."""
        return self._others_s

    def sample_s(self) -> float:
        """`used_s` as of now."""
        groups_s = sum(max(0.0, group.usage.clock_s() - group.used_s) for group in self._groups.values())
        return self._total_s + groups_s + max(0.0, sum(one.clock_s() for one in self._others) - self._others_s)

    def used_by(self, pid: int) -> float:
        """CPU seconds of one group so far; 0.0 for one that is not here."""
        group = self._groups.get(pid)
        return group.used_s if group else 0.0

    def let(self) -> dict[int, float]:
        """Share of the time each group was let run of late, where that is not all of it."""
        return {} if self.slots is None else {pid: group.let for pid, group in self._groups.items() if group.let < 1.0}

    def wanted(self) -> dict[str, float]:
        """Cores by tier that have work: what could be in use without a limit."""
        found: dict[str, float] = {}
        for group in self._groups.values():
            cores = self._wants(group)
            if cores > 0.0:
                tier = TIERS[group.rank]
                found[tier] = found.get(tier, 0.0) + cores
        return found

    def running(self) -> float:
        """Cores that those use which are not stopped now."""
        return min(float(self._cores), sum(self._wants(one) for one in self._groups.values() if not one.stopped))

    # --- inside

    def _look(self, length_s: float) -> None:
        for group in self._groups.values():
            used_s = max(group.used_s, group.usage.clock_s())
            group.used, group.used_s = used_s - group.used_s, used_s
            if not group.held_for_cores:
                group.let += min(1.0, length_s / LET_S) * ((0.0 if group.stopped else 1.0) - group.let)
            self._total_s += group.used
            if length_s > 0.0 and (not group.stopped or group.used > 0.0):
                share = min(1.0, length_s / (5 * TICK_S))
                group.cores += share * (group.used / length_s - group.cores)
        others_s = max(self._others_s, sum(usage.clock_s() for usage in self._others))
        self._total_s += others_s - self._others_s
        self._others_used, self._others_s = others_s - self._others_s, others_s

    def _account(self, slots: float, length_s: float) -> None:
        """A tier's credit pays for itself, those above, those never stopped, and those below while they may sip."""
        spent = [0.0] * len(TIERS)
        for group in self._groups.values():
            sips = self._empty(group.rank)
            spent[0 if group.exempt or group.urgent or sips else group.rank] += group.used
        spent[0] += self._others_used
        paid = 0.0
        for rank in range(len(TIERS)):
            paid += spent[rank]
            credit = self._credit[rank] + slots * length_s - paid
            self._credit[rank] = min(max(credit, -DEBT_S * max(slots, 0.2)), SAVED_S * slots)

    def _empty(self, rank: int) -> bool:
        if self.slots is None or rank in self.paused:
            return self.slots is not None
        best = min((group.rank for group in self._groups.values() if group.at_work and not group.exempt), default=0)
        # The kernel holds the sum to the quota; stops only make those below give way.
        return self._credit[rank] <= 0.0 and (self._quota is None or rank > best)

    def _hold_quota(self, now_s: float, length_s: float) -> None:
        """What those that are never held leave of the slots is the quota of the others."""
        if self._quota is None:
            return
        held = [group for group in self._groups.values() if not group.exempt and not group.urgent]
        if length_s > 0.0:
            unheld_s = self._others_used + sum(group.used for group in self._groups.values() if group not in held)
            share = min(1.0, length_s / QUOTA_S)
            self._unheld += share * (unheld_s / length_s - self._unheld)
        try:
            self._quota.members(pid for group in held for pid in group.usage.pids())
            cores = None if self.slots is None else max(0.0, self.slots - self._unheld)
            before = self._quota_cores
            moved = cores is None or before is None or abs(cores - before) > QUOTA_STEP * max(before, 0.1)
            if cores != before and moved and (now_s - self._quota_at_s >= QUOTA_WRITE_S or cores is None):
                self._quota.hold(cores)
                self._quota_cores, self._quota_at_s = cores, now_s
        except OSError:
            # No longer ours to write: from here on by stops.
            self._quota.close()
            self._quota = None

    def _carry_out(self, group: Group, now_s: float) -> None:
        stop = not group.urgent and (group.held_for_cores or self._too_much(group, now_s))
        if stop == group.stopped:
            return
        group.stopped, group.since_s = stop, now_s
        self._signals.send(group.pid, signal.SIGSTOP if stop else signal.SIGCONT)

    def _too_much(self, group: Group, now_s: float) -> bool:
        """Stopped for the watts: never much longer than MOST_STOP_S, and only one that uses the CPU."""
        if group.exempt or not group.at_work or not self._empty(group.rank):
            return False
        if not group.stopped:
            return group.cores >= WORKING
        return group.held_for_cores or now_s - group.since_s < MOST_STOP_S - TICK_S / 2

    def _wants(self, group: Group) -> float:
        if not group.at_work or group.threads <= 0:
            return group.cores if group.cores >= WORKING else 0.0
        computes = group.stopped or group.cores >= WORKING
        return float(min(group.threads, self._cores)) if computes else 0.0

    def next_s(self) -> float:
        """Until the first credit will be used up at the rate it could be, a tick at most; a sip where there is none."""
        if self.slots is None:
            return TICK_S
        running = [one for one in self._groups.values() if not one.stopped and not one.exempt and one.at_work]
        soonest_s = SIP_S if any(self._empty(one.rank) for one in running) else TICK_S
        for rank in {one.rank for one in running}:
            rate = min(self._cores, sum(one.threads for one in running if one.rank <= rank)) - self.slots
            if rate > 0.0 and self._credit[rank] > 0.0:
                soonest_s = min(soonest_s, self._credit[rank] / rate)
        return max(LEAST_S, soonest_s)
