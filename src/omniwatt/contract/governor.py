"""What engine hosts and the governor tell one another: one message a packet (SOCK_SEQPACKET), as tagged msgpack."""

import msgspec

from omniwatt.contract.request import Value

TIERS = ("priority", "default", "flex")
"""Who goes first."""
LEASE_S = 0.5
"""Silence of the governor for so long ends every hold: what it held runs on."""
BATCH_S = 0.02
"""Units are told together, at most this late. A call that is over sooner may be told of in a sum alone."""
SUM_S = 0.1
"""And such sums wait for so long: nobody decides by them."""
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

    entered: tuple[tuple[Call, str, str, float], ...] = ()
    """Calls that began: job, tier (none: nobody will ask what it has cost), and when, in time.monotonic."""
    work: tuple[tuple[Call, str, float], ...] = ()
    """(call, kind, units) of steps that began."""
    parked: tuple[Call, ...] = ()
    """Calls that now wait at a step boundary."""
    left: tuple[tuple[Call, float], ...] = ()
    """Calls that ended, and when."""
    brief: tuple[tuple[str, float], ...] = ()
    """(kind, units) of all that calls did which came and went untold, together."""


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


encode = msgspec.msgpack.Encoder().encode
decode_from_host = msgspec.msgpack.Decoder(FromHost).decode
decode_hold = msgspec.msgpack.Decoder(Hold).decode
