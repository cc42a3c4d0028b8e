"""The governor's decision: edges of the budget, order of pausing, anti-windup, staleness, and that it holds a line."""

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omniwatt.contract.error import BadInput
from omniwatt.power.policy import State, Tuning, checked_budget_w, decide
from tests.unit.power.looks import CAPACITY, IDLE_W, SLOT_W, TICK_S, Line, reading, sight

FULL_W = IDLE_W + CAPACITY * SLOT_W
BACKLOG = {"priority": 10.0, "default": 20.0, "flex": 20.0}


@pytest.mark.parametrize("budget_w", [math.nan, -1.0, -math.inf, math.inf, 1e11])
def test_what_is_no_budget_is_refused(budget_w: float) -> None:
    with pytest.raises(BadInput) as refused:
        decide(Tuning(), State(), sight(0.0, budget_w, None))
    assert refused.value.param == "budget_w"


def test_no_budget_lets_everything_run() -> None:
    assert checked_budget_w(None) == math.inf
    decision = Line().turns(20, None)[-1]
    assert (decision.slots, decision.state, decision.pause) == (CAPACITY, "demand-limited", ())


@pytest.mark.parametrize("budget_w", [0.0, 500.0, IDLE_W])
def test_below_idle_everything_above_the_floor_is_shed_and_it_says_so(budget_w: float) -> None:
    line = Line()
    decisions = line.turns(40, budget_w)
    assert {decision.state for decision in decisions[10:]} == {"below-idle"}
    assert all(decision.slots <= 1.0 for decision in decisions)
    assert decisions[-1].slots == line.running == 1.0, "the floor runs, of whatever tier it is"
    without = Line(Tuning(floor_slots=0.0)).turns(40, budget_w)
    assert all(decision.slots == 0.0 and decision.count == 0 for decision in without)


def test_a_budget_larger_than_the_machine_is_limited_by_demand() -> None:
    decision = Line().turns(40, 10 * FULL_W)[-1]
    assert (decision.state, decision.slots) == ("demand-limited", CAPACITY)
    assert decision.target_w == pytest.approx(FULL_W, rel=0.02)


def test_with_no_work_no_slots_are_held_up_and_room_is_left_for_what_comes() -> None:
    decision = Line().turns(40, 3000.0, demand={})[-1]
    assert (decision.slots, decision.state) == (0.0, "demand-limited")
    assert decision.target_w == pytest.approx(IDLE_W, abs=60)
    assert decision.count >= 12


@pytest.mark.parametrize("gain", [0.5, 0.8, 1.0, 1.2, 1.5])
@pytest.mark.parametrize("base_w", [-100.0, 0.0, 200.0])
def test_the_mean_comes_to_the_budget_less_its_margin(gain: float, base_w: float) -> None:
    line = Line(gain=gain, base_w=base_w)
    line.turns(100, 2500.0)
    line.turns(100, 2800.0)
    mean_w = sum(line.past_w[-60:]) / 60
    assert mean_w == pytest.approx(0.99 * 2800.0, rel=0.005)
    assert max(line.past_w) <= 2800.0 * 1.05


def test_what_was_learnt_on_the_way_makes_the_next_step_right_at_once() -> None:
    line = Line(gain=1.3)
    line.turns(60, 3000.0)
    line.turns(60, 2000.0)
    line.turns(3, 3000.0)
    assert line.watts == pytest.approx(0.99 * 3000.0, rel=0.04)


def test_a_first_step_is_careful_and_finished_when_readings_confirm_it() -> None:
    line = Line()
    first = line.turn(3000.0, sensed=lambda _: None)
    assert first.slots < 0.8 * (0.99 * 3000.0 - IDLE_W) / SLOT_W
    assert line.turns(20, 3000.0)[-1].slots == pytest.approx((0.99 * 3000.0 - IDLE_W) / SLOT_W, rel=0.03)


def test_while_demand_limits_less_than_expected_is_not_learnt() -> None:
    """Workers that wait for something else draw less than slots should: that must not let more run later."""
    line = Line()
    line.turns(100, 3000.0)
    settled = line.state.learnt
    line.gain = 0.5
    line.turns(100, 3000.0, demand={"default": 5.0})
    assert line.state.learnt.offset_w >= settled.offset_w - 0.02 * FULL_W
    assert line.state.learnt.gain >= settled.gain - 0.03
    line.gain = 1.0
    line.turns(6, 3000.0)
    assert max(line.past_w[-6:]) <= 3000.0 * 1.02


def test_while_demand_limits_more_than_expected_is_learnt() -> None:
    line = Line()
    line.turns(60, 10 * FULL_W)
    line.base_w = 300.0
    line.turns(60, 10 * FULL_W)
    assert line.state.learnt.offset_w + (line.state.learnt.gain - 1) * CAPACITY * SLOT_W == pytest.approx(300, abs=60)


