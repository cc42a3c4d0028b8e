"""Another sample rate, without aliasing and with little delay: a windowed sinc as one matrix product per block.

Holds back 2 ms at simple ratios and up to 20 at others; libsoxr, which files are resampled with, 20 to 60.
"""

from fractions import Fraction
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from omniwatt.contract.error import BadInput

Samples = NDArray[np.float32]

ZERO_CROSSINGS = 24
KAISER_BETA = 9.0
MAX_UP = 1000
MAX_ERROR = 2e-5
"""How far from the rate asked for a simpler ratio may be."""


def ratio_of(from_hz: int, to_hz: int) -> Fraction:
    """Results per input. Raises BadInput when only a ratio too unwieldy to compute with comes near enough."""
    exact = Fraction(to_hz, from_hz)
    ratio = exact
    denominator = MAX_UP
    while max(ratio.numerator, ratio.denominator) > MAX_UP and denominator:
        ratio = exact.limit_denominator(denominator)
        denominator = denominator // 2 if ratio.numerator > MAX_UP else 0
    if not 0 < ratio.numerator <= MAX_UP or abs(ratio / exact - 1) > MAX_ERROR:
        raise BadInput(f"Sound of {from_hz} Hz cannot be brought to {to_hz} Hz.", param="options")
    return ratio


class Resampler:
    """Feed blocks of frames x channels, get blocks at the new rate; `end` gives the rest.

    Every group of `up` results comes from one stretch of input, `down` after the last: stretches x filters.
    """

    def __init__(self, from_hz: int, to_hz: int, channels: int) -> None:
        ratio = ratio_of(from_hz, to_hz)
        self._up, self._down = ratio.numerator, ratio.denominator
        self._half = int(np.ceil(ZERO_CROSSINGS * max(1.0, self._down / self._up)))
        self._filters = _filters(self._up, self._down, self._half)
        self._held: Samples = np.zeros((self._half, channels), np.float32)
        self._in = 0
        self._out = 0

    def feed(self, block: Samples) -> Samples:
        """What `block` completes."""
        self._in += len(block)
        return self._resampled(block)

    def end(self) -> Samples:
        """The last frames, so that in all there are as many as the rate asks for."""
        wanted = -(-self._in * self._up // self._down) - self._out
        silence = np.zeros((len(self._filters) + self._down, self._held.shape[1]), np.float32)
        return self._resampled(silence)[:wanted]

    def _resampled(self, block: Samples) -> Samples:
        held = np.concatenate([self._held, block])
        stretch = len(self._filters)
        groups = (len(held) - stretch) // self._down + 1 if len(held) >= stretch else 0
        self._held = held[groups * self._down :]
        if groups == 0:
            return held[:0]
        columns = np.ascontiguousarray(held.T)
        views = np.lib.stride_tricks.sliding_window_view(columns, stretch, axis=1)[:, :: self._down][:, :groups]
        out = np.stack([(view @ self._filters).reshape(-1) for view in views], axis=1)
        self._out += len(out)
        return out


@lru_cache(maxsize=4)
def _filters(up: int, down: int, half: int) -> Samples:
    """Column p: the weights of an input stretch in result p of a group; each sums to one."""
    places = np.arange(up) * down / up + half
    distance = np.arange(2 * half + down)[:, None] - places[None, :]
    cutoff = min(1.0, up / down)
    inside = np.clip(1 - (distance / half) ** 2, 0, None)
    window = np.where(np.abs(distance) < half, np.i0(KAISER_BETA * np.sqrt(inside)), 0.0)
    weights = np.sinc(distance * cutoff * 0.96) * window
    return np.asarray(weights / weights.sum(axis=0), dtype=np.float32)
