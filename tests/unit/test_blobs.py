"""The blob store: one content however many owners, nothing left after a failure, quota, expiry."""

import asyncio
import errno
import os
import stat
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from omniwatt import blobs as module
from omniwatt.blobs import Blobs
from omniwatt.contract.error import BadInput, Internal, NotFound, QuotaExceeded, TooLarge
from omniwatt.database import Database


@pytest.fixture
def blobs(tmp_path: Path, database: Database) -> Blobs:
    return Blobs(tmp_path, database, quota_bytes=1000)


async def stream(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


async def gather(pieces: AsyncIterator[bytes]) -> bytes:
    return b"".join([piece async for piece in pieces])


def files(home: Path) -> list[Path]:
    return [path for path in (home / "files").rglob("*") if path.is_file()]


async def test_round_trip(blobs: Blobs, tmp_path: Path) -> None:
    blob = await blobs.put("a", stream(b"hello ", b"world"), name="../x.txt", media_type="text/plain", purpose="vision")
    assert (blob.bytes, blob.name, blob.purpose, blob.expires_at) == (11, "../x.txt", "vision", None)
    assert await blobs.info("a", blob.id) == blob
    assert await gather(blobs.open("a", blob.id)) == b"hello world"
    assert await blobs.read("a", blob.id) == b"hello world"
    assert files(tmp_path) == [blobs.path(blob)]
    assert blobs.path(blob).name == blob.sha256


async def test_modes_are_private(blobs: Blobs, tmp_path: Path) -> None:
    blob = await blobs.put("a", stream(b"x"))
    path = blobs.path(blob)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [stat.S_IMODE(folder.stat().st_mode) for folder in (path.parent, tmp_path / "files")] == [0o700, 0o700]


@pytest.mark.parametrize(
    ("start", "length", "expected"),
    [(0, 3, b"012"), (4, None, b"456789"), (8, 100, b"89"), (10, None, b""), (99, 5, b""), (3, 0, b"")],
)
async def test_ranges(blobs: Blobs, start: int, length: int | None, expected: bytes) -> None:
    blob = await blobs.put("a", stream(b"0123456789"))
    assert await gather(blobs.open("a", blob.id, start, length)) == expected


async def test_a_large_content_is_read_in_pieces(tmp_path: Path, database: Database) -> None:
    blobs = Blobs(tmp_path, database, quota_bytes=10**9)
    data = os.urandom(module.READ_BYTES * 2 + 1)
    blob = await blobs.put("a", stream(data))
    pieces = [piece async for piece in blobs.open("a", blob.id)]
    assert b"".join(pieces) == data
    assert max(map(len, pieces)) == module.READ_BYTES


async def test_one_content_two_owners(blobs: Blobs, tmp_path: Path) -> None:
    mine, again, theirs = [await blobs.put(owner, stream(b"same")) for owner in ("a", "a", "b")]
    assert len(files(tmp_path)) == 1
    await blobs.delete("a", mine.id)
    await blobs.delete("b", theirs.id)
    assert await blobs.read("a", again.id) == b"same"
    await blobs.delete("a", again.id)
    assert files(tmp_path) == []


async def test_other_owners_see_nothing(blobs: Blobs) -> None:
    blob = await blobs.put("a", stream(b"secret"))
    for attempt in (blobs.info("b", blob.id), blobs.read("b", blob.id), blobs.delete("b", blob.id)):
        with pytest.raises(NotFound):
            await attempt
    with pytest.raises(NotFound):
        await gather(blobs.open("b", blob.id))
    assert await blobs.list("b") == []
    assert await blobs.read("a", blob.id) == b"secret"


async def test_too_large_leaves_nothing(blobs: Blobs, tmp_path: Path) -> None:
    assert (await blobs.put("a", stream(b"12", b"34"), limit_bytes=4)).bytes == 4
    with pytest.raises(TooLarge):
        await blobs.put("b", stream(b"12", b"345"), limit_bytes=4)
    assert len(files(tmp_path)) == 1
    assert await blobs.used_bytes("b") == 0


async def test_quota_is_per_owner_and_given_back(blobs: Blobs, tmp_path: Path) -> None:
    blob = await blobs.put("a", stream(b"x" * 900))
    with pytest.raises(QuotaExceeded):
        await blobs.put("a", stream(b"y" * 60, b"y" * 60))
    await blobs.put("b", stream(b"y" * 1000))
    await blobs.delete("a", blob.id)
    await blobs.put("a", stream(b"z" * 1000))
    assert len(files(tmp_path)) == 2


async def test_quota_counts_what_is_being_written(blobs: Blobs) -> None:
    with blobs.draft("a") as first:
        await first.write(b"x" * 600)
        with pytest.raises(QuotaExceeded), blobs.draft("a") as second:
            await second.write(b"y" * 600)
        await first.keep()
    assert await blobs.used_bytes("a") == 600


async def test_an_abandoned_draft_leaves_nothing(blobs: Blobs, tmp_path: Path) -> None:
    with blobs.draft("a") as draft:
        await draft.write(b"half")
        assert len(files(tmp_path)) == 1
    assert files(tmp_path) == []
    await blobs.put("a", stream(b"x" * 1000))


async def test_a_cancelled_upload_leaves_nothing(blobs: Blobs, tmp_path: Path) -> None:
    writing = asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        yield b"first"
        writing.set()
        await asyncio.Event().wait()

    task = asyncio.ensure_future(blobs.put("a", endless()))
    await writing.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert files(tmp_path) == []
    assert await blobs.list("a") == []


async def test_cancelled_while_kept_leaves_nothing(
    blobs: Blobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced, real = asyncio.Event(), os.fsync
    loop = asyncio.get_running_loop()

    def slow(descriptor: int) -> None:
        loop.call_soon_threadsafe(synced.set)
        time.sleep(0.05)
        real(descriptor)

    monkeypatch.setattr(os, "fsync", slow)
    task = asyncio.ensure_future(blobs.put("a", stream(b"data")))
    await synced.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert files(tmp_path) == []
    assert await blobs.list("a") == []


async def test_full_disk(blobs: Blobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Internal, match="No space left on device") as caught:
        await blobs.put("a", stream(b"data"))
    assert caught.value.code == "storage_failed"
    assert str(tmp_path) not in caught.value.message
    assert files(tmp_path) == []
    assert await blobs.used_bytes("a") == 0


async def test_a_refused_row_leaves_no_content(blobs: Blobs, tmp_path: Path, database: Database) -> None:
    database.write("DROP TABLE blobs")
    database.write("CREATE TABLE blobs (sha256 TEXT, owner TEXT, bytes INTEGER)")
    with pytest.raises(Internal):
        await blobs.put("a", stream(b"data"))
    assert files(tmp_path) == []


async def test_list_pages(blobs: Blobs) -> None:
    made = [await blobs.put("a", stream(b"%d" % i), purpose=p) for i, p in enumerate(["vision", "evals", "vision"])]
    first, second, third = [blob.id for blob in made]

    async def ids(**options: object) -> list[str]:
        return [blob.id for blob in await blobs.list("a", **options)]  # type: ignore[arg-type]

    assert await ids() == [third, second, first]
    assert await ids(newest_first=False) == [first, second, third]
    assert await ids(limit=2) == [third, second]
    assert await ids(after=second) == [first]
    assert await ids(after=second, newest_first=False) == [third]
    assert await ids(purpose="vision") == [third, first]
    assert await ids(kind="upload") == []
    with pytest.raises(BadInput):
        await ids(after="file-none")


async def test_expiry(blobs: Blobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blob = await blobs.put("a", stream(b"gone"), expires_after_s=60)
    kept = await blobs.put("a", stream(b"kept"))
    assert blobs.expire() == 0
    late = time.time() + 61
    assert blobs.expire(late) == 1
    with pytest.raises(NotFound):
        await blobs.info("a", blob.id)
    assert files(tmp_path) == [blobs.path(kept)]


async def test_expired_is_gone_before_the_sweep(blobs: Blobs) -> None:
    blob = await blobs.put("a", stream(b"gone"), expires_after_s=0)
    assert await blobs.list("a") == []
    with pytest.raises(NotFound):
        await blobs.read("a", blob.id)


async def test_orphans_are_swept(blobs: Blobs, tmp_path: Path, database: Database) -> None:
    blob = await blobs.put("a", stream(b"orphan"))
    kept = await blobs.put("a", stream(b"kept"))
    database.write("DELETE FROM blobs WHERE id = ?", (blob.id,))
    blobs.expire()
    assert blobs.path(blob).exists(), "young: its row may be on the way"
    blobs.expire(time.time() + module.ORPHAN_AGE_S + 1)
    assert files(tmp_path) == [blobs.path(kept)]


async def test_what_a_crash_left_is_cleared_at_start(blobs: Blobs, tmp_path: Path, database: Database) -> None:
    (tmp_path / "files" / "tmp" / "left").write_bytes(b"half")
    Blobs(tmp_path, database, quota_bytes=1)
    assert files(tmp_path) == []


async def test_a_lost_content_is_not_found(blobs: Blobs) -> None:
    blob = await blobs.put("a", stream(b"lost"))
    blobs.path(blob).unlink()
    with pytest.raises(NotFound):
        await gather(blobs.open("a", blob.id))
    with pytest.raises(NotFound):
        await blobs.read("a", blob.id)
