"""One file a meter. `open_meter` takes the operator's word for which, or looks for the best there is."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from omniwatt.contract.power import Meter, MeterLost
from omniwatt.power.meters.estimate import CpuModel, Estimate
from omniwatt.power.meters.nvml import Nvml
from omniwatt.power.meters.rapl import Rapl
from omniwatt.power.meters.replay import Replay
from omniwatt.power.meters.total import Total
from omniwatt.power.meters.wall import Outlet, Wall

CHOICES = ("auto", "estimate", "rapl", "nvml", "wall", "replay", "none")


def open_meter(
    choice: str,
    model: CpuModel,
    used_s: Callable[[], float],
    *,
    outlet: Outlet | None = None,
    recording: Path | None = None,
) -> Meter | None:
    """The meter of a machine; None for `none`. `used_s`: CPU seconds of our own processes so far.

    `auto` is the wall meter where one is set, else the cards (if any) and the processor, whose watts are estimated
    where its counters cannot be read. Raises MeterLost when what was chosen is not there; a wall meter may come later.
    """
    if choice == "none":
        return None
    if choice == "wall" or (choice == "auto" and outlet is not None):
        if outlet is None:
            raise MeterLost("a wall meter needs its address: power.wall_url")
        return Wall(outlet, patient=True)
    if choice == "replay":
        if recording is None:
            raise MeterLost("a recording to play is missing: power.recording")
        return Replay(recording)
    if choice == "rapl":
        return Rapl()
    if choice == "nvml":
        return Nvml()
    if choice == "estimate":
        return Estimate(model, used_s)
    if choice == "auto":
        return best(model, used_s)
    raise MeterLost(f"there is no meter {choice!r}: {', '.join(CHOICES)}")


def best(model: CpuModel, used_s: Callable[[], float]) -> Meter:
    """The cards, if any, and the processor by its counters, else by CPU time."""
    parts: list[Meter] = []
    with suppress(MeterLost):
        parts.append(Nvml())
    try:
        parts.append(Rapl())
    except MeterLost:
        parts.append(Estimate(model, used_s))
    return parts[0] if len(parts) == 1 else Total(tuple(parts))
