"""Small real sounds and pictures, made by hand."""

import hashlib
import math
import struct
import zlib

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


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
