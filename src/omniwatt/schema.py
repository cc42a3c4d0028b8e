"""The database's tables: small functions applied in order, each once, and recorded.

To change a table, append a function; never edit one that has shipped. A function gets a connection inside a
transaction and calls `execute` once a statement (`executescript` would commit half-way, and is refused by the tests).
"""

import sqlite3
import time
from collections.abc import Callable, Sequence

Migration = Callable[[sqlite3.Connection], None]


class SchemaError(Exception):
    """The database was written by a newer or a foreign version; the message says which and what to do."""


def m001_keys_and_ledger(db: sqlite3.Connection) -> None:
    """Who may call, and what each request cost."""
    db.execute(
        """CREATE TABLE keys (
            id TEXT PRIMARY KEY, name TEXT NOT NULL, project TEXT NOT NULL, prefix TEXT NOT NULL,
            digest BLOB NOT NULL, admin INTEGER NOT NULL, tier TEXT NOT NULL, limits TEXT NOT NULL,
            created_at REAL NOT NULL, expires_at REAL, revoked_at REAL, last_used_at REAL
        ) WITHOUT ROWID"""
    )
    # One small number tells every process that keys changed, without reading them all; `last_used_at` does not count.
    db.execute("CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID")
    db.execute("INSERT INTO counters VALUES ('keys', 1)")
    columns = "name, project, prefix, digest, admin, tier, limits, expires_at, revoked_at"
    for moment, event in (("insert", "INSERT"), ("delete", "DELETE"), ("update", f"UPDATE OF {columns}")):
        db.execute(
            f"CREATE TRIGGER keys_{moment} AFTER {event} ON keys BEGIN"  # noqa: S608 - constants, a few lines up
            " UPDATE counters SET value = value + 1 WHERE name = 'keys'; END"
        )
    db.execute(
        """CREATE TABLE ledger (
            number INTEGER PRIMARY KEY, -- nanoseconds since 1970 at its start, so rows lie in order of time
            id TEXT NOT NULL, time REAL NOT NULL, key_id TEXT NOT NULL, project TEXT NOT NULL,
            capability TEXT NOT NULL, asked TEXT NOT NULL, card TEXT NOT NULL, model TEXT NOT NULL,
            tier TEXT NOT NULL, state TEXT NOT NULL, code TEXT, status INTEGER,
            prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL, cached_tokens INTEGER NOT NULL,
            audio_tokens INTEGER NOT NULL, image_tokens INTEGER NOT NULL,
            queue_s REAL, first_token_s REAL, total_s REAL, energy_j REAL, method TEXT, details TEXT
        )"""
    )
    db.execute("CREATE INDEX ledger_by_key ON ledger (key_id, state, prompt_tokens, completion_tokens)")
    db.execute("CREATE INDEX ledger_by_id ON ledger (id)")
    db.execute("CREATE INDEX ledger_open ON ledger (state) WHERE state = 'open'")


def m002_blobs(db: sqlite3.Connection) -> None:
    """Large and stored bytes; a row is one project's reference to a content. `number` is the order of creation."""
    db.execute(
        """CREATE TABLE blobs (
            number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, sha256 TEXT NOT NULL,
            bytes INTEGER NOT NULL, owner TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL,
            media_type TEXT NOT NULL, purpose TEXT NOT NULL, created_at INTEGER NOT NULL, expires_at INTEGER
        )"""
    )
    db.execute("CREATE INDEX blobs_by_owner ON blobs (owner, kind, number)")
    db.execute("CREATE INDEX blobs_by_size ON blobs (owner, bytes)")
    db.execute("CREATE INDEX blobs_by_content ON blobs (sha256)")
    db.execute("CREATE INDEX blobs_by_expiry ON blobs (expires_at) WHERE expires_at IS NOT NULL")


def m003_responses(db: sqlite3.Connection) -> None:
    """Stored responses with the input items of their own turn; they go with the key that made them."""
    db.execute(
        """CREATE TABLE responses (
            id TEXT PRIMARY KEY, project TEXT NOT NULL, key_id TEXT NOT NULL REFERENCES keys (id) ON DELETE CASCADE,
            previous_id TEXT, created_at INTEGER NOT NULL, expires_at INTEGER NOT NULL,
            response TEXT NOT NULL, items TEXT NOT NULL
        )"""
    )
    db.execute("CREATE INDEX responses_by_key ON responses (key_id)")
    db.execute("CREATE INDEX responses_by_expiry ON responses (expires_at)")
    db.execute(
        """CREATE TABLE response_items (
            id TEXT NOT NULL, response_id TEXT NOT NULL REFERENCES responses (id) ON DELETE CASCADE,
            PRIMARY KEY (id, response_id)
        ) WITHOUT ROWID"""
    )
    db.execute("CREATE INDEX response_items_by_response ON response_items (response_id)")


