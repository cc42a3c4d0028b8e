"""Carries out turns: holds and continues engine processes while their threads exceed the cores, and only then."""

import asyncio
import time

from omniwatt.workers.cores import Runner, next_turn, ran_on_return_s
from omniwatt.workers.process import HostProcess

QUIET_LOOK_S = 0.05
SHORT_S = 0.004
"""Less than this says nothing about whether a process computes."""
NEW_AGAIN_S = 0.25
"""A process counts as new this often at most: many short requests in a row must not go round the turns."""


class _Member:
    """A process, its threads, and what it has had so far."""

    def __init__(self, process: HostProcess, threads: int) -> None:
        self.process = process
        self.threads = threads
        self.ran_s = 0.0
        self.used_cores: float | None = None
        self.busy = False
        self.held_at_s = 0.0
        self.since_s = 0.0
        self.cpu_s = 0.0
        self.new = False
        self.new_at_s = -NEW_AGAIN_S

    def look(self, now_s: float) -> None:
        """Measure from here: the process runs. One without threads is never held, whatever it uses."""
        self.since_s = now_s
        if self.threads:
            self.cpu_s = self.process.cpu_s()

    def account(self, now_s: float, contended: bool) -> None:
        """Note what a running process did since the last look."""
        length_s = now_s - self.since_s
        if length_s < SHORT_S:
            return
        before_s = self.cpu_s
        self.look(now_s)
        self.used_cores = (self.cpu_s - before_s) / length_s
        self.new = False
        if contended:
            self.ran_s += length_s * self.process.let

    def runner(self, now_s: float) -> Runner:
        held_s = now_s - self.held_at_s if self.process.stopped else 0.0
        urgent = self.process.cancelling > 0
        let = self.process.let
        return Runner(self.process.pid, self.threads, self.ran_s, held_s, urgent, self.used_cores, self.new, let)


class Ticker:
    """Keeps the sum of running compute threads within `cores`."""

    def __init__(self, cores: int) -> None:
        self.cores = cores
        self._members: dict[int, _Member] = {}
        self._timer: asyncio.TimerHandle | None = None

    def join(self, process: HostProcess, threads: int) -> None:
        """Take a process in; from now on it may be held while it has work and there are too many threads."""
        member = self._members[process.pid] = _Member(process, threads)
        process.on_busy = lambda: self._changed(member)
        self._changed(member)

    def leave(self, process: HostProcess) -> None:
        """Let a process go for good; it is never left held."""
        process.on_busy = _nothing
        if self._members.pop(process.pid, None) is not None:
            process.resume()
            self._turn()

    def close(self) -> None:
        """Let all go."""
        for member in list(self._members.values()):
            self.leave(member.process)
        self._stop_timer()

    def _changed(self, member: _Member) -> None:
        """A process got its first work, or has none left, or must run for a cancel."""
        busy = member.process.in_flight > 0 or member.process.cancelling > 0
        if busy and not member.busy:
            others = [other.ran_s for other in self._members.values() if other.busy]
            member.ran_s = ran_on_return_s(member.ran_s, others)
            member.used_cores = None
            now_s = time.monotonic()
            member.new = now_s - member.new_at_s >= NEW_AGAIN_S
            member.new_at_s = now_s if member.new else member.new_at_s
            member.look(now_s)
        member.busy = busy
        if not busy:
            member.process.resume()
        if sum(one.busy for one in self._members.values()) > 1 or self._timer is not None:
            self._turn()

    def _turn(self) -> None:
        """Account for the slice that ends now, decide the next one, and carry it out."""
        self._stop_timer()
        now_s = time.monotonic()
        busy = {pid: member for pid, member in self._members.items() if member.busy}
        contended = any(member.process.stopped for member in busy.values())
        for member in busy.values():
            if not member.process.stopped:
                member.account(now_s, contended)
        turn = next_turn((member.runner(now_s) for member in busy.values()), self.cores)
        for pid, member in busy.items():
            if pid in turn.hold and not member.process.stopped:
                member.held_at_s = now_s
                member.process.pause()
            elif pid in turn.run and member.process.stopped:
                member.process.resume()
                member.look(now_s)
        if turn.length_s or len(busy) > 1:
            # Without contention it is looked at again: an engine that waited for input may start to compute.
            self._timer = asyncio.get_running_loop().call_later(turn.length_s or QUIET_LOOK_S, self._turn)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _nothing() -> None:
    return
