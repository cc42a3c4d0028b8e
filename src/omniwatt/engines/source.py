"""Where the bytes of a media part come from: the part itself, or the blob it names."""

import re
from pathlib import Path

from omniwatt.contract.error import BadInput, NotFound, TooLarge
from omniwatt.contract.request import MediaPart

_SHA256 = re.compile(r"[0-9a-f]{64}")


def part_bytes(part: MediaPart, blobs_dir: str, limit_bytes: int) -> bytes:
    """All bytes of `part`; blocks on the disk for a blob. Raises BadInput, NotFound or TooLarge."""
    if not part.blob:
        _within(len(part.data), limit_bytes)
        return part.data
    if not _SHA256.fullmatch(part.blob):
        raise BadInput("A blob is named by its SHA-256 in lower-case hex.", param="blob")
    if not blobs_dir:
        raise BadInput("This engine was not given a blob store; send the bytes inline.", param="blob")
    try:
        with Path(blobs_dir, part.blob[:2], part.blob).open("rb") as file:
            data = file.read(limit_bytes + 1)
    except FileNotFoundError:
        raise NotFound("No such stored file.", param="blob") from None
    _within(len(data), limit_bytes)
    return data


def _within(size_bytes: int, limit_bytes: int) -> None:
    if size_bytes > limit_bytes:
        raise TooLarge(f"The file has more than the {limit_bytes} bytes allowed here.", param="data")
