"""Pixel art: few cells, few colours, an ordered dither between them."""

from typing import Any

import numpy as np
import skia
from PIL import Image

_BAYER = np.array([[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]], np.float32) / 16 - 0.47
_COLOURS = 40
_SPREAD = 15.0


def cells(image: Any) -> Any:
    """An image of a quarter its sides (each cell is the mean of 4x4 pixels), in its own 40 commonest colours."""
    full = image.toarray(colorType=skia.kRGBA_8888_ColorType)
    high, wide = full.shape[0] // 4, full.shape[1] // 4
    mean = full[: high * 4, : wide * 4].reshape(high, 4, wide, 4, 4).astype(np.float32).mean((1, 3))
    colour, alpha = mean[..., :3], np.where(mean[..., 3] > 127, 255, 0).astype(np.uint8)
    grey = colour.mean(-1, keepdims=True)
    colour = np.clip(grey + (colour - grey) * 1.2, 0, 255)
    palette = Image.fromarray(colour.astype(np.uint8)).quantize(_COLOURS, Image.Quantize.MEDIANCUT)
    grid = np.tile(_BAYER, (high // 4 + 1, wide // 4 + 1))[:high, :wide, None] * _SPREAD
    dithered = Image.fromarray(np.clip(colour + grid, 0, 255).astype(np.uint8))
    flat = np.asarray(dithered.quantize(palette=palette, dither=Image.Dither.NONE).convert("RGB"))
    made = np.dstack([flat * (alpha[..., None] > 0), alpha])
    return skia.Image.fromarray(np.ascontiguousarray(made), skia.kRGBA_8888_ColorType)