def m004_spoken_tokens(db: sqlite3.Connection) -> None:
    """Which part of what was generated is sound."""
    db.execute("ALTER TABLE ledger ADD COLUMN audio_output_tokens INTEGER NOT NULL DEFAULT 0")


def m005_spoken_answers(db: sqlite3.Connection) -> None:
    """What spoken answers said, while a conversation may refer to them; they go with the key that made them."""
    db.execute(
        """CREATE TABLE spoken (
            id TEXT PRIMARY KEY, project TEXT NOT NULL, key_id TEXT NOT NULL REFERENCES keys (id) ON DELETE CASCADE,
            expires_at INTEGER NOT NULL, transcript TEXT NOT NULL
        ) WITHOUT ROWID"""
    )
    db.execute("CREATE INDEX spoken_by_key ON spoken (key_id)")
    db.execute("CREATE INDEX spoken_by_expiry ON spoken (expires_at)")


def m006_realtime(db: sqlite3.Connection) -> None:
    """Spoken conversations, and the short-lived keys that pages open them with; these go with what they stand for."""
    db.execute(
        """CREATE TABLE sessions (
            id TEXT PRIMARY KEY, key_id TEXT NOT NULL, project TEXT NOT NULL, model TEXT NOT NULL,
            started_at REAL NOT NULL, ended_at REAL, state TEXT NOT NULL,
            turns INTEGER NOT NULL, responses INTEGER NOT NULL,
            guesses INTEGER NOT NULL, guesses_right INTEGER NOT NULL, guesses_wrong INTEGER NOT NULL,
            turns_missed INTEGER NOT NULL
        ) WITHOUT ROWID"""
    )
    db.execute("CREATE INDEX sessions_by_key ON sessions (key_id, started_at)")
    db.execute(
        """CREATE TABLE client_secrets (
            digest BLOB PRIMARY KEY, key_id TEXT NOT NULL REFERENCES keys (id) ON DELETE CASCADE,
            created_at REAL NOT NULL, expires_at REAL NOT NULL, session BLOB NOT NULL
        ) WITHOUT ROWID"""
    )
    db.execute("CREATE INDEX client_secrets_by_key ON client_secrets (key_id)")
    db.execute("CREATE INDEX client_secrets_by_expiry ON client_secrets (expires_at)")


MIGRATIONS: tuple[Migration, ...] = (
    m001_keys_and_ledger,
    m002_blobs,
    m003_responses,
    m004_spoken_tokens,
    m005_spoken_answers,
    m006_realtime,
)


def migrate(db: sqlite3.Connection, migrations: Sequence[Migration] = MIGRATIONS) -> None:
    """Bring `db` (autocommit) up to date; two processes may do so at once. Raises SchemaError, changing nothing."""
    if len(_applied(db, migrations)) == len(migrations):
        return
    db.execute("BEGIN IMMEDIATE")
    try:
        db.execute(
            "CREATE TABLE IF NOT EXISTS migrations (number INTEGER PRIMARY KEY, name TEXT NOT NULL, at REAL NOT NULL)"
        )
        # Read again under the lock: another process may have been faster.
        for number in range(len(_applied(db, migrations)), len(migrations)):
            migrations[number](db)
            name = _name(migrations[number])
            db.execute("INSERT INTO migrations VALUES (?, ?, ?)", (number + 1, name, time.time()))
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def _applied(db: sqlite3.Connection, migrations: Sequence[Migration]) -> list[str]:
    if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'migrations'").fetchone():
        if db.execute("SELECT 1 FROM sqlite_master WHERE type = 'table'").fetchone():
            raise SchemaError("the database holds tables that omniwatt did not make; move it away and start again")
        return []
    names = [str(row[0]) for row in db.execute("SELECT name FROM migrations ORDER BY number")]
    if len(names) > len(migrations):
        raise SchemaError(
            f"the database was last used by a newer omniwatt (its schema is at step {len(names)}, "
            f"this version knows {len(migrations)}); upgrade omniwatt, or use another OMNIWATT_HOME"
        )
    for name, migration in zip(names, migrations, strict=False):
        if name != _name(migration):
            raise SchemaError(f"the database's step {name} is not this version's {_name(migration)}")
    return names


def _name(migration: Migration) -> str:
    return getattr(migration, "__name__", repr(migration))
