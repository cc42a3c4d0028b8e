"""Pictures of more than 8 bits a channel, as 8 bits: Pillow's own conversion cuts what is above 255 off."""

import numpy as np
from PIL import Image

_SIXTEEN_BITS, _THIRTY_TWO_BITS = 0xFFFF, 0x7FFF_FFFF
_WHITES = {"I": (_SIXTEEN_BITS, _THIRTY_TWO_BITS), "F": (1, 255, _SIXTEEN_BITS)}
"""Mode -> the values that files of it have for white; the first that none of a picture's pixels exceeds is taken."""


def shallow(image: Image.Image) -> Image.Image:
    """The picture in grey of 8 bits where it is in grey of 16 bits, 32 bits or floats; any other as it is."""
    if image.mode not in _WHITES and not image.mode.startswith("I;16"):
        return image
    values = np.nan_to_num(np.asarray(image).astype(np.float32))
    whites = _WHITES.get(image.mode, (_SIXTEEN_BITS,))
    white = next((one for one in whites if values.max() <= one), whites[-1])
    made = Image.fromarray(np.clip(values * (255 / white) + 0.5, 0, 255).astype(np.uint8), "L")
    made.info = dict(image.info)
    return made
