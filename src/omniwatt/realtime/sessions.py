"""Who has which sessions open, and a row for each: how long it lived, what it did, how well it was guessed."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict

from omniwatt import settings
from omniwatt.contract.error import RateLimited
from omniwatt.contract.job import Caller
from omniwatt.database import Database
from omniwatt.realtime.tally import Tally

RETRY_S = 5.0


class Sessions:
    """Lives on one event loop. Sessions a killed server left open are `lost`."""

    def __init__(self, database: Database, limits: settings.Realtime, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._limits = limits
        self._clock = clock
        self._open: dict[str, Tally] = {}
        self._by_key: Counter[str] = Counter()
        self._ended = Tally()
        database.write("UPDATE sessions SET state = 'lost' WHERE state = 'open'")

    @contextmanager
    def place(self, caller: Caller) -> Iterator[None]:
        """One of the key's sessions. Raises RateLimited when all are taken."""
        most = self._limits.sessions_per_key
        if self._by_key[caller.key_id] >= most:
            raise RateLimited(
                f"This key has {most} realtime sessions open, and may have no more.",
                retry_after_s=RETRY_S,
                details={"limit": "concurrent", "maximum": most},
            )
        self._by_key[caller.key_id] += 1
        try:
            yield
        finally:
            self._by_key[caller.key_id] -= 1
            if not self._by_key[caller.key_id]:
                del self._by_key[caller.key_id]

    @contextmanager
    def open(self, session_id: str, caller: Caller, model: str, tally: Tally) -> Iterator[None]:
        """A session's life, with its row at the beginning and at the end."""
        self._open[session_id] = tally
        self._database.later(
            "INSERT INTO sessions VALUES (?, ?, ?, ?, ?, NULL, 'open', 0, 0, 0, 0, 0, 0)",
            (session_id, caller.key_id, caller.project, model, self._clock()),
        )
        try:
            yield
        finally:
            del self._open[session_id]
            self._ended += tally
            self._database.later(
                "UPDATE sessions SET ended_at = ?, state = 'done', turns = ?, responses = ?, guesses = ?,"
                " guesses_right = ?, guesses_wrong = ?, turns_missed = ? WHERE id = ?",
                (
                    self._clock(),
                    tally.turns,
                    tally.responses,
                    tally.guesses,
                    tally.right,
                    tally.wrong,
                    tally.missed,
                    session_id,
                ),
            )

    def counts(self) -> dict[str, int]:
        """`open` now, and what all sessions of this process did."""
        return {"open": len(self._open)} | asdict(sum(self._open.values(), self._ended))
