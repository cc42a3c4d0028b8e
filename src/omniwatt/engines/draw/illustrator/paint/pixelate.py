"""Pixel art: few cells, few colours, an ordered dither between them."""

from typing import Any

import numpy as np
import skia
from PIL import Image

_BAYER = np.array([[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]], np.float32) / 16 - 0.47
_COLOURS = 32
_SPREAD = 7.0
_OUTLINE = 0.42
"""How dark the cells about a thing become."""


def cells(image: Any, things: Any) -> Any:
    """An image of a quarter its sides (each cell is the mean of 4x4 pixels), in few colours of its own.

    `things` is an image of what stands in it alone: it gets a dark outline.
    """
    full = image.toarray(colorType=skia.kRGBA_8888_ColorType)
    high, wide = full.shape[0] // 4, full.shape[1] // 4
    mean = full[: high * 4, : wide * 4].reshape(high, 4, wide, 4, 4).astype(np.float32).mean((1, 3))
    colour, alpha = mean[..., :3], np.where(mean[..., 3] > 127, 255, 0).astype(np.uint8)
    grey = colour.mean(-1, keepdims=True)
    colour = np.clip(grey + (colour - grey) * 1.2, 0, 255)
    solid = _solid(things, high, wide)
    colour = np.where(_rim(solid)[..., None], colour * _OUTLINE, colour)
    palette = _palette(colour, solid)
    grid = np.tile(_BAYER, (high // 4 + 1, wide // 4 + 1))[:high, :wide, None] * _SPREAD
    dithered = Image.fromarray(np.clip(colour + grid, 0, 255).astype(np.uint8))
    flat = np.asarray(dithered.quantize(palette=palette, dither=Image.Dither.NONE).convert("RGB"))
    made = np.dstack([flat * (alpha[..., None] > 0), alpha])
    return skia.Image.fromarray(np.ascontiguousarray(made), skia.kRGBA_8888_ColorType)


def _palette(colour: Any, solid: Any) -> Any:
    """The commonest colours; the things count as much as all the rest, however small they are."""
    flat, own = colour.reshape(-1, 3), colour[solid]
    again = own[np.arange(len(flat)) % len(own)] if len(own) else flat
    both = np.concatenate([flat, again]).astype(np.uint8)[None]
    return Image.fromarray(np.ascontiguousarray(both)).quantize(_COLOURS, Image.Quantize.MEDIANCUT)


def _solid(things: Any, high: int, wide: int) -> Any:
    """Which cells are things."""
    full = things.toarray(colorType=skia.kRGBA_8888_ColorType)[: high * 4, : wide * 4, 3]
    return full.reshape(high, 4, wide, 4).mean((1, 3)) > 127


def _rim(solid: Any) -> Any:
    """The outermost cells of the things."""
    about = np.pad(solid, 1)
    return solid & ~(about[:-2, 1:-1] & about[2:, 1:-1] & about[1:-1, :-2] & about[1:-1, 2:])
