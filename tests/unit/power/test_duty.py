"""Duty on a virtual clock: the cores in use are what they may be, tiers in order, no long stops, one hand."""

import os
import signal
import subprocess
import time

import psutil
import pytest

from omniwatt.power.actuators.duty import MOST_STOP_S, TICK_S, Duty
from omniwatt.power.actuators.signals import Signals
from omniwatt.workers.cores import Runner, next_turn

STEP_S = 0.001


class Computer:
    """Groups that use the cores they are given: shared out by threads when there are too few."""

    def __init__(self, cores: int, threads: dict[int, int]) -> None:
        self.cores = cores
        self.threads = threads
        self.work = dict.fromkeys(threads, 1.0)
        """The share of its threads a group could keep busy."""
        self.used_s = dict.fromkeys(threads, 1.0)
        self.stopped: set[int] = set()
        self.sent: list[tuple[int, int]] = []
        self.duty = Duty(cores, self, lambda pid: Clock(self, pid))
        self.now_s = 100.0
        self.next_s = 0.0
        self.stopped_since_s: dict[int, float] = {}
        self.longest_s = 0.0
        for pid, count in threads.items():
            self.duty.join(pid, count, exempt=False)
            self.duty.works_for(pid, ["default"])

    def send(self, pid: int, number: int) -> None:
        self.sent.append((pid, number))
        if number == signal.SIGSTOP:
            self.stopped.add(pid)
            self.stopped_since_s[pid] = self.now_s
        else:
            self.stopped.discard(pid)
            self.longest_s = max(self.longest_s, self.now_s - self.stopped_since_s.pop(pid, self.now_s))

    def forget(self, pid: int) -> None:
        """Nobody takes over numbers here."""

    def run(self, seconds: float) -> dict[int, float]:
        """Mean cores each group used."""
        before = dict(self.used_s)
        until_s = self.now_s + seconds
        while self.now_s < until_s:
            self.now_s += STEP_S
            able = {pid: count * self.work[pid] for pid, count in self.threads.items() if pid not in self.stopped}
            share = min(1.0, self.cores / max(1e-9, sum(able.values())))
            for pid, count in able.items():
                self.used_s[pid] += count * share * STEP_S
            if self.now_s >= self.next_s:
                self.next_s = self.duty.tick(self.now_s)
        return {pid: (self.used_s[pid] - before[pid]) / seconds for pid in self.threads}


class Clock:
    def __init__(self, computer: Computer, pid: int) -> None:
        self._computer = computer
        self._pid = pid

    def clock_s(self) -> float:
        return self._computer.used_s[self._pid]

    def pids(self) -> tuple[int, ...]:
        return (self._pid, self._pid + 1000)


@pytest.mark.parametrize("slots", [0.3, 0.8, 1.2, 1.6, 1.9])
@pytest.mark.parametrize("threads", [{1: 2}, {1: 2, 2: 2}, {1: 1, 2: 2, 3: 4}])
def test_each_second_is_within_two_percent(slots: float, threads: dict[int, int]) -> None:
    computer = Computer(2, threads)
    computer.duty.slots = slots
    computer.run(1.0)
    means = [sum(computer.run(1.0).values()) for _ in range(10)]
    assert all(abs(mean / slots - 1) < 0.02 for mean in means), means
    assert computer.longest_s <= MOST_STOP_S + 2 * TICK_S


