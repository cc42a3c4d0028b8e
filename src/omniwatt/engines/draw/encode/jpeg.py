"""JPEG (ITU-T T.81) of any height from bands, each packed alone and joined at restart markers.

At a restart marker the entropy coder begins anew (T.81, E.1.4), and markers are numbered modulo 8. A band whose every
row of blocks ends in one, and whose rows of blocks are a multiple of 8, can be followed by the next with one marker
between; tables are the standard ones, equal in all bands.
"""

import io
import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from omniwatt.engines.draw.encode.form import Form, is_cmyk, said, srgb, xmp
from omniwatt.engines.draw.encode.separate import to_inks

_BLOCK_ROWS = 8
_SUBSAMPLED_BELOW = 90
_SOFTWARE, _DESCRIPTION = 0x0131, 0x010E
_RST7 = b"\xff\xd7"


class Jpeg:
    """RGB (4:2:0 below quality 90), or CMYK with a CMYK profile; the alpha channel is laid on white."""

    def __init__(self, form: Form) -> None:
        self._form = form
        self._inks = to_inks(form.icc) if is_cmyk(form.icc) else None
        self._halved = form.quality < _SUBSAMPLED_BELOW and self._inks is None
        self._band = (16 if self._halved else 8) * _BLOCK_ROWS
        self._waiting = np.zeros((0, form.width, 3), np.uint8)
        self._first = True

    def rows(self, pixels: NDArray[np.uint8]) -> bytes:
        self._waiting = np.concatenate([self._waiting, on_white(pixels) if self._form.alpha else pixels[:, :, :3]])
        out = []
        while len(self._waiting) > self._band:
            out.append(self._packed(self._waiting[: self._band]))
            self._waiting = self._waiting[self._band :]
        return b"".join(out)

    def end(self) -> bytes:
        return self._packed(self._waiting) + b"\xff\xd9"

    def _packed(self, band: NDArray[np.uint8]) -> bytes:
        image: Any = Image.fromarray(np.ascontiguousarray(band), "RGB")
        if self._inks is not None:
            image = self._inks(image)
        out = io.BytesIO()
        image.save(
            out,
            "JPEG",
            quality=min(95, max(1, self._form.quality)),
            subsampling=2 if self._halved else 0,
            restart_marker_rows=1,
            optimize=False,
            **self._said() if self._first else {},
        )
        data = out.getvalue()
        start = data.index(b"\xff\xda")
        if not self._first:
            skip = start + 2 + struct.unpack_from(">H", data, start + 2)[0]
            return _RST7 + data[skip:-2]
        self._first = False
        return _heightened(data[:-2], self._form.height)

    def _said(self) -> dict[str, Any]:
        exif = Image.Exif()
        exif[_SOFTWARE] = self._form.generator
        exif[_DESCRIPTION] = said(self._form.provenance)
        more = {"dpi": (self._form.dpi, self._form.dpi)} if self._form.dpi else {}
        return {"exif": exif, "xmp": xmp(self._form.provenance), "icc_profile": self._form.icc or srgb(), **more}


def _heightened(data: bytes, height: int) -> bytes:
    """The first band's header with the height of the whole picture."""
    place = 2
    while place < len(data):
        marker, length = data[place + 1], struct.unpack_from(">H", data, place + 2)[0]
        if marker in (0xC0, 0xC1, 0xC2):
            return data[: place + 5] + struct.pack(">H", height) + data[place + 7 :]
        place += 2 + length
    raise ValueError("the band has no frame header")


def on_white(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """RGBA laid on white paper, as RGB."""
    alpha = pixels[:, :, 3:].astype(np.uint16)
    mixed = (pixels[:, :, :3].astype(np.uint16) * alpha + 255 * (255 - alpha) + 127) // 255
    return mixed.astype(np.uint8)
