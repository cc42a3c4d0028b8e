"""Who may take steps: so many step-slots run at once, the others wait at their next step boundary.

Priority goes first, then default, then flex. Within a tier whoever has had least goes next, a share of its slots at a
time, so that nobody starves. A call that waits is let go on only when the one it takes over from has really stopped.
No sockets and no clock in here: hosts are keys, times are handed in.
"""

from collections.abc import Callable, Iterable, Mapping

import msgspec

from omniwatt.contract.governor import LEASE_S, TIERS, Hello, Hold, Told
from omniwatt.contract.power import Work
from omniwatt.power.attribution import BRIEF

QUANTUM_S = 0.5
"""A call that runs keeps its slot for so long against others of its tier."""
IDLE_S = 10.0
"""A call that was let run and took no step for so long waits for something else: it needs no slot."""
RENEW_S = 0.1
"""Holds are said again so often, well within their lease."""
Host = int


class Seat:
    """One call of one host."""

    def __init__(self, host: Host, number: int, job: str, at_s: float, served_s: float) -> None:
        self.host = host
        self.number = number
        self.job = job
        self.tier = "default"
        self.slots = 0.0
        """One of its steps takes so many; 0: never held."""
        self.weight = 0.0
        """The same, by what its engine's steps are found to draw."""
        self.parked = False
        self.held = False
        self.stepped_at_s = at_s
        self.let_at_s = at_s
        self.served_s = served_s

    def wants(self, now_s: float) -> bool:
        """True while it needs a slot."""
        return self.weight > 0 and (self.parked or now_s - max(self.stepped_at_s, self.let_at_s) < IDLE_S)

    @property
    def rank(self) -> int:
        """0 for the tier that goes first; unknown ones count as default."""
        return TIERS.index(self.tier) if self.tier in TIERS else 1


class Event(msgspec.Struct, frozen=True):
    """What the books want to know: jobs that began or left an engine, and work that was begun."""

    engine: str
    begun: tuple[tuple[str, float], ...] = ()
    """With when, in time.monotonic; `left` too."""
    work: tuple[Work, ...] = ()
    left: tuple[tuple[str, float], ...] = ()


