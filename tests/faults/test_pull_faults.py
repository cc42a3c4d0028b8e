"""What a pull survives: wrong bytes, a full disk, a kill, a Ctrl-C, another pull at the same time."""

import errno
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, NoReturn

import pytest

from omniwatt.catalog.card import Artifact
from omniwatt.catalog.child import Stopped, Watch, run
from omniwatt.catalog.error import NoSpace, Unavailable, WrongHash
from omniwatt.catalog.pull import PullEvent, pull
from omniwatt.catalog.source import Part
from omniwatt.catalog.store import Store
from tests.unit.catalog.making import artifact, card, put

DATA = bytes(range(256)) * 4096


def _files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.suffix != ".lock")


def _sources(tmp_path: Path, parts: int, data: bytes = DATA) -> str:
    """The data cut into files of a folder; ranges make one source of them."""
    size = -(-len(data) // parts)
    for index in range(parts):
        (tmp_path / f"piece{index:02}").write_bytes(data[index * size : (index + 1) * size])
    return f"file:{tmp_path}/piece{{00..{parts - 1:02}}}"


def test_with_everything_present_nothing_is_started_and_nothing_connected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, one = Store(tmp_path), artifact(DATA)
    put(store, card(one), one, DATA)

    def forbidden(*_: Any, **__: Any) -> NoReturn:
        raise AssertionError("the network, or a child process")

    monkeypatch.setattr(subprocess, "Popen", forbidden)
    monkeypatch.setattr(socket, "socket", forbidden)
    monkeypatch.setattr(socket, "getaddrinfo", forbidden)
    events: list[PullEvent] = []
    pull(store, card(one), events.append)
    assert [(event.state, event.done_bytes) for event in events] == [("present", len(DATA))]


def test_a_file_used_where_it_lay_that_is_gone(tmp_path: Path) -> None:
    gone = Artifact(role="model", file="x.gguf", path=str(tmp_path / "x.gguf"))
    with pytest.raises(Unavailable, match=r"there is no file .*x\.gguf"):
        pull(Store(tmp_path / "home"), card(gone))


def test_bytes_another_card_has_are_linked_not_fetched(tmp_path: Path) -> None:
    store, one = Store(tmp_path), artifact(DATA)
    put(store, card(one), one, DATA)
    pull(store, card(one, name="second"))
    assert store.path(card(one, name="second"), one).read_bytes() == DATA


@pytest.mark.parametrize("wrong", [DATA[:-1] + b"\0", DATA[:-1], DATA + b"\0", b""])
def test_wrong_bytes_are_deleted_reported_and_never_used(tmp_path: Path, wrong: bytes) -> None:
    (tmp_path / "evil").write_bytes(wrong)
    store, one = Store(tmp_path / "home"), artifact(DATA, f"file:{tmp_path}/evil")
    with pytest.raises((WrongHash, Unavailable), match=r"wrong bytes, deleted|longer than"):
        pull(store, card(one))
    assert not store.has_blob(one)
    assert [name for name in _files(store.root) if "evil" in name or name.startswith(("thing", "blobs/"))] == []
    held = [path for path in store.partial.rglob("*") if path.is_file() and path.suffix != ".lock"]
    assert held == []


def test_after_wrong_bytes_the_next_source_is_tried(tmp_path: Path) -> None:
    (tmp_path / "evil").write_bytes(b"\0" * len(DATA))
    (tmp_path / "good").write_bytes(DATA)
    store, one = Store(tmp_path / "home"), artifact(DATA, f"file:{tmp_path}/evil", f"file:{tmp_path}/good")
    events: list[PullEvent] = []
    pull(store, card(one), events.append)
    assert store.path(card(one), one).read_bytes() == DATA
    assert [event.source for event in events if event.state == "failed"] == [f"file:{tmp_path}/evil"]


def test_a_wrong_part_spoils_the_whole_source(tmp_path: Path) -> None:
    source = _sources(tmp_path, 4)
    (tmp_path / "piece02").write_bytes(b"short")
    store, one = Store(tmp_path / "home"), artifact(DATA, source)
    with pytest.raises(WrongHash):
        pull(store, card(one))
    assert not store.has_blob(one)


def test_too_little_room_is_said_before_anything_is_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("omniwatt.catalog.store.free_bytes", lambda _: 1000)
    store, one = Store(tmp_path / "home"), artifact(DATA, _sources(tmp_path, 2))
    with pytest.raises(NoSpace, match=r"needs [\d,]+ bytes free"):
        pull(store, card(one))
    assert not any(path.is_file() and path.suffix != ".lock" for path in store.root.rglob("*"))


def test_a_disk_that_fills_leaves_nothing_half_written_and_the_next_pull_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from omniwatt.catalog import fetch

    real, full = fetch._copy_file, [True]

    def copy(source: Path, to: Path, *rest: Any) -> None:
        if full[0] and source.name == "piece02":
            to.write_bytes(b"half")
            raise OSError(errno.ENOSPC, "No space left on device", str(to))
        real(source, to, *rest)

    monkeypatch.setattr(fetch, "_copy_file", copy)
    monkeypatch.setattr("omniwatt.catalog.pull.PARALLEL", 1)
    store, one = Store(tmp_path / "home"), artifact(DATA, _sources(tmp_path, 4))
    with pytest.raises(NoSpace, match="disk is full"):
        pull(store, card(one))
    assert not store.has_blob(one)
    kept = [path.name for path in (store.partial / one.sha256).rglob("*") if path.is_file()]
    assert sorted(kept) == ["0000", "0001"]
    full[0] = False
    (tmp_path / "piece00").unlink()
    (tmp_path / "piece01").unlink()
    pull(store, card(one))
    assert store.path(card(one), one).read_bytes() == DATA


def test_a_disk_that_fills_while_joining(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from omniwatt.catalog import pull as pulling

    real, copies = pulling.shutil.copyfileobj, []

    def copy(source: Any, target: Any, size: int) -> None:
        copies.append(source.name)
        if len(copies) == 3:
            target.write(b"half")
            raise OSError(errno.ENOSPC, "No space left on device")
        real(source, target, size)

    monkeypatch.setattr(pulling.shutil, "copyfileobj", copy)
    store, one = Store(tmp_path / "home"), artifact(DATA, _sources(tmp_path, 4))
    with pytest.raises(NoSpace):
        pull(store, card(one))
    for piece in tmp_path.glob("piece*"):
        piece.unlink()
    pull(store, card(one))
    assert store.path(card(one), one).read_bytes() == DATA
    assert [Path(name).name for name in copies] == ["0000", "0001", "0002", "0002", "0003"]


SLOW = """
import os, sys, time
from pathlib import Path
from omniwatt.catalog import fetch
from omniwatt.catalog.error import PullError
from omniwatt.catalog.pull import pull
from omniwatt.catalog.store import Store
from tests.unit.catalog.making import artifact, card

home, source, delay_s = Path(sys.argv[1]), sys.argv[2], float(sys.argv[3])
real = fetch._copy_file
def say(line):
    os.write(1, (line + "\\n").encode())
def slow(file, to, limit_bytes, grew, stop):
    say("fetching " + file.name)
    until_s = time.monotonic() + delay_s
    while time.monotonic() < until_s and not stop.is_set():
        time.sleep(0.01)
    real(file, to, limit_bytes, grew, stop)
fetch._copy_file = slow
data = bytes(range(256)) * 4096
pull(Store(home), card(artifact(data, source)), lambda event: say(event.state))
"""


def _slow(home: Path, source: str, delay_s: float) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", SLOW, str(home), source, str(delay_s)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=Path.cwd())


def _until(folder: Path, count: int) -> None:
    """Wait until this many parts have been kept."""
    for _ in range(1000):
        if sum(path.name.isdigit() for path in folder.rglob("00*") if path.is_file()) >= count:
            return
        time.sleep(0.01)
    raise AssertionError(f"no {count} parts in {_files(folder)}")


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGINT])
def test_a_pull_that_was_killed_goes_on_where_it_was(tmp_path: Path, sign: signal.Signals) -> None:
    store, source = Store(tmp_path / "home"), _sources(tmp_path, 12)
    one = artifact(DATA, source)
    with _slow(store.home, source, 0.3) as first:
        _until(store.home, 4)
        first.send_signal(sign)
        sent_s = time.monotonic()
        first.communicate(timeout=10)
        assert time.monotonic() - sent_s < 2.0
        assert first.returncode != 0
    assert not store.has_blob(one)
    before = {path.name for path in (store.partial / one.sha256).rglob("00*") if path.is_file() and path.name.isdigit()}
    with _slow(store.home, source, 0.0) as second:
        out, problems = second.communicate(timeout=30)
    assert (second.returncode, problems) == (0, "")
    fetched = {line.split()[1] for line in out.splitlines() if line.startswith("fetching p")}
    assert len(before) >= 4
    assert fetched.isdisjoint({f"piece{name[-2:]}" for name in before})
    assert store.path(card(one), one).read_bytes() == DATA
    assert [name for name in _files(store.partial) if name.startswith("scratch")] == []


