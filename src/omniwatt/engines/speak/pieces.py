"""Sound made piece by piece from one plan of a clause: what a run of a decoder sees of it, and how runs are joined."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Sound = NDArray[np.float32]
Numbers = NDArray[np.floating]


class Slice(NamedTuple):
    """Frames `start` to `end` are kept of a run over `low` to `high`."""

    low: int
    start: int
    end: int
    high: int


def slices(total: int, first: int, pad: int, growth: float = 2.0, calm: Numbers | None = None) -> list[Slice]:
    """Frames 0 to `total`, the first piece short and each later one longer: while one is heard the next is made.

    `pad` frames on either side are seen but not kept. A cut may move back by up to half its piece to where `calm`
    (one value a frame) is lowest. A rest shorter than half a piece belongs to the piece before.
    """
    found: list[Slice] = []
    start, size = 0, float(first)
    while start < total:
        end = start + round(size)
        if end + size / 2 >= total:
            end = total
        elif calm is not None:
            window = calm[start + (end - start) // 2 : end + 1]
            end = start + (end - start) // 2 + int(np.argmin(window)) if len(window) else end
        end = max(end, start + 1)
        found.append(Slice(max(0, start - pad), start, end, min(total, end + pad)))
        start, size = end, size * growth
    return found


class Joiner:
    """Joins pieces whose ends were made twice: the later one is shifted to be in phase, then cross-faded in."""

    def __init__(self, overlap: int, reach: int) -> None:
        self._overlap = overlap
        self._reach = reach
        self._tail: Sound = np.zeros(0, np.float32)

    def feed(self, before: Sound, piece: Sound, after: Sound) -> Sound:
        """`piece` with what the same run made of the sound `before` it and `after` it; gives what is ready.

        `before` is empty for the first piece, `after` for the last; both hold at least overlap + reach samples else.
        """
        ready = piece
        if len(self._tail) and len(before):
            ready = self._faded(before, piece)
        self._tail = after[: self._overlap] if len(after) >= self._overlap else after[:0]
        return ready

    def _faded(self, before: Sound, piece: Sound) -> Sound:
        """The old run goes on for `overlap` samples into this piece, and fades out there."""
        tail = self._tail
        length = min(len(tail), len(piece) - self._reach)
        if length <= 0:
            return piece
        around = np.concatenate((before[-self._reach :], piece))
        shift = best_shift(tail[:length], around[: length + 2 * self._reach])
        moved = around[shift:]
        rise = np.linspace(0, 1, length, dtype=np.float32)
        return np.concatenate((tail[:length] * (1 - rise) + moved[:length] * rise, moved[length:]))


def best_shift(wanted: Sound, around: Sound) -> int:
    """Where in `around` the stretch most like `wanted` begins, by normalised correlation."""
    if len(around) <= len(wanted):
        return 0
    dots = np.correlate(around, wanted, mode="valid")
    squares = np.concatenate(([0.0], np.cumsum(around.astype(np.float64) ** 2)))
    power = squares[len(wanted) :] - squares[: -len(wanted)]
    return int(np.argmax(dots / np.sqrt(np.maximum(power, 1e-9))))
