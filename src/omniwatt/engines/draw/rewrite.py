"""A picture's pixels written again: at another size, in another form, band by band."""

from collections.abc import Iterator, Mapping

import numpy as np
from PIL import Image

from omniwatt.engines.draw.encode import encoder
from omniwatt.engines.draw.encode.form import Form
from omniwatt.engines.draw.enlarge import bands, shaped


def rewritten(
    picture: Image.Image, size: tuple[int, int], media_type: str, quality: int, provenance: Mapping[str, str]
) -> Iterator[bytes]:
    """The file of `picture` at `size`, in pieces. Raises UnsupportedField for forms that cannot hold it."""
    sheet = encoder(media_type, Form(*size, quality=quality, provenance=dict(provenance)))
    for band in bands(shaped(picture, size), size):
        yield sheet.rows(np.asarray(band.convert("RGBA")))
    # A TIFF begins only here, and may be huge.
    rest = getattr(sheet, "pieces", None)
    yield from rest() if rest is not None else (sheet.end(),)
