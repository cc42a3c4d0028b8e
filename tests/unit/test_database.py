"""The database: what `write` and `later` promise, alone and together."""

import logging
import sqlite3
import stat
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from omniwatt import database as module
from omniwatt.database import FLUSH_S, ROWS, Database, DatabaseError

INSERT = "INSERT INTO counters VALUES (?, ?)"
INSERT_ROWS = f"INSERT INTO counters {ROWS}"


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with Database(tmp_path / "home" / "omniwatt.db") as database:
        yield database


def names(database: Database) -> list[str]:
    return [row["name"] for row in database.read("SELECT name FROM counters WHERE name != 'keys' ORDER BY value")]


def test_only_the_owner_may_read_it(database: Database) -> None:
    database.write(INSERT, ("a", 1))
    for file in database.path.parent.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file.name
    assert stat.S_IMODE(database.path.parent.stat().st_mode) == 0o700


def test_write_tells_how_many_rows_it_touched(database: Database) -> None:
    assert database.write(INSERT, ("a", 1)) == 1
    assert database.write("UPDATE counters SET value = 2") == 2
    assert database.write("DELETE FROM counters WHERE name = 'nobody'") == 0


def test_write_raises_what_is_wrong_and_the_next_one_works(database: Database) -> None:
    database.write(INSERT, ("a", 1))
    with pytest.raises(sqlite3.IntegrityError):
        database.write(INSERT, ("a", 2))
    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        database.write("INSERT INTO nowhere VALUES (1)")
    with pytest.raises(sqlite3.ProgrammingError):
        database.write(INSERT, ("too few",))
    with pytest.raises(UnicodeEncodeError):
        database.write(INSERT, ("\ud800", 2))
    with pytest.raises(OverflowError):
        database.write(INSERT, ("b", 2**64))
    assert database.write(INSERT, ("b", 2)) == 1
    assert names(database) == ["a", "b"]


def test_write_all_does_all_or_nothing(database: Database) -> None:
    with pytest.raises(sqlite3.IntegrityError):
        database.write_all([(INSERT, ("a", 1)), (INSERT, ("a", 2))])
    assert names(database) == []
    assert database.write_all([(INSERT, ("a", 1)), (INSERT, ("b", 2))]) == 2


def test_later_comes_by_itself_within_its_time(database: Database) -> None:
    database.later(INSERT, ("a", 1))
    deadline = time.monotonic() + FLUSH_S + 2.0
    while names(database) != ["a"]:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_order_holds_across_both(database: Database) -> None:
    database.later(INSERT_ROWS, ("a", 1))
    database.later("UPDATE counters SET value = 7 WHERE name = 'a'")
    assert database.write("UPDATE counters SET value = value + 1 WHERE value = 7") == 1
    assert database.read("SELECT value FROM counters WHERE name = 'a'")[0]["value"] == 8


def test_joined_rows_all_arrive_in_order(database: Database) -> None:
    wanted = [f"row {number}" for number in range(700)]
    for number, name in enumerate(wanted):
        database.later(INSERT_ROWS, (name, number))
    database.flush()
    assert names(database) == wanted


def test_a_bad_row_among_joined_ones_is_refused_alone(database: Database, caplog: pytest.LogCaptureFixture) -> None:
    for number in range(300):
        database.later(INSERT_ROWS, ("row 0" if number == 9 else f"row {number}", number))
    database.later(INSERT_ROWS, ("\ud800", 300))
    with caplog.at_level(logging.ERROR):
        database.flush()
    assert names(database) == [f"row {number}" for number in range(300) if number != 9]
    assert [record.message.split(":")[0] for record in caplog.records] == ["a row was refused by the database"] * 2


def test_close_writes_what_is_queued(tmp_path: Path) -> None:
    path = tmp_path / "omniwatt.db"
    database = Database(path)
    for number in range(50):
        database.later(INSERT, (f"row {number}", number))
    database.close()
    database.close()
    with Database(path) as again:
        assert len(names(again)) == 50


def test_closed_means_closed(tmp_path: Path) -> None:
    database = Database(tmp_path / "omniwatt.db")
    database.close()
    with pytest.raises(DatabaseError, match="closed"):
        database.write(INSERT, ("a", 1))
    with pytest.raises(DatabaseError, match="closed"):
        database.later(INSERT, ("a", 1))
    with pytest.raises(DatabaseError, match="closed"):
        database.read("SELECT 1")


def test_those_who_write_now_and_then_are_told_first(tmp_path: Path) -> None:
    database = Database(tmp_path / "omniwatt.db")
    database.on_close.append(lambda: database.later(INSERT, ("last words", 1)))
    database.close()
    with Database(tmp_path / "omniwatt.db") as again:
        assert names(again) == ["last words"]


def test_many_threads_read_and_write(database: Database) -> None:
    def work(who: int) -> None:
        for number in range(20):
            database.write(INSERT, (f"{who}/{number}", who * 20 + number))
            assert database.read("SELECT 1 FROM counters WHERE name = ?", (f"{who}/{number}",))

    threads = [threading.Thread(target=work, args=(who,)) for who in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(names(database)) == 120


def test_a_reader_cannot_write(database: Database) -> None:
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        database.read("DELETE FROM counters")


def test_two_processes_may_write(database: Database) -> None:
    with Database(database.path) as other:
        other.write(INSERT, ("theirs", 2))
        database.write(INSERT, ("ours", 1))
        assert names(other) == names(database) == ["ours", "theirs"]


def test_congestion_is_told_and_bounded(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "QUEUE_ROWS", 10)
    held, go = threading.Event(), threading.Event()

    def slow(tasks: object) -> None:
        held.set()
        go.wait(10)

    monkeypatch.setattr(database, "_commit", slow)
    database.later(INSERT, ("first", 0))
    assert held.wait(5)
    for number in range(20):
        database.later(INSERT, (f"row {number}", number))
        assert database.congested == (number >= 9)
    with pytest.raises(DatabaseError, match="the disk does not take them"):
        database.later(INSERT, ("one too many", 1))
    monkeypatch.undo()
    go.set()
    database.flush()
    assert not database.congested
    assert len(names(database)) == 20


def test_a_path_that_cannot_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DatabaseError, match="cannot open the database"):
        Database(tmp_path / "file" / "omniwatt.db")
    (tmp_path / "broken.db").write_bytes(b"this is not a database, whatever its name says" * 100)
    with pytest.raises(DatabaseError, match="not a database"):
        Database(tmp_path / "broken.db")
