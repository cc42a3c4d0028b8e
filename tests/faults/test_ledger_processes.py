"""What the ledger keeps when its process is killed, told to stop, or simply ends; and when the disk takes no more."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from omniwatt.database import Database
from omniwatt.ledger import Ledger

PRELUDE = """
import os, pathlib, signal, sys, time
from omniwatt.contract.event import Finished, TextDelta, Usage
from omniwatt.contract.job import Caller
from omniwatt.contract.request import DataBody, Request
from omniwatt.database import Database
from omniwatt.ledger import Ledger

ANN = Caller(key_id="k", name="ann", project="red")
database = Database(pathlib.Path(sys.argv[1]))
ledger = Ledger(database)

def one(name, tokens=1):
    with ledger.open(Request(name, "chat", "m", DataBody()), ANN) as entry:
        entry.see(Finished(Usage(completion_tokens=tokens)))

def say(word):
    print(word, flush=True)
"""


@contextmanager
def process(program: str, path: Path) -> Iterator[subprocess.Popen[str]]:
    arguments = [sys.executable, "-c", PRELUDE + program, str(path)]
    child = subprocess.Popen(arguments, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True)
    try:
        yield child
    finally:
        child.kill()
        child.communicate(timeout=10)


def heard(child: subprocess.Popen[str], word: str) -> None:
    assert child.stdout is not None
    assert child.stdout.readline().strip() == word


def states(path: Path) -> dict[str, tuple[str, int]]:
    with Database(path) as database:
        Ledger(database)
        return {row["id"]: (row["state"], row["completion_tokens"]) for row in database.read("SELECT * FROM ledger")}


def test_kill_9_takes_at_most_the_last_second(tmp_path: Path) -> None:
    program = """
for number in range(200):
    one(f"ended {number}")
with ledger.open(Request("running", "chat", "m", DataBody()), ANN) as entry:
    entry.see(TextDelta("x", tokens=7))
    say("busy")
    time.sleep(60)
"""
    path = tmp_path / "omniwatt.db"
    with process(program, path) as child:
        heard(child, "busy")
        time.sleep(1.0)
        child.kill()
        child.wait(10)
    found = states(path)
    assert found.pop("running") == ("lost", 7)
    assert found == {f"ended {number}": ("done", 1) for number in range(200)}


def test_sigterm_takes_nothing(tmp_path: Path) -> None:
    program = """
def stop(*_):
    raise SystemExit(0)
signal.signal(signal.SIGTERM, stop)
with database:
    say("ready")
    sys.stdin.readline()
    for number in range(5000):
        one(f"ended {number}")
    with ledger.open(Request("running", "chat", "m", DataBody()), ANN) as entry:
        entry.see(TextDelta("x", tokens=7))
        say("busy")
        time.sleep(60)
"""
    path = tmp_path / "omniwatt.db"
    with process(program, path) as child:
        heard(child, "ready")
        assert child.stdin is not None
        child.stdin.write("go\n")
        child.stdin.flush()
        heard(child, "busy")
        child.send_signal(signal.SIGTERM)
        assert child.wait(10) == 0
    found = states(path)
    assert found.pop("running") == ("cancelled", 7)
    assert len(found) == 5000
    assert set(found.values()) == {("done", 1)}


def test_a_process_that_forgets_to_close_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "omniwatt.db"
    with process("for number in range(300): one(f'ended {number}')", path) as child:
        assert child.wait(10) == 0
    assert len(states(path)) == 300


def test_a_full_disk_delays_rows_and_refuses_writes_until_there_is_room(tmp_path: Path) -> None:
    """The disk is made full by a limit on the size of files, and given room again."""
    program = """
import resource, sqlite3
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
one("before")
database.flush()
soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (os.path.getsize(sys.argv[1] + "-wal"), hard))
one("meanwhile", 5)
try:
    database.write("INSERT INTO counters VALUES ('x', 1)")
except sqlite3.OperationalError as error:
    say("refused")
assert [row["id"] for row in database.read("SELECT id FROM ledger")] == ["before"]
resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
one("after")
database.flush()
database.write("INSERT INTO counters VALUES ('x', 1)")
database.close()
say("closed")
"""
    path = tmp_path / "omniwatt.db"
    with process(program, path) as child:
        heard(child, "refused")
        heard(child, "closed")
        assert child.wait(10) == 0
    assert states(path) == {"before": ("done", 1), "meanwhile": ("done", 5), "after": ("done", 1)}


def test_another_process_that_holds_the_database_only_delays(tmp_path: Path) -> None:
    program = """
blocker = database._connect()
blocker.execute("BEGIN IMMEDIATE")
one("waits")
say("held")
sys.stdin.readline()
blocker.execute("COMMIT")
blocker.close()
database.close()
say("closed")
"""
    path = tmp_path / "omniwatt.db"
    with process(program, path) as child:
        heard(child, "held")
        with Database(path) as other:
            assert other.read("SELECT count(*) FROM ledger")[0][0] == 0
        assert child.stdin is not None
        child.stdin.write("go\n")
        child.stdin.flush()
        heard(child, "closed")
        assert child.wait(10) == 0
    assert set(states(path)) == {"waits"}
