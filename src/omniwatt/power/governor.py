"""The governor: one process a machine that reads the meter, decides, and holds steps and processes to the budget.

    python -m omniwatt.power.governor FD

FD is its end of a socket pair with the gateway, a child of which it is; its working directory holds the gate. It ends
when the gateway hangs up, and never before it has continued all it had stopped. One machine, one governor: a second one
meters and keeps its books, but holds nothing, and says so.
"""

import os
import select
import signal
import socket
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from omniwatt import packets
from omniwatt.contract.governor import Hello, Told, decode_from_host
from omniwatt.contract.governor import encode as encode_hold
from omniwatt.contract.power import Manner, Meter, MeterLost
from omniwatt.power.activity import Activity
from omniwatt.power.actuators.caps import Caps, CapsRefused, Zeusd
from omniwatt.power.actuators.duty import Duty
from omniwatt.power.actuators.gate import Event, Gate
from omniwatt.power.actuators.node import Node, slots_of
from omniwatt.power.actuators.quota import Quota, open_quota, quota_name
from omniwatt.power.choice import chosen, cpu_model
from omniwatt.power.loop import Loop
from omniwatt.power.machine import TURN_S, node, nvml, tuning
from omniwatt.power.machinery import Process, bound, door, go_after, go_first, wake_when_orphaned
from omniwatt.power.messages import (
    Ahead,
    Beat,
    Budget,
    Engine,
    FromGateway,
    Gone,
    Settle,
    Settled,
    Start,
    Want,
    clock_s,
    decode_from_gateway,
    encode,
)
from omniwatt.power.meters.estimate import Estimate
from omniwatt.power.pulse import BEAT_S
from omniwatt.power.telling import Teller
from omniwatt.tree import Everyone, Groups, Tree

REST_S = 0.5
"""Between two turns while nothing is limited and nothing runs."""
TELEMETRY_S = 0.2
LOCK_RETRY_S = 1.0


