"""Makes looks of a governor, and a machine of one line to govern."""

from collections.abc import Callable

from omniwatt.contract.power import Reading
from omniwatt.power.policy import Decision, Sight, State, Tuning, decide

IDLE_W, SLOT_W, CAPACITY = 1000.0, 100.0, 40.0
TICK_S = 0.05


def reading(at_s: float, watts: float, method: str = "measured") -> Reading:
    return Reading(at_s, watts, 0.0, method, "test", "wall", 1.0)  # type: ignore[arg-type]


def sight(now_s: float, budget_w: float | None, seen: Reading | None, **changes: object) -> Sight:
    known: dict[str, object] = {
        "demand": {"default": CAPACITY},
        "running": 0.0,
        "running_now": 0.0,
        "capacity": CAPACITY,
        "idle_w": IDLE_W,
        "slot_w": SLOT_W,
    }
    return Sight(now_s=now_s, budget_w=budget_w, reading=seen, **(known | changes))  # type: ignore[arg-type]


class Line:
    """A machine that obeys at once and draws `base + gain * slots`; its sensor is a tenth of a second old."""

    def __init__(self, tuning: Tuning | None = None, gain: float = 1.0, base_w: float = 0.0) -> None:
        self.tuning = tuning or Tuning()
        self.gain, self.base_w = gain, base_w
        self.state, self.now_s, self.running = State(), 0.0, 0.0
        self.past_w: list[float] = [IDLE_W + base_w] * 3
        self.decision: Decision | None = None

    @property
    def watts(self) -> float:
        return IDLE_W + self.base_w + self.gain * SLOT_W * self.running

    def turn(self, budget_w: float | None, demand: dict[str, float] | None = None,
        sensed: Callable[[Reading], Reading | None] = lambda each: each) -> Decision:  # fmt: skip
        demand = {"default": CAPACITY} if demand is None else demand
        noise_w = ((self.now_s * 7919) % 1.0 - 0.5) * 10
        seen = sensed(reading(self.now_s - 0.1, self.past_w[-2] + noise_w))
        look = sight(self.now_s, budget_w, seen, demand=demand, running=self.running, running_now=self.running)
        self.state, self.decision = decide(self.tuning, self.state, look)
        allowed = sum(count for tier, count in demand.items() if tier not in self.decision.pause)
        self.running = min(float(self.decision.count), allowed) * self.decision.trim
        self.past_w.append(self.watts)
        self.now_s = round(self.now_s + TICK_S, 6)
        return self.decision

    def turns(self, count: int, budget_w: float | None, **more: object) -> list[Decision]:
        return [self.turn(budget_w, **more) for _ in range(count)]  # type: ignore[arg-type]