def test_the_guard_pauses_flex_then_default_and_never_priority() -> None:
    line = Line()
    line.turns(100, 3000.0, demand=BACKLOG)
    pauses = []
    for _ in range(40):
        # A thief on the same plug, which no slot answers for: each look finds more.
        line.base_w += 150.0
        pauses.append(line.turn(3000.0, demand=BACKLOG).pause)
    assert pauses[0] == ()
    assert ("flex",) in pauses
    assert pauses[-1] == ("flex", "default")
    assert all(pause in ((), ("flex",), ("flex", "default")) for pause in pauses)
    assert pauses.index(("flex",)) < pauses.index(("flex", "default"))
    assert line.decision is not None
    assert line.decision.slots == 1.0
    line.base_w = 0.0
    line.turns(200, 3000.0, demand=BACKLOG)
    assert line.decision.pause == ()


def test_the_guard_leaves_the_floor_to_whoever_is_there() -> None:
    line = Line(Tuning(floor_slots=2.0))
    line.turns(60, 3000.0, demand={"default": 20.0, "flex": 20.0})
    line.base_w = 3000.0
    decision = line.turns(60, 3000.0, demand={"default": 20.0, "flex": 20.0})[-1]
    assert (decision.pause, decision.slots, decision.count) == (("flex",), 2.0, 2)
    assert line.turns(60, 3000.0, demand={"flex": 20.0})[-1].slots == 2.0


@pytest.mark.parametrize(("grain", "expected"), [(1.0, ()), (0.1, ("flex",))])
def test_two_cores_are_guarded_as_finely_as_they_are_held(grain: float, expected: tuple[str, ...]) -> None:
    """22 W of a budget of 18 W, by a machine of 10 W idle and 10 W a core."""
    tuning = Tuning(window_s=0.05, period_s=0.05, lag_s=0.0, floor_slots=0.2, grain=grain)
    machine = {"capacity": 2.0, "idle_w": 10.0, "slot_w": 10.0, "running": 0.8, "running_now": 2.0}
    state, decision = State(), None
    for turn in range(16):
        watts = (18.0 if turn < 12 else 22.0) + 0.01 * turn
        look = sight(turn * 0.05, 18.0, reading(turn * 0.05, watts), demand={"default": 2.0, "flex": 2.0}, **machine)
        state, decision = decide(tuning, state, look)
    assert decision is not None
    assert decision.pause == expected


def test_where_there_is_room_nothing_is_trimmed() -> None:
    line = Line(Tuning(trim=True))
    decision = line.turns(60, 3000.0, demand={"default": 10.0})[-1]
    assert (decision.state, decision.slots, decision.trim) == ("demand-limited", 10.0, 1.0)
    assert decision.count >= 15
    assert line.turns(60, 3000.0, demand={"default": 30.0})[-1].trim < 1.0


def test_a_lowered_budget_alone_is_no_reason_to_pause_tiers() -> None:
    line = Line()
    line.turns(100, 4000.0, demand=BACKLOG)
    assert all(decision.pause == () for decision in line.turns(60, 2500.0, demand=BACKLOG))
    assert line.watts <= 2500.0 * 1.02


def test_a_stale_sensor_opens_the_loop_with_a_wider_margin() -> None:
    line = Line(gain=1.2)
    line.turns(90, 3000.0)
    held = line.watts
    learnt = line.state.learnt
    decisions = line.turns(40, 3000.0, sensed=lambda _: None)
    late = [decision for decision in decisions if decision.state == "stale"]
    assert decisions[5].state == "tracking"
    assert {decision.fault for decision in late} == {"gone"}
    assert late[-1].target_w == pytest.approx(0.94 * 3000.0)
    assert sum(line.past_w[-20:]) / 20 == pytest.approx(0.94 * 3000.0, rel=0.01)
    assert line.watts < held
    assert line.state.learnt.gain == learnt.gain
    assert line.turns(40, 3000.0)[-1].state == "tracking"


@pytest.mark.parametrize(("drift_w", "least", "most"), [(0.0, 0.003, 0.006), (1.0, 0.01, 0.049), (40.0, 0.05, 0.05)])
def test_what_a_lost_meter_costs_goes_by_how_well_the_model_did_alone(
    drift_w: float, least: float, most: float
) -> None:
    """The load on the same plug grows by so many watts a turn, 20 times a second."""
    line = Line()
    for _ in range(400):
        line.base_w += drift_w if line.base_w < 2000.0 else -2000.0
        line.turn(3500.0)
    blind = line.turns(14, 3500.0, sensed=lambda _: None)[-1]
    assert blind.state == "stale"
    assert least <= 0.99 - blind.target_w / 3500.0 + 1e-9
    assert 0.99 - blind.target_w / 3500.0 <= most + 1e-9


