"""PNG (ISO/IEC 15948) written while it is painted; the packing runs in a thread beside the painter."""

import struct
import zlib
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from omniwatt.engines.draw.encode.form import Form, xmp

_BIG_PIXELS = 8_000_000
"""Above, speed comes before the last per cent of size."""


class Png:
    """8 bits a channel, each row as its difference from the one above, sRGB, provenance as iTXt."""

    def __init__(self, form: Form) -> None:
        self._form = form
        self._channels = 4 if form.alpha else 3
        self._above = np.zeros((1, form.width, self._channels), np.uint8)
        level = 1 if form.width * form.height > _BIG_PIXELS else 4
        self._packer = zlib.compressobj(level, zlib.DEFLATED, 15, 9, zlib.Z_FILTERED)
        self._head = self._preamble()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="png")
        self._packing: Future[bytes] | None = None

    def _preamble(self) -> bytes:
        form = self._form
        head = struct.pack(">IIBBBBB", form.width, form.height, 8, 6 if form.alpha else 2, 0, 0, 0)
        out = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head)
        out += chunk(b"iCCP", b"profile\0\0" + zlib.compress(form.icc)) if form.icc else chunk(b"sRGB", b"\0")
        if form.dpi:
            out += chunk(b"pHYs", struct.pack(">IIB", *[round(form.dpi / 0.0254)] * 2, 1))
        for name, value in {"Software": form.generator, **form.provenance}.items():
            keyword = name if name == "Software" else f"omniwatt:{name}"
            out += chunk(b"iTXt", keyword.encode("latin-1", "replace")[:79] + b"\0\0\0\0\0" + value.encode())
        return out + chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp(form.provenance))

    def rows(self, pixels: NDArray[np.uint8]) -> bytes:
        """Gives what the rows before came to, while these are packed."""
        part = pixels[:, :, : self._channels]
        lines = np.empty((part.shape[0], part.shape[1] * self._channels + 1), np.uint8)
        lines[:, 0] = 2
        body = lines[:, 1:].reshape(part.shape)
        np.subtract(part[:1], self._above, out=body[:1])
        np.subtract(part[1:], part[:-1], out=body[1:])
        self._above = part[-1:].copy()
        out = self._head + self._packed()
        self._head = b""
        self._packing = self._thread.submit(self._packer.compress, lines.data)
        return out

    def end(self) -> bytes:
        try:
            return self._head + self._packed() + chunk(b"IDAT", self._packer.flush()) + chunk(b"IEND", b"")
        finally:
            self._thread.shutdown(wait=False)

    def _packed(self) -> bytes:
        data = self._packing.result() if self._packing is not None else b""
        return chunk(b"IDAT", data) if data else b""


def chunk(kind: bytes, data: bytes) -> bytes:
    """One chunk with its length and check sum."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(data, zlib.crc32(kind)))
