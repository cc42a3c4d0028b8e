"""What hosts, gateway and governor tell one another: one message a packet (SOCK_SEQPACKET), as tagged msgpack."""

from typing import Any

import msgspec

from omniwatt.contract.power import Joules
from omniwatt.contract.request import Value

TIERS = ("priority", "default", "flex")
"""Who goes first."""
LEASE_S = 0.5
"""Silence of the governor for so long ends every hold: what it held runs on."""
Call = int
"""A number the host gives each of its calls; never used twice on one connection."""

# --- host -> governor


class Hello(Value, frozen=True, tag="hello"):
    """The first word of a host, and again once its engine is loaded."""

    pid: int
    engine: str
    threads: int = 0
    gated: bool = False
    """Its steps wait where they are told to; otherwise they are only reports."""
    device: str = ""
    """The accelerator its steps run on; empty for the CPU."""


class Told(Value, frozen=True, tag="told"):
    """What happened since the last one; in this order."""

    entered: tuple[tuple[Call, str], ...] = ()
    """Calls that began, with their jobs."""
    work: tuple[tuple[Call, str, float], ...] = ()
    """(call, kind, units) of steps that began."""
    parked: tuple[Call, ...] = ()
    """Calls that now wait at a step boundary."""
    left: tuple[Call, ...] = ()


FromHost = Hello | Told

# --- governor -> host


class Hold(Value, frozen=True, tag="hold"):
    """These calls wait at their next step boundary, for `lease_s` unless it is said again; all others run."""

    calls: tuple[Call, ...] = ()
    lease_s: float = LEASE_S
    new: bool = False
    """Calls the governor does not know of yet wait too."""
    known: Call = 0
    """The newest call it knows of."""


# --- gateway -> governor


class Start(Value, frozen=True, tag="start"):
    """How to govern; the first message."""

    gate: str
    """Where hosts connect: a path relative to the working directory."""
    cores: int
    meter: str = "none"
    options: dict[str, Any] = {}
    """What the meter needs; see settings.Power."""
    caps: bool = False
    """Lower the power limits of GPUs that nobody else uses."""
    state_file: str = ""
    """Where limits that were changed are noted, to be put back after a crash."""
    lock: str = "omniwatt-governor"
    """Who binds this abstract socket name governs the machine; another one only meters."""


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
    """What the gateway wants of a process: held, for the cores' sake; or urgent, never held, whatever the watts."""

    pid: int
    held: bool = False
    urgent: bool = False


class Begin(Value, frozen=True, tag="begin"):
    """A job that will be settled, and whose tier it is."""

    job: str
    tier: str


class Settle(Value, frozen=True, tag="settle"):
    """What has the job cost? Answered by a Settled, at once."""

    job: str


class Budget(Value, frozen=True, tag="budget"):
    """Watts to hold; None: no limit."""

    watts: float | None


FromGateway = Start | Engine | Gone | Want | Begin | Settle | Budget

# --- governor -> gateway


class Settled(Value, frozen=True, tag="settled"):
    """None where no meter was read while it ran."""

    job: str
    joules: Joules | None


class Telemetry(Value, frozen=True, tag="telemetry"):
    """How the node stands, five times a second: also the governor's sign of life."""

    at_s: float
    watts: float | None = None
    budget_w: float | None = None
    idle_w: float = 0.0
    max_w: float = 0.0
    method: str = ""
    source: str = ""
    scope: str = ""
    uncertainty_pct: float = 0.0
    state: str = "unmetered"
    why: str = ""
    """In words, where the state is not what was asked for."""
    slots: float | None = None
    """Step-slots that may run; None: no limit."""
    running: float = 0.0
    wanted: dict[str, float] = {}
    """Step-slots by tier that have work."""
    metered_j: float = 0.0
    unattributed_j: float = 0.0


FromGovernor = Settled | Telemetry

encode = msgspec.msgpack.Encoder().encode
decode_from_host = msgspec.msgpack.Decoder(FromHost).decode
decode_hold = msgspec.msgpack.Decoder(Hold).decode
decode_from_gateway = msgspec.msgpack.Decoder(FromGateway).decode
decode_from_governor = msgspec.msgpack.Decoder(FromGovernor).decode
