"""What a picture will take, known before: seconds and joules by style and quality, and the memory it needs at most."""

import math
import threading
from typing import Any, NamedTuple

import msgspec

from omniwatt.contract.error import BadInput
from omniwatt.contract.request import DrawBody, Value
from omniwatt.engines.draw.illustrator import tiles
from omniwatt.engines.draw.illustrator.hands import AHEAD
from omniwatt.engines.draw.illustrator.paint import cost
from omniwatt.engines.draw.illustrator.scene import Scene
from omniwatt.engines.draw.room import said

QUALITIES = cost.QUALITIES
SIMPLE = ("cartoon", "flat")
"""Styles that show anything, simply; pixels are faster still, and another thing."""
FASTER = 2.0
"""A simpler style is spoken of when it is so many times faster."""
LINE_S = 0.12
"""What it takes to show one line of lettering to the reader and have it read."""
LEARNT, FIRST_LEARNT = 0.35, 0.5
"""How much the newest picture weighs in what is learnt of all; the first of a kind in what is learnt of its kind."""
START_S = 0.7
"""Until a helper that is started has read sprites and fonts."""
AT_REST_BYTES = 210 << 20
"""A helper that has read sprites and fonts and painted nothing."""
PIECES_BYTES = 96 << 20
"""Rows on their way into a file, and the file on its way out."""
BYTES_PER_PIXEL = {
    "image/png": 0.9,
    "image/jpeg": 0.3,
    "image/webp": 0.6,
    "image/tiff": 1.0,
    "application/pdf": 0.3,
    "image/svg+xml": 0.4,
}
"""Of a file, as an ink landscape of 1024x1024 had them: much sky takes less, much grain more."""
FORM_S = {
    "image/png": 0.045,
    "image/jpeg": 0.012,
    "image/webp": 0.09,
    "image/tiff": 0.035,
    "application/pdf": 0.015,
    "image/svg+xml": 0.015,
}
"""Seconds to write a megapixel."""
LOSSLESS_WEBP_S = 0.5
WEBP_BYTES, LOSSLESS_WEBP_BYTES = 12, 36
"""Of a pixel, where the form wants the whole picture: measured 7 and 31 in libwebp, and 4 of the picture itself."""
GIVEN_BYTES = 48
"""Of a pixel of a picture that was given: it is held whole, in several layers while it is changed."""
STEP_PX = 16


class Asked(Value, frozen=True):
    """What is to be estimated."""

    style: str
    ground: str
    quality: str
    size: tuple[int, int]
    media_type: str = "image/png"
    lossless: bool = True
    lines: int = 0
    resting: int = tiles.HANDS
    """Helpers that need not be started first."""

    @property
    def megapixels(self) -> float:
        return self.size[0] * self.size[1] / 1e6


def asked(scene: Scene, quality: str, size: tuple[int, int], body: DrawBody, resting: int = tiles.HANDS) -> Asked:
    """A picture of this scene, as it was asked for."""
    lossless, lines = body.compression >= 100, len(scene.texts)
    return Asked(scene.style, scene.backdrop, quality, size, body.media_type, lossless, lines, resting)


class Pace:
    """How much longer pictures take here than the rates say: learnt from each that is finished. Thread-safe.

    What all pictures had in common (the machine and what else it does), apart for those of one process and of several,
    and beside it what each style on each ground was seen to differ.
    """

    def __init__(self, slower: float = 1.0) -> None:
        self._all = dict.fromkeys((1, tiles.HANDS), math.log(max(slower, 0.01)))
        self._own: dict[tuple[str, str, int], float] = {}
        self._lock = threading.Lock()

    def factor(self, one: Asked, like: Asked | None = None) -> float:
        """What to multiply the rates by. A kind not seen yet goes by all, and as `like` does where that is given."""
        key = _kind(one)
        with self._lock:
            other = self._own.get(_kind(like), 0.0) if like is not None else 0.0
            return math.exp(self._all[key[-1]] + self._own.get(key, other))

    def learn(self, one: Asked, seconds: float) -> None:
        """A picture took so long."""
        plain = bare_seconds(one)
        if plain is None or plain <= 0 or seconds <= 0:
            return
        key = _kind(one)
        with self._lock:
            first = key not in self._own
            own = self._own.get(key, 0.0)
            wrong = math.log(seconds / plain) - self._all[key[-1]] - own
            self._all[key[-1]] += LEARNT * wrong
            self._own[key] = own + (FIRST_LEARNT if first else LEARNT / 2) * wrong


def _kind(one: Asked) -> tuple[str, str, int]:
    return one.style, one.ground, tiles.hands_for(one.style, one.quality, one.size)


def bare_seconds(one: Asked) -> float | None:
    """On the machine the rates are from; None for what was not measured."""
    found = cost.cost(one.style, one.ground, one.quality, one.size)
    if found is None:
        return None
    packing_s = LOSSLESS_WEBP_S if one.media_type == "image/webp" and one.lossless else FORM_S.get(one.media_type, 0.05)
    packing_s *= one.megapixels
    hands = tiles.hands_for(one.style, one.quality, one.size)
    alone_s = found.seconds(1) + packing_s
    if hands > 1:
        alone_s = found.first_s + (found.shared_s + packing_s) / hands
        if one.media_type == "image/webp":
            alone_s = found.seconds(hands) + packing_s
        alone_s += START_S if one.resting < hands else 0.0
    return alone_s + one.lines * LINE_S


def seconds(one: Asked, pace: Pace, like: Asked | None = None) -> float | None:
    """On this machine, as it has been painting; what was not seen yet as `like` does."""
    plain = bare_seconds(one)
    return None if plain is None else plain * pace.factor(one, like)


