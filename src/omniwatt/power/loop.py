"""The governor's loop without its process: read, decide, act, keep the books; clock, meter and actuators are handed in.

The simulator and the tests run this very class.
"""

from collections.abc import Callable, Mapping
from typing import Protocol

import msgspec
from msgspec.structs import replace

from omniwatt.contract.error import BadInput
from omniwatt.contract.power import Joules, Meter, MeterLost, Reading
from omniwatt.power.account import Account
from omniwatt.power.believed import Believed
from omniwatt.power.policy import decide
from omniwatt.power.sight import Decision, Sight, State, Tuning

FRESH_S, COUNTED_FRESH_S = 0.005, 0.0002
"""A reading younger than this is as good as a new one; of a meter that counts exactly, the books want it newer."""
MOST_SAID = 200


class Machine(msgspec.Struct, frozen=True):
    """What is governed: `capacity` step-slots, each of which adds `slot_w` to `idle_w`; `known` for kinds of work."""

    capacity: float
    idle_w: float
    slot_w: float
    known: Mapping[str, float] = {}

    @property
    def max_w(self) -> float:
        """With all slots running."""
        return self.idle_w + self.capacity * self.slot_w


class Load(msgspec.Struct, frozen=True):
    """What the actuators see: slots wanted by tier, slot-seconds that ran so far, slots that run now.

    All weighted as the decision says that holds; `ran_s` are slot-seconds by kind of work, unweighted.
    """

    wanted: Mapping[str, float]
    slot_s: float
    running: float
    ran_s: Mapping[str, float] = {}


class Actuators(Protocol):
    """What carries decisions out."""

    def look(self, now_s: float) -> Load:
        """How it stands."""
        ...

    def obey(self, decision: Decision | None, now_s: float) -> None:
        """From now on. None: everything may run."""
        ...


class Loop:
    """One turn is one look and one decision. Nothing here sleeps."""

    def __init__(
        self,
        machine: Machine,
        tuning: Tuning,
        meter: Meter | None,
        actuators: Actuators,
        activity: Callable[[], Mapping[str, float]] = dict,
        *,
        counted: bool = False,
    ) -> None:
        """`counted`: the meter counts joules exactly, and what it says means what lies between two looks at it."""
        self.machine = machine
        self.tuning = tuning
        self.account = Account()
        self.budget_w: float | None = None
        self.reading: Reading | None = None
        self.decision: Decision | None = None
        self.load = Load({}, 0.0, 0.0)
        self.fault = ""
        """Why the meter tells nothing; empty while it does."""
        self.believed = Believed(machine.idle_w, machine.max_w)
        self._counted = counted
        self._fresh_s = COUNTED_FRESH_S if counted else FRESH_S
        self._turn_end: tuple[float, float] | None = None
        """When the last turn read the counter, and what it said."""
        self._meter = meter
        self._actuators = actuators
        self._activity = activity
        self._active: dict[str, float] = {}
        self._state = State()
        self._turned_s: float | None = None
        self._read_s = float("-inf")

    def turn(self, now_s: float) -> Decision | None:
        """Look, decide, act. None: there is no budget, and everything runs."""
        self.read(now_s)
        load, before = self._actuators.look(now_s), self.load
        length_s = 0.0 if self._turned_s is None else now_s - self._turned_s
        self.load, self._turned_s = load, now_s
        if self.budget_w is None:
            self.decision = None
        else:
            ran = (load.slot_s - before.slot_s) / length_s if length_s > 0.0 else load.running
            kinds = _rates(before.ran_s, load.ran_s, length_s)
            self._decide(now_s, self.budget_w, max(0.0, ran), kinds)
        self._actuators.obey(self.decision, now_s)
        return self.decision

    def read(self, now_s: float) -> None:
        """Read the meter and close an interval of the books. A meter that fails leaves the last reading standing."""
        if self._meter is None or 0.0 <= now_s - self._read_s < self._fresh_s:
            return
        self._read_s = now_s
        try:
            reading = self._meter.read()
        except (MeterLost, OSError) as error:  # out of files, say: it is asked again
            self.fault = str(error)
            return
        except Exception as error:  # noqa: BLE001 - nobody knows what a driver's library throws, and work is held still
            self.fault = f"the meter failed: {type(error).__name__}: {error}"[:MOST_SAID]
            return
        self.fault = ""
        if self.reading is not None and reading.at_s == self.reading.at_s:  # a clock that fell back is new, too
            return
        self.reading = reading
        if (believed := self.believed.take(reading)) is None:
            return
        reading = believed
        self.account.close(reading, self.machine.idle_w, self._since_last(), now_s)

    def settle(self, job: str, now_s: float, brief_j: float = 0.0) -> Joules | None:
        """What a job has cost, up to now; see Account.settle."""
        self.read(now_s)
        joules = self.account.settle(job, now_s, brief_j)
        if self.fault and joules is not None and joules.dynamic_j + joules.idle_j <= 0.0:
            return None  # a meter that tells nothing does not tell that it was for nothing
        return joules

    def limit(self, budget_w: float | None) -> None:
        """Hold this from the next turn on; None lets everything run."""
        self.budget_w = budget_w

    # --- inside

    def _decide(self, now_s: float, budget_w: float, ran: float, kinds: Mapping[str, float]) -> None:
        machine = self.machine
        sight = Sight(
            now_s=now_s,
            reading=self._since_turn(now_s) if self._counted else self.reading,
            budget_w=budget_w,
            demand=self.load.wanted,
            running=ran,
            running_now=self.load.running,
            capacity=machine.capacity,
            idle_w=machine.idle_w,
            slot_w=machine.slot_w,
            ran=kinds,
            known=machine.known,
        )
        try:
            self._state, self.decision = decide(self.tuning, self._state, sight)
        except BadInput as error:
            self.fault, self.budget_w, self.decision = error.message, None, None

    def _since_turn(self, now_s: float) -> Reading | None:
        """The mean since the last turn, however often the books were closed between: it is compared with what ran."""
        before, reading = self._turn_end, self.reading
        if reading is None or self.fault:
            return None
        self._turn_end = (now_s, reading.energy_j)
        if before is None or now_s <= before[0]:
            return None
        length_s = now_s - before[0]
        return replace(reading, at_s=now_s - length_s / 2, watts=(reading.energy_j - before[1]) / length_s)

    def _since_last(self) -> dict[str, float]:
        """How active each engine was since the last reading; one that is new, since it came."""
        now = dict(self._activity())
        before, self._active = self._active, now
        return {name: max(0.0, value - before.get(name, 0.0)) for name, value in now.items()}


def _rates(before_s: Mapping[str, float], now_s: Mapping[str, float], length_s: float) -> dict[str, float]:
    """Slots that ran by kind; those of kinds that never ran are left out."""
    if length_s <= 0.0:
        return {}
    return {kind: max(0.0, ran_s - before_s.get(kind, 0.0)) / length_s for kind, ran_s in now_s.items()}
