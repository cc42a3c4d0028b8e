"""Meters of the simulated server: late, averaging, quantised, a little wrong, and faulty on demand.

Sources: NVML's power is a 1 s mean on most cards since Ampere, about a quarter of the time is sampled
(arXiv 2312.02741); board controllers and power strips answer in seconds.
"""

import math
import random
from typing import Literal

from omniwatt.contract.power import Manner, MeterLost, Reading
from omniwatt.contract.request import Value
from omniwatt.power.meters.plant import TICK_S, Plant

Trouble = Literal["dropout", "stuck", "repeated", "negative", "jump", "milliwatts", "kilowatts", "clock", "bias"]


class Sensor(Value, frozen=True):
    """A kind of sensor. `late_s` passes between the end of what is averaged and the moment it can be read."""

    name: str
    period_s: float
    window_s: float
    late_s: float
    quantum_w: float = 1.0
    smooth_s: float = 0.0
    """Not 0: an exponential mean of this time constant instead of a box."""
    noise: float = 0.002


INSTANT = Sensor("instant", 0.1, 0.1, 0.05)
QUARTER = Sensor("instant, a quarter sampled", 0.1, 0.025, 0.05)
SMOOTHED = Sensor("instant, smoothed", 0.1, 0.1, 0.05, smooth_s=0.05)
AVERAGE = Sensor("1 s mean", 0.1, 1.0, 0.05)
BOARD = Sensor("board controller, 5 s", 5.0, 5.0, 1.0, quantum_w=10.0)


class Ill(Value, frozen=True):
    """A trouble from one time to another. `by` is the factor of a bias."""

    trouble: Trouble
    from_s: float
    to_s: float = math.inf
    by: float = 1.0


class Simulated:
    """A sensor on a plant; a `contract.power.Meter`. Whoever moves the plant moves time."""

    def __init__(
        self,
        plant: Plant,
        sensor: Sensor = INSTANT,
        *,
        seed: int = 0,
        ill: tuple[Ill, ...] = (),
        claimed_late_s: float | None = None,
    ) -> None:
        """`claimed_late_s`: how late it is thought to be, where that is not so."""
        self.plant = plant
        self.sensor = sensor
        self.ill = ill
        self._chance = random.Random(seed)  # noqa: S311
        self._gain = self._chance.gauss(1.0, 0.003)
        self._phase_s = round(self._chance.uniform(0.0, sensor.period_s), 2)
        self._claimed_s = sensor.late_s if claimed_late_s is None else claimed_late_s
        self._last: Reading | None = None
        self._taken = -1
        self._smooth_w = math.nan
        self._smoothed_to = 0
        self.manner = Manner(sensor.window_s, sensor.period_s, doubt_s=0.08)

    def read(self) -> Reading:
        """The newest reading there is. Raises MeterLost in a dropout, and before the first one."""
        now_s = self.plant.now_s
        taken = math.floor((now_s - self.sensor.late_s - self._phase_s) / self.sensor.period_s)
        ill = [one for one in self.ill if one.from_s <= now_s < one.to_s]
        if any(one.trouble == "dropout" for one in ill):
            raise MeterLost("the simulated sensor does not answer")
        if taken > self._taken and not (self._last and any(one.trouble == "repeated" for one in ill)):
            self._taken = taken
            self._last = self._sample(taken * self.sensor.period_s + self._phase_s, ill)
        if self._last is None:
            raise MeterLost("the simulated sensor has nothing yet")
        return self._last

    def close(self) -> None:
        """Nothing to let go of."""

    def _sample(self, end_s: float, ill: list[Ill]) -> Reading:
        sensor = self.sensor
        joules = self.plant.joules_at(end_s)
        if sensor.smooth_s:
            watts = self._smoothed(end_s)
        else:
            watts = (joules - self.plant.joules_at(end_s - sensor.window_s)) / sensor.window_s
        watts *= self._gain * self._chance.gauss(1.0, sensor.noise)
        watts = round(watts / sensor.quantum_w) * sensor.quantum_w
        middle_s = end_s - (sensor.smooth_s or sensor.window_s / 2)
        at_s = middle_s + sensor.late_s - self._claimed_s
        for one in ill:
            watts, at_s = self._troubled(one, watts, at_s)
        return Reading(at_s, watts, max(0.0, joules) * self._gain, "measured", "simulated", "wall", 1.0)

    def _smoothed(self, end_s: float) -> float:
        keep = math.exp(-TICK_S / self.sensor.smooth_s)
        trace = self.plant.trace_w
        if math.isnan(self._smooth_w):
            self._smooth_w = trace[0] if trace else self.plant.watts
        until = min(len(trace), round(end_s / TICK_S))
        for watts in trace[self._smoothed_to : until]:
            self._smooth_w = keep * self._smooth_w + (1 - keep) * watts
        self._smoothed_to = max(until, self._smoothed_to)
        return self._smooth_w

    def _troubled(self, one: Ill, watts: float, at_s: float) -> tuple[float, float]:
        if one.trouble == "stuck":
            return (self._last.watts if self._last else watts), at_s
        if one.trouble == "jump":
            return watts * self._chance.choice((1.0, 1.0, 1.0, 1.9, 0.4)), at_s
        if one.trouble == "clock":
            return watts, at_s + 3600.0
        factors = {"negative": -1.0, "milliwatts": 1000.0, "kilowatts": 0.001, "bias": one.by}
        return watts * factors.get(one.trouble, 1.0), at_s