def memory_bytes(one: Asked) -> int:
    """Of all painting processes together, beside what the engine holds at rest; helpers are counted whole."""
    hands = tiles.hands_for(one.style, one.quality, one.size)
    grid = tiles.grid(one.style, one.quality, one.size)
    tile = max((tile.width * tile.height, tile.width, tile.height) for row in grid for tile in row)
    each = cost.tile_bytes(one.style, one.quality, one.size, tile[1:])
    rows = max(sum(tile.width * tile.height for tile in row) for row in grid) * 4
    early = (min(hands * AHEAD, sum(map(len, grid))) - 1) * tile[0] * 4
    painting = hands * (AT_REST_BYTES + each) + rows + early if hands > 1 else each
    return painting + PIECES_BYTES + _whole_bytes(one)


def _whole_bytes(one: Asked) -> int:
    """What a form that wants the whole picture holds of it."""
    each = 0
    if one.media_type == "image/webp":
        each = LOSSLESS_WEBP_BYTES if one.lossless else WEBP_BYTES
    return one.size[0] * one.size[1] * each


def check(one: Asked, limit_bytes: int) -> int:
    """The memory it needs. Raises BadInput where that is more than the limit, with the largest size that fits."""
    need = memory_bytes(one)
    if need <= limit_bytes:
        return need
    largest = largest_size(one, limit_bytes)
    fits = f"the largest of this shape that fits is {largest[0]}x{largest[1]}" if largest else "none of this shape fits"
    whole = ""
    if one.media_type == "image/webp":
        less = ", and 'output_compression' below 100 needs less" if one.lossless else ""
        whole = f" A WebP is held whole; png, tiff and jpeg are not{less}."
    raise BadInput(
        f"A picture of {one.size[0]}x{one.size[1]} needs {said(need)} of memory, and pictures may take "
        f"{said(limit_bytes)} here: {fits}.{whole}",
        param="size",
        code="image_too_large",
        details={"need_bytes": need, "limit_bytes": limit_bytes, "largest": largest and f"{largest[0]}x{largest[1]}"},
    )


def largest_size(one: Asked, limit_bytes: int) -> tuple[int, int] | None:
    """The largest size of the same shape that needs no more; None where not even the smallest fits."""
    shorter = min(one.size)
    low, high = 0, shorter // STEP_PX
    while low < high:
        middle = (low + high + 1) // 2
        fits = memory_bytes(_sized(one, middle * STEP_PX / shorter)) <= limit_bytes
        low, high = (middle, high) if fits else (low, middle - 1)
    return _sized(one, low * STEP_PX / shorter).size if low else None


def _sized(one: Asked, factor: float) -> Asked:
    width, height = (max(STEP_PX, int(side * factor) // STEP_PX * STEP_PX) for side in one.size)
    return msgspec.structs.replace(one, size=(width, height))


def check_given(body: DrawBody, given_pixels: int, limit_bytes: int) -> int:
    """The memory it takes to change a picture of so many pixels. Raises BadInput where that is more than the limit."""
    pixels = max(given_pixels, body.width_px * body.height_px)
    need = pixels * GIVEN_BYTES + PIECES_BYTES
    if need <= limit_bytes:
        return need
    most = max(0, limit_bytes - PIECES_BYTES) // GIVEN_BYTES
    raise BadInput(
        f"Changing a picture of {pixels} pixels needs {said(need)} of memory, for it is held whole; pictures may take "
        f"{said(limit_bytes)} here: at most {most} pixels.",
        param="size" if body.width_px * body.height_px > given_pixels else "image",
        code="image_too_large",
        details={"need_bytes": need, "limit_bytes": limit_bytes, "largest_pixels": most},
    )


class Takes(NamedTuple):
    """What the machine takes: with nothing to do, and for each busy core besides."""

    idle_w: float
    core_w: float


def estimates(one: Asked, count: int, pace: Pace, takes: Takes | None = None) -> list[dict[str, Any]]:
    """A line for each style and quality: seconds for all pictures, joules where it is known what the machine takes,
    the bytes of their files, and of memory."""
    size_bytes = round(one.megapixels * 1e6 * count * BYTES_PER_PIXEL.get(one.media_type, 1.0))
    found = []
    for style in cost.rates().looks:
        for quality in QUALITIES:
            other = msgspec.structs.replace(one, style=style, quality=quality)
            taken_s = seconds(other, pace)
            if taken_s is None:
                continue
            line: dict[str, Any] = {"style": style, "quality": quality, "seconds": round(count * taken_s, 3)}
            line |= {"bytes": size_bytes, "memory_bytes": memory_bytes(other)}
            if takes is not None:
                watts = takes.idle_w + takes.core_w * tiles.hands_for(style, quality, one.size)
                line |= {"energy_joules": round(count * taken_s * watts, 2), "energy_method": "estimated"}
            found.append(line)
    return found


def faster(one: Asked, pace: Pace) -> dict[str, Any]:
    """The faster of the simple styles, where it is at least FASTER times as fast; else nothing."""
    own = seconds(one, pace)
    others = {style: msgspec.structs.replace(one, style=style) for style in SIMPLE}
    costs = {style: taken for style, other in others.items() if (taken := seconds(other, pace, one)) is not None}
    if own is None or not costs:
        return {}
    best = min(costs, key=lambda style: costs[style])
    if costs[best] * FASTER > own:
        return {}
    return {"style": best, "seconds": round(costs[best], 2), "times": round(own / costs[best], 1)}
