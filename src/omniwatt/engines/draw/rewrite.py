"""A picture's pixels written again: at another size, in another form, band by band."""

import hashlib
from collections.abc import Iterator, Mapping

import numpy as np
from PIL import Image

from omniwatt import __version__
from omniwatt.engines.draw.encode import encoder
from omniwatt.engines.draw.encode.form import Form
from omniwatt.engines.draw.enlarge import bands, shaped

JPEG_PROMPT_BYTES = 8_000
"""A JPEG says what made it in segments of 64 KiB, with every letter of another script escaped: a longer prompt is told
by its hash alone."""


def provenance(model: str, prompt: str, media_type: str, **more: str) -> dict[str, str]:
    """What a file says of itself."""
    encoded = prompt.encode("utf-8", "replace")
    told = {} if media_type == "image/jpeg" and len(encoded) > JPEG_PROMPT_BYTES else {"prompt": prompt}
    found = {"generator": f"omniwatt {__version__}", "model": model}
    return found | told | {"prompt_sha256": hashlib.sha256(encoded).hexdigest()} | more


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
