"""What a diffusion model is given to change: pictures and masks, opened with limits."""

import io

import msgspec
from PIL import Image, ImageOps

from omniwatt.contract.error import BadInput, OmniwattError
from omniwatt.contract.request import DrawBody, MediaPart
from omniwatt.engines.deep import shallow
from omniwatt.engines.source import part_bytes

MAX_BYTES = 50 * 1024 * 1024
MAX_PIXELS = 50_000_000
_OPENED = ("PNG", "JPEG", "WEBP")


class Given(msgspec.Struct, frozen=True):
    """The picture to change, RGB, and the mask, L, 255 where it may change."""

    image: Image.Image
    mask: Image.Image | None


def given(body: DrawBody, blobs_dir: str) -> Given | None:
    """What was uploaded; None where nothing is to be changed. Raises BadInput for what cannot be read."""
    if body.task == "generate":
        return None
    if not body.images:
        raise BadInput("There is no picture to change.", param="image")
    image = _opened(body.images[0], blobs_dir, "image")
    if body.mask is None:
        return Given(image.convert("RGB"), None)
    holes = _opened(body.mask, blobs_dir, "mask")
    if holes.size != image.size:
        raise BadInput("The mask must be as large as the picture.", param="mask")
    return Given(image.convert("RGB"), ImageOps.invert(holes.convert("RGBA").getchannel("A")))


def _opened(part: MediaPart, blobs_dir: str, param: str) -> Image.Image:
    data = part_bytes(part, blobs_dir, MAX_BYTES)
    try:
        with Image.open(io.BytesIO(data), formats=_OPENED) as image:
            if image.width * image.height > MAX_PIXELS:
                raise BadInput(f"The picture has more than {MAX_PIXELS} pixels.", param=param)
            return shallow(ImageOps.exif_transpose(image)).copy()
    except OmniwattError:
        raise
    except Exception as error:  # decoders raise anything at all on bytes made to break them
        raise BadInput(f"The {param} cannot be read: it is damaged or no picture.", param=param) from error