class Governor:
    """Everything but the process. `stream` is the gateway's end of the line."""

    def __init__(self, stream: socket.socket, start: Start, *, first: bool) -> None:
        """`first`: the kernel lets this process run as soon as it wants to; see machinery.go_first."""
        self._stream = stream
        self._first = first
        self._beats, self._beat_at_s = False, 0.0
        self._start = start
        self._poll = select.epoll()
        self._asked: set[str] = set()
        """Jobs whose cost will be asked for."""
        self._brief_s = float("-inf")
        """When calls were last told of in sums."""
        self._engines: dict[int, str] = {}
        self._links: dict[int, socket.socket] = {}
        self._lock: socket.socket | None = None
        self._lock_at_s = float("-inf")
        self._lock_why = ""
        self._budget = Budget(None)
        self._turned_s = float("-inf")
        self._why = self._unmetered = self._uncapped = ""
        groups = Groups()
        quota = _quota(start) if start.power.quota else None
        self._duty = Duty(start.cores, usage_of=lambda pid: Tree(pid, groups), quota=quota)
        self._duty.count(Process(os.getpid()))
        self._duty.count(Process(os.getppid()))
        self._meter = self._opened()
        library = nvml() if start.power.meter not in ("none", "estimate", "rapl") else None
        # First: cards that were left lowered by one that died are put back, and their limits looked at then.
        self._caps = self._capped(library)
        found = node(start.power, start.calibration, start.cores, library)
        self._activity = Activity(self._duty, self._meter, by_core=found.by_core)
        self._gate = Gate(lambda hello: slots_of(hello, by_core=found.by_core, cores=start.cores))
        actuators = Node(
            self._gate,
            self._duty,
            found.machine.capacity,
            by_core=found.by_core,
            stops=start.power.stops,
            trim=self._caps,
        )
        manner = self._meter.manner if self._meter else Manner()
        tuned = tuning(manner, found.machine.capacity, by_core=found.by_core, trim=self._caps is not None)
        counted = not manner.window_s
        self._loop = Loop(found.machine, tuned, self._meter, actuators, self._activity.used_s, counted=counted)
        self._loop.account.learnt.update(start.learnt)
        self._teller = Teller(self._loop, self._duty, metered=self._meter is not None)
        self._door = door(start.gate)
        self._poll.register(stream.fileno(), select.EPOLLIN)
        # Once a knock: where no file can be opened for who waits there, a door that is told of again and again spins.
        self._poll.register(self._door.fileno(), select.EPOLLIN | select.EPOLLET)

    def run(self) -> None:
        """Until the gateway hangs up."""
        turn_s = duty_s = tell_s = time.monotonic()
        try:
            while True:
                now_s = time.monotonic()
                if now_s >= turn_s:
                    self._turn_again(now_s)
                    turn_s = now_s + self._pause_s()
                if now_s >= duty_s:
                    duty_s = self._duty.tick(now_s) if self._holding() else turn_s
                self._beat(now_s)
                if now_s >= tell_s:
                    why, last = self._why or self._unmetered, self._caps.why if self._caps else self._uncapped
                    packets.post(self._stream, encode(self._teller.telemetry(now_s, self._budget_w, why, last)))
                    tell_s = now_s + TELEMETRY_S
                wait_s = min(turn_s, duty_s, tell_s) - time.monotonic()
                if not self._hear(max(0.0, wait_s)):
                    return
                if self._holding():
                    # Who was continued just now, for the cores' sake, may have no credit left.
                    duty_s = min(duty_s, time.monotonic() + self._duty.next_s())
                turn_s = min(turn_s, time.monotonic() + self._pause_s())
        finally:
            self.close()

    def _beat(self, now_s: float) -> None:
        """Tell the gateway, which lets everybody go on when this is missing."""
        holds = self._holding()
        if holds != self._beats or (holds and now_s - self._beat_at_s >= BEAT_S):
            self._beats, self._beat_at_s = holds, now_s
            packets.post(self._stream, encode(Beat(holds)))

    def close(self) -> None:
        """Let everything run, and go."""
        self._duty.free_all()
        with suppress(OSError):
            Path(self._start.gate).unlink()
        self._door.close()
        if self._caps is not None:
            self._caps.close()
        if self._meter is not None:
            self._meter.close()

    # --- turns

    @property
    def _budget_w(self) -> float | None:
        return self._budget.at(clock_s())

    def _turn_again(self, now_s: float) -> None:
        """Unless the last turn was just now: the meter has nothing to say yet, and the next one is near."""
        if not 0.0 <= now_s - self._turned_s < TURN_S / 2:
            self._turned_s = now_s
            self._turn(now_s)

    def _turn(self, now_s: float) -> None:
        self._admit()
        for pid in self._engines:
            self._duty.works_for(pid, self._gate.tiers(pid))
        self._loop.limit(self._budget_w if self._governs(now_s) else None)
        # What ran and what was drawn are looked at in the same moment: they are compared.
        self._duty.tick(now_s)
        self._loop.turn(now_s)
        self._say(now_s)

    def _governs(self, now_s: float) -> bool:
        """Whether there is a budget to hold, and nobody else who does. Without a meter the model alone has to do."""
        if self._budget_w is None:
            self._why = ""
            self._release()
            return False
        if self._lock is None and now_s - self._lock_at_s >= LOCK_RETRY_S:
            self._lock_at_s = now_s
            self._lock, self._lock_why = bound(self._start.lock)
            self._go_before(self._engines)
        self._why = "" if self._lock else self._lock_why
        return self._lock is not None

    def _go_before(self, engines: Iterable[int]) -> None:
        """Whoever holds processes to milliseconds must not wait for them."""
        if self._lock is not None and not self._first:
            for pid in engines:
                go_after(pid)

    def _release(self) -> None:
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _holding(self) -> bool:
        return self._duty.slots is not None or self._duty.holds

    def _busy(self) -> bool:
        return self._loop.budget_w is not None or self._gate.calls > 0

    def _pause_s(self) -> float:
        if self._busy():
            return TURN_S
        # Short calls alone: the books want no more than what is shown.
        return TELEMETRY_S if time.monotonic() - self._brief_s < 2 * TELEMETRY_S else REST_S

    def _say(self, now_s: float) -> None:
        """Tell each host what it does not know yet."""
        for host, link in list(self._links.items()):
            hold = self._gate.holds(host, now_s) if host in self._gate.hosts else None
            if hold is not None:
                packets.post(link, encode_hold(hold))

    # --- what is heard

    def _hear(self, wait_s: float) -> bool:
        """Take what comes within `wait_s`; False once the gateway is gone."""
        for fd, _ in self._poll.poll(wait_s):
            if fd == self._stream.fileno():
                if not packets.take(self._stream, lambda packet: self._obey(decode_from_gateway(packet))):
                    return False
            elif fd == self._door.fileno():
                self._admit()
            else:
                self._listen(fd)
        return True

    def _admit(self) -> None:
        with suppress(OSError):
            while True:
                link, _ = self._door.accept()
                self._links[link.fileno()] = link
                self._poll.register(link.fileno(), select.EPOLLIN)

    def _listen(self, fd: int) -> None:
        link = self._links.get(fd)
        if link is None:
            return
        now_s = time.monotonic()
        try:
            alive = packets.take(link, lambda packet: self._heard(fd, packet, now_s))
        except msgspec.DecodeError:
            alive = False
        if not alive:
            self._poll.unregister(fd)
            self._links.pop(fd).close()
            if event := self._gate.lost(fd, now_s):
                self._note(event, now_s)
        self._gate.again(now_s)
        self._say(now_s)

    def _heard(self, fd: int, packet: bytes, now_s: float) -> None:
        match decode_from_host(packet):
            case Hello() as hello:
                self._gate.hello(fd, hello)
            case Told() as told if fd in self._gate.hosts:
                self._asked.update(job for _, job, tier, _ in told.entered if tier)
                self._brief_s = now_s if told.brief else self._brief_s
                self._note(self._gate.told(fd, told, now_s), now_s)
                if told.entered or told.left:
                    pid = self._gate.hosts[fd].pid
                    self._duty.works_for(pid, self._gate.tiers(pid))

    def _note(self, event: Event, now_s: float) -> None:
        account = self._loop.account
        for job, at_s in event.begun:
            account.begin(job, event.engine, min(at_s, now_s))
        account.did(event.work)
        for job, at_s in event.left:
            account.leave(job, event.engine, min(at_s, now_s))
            if job not in self._asked:
                # Nobody will ask: it ran outside of any request.
                account.drop(job, now_s)

    def _obey(self, message: FromGateway) -> None:
        now_s = time.monotonic()
        match message:
            case Engine(pid=pid, name=name, threads=threads, exempt=exempt):
                self._engines[pid] = name
                self._duty.join(pid, threads, exempt=exempt)
                self._activity.join(pid, name)
                self._go_before([pid])
                # What it took to load is nobody's, not its first job's.
                self._duty.tick(now_s)
                self._loop.read(now_s)
                self._duty.works_for(pid, self._gate.tiers(pid))
            case Gone(pid=pid):
                self._duty.tick(now_s)
                self._activity.leave(pid)
                self._engines.pop(pid, None)
                self._duty.leave(pid)
            case Want(pid=pid, held=held, urgent=urgent):
                self._duty.want(pid, now_s, held=held, urgent=urgent)
            case Settle(job=job, brief_j=brief_j):
                self._settle(job, brief_j)
            case Ahead(dynamic_j=dynamic_j, idle_j=idle_j):
                self._loop.account.advance(dynamic_j, idle_j)
            case Budget() as budget:
                self._budget = budget
                if self._budget_w is None:
                    self._turned_s = float("-inf")  # who is told that nothing is limited finds nobody held
                self._turn_again(now_s)
            case Start():
                pass

    def _settle(self, job: str, brief_j: float) -> None:
        """What hosts have said by now counts: they say it before their answer's end can be known."""
        self._admit()
        for fd in list(self._links):
            self._listen(fd)
        now_s = time.monotonic()
        # The meter is read for it: who drew that must be known as of now, too.
        self._duty.tick(now_s)
        joules = self._loop.settle(job, now_s, brief_j)
        self._asked.discard(job)
        packets.post(self._stream, encode(Settled(job, joules)))

    # --- how it stands

    def _capped(self, library: Any) -> Caps | None:
        if not self._start.power.caps:
            return None
        if library is None:
            self._uncapped = "power.caps has no effect: no card is found"
            return None
        socket_path = self._start.power.zeusd_socket
        setter = Zeusd(socket_path) if socket_path else None
        try:
            return Caps(Path(self._start.state_file), self._pids, library=library, setter=setter)
        except CapsRefused as error:
            self._uncapped = str(error)
            return None

    def _pids(self) -> set[int]:
        return {pid for group in self._engines for pid in Tree(group).pids()}

    def _opened(self) -> Meter | None:
        model = cpu_model(self._start.power, self._start.calibration)
        try:
            meter = chosen(self._start.power, self._start.calibration, model, self._duty.sample_s)
            if isinstance(meter, Estimate):
                return Estimate(model, self._duty.sample_s, everyone_s=Everyone().clock_s)
            return meter
        except MeterLost as error:
            self._unmetered = str(error)
            return None


def _quota(start: Start) -> Quota | None:
    with suppress(OSError):
        return open_quota(Path(start.cgroups), Path("/proc/self/cgroup").read_text("ascii"), quota_name(start.gate))
    return None


def main() -> None:
    """Serve one gateway until it hangs up."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    wake_when_orphaned()
    first = go_first()
    with socket.socket(fileno=int(sys.argv[1])) as stream:
        start = decode_from_gateway(stream.recv(packets.PACKET_BYTES))
        if isinstance(start, Start):
            Governor(stream, start, first=first).run()


if __name__ == "__main__":
    main()
