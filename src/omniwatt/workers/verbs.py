"""What the gateway may ask of an engine host, and how both sides write it down."""

import msgspec

from omniwatt.contract.event import Chunk, Event
from omniwatt.contract.job import EngineSpec, Job, Loaded
from omniwatt.contract.request import Value


class Load(Value, frozen=True, tag="load"):
    """Make the engine ready. Progress events come back; the trailer is a Loaded."""

    spec: EngineSpec
    gate: str = ""
    """The governor's socket, relative to the host's folder; empty where there is no governor."""


class Run(Value, frozen=True, tag="run"):
    """Do one job. Events come back; the trailer is a Report. `streams` False: no input follows."""

    job: Job
    streams: bool = False
    tier: str = ""
    """Whose work it is to the governor; empty: nobody will ask what it has cost."""
    brief: bool = False
    """The governor need not be told of it one by one, should it be short."""


class Stats(Value, frozen=True, tag="stats"):
    """What has the host used so far? The trailer is a HostStats."""


Verb = Load | Run | Stats


class Report(Value, frozen=True):
    """Units of work done in one call, by kind."""

    steps: dict[str, float] = {}
    brief: bool = False
    """The governor was told of them in a sum alone."""


class HostStats(Value, frozen=True):
    """What a host process and its helpers have used since it started."""

    rss_bytes: int
    cpu_s: float
    steps: dict[str, float] = {}


encode = msgspec.msgpack.Encoder().encode
decode_verb = msgspec.msgpack.Decoder(Verb).decode
decode_event = msgspec.msgpack.Decoder(Event).decode
decode_chunk = msgspec.msgpack.Decoder(Chunk).decode
decode_loaded = msgspec.msgpack.Decoder(Loaded).decode
decode_report = msgspec.msgpack.Decoder(Report).decode
decode_stats = msgspec.msgpack.Decoder(HostStats).decode
