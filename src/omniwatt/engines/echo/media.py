"""Small real sounds and pictures, made by hand."""

import hashlib
import math
import struct
import zlib
from collections.abc import Iterator

RATE_HZ = 16000
TOKEN_S = 0.04
"""How long a token sounds."""


def tone(token: str, speed: float = 1.0) -> bytes:
    """The samples of one token: a sine whose pitch comes from the text."""
    pitch_hz = 220 + hashlib.blake2b(token.encode("utf-8", "replace"), digest_size=1).digest()[0] * 2
    count = max(1, int(RATE_HZ * TOKEN_S / speed))
    turn = 2 * math.pi * pitch_hz / RATE_HZ
    return struct.pack(f"<{count}h", *(int(8000 * math.sin(turn * place)) for place in range(count)))


def wav_seconds(data: bytes) -> float | None:
    """How long a WAV of ours sounds; None for other bytes."""
    if len(data) < 44 or data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        return None
    bytes_per_s = struct.unpack_from("<I", data, 28)[0]
    return (len(data) - 44) / bytes_per_s if bytes_per_s else None


def png(text: str, width: int, height: int) -> bytes:
    """A picture in one colour, which comes from the text."""
    colour = hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=3).digest()
    rows = (b"\0" + colour * width) * height
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = _chunk(b"IHDR", head) + _chunk(b"IDAT", zlib.compress(rows)) + _chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def painted(text: str, size: tuple[int, int], bands: int) -> Iterator[bytes]:
    """A PNG of `bands` stripes whose colours come from the text, which it says, too; a stripe at a time."""
    width, height = size
    packer = zlib.compressobj(1)
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    said = b"omniwatt\0\0\0\0\0" + text.encode("utf-8", "replace")
    before = b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"iTXt", said)
    for band in range(bands):
        colour = hashlib.blake2b(f"{band}{text}".encode("utf-8", "replace"), digest_size=3).digest()
        row = b"\0" + colour * width
        rows = height * (band + 1) // bands - height * band // bands
        packed = b"".join(packer.compress(row * min(64, rows - done)) for done in range(0, rows, 64))
        packed += packer.flush(zlib.Z_FINISH if band == bands - 1 else zlib.Z_SYNC_FLUSH)
        yield before + _chunk(b"IDAT", packed)
        before = b""
    yield _chunk(b"IEND", b"")


def said(png_bytes: bytes) -> str:
    """What a picture of `painted` says; "" for others."""
    place = png_bytes.find(b"iTXtomniwatt\0")
    if place < 4:
        return ""
    length = struct.unpack_from(">I", png_bytes, place - 4)[0]
    return png_bytes[place + 4 : place + 4 + length][13:].decode("utf-8", "replace")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
