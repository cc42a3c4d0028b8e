"""WebP: the one form here that wants the whole picture at once, and ends at 16,383 pixels a side."""

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from omniwatt.engines.draw.encode.form import Form, said, srgb, xmp

WEBP_MOST_PX = 16_383
_SOFTWARE, _DESCRIPTION = 0x0131, 0x010E


class Webp:
    """Lossy at `quality`, lossless at 100."""

    def __init__(self, form: Form) -> None:
        self._form = form
        self._image = Image.new("RGBA" if form.alpha else "RGB", (form.width, form.height))
        self._top = 0

    def rows(self, pixels: NDArray[np.uint8]) -> bytes:
        band = np.ascontiguousarray(pixels if self._form.alpha else pixels[:, :, :3])
        self._image.paste(Image.fromarray(band), (0, self._top))
        self._top += pixels.shape[0]
        return b""

    def end(self) -> bytes:
        exif = Image.Exif()
        exif[_SOFTWARE], exif[_DESCRIPTION] = self._form.generator, said(self._form.provenance)
        out = io.BytesIO()
        more: dict[str, Any] = {"lossless": True, "method": 1} if self._form.quality >= 100 else {"method": 3}
        self._image.save(
            out,
            "WEBP",
            quality=self._form.quality,
            exif=exif,
            xmp=xmp(self._form.provenance),
            icc_profile=self._form.icc or srgb(),
            **more,
        )
        return out.getvalue()
