"""The gate: so many steps at once, priority first, fair within a tier, hand-over only at step boundaries."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniwatt.contract.governor import Hello, Hold, Told
from omniwatt.power.actuators.gate import IDLE_S, RENEW_S, Gate
from omniwatt.power.attribution import BRIEF

TICK_S = 0.05


class Machine:
    """Hosts that take steps of `step_s` one after the other, obeying what the gate tells them, on a virtual clock."""

    def __init__(self, tiers: list[str], step_s: float = 0.1, weight: float = 1.0, *, gated: bool = True) -> None:
        self.now_s = 100.0
        self.tiers = tiers
        self.step_s = step_s
        self.gate = Gate(lambda _: weight)
        self.holds = [Hold() for _ in tiers]
        self.ends_s: list[float | None] = [None] * len(tiers)
        """When the step that runs is over; None while the call waits."""
        self.steps: Counter[int] = Counter()
        self.most = 0
        for host in range(len(tiers)):
            self.gate.hello(host, Hello(1000 + host, "paint", 1, gated))
        self._entered = False

    def enter(self) -> None:
        for host in range(len(self.tiers)):
            self.gate.told(host, Told(entered=((1, str(host), self.tiers[host], self.now_s),)), self.now_s)
        self._entered = True

    def run(self, seconds: float, slots: float | None, pause: tuple[str, ...] = ()) -> None:
        until_s = self.now_s + seconds
        while self.now_s < until_s:
            self.gate.choose(slots, pause, self.now_s)
            self.hear()
            if not self._entered:
                self.enter()
                self.gate.again(self.now_s)
                self.hear()
            for _ in range(10):
                self.now_s += TICK_S / 10
                self.move()

    def hear(self) -> None:
        for host in range(len(self.tiers)):
            if hold := self.gate.holds(host, self.now_s):
                self.holds[host] = hold

    def move(self) -> None:
        for host, end_s in enumerate(self.ends_s):
            held = 1 in self.holds[host].calls or (self.holds[host].new and self.holds[host].known < 1)
            if end_s is not None and self.now_s < end_s:
                continue
            if held:
                if end_s is not None:
                    self.gate.told(host, Told(parked=(1,)), self.now_s)
                    self.ends_s[host] = None
            else:
                self.gate.told(host, Told(work=((1, "tile", 1.0),)), self.now_s)
                self.ends_s[host] = self.now_s + self.step_s
                self.steps[host] += 1
        self.gate.again(self.now_s)
        self.hear()
        self.most = max(self.most, sum(end_s is not None for end_s in self.ends_s))


@pytest.mark.parametrize("slots", [1, 2, 3, 7])
def test_never_more_than_the_slots_run_and_all_get_their_part(slots: int) -> None:
    machine = Machine(["default"] * 5)
    machine.run(40.0, slots)
    assert machine.most == min(slots, 5)
    fair = 40.0 / machine.step_s * min(slots, 5) / 5
    assert all(0.85 * fair <= machine.steps[host] <= 1.1 * fair for host in range(5)), machine.steps


def test_priority_first_and_flex_last() -> None:
    machine = Machine(["flex", "default", "priority", "default"])
    machine.run(20.0, 3)
    assert machine.steps[0] == 0
    assert min(machine.steps[1], machine.steps[2], machine.steps[3]) > 150
    machine.run(20.0, 4)
    assert machine.steps[0] > 150


def test_no_slots_holds_all_and_no_limit_lets_all_run() -> None:
    machine = Machine(["default", "priority"])
    machine.run(1.0, 0)
    assert not machine.steps
    machine.run(1.0, None)
    assert min(machine.steps[0], machine.steps[1]) >= 9


def test_a_paused_tier_stops_at_its_next_step_and_comes_back() -> None:
    machine = Machine(["flex", "default"])
    machine.run(2.0, 5)
    before = machine.steps.copy()
    machine.run(2.0, 5, ("flex",))
    assert machine.steps[0] <= before[0] + 1
    assert machine.steps[1] > before[1] + 15
    machine.run(1.0, 5)
    assert machine.steps[0] > before[0] + 5


def test_a_call_wider_than_the_slots_still_runs_alone() -> None:
    machine = Machine(["default", "default"], weight=2.0)
    machine.run(20.0, 1.2)
    assert machine.most == 1
    assert min(machine.steps[0], machine.steps[1]) > 70


def test_steps_that_are_only_reports_are_never_held() -> None:
    machine = Machine(["default", "default"], gated=False)
    machine.run(2.0, 0)
    assert min(machine.steps[0], machine.steps[1]) >= 19
    assert machine.gate.wanted(machine.now_s) == {}


def test_one_that_waits_for_input_takes_nobodys_slot() -> None:
    machine = Machine(["default", "default"])
    machine.run(1.0, None)
    machine.ends_s[0] = machine.now_s + 1000
    machine.run(IDLE_S + 1, 1)
    before = machine.steps[1]
    machine.run(5.0, 1)
    assert machine.steps[1] - before > 45
    assert machine.gate.running(machine.now_s) == 1.0


def test_holds_are_said_again_within_their_lease_and_only_then() -> None:
    machine = Machine(["default", "default"])
    machine.run(1.0, 1)
    said = [host for host in range(2) if machine.gate.holds(host, machine.now_s)]
    assert said == []
    later_s = machine.now_s + RENEW_S
    assert [host for host in range(2) if machine.gate.holds(host, later_s)] == [0, 1]
    assert [host for host in range(2) if machine.gate.holds(host, later_s)] == []


def test_what_the_books_hear() -> None:
    gate = Gate(lambda _: 1.0)
    gate.hello(7, Hello(70, "paint", 1, True))
    told = Told(
        entered=((1, "a", "flex", 0.5), (2, "b", "", 0.6)),
        work=((1, "tile", 2.0), (9, "tile", 1.0)),
        left=((2, 0.9),),
        brief=(("text", 3.0),),
    )
    event = gate.told(7, told, 1.0)
    assert (event.engine, event.begun, event.left) == ("paint", (("a", 0.5), ("b", 0.6)), (("b", 0.9),))
    work = [(one.job, one.engine, one.kind, one.units) for one in event.work]
    assert work == [(BRIEF, "paint", "text", 3.0), ("a", "paint", "tile", 2.0)]
    assert gate.tiers(70) == ["flex"]
    gone = gate.lost(7, 2.0)
    assert gone is not None
    assert gone.left == (("a", 2.0),)
    assert gate.lost(7, 2.0) is None
    assert gate.wanted(2.0) == {}


def test_a_step_counts_for_its_engine_s_weight_when_it_is_let_and_work_is_told_apart() -> None:
    gate = Gate(lambda _: 1.0)
    for host, engine in enumerate(("paint", "paint", "chat", "chat")):
        gate.hello(host, Hello(70 + host, engine, 1, True))
        gate.told(host, Told(entered=((1, str(host), "default", 1.0),), work=((1, "tile", 1.0),)), 1.0)
    weights = {"paint": 1.5, "chat": 0.5}

    def let(slots: float, now_s: float) -> list[int]:
        gate.choose(slots, (), now_s, weights)
        for host in range(4):
            if (hold := gate.holds(host, now_s)) and hold.calls:
                gate.told(host, Told(parked=(1,)), now_s)
        gate.again(now_s)
        return [host for host in range(4) if not (gate.holds(host, now_s + 1.0) or Hold()).calls]

    assert let(4.0, 2.0) == [0, 1, 2, 3]
    assert gate.wanted(2.0) == {"default": 4.0}
    assert gate.running(2.0) == 4.0
    kept = let(2.0, 3.0)
    assert sum(1.5 if host < 2 else 0.5 for host in kept) <= 2.0
    assert gate.ran_s(3.0) == {"paint": pytest.approx(4.0), "chat": pytest.approx(4.0)}
    assert gate.slot_s(3.0) == pytest.approx(8.0)


@given(st.lists(st.sampled_from(["priority", "default", "flex"]), min_size=1, max_size=6), st.integers(0, 4))
def test_more_never_run_than_there_are_slots(tiers: list[str], slots: int) -> None:
    machine = Machine(tiers)
    machine.run(3.0, slots)
    assert machine.most <= slots
    used = machine.gate.slot_s(machine.now_s)
    assert used <= slots * (3.0 + 2 * TICK_S)
