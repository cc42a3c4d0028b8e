"""The parts of the decision: memory of a slow sensor, least squares, credit and trim, the guard, trust."""

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omniwatt.power import alone, count, guard, history, learn, trust
from tests.unit.power.looks import reading

WALKS, MOST = (2.5, 1e-7, 1e-7), (0.25**2, 0.3**2)


def one(x_w: float) -> dict[str, float]:
    """Of work that is not told apart."""
    return {learn.ALL: x_w}


def test_history_gives_the_mean_of_any_window() -> None:
    known = history.extend(history.History(), 10.0, 100.0, keep_s=5.0)
    for tick in range(1, 21):
        known = history.extend(known, 10.0 + tick * 0.1, 100.0 if tick <= 10 else 300.0, keep_s=5.0)
    assert history.mean_w(known, 10.2, 10.8) == pytest.approx(100.0)
    assert history.mean_w(known, 10.5, 11.5) == pytest.approx(200.0)
    assert history.mean_w(known, 11.5, 99.0) == pytest.approx(300.0)
    assert history.mean_w(known, -50.0, 10.0) == pytest.approx(100.0)
    assert history.extend(known, 11.0, 1e9, 5.0) == known


def test_history_forgets() -> None:
    known = history.History()
    for tick in range(2000):
        known = history.extend(known, tick * 0.05, 10.0, keep_s=2.0)
    assert len(known.times_s) < 50


@given(st.floats(0.5, 2.0), st.floats(-200, 200), st.integers(0, 1000))
def test_least_squares_find_offset_and_gain_under_noise(gain: float, offset_w: float, seed: int) -> None:
    chance, known = random.Random(seed), learn.prior(5000.0, 0.05, 0.25)
    for _ in range(300):
        x_w = chance.uniform(500.0, 4000.0)
        error_w = offset_w + gain * x_w + chance.gauss(0, 20) - learn.expected_w(known, one(x_w))
        known = learn.wander(learn.update(known, one(x_w), error_w, 20.0, waits=False), WALKS, MOST)
    assert known.gain == pytest.approx(gain, abs=0.02)
    assert known.offset_w + known.gain * 2000 == pytest.approx(offset_w + gain * 2000, abs=25)


def test_least_squares_hold_still_in_the_direction_they_are_told_to() -> None:
    known = learn.prior(5000.0, 0.05, 0.25)
    assert learn.update(known, one(1000.0), -50.0, 10.0, waits=True) == known
    assert learn.update(known, one(1000.0), 50.0, 10.0, waits=True).gain > known.gain


@settings(max_examples=20, deadline=None)
@given(st.floats(0.7, 1.3), st.floats(-0.25, 0.25), st.integers(0, 1000))
def test_what_kinds_of_work_draw_is_told_apart(gain: float, apart: float, seed: int) -> None:
    chance = random.Random(seed)
    known = learn.knowing(learn.prior(5000.0, 0.05, 0.25), {"draw": 1.0, "chat": 1.0, learn.ALL: 1.0}, 0.3)
    assert known.kinds == ("draw", "chat")
    for _ in range(400):
        x_w = {"draw": chance.uniform(500.0, 3000.0), "chat": chance.uniform(500.0, 3000.0)}
        real_w = (gain + apart) * x_w["draw"] + (gain - apart) * x_w["chat"] + chance.gauss(0, 20)
        known = learn.update(known, x_w, real_w - learn.expected_w(known, x_w), 20.0, waits=False)
        known = learn.wander(known, WALKS, MOST)
    assert known.gain_of("draw") == pytest.approx(gain + apart, abs=0.03)
    assert known.gain_of("chat") == pytest.approx(gain - apart, abs=0.03)
    assert known.gain_of("unheard of") == known.gain
    assert learn.knowing(known, {"chat": 1.0}, 0.3) is known


def test_how_well_the_model_does_alone_is_tried_before_it_is_needed() -> None:
    known, drift_w = alone.Alone(), 0.0
    for tick in range(600):
        drift_w += 2.0
        now = learn.Learnt((drift_w, 1.0))
        error_w = None if known.tried is None else drift_w - known.tried.offset_w
        known = alone.note(known, tick * 0.1, 0.1, now, error_w)
        if tick * 0.1 < alone.APART_S:
            assert math.isnan(alone.off_w(known, 0.5))
    # 20 W a second, and the model that is tried is 5 to 10 s old.
    assert 100.0 <= alone.off_w(known, 0.5) <= 200.0
    assert alone.off_w(known, 30.0) == pytest.approx(2 * alone.off_w(known, 0.5))


def test_uncertainty_grows_to_the_prior_and_no_further() -> None:
    known = learn.knowing(learn.prior(5000.0, 0.05, 0.25), {"draw": 1.0}, 0.3)
    for _ in range(50):
        known = learn.update(known, {"draw": 2000.0}, 0.0, 10.0, waits=False)
    assert learn.doubt_w(known, {"draw": 2000.0}) < 5
    for _ in range(100_000):
        known = learn.wander(known, (1.0, 0.01**2, 0.01**2), MOST)
    assert known.cov[1][1] == pytest.approx(0.25**2)
    assert known.cov[2][2] == pytest.approx(0.3**2)
    assert known.cov[0][0] * known.cov[1][1] >= known.cov[0][1] ** 2


@given(st.floats(0.3, 3), st.floats(0, 0.3), st.floats(0, 300), st.floats(-0.9, 0.9), st.floats(0, 3))
def test_reach_keeps_its_deviations_within_the_room(
    gain: float, sd_gain: float, sd_offset: float, linked: float, deviations: float
) -> None:
    both = linked * sd_offset * sd_gain
    known = learn.Learnt((50.0, gain), ((sd_offset**2, both), (both, sd_gain**2)))
    x_w = learn.reach_w(known, 3000.0, deviations, {})
    assert x_w >= 0.0
    if x_w > 0.0:
        assert 50.0 + gain * x_w + deviations * learn.doubt_w(known, one(x_w)) <= 3000.0 * (1 + 1e-6) + 1e-3


