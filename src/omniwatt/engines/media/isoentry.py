"""How a sound track of an MP4 file says what it is encoded with (ISO 14496-12, 8.5.2; ISO 14496-1, 7.2.6)."""

import struct
from collections.abc import Iterator

from omniwatt.engines.media.track import Codec, damaged, no_decoder

_AAC = frozenset({0x40, 0x66, 0x67, 0x68})
_MP3 = frozenset({0x69, 0x6B})
_QUICKTIME_EXTRA = {1: 16, 2: 36}
_ES, _DECODER, _SPECIFIC = 3, 4, 5
_NAMES = {
    b"alac": "Apple Lossless",
    b"ac-3": "AC-3",
    b"ec-3": "E-AC-3",
    b"samr": "AMR",
    b"sawb": "AMR-WB",
    b"enca": "encrypted sound",
}


def codec_of(stsd: memoryview) -> tuple[Codec, bytes]:
    """Codec and its setup, of the first sample entry. Raises BadInput."""
    if len(stsd) < 44:
        raise damaged("MP4", "its sound track does not say what it is encoded with")
    size, kind = struct.unpack_from(">I4s", stsd, 8)
    entry = stsd[16 : 8 + size]
    if kind == b"mp4a":
        return _mpeg4(entry)
    if kind == b".mp3":
        return "mp3", b""
    if kind == b"Opus":
        return "opus", _opus_head(_inside(entry, b"dOps"))
    if kind == b"fLaC":
        return "flac", b"fLaC" + bytes(_inside(entry, b"dfLa")[4:])
    raise no_decoder(_NAMES.get(kind, kind.decode("ascii", "replace").strip()))


def _mpeg4(entry: memoryview) -> tuple[Codec, bytes]:
    objects = dict(_descriptors(_inside(entry, b"esds")[4:]))
    kind = objects.get(_DECODER, b"\0")[0]
    if kind in _MP3:
        return "mp3", b""
    if kind not in _AAC:
        raise no_decoder(f"MPEG-4 sound of object type {kind:#x}")
    return "aac", objects.get(_SPECIFIC, b"")


def _inside(entry: memoryview, wanted: bytes) -> memoryview:
    """A box inside a sample entry, or in the `wave` box where QuickTime puts it."""
    version = struct.unpack_from(">H", entry, 8)[0] if len(entry) >= 28 else 0
    at = 28 + _QUICKTIME_EXTRA.get(version, 0)
    while at + 8 <= len(entry):
        size, kind = struct.unpack_from(">I4s", entry, at)
        if kind == wanted:
            return entry[at + 8 : at + size]
        # The boxes within `wave` lie side by side behind its head.
        at += 8 if kind == b"wave" else max(size, 8)
    raise damaged("MP4", f"its sound track has no `{wanted.decode()}` box")


def _descriptors(body: memoryview) -> Iterator[tuple[int, bytes]]:
    """Tag and contents; those that hold others are entered."""
    at = 0
    while at + 2 <= len(body):
        tag = body[at]
        at += 1
        size = 0
        for _ in range(4):
            if at >= len(body):
                return
            size = size << 7 | body[at] & 0x7F
            at += 1
            if not body[at - 1] & 0x80:
                break
        inner = body[at : at + size]
        if tag == _ES and len(inner) >= 3:
            flags = inner[2]
            at += 3 + 2 * (flags >> 7) + (inner[3] + 1 if flags & 0x40 and len(inner) > 3 else 0) + 2 * (flags >> 5 & 1)
        elif tag == _DECODER and len(inner) >= 13:
            yield tag, bytes(inner)
            at += 13
        else:
            yield tag, bytes(inner)
            at += size


def _opus_head(dops: memoryview) -> bytes:
    """The same facts as OpusHead has, in the other byte order."""
    if len(dops) < 11:
        raise damaged("MP4", "its Opus header is too short")
    version, channels, skip, rate_hz, gain, family = struct.unpack_from(">BBHIhB", dops)
    head = struct.pack("<8sBBHIhB", b"OpusHead", version or 1, channels, skip, rate_hz, gain, family)
    return head + bytes(dops[11:])
