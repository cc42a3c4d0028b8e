"""Sound that can be decoded block by block, wherever it comes from."""

from collections.abc import Callable, Iterator
from typing import Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from omniwatt.engines.media.framed import Framed
from omniwatt.engines.media.work import Work

Samples = NDArray[np.float32]

MAX_CHANNELS = 32
MIN_RATE_HZ = 1000
MAX_RATE_HZ = 768_000


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """`frames` is how many samples a channel will come, where that can be believed; `blocks` are frames x channels."""

    rate_hz: int
    channels: int
    encoding: str
    frames: int | None
    blocks: Callable[[], Iterator[Samples]]

    @classmethod
    def of_frames(cls, framed: Framed, work: Work) -> Self:
        """Sound in frames that have all been counted."""
        return cls(
            rate_hz=framed.rate_hz,
            channels=framed.channels,
            encoding=framed.encoding,
            frames=framed.frames,
            blocks=lambda: framed.blocks(work),
        )
