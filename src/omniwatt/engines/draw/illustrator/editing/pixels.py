"""What can be done to pixels without knowing what they show: tones, turns, and a cut along a plain background."""

from collections.abc import Callable, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

Tone = Callable[[Image.Image], Image.Image]
_CUT_PX = 640
_SHAPES_PX = 1024
_PLAIN, _NEAR = 14.0, 30.0
"""OKLab-like distances in 8-bit RGB: how even a border must be, and how far the background's colour may stray."""
_PLAIN_SHARE = 0.86


def toned(image: Image.Image, tones: Sequence[str]) -> Image.Image:
    """The picture (RGBA) with these tones one after the other; its alpha stays."""
    if not tones:
        return image
    rgb = image.convert("RGB")
    for tone in tones:
        rgb = TONES[tone](rgb)
    rgb.putalpha(image.getchannel("A"))
    return rgb


def turned(image: Image.Image, turns: Sequence[str]) -> Image.Image:
    """Mirrored or turned by quarters."""
    for turn in turns:
        image = image.transpose(TURNS[turn])
    return image


def _gains(red: float, green: float, blue: float) -> Tone:
    """Each channel times a factor."""
    tables = [min(255, round(value * gain)) for gain in (red, green, blue) for value in range(256)]
    return lambda image: image.point(tables)


def _curve(power: float) -> Tone:
    """A gamma: the ends stay where they are."""
    table = [round(255 * (value / 255) ** power) for value in range(256)] * 3
    return lambda image: image.point(table)


def _sepia(image: Image.Image) -> Image.Image:
    return ImageOps.colorize(ImageOps.grayscale(image), "#20130a", "#f6e9cf", "#a9845b")


def _blurred(image: Image.Image) -> Image.Image:
    return image.filter(ImageFilter.GaussianBlur(max(1.0, min(image.size) / 90)))


def _sharpened(image: Image.Image) -> Image.Image:
    return image.filter(ImageFilter.UnsharpMask(max(1.0, min(image.size) / 600), 130, 2))


def _vignette(image: Image.Image) -> Image.Image:
    width, height = image.size
    x, y = np.linspace(-1, 1, width, dtype=np.float32), np.linspace(-1, 1, height, dtype=np.float32)
    shade = 1 - 0.62 * np.clip((x[None] ** 2 + y[:, None] ** 2 - 0.35) / 1.5, 0, 1)
    return Image.fromarray((np.asarray(image) * shade[..., None]).astype(np.uint8), "RGB")


def _night(image: Image.Image) -> Image.Image:
    """Day for night: dark, blue, with little colour left."""
    return _gains(0.30, 0.38, 0.60)(ImageEnhance.Contrast(ImageEnhance.Color(image).enhance(0.55)).enhance(1.1))


TONES: dict[str, Tone] = {
    "brighter": _curve(0.68),
    "darker": _curve(1.5),
    "contrast": lambda image: ImageEnhance.Contrast(image).enhance(1.4),
    "softer": lambda image: ImageEnhance.Contrast(image).enhance(0.7),
    "grey": lambda image: ImageOps.grayscale(image).convert("RGB"),
    "sepia": _sepia,
    "warmer": _gains(1.09, 1.01, 0.86),
    "cooler": _gains(0.87, 0.99, 1.12),
    "vivid": lambda image: ImageEnhance.Color(image).enhance(1.5),
    "pale": lambda image: ImageEnhance.Color(image).enhance(0.5),
    "blur": _blurred,
    "sharpen": _sharpened,
    "invert": ImageOps.invert,
    "vignette": _vignette,
    "night": _night,
    "dusk": _gains(0.86, 0.66, 0.76),
    "golden": _gains(1.12, 0.97, 0.74),
    "dawn": _gains(1.04, 0.93, 0.92),
}
TURNS = {
    "mirror": Image.Transpose.FLIP_LEFT_RIGHT,
    "flip": Image.Transpose.FLIP_TOP_BOTTOM,
    "left": Image.Transpose.ROTATE_90,
    "right": Image.Transpose.ROTATE_270,
    "half": Image.Transpose.ROTATE_180,
}


