"""What others do to hold a power budget, as controllers of the same simulated server."""

import math
import random
from collections.abc import Callable

from bench.power_metrics import MARGIN
from bench.power_run import Case, Controller, Order, Ours, Seen
from omniwatt.power import count, profile

FULL_MHZ, LOW_MHZ, HIGH_MHZ = 1980, 1275, 1110


class Nothing:
    """No control."""

    def turn(self, seen: Seen) -> Order:
        return Order(seen.slots)


class StaticCap:
    """A limit for each GPU by nameplate, as with `nvidia-smi -pl`: the budget less the host, divided."""

    def __init__(self, case: Case, _: int) -> None:
        self.server = profile.server("server28kw")
        self.devices = profile.devices_of(self.server)
        self.mix = case.mix

    def turn(self, seen: Seen) -> Order:
        loss = profile.wall_w(self.server, 0.0, 0.0) / self.server.host_w
        limit_w = (seen.budget_w / loss - self.server.host_w) / len(self.devices)
        full_w = sum(
            sum(each.modes[mode].watts * share for mode, share in self.mix.items()) / sum(self.mix.values())
            for each in self.devices
        ) / len(self.devices)
        rest_w = sum(each.resident_w for each in self.devices) / len(self.devices)
        return Order(seen.slots, trim=max(0.3, min(1.0, (limit_w - rest_w) / (full_w - rest_w))))


class TwoThreshold:
    """After POLCA (ASPLOS 2024): looks every 2 s; above 80 % clocks of low priority fall, above 89 % those of all."""

    def __init__(self, case: Case, _: int) -> None:
        low = sum(share for tier, share in case.tiers.items() if tier != "priority") / sum(case.tiers.values())
        slow, slower = ((mhz / FULL_MHZ) ** 2.5 for mhz in (LOW_MHZ, HIGH_MHZ))
        self.levels = (1.0, low * slow + (1 - low), slower)
        self.level = 0
        self.next_s = 0.0

    def turn(self, seen: Seen) -> Order:
        if seen.reading is not None and seen.now_s >= self.next_s:
            self.next_s = seen.now_s + 2.0
            share = seen.reading.watts / seen.budget_w
            if share > 0.89:
                self.level = 2
            elif share > 0.80:
                self.level = max(1, self.level)
            elif share < 0.75:
                self.level = max(0, self.level - 1)
        return Order(seen.slots, trim=self.levels[self.level])


class ThreeBand:
    """After Dynamo (ISCA 2016): every 3 s; above 99 % cut to 95 %, below 90 % let go, between them leave it."""

    def __init__(self, case: Case, _: int) -> None:
        self.allowed = math.inf
        self.next_s = 0.0

    def turn(self, seen: Seen) -> Order:
        if seen.reading is not None and seen.now_s >= self.next_s:
            self.next_s = seen.now_s + 3.0
            share = seen.reading.watts / seen.budget_w
            if share > 0.99:
                self.allowed = max(0.0, seen.ran - (share - 0.95) * seen.budget_w / seen.slot_w)
            elif share < 0.90:
                self.allowed = math.inf
        return Order(math.floor(min(self.allowed, seen.slots)))


class OpenLoop:
    """Feed-forward alone; calibration is 10 % off, one way or the other by the seed."""

    def __init__(self, case: Case, seed: int) -> None:
        self.wrong = random.Random(seed).choice((0.9, 1.1))
        self.credit = count.Credit()

    def turn(self, seen: Seen) -> Order:
        slots = (seen.budget_w * (1 - MARGIN) - seen.idle_w) / (seen.slot_w * self.wrong)
        self.credit, whole = count.by_credit(self.credit, max(0.0, min(slots, seen.slots)), seen.ran, seen.now_s, 0.05)
        return Order(whole)


class PlainPI:
    """A PI on the meter, without feed-forward; tuned as for a delay of 0.2 s (lambda = delay), with anti-windup."""

    def __init__(self, case: Case, _: int) -> None:
        delay_s = case.sensor.window_s / 2 + case.sensor.late_s + 0.1
        self.ki = 1.0 / (2 * delay_s)
        self.kp = 0.2
        self.slots = 0.0
        self.credit = count.Credit()

    def turn(self, seen: Seen) -> Order:
        error = 0.0
        if seen.reading is not None:
            error = (seen.budget_w * (1 - MARGIN) - seen.reading.watts) / seen.slot_w
            self.slots = max(0.0, min(float(seen.slots), self.slots + self.ki * error * 0.05))
        wanted = max(0.0, min(float(seen.slots), self.slots + self.kp * error))
        self.credit, whole = count.by_credit(self.credit, wanted, seen.ran, seen.now_s, 0.05)
        return Order(whole)


class IndependentDuty(Ours):
    """Our number of slots, but each worker keeps its own duty cycle."""

    def turn(self, seen: Seen) -> Order:
        super().turn(seen)
        slots = self.decision.slots if self.decision else 0.0
        return Order(seen.slots, duty=max(0.02, min(1.0, slots / seen.slots)))


BASELINES: dict[str, tuple[Callable[[Case, int], Controller], bool]] = {
    "none": (lambda *_: Nothing(), False),
    "static cap": (StaticCap, True),
    "two-threshold (POLCA)": (TwoThreshold, True),
    "three-band (Dynamo)": (ThreeBand, False),
    "open loop, 10 % wrong": (OpenLoop, False),
    "PI without feed-forward": (PlainPI, False),
    "independent duty": (IndependentDuty, False),
}
"""By name: how to make it, and whether it needs power limits."""