def test_a_step_counts_for_what_its_kind_is_found_to_draw() -> None:
    """Two kinds of work that calibration takes for the same: one draws 130 W a slot, the other 70 W."""
    state, decision, chance = State(), None, random.Random(5)
    for turn in range(1200):
        ran = {"draw": chance.uniform(2.0, 12.0), "chat": chance.uniform(2.0, 12.0)}
        watts = IDLE_W + 130.0 * ran["draw"] + 70.0 * ran["chat"] + chance.gauss(0.0, 5.0)
        weighed = sum(slots * (decision.weights[kind] if decision else 1.0) for kind, slots in ran.items())
        now_s = turn * TICK_S
        tuning = Tuning(window_s=TICK_S, period_s=TICK_S, lag_s=0.0)
        look = sight(now_s, 3000.0, reading(now_s - TICK_S / 2, watts), running=weighed, running_now=weighed, ran=ran)
        state, decision = decide(tuning, state, look)
    assert decision is not None
    assert decision.weights["draw"] / decision.weights["chat"] == pytest.approx(130 / 70, rel=0.1)
    assert decision.gain * decision.weights["draw"] * SLOT_W == pytest.approx(130, rel=0.1)


@pytest.mark.parametrize(
    ("fault", "wrong"),
    [
        ("negative", lambda each: reading(each.at_s, -each.watts)),
        ("negative", lambda each: reading(each.at_s, math.nan)),
        ("units", lambda each: reading(each.at_s, each.watts * 1000)),
        ("units", lambda each: reading(each.at_s, each.watts / 1000)),
        ("clock", lambda each: reading(each.at_s + 3600, each.watts)),
        ("frozen", lambda each: reading(each.at_s, 2970.0)),
        ("gone", lambda _: None),
        ("gone", lambda _: reading(4.9, 2970.0)),
    ],
)
def test_faults_of_the_meter_are_named_and_nothing_is_learnt_from_them(fault: str, wrong: object) -> None:
    line = Line()
    line.turns(100, 3000.0)
    before = line.state.learnt
    decisions = line.turns(80, 3000.0, sensed=wrong)
    assert (decisions[-1].state, decisions[-1].fault) == ("stale", fault)
    assert line.state.learnt.gain == pytest.approx(before.gain, abs=0.02)
    assert line.state.learnt.offset_w == pytest.approx(before.offset_w, abs=30)
    assert decisions[-1].target_w <= 0.9871 * 3000.0
    assert sum(line.past_w[-20:]) / 20 <= 0.995 * 3000.0
    assert line.turns(60, 3000.0)[-1].fault == ""


def test_after_a_gap_only_the_floor_holds_until_it_has_looked_again() -> None:
    line = Line()
    line.turns(100, 3000.0)
    line.now_s += 5.0
    decision = line.turn(3000.0)
    assert (decision.state, decision.slots, decision.count) == ("floor", 1.0, 1)
    assert line.turns(40, 3000.0)[-1].state == "tracking"
    line.now_s -= 50.0
    assert line.turn(3000.0).state == "floor"
    assert line.turns(60, 3000.0)[-1].state == "tracking"


looks = st.builds(
    lambda watts, late_s, demand, ran, budget_w: (watts, late_s, demand, ran, budget_w),
    st.one_of(st.none(), st.floats(-1e4, 1e7)),
    st.floats(-1.0, 2.0),
    st.dictionaries(st.sampled_from(["priority", "default", "flex"]), st.floats(0, 60)),
    st.floats(0, 60),
    st.one_of(st.none(), st.floats(0, 1e5)),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(looks, min_size=1, max_size=40), st.booleans(), st.floats(0, 5))
def test_whatever_it_sees_it_never_asks_for_what_is_not_there(seen: list, trim: bool, floor: float) -> None:
    tuning, state = Tuning(trim=trim, floor_slots=floor), State()
    for tick, (watts, late_s, demand, ran, budget_w) in enumerate(seen):
        now_s = tick * TICK_S
        found = None if watts is None else reading(now_s - late_s, watts)
        look = sight(now_s, budget_w, found, demand=demand, running=ran, running_now=ran)
        state, decision = decide(tuning, state, look)
        wanted = sum(demand.values())
        assert 0.0 <= decision.slots <= wanted + 1e-9
        assert (
            decision.slots
            >= min(floor, sum(demand.get(tier, 0) for tier in demand if tier not in decision.pause)) - 1e-9
        )
        assert 0 <= decision.count <= CAPACITY + floor + 60
        assert 0.0 <= decision.trim <= 1.0
        assert "priority" not in decision.pause
        assert all(math.isfinite(each) for each in (decision.slots, decision.predicted_w, decision.gain))


@settings(max_examples=60, deadline=None)
@given(st.floats(0, 6000), st.floats(0, 6000), st.integers(0, 60))
def test_more_budget_is_never_fewer_slots(one_w: float, other_w: float, warm: int) -> None:
    line = Line(gain=1.1)
    line.turns(warm, 3000.0)
    look = sight(line.now_s, 0.0, reading(line.now_s - 0.1, line.watts), running=line.running, running_now=line.running)
    low_w, high_w = sorted((one_w, other_w))
    slots = []
    for budget_w in (low_w, high_w):
        _, decision = decide(line.tuning, line.state, sight(
            look.now_s, budget_w, look.reading, running=look.running, running_now=look.running))  # fmt: skip
        slots.append(decision.slots)
    assert slots[0] <= slots[1] + 1e-9
