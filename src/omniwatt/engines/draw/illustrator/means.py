"""What the pictures of one engine share beside its hands: memory, the pace seen so far, watts, the printer's inks."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from omniwatt.contract.error import EngineFailed
from omniwatt.engines.draw.encode.form import is_cmyk
from omniwatt.engines.draw.encode.separate import SWOP, to_inks
from omniwatt.engines.draw.illustrator.estimate import Pace, Takes
from omniwatt.engines.draw.illustrator.paint import cost
from omniwatt.engines.draw.room import Room


@dataclass(frozen=True)
class Means:
    """`takes`: the machine's watts, where they are known. `inks`: the CMYK profile for print."""

    room: Room = field(default_factory=Room)
    pace: Pace = field(default_factory=Pace)
    takes: Takes | None = None
    inks: bytes = field(default_factory=SWOP.read_bytes)


def means_of(options: Mapping[str, Any], spare: Callable[[], None]) -> Means:
    """By an engine's options; how fast this machine paints is measured, in a fifth of a second. Raises EngineFailed."""
    room = Room(int(options.get("memory_bytes", 0)), spare)
    pace = Pace(cost.calibrate())
    watts = options.get("takes_w")
    return Means(room, pace, Takes(*watts) if watts else None, _inks(str(options.get("cmyk_profile", ""))))


def _inks(file: str) -> bytes:
    if not file:
        return SWOP.read_bytes()
    try:
        profile = Path(file).expanduser().read_bytes()
    except OSError as error:
        raise EngineFailed(
            f"The setting draw.cmyk_profile names a file that cannot be read: {error.strerror}."
        ) from error
    try:
        usable = is_cmyk(profile) and to_inks(profile) is not None
    except ValueError:
        usable = False
    if not usable:
        raise EngineFailed("The setting draw.cmyk_profile names a file that is no usable ICC profile for four inks.")
    return profile
