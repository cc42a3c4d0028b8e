"""Client secrets: keys that live for minutes, made by a server for its pages, with the session they may open.

`ek_` and 256 random bits; the database holds the SHA-256. A secret stands for the key it was made with: its project,
its limits, and its end.
"""

import hashlib
import secrets
import time
from collections.abc import Callable

import msgspec

from omniwatt.auth import Keys
from omniwatt.contract.error import NotAuthenticated
from omniwatt.contract.job import Caller
from omniwatt.database import Database
from omniwatt.realtime.values import SessionSettings

PREFIX = "ek_"
LEAST_S, USUAL_S, MOST_S = 10, 600, 7200


class ClientSecrets:
    """All of them. `clock` gives Unix seconds."""

    def __init__(self, database: Database, keys: Keys, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._keys = keys
        self._clock = clock

    def create(self, caller: Caller, session: SessionSettings, lives_s: int) -> tuple[str, int]:
        """A new secret, told here and never again, and when it ends (Unix seconds)."""
        now = self._clock()
        value = PREFIX + secrets.token_hex(32)
        expires_at = int(now) + lives_s
        self._database.write("DELETE FROM client_secrets WHERE expires_at < ?", (now,))
        self._database.write(
            "INSERT INTO client_secrets VALUES (?, ?, ?, ?, ?)",
            (_digest(value), caller.key_id, now, expires_at, msgspec.json.encode(session)),
        )
        return value, expires_at

    def redeem(self, value: str) -> tuple[Caller, SessionSettings]:
        """Whom a secret stands for, and the session it opens. Raises NotAuthenticated."""
        rows = self._database.read(
            "SELECT key_id, expires_at, session FROM client_secrets WHERE digest = ?", (_digest(value),)
        )
        if not rows or rows[0]["expires_at"] <= self._clock():
            raise NotAuthenticated("The client secret is unknown or has expired.")
        caller = self._keys.caller_of(rows[0]["key_id"])
        return caller, msgspec.json.decode(rows[0]["session"], type=SessionSettings)


def _digest(value: str) -> bytes:
    return hashlib.sha256(value.encode("utf-8", "replace")).digest()
