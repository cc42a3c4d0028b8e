"""TIFF 6.0, BigTIFF above 3 GiB: strips packed with Deflate, kept in an unnamed file until their places are known."""

import struct
import tempfile
import zlib
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from omniwatt.engines.draw.encode.form import Form, is_cmyk, said, srgb, xmp
from omniwatt.engines.draw.encode.separate import to_inks

_STRIP_BYTES = 2 << 20
_CLASSIC_MOST = 3 << 30
_SHORT, _LONG, _ASCII, _BYTE, _RATIONAL, _UNDEFINED, _LONG8 = 3, 4, 2, 1, 5, 7, 16
_SIZES = {_SHORT: 2, _LONG: 4, _ASCII: 1, _BYTE: 1, _RATIONAL: 8, _UNDEFINED: 1, _LONG8: 8}
_PIECE = 1 << 20


class Tiff:
    """RGB, RGBA (not premultiplied), or CMYK with a CMYK profile; horizontal differences, Deflate."""

    def __init__(self, form: Form) -> None:
        self._form = form
        self._inks = to_inks(form.icc) if is_cmyk(form.icc) else None
        self._channels = 4 if form.alpha or self._inks is not None else 3
        self._per_strip = max(1, min(form.height, _STRIP_BYTES // (form.width * self._channels)))
        self._waiting = np.zeros((0, form.width, self._channels), np.uint8)
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `pieces`
        self._counts: list[int] = []

    def rows(self, pixels: NDArray[np.uint8]) -> bytes:
        """Nothing comes before the end: a TIFF's first bytes say where its last ones are."""
        part = pixels[:, :, : self._channels]
        if self._inks is not None:
            image = Image.fromarray(np.ascontiguousarray(pixels[:, :, :3]), "RGB")
            part = np.asarray(self._inks(image))
        self._waiting = np.concatenate([self._waiting, part])
        while len(self._waiting) >= self._per_strip:
            self._strip(self._waiting[: self._per_strip])
            self._waiting = self._waiting[self._per_strip :]
        return b""

    def end(self) -> bytes:
        return b"".join(self.pieces())

    def pieces(self) -> Iterator[bytes]:
        """The file in pieces of a megabyte, for those that are too large to hold."""
        if len(self._waiting):
            self._strip(self._waiting)
        with self._file as file:
            yield self._head()
            file.seek(0)
            while data := file.read(_PIECE):
                yield data

    def _strip(self, rows: NDArray[np.uint8]) -> None:
        apart = rows.copy()
        apart[:, 1:] -= rows[:, :-1]
        data = zlib.compress(apart.data, 1)
        self._file.write(data)
        self._counts.append(len(data))

    def _head(self) -> bytes:
        """Header, directory and its values; the strips follow."""
        big = sum(self._counts) > _CLASSIC_MOST
        draft = self._directory(big, 0)
        return self._directory(big, len(draft))

    def _directory(self, big: bool, first: int) -> bytes:
        entries = self._entries(big, first)
        start = 16 if big else 8
        width, inline = (20, 8) if big else (12, 4)
        table = start + (8 if big else 2) + width * len(entries) + (8 if big else 4)
        out, values = bytearray(), bytearray()
        out += struct.pack("<2sHHHQ", b"II", 43, 8, 0, 16) if big else struct.pack("<2sHI", b"II", 42, 8)
        out += struct.pack("<Q" if big else "<H", len(entries))
        for tag, kind, data in sorted(entries):
            count = len(data) // _SIZES[kind] if kind != _RATIONAL else len(data) // 8
            out += struct.pack("<HHQ" if big else "<HHI", tag, kind, count)
            if len(data) <= inline:
                out += data.ljust(inline, b"\0")
                continue
            out += struct.pack("<Q" if big else "<I", table + len(values))
            values += data + b"\0" * (len(data) % 2)
        return bytes(out + b"\0" * (8 if big else 4) + values)

    def _entries(self, big: bool, first: int) -> list[tuple[int, int, bytes]]:
        form = self._form
        offsets, place = [], first
        for count in self._counts:
            offsets.append(place)
            place += count
        wide, kind = ("Q", _LONG8) if big else ("I", _LONG)
        many = len(self._counts)
        dpi = struct.pack("<II", round((form.dpi or 72) * 1000), 1000)
        photometric = 5 if self._inks is not None else 2
        entries = [
            (256, _LONG, struct.pack("<I", form.width)),
            (257, _LONG, struct.pack("<I", form.height)),
            (258, _SHORT, struct.pack("<H", 8) * self._channels),
            (259, _SHORT, struct.pack("<H", 8)),
            (262, _SHORT, struct.pack("<H", photometric)),
            (270, _ASCII, _ascii(said(form.provenance))),
            (273, kind, struct.pack(f"<{many}{wide}", *offsets)),
            (277, _SHORT, struct.pack("<H", self._channels)),
            (278, _LONG, struct.pack("<I", self._per_strip)),
            (279, kind, struct.pack(f"<{many}{wide}", *self._counts)),
            (282, _RATIONAL, dpi),
            (283, _RATIONAL, dpi),
            (284, _SHORT, struct.pack("<H", 1)),
            (296, _SHORT, struct.pack("<H", 2)),
            (305, _ASCII, _ascii(form.generator)),
            (317, _SHORT, struct.pack("<H", 2)),
            (700, _BYTE, xmp(form.provenance)),
            (34675, _UNDEFINED, form.icc or srgb()),
        ]
        if form.alpha and self._inks is None:
            entries.append((338, _SHORT, struct.pack("<H", 2)))
        return entries


def _ascii(text: str) -> bytes:
    return text.encode("ascii", "backslashreplace") + b"\0"
