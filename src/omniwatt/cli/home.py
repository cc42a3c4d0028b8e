"""The state folder from the outside: one server at a time, and where the running one listens."""

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import click
import msgspec

from omniwatt.cli.common import short


class Running(msgspec.Struct, frozen=True):
    """What a server writes into its lock file: enough for the client commands to find it."""

    pid: int
    url: str
    started_at: float


def prepare(home: Path) -> Path:
    """Make the state folder (0700) and its run folder; returns the run folder. Raises click.ClickException."""
    run_dir = home / "run"
    try:
        for folder in (home, run_dir):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise click.ClickException(f"cannot make the state folder {short(home)}: {error.strerror}") from error
    return run_dir


@contextlib.contextmanager
def only_server(home: Path, url: str) -> Iterator[None]:
    """Hold the lock of the state folder. Raises click.ClickException naming the process that already does."""
    path = prepare(home) / "serve.lock"
    with _opened(path) as file:
        if not _locked(file):
            raise click.ClickException(_already(home, _read(file)))
        try:
            _write(file, json.dumps({"pid": os.getpid(), "url": url, "started_at": time.time()}))
        except OSError as error:
            raise _unwritable(path, error) from error
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                _write(file, "")


def running(home: Path) -> Running | None:
    """The server that holds this state folder, or None."""
    try:
        file = (home / "run" / "serve.lock").open("r", encoding="utf-8")
    except OSError:
        return None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return _read(file)
        return None


def _opened(path: Path) -> IO[str]:
    try:
        return path.open("a+", encoding="utf-8")
    except OSError as error:
        raise _unwritable(path, error) from error


def _unwritable(path: Path, error: OSError) -> click.ClickException:
    return click.ClickException(f"cannot write {short(path)}: {error.strerror}")


def _locked(file: IO[str], patience_s: float = 0.3) -> bool:
    """Take the lock. `running` holds it for an instant when it looks, hence the patience."""
    until = time.monotonic() + patience_s
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            if time.monotonic() > until:
                return False
            time.sleep(0.02)
        else:
            return True


def _write(file: IO[str], text: str) -> None:
    """Past the file's buffer: what a full disk does not take would come up again as it is closed."""
    os.ftruncate(file.fileno(), 0)
    os.write(file.fileno(), text.encode())


def _read(file: IO[str]) -> Running | None:
    file.seek(0)
    try:
        return msgspec.json.decode(file.read(), type=Running)
    except msgspec.DecodeError:
        return None


def _already(home: Path, other: Running | None) -> str:
    who = f"process {other.pid}, {other.url}" if other else "another process, just starting"
    return (
        f"a server already runs on {short(home)} ({who}).\n"
        "Use that one, stop it first, or give this one its own state folder: OMNIWATT_HOME=/some/where omniwatt serve"
    )
