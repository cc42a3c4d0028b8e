"""The first sound track of a Matroska or WebM file (RFC 8794, RFC 9559)."""

import struct
from array import array
from collections.abc import Iterator

import numpy as np

from omniwatt.contract.error import BadInput
from omniwatt.engines.media.track import MAX_PACKETS, Check, Codec, Track, breaks_off, damaged, no_decoder

_SEGMENT, _CLUSTER, _BLOCK_GROUP, _TRACKS, _INFO = 0x18538067, 0x1F43B675, 0xA0, 0x1654AE6B, 0x1549A966
_ENTERED = frozenset({_SEGMENT, _CLUSTER, _BLOCK_GROUP, _TRACKS, _INFO})
_TRACK_ENTRY, _TIMESTAMP, _SIMPLE_BLOCK, _BLOCK, _SCALE = 0xAE, 0xE7, 0xA3, 0xA1, 0x2AD7B1
_NUMBER, _TYPE, _CODEC, _PRIVATE, _ENCODINGS, _DELAY = 0xD7, 0x83, 0x86, 0x63A2, 0x6D80, 0x56AA
_SOUND = 2
_CODECS: dict[str, Codec] = {
    "A_OPUS": "opus",
    "A_VORBIS": "vorbis",
    "A_AAC": "aac",
    "A_MPEG/L3": "mp3",
    "A_FLAC": "flac",
}
_CHECK_EVERY = 8192
_LAST_PACKET_MS = 60


def track(data: memoryview, check: Check) -> Track:
    """Find it. Raises BadInput."""
    return _Reading(data, check).track()


class _Reading:
    """One walk through the elements; those that hold others are entered by going on behind their heads."""

    def __init__(self, data: memoryview, check: Check) -> None:
        self._data = data
        self._check = check
        self._entry: dict[int, bytes] = {}
        self._places = array("q")
        self._starts_ms = array("q")
        self._cluster = 0
        self._scale_ns = 1_000_000

    def track(self) -> Track:
        for count, (kind, start, size) in enumerate(_elements(self._data)):
            if count % _CHECK_EVERY == 0:
                self._check()
            self._take(kind, start, size)
        if not self._entry:
            raise BadInput("The file has no sound track.", param="data", code="no_audio_track")
        if not self._places:
            raise BadInput("The file holds no sound.", param="data")
        starts = np.array(self._starts_ms, np.int64)
        starts -= starts[0]
        return Track(
            codec=self._codec(),
            setup=self._entry.get(_PRIVATE, b""),
            places=np.array(self._places, np.int64).reshape(-1, 2),
            ends_ms=np.append(starts[1:], starts[-1] + _LAST_PACKET_MS),
        )

    def _codec(self) -> Codec:
        name = self._entry.get(_CODEC, b"").decode("ascii", "replace").rstrip("\0")
        if self._entry.get(_ENCODINGS):
            raise no_decoder("a track that is compressed again, or encrypted,")
        if name not in _CODECS:
            raise no_decoder(name)
        return _CODECS[name]

    def _take(self, kind: int, start: int, size: int) -> None:
        if kind in {_SIMPLE_BLOCK, _BLOCK}:
            self._block(start, size)
        elif kind == _TIMESTAMP:
            self._cluster = int.from_bytes(self._data[start : start + size])
        elif kind == _TRACK_ENTRY and not self._entry:
            inner = self._data[start : start + size]
            found = {one: bytes(inner[at : at + length]) for one, at, length in _elements(inner)}
            if int.from_bytes(found.get(_TYPE, b"")) == _SOUND:
                self._entry = found
        elif kind == _SCALE:
            self._scale_ns = int.from_bytes(self._data[start : start + size])

    def _block(self, start: int, size: int) -> None:
        number, at = _number(self._data, start, keep_marker=False)
        if at + 3 > start + size:
            raise damaged("WebM", "a block is too short")
        if not self._entry or number != int.from_bytes(self._entry.get(_NUMBER, b"")):
            return
        offset, flags = struct.unpack_from(">hB", self._data, at)
        start_ms = (self._cluster + offset) * self._scale_ns // 1_000_000
        for place in _laced(self._data, at + 3, start + size, flags >> 1 & 3):
            self._places.extend(place)
            self._starts_ms.append(min(max(start_ms, 0), 1 << 40))
        if len(self._starts_ms) > MAX_PACKETS:
            raise damaged("WebM", f"it has more than {MAX_PACKETS} packets")


def _elements(data: memoryview) -> Iterator[tuple[int, int, int]]:
    """Id, start and size of each. Raises BadInput where the file ends before an element does."""
    at = 0
    end = len(data)
    while at < end:
        kind, at = _number(data, at, keep_marker=True)
        head = at
        size, at = _number(data, at, keep_marker=False)
        unknown = size == (1 << 7 * (at - head)) - 1
        if kind in _ENTERED:
            yield kind, at, 0
            continue
        if unknown:
            raise damaged("WebM", "an element has no length")
        if at + size > end:
            raise breaks_off(end, at + size, "bytes")
        yield kind, at, size
        at += size


def _number(data: memoryview, at: int, *, keep_marker: bool) -> tuple[int, int]:
    """A number of variable length, and where it ends. Ids keep the bit that says how long they are."""
    if at >= len(data):
        raise breaks_off(len(data), at + 1, "bytes")
    first = data[at]
    length = 9 - first.bit_length()
    if length > 8 or at + length > len(data):
        raise damaged("WebM", f"byte {at} begins no element")
    value = int.from_bytes(data[at : at + length])
    return value if keep_marker else value & (1 << 7 * length) - 1, at + length


def _laced(data: memoryview, at: int, end: int, lacing: int) -> list[tuple[int, int]]:
    """Offset and size of the packets of a block."""
    if lacing == 0:
        return [(at, end - at)]
    if at >= end:
        raise damaged("WebM", "a block is too short")
    count = data[at] + 1
    at += 1
    sizes: list[int] = []
    if lacing == 1:
        for _ in range(count - 1):
            at, size = _xiph(data, at, end)
            sizes.append(size)
    elif lacing == 3:
        size = 0
        for index in range(count - 1):
            value, after = _number(data, at, keep_marker=False)
            size = value if index == 0 else size + value - ((1 << 7 * (after - at) - 1) - 1)
            at = after
            sizes.append(size)
    else:
        sizes = [(end - at) // count] * (count - 1)
    sizes.append(end - at - sum(sizes))
    if min(sizes) < 0:
        raise damaged("WebM", "the packets of a block are longer than the block")
    starts = [at + sum(sizes[:index]) for index in range(count)]
    return list(zip(starts, sizes, strict=True))


def _xiph(data: memoryview, at: int, end: int) -> tuple[int, int]:
    size = 0
    while at < end and data[at] == 255:
        size += 255
        at += 1
    if at >= end:
        raise damaged("WebM", "a block is too short")
    return at + 1, size + data[at]
