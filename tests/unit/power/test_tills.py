"""What the gateway charges by itself: short calls by the rates, and only where the governor was not told of them."""

import math

import pytest

from omniwatt.power import tills
from omniwatt.power.attribution import Learnt
from omniwatt.power.messages import Telemetry
from omniwatt.power.tills import Tills

TOLD = Telemetry(idle_w=10.0, method="measured", source="rapl", scope="cpu", uncertainty_pct=3.0, brief=True)


class Clock:
    """time, by hand."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def monotonic(self) -> float:
        return self.now_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(tills, "time", clock)
    return clock


def known() -> Tills:
    """One that has seen a chat of an engine whose rates are learnt to 4 %."""
    found = Tills()
    found.learn({"echo": Learnt({"decode": 0.5}, 3.0, 100.0, 4.0)})
    found.call("earlier", "echo", "chat", brief=True).end({"decode": 1.0}, brief=True)
    return found


@pytest.mark.parametrize(
    ("engine", "capability", "brief", "expected"),
    [
        ("echo", "chat", True, True),
        pytest.param("echo", "chat", False, False, id="limited"),
        pytest.param("echo", "hear", True, False, id="what it does then was never seen"),
        pytest.param("draw", "draw", True, False, id="an engine nothing is learnt of"),
    ],
)
def test_which_calls_may_be_told_in_sums(engine: str, capability: str, brief: bool, expected: bool) -> None:
    tills = known()
    tills.begin("a", "flex", 1)
    bill = tills.call("a", engine, capability, brief=brief)
    assert (bill.tier, bill.brief) == ("flex", expected)


def test_a_short_call_is_charged_its_work_and_its_part_of_the_idle_watts(clock: Clock) -> None:
    tills = known()
    tills.begin("a", "default", 1)
    tills.begin("b", "default", 1)
    bill = tills.call("a", "echo", "chat", brief=True)
    clock.now_s += 0.01
    bill.end({"decode": 4.0}, brief=True)
    bill.end({"decode": 4.0}, brief=True)
    till = tills.end("a")
    assert till is not None
    assert not till.told
    joules = till.joules(TOLD)
    assert (joules.dynamic_j, joules.idle_j, joules.duration_s) == pytest.approx((2.0, 0.05, 0.01))
    assert (joules.method, joules.source, joules.scope) == ("measured", "rapl", "cpu")
    assert joules.uncertainty_pct == pytest.approx(math.hypot(3.0, 4.0))
    assert tills.end("a") is None


def test_a_call_its_host_told_of_is_for_the_governor_to_charge_unless_that_never_heard_of_it(clock: Clock) -> None:
    tills = known()
    tills.begin("a", "default", 1)
    short, long = (tills.call("a", "echo", "chat", brief=True) for _ in range(2))
    clock.now_s += 0.03
    short.end({"decode": 2.0}, brief=True)
    long.end({"decode": 10.0}, brief=False)
    till = tills.end("a")
    assert till is not None
    assert till.told
    assert till.brief_j == 1.0
    till.as_brief()
    assert till.joules(TOLD).dynamic_j == 6.0


def test_a_tier_said_again_changes_nothing_else(clock: Clock) -> None:
    tills = known()
    tills.begin("a", "default", 1)
    clock.now_s += 1.0
    tills.begin("a", "priority", 2)
    assert tills.call("a", "echo", "chat", brief=False).tier == "priority"
    till = tills.end("a")
    assert till is not None
    assert (till.life, till.idle_s) == (1, pytest.approx(1.0))


def test_a_call_of_no_request_is_charged_to_nobody() -> None:
    bill = known().call("live", "echo", "chat", brief=True)
    assert bill.tier == ""
    bill.end({"decode": 1.0}, brief=True)
