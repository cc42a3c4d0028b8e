"""What power is told in: readings of a meter, work that was done, and the joules it is charged."""

from datetime import datetime, time
from typing import Annotated, Literal, Protocol

import msgspec

from omniwatt.contract.request import Value

Method = Literal["measured", "estimated"]
Scope = Literal["gpu", "cpu", "node", "wall", "facility"]
MOST_W = 1e9
"""A gigawatt: more than any site takes, so a reading beyond it is none, and a budget a slip of the pen."""


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


class Manner(Value, frozen=True):
    """How a meter's watts lie in time, in seconds. As it stands: a counter, read anew at each look."""

    window_s: float = 0.0
    """What a reading's watts are the mean of; 0: of what lies between two looks."""
    period_s: float = 0.0
    """Between two new readings; 0: every look is new."""
    doubt_s: float = 0.01
    """How wrong `at_s` may be."""
    gain_doubt: float = 0.25
    """How far the watts it shows for a step may be from those the machine is described by, as a share: a sensor may
    know better, an estimate is made of that very description."""


class MeterLost(Exception):
    """The meter gave nothing usable: gone, frozen, negative, or in units that cannot be."""


class Meter(Protocol):
    """One source of watts; hold it in `contextlib.closing`."""

    @property
    def manner(self) -> Manner:
        """Known once it is open."""
        ...

    def read(self) -> Reading:
        """The newest reading; milliseconds at most, and never waits for the device. Raises MeterLost."""
        ...

    def close(self) -> None:
        """Let go of the sensor."""
        ...


Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class Window(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Every day (or on `days`) from `start` to `end`, local time; over midnight where `end` is earlier."""

    start: time
    end: time
    budget: str
    """`180W`, `1.2kW` or `60%` (of the machine's full load)."""
    days: tuple[Day, ...] = DAYS
    """The days it begins on."""


class Event(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Once: the budget falls by `reduce_pct`, in a straight line over `within_s`, and comes back at the end."""

    start: Annotated[datetime, msgspec.Meta(tz=True)]
    length_s: float
    reduce_pct: float
    within_s: float = 30.0
