"""How many step-slots may run now: the whole decision of the governor, a pure function of what it sees and remembers.

Two degrees of freedom: feed-forward by the inverse of the learnt model, and feedback on the difference between the
meter and the model passed through the meter's own delay and window (internal model control), so a delay alone never
looks like an error. The feedback is proportional plus integral; the integral is the offset of the recursive least
squares, which share one covariance with the gain. Tracking is of min(budget, what the work can draw).
"""

import math
from collections.abc import Mapping

from msgspec.structs import replace

from omniwatt.contract.error import BadInput
from omniwatt.contract.power import Reading
from omniwatt.power import alone as lonely
from omniwatt.power import count as counting
from omniwatt.power import guard as guarding
from omniwatt.power import history as histories
from omniwatt.power import learn, trust
from omniwatt.power.sight import Decision, Mode, Sight, State, Tuning

__all__ = ["Decision", "Mode", "Sight", "State", "Tuning", "checked_budget_w", "decide"]

ABSURD_W = 1e10
"""Ten gigawatts: more than any site is a slip of the pen."""

NOISE_LEAST = 0.003
"""No reading is taken for better than this, however long its mean: models have errors of their own."""


def checked_budget_w(budget_w: float | None) -> float:
    """A budget in watts, infinity for none. 0 is a budget. Raises BadInput for what cannot be one."""
    if budget_w is None:
        return math.inf
    if math.isnan(budget_w) or budget_w < 0 or budget_w > ABSURD_W:
        raise BadInput(f"A budget is a number of watts from 0 to {ABSURD_W:.0e}, not {budget_w}.", param="budget_w")
    return float(budget_w)


def decide(tuning: Tuning, state: State, sight: Sight) -> tuple[State, Decision]:
    """One turn of the loop, 10-20 times a second. Raises BadInput for a budget that is not one."""
    budget_w = checked_budget_w(sight.budget_w)
    gap_s = sight.now_s - state.at_s
    lapsed_tick = gap_s > tuning.watchdog_s or gap_s < 0
    if lapsed_tick:
        state = _restarted(state)
    state = _remember(tuning, state, sight, budget_w)
    state = _read(tuning, state, sight, budget_w)
    return _settle(tuning, state, sight, budget_w, lapsed_tick)


def _restarted(state: State) -> State:
    """After a gap: what was learnt and known of the meter stays, what was under way does not."""
    return State(learnt=state.learnt, meter=trust.Memory(), trim=state.trim)


def _remember(tuning: Tuning, state: State, sight: Sight, budget_w: float) -> State:
    """Note what ran since the last look, and let time pass in what was learnt."""
    dt_s = 0.0 if math.isnan(state.at_s) else sight.now_s - state.at_s
    full_w = _full_w(sight)
    most = learn.prior(full_w, tuning.offset_doubt, tuning.gain_doubt)
    # With a trim power is held more finely than kinds differ.
    ran = sight.ran if sight.ran and not tuning.trim else {learn.ALL: sight.running}
    learnt = learn.knowing(state.learnt if state.learnt.cov[1][1] > 0 else most, ran, tuning.apart_doubt)
    walks = ((tuning.offset_drift * full_w) ** 2 * dt_s, tuning.gain_drift**2 * dt_s, tuning.apart_drift**2 * dt_s)
    learnt = learn.wander(learnt, walks, (tuning.gain_doubt**2, tuning.apart_doubt**2))
    felt = state.trim + (state.trim_felt - state.trim) * math.exp(-dt_s / max(1e-3, tuning.trim_lag_s))
    keep_s = 2 * tuning.period_s + tuning.window_s + 2.0
    drew_w = {kind: slots * felt * sight.known.get(kind, sight.slot_w) for kind, slots in ran.items()}
    history = histories.extended(state.history, sight.now_s - dt_s, sight.now_s, drew_w, keep_s)
    lowered_s = sight.now_s if budget_w < state.budget_w - 1e-9 else state.lowered_s
    return replace(state, at_s=sight.now_s, turn_s=dt_s, budget_w=budget_w, lowered_s=lowered_s, trim_felt=felt,
                history=history, learnt=learnt)  # fmt: skip


def _read(tuning: Tuning, state: State, sight: Sight, budget_w: float) -> State:
    """Compare a new reading with the model's, learn from it, and let the guard see it."""
    reading, learnt = sight.reading, state.learnt
    x_w, moving_w = ({}, 0.0) if reading is None else _seen(tuning, state, reading.at_s)
    expected_w = sight.idle_w + learn.expected_w(learnt, x_w)
    bounds = _bounds(tuning, sight, 4 * learn.doubt_w(learnt, x_w) + 2 * moving_w)
    meter, good = trust.judge(state.meter, bounds, reading, sight.now_s, expected_w)
    state = replace(state, meter=meter)
    if not good or reading is None:
        return state
    since_s = tuning.period_s if math.isnan(state.read_s) else max(0.0, reading.at_s - state.read_s)
    state = replace(state, read_s=reading.at_s, guard=_guarded(tuning, state, sight, reading, budget_w))
    return _learnt(tuning, state, sight, (x_w, moving_w, reading.watts - expected_w), since_s)


