"""Fetch a card's artifacts: present already, or from the first source that has the right bytes.

    for card in cards:
        pull(catalog.store, card, report)

`report` is called with a PullEvent, from several threads but never from two at once: first one for each artifact,
then about ten times a second while one is being fetched, and at its end. Nothing is started, and no network is used,
when everything is there. What was fetched before a failure or a Ctrl-C is kept, and the next pull goes on from it.
"""

import hashlib
import json
import shutil
import threading
import time
from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Literal

import filelock
import msgspec

from omniwatt.catalog import store as storing
from omniwatt.catalog.card import Artifact, Card
from omniwatt.catalog.child import Stopped, folder_bytes
from omniwatt.catalog.error import NoSpace, PullError, Skipped, Unavailable, WrongHash
from omniwatt.catalog.fetch import Fetcher, from_os_error, scratch
from omniwatt.catalog.source import Part, parse
from omniwatt.catalog.store import Store

PARALLEL = 4
_REPORT_EVERY_S = 0.1
_RESERVE_BYTES = 32 << 20
_PACKAGE_SPARE_BYTES = 512 << 20


class PullEvent(msgspec.Struct, frozen=True):
    """How far one artifact is. `done_bytes` may fall when a source is given up for the next one.

    `present` and `done` are good ends; `failed` gives up a source (there may be another), and names it with its reason.
    """

    card: str
    file: str
    state: Literal["present", "waiting", "fetching", "checking", "failed", "done"]
    done_bytes: int
    total_bytes: int
    source: str = ""
    message: str = ""


Report = Callable[[PullEvent], None]


def pull(store: Store, card: Card, report: Report = lambda _: None, stop: threading.Event | None = None) -> None:
    """Make the card's artifacts present. Blocks; `stop` ends it from another thread (raises Stopped).

    Raises WrongHash, NoSpace or Unavailable (all PullErrors) naming the artifact; the others are still tried first.
    """
    missing = store.missing(card)
    for artifact in card.artifacts:
        if artifact not in missing:
            report(PullEvent(card.name, artifact.file, "present", artifact.bytes, artifact.bytes))
    if missing:
        _pull(store, card, missing, report, stop or threading.Event())


def _pull(store: Store, card: Card, missing: list[Artifact], report: Report, stop: threading.Event) -> None:
    store.create()
    failed: list[PullError] = []
    with scratch(store.partial) as folder:
        fetcher = Fetcher(folder, stop, 2 * card.bytes + _PACKAGE_SPARE_BYTES)
        wanted = {artifact.role: _parts(artifact) for artifact in missing}
        for parts in wanted.values():
            fetcher.want(parts)
        for artifact in missing:
            try:
                _Pull(store, card, artifact, fetcher, report, stop).run()
            except NoSpace as error:
                raise NoSpace(
                    f"{error}. What was fetched so far is kept for the next try; "
                    f"`omniwatt models rm {card.name}` deletes it"
                ) from error
            except PullError as error:
                failed.append(error)
            finally:
                fetcher.done(wanted[artifact.role])
    if failed:
        raise failed[0]


def _parts(artifact: Artifact) -> list[Part]:
    return [part for source in artifact.sources for part in parse(source)]


