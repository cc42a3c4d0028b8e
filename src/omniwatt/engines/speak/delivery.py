"""Delivery: how a clause is said, done to its sound. The defaults give back the very samples that came in."""

import numpy as np

from omniwatt.contract.request import Delivery
from omniwatt.engines.speak.breath import breathed
from omniwatt.engines.speak.melody import HOP_S, Floats, Melody, Samples, melody
from omniwatt.engines.speak.psola import moved

CEILING = 0.97
_LOOK_S = 0.005
_BLOCK_S = 0.001
_SOFT_S = 0.015
"""Over which time voice passes into breath and back."""
_SHORTEST_S = 0.04
_REMEMBERED = 6000
"""Frames of pitch that the melody's middle is taken from: the last minute."""
_STRAY = float(np.log(1.6))
"""How far a livelier melody may take a single frame: what was heard an octave wrong must not fly off."""


class Shaper:
    """Shapes the clauses of one answer, in order. Not thread-safe; the same clauses always give the same sound."""

    def __init__(self, rate_hz: int, delivery: Delivery) -> None:
        self._rate_hz = rate_hz
        self._delivery = delivery
        self._noise = np.random.default_rng(rate_hz)
        self._logs = np.zeros(0)

    def pause_s(self, base_s: float) -> float:
        """How long to be silent where a neutral voice is for `base_s`."""
        return base_s * self._delivery.pauses

    def shape(self, clause: Samples) -> Samples:
        """A clause (mono, -1 to 1) as it is to be heard: as many samples, or 1/pace as many.

        Never clips: what would be louder than CEILING is turned down for as long as it is.
        """
        how = self._delivery
        melodic = how.pitch_semitones != 0 or how.pitch_range != 1
        sung = melodic or how.pace != 1 or how.formants != 1
        if len(clause) >= _SHORTEST_S * self._rate_hz and (sung or how.breath > 0):
            clause = self._voiced_part(clause, sung)
        elif how.pace != 1:
            clause = clause[: round(len(clause) / how.pace)]
        if how.energy_db != 0:
            clause = clause * np.float32(10 ** (how.energy_db / 20))
        return clause if how == Delivery(pauses=how.pauses) else limited(clause, self._rate_hz)

    def _voiced_part(self, clause: Samples, sung: bool) -> Samples:
        how = self._delivery
        line = melody(clause, self._rate_hz)
        if sung:
            clause = moved(clause, self._rate_hz, line, self._factors(line), how.pace, how.formants)
        if how.breath > 0:
            voiced = _voicing(line, len(clause), self._rate_hz, how.pace)
            clause = breathed(clause, self._rate_hz, voiced, how.breath, self._noise)
        return clause

    def _factors(self, line: Melody) -> Floats:
        """What the pitch of each frame is multiplied by. The melody's middle is that of all clauses so far."""
        how = self._delivery
        shift = 2.0 ** (how.pitch_semitones / 12)
        pitched = line.f0_hz > 0
        factors = np.full(len(line.f0_hz), shift)
        if how.pitch_range == 1 or not pitched.any():
            return factors
        logs = np.log(line.f0_hz[pitched])
        self._logs = np.concatenate([self._logs, logs])[-_REMEMBERED:]
        near = np.abs(self._logs - np.median(self._logs)) < _STRAY
        middle = float(self._logs[near].mean())
        factors[pitched] = shift * np.exp(np.clip((how.pitch_range - 1) * (logs - middle), -_STRAY, _STRAY))
        return factors


def _voicing(line: Melody, length: int, rate_hz: int, pace: float) -> Samples:
    """0 to 1 for each of `length` samples: how much voice there is, with soft edges."""
    places = np.arange(length) * pace / rate_hz / HOP_S
    frames = (line.f0_hz > 0).astype(np.float64)
    hard = np.interp(places, np.arange(len(frames)), frames) if len(frames) else np.zeros(length)
    kernel = np.hanning(2 * int(_SOFT_S * rate_hz / 2) + 3)
    steps = np.cumsum(np.pad(hard, len(kernel) // 2, mode="edge"))
    span = len(kernel)
    flat = (steps[span - 1 :] - np.concatenate([[0.0], steps[:-span]])) / span
    return np.asarray(np.clip(flat[:length], 0, 1), np.float32)


def limited(sound: Samples, rate_hz: int) -> Samples:
    """The sound with every peak at or below CEILING: a smooth gain that looks _LOOK_S ahead and back, no clipping."""
    if not len(sound) or float(np.abs(sound).max()) <= CEILING:
        return sound
    block = max(1, int(_BLOCK_S * rate_hz))
    reach = max(1, int(_LOOK_S / _BLOCK_S))
    padded = np.pad(np.abs(sound), (0, -len(sound) % block))
    needed = np.minimum(1.0, CEILING / np.maximum(padded.reshape(-1, block).max(axis=1), 1e-9))
    around = np.pad(needed, 2 * reach + 1, mode="edge")
    lowest = np.lib.stride_tricks.sliding_window_view(around, 2 * reach + 3).min(axis=1)
    kernel = np.hanning(2 * reach + 3)[1:-1]
    smooth = np.convolve(lowest, kernel / kernel.sum(), mode="valid")
    centres = (np.arange(len(smooth)) + 0.5) * block
    gain = np.interp(np.arange(len(sound)), centres, smooth)
    return np.asarray(sound * gain, np.float32)
