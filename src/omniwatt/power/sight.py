"""What the governor is set to, sees, decides and remembers: the values of `policy.decide`."""

import math
from collections.abc import Mapping
from typing import Literal

from omniwatt.contract.power import Reading
from omniwatt.contract.request import Value
from omniwatt.power.alone import Alone
from omniwatt.power.count import Credit
from omniwatt.power.guard import Guard
from omniwatt.power.history import History
from omniwatt.power.learn import Learnt
from omniwatt.power.trust import Fault, Memory

Mode = Literal["tracking", "demand-limited", "guard", "stale", "floor", "below-idle"]


class Tuning(Value, frozen=True):
    """What is set once: about the meter, the actuator, and how hard to control. Times in seconds."""

    window_s: float = 0.1
    """What the meter averages over."""
    period_s: float = 0.1
    """The time between its readings."""
    lag_s: float = 0.03
    """From a step's start to its watts."""
    delay_doubt_s: float = 0.08
    """How wrong the meter's time stamps may be: while power moves, a reading counts less by what that amounts to."""
    trim: bool = False
    """An actuator takes a share of full power (`caps`); else slots are whole and the mean is held by credit."""
    grain: float = 1.0
    """In slots: how finely the mean of a tenth of a second can be held without a trim. 1: slots are whole."""
    trim_lag_s: float = 0.1
    """Until a trim has its effect."""
    floor_slots: float = 1.0
    """So many slots may always run, whatever the budget: the service stays alive. Not above demand."""
    margin: float = 0.01
    stale_margin: float = 0.05
    """Added to `margin` while there is no meter to be trusted: at most, and where it is not known how well the model
    does alone."""
    stale_least: float = 0.003
    """And at least: a third of `margin`."""
    noise: float = 0.01
    """Standard deviation of a mean over 0.1 s, as a share of the machine's full power; longer means have less."""
    kp: float = 0.25
    offset_drift: float = 0.012
    """The integral's speed: how far the offset may wander in a second, as a share of full power."""
    gain_drift: float = 0.008
    apart_drift: float = 0.001
    """How far a kind of work may wander from the others in a second."""
    gain_doubt: float = 0.25
    """Standard deviation of the calibrated watts per slot before anything was measured."""
    offset_doubt: float = 0.05
    apart_doubt: float = 0.3
    """Standard deviation of a kind's watts per slot from those of all, beside `gain_doubt`: one card takes 480 W to
    decode and 680 W to draw."""
    caution: float = 2.0
    """So many standard deviations of the prediction stay within the budget and `guard_over`."""
    guard_over: float = 0.02
    guard_s: float = 0.1
    react_s: float = 0.4
    """From a decision to its effect on the meter: a step, the lag and the meter's delay."""
    stale_s: float = 0.5
    """Without a new reading for this long (or 2.5 periods) the loop is open."""
    frozen_s: float = 2.0
    watchdog_s: float = 1.0
    """After a gap longer than this between two looks the floor alone runs for one turn."""


class Sight(Value, frozen=True):
    """What the governor sees in one look. A step-slot is one step running: a busy GPU, or a busy core."""

    now_s: float
    """time.monotonic."""
    reading: Reading | None
    """The newest there is, also when it is the same as before."""
    budget_w: float | None
    """By now's schedule; None: no limit."""
    demand: Mapping[str, float]
    """Slots wanted by tier: running or ready to."""
    running: float
    """Slots that ran, as the mean since the look before, weighted as the last decision said."""
    running_now: float
    """Slots that run at this moment, those told to pause included."""
    capacity: float
    """Slots the machine has."""
    idle_w: float
    slot_w: float
    """Watts a running slot adds, by calibration."""
    ran: Mapping[str, float] = {}
    """Slots that ran by kind of work, unweighted; empty where kinds are not told apart."""
    known: Mapping[str, float] = {}
    """`slot_w` of single kinds, where calibration knows better."""


class Decision(Value, frozen=True):
    """What holds until the next look. `slots` is never above demand; `count` is the gate's and may be, where
    there is room, so that work that comes meanwhile need not wait."""

    slots: float
    count: int
    trim: float
    """Share of full dynamic power for each running slot; 1.0 without a trim."""
    pause: tuple[str, ...]
    """Tiers that pause at their next step."""
    state: Mode
    target_w: float
    """What is aimed at: the smaller of the budget less its margin and what the demand can draw."""
    predicted_w: float
    """By the learnt model, for `slots`."""
    fault: Fault = ""
    """What is wrong with the meter."""
    gain: float = 1.0
    """Learnt: real watts per slot over calibrated ones."""
    room: float = 0.0
    """As `count`, but not whole: a step may begin while those that run and half of its own weight are within."""
    weights: Mapping[str, float] = {}
    """Slots that a step of a kind counts for; 1 where nothing is said."""


class State(Value, frozen=True):
    """What is remembered from look to look. `State()` is a fresh start."""

    at_s: float = math.nan
    turn_s: float = 0.0
    """Between the last two looks."""
    budget_w: float = math.inf
    lowered_s: float = -math.inf
    trim: float = 1.0
    trim_felt: float = 1.0
    history: Mapping[str, History] = {}
    """By kind of work, in calibrated watts."""
    learnt: Learnt = Learnt()
    alone: Alone = Alone()
    residual_w: float = 0.0
    """Proportional part: readings above the prediction, smoothed."""
    read_s: float = math.nan
    slots: float = 0.0
    """Decided last."""
    meter: Memory = Memory()
    guard: Guard = Guard()
    credit: Credit = Credit()
    saturated: bool = False
    """The last decision gave all that was wanted: nothing more can be asked for by learning."""