class _Pull:
    """One artifact on its way into the store."""

    def __init__(
        self, store: Store, card: Card, artifact: Artifact, fetcher: Fetcher, report: Report, stop: threading.Event
    ) -> None:
        self._store = store
        self._card = card
        self._artifact = artifact
        self._fetcher = fetcher
        self._report = report
        self._stop = stop
        self._folder = store.partial / artifact.sha256
        self._sizes: dict[int, int] = {}
        self._telling = threading.Lock()
        self._told_s = 0.0

    def run(self) -> None:
        """Put the artifact in the store under its lock: of two pulls at once, the second finds it present."""
        if self._artifact.path:
            raise Unavailable(f"{self._card.name}: there is no file {self._artifact.path}")
        lock = filelock.FileLock(self._store.partial / f"{self._artifact.sha256}.lock", mode=0o600, thread_local=False)
        self._acquire(lock)
        try:
            if not self._store.has_blob(self._artifact):
                self._from_any_source()
            self._store.put_link(self._card, self._artifact)
        finally:
            lock.release()
        self._tell("done", self._artifact.bytes)

    def _acquire(self, lock: filelock.BaseFileLock) -> None:
        waiting = False
        while True:
            try:
                lock.acquire(timeout=0.2, poll_interval=0.05)
                return
            except filelock.Timeout:
                if self._stop.is_set():
                    raise Stopped from None
                if not waiting:
                    self._tell("waiting", 0, message="another pull is fetching it")
                waiting = True

    def _from_any_source(self) -> None:
        reasons: list[str] = []
        wrong = False
        for source in self._artifact.sources:
            try:
                file = self._from_source(source)
                self._check(file, source)
                self._store.adopt(file, self._artifact)
                shutil.rmtree(self._folder, ignore_errors=True)
                return
            except (Unavailable, WrongHash) as error:
                wrong = wrong or isinstance(error, WrongHash)
                reasons.append(f"{source}: {error}")
                if not isinstance(error, Skipped):
                    self._tell("failed", 0, source, str(error))
            except OSError as error:
                raise from_os_error(error, self._artifact.file) from error
        kind = WrongHash if wrong else Unavailable
        raise kind(f"{self._card.name}: {self._artifact.file} could not be fetched:\n  " + "\n  ".join(reasons))

    def _from_source(self, source: str) -> Path:
        """All parts of one source, joined; parts that are here from an earlier pull are not fetched again."""
        parts = parse(source)
        folder = self._folder / hashlib.sha256(source.encode()).hexdigest()[:12]
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        joined = _Joined.read(folder)
        targets = [folder / f"{index:04}" for index in range(len(parts))]
        todo = [index for index in range(joined.parts, len(parts)) if not targets[index].exists()]
        self._sizes = {i: t.stat().st_size for i, t in enumerate(targets) if i >= joined.parts and t.exists()}
        self._sizes[-1] = joined.bytes
        if todo:
            self._tell("fetching", self._done_bytes(), source)
            self._fetch_parts(source, parts, targets, todo)
        if len(parts) == 1:
            return targets[0]
        self._check_size(sum(self._sizes.values()), folder)
        return joined.join(folder, targets)

    def _fetch_parts(self, source: str, parts: tuple[Part, ...], targets: list[Path], todo: list[int]) -> None:
        parallel = self._parallel(parts, targets[0].parent)
        share = -(-self._artifact.bytes // len(parts))

        spoilt = threading.Event()

        def fetch(index: int) -> None:
            def grew(size: int) -> None:
                # A client may keep its download twice, and unpacking begins at nothing: neither is for a user's eyes.
                self._sizes[index] = max(self._sizes.get(index, 0), min(size, share))
                self._tell_at_times(source)

            if spoilt.is_set():
                return
            try:
                self._fetcher.fetch(parts[index], targets[index], self._artifact.bytes, grew)
            except BaseException:
                spoilt.set()
                raise
            self._sizes[index] = targets[index].stat().st_size

        with ThreadPoolExecutor(min(parallel, len(todo)), thread_name_prefix="pull") as pool:
            futures = [pool.submit(fetch, index) for index in todo]
            try:
                wait(futures, return_when=FIRST_EXCEPTION)
            except BaseException:
                self._stop.set()
                raise
            finally:
                pool.shutdown(wait=True, cancel_futures=True)
        errors = [error for future in futures if not future.cancelled() and (error := future.exception())]
        for error in sorted(errors, key=lambda error: not isinstance(error, NoSpace)):
            raise error

    def _parallel(self, parts: tuple[Part, ...], folder: Path) -> int:
        """How many parts at once the disk has room for. Raises NoSpace if not even one.

        A client keeps its download twice for a moment, and joining needs room for one part more.
        """
        free = storing.free_bytes(folder)
        part = -(-self._artifact.bytes // len(parts))
        rest = max(0, self._artifact.bytes - folder_bytes(folder))
        base = rest + _RESERVE_BYTES + (part if len(parts) > 1 else 0)
        extra = 2 * part if parts[0].kind in ("pypi", "npm") else 0
        for parallel in range(PARALLEL, 0, -1):
            if free >= base + parallel * extra:
                return parallel
        raise NoSpace(
            f"{self._card.name}: {self._artifact.file} needs {base + extra:,} bytes free below {self._store.root}, "
            f"there are {free:,}"
        )

    def _check(self, file: Path, source: str) -> None:
        """Raises WrongHash, and deletes what was fetched, unless these are the very bytes the card names."""
        self._tell("checking", self._artifact.bytes, source)
        self._check_size(file.stat().st_size, file.parent)
        found = storing.sha256(file)
        if found != self._artifact.sha256:
            shutil.rmtree(file.parent)
            raise WrongHash(f"wrong bytes, deleted: expected sha256 {self._artifact.sha256}, got {found}")

    def _check_size(self, size: int, folder: Path) -> None:
        if size != self._artifact.bytes:
            shutil.rmtree(folder)
            raise WrongHash(f"wrong bytes, deleted: expected {self._artifact.bytes:,} of them, got {size:,}")

    def _tell_at_times(self, source: str) -> None:
        if time.monotonic() - self._told_s >= _REPORT_EVERY_S:
            self._tell("fetching", self._done_bytes(), source)

    def _done_bytes(self) -> int:
        return min(sum(self._sizes.copy().values()), self._artifact.bytes)

    def _tell(
        self,
        state: Literal["waiting", "fetching", "checking", "failed", "done"],
        done_bytes: int,
        source: str = "",
        message: str = "",
    ) -> None:
        with self._telling:
            self._told_s = time.monotonic()
            self._report(
                PullEvent(
                    self._card.name, self._artifact.file, state, done_bytes, self._artifact.bytes, source, message
                )
            )


class _Joined:
    """The parts joined so far. A part is deleted once its bytes are in `whole` and the note beside it says so."""

    def __init__(self, parts: int = 0, length: int = 0) -> None:
        self.parts = parts
        self.bytes = length

    @classmethod
    def read(cls, folder: Path) -> "_Joined":
        """What an earlier pull noted; nothing if the note or the file does not bear it out."""
        try:
            note = json.loads((folder / "joined.json").read_text())
            if (folder / "whole").stat().st_size >= note["bytes"]:
                return cls(int(note["parts"]), int(note["bytes"]))
        except (OSError, ValueError, KeyError, TypeError):
            pass
        return cls()

    def join(self, folder: Path, targets: list[Path]) -> Path:
        """Append the remaining parts in order; a join that was cut short goes on where it was."""
        whole = folder / "whole"
        whole.touch(mode=0o600)
        with whole.open("rb+") as target:
            target.truncate(self.bytes)
            target.seek(self.bytes)
            for part in targets[self.parts :]:
                with part.open("rb") as source:
                    shutil.copyfileobj(source, target, 4 << 20)
                target.flush()
                self.parts, self.bytes = self.parts + 1, target.tell()
                note = folder / "joined.json.new"
                note.write_text(json.dumps({"parts": self.parts, "bytes": self.bytes}))
                note.replace(folder / "joined.json")
                part.unlink()
        return whole
