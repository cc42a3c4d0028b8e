"""Pictures that were given: opened with limits, drawn again where they are ours, changed inside a mask by words."""

import io
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter, ImageOps

from omniwatt.contract.error import BadInput, OmniwattError, UnsupportedField
from omniwatt.contract.request import DrawBody, MediaPart
from omniwatt.engines.draw.illustrator.hands import Tile
from omniwatt.engines.draw.illustrator.studio import Studio, quality_of, scale_of
from omniwatt.engines.source import part_bytes

MAX_BYTES = 50 * 1024 * 1024
MAX_PIXELS = 64 * 1024 * 1024
FEATHER_PX = 1.5
OURS = "omniwatt:"
OPENED = ("PNG", "JPEG", "WEBP", "TIFF", "GIF", "BMP")
Floats = NDArray[np.floating[Any]]


class Given(msgspec.Struct, frozen=True):
    """What was uploaded: the picture, the mask if there is one (255 where it may change), and what it says."""

    image: Any
    mask: Any
    provenance: dict[str, str]


class Changed(msgspec.Struct, frozen=True):
    """A changed picture: its pixels, RGBA of shape (height, width, 4), and what was done."""

    pixels: Any
    described: str
    details: dict[str, Any]

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        height, width = self.pixels.shape[:2]
        return width, height


def given(body: DrawBody, blobs_dir: str) -> Given | None:
    """The picture to change, opened; None where nothing is. Raises BadInput for what cannot be read."""
    if body.task == "generate":
        return None
    if not body.images:
        raise BadInput("There is no picture to change.", param="image")
    image, provenance = _opened(body.images[0], blobs_dir, "image")
    mask = None
    if body.mask is not None:
        holes, _ = _opened(body.mask, blobs_dir, "mask")
        if holes.size != image.size:
            raise BadInput("The mask must be as large as the image.", param="mask")
        mask = ImageOps.invert(holes.getchannel("A"))
        if mask.getbbox() is None:
            raise BadInput("The mask is opaque everywhere: it lets nothing change.", param="mask")
    return Given(image, mask, provenance)


def _opened(part: MediaPart, blobs_dir: str, param: str) -> tuple[Image.Image, dict[str, str]]:
    data = part_bytes(part, blobs_dir, MAX_BYTES)
    try:
        with Image.open(io.BytesIO(data), formats=OPENED) as image:
            if image.width * image.height > MAX_PIXELS:
                raise BadInput(f"The {param} has more than {MAX_PIXELS} pixels.", param=param)
            image.load()
            said = provenance_of(image)
            return ImageOps.exif_transpose(image).convert("RGBA"), said
    except OmniwattError:
        raise
    except Exception as error:  # decoders raise anything at all on bytes made to break them
        raise BadInput(f"The {param} cannot be read: it is damaged or no picture.", param=param) from error


def provenance_of(image: Image.Image) -> dict[str, str]:
    """What a PNG of ours says of itself; {} for other pictures."""
    found: dict[str, str] = {}
    for name, value in image.info.items():
        if isinstance(name, str) and name.startswith(OURS) and isinstance(value, str):
            found[name.removeprefix(OURS)] = value
    return found


def again(body: DrawBody, found: Given | None) -> DrawBody:
    """A variation of a picture of ours: the same words with another seed; of another's, its own pixels."""
    if found is None or not found.provenance.get("prompt"):
        return body
    said = found.provenance
    size = (body.width_px, body.height_px) if body.width_px else found.image.size
    quality = said.get("quality") if body.quality == "auto" else body.quality
    return msgspec.structs.replace(
        body,
        prompt=said["prompt"],
        width_px=size[0],
        height_px=size[1],
        style=body.style or said.get("style", ""),
        quality=quality if quality in ("low", "medium", "high") else "auto",
    )


def changed(studio: Studio, body: DrawBody, found: Given, seed: int, before: Callable[[Tile], None]) -> Changed:
    """The given picture with the prompt's things and words drawn into it, inside the mask where there is one.

    Raises UnsupportedField for a picture of somebody else's that is only to be varied.
    """
    if not body.prompt.strip():
        raise UnsupportedField(
            "This picture does not say how it was drawn, so it cannot be drawn again; say in an edit what to change.",
            param="image",
        )
    image, mask = found.image, found.mask
    enlarged = False
    if body.width_px and (body.width_px, body.height_px) != image.size:
        enlarged = body.width_px * body.height_px > image.width * image.height
        image = ImageOps.fit(image, (body.width_px, body.height_px), Image.Resampling.LANCZOS)
        mask = mask and ImageOps.fit(mask, image.size)
    box = mask.getbbox() if mask is not None else (0, 0, *image.size)
    scene = studio.scene(body)
    scene = msgspec.structs.replace(scene, transparent=True)
    size = (max(16, box[2] - box[0]), max(16, box[3] - box[1]))
    layout = studio.layout(scene, size, seed, {})
    before(Tile(box[0], box[1], *size))
    drawn = studio.painter(layout, quality_of(body, size)).tile(0, 0, *size, scale_of(size))
    over = Image.new("RGBA", image.size)
    over.paste(Image.fromarray(np.ascontiguousarray(drawn), "RGBA"), box[:2])
    whole = image
    if mask is not None:
        soft = mask.filter(ImageFilter.GaussianBlur(FEATHER_PX))
        whole = Image.composite(filled(image, mask), image, soft)
        over.putalpha(Image.composite(over.getchannel("A"), Image.new("L", image.size), soft))
    whole = Image.alpha_composite(whole, over)
    details: dict[str, Any] = {"style": scene.style, "task": body.task, "enlarged": enlarged}
    if scene.not_understood:
        details["not_understood"] = list(scene.not_understood)
    return Changed(np.asarray(whole), studio.describe(scene, body.prompt), details)


def filled(image: Image.Image, mask: Image.Image) -> Image.Image:
    """The picture with what the mask covers grown over from around it, coarse to fine (push-pull; Gortler 1996)."""
    colours = np.asarray(image.convert("RGB"), np.float32)
    weights = (255 - np.asarray(mask, np.float32)[..., None]) / 255
    grown = _pulled(colours * weights, weights)
    out = np.dstack([np.clip(grown, 0, 255).astype(np.uint8), np.asarray(image)[..., 3]])
    return Image.fromarray(out, "RGBA")


def _pulled(colours: Floats, weights: Floats) -> Floats:
    """Colours (weighted) where there are any, those of the next coarser level elsewhere."""
    known = np.clip(weights, 0, 1)
    own = colours / np.maximum(weights, 1e-6)
    if min(weights.shape[:2]) < 2 or float(weights.min()) > 0.999:
        return own
    coarse = _pulled(_halved(colours), _halved(weights))
    rows, columns = weights.shape[:2]
    pulled = coarse.repeat(2, 0).repeat(2, 1)[:rows, :columns]
    return (own * known + pulled * (1 - known)).astype(np.float32)


def _halved(values: Floats) -> Floats:
    rows, columns = values.shape[0] % 2, values.shape[1] % 2
    even = np.pad(values, ((0, rows), (0, columns), (0, 0)), mode="edge")
    return (even[0::2, 0::2] + even[1::2, 0::2] + even[0::2, 1::2] + even[1::2, 1::2]).astype(np.float32) / 4
