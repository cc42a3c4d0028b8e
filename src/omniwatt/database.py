"""SQLite behind one writer thread: quick reads anywhere, durable writes on demand, cheap batched writes for the rest.

`write` returns when its row would survive a power cut (its commit is fsynced). `later` returns at once: its row is
on disk, safe from a killed process, at most FLUSH_S later, and safe from a power cut at the next checkpoint. For
these, `synchronous=NORMAL` is right: a WAL database is never corrupted by it, only its newest rows may be missing.
"""

import atexit
import logging
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from functools import lru_cache
from itertools import chain, groupby
from pathlib import Path
from typing import Any, Self

from omniwatt import schema

log = logging.getLogger("omniwatt.database")

FLUSH_S = 0.25
"""How long a `later` row may wait for company."""
BATCH_ROWS = 2000
QUEUE_ROWS = 50_000
"""Above this the database is `congested`, and nobody should start work that needs a row."""
CLOSE_S = 10.0
"""How long `close` tries to get the last rows onto a disk that refuses them."""
ROWS = "VALUES (?rows)"
"""In a `later` statement, stands for as many rows as wait: one statement then writes them all."""

Args = Sequence[Any]
Statement = tuple[str, Args]


class DatabaseError(Exception):
    """The database cannot be opened or written; the message says why."""


class _Task:
    """One or more statements that succeed or fail together; `done` is None when nobody waits."""

    __slots__ = ("done", "parts", "statements")

    def __init__(
        self, statements: Sequence[Statement], done: "Future[int] | None" = None, parts: "Iterable[_Task]" = ()
    ) -> None:
        self.statements = statements
        self.done = done
        self.parts = parts
        """The tasks that this one joins; they are done one by one should it fail."""


