"""What bytes are by themselves, and where they come from."""

from pathlib import Path

import pytest

from omniwatt.contract.error import BadInput, NotFound, TooLarge
from omniwatt.contract.request import MediaPart
from omniwatt.engines.sniff import canonical, sniff
from omniwatt.engines.source import part_bytes

TYPES = {
    "png": "image/png",
    "jpeg": "image/jpeg",
    "bmp": "image/bmp",
    "tiff": "image/tiff",
    "gif": "image/gif",
    "animation": "image/gif",
    "webp": "image/webp",
    "avif": "image/avif",
    "wav": "audio/wav",
    "flac": "audio/flac",
    "aiff": "audio/aiff",
    "ogg": "audio/ogg",
    "opus": "audio/ogg",
    "mp3": "audio/mpeg",
    "pdf": "application/pdf",
    "txt": "text/plain",
}


def test_every_kind_of_file(files) -> None:
    assert {name: sniff(data) for name, data in files.all().items()} == TYPES


@pytest.mark.parametrize(
    ("data", "media_type"),
    [
        (b"", ""),
        (b"\0\1\2\3", ""),
        (b"\xff\xfe\0\0", ""),
        (b"\xff\xff\xff\xff", ""),
        (b"\x80abc", ""),
        (b"\xff\xf1\x50\x80", "audio/aac"),
        (b"ID3\3", "audio/mpeg"),
        (b"\xff\xfb\x90\x64", "audio/mpeg"),
        (b"\0\0\0\x18ftypM4A \0", "audio/mp4"),
        (b"\0\0\0\x18ftypheic\0", "image/heic"),
        (b"\0\0\0\x18ftypisom\0", "video/mp4"),
        (b"\x1aE\xdf\xa3", "video/webm"),
        (b"PK\x03\x04", "application/zip"),
        (b"RIFF\0\0\0\0AVI ", ""),
        (b"junk before %PDF-1.4", "application/pdf"),
        (b"<svg/>", "text/plain"),
        ("你好".encode(), "text/plain"),
    ],
)
def test_beginnings(data: bytes, media_type: str) -> None:
    assert sniff(data) == media_type


def test_canonical() -> None:
    assert canonical("Audio/X-WAV; rate=1") == "audio/wav"
    assert canonical("image/jpg") == "image/jpeg"
    assert canonical("") == ""


def test_a_blob_is_read_by_its_hash_and_nothing_else(tmp_path: Path) -> None:
    name = "c0" * 32
    (tmp_path / "c0").mkdir()
    (tmp_path / "c0" / name).write_bytes(b"bytes")
    assert part_bytes(MediaPart("file", blob=name), str(tmp_path), 5) == b"bytes"
    with pytest.raises(TooLarge):
        part_bytes(MediaPart("file", blob=name), str(tmp_path), 4)
    with pytest.raises(TooLarge):
        part_bytes(MediaPart("file", b"12345"), "", 4)
    with pytest.raises(NotFound):
        part_bytes(MediaPart("file", blob="c1" * 32), str(tmp_path), 5)
    with pytest.raises(BadInput):
        part_bytes(MediaPart("file", blob=name), "", 5)


@pytest.mark.parametrize("name", ["../x", "C0" * 32, "c0" * 31, "/etc/passwd", "c0" * 32 + "\n", "..", "%2e"])
def test_no_other_name_of_a_blob(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadInput):
        part_bytes(MediaPart("file", blob=name), str(tmp_path), 5)