def _smooth(image: Image.Image) -> NDArray[Any]:
    """Even areas with their edges kept, RGB: found at a size where a brush's width is a few pixels."""
    small = image.convert("RGB")
    small.thumbnail((_SHAPES_PX, _SHAPES_PX), Image.Resampling.BOX)
    even: NDArray[Any] = cv2.pyrMeanShiftFiltering(np.ascontiguousarray(np.asarray(small)), 9, 24)
    return even


def _cut_paper(image: Image.Image) -> Image.Image:
    """Sheets of even colour, each with a shadow on the one below: the lighter lies above."""
    even = cv2.medianBlur(_smooth(image), 7)
    level = np.asarray(cv2.cvtColor(even, cv2.COLOR_RGB2GRAY), np.float32) // 30
    shade = np.zeros_like(level)
    for away, dark in ((3, 0.20), (6, 0.12), (10, 0.07)):
        over = np.roll(level, (away, away), (0, 1)) > level
        shade = np.maximum(shade, dark * cv2.GaussianBlur(over.astype(np.float32), (0, 0), away / 2))
    lit = np.clip(even * (1 - shade[..., None]), 0, 255).astype(np.uint8)
    return Image.fromarray(lit, "RGB").resize(image.size, Image.Resampling.BICUBIC)


def _inked(image: Image.Image) -> Image.Image:
    """Even areas within dark lines."""
    even = _smooth(image)
    grey = cv2.medianBlur(cv2.cvtColor(even, cv2.COLOR_RGB2GRAY), 5)
    lines = cv2.adaptiveThreshold(grey, 255, cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY, 11, 7)
    soft = cv2.GaussianBlur(lines, (0, 0), 0.8).astype(np.float32)[..., None] / 255
    drawn = np.clip(even * (0.25 + 0.75 * soft), 0, 255).astype(np.uint8)
    return Image.fromarray(drawn, "RGB").resize(image.size, Image.Resampling.BICUBIC)


SHAPED: dict[str, Tone] = {"papercut": _cut_paper, "cartoon": _inked}
"""Styles whose looks want shapes to work on: these are found in the pixels first."""
SOLID = frozenset({"3d"})
"""Styles that want solids, which pixels do not tell of."""


def shaped_for(image: Image.Image, style: str) -> Image.Image:
    """The picture (RGBA) as this style's look wants it."""
    if style not in SHAPED:
        return image
    made = SHAPED[style](image.convert("RGB"))
    made.putalpha(image.getchannel("A"))
    return made


def background(image: Image.Image) -> Image.Image | None:
    """Where the background is (255), as far as that can be told: what is see-through already, or one even colour that
    reaches in from the border. None where it cannot be told."""
    alpha = image.getchannel("A")
    if _share(np.asarray(alpha) < 128) > 0.02:
        return ImageOps.invert(alpha)
    small = image.convert("RGB")
    small.thumbnail((_CUT_PX, _CUT_PX), Image.Resampling.BOX)
    pixels = np.asarray(small, np.float32)
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    colour = np.median(border, axis=0)
    if _share(_away(border, colour) < _PLAIN) < _PLAIN_SHARE:
        return None
    near = (_away(pixels, colour) < _NEAR).astype(np.uint8)
    _, labels = cv2.connectedComponents(near, connectivity=4)
    outer = np.unique(np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]]))
    found = np.isin(labels, outer[outer > 0]).astype(np.uint8) * 255
    if not 0.02 < _share(found > 0) < 0.98:
        return None
    soft = Image.fromarray(cv2.dilate(found, np.ones((3, 3), np.uint8)), "L").filter(ImageFilter.GaussianBlur(0.8))
    return soft.resize(image.size, Image.Resampling.BICUBIC)


def without(image: Image.Image, away: Image.Image) -> Image.Image:
    """The picture with what `away` covers (255) made see-through."""
    kept = np.asarray(image.getchannel("A"), np.uint16) * (255 - np.asarray(away, np.uint16)) // 255
    made = image.copy()
    made.putalpha(Image.fromarray(kept.astype(np.uint8), "L"))
    return made


def _away(pixels: NDArray[Any], colour: NDArray[Any]) -> NDArray[Any]:
    found: NDArray[Any] = np.sqrt(((pixels - colour) ** 2 * (0.9, 1.4, 0.7)).sum(-1))
    return found


def _share(found: NDArray[Any]) -> float:
    return float(np.mean(found))