@pytest.mark.parametrize("slots", [0.0, 0.3, 7.5, 19.9, 20.0])
def test_credit_makes_the_mean(slots: float) -> None:
    credit, ran, total = count.Credit(), 0.0, 0.0
    for tick in range(400):
        credit, room = count.by_credit(credit, slots, ran, tick * 0.05, 0.05)
        ran = float(math.floor(room + 0.5))
        assert abs(ran - slots) < 1.0 + 1e-9
        total += ran if tick >= 100 else 0.0
    assert total / 300 == pytest.approx(slots, abs=0.02)


def test_credit_does_not_pile_up_when_nobody_uses_it() -> None:
    credit = count.Credit()
    for tick in range(400):
        credit, room = count.by_credit(credit, 10.0, 2.0, tick * 0.05, 0.05)
    assert room <= 10 + count.MOST_CREDIT
    assert credit.credit <= count.MOST_CREDIT * count.SPREAD_S


def test_trim_shares_power_among_those_that_run_and_waits_before_one_joins() -> None:
    credit, whole, share = count.by_trim(count.Credit(on=5), 5.4, 1.0, 5, 0.1)
    assert (whole, share) == (5, pytest.approx(5.4 / 6))
    credit, whole, share = count.by_trim(credit, 5.4, 1.15, 5, 0.1)
    assert whole == 6
    credit, whole, _ = count.by_trim(credit, 4.8, 1.2, 6, 0.1)
    assert whole == 6, "the last slot stays on a little longer, trimmed"
    credit, whole, share = count.by_trim(credit, 4.0, 1.3, 6, 0.1)
    assert (whole, share) == (4, pytest.approx(4.0 / 6)), "those told to pause are trimmed until they have"


def test_guard_waits_its_time_and_lets_go_one_by_one() -> None:
    known, stages = guard.Guard(), []
    for tick in range(12):
        known = guard.watch(known, tick * 0.1, over=True, calm=False, patience_s=0.1, react_s=0.4)
        stages.append(known.stage)
    assert stages[:7] == [0, 1, 1, 1, 1, 2, 2]
    assert stages[-1] == 2
    known = guard.watch(known, 1.3, over=False, calm=True, patience_s=0.1, react_s=0.4)
    assert known.stage == 1
    assert guard.watch(known, 1.4, over=False, calm=True, patience_s=0.1, react_s=0.4).stage == 0


def test_one_reading_over_is_not_too_much_for_too_long() -> None:
    known = guard.Guard()
    for tick in range(20):
        known = guard.watch(known, tick * 0.1, over=tick % 2 == 0, calm=False, patience_s=0.1, react_s=0.4)
        assert known.stage == 0


BOUNDS = trust.Bounds(stale_s=0.5, frozen_s=2.0, idle_w=1000.0, full_w=5000.0, doubt_w=100.0)


def _judged(
    values: list[tuple[float, float]], expected_w: float = 3000.0, method: str = "measured"
) -> list[tuple[str, bool]]:
    memory, out = trust.Memory(), []
    for now_s, watts in values:
        memory, good = trust.judge(memory, BOUNDS, reading(now_s - 0.1, watts, method), now_s, expected_w)
        out.append((memory.fault, good))
    return out


def test_a_jump_is_believed_when_it_is_seen_again_and_again() -> None:
    calm = [(tick * 0.1, 3000.0 + tick) for tick in range(10)]
    spike = [(1.0, 5500.0), (1.1, 3001.0)]
    assert [good for _, good in _judged(calm + spike)] == [True] * 10 + [False, True]
    step = [(1.0 + tick * 0.1, 1500.0 + tick) for tick in range(8)]
    assert [good for _, good in _judged(calm + step)][10:] == [False] * 4 + [True] * 4
    wild = [(1.0 + tick * 0.1, 5500.0 if tick % 2 else 1200.0) for tick in range(20)]
    judged = _judged(calm + wild)[10:]
    assert not any(good for _, good in judged)
    assert judged[-1][0] == "jump"


def test_a_meter_may_repeat_itself_while_nothing_happens() -> None:
    idle = [(tick * 0.1, 1000.0) for tick in range(60)]
    assert all(good for _, good in _judged(idle, expected_w=1000.0))
    assert _judged(idle, expected_w=3000.0, method="estimated")[-1] == ("", True), "an estimate at full load repeats"
    assert _judged([(now_s, 3000.0) for now_s, _ in idle])[-1] == ("frozen", False)


def test_an_estimate_that_stays_while_the_model_moves_is_frozen() -> None:
    memory = trust.Memory()
    for tick in range(60):
        expected_w = 3000.0 if tick < 30 else 2300.0
        memory, _ = trust.judge(memory, BOUNDS, reading(tick * 0.1, 2990.0, "estimated"), tick * 0.1 + 0.1, expected_w)
    assert memory.fault == "frozen"


@given(st.lists(st.tuples(st.floats(-10, 100), st.floats(allow_nan=True, allow_infinity=True)), max_size=40))
def test_trust_never_calls_nonsense_good(values: list[tuple[float, float]]) -> None:
    memory = trust.Memory()
    for tick, (at_s, watts) in enumerate(values):
        memory, good = trust.judge(memory, BOUNDS, reading(at_s, watts), tick * 0.1, 3000.0)
        assert not good or (math.isfinite(watts) and 300.0 <= watts <= 12_500.0 and at_s <= tick * 0.1 + 0.25)
