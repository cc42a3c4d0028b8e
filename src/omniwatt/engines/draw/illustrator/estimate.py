"""What a picture will take, for a caller who asks before: seconds and bytes by style and quality."""

import functools
from typing import Any

from omniwatt.engines.draw.illustrator.paint import cost

QUALITIES = ("low", "medium", "high")
SIMPLE = ("cartoon", "flat")
"""Styles that show anything, simply; pixels are faster still, and another thing."""
FASTER = 2.0
"""A simpler style is spoken of when it is so many times faster."""
ALONE_PIXELS = 3 * 1024 * 1024
"""Up to here one thread paints faster than helpers can be handed their work."""
HELPERS = 2
BYTES_PER_PIXEL = {
    "image/png": 0.9,
    "image/jpeg": 0.3,
    "image/webp": 0.6,
    "image/tiff": 1.0,
    "application/pdf": 0.3,
    "image/svg+xml": 0.4,
}
"""Of a file, as an ink landscape of 1024x1024 had them: much sky takes less, much grain more."""


@functools.cache
def slower() -> float:
    """How much slower this machine is than the one the rates are from, measured when first asked for."""
    return cost.calibrate()


def taken(style: str, quality: str, size: tuple[int, int], times: float = 1.0) -> cost.Cost | None:
    """What one picture takes; None for a style that was not measured."""
    helpers = HELPERS if size[0] * size[1] > ALONE_PIXELS else 1
    found: cost.Cost | None = cost.cost(style, quality, size, helpers, times)
    return found


def estimates(size: tuple[int, int], count: int, media_type: str) -> list[dict[str, Any]]:
    """A line for each style and quality: seconds for all pictures, the bytes of their files, and of memory."""
    times = slower()
    size_bytes = round(size[0] * size[1] * count * BYTES_PER_PIXEL.get(media_type, 1.0))
    return [
        {
            "style": style,
            "quality": quality,
            "seconds": round(count * found.seconds, 3),
            "bytes": size_bytes,
            "memory_bytes": found.memory_bytes,
        }
        for style in cost.RATES
        for quality in QUALITIES
        if (found := taken(style, quality, size, times)) is not None
    ]


def faster(style: str, quality: str, size: tuple[int, int]) -> dict[str, Any]:
    """The faster of the simple styles, where it is at least FASTER times as fast; else nothing."""
    own = taken(style, quality, size)
    costs = {one: found.seconds for one in SIMPLE if (found := taken(one, quality, size)) is not None}
    if own is None or not costs:
        return {}
    best = min(costs, key=lambda one: costs[one])
    if costs[best] * FASTER > own.seconds:
        return {}
    return {"style": best, "seconds": round(costs[best], 2), "times": round(own.seconds / costs[best], 1)}
