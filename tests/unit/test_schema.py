"""The schema: from nothing, from every earlier step, by several processes at once; newer and foreign ones refused."""

import inspect
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from omniwatt.database import Database
from omniwatt.schema import MIGRATIONS, SchemaError, migrate


def connect(path: Path | str = ":memory:") -> sqlite3.Connection:
    return sqlite3.connect(path, isolation_level=None)


def shape(db: sqlite3.Connection) -> list[tuple[str, str]]:
    return list(db.execute("SELECT name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%' ORDER BY name"))


def test_every_earlier_step_leads_to_the_same_tables() -> None:
    whole = connect()
    migrate(whole)
    wanted = shape(whole)
    whole.close()
    assert {"keys", "ledger", "migrations"} <= {name for name, _ in wanted}
    for steps in range(len(MIGRATIONS)):
        db = connect()
        migrate(db, MIGRATIONS[:steps])
        migrate(db)
        migrate(db)
        assert shape(db) == wanted
        db.close()


def test_steps_are_recorded_in_order() -> None:
    db = connect()
    migrate(db)
    recorded = [tuple(row) for row in db.execute("SELECT number, name FROM migrations ORDER BY number")]
    assert recorded == [(place + 1, step.__name__) for place, step in enumerate(MIGRATIONS)]
    assert [name[:4] for _, name in recorded] == [f"m{place + 1:03}" for place in range(len(MIGRATIONS))]
    db.close()


def test_no_step_can_commit_half_way() -> None:
    for step in MIGRATIONS:
        assert "executescript" not in inspect.getsource(step)


def test_a_newer_database_is_refused_and_untouched(tmp_path: Path) -> None:
    path = tmp_path / "omniwatt.db"
    Database(path).close()
    db = connect(path)
    db.execute("INSERT INTO migrations VALUES (?, 'm999_future', 0)", (len(MIGRATIONS) + 1,))
    before = shape(db)
    with pytest.raises(SchemaError, match="newer omniwatt"):
        Database(path)
    assert shape(db) == before
    db.close()


def test_a_database_of_another_history_is_refused() -> None:
    db = connect()
    migrate(db)
    db.execute("UPDATE migrations SET name = 'm001_something_else' WHERE number = 1")
    with pytest.raises(SchemaError, match="m001_something_else"):
        migrate(db)
    db.close()


def test_a_foreign_database_is_refused() -> None:
    db = connect()
    db.execute("CREATE TABLE photos (id)")
    with pytest.raises(SchemaError, match="did not make"):
        migrate(db)
    db.close()


def test_a_step_that_fails_leaves_nothing_behind() -> None:
    def m001_breaks(db: sqlite3.Connection) -> None:
        db.execute("CREATE TABLE half (id)")
        db.execute("CREATE TABLE half (id)")

    db = connect()
    with pytest.raises(sqlite3.OperationalError, match="half"):
        migrate(db, [m001_breaks])
    assert shape(db) == []
    db.close()


def test_processes_that_start_at_once_agree(tmp_path: Path) -> None:
    program = (
        "import sys, pathlib\nfrom omniwatt.database import Database\nsys.stdin.readline()\n"
        "Database(pathlib.Path(sys.argv[1])).close()"
    )
    path = tmp_path / "omniwatt.db"
    started = [
        subprocess.Popen([sys.executable, "-c", program, path], stdin=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(4)
    ]
    for process in started:
        assert process.stdin is not None
        process.stdin.write(b"go\n")
        process.stdin.flush()
    for process in started:
        _, errors = process.communicate(timeout=30)
        assert process.returncode == 0, errors.decode()
    with Database(path) as database:
        assert len(database.read("SELECT * FROM migrations")) == len(MIGRATIONS)
