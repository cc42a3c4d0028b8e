"""Another sample rate: libsoxr, a stream at a time."""

import numpy as np
import soxr
from numpy.typing import NDArray

Samples = NDArray[np.float32]


class Resampler:
    """Feed blocks of frames x channels, get blocks at the new rate; `end` gives the rest."""

    def __init__(self, from_hz: int, to_hz: int, channels: int) -> None:
        self._from_hz, self._to_hz, self._channels = from_hz, to_hz, channels
        self._stream = soxr.ResampleStream(from_hz, to_hz, channels) if from_hz != to_hz else None
        self._in = 0
        self._out = 0

    def feed(self, block: Samples) -> Samples:
        """What `block` completes."""
        if self._stream is None:
            return block
        self._in += len(block)
        return self._counted(self._stream.resample_chunk(np.ascontiguousarray(block, np.float32)))

    def end(self) -> Samples:
        """The last frames, so that in all there are as many as the rate asks for."""
        empty = np.zeros((0, self._channels), np.float32)
        if self._stream is None:
            return empty
        rest = self._counted(self._stream.resample_chunk(empty, last=True))
        wanted = -(-self._in * self._to_hz // self._from_hz)
        return rest[: len(rest) - max(self._out - wanted, 0)]

    def _counted(self, block: Samples) -> Samples:
        self._out += len(block)
        return block