def _learnt(
    tuning: Tuning, state: State, sight: Sight, seen: tuple[Mapping[str, float], float, float], since_s: float
) -> State:
    """What a reading teaches: at `seen` modelled dynamic watts, moving by so much, it lies so far above the model.

    While all that is wanted runs, much less than expected is work that waits for something else: it teaches nothing.
    """
    x_w, moving_w, error_w = seen
    new_s = max(1e-3, min(since_s, tuning.window_s))
    still_w = max(NOISE_LEAST, tuning.noise * math.sqrt(0.1 / new_s)) * _full_w(sight)
    noise_w = math.hypot(still_w, moving_w * math.sqrt(tuning.window_s / new_s))
    waits = state.saturated and error_w < -2 * noise_w
    before, learnt = state.learnt, learn.update(state.learnt, x_w, error_w, noise_w, waits=waits)
    left_w = error_w - learn.expected_w(learnt, x_w) + learn.expected_w(before, x_w)
    weight = (still_w / noise_w) ** 2 if noise_w > 0 else 1.0
    share = min(1.0, since_s / max(tuning.period_s, tuning.window_s, 0.2))
    residual_w = state.residual_w + share * (weight * left_w - state.residual_w)
    off_w = None
    if state.alone.tried is not None and not state.saturated:
        off_w = error_w + learn.expected_w(before, x_w) - learn.expected_w(state.alone.tried, x_w)
    alone = lonely.note(state.alone, state.read_s, weight * since_s, learnt, off_w)
    return replace(state, learnt=learnt, residual_w=residual_w, alone=alone)


def _guarded(tuning: Tuning, state: State, sight: Sight, reading: Reading, budget_w: float) -> guarding.Guard:
    """Nothing is held finer than its grain: without a trim the limit lies at least that far above.

    Where what runs now should already be within the limit, that gets the time to show.
    """
    learnt = state.learnt
    limit_w = budget_w * (1 + tuning.guard_over)
    if not tuning.trim:
        limit_w = max(limit_w, budget_w * (1 - tuning.margin) + 1.2 * tuning.grain * sight.slot_w * learnt.gain)
    running_w = sight.running_now * sight.slot_w * state.trim_felt
    obeying = sight.idle_w + learnt.offset_w + learnt.gain * running_w <= limit_w
    over = reading.watts > limit_w and reading.at_s - state.lowered_s >= tuning.react_s
    patience_s = tuning.react_s if obeying else tuning.guard_s
    return guarding.watch(state.guard, reading.at_s, over, reading.watts < budget_w, patience_s, tuning.react_s)


def _settle(tuning: Tuning, state: State, sight: Sight, budget_w: float, lapsed_tick: bool) -> tuple[State, Decision]:
    """The new number of slots, and what to call the situation."""
    learnt, fault = state.learnt, state.meter.fault
    open_loop = fault != ""
    goal_w = budget_w * (1 - tuning.margin - (_kept_back(tuning, state, budget_w) if open_loop else 0.0))
    pause, shed = _paused(tuning, sight, state.guard.stage)
    demand = _wanted(sight, pause)
    floor = min(tuning.floor_slots, demand)
    allowed = floor if lapsed_tick or shed else _allowed(tuning, state, sight, goal_w, budget_w, open_loop)
    slots = max(floor, min(allowed, demand))
    saturated = allowed >= demand and not lapsed_tick
    credit, room, trim = _whole(tuning, state, sight, slots, allowed if saturated else None)
    rest_w, each_w = sight.idle_w + learnt.offset_w, learnt.gain * sight.slot_w
    mode = _mode(lapsed_tick, goal_w <= rest_w, state.guard.stage > 0, open_loop, saturated)
    target_w, predicted_w = min(goal_w, rest_w + each_w * demand), rest_w + each_w * slots
    weights = _weights(learnt, sight)
    count = math.floor(room + 0.5)
    decision = Decision(slots, count, trim, pause, mode, target_w, predicted_w, fault, learnt.gain, room, weights)
    return replace(state, trim=trim, credit=credit, saturated=saturated, slots=slots), decision


