"""WHO: API keys, from the text in a header to the Caller it stands for.

A key is `sk-ow-` + a public id (10 characters) + a secret (43 characters, 256 random bits), in base 62. The database
holds an HMAC-SHA-256 of it under the server's own secret: with that many random bits a slow password hash adds
nothing, and without the secret a stolen database names no key. Finding is by id, so only the compare, which takes the
same time whatever it is given, touches the secret part.
"""

import hmac
import logging
import os
import secrets
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from omniwatt.contract.error import NotAuthenticated, NotFound
from omniwatt.contract.job import Caller, Limits
from omniwatt.database import Database

log = logging.getLogger("omniwatt.auth")

PREFIX = "sk-ow-"
ID_CHARACTERS = 10
SECRET_CHARACTERS = 43
ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
POLL_S = 0.5
"""How old the view of what other processes changed may be."""
USED_S = 60.0
"""How exact `last_used_at` is."""
DEMO = "demo"

NO_KEY = (
    "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth "
    "(i.e. Authorization: Bearer YOUR_KEY). You can create one with `omniwatt keys create --name NAME`."
)


class KeyInfo(msgspec.Struct, frozen=True):
    """What may be shown of a key. Times are Unix seconds; `prefix` is its first characters."""

    id: str
    name: str
    prefix: str
    project: str = "default"
    admin: bool = False
    tier: str = "default"
    limits: Limits = Limits()
    created_at: float = 0.0
    expires_at: float | None = None
    revoked_at: float | None = None
    last_used_at: float | None = None


class _Known(msgspec.Struct):
    digest: bytes
    caller: Caller
    expires_at: float
    revoked: bool
    used_at: float


class Keys:
    """All keys. SQLite is the truth; each process holds a view of it that is at most POLL_S old. Thread-safe enough:
    the view is replaced whole, never changed in place."""

    def __init__(self, database: Database, home: Path, clock: Callable[[], float] = time.time) -> None:
        """`home/secret` is made when missing. `clock` gives Unix seconds."""
        self._database = database
        self._home = home
        self._clock = clock
        self._secret = _server_secret(home / "secret")
        self._known: dict[str, _Known] = {}
        self._version = -1
        self._polled_at = 0.0
        self.on_delete: list[Callable[[str], None]] = []
        """Called with a deleted key's id, in the process that deleted it and in those that notice."""
        self._refresh()

    def create(
        self,
        name: str,
        *,
        project: str = "default",
        admin: bool = False,
        tier: str = "default",
        limits: Limits = Limits(),  # noqa: B008 - frozen
        expires_at: float | None = None,
    ) -> tuple[str, KeyInfo]:
        """Make a key; the text is returned here and never again."""
        key_id = _random(ID_CHARACTERS)
        key = PREFIX + key_id + _random(SECRET_CHARACTERS)
        info = KeyInfo(key_id, name, key[: len(PREFIX) + 4], project, admin, tier, limits, self._clock(), expires_at)
        packed = msgspec.json.encode(limits).decode()
        self._database.write(
            "INSERT INTO keys (id, name, prefix, project, admin, tier, limits, created_at, expires_at, digest)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (key_id, name, info.prefix, project, admin, tier, packed, info.created_at, expires_at, self._digest(key)),
        )
        self._refresh()
        return key, info

    def list(self) -> "list[KeyInfo]":
        """All keys, revoked ones too, oldest first."""
        rows = self._database.read("SELECT * FROM keys ORDER BY created_at, id")
        return [_info(dict(row)) for row in rows]

    def revoke(self, key_id: str) -> None:
        """From now on (elsewhere: within a second) the key is refused; its records stay. Raises NotFound."""
        sql = "UPDATE keys SET revoked_at = coalesce(revoked_at, ?) WHERE id = ?"
        if not self._database.write(sql, (self._clock(), key_id)):
            raise NotFound(f"No key with id '{key_id}'.")
        self._refresh()

    def delete(self, key_id: str) -> None:
        """Forget the key and, through `on_delete`, what was stored under it. Its ledger rows stay. Raises NotFound."""
        if not self._database.write("DELETE FROM keys WHERE id = ?", (key_id,)):
            raise NotFound(f"No key with id '{key_id}'.")
        self._refresh()

    def caller(self, key: str | None) -> Caller:
        """Whose key this is. Raises NotAuthenticated, in OpenAI's words; never repeats the key."""
        now = self._clock()
        if not 0 <= now - self._polled_at < POLL_S:
            self._refresh()
        if not key:
            raise NotAuthenticated(NO_KEY)
        known = self._known.get(key[len(PREFIX) : len(PREFIX) + ID_CHARACTERS])
        # A key nobody issued costs as much time as one that is nearly right.
        digest = self._digest(key)
        if known is None or not hmac.compare_digest(digest, known.digest):
            raise NotAuthenticated(_incorrect(key))
        if known.revoked:
            raise NotAuthenticated(f"The API key {_shown(key)} has been revoked.")
        if known.expires_at <= now:
            raise NotAuthenticated(f"The API key {_shown(key)} has expired.")
        if now - known.used_at > USED_S:
            self._used(known, now)
        return known.caller

    def caller_of(self, key_id: str) -> Caller:
        """Who a key stands for, by its id: for what was derived from it. Raises NotAuthenticated."""
        now = self._clock()
        if not 0 <= now - self._polled_at < POLL_S:
            self._refresh()
        known = self._known.get(key_id)
        if known is None or known.revoked or known.expires_at <= now:
            raise NotAuthenticated("The API key this was made with is no longer valid.")
        return known.caller

    def demo_key(self) -> str:
        """The key in `home/run/demo.key`, which only this user can read; made anew when it is missing or refused."""
        path = self._home / "run" / "demo.key"
        try:
            key = path.read_text(encoding="ascii").strip()
            self.caller(key)
        except (OSError, UnicodeDecodeError, NotAuthenticated):
            for old in self.list():
                if old.project == DEMO and old.name == DEMO and old.revoked_at is None:
                    self.revoke(old.id)
            key, _ = self.create(DEMO, project=DEMO)
            _write_private(path, key + "\n")
        return key

    def _digest(self, key: str) -> bytes:
        return hmac.digest(self._secret, key.encode("utf-8", "replace"), "sha256")

    def _used(self, known: _Known, now: float) -> None:
        known.used_at = now
        self._database.later("UPDATE keys SET last_used_at = ? WHERE id = ?", (now, known.caller.key_id))

    def _refresh(self) -> None:
        """Read all keys again if their version has changed."""
        self._polled_at = self._clock()
        version = self._database.read("SELECT value FROM counters WHERE name = 'keys'")[0][0]
        if version == self._version:
            return
        rows = self._database.read("SELECT * FROM keys")
        gone, self._known = self._known, {row["id"]: _known(dict(row)) for row in rows}
        self._version = version
        for key_id in gone.keys() - self._known.keys():
            for erase in self.on_delete:
                erase(key_id)


