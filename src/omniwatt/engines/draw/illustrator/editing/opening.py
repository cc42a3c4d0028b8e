"""Pictures that were given: opened within limits, upright, with what they say of themselves."""

import html
import io
import re
from typing import Any

import msgspec
from PIL import Image, ImageOps

from omniwatt.contract.error import BadInput, OmniwattError
from omniwatt.contract.request import DrawBody, MediaPart
from omniwatt.engines.deep import shallow
from omniwatt.engines.source import part_bytes

MAX_BYTES = 50 * 1024 * 1024
MAX_PIXELS = 64 * 1024 * 1024
MAX_ASPECT = 10
OTHER_PX = 2048
"""Further pictures are taken up into the first at most this large."""
OURS = "omniwatt:"
OPENED = ("PNG", "JPEG", "WEBP", "TIFF", "GIF", "BMP")
_SAID = re.compile(r"\bow:(\w{1,40})=(?:\"([^\"]*)\"|'([^']*)')")
_XMP_BYTES = 512 * 1024


class Given(msgspec.Struct, frozen=True):
    """What was uploaded: the pictures (RGBA), a mask (255 where it may change), and what the first says."""

    image: Any
    others: tuple[Any, ...] = ()
    mask: Any = None
    provenance: dict[str, str] = {}


def given(body: DrawBody, blobs_dir: str) -> Given | None:
    """The pictures to change, opened; None where nothing is. Raises BadInput for what cannot be read."""
    if body.task == "generate":
        return None
    if not body.images:
        raise BadInput("There is no picture to change.", param="image")
    image, provenance = opened(body.images[0], blobs_dir, "image")
    others = tuple(_smaller(opened(part, blobs_dir, "image")[0]) for part in body.images[1:])
    mask = None
    if body.mask is not None:
        holes, _ = opened(body.mask, blobs_dir, "mask")
        if holes.size != image.size:
            raise BadInput("The mask must be as large as the image.", param="mask")
        mask = ImageOps.invert(holes.getchannel("A"))
        if mask.getbbox() is None:
            raise BadInput(
                "The mask is opaque everywhere: it lets nothing change. Make transparent what may change.", param="mask"
            )
    return Given(image, others, mask, provenance)


def opened(part: MediaPart, blobs_dir: str, param: str) -> tuple[Image.Image, dict[str, str]]:
    """A picture as RGBA, turned upright, and what it says of itself. Raises BadInput, naming `param`."""
    data = part_bytes(part, blobs_dir, MAX_BYTES)
    try:
        with Image.open(io.BytesIO(data), formats=OPENED) as image:
            if image.width * image.height > MAX_PIXELS:
                raise BadInput(f"The {param} has more than {MAX_PIXELS} pixels.", param=param)
            if max(image.size) > MAX_ASPECT * min(image.size):
                raise BadInput(f"The {param} is more than {MAX_ASPECT} times as long as it is wide.", param=param)
            image.load()
            said = provenance_of(image)
            return shallow(ImageOps.exif_transpose(image)).convert("RGBA"), said
    except OmniwattError:
        raise
    except Exception as error:  # decoders raise anything at all on bytes made to break them
        raise BadInput(f"The {param} cannot be read: it is damaged or no picture.", param=param) from error


def provenance_of(image: Image.Image) -> dict[str, str]:
    """What a file of ours says of itself, in a PNG's text or in XMP; {} for other pictures."""
    found = {
        name.removeprefix(OURS): str(value)
        for name, value in image.info.items()
        if isinstance(name, str) and name.startswith(OURS) and isinstance(value, str)
    }
    packet = image.info.get("xmp")
    if found or not isinstance(packet, bytes):
        return found
    return {
        name: html.unescape(double or single)
        for name, double, single in _SAID.findall(packet[:_XMP_BYTES].decode("utf-8", "replace"))
    }


def _smaller(image: Image.Image) -> Image.Image:
    image.thumbnail((OTHER_PX, OTHER_PX), Image.Resampling.LANCZOS)
    return image
