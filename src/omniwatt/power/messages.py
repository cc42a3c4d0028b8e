"""What gateway and governor tell one another: one message a packet (SOCK_SEQPACKET), as tagged msgpack."""

import time

import msgspec

from omniwatt import settings
from omniwatt.contract.power import Joules
from omniwatt.contract.request import Value
from omniwatt.power.attribution import Learnt
from omniwatt.power.calibrate import Calibration

LOCK = "omniwatt-governor"
SILENT_S = 1.0
"""A governor that says nothing for so long is dead or held: the gateway continues its engines and starts another."""

# --- gateway -> governor


class Start(Value, frozen=True, tag="start"):
    """How to govern; the first message."""

    power: settings.Power
    gate: str
    """Where hosts connect: a path relative to the working directory."""
    cores: int
    calibration: Calibration | None = None
    state_file: str = ""
    """Where limits that were changed are noted, to be put back after a crash."""
    lock: str = LOCK
    """Who binds this abstract socket name governs the machine; another one only meters."""
    cgroups: str = "/sys/fs/cgroup"
    learnt: dict[str, Learnt] = {}
    """Engine -> joules a unit, as an earlier governor learnt them."""


class Engine(Value, frozen=True, tag="engine"):
    """A process group that works for the gateway. Said again when something of it changed."""

    pid: int
    name: str
    threads: int = 0
    exempt: bool = False
    """Counted, never held: loading, or what others wait for."""


class Gone(Value, frozen=True, tag="gone"):
    """A process group that must not be signalled any more."""

    pid: int


class Want(Value, frozen=True, tag="want"):
    """What the gateway wants of a process: held, for the cores' sake; or urgent: not held, whatever the watts."""

    pid: int
    held: bool = False
    urgent: bool = False


class Settle(Value, frozen=True, tag="settle"):
    """What has the job cost? Answered by a Settled, at once."""

    job: str
    brief_j: float = 0.0
    """What those of its calls took that hosts tell of in sums alone, by the rates."""


class Ahead(Value, frozen=True, tag="ahead"):
    """What jobs were charged of which hosts tell in sums alone: by the rates, ahead of what the meter counts next."""

    dynamic_j: float
    idle_j: float


class Budget(Value, frozen=True, tag="budget"):
    """Watts to hold; None: no limit. Watts that are lent hold until `until_s`, then `then_w`: nobody need say so."""

    watts: float | None
    until_s: float = float("inf")
    """By `clock_s`."""
    then_w: float = 0.0

    def at(self, now_s: float) -> float | None:
        """What is to be held now."""
        return self.watts if now_s < self.until_s else self.then_w


def clock_s() -> float:
    """The time leases are kept in: it goes on while the machine sleeps, and nobody sets it."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


FromGateway = Start | Engine | Gone | Want | Settle | Ahead | Budget

# --- governor -> gateway


class Settled(Value, frozen=True, tag="settled"):
    """None where no meter was read while it ran, or no host told of it."""

    job: str
    joules: Joules | None


class Telemetry(Value, frozen=True, tag="telemetry"):
    """How the node stands, five times a second: also the governor's sign of life."""

    at_s: float = 0.0
    watts: float | None = None
    budget_w: float | None = None
    idle_w: float = 0.0
    max_w: float = 0.0
    floor_w: float = 0.0
    """With the steps that may always run."""
    rest_w: float = 0.0
    """As `idle_w`, and what a step-slot adds, as they were found to be of late."""
    slot_w: float = 0.0
    capacity: float = 0.0
    """Step-slots the machine has."""
    method: str = ""
    source: str = ""
    scope: str = ""
    uncertainty_pct: float = 0.0
    state: str = "unmetered"
    """A mode of the policy, or `unmetered`, `unlimited`, `ungoverned`."""
    why: str = ""
    """In words, where the state is not what was asked for."""
    slots: float | None = None
    """Step-slots that may run; None: no limit."""
    running: float = 0.0
    wanted: dict[str, float] = {}
    """Step-slots by tier that have work."""
    let: dict[int, float] = {}
    """Process group -> share of the time it was let run of late, where that is not all of it."""
    metered_j: float = 0.0
    unattributed_j: float = 0.0
    learnt: dict[str, Learnt] = {}
    """Engine -> joules a unit of its kinds of work, and how well they predict the meter."""
    brief: bool = False
    """The meter is well and nothing is limited: short calls may be told of in sums, and charged by the rates."""


class Beat(Value, frozen=True, tag="beat"):
    """Said again and again while it holds processes, and once when it does not any more."""

    holds: bool


FromGovernor = Settled | Telemetry | Beat

encode = msgspec.msgpack.Encoder().encode
decode_from_gateway = msgspec.msgpack.Decoder(FromGateway).decode
decode_from_governor = msgspec.msgpack.Decoder(FromGovernor).decode