class Gate:
    """All calls of all hosts. `weigh` gives a host's step-slots for one of its steps."""

    def __init__(self, weigh: Callable[[Hello], float]) -> None:
        self._weigh = weigh
        self._hellos: dict[Host, Hello] = {}
        self._seats: dict[tuple[Host, int], Seat] = {}
        self._told: dict[Host, Hold] = {}
        self._told_at_s: dict[Host, float] = {}
        self._known: dict[Host, int] = {}
        self._free: float | None = None
        self._pause: tuple[str, ...] = ()
        self._weights: Mapping[str, float] = {}
        self._at_s: float | None = None
        self._slot_s = 0.0
        self._ran_s: dict[str, float] = {}

    # --- what hosts say

    def hello(self, host: Host, hello: Hello) -> None:
        """A host has come."""
        self._hellos[host] = hello

    def told(self, host: Host, told: Told, now_s: float) -> Event:
        """Take in what happened in a host; decide again with `choose` afterwards."""
        self._pass(now_s)
        hello = self._hellos[host]
        begun = [self._enter(host, *one, now_s) for one in told.entered]
        work = [Work(BRIEF, hello.engine, kind, units) for kind, units in told.brief]
        for number, kind, units in told.work:
            if seat := self._seats.get((host, number)):
                seat.parked = False
                seat.stepped_at_s = now_s
                work.append(Work(seat.job, hello.engine, kind, units))
        for number in told.parked:
            if seat := self._seats.get((host, number)):
                seat.parked = True
        left = [(seat.job, at_s) for number, at_s in told.left if (seat := self._seats.pop((host, number), None))]
        return Event(hello.engine, tuple(begun), tuple(work), tuple(left))

    def lost(self, host: Host, now_s: float) -> Event | None:
        """A host has gone, with all its calls."""
        self._pass(now_s)
        self._told.pop(host, None)
        self._told_at_s.pop(host, None)
        self._known.pop(host, None)
        hello = self._hellos.pop(host, None)
        gone = [key for key in self._seats if key[0] == host]
        jobs = tuple((self._seats.pop(key).job, now_s) for key in gone)
        return Event(hello.engine, left=jobs) if hello else None

    # --- what the governor decides

    def choose(
        self, slots: float | None, pause: Iterable[str], now_s: float, weights: Mapping[str, float] | None = None
    ) -> None:
        """Let calls worth `slots` run at once (at least one if there is any slot at all), none of the tiers `pause`.

        None lets all run. `weights`: so much a step of an engine counts for, beside others; 1 where nothing is said.
        """
        self._pass(now_s)
        self._free, self._pause, self._weights = slots, tuple(pause), weights or {}
        for seat in self._seats.values():
            seat.weight = seat.slots * self._weights.get(self._hellos[seat.host].engine, 1.0)
        self._choose(now_s)

    def again(self, now_s: float) -> None:
        """Decide again under the same limits: something was said since."""
        self._pass(now_s)
        self._choose(now_s)

    def holds(self, host: Host, now_s: float) -> Hold | None:
        """What the host must hear now; None when it knows."""
        held = tuple(seat.number for seat in self._seats.values() if seat.host == host and seat.held)
        new = self._free is not None and self._gates(host)
        hold = Hold(held, LEASE_S, new, self._known.get(host, 0) if new else 0)
        before = self._told.get(host, Hold())
        renew = (held or hold.new) and now_s - self._told_at_s.get(host, 0.0) >= RENEW_S
        if hold == before and not renew:
            return None
        self._told[host], self._told_at_s[host] = hold, now_s
        return hold

    # --- how it stands

    def tiers(self, pid: int) -> list[str]:
        """Of the calls in flight in one process."""
        return [seat.tier for seat in self._seats.values() if self._hellos[seat.host].pid == pid]

    def wanted(self, now_s: float, *, parked: bool = False) -> dict[str, float]:
        """Step-slots by tier: running, or ready to; with `parked` only of those that wait here."""
        found: dict[str, float] = {}
        for seat in self._seats.values():
            if seat.wants(now_s) and (seat.parked or not parked):
                found[seat.tier] = found.get(seat.tier, 0.0) + seat.weight
        return found

    def running(self, now_s: float) -> float:
        """Step-slots in use now, those told to pause included."""
        return sum(seat.weight for seat in self._seats.values() if not seat.parked and seat.wants(now_s))

    def slot_s(self, now_s: float) -> float:
        """Slot-seconds used so far, weighted."""
        self._pass(now_s)
        return self._slot_s

    def ran_s(self, now_s: float) -> dict[str, float]:
        """Slot-seconds used so far by engine, as they are."""
        self._pass(now_s)
        return self._ran_s.copy()

    @property
    def calls(self) -> int:
        """Calls in flight, of all hosts."""
        return len(self._seats)

    @property
    def hosts(self) -> Mapping[Host, Hello]:
        """Those that are connected."""
        return self._hellos

    # --- inside

    def _enter(self, host: Host, number: int, job: str, tier: str, at_s: float, now_s: float) -> tuple[str, float]:
        hello, tier = self._hellos[host], tier or "default"
        peers = [seat.served_s for seat in self._seats.values() if seat.tier == tier and seat.weight]
        seat = Seat(host, number, job, now_s, min(peers, default=0.0))
        seat.tier = tier
        seat.slots = self._weigh(hello) if hello.gated else 0.0
        seat.weight = seat.slots * self._weights.get(hello.engine, 1.0)
        # A host that holds its new calls until it hears of them has not let this one begin.
        seat.parked = seat.held = self._told.get(host, Hold()).new and seat.weight > 0
        self._seats[host, number] = seat
        self._known[host] = max(number, self._known.get(host, 0))
        return job, at_s

    def _gates(self, host: Host) -> bool:
        hello = self._hellos[host]
        return hello.gated and self._weigh(hello) > 0

    def _pass(self, now_s: float) -> None:
        """Account for the time since the last event."""
        length_s = 0.0 if self._at_s is None else max(0.0, now_s - self._at_s)
        self._at_s = now_s
        if not length_s:
            return
        for seat in self._seats.values():
            if not seat.parked and seat.wants(now_s):
                seat.served_s += length_s * seat.weight
                self._slot_s += length_s * seat.weight
                engine = self._hellos[seat.host].engine
                self._ran_s[engine] = self._ran_s.get(engine, 0.0) + length_s * seat.slots

    def _choose(self, now_s: float) -> None:
        if self._free is None:
            for seat in self._seats.values():
                self._let(seat, now_s)
            return
        chosen = self._chosen(now_s)
        busy = 0.0
        for seat in self._seats.values():
            if seat.wants(now_s) and (seat.host, seat.number) not in chosen:
                seat.held = True
            if not seat.parked and seat.wants(now_s):
                busy += seat.weight
        for key in chosen:
            seat = self._seats[key]
            if not seat.parked:
                seat.held = False
            elif busy == 0.0 or busy + seat.weight <= self._free + 1e-9:
                busy += seat.weight
                self._let(seat, now_s)

    def _chosen(self, now_s: float) -> list[tuple[Host, int]]:
        """In order of who goes first, as many as there are slots for."""
        able = [seat for seat in self._seats.values() if seat.wants(now_s) and seat.tier not in self._pause]
        free = self._free or 0.0
        chosen: list[tuple[Host, int]] = []
        used = 0.0
        for seat in sorted(able, key=_order):
            if used + seat.weight <= free + 1e-9 or (free > 0 and not used):
                chosen.append((seat.host, seat.number))
                used += seat.weight
        return chosen

    def _let(self, seat: Seat, now_s: float) -> None:
        if seat.parked:
            seat.let_at_s = now_s
        seat.parked = seat.held = False


def _order(seat: Seat) -> tuple[int, float, Host, int]:
    stays_s = 0.0 if seat.held else QUANTUM_S * seat.weight
    return (seat.rank, seat.served_s - stays_s, seat.host, seat.number)