def test_two_pulls_at_once_fetch_once(tmp_path: Path) -> None:
    store, source = Store(tmp_path / "home"), _sources(tmp_path, 8)
    one = artifact(DATA, source)
    both = [_slow(store.home, source, 0.15) for _ in range(2)]
    outs = [process.communicate(timeout=30) for process in both]
    assert [process.returncode for process in both] == [0, 0], outs
    pieces = [line for out, _ in outs for line in out.splitlines() if line.startswith("fetching p")]
    assert sorted(pieces) == [f"fetching piece{index:02}" for index in range(8)]
    assert sum("waiting" in out for out, _ in outs) == 1
    assert all(out.splitlines()[-1] == "done" for out, _ in outs)
    assert store.path(card(one), one).read_bytes() == DATA


def test_a_pull_can_be_stopped_from_another_thread_while_it_waits(tmp_path: Path) -> None:
    import filelock

    store, one, stop = Store(tmp_path / "home"), artifact(DATA, _sources(tmp_path, 1)), threading.Event()
    store.create()
    with filelock.FileLock(store.partial / f"{one.sha256}.lock"):
        threading.Timer(0.2, stop.set).start()
        with pytest.raises(Stopped):
            pull(store, card(one), stop=stop)


def _watch(**changes: Any) -> Watch:
    return Watch(**{"stop": threading.Event(), "grew": lambda _: None, "limit_bytes": 1 << 20, **changes})


