"""The melody of speech: fundamental frequency over time, and where each glottal period lies."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]
Floats = NDArray[np.float64]

LOWEST_HZ = 60.0
HIGHEST_HZ = 560.0
HOP_S = 0.01
_PERIODS = 3
"""Periods of the lowest pitch that a frame holds, as in Boersma (1993)."""
# The figures of Praat, Boersma's program, but for fewer candidates and three times its cost of an octave.
_CANDIDATES = 5
_VOICED_ABOVE = 0.45
_SILENT_BELOW = 0.03
_OCTAVE_COST = 0.03
_JUMP_COST = 0.35
_SWITCH_COST = 0.14
_STRAY_OCTAVES = 1.2
_UNVOICED_STEP_S = 0.005
_FUNDAMENTAL_HZ = 900.0
_BLOCK = 256


class Melody(NamedTuple):
    """`f0_hz` every HOP_S, 0 where the sound has no pitch."""

    f0_hz: Floats

    def at(self, times_s: Floats) -> Floats:
        """The pitch at some times, 0 where there is none: the nearest frame's, smoothed between voiced ones."""
        if not len(self.f0_hz):
            return np.zeros_like(times_s)
        places = np.clip(times_s / HOP_S, 0, len(self.f0_hz) - 1)
        low = np.floor(places).astype(np.int64)
        high = np.minimum(low + 1, len(self.f0_hz) - 1)
        share = places - low
        first, second = self.f0_hz[low], self.f0_hz[high]
        between = first * (1 - share) + second * share
        return np.where((first > 0) & (second > 0), between, np.where(share < 0.5, first, second))