class Database:
    """One file, mode 0600, schema up to date. Thread-safe. A context manager: closing writes what is queued."""

    def __init__(self, path: Path) -> None:
        """Raises DatabaseError, or SchemaError for a database of a newer version."""
        self.path = path
        self._local = threading.local()
        self._readers: list[sqlite3.Connection] = []
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._tasks: list[_Task] = []
        self._urgent = False
        self._closing = False
        self.on_close: list[Callable[[], None]] = []
        """Called before the file is let go, so that those who write now and then can stop."""
        self._writer = self._open()
        self._thread = threading.Thread(target=self._run, name="omniwatt-database", daemon=True)
        self._thread.start()
        # The thread must not keep a process alive, yet a process that ends without `close` must not lose rows.
        atexit.register(self.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def congested(self) -> bool:
        """True while so many rows wait for the disk that no more work should be taken on."""
        return len(self._tasks) >= QUEUE_ROWS

    def read(self, sql: str, args: Args = ()) -> list[sqlite3.Row]:
        """Rows of a quick, indexed query; sees everything committed, not what is still queued by `later`."""
        rows: list[sqlite3.Row] = self._reader().execute(sql, args).fetchall()
        return rows

    def write(self, sql: str, args: Args = ()) -> int:
        """Do one statement; durable on return. Gives the number of rows it touched. Raises sqlite3.Error."""
        return self.write_all([(sql, args)])

    def write_all(self, statements: Sequence[Statement]) -> int:
        """Do all or none; durable on return. Gives the rows touched in all. Raises sqlite3.Error."""
        done: Future[int] = Future()
        with self._changed:
            if self._closing:
                raise DatabaseError(f"{self.path} is closed")
            self._tasks.append(_Task(statements, done))
            self._urgent = True
            self._changed.notify()
        return done.result()

    def later(self, sql: str, args: Args = ()) -> None:
        """Queue one statement; it is done within FLUSH_S, in order, and before `close` returns."""
        task = _Task(((sql, args),))
        with self._changed:
            if self._closing:
                raise DatabaseError(f"{self.path} is closed")
            waiting = len(self._tasks)
            if waiting >= 2 * QUEUE_ROWS:
                raise DatabaseError(f"{waiting} rows wait for {self.path}: the disk does not take them")
            self._tasks.append(task)
            if waiting in (0, BATCH_ROWS):
                self._changed.notify()

    def flush(self) -> None:
        """Return when all that was queued before is committed."""
        self.write_all([])

    def close(self) -> None:
        """Write what is queued, then let go of the file. Safe to call twice."""
        while self.on_close:
            self.on_close.pop()()
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join()
        atexit.unregister(self.close)
        with self._lock:
            readers, self._readers = self._readers, []
        for reader in readers:
            reader.close()

    def _open(self) -> sqlite3.Connection:
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.close(os.open(self.path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
            connection = self._connect()
            try:
                _until_unlocked(lambda: connection.execute("PRAGMA journal_mode = WAL"))
                schema.migrate(connection)
            except BaseException:
                connection.close()
                raise
        except (OSError, sqlite3.Error) as error:
            raise DatabaseError(f"cannot open the database {self.path}: {error}") from error
        return connection

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=10.0, isolation_level=None, check_same_thread=False)
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA foreign_keys = ON")
        return connection

    def _reader(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            if self._closing:
                raise DatabaseError(f"{self.path} is closed")
            connection = self._local.connection = self._connect()
            connection.execute("PRAGMA query_only = ON")
            with self._lock:
                self._readers.append(connection)
        return connection

    def _run(self) -> None:
        try:
            while tasks := self._take():
                self._work(tasks)
        finally:
            self._writer.close()

    def _take(self) -> list[_Task]:
        """Wait for tasks, give later ones time to gather, and take them all; empty when closed and done."""
        with self._changed:
            self._changed.wait_for(lambda: self._tasks or self._closing)
            self._changed.wait_for(
                lambda: self._urgent or self._closing or len(self._tasks) > BATCH_ROWS, timeout=FLUSH_S
            )
            tasks, self._tasks, self._urgent = self._tasks, [], False
            return tasks

    def _work(self, tasks: list[_Task]) -> None:
        """Commit all tasks; those that nobody waits for are kept until the disk takes them."""
        deadline: float | None = None
        while tasks:
            try:
                self._commit(tasks)
                return
            except sqlite3.Error as error:
                log.error("cannot write %d rows to %s: %s", len(tasks), self.path, error)
                tasks = _refuse(tasks, error)
            with self._changed:
                if self._closing and deadline is None:
                    deadline = time.monotonic() + CLOSE_S
                if deadline is not None and time.monotonic() >= deadline:
                    log.critical("%d rows could not be written to %s and are lost", len(tasks), self.path)
                    return
                self._changed.wait(timeout=0.5)
                # What came meanwhile goes behind, so that the order holds.
                tasks, self._tasks, self._urgent = tasks + self._tasks, [], False

    def _commit(self, tasks: list[_Task]) -> None:
        """One transaction for all; a task that is wrong in itself fails alone. Raises sqlite3.Error on a bad disk."""
        durable = any(task.done is not None and task.statements for task in tasks)
        self._writer.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
        self._writer.execute("BEGIN IMMEDIATE")
        try:
            outcomes = [(task, self._do(task)) for task in _merged(tasks)]
            self._writer.execute("COMMIT")
        except BaseException:
            if self._writer.in_transaction:
                self._writer.execute("ROLLBACK")
            raise
        for task, outcome in outcomes:
            _tell(task, outcome)

    def _do(self, task: _Task) -> int | Exception:
        """Rows touched, or what is wrong with the task; raises what is wrong with the disk."""
        outcome = self._attempt(task.statements)
        if isinstance(outcome, Exception) and task.parts:
            for part in task.parts:
                _tell(part, self._attempt(part.statements))
            return 0
        return outcome

    def _attempt(self, statements: Sequence[Statement]) -> int | Exception:
        touched = 0
        self._writer.execute("SAVEPOINT task")
        try:
            for sql, args in statements:
                touched += max(0, self._writer.execute(sql, args).rowcount)
        except (sqlite3.Error, ValueError, TypeError, OverflowError) as error:
            if _is_the_disk(error):
                raise
            self._writer.execute("ROLLBACK TO task")
            return error
        finally:
            if self._writer.in_transaction:
                self._writer.execute("RELEASE task")
        return touched


def _is_the_disk(error: Exception) -> bool:
    """Whether it is the file that failed (full, locked, unreadable), not the statement or its values."""
    if isinstance(
        error, sqlite3.IntegrityError | sqlite3.ProgrammingError | sqlite3.InterfaceError | sqlite3.DataError
    ):
        return False
    return isinstance(error, sqlite3.Error) and getattr(error, "sqlite_errorcode", None) != sqlite3.SQLITE_ERROR


def _merged(tasks: Sequence[_Task]) -> Iterator[_Task]:
    """Join neighbours that insert into the same table, so that one step of SQLite writes them.

    Each step gives up the interpreter lock and has to win it back from a busy event loop: a row a step would crawl.
    """
    for sql, group in groupby(tasks, key=_joinable):
        if sql is None:
            yield from group
            continue
        rows = [task.statements[0][1] for task in group]
        while rows:
            take = next(size for size in (256, 16, 1) if size <= len(rows))
            chunk, rows = rows[:take], rows[take:]
            yield _Task((_joined(sql, chunk),), None, (_Task((_joined(sql, [row]),)) for row in chunk))


def _joined(sql: str, rows: Sequence[Args]) -> Statement:
    return _for_rows(sql, len(rows), len(rows[0])), list(chain.from_iterable(rows))


@lru_cache(maxsize=16)
def _for_rows(sql: str, rows: int, columns: int) -> str:
    """The text is made once: while it is made, and parsed, nothing else runs."""
    row = "(" + ",".join("?" * columns) + ")"
    return sql.replace(ROWS, "VALUES " + ",".join([row] * rows))


def _joinable(task: _Task) -> str | None:
    if task.done is None and len(task.statements) == 1 and ROWS in task.statements[0][0]:
        return task.statements[0][0]
    return None


def _tell(task: _Task, outcome: int | Exception) -> None:
    if isinstance(outcome, int):
        if task.done is not None:
            task.done.set_result(outcome)
    elif task.done is not None:
        task.done.set_exception(outcome)
    else:
        log.error("a row was refused by the database: %s", outcome)


def _refuse(tasks: list[_Task], error: sqlite3.Error) -> list[_Task]:
    """Tell those who wait that the disk failed; what is left nobody waits for."""
    for task in tasks:
        if task.done is not None:
            task.done.set_exception(error)
    return [task for task in tasks if task.done is None]


def _until_unlocked(change: Callable[[], object], limit_s: float = 10.0) -> None:
    """Repeat a change that SQLite refuses outright, without waiting, while another process makes the same one."""
    deadline = time.monotonic() + limit_s
    while True:
        try:
            change()
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
