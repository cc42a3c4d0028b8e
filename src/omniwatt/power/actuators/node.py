"""All actuators of one machine as the loop sees them: gate and duty on processors; gate, and perhaps caps, on GPUs."""

import math
from collections.abc import Mapping
from typing import Protocol

from omniwatt.contract.governor import TIERS, Hello
from omniwatt.power.actuators.duty import Duty
from omniwatt.power.actuators.gate import Gate
from omniwatt.power.loop import Load
from omniwatt.power.sight import Decision

LEAST_SLOTS = 0.02
"""Less than this is nothing."""


class Trim(Protocol):
    """Lowers what the devices may draw."""

    def share(self, share: float) -> None:
        """Of their full dynamic power."""
        ...

    def restore(self) -> None:
        """As they were found."""
        ...


class Node:
    """`by_core`: a step-slot is a processor core, and duty trims if it `stops`; otherwise only the gate holds."""

    def __init__(
        self,
        gate: Gate,
        duty: Duty,
        capacity: float,
        *,
        by_core: bool,
        stops: bool = True,
        trim: Trim | None = None,
    ) -> None:
        self._gate = gate
        self._duty = duty
        self._capacity = capacity
        self._by_core = by_core
        self._stops = by_core and stops
        self._trim = trim
        self._wanted: dict[str, float] = {}

    def look(self, now_s: float) -> Load:
        """Calls that wait want what they would use; on processors those that run want what they can use."""
        wanted = self._gate.wanted(now_s, parked=self._by_core)
        if not self._by_core:
            return Load(wanted, self._gate.slot_s(now_s), self._gate.running(now_s), self._gate.ran_s(now_s))
        for tier, cores in self._duty.wanted().items():
            wanted[tier] = wanted.get(tier, 0.0) + cores
        self._wanted = wanted
        return Load(_within(wanted, self._capacity), self._duty.used_s, self._duty.running())

    def obey(self, decision: Decision | None, now_s: float) -> None:
        """Carry it out."""
        if decision is None:
            self._gate.choose(None, (), now_s)
            self._duty.slots, self._duty.paused = None, frozenset()
            if self._trim is not None:
                self._trim.restore()
        elif self._stops:
            # Within a tier duty shares the cores out evenly, which whole calls that wait for one another would not be.
            pause = {*decision.pause, *crowded_out(self._wanted, decision.slots)}
            self._gate.choose(math.inf if pause else None, pause, now_s)
            self._duty.slots = decision.slots
            self._duty.paused = frozenset(TIERS.index(tier) for tier in decision.pause)
        else:
            # To the nearest whole step, which need not be worth a whole slot.
            room = decision.room + 0.5 if decision.count and decision.weights else decision.count
            self._gate.choose(room, decision.pause, now_s, decision.weights)
            if self._trim is not None:
                self._trim.share(decision.trim)


def slots_of(hello: Hello, *, by_core: bool, cores: int) -> float:
    """Step-slots one step of a host takes."""
    if by_core:
        return 0.0 if hello.device else float(min(hello.threads, cores))
    return 1.0 if hello.device else 0.0


def crowded_out(wanted: Mapping[str, float], slots: float) -> list[str]:
    """The tiers for which nothing is left, once those above have what they want."""
    left = slots
    found = []
    for tier in TIERS:
        if left <= LEAST_SLOTS:
            found.append(tier)
        left -= wanted.get(tier, 0.0)
    return found


def _within(wanted: dict[str, float], capacity: float) -> dict[str, float]:
    """What can be wanted of a machine: no more than it has, priority first."""
    left = capacity
    found = {}
    for tier in TIERS:
        if wanted.get(tier, 0.0) > 0.0 and left > 0.0:
            found[tier] = min(wanted[tier], left)
            left -= found[tier]
    return found
