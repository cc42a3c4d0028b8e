"""Packets of Opus or Vorbis in Ogg pages (RFC 3533, RFC 7845), for a decoder that reads files only."""

import struct
import zlib

import numpy as np
from numpy.typing import NDArray

from omniwatt.engines.media.track import Track, damaged, no_decoder

_SERIAL = 1
_MAX_LACES = 255
_FIRST, _LAST = 2, 4
_MIRRORED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
_OPUS_FRAME_48K = (480, 960, 1920, 2880) * 3 + (480, 960) * 2 + (120, 240, 480, 960) * 4
"""Samples at 48 kHz in a frame of each configuration (RFC 6716, table 2)."""


def wrapped(track: Track, data: memoryview) -> bytes:
    """The whole track as an Ogg file. Raises BadInput."""
    heads = _headers(track)
    pages = bytearray()
    for number, head in enumerate(heads):
        pages += _page([head], 0, number, _FIRST if number == 0 else 0)
    granules = _granules(track, data)
    held: list[bytes] = []
    laces = 0
    number = len(heads)
    last = len(track.places) - 1
    for index, (start, size) in enumerate(track.places.tolist()):
        held.append(bytes(data[start : start + size]))
        laces += size // 255 + 1
        following = track.places[index + 1][1] // 255 + 1 if index < last else _MAX_LACES
        if laces + following > _MAX_LACES:
            pages += _page(held, int(granules[index]), number, _LAST if index == last else 0)
            held, laces, number = [], 0, number + 1
    return bytes(pages)


def packets(data: memoryview) -> int:
    """How many packets end in the pages of a file, as far as they follow one another."""
    at = count = 0
    while at + 27 <= len(data) and bytes(data[at : at + 4]) == b"OggS":
        laces = bytes(data[at + 27 : at + 27 + data[at + 26]])
        count += len(laces) - laces.count(255)
        at += 27 + len(laces) + sum(laces)
    return count


def opus_frames(packet: bytes | memoryview) -> int:
    """Samples at 48 kHz in a packet; 0 when it is none (RFC 6716, 3.1)."""
    if not len(packet):
        return 0
    each = _OPUS_FRAME_48K[packet[0] >> 3]
    kind = packet[0] & 3
    if kind == 3:
        return each * (packet[1] & 0x3F) if len(packet) > 1 else 0
    return each * (1 if kind == 0 else 2)


def _granules(track: Track, data: memoryview) -> NDArray[np.int64]:
    if track.codec == "opus":
        starts = track.places[:, 0].tolist()
        return np.cumsum([opus_frames(data[start : start + 2]) for start in starts], dtype=np.int64)
    if track.ends_ms is None:
        raise no_decoder("Vorbis in this container")
    rate_hz = struct.unpack_from("<I", _unlaced(track.setup)[0], 12)[0]
    ends: NDArray[np.int64] = np.maximum.accumulate(track.ends_ms) * rate_hz // 1000
    return ends


def _headers(track: Track) -> list[bytes]:
    if track.codec == "vorbis":
        return _unlaced(track.setup)
    if not track.setup.startswith(b"OpusHead") or len(track.setup) < 19:
        raise damaged("sound", "its Opus header is missing")
    return [track.setup, b"OpusTags" + struct.pack("<II", 0, 0)]


def _unlaced(setup: bytes) -> list[bytes]:
    """The three headers of Vorbis out of their Xiph lacing."""
    if setup[:1] != b"\x02":
        raise damaged("sound", "its Vorbis headers are missing")
    at = 1
    sizes = []
    for _ in range(2):
        size = 0
        while at < len(setup) and setup[at] == 255:
            size += 255
            at += 1
        sizes.append(size + (setup[at] if at < len(setup) else 0))
        at += 1
    first, second = sizes
    heads = [setup[at : at + first], setup[at + first : at + first + second], setup[at + first + second :]]
    if [head[:7] for head in heads] != [b"\x01vorbis", b"\x03vorbis", b"\x05vorbis"] or len(heads[0]) < 30:
        raise damaged("sound", "its Vorbis headers are damaged")
    return heads


def _page(packets: list[bytes], granule: int, number: int, flags: int) -> bytes:
    laces = b"".join(b"\xff" * (len(packet) // 255) + bytes([len(packet) % 255]) for packet in packets)
    if len(laces) > _MAX_LACES:
        raise damaged("sound", "a packet is too long")
    head = struct.pack("<4sBBqIIIB", b"OggS", 0, flags, granule, _SERIAL, number, 0, len(laces))
    page = head + laces + b"".join(packets)
    return page[:22] + struct.pack("<I", _checksum(page)) + page[26:]


def _checksum(page: bytes) -> int:
    """Ogg's CRC-32 is that of zlib on mirrored bits, without its two inversions."""
    mirrored = zlib.crc32(page.translate(_MIRRORED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{mirrored:032b}"[::-1], 2)
