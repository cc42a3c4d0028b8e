"""What the governor learnt of engines, kept over restarts, and as operators see it."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from omniwatt.power.attribution import Learnt

MOST_BYTES = 1 << 20

log = logging.getLogger(__name__)


def load(file: Path) -> dict[str, Learnt]:
    """What was kept; nothing where there is none or it cannot be read: it is learnt anew within minutes."""
    try:
        if file.stat().st_size > MOST_BYTES:
            return {}
        found = msgspec.json.decode(file.read_bytes(), type=dict[str, Learnt])
    except (OSError, msgspec.DecodeError):
        return {}
    return {engine: one for engine, one in found.items() if _sane(one)}


def save(learnt: Mapping[str, Learnt], file: Path) -> None:
    """Keep it; whole or not at all."""
    new = file.with_suffix(".new")
    try:
        new.write_bytes(msgspec.json.format(msgspec.json.encode(learnt)))
        new.replace(file)
    except OSError as error:
        log.warning("%s cannot be written: %s; what was learnt is lost with the server", file.name, error.strerror)


def rows(learnt: Mapping[str, Learnt]) -> list[dict[str, Any]]:
    """A row for each kind of work: joules a unit, intervals learnt from, the error of the engine's predictions."""
    return [
        {
            "engine": engine,
            "kind": kind,
            "joules_per_unit": rate,
            "intervals": round(one.seen),
            "error_pct": one.error_pct,
        }
        for engine, one in sorted(learnt.items())
        for kind, rate in sorted(one.rates.items())
    ]


def _sane(one: Learnt) -> bool:
    """A rate of zero could never grow again, and one without end would take everything."""
    numbers = (one.seen, one.metered_j, one.missed_j)
    return all(0.0 < rate < 1e12 for rate in one.rates.values()) and all(0.0 <= value < 1e15 for value in numbers)
