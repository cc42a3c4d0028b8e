"""What power is told in: readings of a meter, work that was done, and the joules it is charged."""

from typing import Literal, Protocol

from omniwatt.contract.request import Value

Method = Literal["measured", "estimated"]
Scope = Literal["gpu", "cpu", "node", "wall", "facility"]


class Reading(Value, frozen=True):
    """What a meter says. `energy_j` counts up from when the meter was opened and never falls."""

    at_s: float
    """When the counter stood so, in time.monotonic; for a sensor that averages, the middle of what it averages."""
    watts: float
    """Now, or the mean since the reading before."""
    energy_j: float
    method: Method
    source: str
    """`nvml`, `rapl`, `cpu-time`, ...; several are joined with `+`."""
    scope: Scope
    uncertainty_pct: float


class Work(Value, frozen=True):
    """Units of one kind done for one job on one engine; kinds as in `contract.protocol.Context.step`."""

    job: str
    engine: str
    kind: str
    units: float


class Joules(Value, frozen=True):
    """What one job is charged. `dynamic_j` is its own work, `idle_j` its share of the watts that flow anyway."""

    dynamic_j: float
    idle_j: float
    duration_s: float
    method: Method
    source: str
    scope: Scope
    uncertainty_pct: float


class MeterLost(Exception):
    """The meter gave nothing usable: gone, frozen, negative, or in units that cannot be."""


class Meter(Protocol):
    """One source of watts; hold it in `contextlib.closing`."""

    def read(self) -> Reading:
        """The newest reading; milliseconds at most, and never waits for the device. Raises MeterLost."""
        ...

    def close(self) -> None:
        """Let go of the sensor."""
        ...
