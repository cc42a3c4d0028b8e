"""The bytes of a media part, looked at and not copied: a stored file is mapped, for it may be larger than memory."""

import contextlib
import mmap
import re
from pathlib import Path

import msgspec

from omniwatt.contract.error import BadInput
from omniwatt.contract.request import MediaPart
from omniwatt.engines.sniff import sniff
from omniwatt.engines.source import part_bytes

_SHA256 = re.compile(r"[0-9a-f]{64}")
_HEAD_BYTES = 4096


class Contents(msgspec.Struct, frozen=True):
    """`path` is empty for bytes that came with the request."""

    data: memoryview
    path: str = ""


def of_part(part: MediaPart, blobs_dir: str, limit_bytes: int) -> Contents:
    """All of it. Raises BadInput, NotFound or TooLarge."""
    if blobs_dir and _SHA256.fullmatch(part.blob):
        path = Path(blobs_dir, part.blob[:2], part.blob)
        with contextlib.suppress(FileNotFoundError):
            if 0 < path.stat().st_size <= limit_bytes:
                return Contents(mapped(str(path)), str(path))
    return Contents(memoryview(part_bytes(part, blobs_dir, limit_bytes)))


def mapped(path: str) -> memoryview:
    """The file's bytes. Stored files are never written to, and a deleted one stays while it is mapped."""
    with Path(path).open("rb") as file:
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


def media_type_of(data: memoryview) -> str:
    """What the bytes are by themselves. Raises BadInput when that is nothing known here."""
    if not len(data):
        raise BadInput("The file is empty.", param="data")
    media_type = sniff(bytes(data[:_HEAD_BYTES]))
    if media_type in {"", "text/plain"}:
        # Only the whole of it says whether it is text.
        media_type = sniff(bytes(data))
    if not media_type or media_type == "application/zip":
        raise BadInput(
            "The file is no picture, sound or document of a kind known here.",
            param="data",
            code="unsupported_media_type",
        )
    return media_type
