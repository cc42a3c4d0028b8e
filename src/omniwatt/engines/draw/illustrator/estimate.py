"""What a picture will take: seconds by style, quality and size, from measured rates."""

from typing import Any, NamedTuple

QUALITIES = ("low", "medium", "high")
FASTER = 2.0
"""A simpler style is spoken of when it is so many times faster."""
BYTES_PER_PIXEL = {"image/png": 1.6, "image/jpeg": 0.6, "image/webp": 0.4, "image/tiff": 2.0}


class Rate(NamedTuple):
    """Seconds before the first pixel, and for each megapixel at low, medium and high quality."""

    fixed_s: float
    megapixel_s: tuple[float, float, float]


RATES: dict[str, Rate] = {}


def seconds(style: str, quality: str, size: tuple[int, int]) -> float | None:
    """How long a picture takes; None for a style that was not measured."""
    rate = RATES.get(style)
    if rate is None:
        return None
    return rate.fixed_s + rate.megapixel_s[QUALITIES.index(quality)] * size[0] * size[1] / 1e6


def estimates(size: tuple[int, int], count: int, media_type: str) -> list[dict[str, Any]]:
    """A line for each style and quality: seconds for all pictures, and the bytes of their files."""
    pixels = size[0] * size[1] * count
    size_bytes = round(pixels * BYTES_PER_PIXEL.get(media_type, 1.0))
    return [
        {"style": style, "quality": quality, "seconds": round(count * taken, 3), "bytes": size_bytes}
        for style in RATES
        for quality in QUALITIES
        if (taken := seconds(style, quality, size)) is not None
    ]


def faster(style: str, quality: str, size: tuple[int, int]) -> dict[str, Any]:
    """The fastest style, where it is at least FASTER times as fast; else nothing."""
    own = seconds(style, quality, size)
    if own is None:
        return {}
    best = min(RATES, key=lambda one: seconds(one, quality, size) or 0.0)
    taken = seconds(best, quality, size) or own
    if taken * FASTER > own:
        return {}
    return {"style": best, "seconds": round(taken, 2), "times": round(own / taken, 1)}
