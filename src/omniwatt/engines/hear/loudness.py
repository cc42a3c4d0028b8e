"""Where sound was last loud: known 50 ms after a voice ends, when voice activity takes a tenth of a second. Pure."""

import numpy as np

from omniwatt.engines.hear.mel import RATE_HZ, Floats

FRAME = RATE_HZ // 100
_OF_PEAK = 0.03
"""Quieter than this share of the loudest of late (-30 dB) is no voice ..."""
_OF_FLOOR = 2.0
"""... and so is what is no louder than this many times the room, the quietest stretch of late ..."""
_MOST_OF_PEAK = 0.1
"""... unless that is above this share of the loudest (-20 dB): in such noise the soft end of a word is lost."""
_PEAK_KEPT = 0.998
"""By a frame: half of it is forgotten in three and a half seconds."""
_STRETCH = 20
"""Frames, longer than the soft end of a word."""
_FLOOR_GROWTH = 1.1
"""By a stretch."""


class Loudness:
    """Takes samples in pieces of any size."""

    def __init__(self) -> None:
        self._rest: Floats = np.zeros(0, np.float32)
        self._at = 0
        self._peak = 0.0
        self._floor = 0.0
        self._stretch = 0.0
        self.last = 0
        """Where the last loud frame of 10 ms ended, in samples since the beginning."""

    def feed(self, samples: Floats) -> None:
        """More sound, -1 to 1."""
        held = np.concatenate([self._rest, samples])
        count = len(held) // FRAME
        self._rest = held[count * FRAME :]
        frames = held[: count * FRAME].reshape(count, FRAME)
        for level in np.sqrt((frames**2).mean(axis=1)).tolist():
            self._frame(level)

    def _frame(self, level: float) -> None:
        self._at += FRAME
        self._peak = max(level, self._peak * _PEAK_KEPT)
        self._stretch = max(level, self._stretch)
        if self._at % (_STRETCH * FRAME) == 0:
            self._floor = min(self._stretch, self._floor * _FLOOR_GROWTH) if self._floor else self._stretch
            self._stretch = 0.0
        room = _OF_FLOOR * self._floor
        if level > (room if _OF_PEAK * self._peak < room <= _MOST_OF_PEAK * self._peak else _OF_PEAK * self._peak):
            self.last = self._at
