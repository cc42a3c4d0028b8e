"""Large and stored bytes: content-addressed files with an owner, an expiry and a quota.

A blob is one owner's reference to a content. The content lies once under `files/<2 hex>/<sha256>`, however many blobs
point at it, and goes when the last of them goes. Names and media types are labels: no path is ever made of them.
"""

import asyncio
import contextlib
import hashlib
import os
import secrets
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from omniwatt.contract.error import BadInput, Internal, NotFound, QuotaExceeded, TooLarge
from omniwatt.database import Database

READ_BYTES = 256 * 1024
ORPHAN_AGE_S = 3600.0
"""A content without a blob is swept only when this old: a younger one may be about to get its row."""


class Blob(msgspec.Struct, frozen=True, kw_only=True):
    """One owner's reference to a content. `owner` is a project; times are Unix seconds."""

    id: str
    sha256: str
    bytes: int
    owner: str
    kind: str
    name: str
    media_type: str
    purpose: str
    created_at: int
    expires_at: int | None


class Blobs:
    """The store under `home`/files. One process writes to it; every method may be called from any task."""

    def __init__(self, home: Path, database: Database, quota_bytes: int) -> None:
        self._root = home / "files"
        self._temporary = self._root / "tmp"
        self._database = database
        self._quota_bytes = quota_bytes
        self._writing: Counter[str] = Counter()
        self._lock = threading.Lock()
        for folder in (self._root, self._temporary):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.chmod(0o700)
        for left in self._temporary.iterdir():
            left.unlink()

    @contextlib.contextmanager
    def draft(self, owner: str, limit_bytes: int | None = None) -> Iterator["Draft"]:
        """A file being written. Unless it was kept, leaving the block leaves nothing behind."""
        with contextlib.ExitStack() as stack:
            path = self._temporary / secrets.token_hex(16)
            stack.callback(path.unlink, missing_ok=True)
            draft = Draft(self, stack.enter_context(_create(path)), path, owner, limit_bytes)
            stack.callback(lambda: self._release(draft))
            yield draft

    async def put(
        self, owner: str, chunks: AsyncIterable[bytes], *, limit_bytes: int | None = None, **labels: Any
    ) -> Blob:
        """Store a stream; `labels` are those of `Draft.keep`. Raises as Draft does, and leaves nothing then."""
        with self.draft(owner, limit_bytes) as draft:
            async for chunk in chunks:
                await draft.write(chunk)
            return await draft.keep(**labels)

    async def info(self, owner: str, blob_id: str) -> Blob:
        """Raises NotFound, also for another owner's and an expired one."""
        rows = self._database.read("SELECT * FROM blobs WHERE id = ? AND owner = ?", (blob_id, owner))
        blob = _blob(rows[0]) if rows else None
        if blob is None or _expired(blob):
            raise NotFound(f"No such File object: {blob_id}", param="id")
        return blob

    async def anyones(self, blob_id: str) -> Blob:
        """The blob whoever owns it, for a caller who has shown by other means that it may. Raises NotFound."""
        rows = self._database.read("SELECT * FROM blobs WHERE id = ?", (blob_id,))
        blob = _blob(rows[0]) if rows else None
        if blob is None or _expired(blob):
            raise NotFound(f"No such File object: {blob_id[:100]}", param="id")
        return blob

    async def open(self, owner: str, blob_id: str, start: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
        """The bytes from `start`, at most `length` of them, piece by piece. Raises NotFound before the first."""
        blob = await self.info(owner, blob_id)
        left = blob.bytes if length is None else length
        with self._open(blob) as file:
            await asyncio.to_thread(file.seek, start)
            while left > 0 and (piece := await asyncio.to_thread(file.read, min(left, READ_BYTES))):
                left -= len(piece)
                yield piece

    async def read(self, owner: str, blob_id: str) -> bytes:
        """All bytes at once: for contents known to be small. Raises NotFound."""
        blob = await self.info(owner, blob_id)
        with self._open(blob) as file:
            return await asyncio.to_thread(file.read)

    def path(self, blob: Blob) -> Path:
        """Where the content lies, for a process on this machine that reads it without a copy."""
        return self._content(blob.sha256)

    async def list(
        self,
        owner: str,
        *,
        kind: str = "file",
        purpose: str = "",
        after: str = "",
        limit: int = 10_000,
        newest_first: bool = True,
    ) -> Sequence[Blob]:
        """One page in order of creation, beginning behind `after`. Raises BadInput when `after` is unknown."""
        sign, order = ("<", "DESC") if newest_first else (">", "ASC")
        where = "owner = ? AND kind = ? AND (expires_at IS NULL OR expires_at > ?)"
        args: list[Any] = [owner, kind, time.time()]
        if purpose:
            where += " AND purpose = ?"
            args.append(purpose)
        if after:
            where += f" AND number {sign} ?"
            args.append(await asyncio.to_thread(self._number, owner, after))
        sql = f"SELECT * FROM blobs WHERE {where} ORDER BY number {order} LIMIT ?"  # noqa: S608 - no input in the text
        rows = await asyncio.to_thread(self._database.read, sql, (*args, limit))
        return [_blob(row) for row in rows]

    async def delete(self, owner: str, blob_id: str) -> None:
        """Drop the reference, and the content if it was the last one. Raises NotFound."""
        blob = await self.info(owner, blob_id)
        await asyncio.to_thread(self._drop, blob)

    def expire(self, now: float | None = None) -> int:
        """Drop what is past its time and sweep contents nobody points at; gives how many blobs went.

        Blocks on the disk: call it in a thread.
        """
        now = time.time() if now is None else now
        rows = self._database.read("SELECT * FROM blobs WHERE expires_at <= ?", (now,))
        for row in rows:
            self._drop(_blob(row))
        for path in self._root.glob("[0-9a-f][0-9a-f]/*"):
            with contextlib.suppress(FileNotFoundError), self._lock:
                if path.stat().st_mtime < now - ORPHAN_AGE_S:
                    self._unlink_unreferenced(path.name)
        return len(rows)

    async def used_bytes(self, owner: str) -> int:
        """What counts against the owner's quota; a content stored twice counts twice."""
        return await asyncio.to_thread(self._used, owner)

    def _claim(self, owner: str, more_bytes: int) -> None:
        """Count bytes about to be written against the quota, with what the owner's other drafts hold."""
        with self._lock:
            self._writing[owner] += more_bytes
            if self._used(owner) + self._writing[owner] > self._quota_bytes:
                raise QuotaExceeded(
                    f"The project's files would take more than its {self._quota_bytes} bytes. Delete some first.",
                    param="file",
                )

    def _release(self, draft: "Draft") -> None:
        with self._lock:
            self._writing[draft.owner] -= draft.bytes
            if not self._writing[draft.owner]:
                del self._writing[draft.owner]

    def _keep(self, file: BinaryIO, temporary: Path, blob: Blob) -> None:
        """Content first, row second: a crash in between leaves an orphan that `expire` sweeps."""
        with _disk():
            file.flush()
            os.fsync(file.fileno())
        target = self._content(blob.sha256)
        with self._lock:
            with _disk():
                target.parent.mkdir(mode=0o700, exist_ok=True)
                temporary.replace(target)
            try:
                with _disk():
                    self._insert(blob)
            except BaseException:
                self._unlink_unreferenced(blob.sha256)
                raise

    def _insert(self, blob: Blob) -> None:
        values = msgspec.structs.asdict(blob)
        columns, marks = ", ".join(values), ", ".join("?" * len(values))
        sql = f"INSERT INTO blobs ({columns}) VALUES ({marks})"  # noqa: S608 - the columns are the struct's own
        self._database.write(sql, tuple(values.values()))

    def _open(self, blob: Blob) -> BinaryIO:
        try:
            return self.path(blob).open("rb")
        except FileNotFoundError:
            raise NotFound(f"No such File object: {blob.id}", param="id") from None

    def _drop(self, blob: Blob) -> None:
        with self._lock:
            self._database.write("DELETE FROM blobs WHERE id = ?", (blob.id,))
            self._unlink_unreferenced(blob.sha256)

    def _unlink_unreferenced(self, sha256: str) -> None:
        if not self._database.read("SELECT 1 FROM blobs WHERE sha256 = ? LIMIT 1", (sha256,)):
            self._content(sha256).unlink(missing_ok=True)

    def _used(self, owner: str) -> int:
        rows = self._database.read("SELECT coalesce(sum(bytes), 0) FROM blobs WHERE owner = ?", (owner,))
        return int(rows[0][0])

    def _number(self, owner: str, blob_id: str) -> int:
        rows = self._database.read("SELECT number FROM blobs WHERE id = ? AND owner = ?", (blob_id, owner))
        if not rows:
            raise BadInput(f"No such File object: {blob_id}", param="after")
        return int(rows[0][0])

    def _content(self, sha256: str) -> Path:
        return self._root / sha256[:2] / sha256


class Draft:
    """A file being written; made by `Blobs.draft`."""

    def __init__(self, blobs: Blobs, file: BinaryIO, path: Path, owner: str, limit_bytes: int | None) -> None:
        self._blobs = blobs
        self._file = file
        self._path = path
        self._limit_bytes = limit_bytes
        self._digest = hashlib.sha256()
        self.owner = owner
        self.bytes = 0

    async def write(self, chunk: bytes) -> None:
        """Raises TooLarge over the limit, QuotaExceeded over the owner's quota, Internal when the disk is full."""
        if self._limit_bytes is not None and self.bytes + len(chunk) > self._limit_bytes:
            raise TooLarge(f"The file is larger than the {self._limit_bytes} bytes allowed here.", param="file")
        self.bytes += len(chunk)
        await _whole(self._append, chunk)

    def _append(self, chunk: bytes) -> None:
        self._blobs._claim(self.owner, len(chunk))
        with _disk():
            self._file.write(chunk)
        self._digest.update(chunk)

    async def keep(
        self,
        *,
        kind: str = "file",
        name: str = "",
        media_type: str = "application/octet-stream",
        purpose: str = "",
        expires_after_s: int | None = None,
    ) -> Blob:
        """Make it a blob, durably; the draft is at its end. Raises Internal when the disk is full."""
        created_at = int(time.time())
        blob = Blob(
            id=f"{kind}-{secrets.token_hex(12)}",
            sha256=self._digest.hexdigest(),
            bytes=self.bytes,
            owner=self.owner,
            kind=kind,
            name=name,
            media_type=media_type,
            purpose=purpose,
            created_at=created_at,
            expires_at=None if expires_after_s is None else created_at + expires_after_s,
        )
        try:
            await _whole(self._blobs._keep, self._file, self._path, blob)
        except asyncio.CancelledError:
            await _whole(self._blobs._drop, blob)
            raise
        return blob


async def _whole(function: Callable[..., None], *args: Any) -> None:
    """Run in a thread and wait for its end even when cancelled: what it holds must not be closed under it."""
    work = asyncio.ensure_future(asyncio.to_thread(function, *args))
    try:
        await asyncio.shield(work)
    except asyncio.CancelledError:
        await asyncio.wait([work])
        raise


def _create(path: Path) -> BinaryIO:
    with _disk():
        return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


@contextlib.contextmanager
def _disk() -> Iterator[None]:
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        why = getattr(error, "strerror", None) or "the database refused it"
        raise Internal(f"The file could not be stored: {why}.", code="storage_failed") from error


def _blob(row: Any) -> Blob:
    return Blob(**{field: row[field] for field in Blob.__struct_fields__})


def _expired(blob: Blob) -> bool:
    return blob.expires_at is not None and blob.expires_at <= time.time()
