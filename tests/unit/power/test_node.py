"""What the actuators of a machine make of a decision."""

import pytest

from omniwatt.contract.governor import Hello, Told
from omniwatt.power.actuators.duty import Duty
from omniwatt.power.actuators.gate import Gate
from omniwatt.power.actuators.node import Node, crowded_out, slots_of
from omniwatt.power.sight import Decision


class Deaf:
    def send(self, pid: int, number: int) -> None: ...
    def forget(self, pid: int) -> None: ...


class Still:
    """A process that uses nothing."""

    def clock_s(self) -> float:
        return 1.0

    def pids(self) -> tuple[int, ...]:
        return ()


class Limits:
    """Cards of paper."""

    def __init__(self) -> None:
        self.shares: list[float] = []
        self.restored = 0

    def share(self, share: float) -> None:
        self.shares.append(share)

    def restore(self) -> None:
        self.restored += 1


def decision(slots: float, count: int = 1, trim: float = 1.0, pause: tuple[str, ...] = ()) -> Decision:
    return Decision(slots, count, trim, pause, "tracking", 0.0, 0.0)


def node(*, by_core: bool, tiers: tuple[str, ...], stops: bool = True) -> tuple[Node, Gate, Duty, Limits]:
    gate = Gate(lambda hello: slots_of(hello, by_core=by_core, cores=2))
    duty = Duty(2, Deaf(), lambda _: Still())
    for host, tier in enumerate(tiers):
        gate.hello(host, Hello(100 + host, "paint", 2, True, "" if by_core else "cuda"))
        gate.told(host, Told(entered=((1, tier, tier, 1.0),), work=((1, "tile", 1.0),)), 1.0)
    limits = Limits()
    return Node(gate, duty, 2.0, by_core=by_core, stops=stops, trim=limits), gate, duty, limits


def held(gate: Gate, now_s: float) -> list[tuple[int, ...]]:
    """The calls each host is told to hold."""
    told = [gate.holds(host, now_s) for host in range(3)]
    return [hold.calls if hold else () for hold in told]


@pytest.mark.parametrize(
    ("wanted", "slots", "out"),
    [
        ({"default": 2.0}, 0.5, ["flex"]),
        ({"priority": 1.0, "default": 2.0}, 1.5, ["flex"]),
        ({"priority": 1.0, "default": 2.0}, 0.8, ["default", "flex"]),
        ({"flex": 2.0}, 0.5, []),
        ({}, 2.0, []),
        ({"priority": 1.0}, 0.0, ["priority", "default", "flex"]),
    ],
)
def test_who_is_crowded_out(wanted: dict[str, float], slots: float, out: list[str]) -> None:
    assert crowded_out(wanted, slots) == out


def test_on_cores_duty_trims_and_only_lower_tiers_wait_at_steps() -> None:
    one, gate, duty, _ = node(by_core=True, tiers=("default", "default", "flex"))
    for host in range(3):
        duty.join(100 + host, 2, exempt=False)
        duty.works_for(100 + host, gate.tiers(100 + host))
        duty._groups[100 + host].cores = 1.0
    one.look(2.0)
    one.obey(decision(1.2, pause=()), 2.0)
    assert duty.slots == pytest.approx(1.2)
    assert held(gate, 2.0) == [(), (), (1,)]
    one.obey(None, 3.0)
    assert duty.slots is None
    assert held(gate, 3.0) == [(), (), ()]


def test_on_cores_without_stops_engines_wait_whole_at_their_steps() -> None:
    one, gate, duty, _ = node(by_core=True, stops=False, tiers=("default", "default", "flex"))
    one.obey(decision(0.8, count=1), 2.0)
    assert duty.slots is None
    assert [len(calls) for calls in held(gate, 2.0)] == [0, 1, 1]
    one.obey(decision(0.8, count=0), 3.0)
    assert [len(calls) for calls in held(gate, 3.0)] == [1, 1, 1]


def test_on_cards_whole_steps_wait_and_limits_trim() -> None:
    one, gate, duty, limits = node(by_core=False, tiers=("default", "default", "flex"))
    load = one.look(2.0)
    assert load.wanted == {"default": 2.0, "flex": 1.0}
    assert load.running == 3.0
    one.obey(decision(1.4, count=2, trim=0.7), 2.0)
    assert duty.slots is None
    assert limits.shares == [0.7]
    assert held(gate, 2.0) == [(), (), (1,)]
    one.obey(None, 3.0)
    assert limits.restored == 1
