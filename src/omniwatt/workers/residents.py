"""Which models leave the memory: pure, by idle time and by a limit, never one that is at work."""

from collections.abc import Iterable

import msgspec


class Resident(msgspec.Struct, frozen=True):
    """One loaded group. `bytes` is the larger of what it holds and what its card says it needs."""

    group: str
    bytes: int
    idle_s: float
    busy: bool


def idle_too_long(residents: Iterable[Resident], limit_s: float) -> list[str]:
    """The groups nobody used for `limit_s`; 0 keeps all."""
    return [one.group for one in residents if limit_s > 0 and not one.busy and one.idle_s >= limit_s]


def to_evict(residents: Iterable[Resident], need_bytes: int, limit_bytes: int) -> list[str] | None:
    """The least recently used idle groups that must go so that `need_bytes` more fit; None when that cannot be done."""
    everyone = list(residents)
    over = sum(one.bytes for one in everyone) + need_bytes - limit_bytes
    leaving: list[str] = []
    for one in sorted(everyone, key=lambda one: (-one.idle_s, one.group)):
        if over <= 0:
            break
        if not one.busy and one.bytes > 0:
            leaving.append(one.group)
            over -= one.bytes
    return leaving if over <= 0 else None