def _known(row: "dict[str, object]") -> _Known:
    info = _info(row)
    return _Known(
        digest=bytes(row["digest"]),  # type: ignore[call-overload]
        caller=Caller(info.id, info.name, info.project, info.admin, info.tier, info.limits),
        expires_at=float("inf") if info.expires_at is None else info.expires_at,
        revoked=info.revoked_at is not None,
        used_at=info.last_used_at or 0.0,
    )


def _info(row: "dict[str, object]") -> KeyInfo:
    limits = msgspec.json.decode(str(row["limits"]), type=Limits)
    return msgspec.convert({**row, "limits": limits}, KeyInfo, strict=False)


def _random(characters: int) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(characters))


def _incorrect(key: str) -> str:
    return (
        f"Incorrect API key provided: {_shown(key)}. "
        "You can list your keys with `omniwatt keys list` and create one with `omniwatt keys create --name NAME`."
    )


def _shown(key: str) -> str:
    """Enough of a key to tell it from one's other keys, and no more."""
    if len(key) < 20 or not key.isascii() or not key.isprintable():
        return "***"
    return f"{key[:8]}***{key[-2:]}"


class SecretError(ValueError):
    """The server's secret cannot be what it was: no key could be recognised with it."""


def _server_secret(path: Path) -> bytes:
    """32 bytes only this user can read. Two processes that start at once agree on one."""
    try:
        secret = path.read_bytes()
    except FileNotFoundError:
        _write_private(path, secrets.token_hex(32), keep=True)
        secret = path.read_bytes()
    if len(secret) != 64:
        raise SecretError(f"{path} is damaged: restore it from a backup, or remove it and create all keys anew")
    if path.stat().st_mode & 0o077:
        log.warning("%s could be read by other users; it is now private, but its keys may be known", path)
        path.chmod(0o600)
    return secret


def _write_private(path: Path, text: str, *, keep: bool = False) -> None:
    """Write a 0600 file in one step; with `keep`, an existing one stays."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(text)
            file.flush()
            os.fsync(handle)
        if keep:
            try:
                os.link(temporary, path)
            except FileExistsError:
                return
        else:
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
