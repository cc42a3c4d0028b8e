"""The first sound track of an MP4, M4A or QuickTime file (ISO 14496-12), also a fragmented one."""

import struct
from collections.abc import Iterator

import msgspec
import numpy as np
from numpy.typing import NDArray

from omniwatt.contract.error import BadInput
from omniwatt.engines.media.isoentry import codec_of
from omniwatt.engines.media.track import MAX_PACKETS, Check, Track, breaks_off, damaged

_INDEX = frozenset(
    (
        b"moov",
        b"trak",
        b"mdia",
        b"minf",
        b"stbl",
        b"stsd",
        b"stsz",
        b"stsc",
        b"stco",
        b"co64",
        b"moof",
        b"traf",
        b"trun",
    )
)
_CHECK_EVERY = 256


class Box(msgspec.Struct, frozen=True):
    """One box: its four letters, where it begins and what is in it."""

    kind: bytes
    at: int
    body: memoryview


class _Defaults(msgspec.Struct):
    """What `trex` and `tfhd` say for packets that a run does not describe."""

    track: int = 0
    size: int = 0


def track(data: memoryview, check: Check) -> Track:
    """Find it. Raises BadInput."""
    top = list(boxes(data))
    movie = _one(top, b"moov")
    if movie is None:
        raise damaged("MP4", "it has no index (`moov`); it may have been cut off")
    sounds = [box.body for box in boxes(movie) if box.kind == b"trak" and _is_sound(box.body)]
    if not sounds:
        raise BadInput("The file has no sound track.", param="data", code="no_audio_track")
    codec, setup = codec_of(_path(sounds[0], b"mdia", b"minf", b"stbl", b"stsd"))
    places = _packets(_path(sounds[0], b"mdia", b"minf", b"stbl"), data)
    fragments = [box for box in top if box.kind == b"moof"]
    if fragments:
        number = _number(_path(sounds[0], b"tkhd"))
        places = np.concatenate([places, _fragments(fragments, movie, number, check)])
    if not len(places):
        raise BadInput("The file holds no sound.", param="data")
    missing = int(np.count_nonzero(places.sum(axis=1) > len(data)))
    if missing:
        raise breaks_off(len(places) - missing, len(places), "packets")
    skip_s, seconds = _edits(sounds[0], movie)
    return Track(codec=codec, setup=setup, places=places, skip_s=skip_s, seconds=seconds)


def boxes(data: memoryview) -> Iterator[Box]:
    """The boxes side by side in `data`. One that is longer than there are bytes is cut; a part of the index is not."""
    at = 0
    while at + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        head = 8
        if size == 1 and at + 16 <= len(data):
            size = struct.unpack_from(">Q", data, at + 8)[0]
            head = 16
        elif size == 0:
            size = len(data) - at
        if size < head:
            raise damaged("MP4", f"the box at byte {at} is shorter than its head")
        if at + size > len(data) and kind in _INDEX:
            raise breaks_off(len(data), at + size, "bytes")
        yield Box(kind, at, data[at + head : at + size])
        at += size


def _one(found: list[Box], kind: bytes) -> memoryview | None:
    return next((box.body for box in found if box.kind == kind), None)


def _path(body: memoryview, *kinds: bytes) -> memoryview:
    """The box inside boxes; empty when one of them is missing."""
    for kind in kinds:
        body = _one(list(boxes(body)), kind) or memoryview(b"")
    return body


def _is_sound(trak: memoryview) -> bool:
    return bytes(_path(trak, b"mdia", b"hdlr")[8:12]) == b"soun"


def _number(tkhd: memoryview) -> int:
    if len(tkhd) < 24:
        raise damaged("MP4", "a track has no number")
    return int(struct.unpack_from(">I", tkhd, 20 if tkhd[0] == 1 else 12)[0])


def _table(body: memoryview, at: int, kind: str, width: int = 1) -> NDArray[np.int64]:
    """The numbers of a table whose length stands before it."""
    if len(body) < at:
        return np.zeros((0, width), np.int64)
    count = struct.unpack_from(">I", body, at - 4)[0]
    have = (len(body) - at) // (np.dtype(kind).itemsize * width)
    if count > have:
        raise damaged("MP4", "a table is longer than its box")
    return np.frombuffer(body, kind, count * width, at).astype(np.int64).reshape(-1, width)


def _packets(stbl: memoryview, data: memoryview) -> NDArray[np.int64]:
    """Offset and size of all packets the index lists."""
    sizes = _sizes(_path(stbl, b"stsz"), len(data))
    chunks = _table(_path(stbl, b"stco"), 8, ">u4")[:, 0]
    if not len(chunks):
        chunks = _table(_path(stbl, b"co64"), 8, ">u8")[:, 0]
    runs = _table(_path(stbl, b"stsc"), 8, ">u4", 3)
    if not len(sizes):
        return np.zeros((0, 2), np.int64)
    if not len(chunks) or not len(runs) or np.any(np.diff(runs[:, 0]) <= 0) or runs[0, 0] != 1:
        raise damaged("MP4", "its index does not say where the packets are")
    of_run = np.searchsorted(runs[:, 0], np.arange(1, len(chunks) + 1), side="right") - 1
    in_chunk = np.minimum(runs[of_run, 1], len(sizes))
    ends = np.cumsum(in_chunk)
    if ends[-1] < len(sizes):
        raise damaged("MP4", "its index does not say where the packets are")
    chunk = np.searchsorted(ends, np.arange(len(sizes)), side="right")
    before = np.cumsum(sizes) - sizes
    first = np.minimum(ends - in_chunk, len(sizes) - 1)[chunk]
    offsets = chunks[chunk] + before - before[first]
    if np.any(offsets < 0):
        raise damaged("MP4", "its index does not say where the packets are")
    return np.stack([offsets, sizes], axis=1)