def melody(sound: Samples, rate_hz: int, lowest_hz: float = LOWEST_HZ, highest_hz: float = HIGHEST_HZ) -> Melody:
    """Pitch of mono `sound` by normalised autocorrelation and the cheapest path through its peaks.

    P. Boersma, "Accurate short-term analysis of the fundamental frequency and the harmonics-to-noise ratio of a
    sampled sound", IFA Proceedings 17 (1993).
    """
    width = int(_PERIODS * rate_hz / lowest_hz) | 1
    middles = (np.arange(int(len(sound) / rate_hz / HOP_S)) * HOP_S * rate_hz).round().astype(np.int64)
    if not len(middles):
        return Melody(np.zeros(0))
    # Hissing consonants repeat themselves by chance at high pitches; they have nothing down here.
    voice = _low(sound, rate_hz)
    frames = np.lib.stride_tricks.sliding_window_view(np.pad(voice, width // 2), width)[middles]
    shortest, longest = int(rate_hz / highest_hz), int(np.ceil(rate_hz / lowest_hz))
    blocks = (frames[start : start + _BLOCK] for start in range(0, len(frames), _BLOCK))
    found = [_candidates(block, shortest, longest) for block in blocks]
    lags = np.concatenate([lag for lag, _ in found])
    strengths = np.concatenate([strength for _, strength in found])
    loudness = np.abs(frames).max(axis=1)
    silent = loudness < _SILENT_BELOW * max(float(loudness.max()), 1e-9)
    return Melody(_without_strays(_path(lags, strengths, silent, rate_hz, lowest_hz)))


def _without_strays(f0_hz: Floats) -> Floats:
    """What lies _STRAY_OCTAVES from the middle of the melody belongs to no voice."""
    if not f0_hz.any():
        return f0_hz
    octaves = np.log2(np.where(f0_hz > 0, f0_hz, 1.0))
    away = np.abs(octaves - np.median(octaves[f0_hz > 0]))
    return np.where(away > _STRAY_OCTAVES, 0.0, f0_hz)


def _candidates(frames: NDArray[np.float32], shortest: int, longest: int) -> tuple[Floats, Floats]:
    """frames x _CANDIDATES: lags (samples, between them by a parabola) and strengths of the autocorrelation's peaks."""
    width = frames.shape[1]
    window = np.hanning(width).astype(np.float32)
    size = 1 << int(np.ceil(np.log2(width + longest + 1)))
    own = _autocorrelation(window[None, :], size)[0, : longest + 2]
    centred = frames - frames.mean(axis=1, keepdims=True)
    r = _autocorrelation(centred * window, size)[:, : longest + 2]
    r = r / (r[:, :1] + 1e-12) / (own / own[0])
    before, here, after = r[:, shortest - 1 : longest], r[:, shortest : longest + 1], r[:, shortest + 1 : longest + 2]
    peaks = np.where((here > before) & (here >= after), here, 0.0)
    # Every multiple of the period is a peak as high: without the shorter lags' advantage the period itself may be lost.
    ranked = peaks - _OCTAVE_COST * np.log2(np.arange(shortest, longest + 1) / shortest)
    best = np.argpartition(-ranked, _CANDIDATES, axis=1)[:, :_CANDIDATES]
    rows = np.arange(len(r))[:, None]
    left, top, right = before[rows, best], here[rows, best], after[rows, best]
    curve = left - 2 * top + right
    offset = np.where(np.abs(curve) > 1e-9, 0.5 * (left - right) / np.where(np.abs(curve) > 1e-9, curve, 1.0), 0.0)
    strength = np.where(peaks[rows, best] > 0, np.clip(top - 0.25 * (left - right) * offset, 0, 1), 0.0)
    return best + shortest + np.clip(offset, -0.5, 0.5), strength


def _autocorrelation(frames: NDArray[np.float32], size: int) -> Floats:
    spectrum = np.fft.rfft(frames, size, axis=1)
    return np.asarray(np.fft.irfft(spectrum.real**2 + spectrum.imag**2, size, axis=1), np.float64)


def _path(lags: Floats, strengths: Floats, silent: NDArray[np.bool_], rate_hz: int, lowest_hz: float) -> Floats:
    """Viterbi: state 0 is unvoiced, the others are the candidates."""
    f0 = rate_hz / lags
    octaves = np.log2(f0)
    voiced = np.where(strengths > 0, strengths + _OCTAVE_COST * np.log2(f0 / lowest_hz), -np.inf)
    gain = np.concatenate([np.where(silent, 2.0, _VOICED_ABOVE)[:, None], voiced], axis=1)
    heights = np.concatenate([np.full((len(f0), 1), np.nan), octaves], axis=1)
    switch = np.zeros((_CANDIDATES + 1, _CANDIDATES + 1))
    switch[0, 1:] = switch[1:, 0] = _SWITCH_COST
    total = gain[0].copy()
    came = np.zeros(gain.shape, np.int64)
    for frame in range(1, len(gain)):
        jump = np.abs(heights[frame - 1][:, None] - heights[frame][None, :])
        scores = total[:, None] - np.where(np.isnan(jump), switch, _JUMP_COST * jump)
        came[frame] = scores.argmax(axis=0)
        total = scores.max(axis=0) + gain[frame]
    states = np.zeros(len(gain), np.int64)
    states[-1] = int(total.argmax())
    for frame in range(len(gain) - 1, 0, -1):
        states[frame - 1] = came[frame, states[frame]]
    chosen = f0[np.arange(len(f0)), np.maximum(states - 1, 0)]
    return np.where(states > 0, chosen, 0.0)


def marks(sound: Samples, rate_hz: int, f0_hz: Floats) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Sample numbers, rising: one in each glottal period, evenly spaced elsewhere; and which of them are voiced.

    `f0_hz` has the pitch of every sample. The first and the last mark are the two ends of the sound.
    """
    pulses = _pulses(sound, rate_hz)
    step = max(1, int(_UNVOICED_STEP_S * rate_hz))
    edges = np.flatnonzero(np.diff(np.concatenate([[0], (f0_hz > 0).astype(np.int8), [0]])))
    places: list[int] = [0]
    voiced: list[bool] = [False]
    for start, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        run = _run(pulses, rate_hz / f0_hz[start:end], start)
        if not run or run[0] <= places[-1]:
            continue
        _fill(places, voiced, run[0], step)
        places += run
        voiced += [True] * len(run)
    _fill(places, voiced, len(sound), step)
    if places[-1] < len(sound):
        places.append(len(sound))
        voiced.append(False)
    return np.asarray(places), np.asarray(voiced)


def _fill(places: list[int], voiced: list[bool], until: int, step: int) -> None:
    between = list(range(places[-1] + step, until - step // 2, step))
    places += between
    voiced += [False] * len(between)


def _run(pulses: Samples, periods: Floats, start: int) -> list[int]:
    """The marks of one voiced stretch: outward from its strongest pulse, each a period or nearly so from the last."""
    end = start + len(periods)
    stretch = pulses[start:end]
    first = start + int(stretch.argmax())
    ahead: list[int] = [first]
    back: list[int] = []
    for direction, found in ((1, ahead), (-1, back)):
        here = first
        while True:
            period = float(periods[here - start])
            guess = here + direction * period
            low, high = int(guess - 0.2 * period), int(guess + 0.2 * period) + 1
            if low < start or high > end:
                break
            here = low + int(pulses[low:high].argmax())
            found.append(here)
    return back[::-1] + ahead


def _pulses(sound: Samples, rate_hz: int) -> Samples:
    """The low part of the sound, so turned that the sharper peaks point up: one clear peak per period."""
    low = _low(sound, rate_hz)
    return low if float((low.astype(np.float64) ** 3).sum()) >= 0 else -low


def _low(sound: Samples, rate_hz: int) -> Samples:
    """What lies below _FUNDAMENTAL_HZ, in place."""
    size = 1 << (len(sound) + rate_hz // 20).bit_length()
    spectrum = np.fft.rfft(sound, size)
    frequencies = np.fft.rfftfreq(size, 1 / rate_hz)
    low = np.fft.irfft(spectrum / (1 + (frequencies / _FUNDAMENTAL_HZ) ** 4), size)
    return np.asarray(low[: len(sound)], np.float32)