@pytest.mark.parametrize("slots", [0.4, 0.8, 1.3])
def test_of_engines_that_take_turns_a_budget_takes_the_same_share(slots: float) -> None:
    computer = Computer(2, {1: 2, 2: 2, 3: 2})
    computer.work |= {2: 0.5, 3: 0.6}
    computer.duty.slots = slots
    ran_s, held_s, used_s = dict.fromkeys((1, 2, 3), 0.0), dict.fromkeys((1, 2, 3), 0.0), dict.fromkeys((1, 2, 3), 0.0)
    end_s, counted_s = computer.now_s + 12.0, computer.now_s + 2.0
    while computer.now_s < end_s:
        let = computer.duty.let()
        turn = next_turn(
            [Runner(pid, 2, ran_s[pid], held_s[pid], False, 1.0, let=let.get(pid, 1.0)) for pid in ran_s], 2
        )
        for pid in ran_s:
            computer.duty.want(pid, computer.now_s, held=pid in turn.hold, urgent=False)
        for pid, cores in computer.run(turn.length_s).items():
            ran_s[pid] += turn.length_s * let.get(pid, 1.0) if pid in turn.run else 0.0
            held_s[pid] = 0.0 if pid in turn.run else held_s[pid] + turn.length_s
            used_s[pid] += cores * turn.length_s if computer.now_s > counted_s else 0.0
    assert sum(used_s.values()) == pytest.approx(10 * slots, rel=0.02)
    assert used_s[2] / used_s[1] == pytest.approx(0.5, rel=0.15), "as without a budget, when turns are as long for all"
    assert used_s[3] / used_s[1] == pytest.approx(0.6, rel=0.15)


def test_a_tier_above_pays_nothing_for_those_below() -> None:
    computer = Computer(2, {1: 1, 2: 2, 3: 2})
    computer.duty.works_for(1, ["flex", "priority"])
    computer.duty.works_for(3, ["flex"])
    computer.duty.slots = 1.5
    computer.run(1.0)
    used = computer.run(5.0)
    assert used[1] > 0.6, "two thirds of the time it shares two cores with one that may use half a core"
    assert used[3] < 0.05, "only what a stop of at most 100 ms lets through"
    assert sum(used.values()) == pytest.approx(1.5, rel=0.03)


def test_what_must_not_be_held_is_counted() -> None:
    computer = Computer(2, {1: 1, 2: 2})
    computer.duty.join(1, 1, exempt=True)
    computer.duty.slots = 1.2
    computer.run(1.0)
    used = computer.run(3.0)
    assert (1, signal.SIGSTOP) not in computer.sent
    assert sum(used.values()) == pytest.approx(1.2, rel=0.03)


def test_the_gateway_is_counted_and_never_stopped() -> None:
    computer = Computer(2, {1: 2, 9: 1})
    computer.duty.leave(9)
    computer.duty.count(Clock(computer, 9))
    computer.work[9] = 0.3
    computer.duty.slots = 1.0
    computer.run(1.0)
    used = computer.run(3.0)
    assert used[9] == pytest.approx(0.3, rel=0.3)
    assert sum(used.values()) == pytest.approx(1.0, rel=0.03)


def test_one_that_waits_for_something_else_is_not_stopped() -> None:
    computer = Computer(2, {1: 2, 2: 1})
    computer.work[2] = 0.02
    computer.duty.slots = 0.5
    computer.run(3.0)
    assert (2, signal.SIGSTOP) not in computer.sent[10:]


def test_unused_credit_is_not_saved_up() -> None:
    computer = Computer(2, {1: 2})
    computer.work[1] = 0.0
    computer.duty.slots = 1.0
    computer.run(60.0)
    computer.work[1] = 1.0
    assert sum(computer.run(1.0).values()) < 1.05


def test_no_limit_lets_all_run_and_a_limit_of_nothing_nearly_none() -> None:
    computer = Computer(2, {1: 2})
    assert sum(computer.run(1.0).values()) == pytest.approx(2.0)
    assert (1, signal.SIGSTOP) not in computer.sent
    computer.duty.slots = 0.0
    computer.run(1.0)
    assert sum(computer.run(3.0).values()) < 0.1
    assert computer.longest_s <= MOST_STOP_S + 2 * TICK_S
    computer.duty.slots = None
    assert sum(computer.run(1.0).values()) > 1.9


