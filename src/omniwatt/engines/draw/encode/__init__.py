"""From rows of pixels to the bytes of a file, as they come.

Every encoder takes RGBA rows from the top down (`rows`) and gives bytes as soon as it has them; `end` gives the rest.
None of them keeps more than a band, but WebP, whose form wants the whole picture.
"""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from omniwatt.contract.error import UnsupportedField
from omniwatt.engines.draw.encode.form import Form, is_cmyk
from omniwatt.engines.draw.encode.jpeg import Jpeg
from omniwatt.engines.draw.encode.page import Pdf, Svg
from omniwatt.engines.draw.encode.png import Png
from omniwatt.engines.draw.encode.tiff import Tiff
from omniwatt.engines.draw.encode.webp import WEBP_MOST_PX, Webp

Pixels = NDArray[np.uint8]
JPEG_MOST_PX = 65_500
INKED = ("image/jpeg", "image/tiff", "application/pdf")
_FORMS: dict[str, type["Encoder"]]


class Encoder(Protocol):
    """Pixels in, bytes out."""

    def __init__(self, form: Form) -> None: ...

    def rows(self, pixels: Pixels) -> bytes:
        """The next rows, RGBA of shape (rows, width, 4); what can be written of them."""

    def end(self) -> bytes:
        """The last of it."""


_FORMS = {
    "image/png": Png,
    "image/tiff": Tiff,
    "image/jpeg": Jpeg,
    "image/webp": Webp,
    "application/pdf": Pdf,
    "image/svg+xml": Svg,
}


def encoder(media_type: str, form: Form) -> Encoder:
    """What writes this kind of file. Raises UnsupportedField for unknown kinds and for sides a form cannot hold."""
    if media_type not in _FORMS:
        raise UnsupportedField(f"Pictures are not written as {media_type}.", param="output_format")
    most = {"image/webp": WEBP_MOST_PX, "image/jpeg": JPEG_MOST_PX}.get(media_type)
    if most is not None and max(form.width, form.height) > most:
        raise UnsupportedField(
            f"{media_type} holds at most {most} pixels a side; png holds more.", param="output_format"
        )
    if is_cmyk(form.icc) and media_type not in INKED:
        raise UnsupportedField(f"{media_type} is not written in four inks.", param="color_space")
    return _FORMS[media_type](form)