def _kept_back(tuning: Tuning, state: State, budget_w: float) -> float:
    """Share of the budget that is left alone without a meter: by how well the model did without one of late."""
    off = lonely.off_w(state.alone, state.at_s - state.read_s) / max(1e-9, budget_w)
    return tuning.stale_margin if math.isnan(off) else min(tuning.stale_margin, max(tuning.stale_least, off))


def _paused(tuning: Tuning, sight: Sight, stage: int) -> tuple[tuple[str, ...], bool]:
    """The tiers the guard pauses, and whether it would pause one more but for the floor: then the floor alone runs."""
    floor = min(tuning.floor_slots, _wanted(sight, ()))
    for tiers in range(stage, 0, -1):
        pause = guarding.ORDER[:tiers]
        if _wanted(sight, pause) >= floor:
            return pause, tiers < stage
    return (), stage > 0


def _wanted(sight: Sight, pause: tuple[str, ...]) -> float:
    return sum(wanted for tier, wanted in sight.demand.items() if tier not in pause)


def _allowed(tuning: Tuning, state: State, sight: Sight, goal_w: float, budget_w: float, open_loop: bool) -> float:
    """Slots the budget has room for, whatever the demand; at most the machine's. Caution bounds only the way up."""
    learnt, most = state.learnt, sight.capacity * max(_weights(state.learnt, sight).values(), default=1.0)
    if math.isinf(budget_w) or sight.slot_w <= 0:
        return most if math.isinf(budget_w) else 0.0
    held_w = 0.0 if open_loop else tuning.kp * state.residual_w
    wanted = (goal_w - sight.idle_w - learnt.offset_w - held_w) / (learnt.gain * sight.slot_w)
    room_w = budget_w * (1 + tuning.guard_over) - sight.idle_w - held_w
    mix = {kind: known.joules[-1] - known.joules[0] for kind, known in state.history.items()}
    safe = learn.reach_w(learnt, room_w, tuning.caution, mix) / sight.slot_w
    safe = max(safe, state.slots)
    return max(0.0, min(wanted, safe, most))


def _weights(learnt: learn.Learnt, sight: Sight) -> dict[str, float]:
    """Of kinds of work, in slots of the common gain."""
    known = sight.known if learnt.kinds else {}
    return {
        kind: learnt.gain_of(kind) / learnt.gain * known.get(kind, sight.slot_w) / sight.slot_w
        for kind in {*learnt.kinds, *known}
        if sight.slot_w > 0
    }


def _whole(
    tuning: Tuning, state: State, sight: Sight, slots: float, room: float | None
) -> tuple[counting.Credit, float, float]:
    """Room for steps, and the trim; with `room` for more than is wanted nothing is held back, nor what comes next."""
    if room is not None:
        return counting.Credit(slots=slots, on=math.ceil(slots)), float(max(math.floor(room), math.ceil(slots))), 1.0
    if tuning.trim:
        return counting.by_trim(state.credit, slots, sight.now_s, sight.running_now, tuning.trim_lag_s)
    credit, free = counting.by_credit(state.credit, slots, sight.running, sight.now_s, state.turn_s)
    return credit, free, 1.0


def _mode(lapsed_tick: bool, below_idle: bool, guarded: bool, open_loop: bool, saturated: bool) -> Mode:
    if lapsed_tick:
        return "floor"
    if below_idle:
        return "below-idle"
    if guarded:
        return "guard"
    if open_loop:
        return "stale"
    return "demand-limited" if saturated else "tracking"


def _seen(tuning: Tuning, state: State, at_s: float) -> tuple[dict[str, float], float]:
    """Modelled dynamic watts as a reading of `at_s` shows them, and how wrong that is if its time stamp is."""

    def window(shift_s: float) -> dict[str, float]:
        begin_s = at_s - tuning.lag_s + shift_s - tuning.window_s / 2
        end_s = begin_s + tuning.window_s
        return {kind: histories.mean_w(known, begin_s, end_s) for kind, known in state.history.items()}

    x_w = window(0.0)
    here, sides = (
        learn.expected_w(state.learnt, x_w),
        [learn.expected_w(state.learnt, window(shift_s)) for shift_s in (-tuning.delay_doubt_s, tuning.delay_doubt_s)],
    )
    return x_w, max(abs(here - side) for side in sides)


def _full_w(sight: Sight) -> float:
    return sight.idle_w + sight.capacity * sight.slot_w


def _bounds(tuning: Tuning, sight: Sight, doubt_w: float) -> trust.Bounds:
    stale_s = max(tuning.stale_s, 2.5 * tuning.period_s)
    frozen_s = max(tuning.frozen_s, 5 * tuning.period_s)
    return trust.Bounds(stale_s, frozen_s, sight.idle_w, _full_w(sight), doubt_w)
