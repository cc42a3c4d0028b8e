"""The ledger's table: its columns, how a row is written once and for all, and the sums that are asked of it."""

from operator import attrgetter
from typing import Any

import msgspec

from omniwatt.contract.record import Record
from omniwatt.database import ROWS

COLUMNS = (
    "number",
    "id",
    "time",
    "key_id",
    "project",
    "capability",
    "asked",
    "card",
    "model",
    "tier",
    "state",
    "code",
    "status",
    "prompt_tokens",
    "completion_tokens",
    "cached_tokens",
    "audio_tokens",
    "image_tokens",
    "audio_output_tokens",
    "queue_s",
    "first_token_s",
    "total_s",
    "energy_j",
    "method",
    "details",
)
UPSERT = (
    f"INSERT INTO ledger ({', '.join(COLUMNS)}) {ROWS} ON CONFLICT (number) DO UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in COLUMNS[1:])
    # An end is final: nothing that comes after it, by whatever way, changes it.
    + " WHERE ledger.state = 'open'"
)
GROUPS = {
    "key_id": "key_id",
    "project": "project",
    "model": "card",
    "capability": "capability",
    "tier": "tier",
    "state": "state",
    "day": "date(time, 'unixepoch')",
}
_values = attrgetter(*COLUMNS[1:-1])
SUMS = ", ".join(
    ["count(*) AS requests"]
    + [f"sum({name}) AS {name}" for name in COLUMNS if name.endswith("_tokens")]
    + ["total(total_s) AS total_s", "sum(energy_j) AS energy_j"]
)


def row(number: int, record: Record) -> tuple[Any, ...]:
    """The values of COLUMNS."""
    details = msgspec.json.encode(record.details).decode() if record.details else None
    return (number, *_values(record), details)