def _sizes(stsz: memoryview, limit_bytes: int) -> NDArray[np.int64]:
    if len(stsz) < 12:
        return np.zeros(0, np.int64)
    each, count = struct.unpack_from(">II", stsz, 4)
    if each == 0:
        return _table(stsz, 12, ">u4")[:, 0]
    if count > MAX_PACKETS or count * each > limit_bytes:
        raise breaks_off(limit_bytes, count * each, "bytes")
    return np.full(count, each, np.int64)


def _fragments(fragments: list[Box], movie: memoryview, number: int, check: Check) -> NDArray[np.int64]:
    """Offset and size of the packets in the fragments, in their order."""
    extends = _path(movie, b"mvex")
    common = _Defaults(number)
    for box in boxes(extends):
        if box.kind == b"trex" and len(box.body) >= 20 and struct.unpack_from(">I", box.body, 4)[0] == number:
            common.size = struct.unpack_from(">I", box.body, 16)[0]
    found = [np.zeros((0, 2), np.int64)]
    total = 0
    for index, fragment in enumerate(fragments):
        if index % _CHECK_EVERY == 0:
            check()
        for box in boxes(fragment.body):
            if box.kind == b"traf":
                found += _runs(list(boxes(box.body)), fragment.at, common)
                total += len(found[-1])
        if total > MAX_PACKETS:
            raise damaged("MP4", f"it has more than {MAX_PACKETS} packets")
    return np.concatenate(found)


def _runs(traf: list[Box], moof_at: int, common: _Defaults) -> list[NDArray[np.int64]]:
    head = _one(traf, b"tfhd")
    if head is None or len(head) < 8:
        raise damaged("MP4", "a fragment has no head")
    flags, number = struct.unpack_from(">II", head)
    if number != common.track:
        return []
    at = 8
    base = moof_at
    if flags & 0x1:
        base = _field(head, at, ">Q")
        at += 8
    at += 4 * ((flags >> 1 & 1) + (flags >> 3 & 1))
    size = _field(head, at, ">I") if flags & 0x10 else common.size
    return [_run(box.body, base, size) for box in traf if box.kind == b"trun"]


def _run(body: memoryview, base: int, size: int) -> NDArray[np.int64]:
    flags, count = _field(body, 0, ">I"), _field(body, 4, ">I")
    at = 8
    if flags & 0x1:
        base += _field(body, at, ">i")
        at += 4
    at += 4 * (flags >> 2 & 1)
    columns = [bit for bit in (0x100, 0x200, 0x400, 0x800) if flags & bit]
    if count > MAX_PACKETS or (columns and count > (len(body) - at) // (4 * len(columns))):
        raise damaged("MP4", "a table is longer than its box")
    sizes = np.full(count, size, np.int64)
    if flags & 0x200:
        table = np.frombuffer(body, ">u4", count * len(columns), at).reshape(count, -1)
        sizes = table[:, columns.index(0x200)].astype(np.int64)
    offsets = base + np.cumsum(sizes) - sizes
    if count and offsets[0] < 0:
        raise damaged("MP4", "a fragment begins before the file")
    return np.stack([offsets, sizes], axis=1)


def _edits(trak: memoryview, movie: memoryview) -> tuple[float, float | None]:
    """Seconds to leave out at the beginning, and how many to play then: what encoders write to hide their delay."""
    table = _path(trak, b"edts", b"elst")
    media_hz, movie_hz = _timescale(_path(trak, b"mdia", b"mdhd")), _timescale(_path(movie, b"mvhd"))
    if len(table) < 20 or not media_hz or not movie_hz:
        return 0.0, None
    long = table[0] == 1
    count = _field(table, 4, ">I")
    at = 8
    for _ in range(min(count, (len(table) - 8) // (20 if long else 12))):
        seconds, start = struct.unpack_from(">Qq" if long else ">Ii", table, at)
        if start >= 0:
            return start / media_hz, seconds / movie_hz if seconds and count == 1 else None
        at += 20 if long else 12
    return 0.0, None


def _timescale(head: memoryview) -> int:
    if not len(head):
        return 0
    at = 20 if head[0] == 1 else 12
    return _field(head, at, ">I") if len(head) >= at + 4 else 0


def _field(body: memoryview, at: int, kind: str) -> int:
    if at + struct.calcsize(kind) > len(body):
        raise damaged("MP4", "a box is too short")
    return int(struct.unpack_from(kind, body, at)[0])
