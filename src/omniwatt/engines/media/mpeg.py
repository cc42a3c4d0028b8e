"""Frames of MPEG sound, layers II and III (ISO 11172-3, ISO 13818-3): where they lie, and what hides around them."""

import re
import struct
from array import array

import msgspec
import numpy as np
from numpy.typing import NDArray

from omniwatt.contract.error import BadInput
from omniwatt.engines.media.track import MAX_PACKETS, Check, breaks_off, damaged

_RATES_HZ = (44_100, 48_000, 32_000)
_KBIT = {
    (3, 1): (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (3, 2): (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (2, 1): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (2, 2): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
"""By version (3 is MPEG-1; 2 and 0 are 2 and 2.5) and layer bits (1 is layer III, 2 layer II)."""
_SYNC = re.compile(rb"\xff[\xe2-\xff]")
_MAX_JUNK = 1 << 20
_CHECK_EVERY = 8192
_DECODER_DELAY = 529
"""Samples by which every decoder of layer III is late, and that its encoders' tags do not count."""


class Frames(msgspec.Struct, frozen=True, kw_only=True):
    """All frames of a file. `skip` and `total` leave out what the encoder added at both ends, as its tag says."""

    places: NDArray[np.int64]
    rate_hz: int
    channels: int
    per_frame: int
    layer: str
    skip: int = 0
    total: int | None = None


class _Head(msgspec.Struct, frozen=True):
    size: int
    rate_hz: int
    channels: int
    per_frame: int
    layer: int
    mpeg1: bool


def frames(data: memoryview, check: Check) -> Frames:
    """Find them, leaving out tags and junk. Raises BadInput."""
    at = _after_tags(data)
    places = array("q")
    first: _Head | None = None
    junk = 0
    while at + 4 <= len(data) and len(places) < 2 * MAX_PACKETS:
        if len(places) % _CHECK_EVERY == 0:
            check()
        head = _head(data, at)
        if head is None or (first and _kind(head) != _kind(first)):
            following = _resync(data, at + 1, first)
            junk += following - at
            if junk > _MAX_JUNK:
                raise damaged("MPEG sound", f"at byte {at} there is no frame")
            at = following
            continue
        if at + head.size > len(data):
            break
        first = first or head
        places.extend((at, head.size))
        at += head.size
    if first is None:
        raise BadInput("The audio/mpeg data cannot be read: there is no whole frame in them.", param="data")
    return _without_tag(data, np.array(places, np.int64).reshape(-1, 2), first)


def frame_bytes(data: memoryview) -> int:
    """Size of the frame `data` begins with; 0 when it begins with none."""
    head = _head(data, 0)
    return head.size if head else 0


def _head(data: memoryview, at: int) -> _Head | None:
    """The header of a frame; None when there is none. A free bit rate counts as none: nobody uses it."""
    if at + 4 > len(data) or data[at] != 0xFF or data[at + 1] & 0xE0 != 0xE0:
        return None
    version, layer = data[at + 1] >> 3 & 3, data[at + 1] >> 1 & 3
    rate, kbit = data[at + 2] >> 2 & 3, data[at + 2] >> 4
    if version == 1 or layer not in {1, 2} or rate == 3 or kbit in {0, 15}:
        return None
    mpeg1 = version == 3
    rate_hz = _RATES_HZ[rate] >> (0 if mpeg1 else 1 if version == 2 else 2)
    per_frame = 1152 if mpeg1 or layer == 2 else 576
    size = per_frame * 125 * _KBIT[3 if mpeg1 else 2, layer][kbit] // rate_hz + (data[at + 2] >> 1 & 1)
    return _Head(size, rate_hz, 1 if data[at + 3] >> 6 == 3 else 2, per_frame, layer, mpeg1)


def _kind(head: _Head) -> tuple[int, int, int]:
    """What stays the same in all frames of a file: decoders die of changes."""
    return head.rate_hz, head.layer, head.channels


def _resync(data: memoryview, at: int, first: _Head | None) -> int:
    """Where the next frame begins that is followed by another or by the end; at most as far as junk may last."""
    end = min(len(data), at + _MAX_JUNK + 1)
    while at < end and (found := _SYNC.search(data, at, end)):
        at = found.start()
        head = _head(data, at)
        if head and (first is None or _kind(head) == _kind(first)):
            after = at + head.size
            if after >= len(data) or _head(data, after):
                return at
        at += 1
    return end


def _after_tags(data: memoryview) -> int:
    """ID3v2 tags (id3.org, 2.4.0) before the first frame."""
    at = 0
    while bytes(data[at : at + 3]) == b"ID3" and at + 10 <= len(data):
        size = 0
        for byte in data[at + 6 : at + 10]:
            size = size << 7 | byte & 0x7F
        at += 10 + size + (10 if data[at + 5] & 0x10 else 0)
    return at


def _without_tag(data: memoryview, places: NDArray[np.int64], head: _Head) -> Frames:
    """Take off the first frame if it holds no sound but the encoder's count of frames (Xing, Info, LAME)."""
    layer = "MPEG_LAYER_III" if head.layer == 1 else "MPEG_LAYER_II"
    start, size = places[0].tolist()
    tag = _tag_at(head, bytes(data[start : start + size]))
    found = Frames(places=places, rate_hz=head.rate_hz, channels=head.channels, per_frame=head.per_frame, layer=layer)
    if tag < 0:
        return found
    body = bytes(data[start + tag : start + size])
    places = places[1:]
    if not len(places):
        raise BadInput("The file holds no sound.", param="data")
    flags = struct.unpack_from(">I", body, 4)[0]
    promised = struct.unpack_from(">I", body, 8)[0] if flags & 1 and len(body) >= 12 else 0
    if promised > len(places):
        raise breaks_off(len(places), promised, "frames")
    found = msgspec.structs.replace(found, places=places)
    at = 8 + 4 * (flags & 1) + 4 * (flags >> 1 & 1) + 100 * (flags >> 2 & 1) + 4 * (flags >> 3 & 1)
    if not promised or promised != len(places) or len(body) < at + 24:
        return found
    delay, padding = body[at + 21] << 4 | body[at + 22] >> 4, (body[at + 22] & 0x0F) << 8 | body[at + 23]
    total = len(places) * head.per_frame - delay - padding
    if not delay or total <= 0:
        return found
    return msgspec.structs.replace(found, skip=delay + _DECODER_DELAY, total=total)


def _tag_at(head: _Head, frame: bytes) -> int:
    """Behind the side information, whose length depends on version and channels."""
    side = (32 if head.channels == 2 else 17) if head.mpeg1 else (17 if head.channels == 2 else 9)
    return 4 + side if frame[4 + side : 8 + side] in {b"Xing", b"Info"} else -1
