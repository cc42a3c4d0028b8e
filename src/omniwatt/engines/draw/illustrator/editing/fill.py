"""What lies under a mask, made up from what is around it."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from omniwatt.engines.draw.illustrator.editing.patches import patched

FEATHER_PX = 1.5
Floats = NDArray[np.floating[Any]]


def taken_out(image: Image.Image, mask: Image.Image) -> Image.Image:
    """The picture with what the mask covers (255) grown over, softly at the mask's edge."""
    whole = patched(image, mask.filter(ImageFilter.MaxFilter(3)), filled(image, mask))
    return Image.composite(whole, image, mask.filter(ImageFilter.GaussianBlur(FEATHER_PX)))


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