def test_a_client_that_stalls_is_ended(tmp_path: Path) -> None:
    started_s = time.monotonic()
    with pytest.raises(Unavailable, match="no byte came"):
        run(["sleep", "60"], tmp_path, {"PATH": os.defpath}, _watch(stall_s=0.3))
    assert time.monotonic() - started_s < 5


def test_a_client_that_sends_too_much_is_ended_with_its_children(tmp_path: Path) -> None:
    endless = "while :; do head -c 200000 /dev/zero >> f; sleep 0.01; done"
    with pytest.raises(Unavailable, match="more than"):
        run(["sh", "-c", f"({endless}) & wait"], tmp_path, {"PATH": os.defpath}, _watch())
    size = (tmp_path / "f").stat().st_size
    time.sleep(0.1)
    assert (tmp_path / "f").stat().st_size == size


def test_only_the_end_of_what_a_client_says_is_kept(tmp_path: Path) -> None:
    command = ["sh", "-c", "head -c 300000 /dev/zero | tr '\\0' x; echo; echo the end >&2; exit 3"]
    status, output = run(command, tmp_path, {"PATH": os.defpath}, _watch())
    assert status == 3
    assert output.endswith("the end")
    assert len(output) <= 8000


def test_a_full_disk_that_only_the_client_saw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from omniwatt.catalog import child
    from omniwatt.catalog.fetch import Fetcher

    complaint = "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device"
    monkeypatch.setattr(child, "run", lambda *_: (1, complaint))
    fetcher = Fetcher(tmp_path, threading.Event(), 1 << 20)
    with pytest.raises(NoSpace, match="pypi:a==1"):
        fetcher.fetch(Part("pypi", "a", "1", "x"), tmp_path / "out", 10, lambda _: None)
    assert list(tmp_path.iterdir()) == []
