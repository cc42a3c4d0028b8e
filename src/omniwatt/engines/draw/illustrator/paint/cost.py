"""What painting takes: seconds and memory by style, quality and size, from rates measured once, set right at load.

Rates are CPU seconds on one core of the machine the bench ran on (`python -m bench.draw_size --quick`: a bare lake,
among the dearer grounds); `calibrate` paints a small picture and says how much slower this machine is.
"""

import time
from typing import NamedTuple

from omniwatt.contract.request import Value
from omniwatt.engines.draw.illustrator.layout import Layout
from omniwatt.engines.draw.illustrator.paint.region import Painter
from omniwatt.engines.draw.illustrator.scene import Scene

QUALITIES = ("low", "medium", "high")
REFERENCE_S = 0.20
"""CPU seconds that `calibrate` took there (six runs: 0.195 to 0.222)."""
_TWICE_BELOW_SIDE = 1300
_FIXED_BYTES, _BYTES_PER_BAND_PIXEL = 120 << 20, 14
_BAND_PIXELS = 4 << 20


class Rate(NamedTuple):
    """Seconds before the first pixel; a megapixel; a megapixel of high quality below 1,300 pixels a side."""

    first_s: float
    megapixel_s: float
    twice_s: float


class Cost(Value, frozen=True):
    """What a picture will take, encoding not counted."""

    seconds: float
    memory_bytes: int
    """Of all painting processes together."""


RATES: dict[str, Rate] = {
    "cartoon": Rate(0.24, 0.31, 1.23),
    "flat": Rate(0.26, 0.33, 1.30),
    "3d": Rate(0.28, 0.34, 1.32),
    "watercolour": Rate(0.24, 0.80, 2.55),
    "oil": Rate(0.73, 0.45, 1.90),
    "ink": Rate(0.27, 0.47, 1.79),
    "pencil": Rate(0.24, 0.56, 2.29),
    "pixel": Rate(0.23, 0.01, 0.01),
    "neon": Rate(0.23, 0.46, 1.82),
    "papercut": Rate(0.28, 0.47, 1.91),
    "poster": Rate(0.26, 0.40, 1.58),
    "calligraphy": Rate(0.23, 0.45, 1.79),
}


def cost(style: str, quality: str, size: tuple[int, int], helpers: int = 1, slower: float = 1.0) -> Cost | None:
    """Seconds on this machine (`slower` from `calibrate`) with so many processes; None for a style not measured."""
    rate = RATES.get(style)
    if rate is None:
        return None
    twice = quality == "high" and min(size) < _TWICE_BELOW_SIDE
    pixels = size[0] * size[1]
    each = rate.twice_s if twice else rate.megapixel_s
    band = min(pixels, _BAND_PIXELS) * (4 if twice else 1)
    memory = helpers * (_FIXED_BYTES + band * _BYTES_PER_BAND_PIXEL)
    return Cost(slower * (rate.first_s + each * pixels / 1e6 / helpers), memory)


def calibrate() -> float:
    """How much slower this machine paints than the one the rates are from; takes about a fifth of a second there."""
    scene = Scene(backdrop="lake", style="3d", time="golden")
    layout = Layout(scene=scene, width=1000, height=1000, horizon=600, seed=3)
    started = time.process_time()
    Painter(layout, quality="low").tile(0, 0, 256, 256, 0.256)
    return (time.process_time() - started) / REFERENCE_S
