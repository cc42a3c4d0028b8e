"""What the governor tells of itself: how the node stands, and, in words, what is not as it was asked for."""

from msgspec.structs import replace

from omniwatt.power.actuators.duty import Duty
from omniwatt.power.loop import Loop
from omniwatt.power.messages import Telemetry

AHEAD_S = 0.25
"""Of full power: more than this is not charged ahead of the meter."""
FAULTS = {
    "gone": "the meter is silent",
    "frozen": "the meter repeats itself",
    "negative": "the meter tells less than nothing",
    "range": "the meter tells what this machine cannot take (is that so? then calibrate, or set power.max_w)",
    "units": "the meter speaks in other units (power.wall_unit_w)",
    "jump": "the meter jumps",
    "clock": "the meter's clock is not ours",
}
"""What a doubted meter is said to do; see power/trust.py."""


class Teller:
    """Of one loop."""

    def __init__(self, loop: Loop, duty: Duty, *, metered: bool) -> None:
        self._loop = loop
        self._duty = duty
        self._metered = metered
        self._unattributed_j = 0.0
        self._fault = ""

    def telemetry(self, now_s: float, budget_w: float | None, why: str, last: str) -> Telemetry:
        """How the node stands under a budget. `why` goes before what the loop finds amiss, `last` after it."""
        loop, reading = self._loop, self._loop.reading
        decision, account = loop.decision, loop.account
        machine = loop.machine
        slot_w = machine.slot_w * (decision.gain if decision else 1.0)
        # It counts up: what was charged ahead is found in what is nobody's only a moment later.
        nobodys_j = account.unattributed_idle_j + account.unattributed_dynamic_j - account.ahead_j
        self._unattributed_j = max(self._unattributed_j, nobodys_j)
        told = Telemetry(
            at_s=now_s,
            budget_w=budget_w,
            idle_w=machine.idle_w,
            max_w=machine.max_w,
            capacity=machine.capacity,
            floor_w=machine.idle_w + min(loop.tuning.floor_slots, machine.capacity) * machine.slot_w,
            rest_w=decision.predicted_w - slot_w * decision.slots if decision else machine.idle_w,
            slot_w=slot_w,
            state=self._state(budget_w),
            why=why or self._amiss() or last,
            slots=decision.slots if decision else None,
            running=loop.load.running,
            wanted=dict(loop.load.wanted),
            let=self._duty.let(),
            metered_j=account.metered_j,
            unattributed_j=self._unattributed_j,
            learnt=account.learnt,
            brief=budget_w is None
            and not loop.fault
            and not loop.believed.doubted
            and account.ahead_j < AHEAD_S * machine.max_w,
        )
        if reading is None:
            return told
        return replace(
            told,
            watts=None if loop.believed.doubted or loop.fault else reading.watts,
            method=reading.method,
            source=reading.source,
            scope=reading.scope,
            uncertainty_pct=reading.uncertainty_pct,
        )

    def _amiss(self) -> str:
        """In words; of the readings what was amiss the last time, too: the first look after a rest has none yet."""
        decision, doubted = self._loop.decision, self._loop.believed.doubted
        fault = (decision.fault if decision else "") or ("range" if doubted else "")
        lasts, self._fault = fault == self._fault, fault
        return self._loop.fault or (FAULTS.get(fault, "") if lasts else "")

    def _state(self, budget_w: float | None) -> str:
        if budget_w is None:
            return "unlimited" if self._metered else "unmetered"
        return self._loop.decision.state if self._loop.decision else "ungoverned"
