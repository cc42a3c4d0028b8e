"""What the simulated server works on, and what differs from machine to machine."""

from omniwatt.contract.request import Value


class Task(Value, frozen=True):
    """A request: so many steps of one mode."""

    name: str
    mode: str
    steps: int
    tier: str = "default"


class Finished(Value, frozen=True):
    """A task that ended, where it ran, and what it drew above rest, before the supply's losses."""

    at_s: float
    task: Task
    slot: int
    spent_j: float


class Spread(Value, frozen=True):
    """Standard deviations and ranges that the seed draws from, as shares unless a unit is named."""

    chip: float = 0.03
    step: float = 0.03
    """From step to step; from token to token it wanders slowly (first-order, see `WANDER`)."""
    host: float = 0.05
    psu: float = 0.01
    cooling: float = 0.3
    lag_s: tuple[float, float] = (0.010, 0.050)
    cooling_lag_s: tuple[float, float] = (20.0, 60.0)
    gain: float = 0.0
    """Of all dynamic power: how wrong calibration may be."""
    drift: float = 0.0
    """Root mean square of a slow drift of dynamic power."""
    drift_s: float = 20.0
    """Its correlation time."""
