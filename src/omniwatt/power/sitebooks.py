"""What a site must not forget: what each node may be drawing, the floors it keeps, and which numbers it used.

The file holds an upper bound, so it is only written when somebody is lent more than it says; a floor that changed is
brought to the disk before it counts. It is written before the lease is given away: whoever reads it after a crash
knows at least all that is lent.
"""

import asyncio
import os
import time
from pathlib import Path

import msgspec

from omniwatt.power.budget import BLOCK, TTL_S, Books, Kept, Name, Number, reopened

MOST_BYTES = 1 << 20


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """As it is written. No grant has a number above `upto`."""

    upto: Number
    nodes: dict[Name, Kept]


class SiteBooks:
    """The file, and what is known to stand in it."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._written = _File(0, {})

    def open(self, now_s: float, ttl_s: float = TTL_S) -> Books:
        """The books as a site that is started (again) has them."""
        found = self._read()
        if found is None:
            # Seconds since 1970 are more than a site has ever granted blocks in.
            last = int(time.time()) * BLOCK
            self._written = _File(last, {})
            return reopened(None, last, now_s, ttl_s)
        self._written = found
        return reopened(found.nodes, found.upto, now_s, ttl_s)

    async def keep(self, books: Books, now_s: float, *, whole: bool = False) -> None:
        """Have the file say at least what the books say; `whole`: exactly that. Raises OSError."""
        kept, before = books.kept(now_s), self._written
        floors = {name: one.floor_w for name, one in kept.items()}
        same_floors = floors == {name: one.floor_w for name, one in before.nodes.items()}
        bounded = same_floors and all(one.watts <= before.nodes[name].watts for name, one in kept.items())
        # While it is not known what was lent before, the want of a file is what says so.
        if now_s < books.settled_s or (bounded and books.last <= before.upto and not whole):
            return
        after = _File(books.last + BLOCK, kept)
        await asyncio.to_thread(self._write, after, firmly=not same_floors)
        self._written = after

    def _read(self) -> _File | None:
        try:
            if self._file.stat().st_size > MOST_BYTES:
                return None
            return msgspec.json.decode(self._file.read_bytes(), type=_File)
        except (OSError, msgspec.MsgspecError):
            return None

    def _write(self, after: _File, *, firmly: bool) -> None:
        new = self._file.with_suffix(".new")
        with new.open("wb") as file:
            file.write(msgspec.json.encode(after))
            if firmly:
                file.flush()
                os.fsync(file.fileno())
        new.replace(self._file)