def test_held_for_the_cores_and_urgent() -> None:
    computer = Computer(2, {1: 2, 2: 2})
    duty = computer.duty
    duty.want(1, computer.now_s, held=True, urgent=False)
    assert computer.stopped == {1}
    computer.run(0.5)
    assert computer.stopped == {1}, "the gateway's turns end by its own word"
    duty.want(1, computer.now_s, held=True, urgent=True)
    assert computer.stopped == set()
    duty.slots = 0.1
    assert computer.run(2.0)[1] > 0.9, "an urgent one runs whatever the watts"
    duty.want(1, computer.now_s, held=False, urgent=False)
    computer.run(1.0)
    assert sum(computer.run(2.0).values()) == pytest.approx(0.1, abs=0.03)


def test_nobody_is_left_stopped() -> None:
    computer = Computer(2, {1: 2, 2: 2})
    computer.duty.slots = 0.05
    computer.run(1.0)
    computer.duty.want(1, computer.now_s, held=True, urgent=False)
    assert computer.stopped
    computer.duty.leave(1)
    assert 1 not in computer.stopped
    computer.duty.free_all()
    assert not computer.stopped
    computer.run(0.2)
    assert not computer.stopped
    computer.duty.want(7, computer.now_s, held=True, urgent=False)
    computer.duty.leave(7)


def test_a_late_tick_and_a_clock_that_stands_or_jumps() -> None:
    computer = Computer(2, {1: 2})
    computer.duty.slots = 1.0
    computer.run(1.0)
    computer.duty.tick(computer.now_s - 1000.0)
    computer.duty.tick(computer.now_s)
    computer.duty.tick(computer.now_s)
    computer.run(1.0)
    assert sum(computer.run(2.0).values()) == pytest.approx(1.0, rel=0.03)
    computer.now_s += 3600.0
    computer.run(1.0)
    assert sum(computer.run(2.0).values()) == pytest.approx(1.0, rel=0.03)


def test_who_comes_and_who_is_let_go_is_continued_whoever_stopped_it() -> None:
    """A governor that died, or the gateway by itself while nobody listened."""
    computer = Computer(2, {})
    computer.used_s[5] = 1.0
    computer.stopped = {5}
    computer.duty.join(5, 1, exempt=False)
    assert computer.stopped == set()
    computer.stopped = {5}
    computer.duty.want(5, 100.0, held=False, urgent=False)
    assert computer.stopped == set()
    computer.duty.want(5, 100.0, held=True, urgent=False)
    assert computer.stopped == {5}
    computer.duty.want(5, 100.0, held=True, urgent=True)
    assert computer.stopped == set()


def test_a_number_that_is_a_strangers_now_is_not_signalled() -> None:
    children = [_sleeper() for _ in range(2)]
    ours, gone = children
    signals = Signals(parent=os.getpid())
    try:
        signals.send(ours.pid, signal.SIGSTOP)
        signals.send(gone.pid, signal.SIGCONT)
        _becomes(ours.pid, stopped=True)
        gone.kill()
        gone.wait()
        signals.send(gone.pid, signal.SIGSTOP)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, "killpg", lambda *_: pytest.fail("a stranger was signalled"))
            signals.send(gone.pid, signal.SIGSTOP)
            Signals(parent=1 << 22).send(ours.pid, signal.SIGSTOP)
        signals.forget(gone.pid)
        signals.send(ours.pid, signal.SIGCONT)
        signals.forget(ours.pid)
        _becomes(ours.pid, stopped=False)
    finally:
        for child in children:
            child.kill()
            child.wait()


def _sleeper() -> "subprocess.Popen[bytes]":
    return subprocess.Popen(["/bin/sleep", "60"], start_new_session=True)


def _becomes(pid: int, *, stopped: bool) -> None:
    """Signals are carried out when the process is next run."""
    until_s = time.monotonic() + 5.0
    while (psutil.Process(pid).status() == psutil.STATUS_STOPPED) != stopped:
        assert time.monotonic() < until_s
        time.sleep(0.002)
