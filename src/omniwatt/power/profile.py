"""What machines draw by their papers: devices, servers and halls from TOML, and their steady-state watts."""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from itertools import pairwise
from typing import Literal

import msgspec

from omniwatt.contract.error import NotFound
from omniwatt.contract.request import Value


class Mode(Value, frozen=True):
    """One sort of work: how long a step takes, and what the device draws while one runs."""

    step_s: float
    watts: float
    units: str


class Device(Value, frozen=True):
    """A GPU, or a share of a processor; one step-slot. `resident_w`: a model in memory, nothing running."""

    name: str
    kind: Literal["gpu", "cpu"]
    idle_w: float
    resident_w: float
    limit_w: float
    limit_least_w: float
    modes: Mapping[str, Mode]


class Group(Value, frozen=True):
    """`count` of one profile."""

    profile: str
    count: int


class Server(Value, frozen=True):
    """One machine at the wall. `cooling_share` of its heat goes to fans and pumps at full load, less by the cube."""

    name: str
    devices: tuple[Group, ...]
    cooling: Literal["air", "liquid"]
    host_w: float
    host_slot_w: float
    cooling_share: float
    cooling_lag_s: float
    heat_limit_w: float
    """Heat the cooling carries away for good: the devices are throttled to it."""
    psu_w: float
    psu: tuple[tuple[float, float], ...]
    """(share of the rating, efficiency), rising."""


class Facility(Value, frozen=True):
    """Servers behind one transformer; `pue` is facility energy over IT energy (ISO/IEC 30134-2)."""

    name: str
    servers: tuple[Group, ...]
    pue: float


class File(Value, frozen=True):
    """What a profile file holds: one of the three."""

    device: Device | None = None
    server: Server | None = None
    facility: Facility | None = None


def names() -> list[str]:
    """The profiles that come with the program."""
    files = (resources.files("omniwatt.power") / "profiles").iterdir()
    return sorted(file.name.removesuffix(".toml") for file in files if file.name.endswith(".toml"))


def load(name: str) -> Device | Server | Facility:
    """A profile by name. Raises NotFound."""
    file = _file(name)
    found = file.device or file.server or file.facility
    if found is None:
        raise NotFound(f"The hardware profile {name!r} holds no device, server or facility.", param="profile")
    return found


def device(name: str) -> Device:
    """Raises NotFound where there is no device of this name."""
    found = _file(name).device
    if found is None:
        raise NotFound(f"{name!r} is not a device.", param="profile")
    return found


def server(name: str) -> Server:
    """Raises NotFound where there is no server of this name."""
    found = _file(name).server
    if found is None:
        raise NotFound(f"{name!r} is not a server.", param="profile")
    return found


@cache
def _file(name: str) -> File:
    if name not in names():
        raise NotFound(f"No hardware profile {name!r}; there are {', '.join(names())}.", param="profile")
    text = (resources.files("omniwatt.power") / "profiles" / f"{name}.toml").read_text("utf-8")
    return msgspec.convert(tomllib.loads(text), File)


def efficiency(psu: tuple[tuple[float, float], ...], share: float) -> float:
    """Of a power supply at a share of its rating, between the points of its table."""
    if share <= psu[0][0]:
        return psu[0][1]
    for (x0, y0), (x1, y1) in pairwise(psu):
        if share <= x1:
            return y0 + (y1 - y0) * (share - x0) / (x1 - x0)
    return psu[-1][1]


def devices_of(one: Server) -> list[Device]:
    """Its devices, one entry each."""
    return [device(group.profile) for group in one.devices for _ in range(group.count)]


def wall_w(one: Server, devices_w: float, running: float) -> float:
    """Steady watts at the wall when the devices draw `devices_w` and so many slots run (slots of one device)."""
    it_w = one.host_w + one.host_slot_w * running + devices_w
    dc_w = it_w + cooling_w(one, it_w)
    return dc_w / efficiency(one.psu, dc_w / one.psu_w)


def cooling_w(one: Server, heat_w: float) -> float:
    """Fans and pumps once they have followed the heat: flow by the heat, power by the cube of the flow."""
    return one.cooling_share * one.heat_limit_w * min(1.0, heat_w / one.heat_limit_w) ** 3


def idle_w(one: Server) -> float:
    """At the wall, models resident, nothing running."""
    return wall_w(one, sum(each.resident_w for each in devices_of(one)), 0.0)


def full_w(one: Server, mix: Mapping[str, float]) -> float:
    """At the wall with every device at work on a mix of modes (weights by time)."""
    devices = devices_of(one)
    total = sum(mix.values())
    watts = sum(sum(each.modes[mode].watts * share for mode, share in mix.items()) / total for each in devices)
    limit_w = one.heat_limit_w - one.host_w - one.host_slot_w * len(devices)
    return wall_w(one, min(watts, limit_w), len(devices))


def facility_w(one: Facility, mix: Mapping[str, float]) -> float:
    """At the transformer with every server full. A server's mix leaves out what its devices do not run."""
    total = 0.0
    for group in one.servers:
        each = server(group.profile)
        known = {mode: share for mode, share in mix.items() if all(mode in part.modes for part in devices_of(each))}
        total += group.count * (full_w(each, known) if known else idle_w(each))
    return total * one.pue
