"""Pitch, pace and resonances of speech, each moved without the others: overlap-add of single glottal periods."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from omniwatt.engines.speak.melody import HOP_S, Floats, Melody, Samples, marks

_EDGE = 512


def moved(sound: Samples, rate_hz: int, melody: Melody, factors: Floats, pace: float, formants: float) -> Samples:
    """`sound` with its pitch multiplied by `factors` (one per frame of `melody`), as loud as it was.

    Its length becomes len / pace. TD-PSOLA: E. Moulines, F. Charpentier, "Pitch-synchronous waveform processing
    techniques for text-to-speech synthesis using diphones", Speech Communication 9 (1990). Resonances move by
    resampling everything first; pitch and length are then brought back with the rest.
    """
    length = round(len(sound) / pace)
    source = _resampled(sound, formants)
    times_s = np.arange(len(source)) * (len(sound) / len(source)) / rate_hz
    f0_hz = melody.at(times_s) * formants
    frames = np.minimum((times_s / HOP_S).round().astype(np.int64), len(factors) - 1)
    scale = factors[frames] / formants
    places, voiced = marks(source, rate_hz, f0_hz)
    out = _overlapped(source, places, voiced, scale, length)
    return _as_loud(out, sound)


def _overlapped(
    source: Samples, places: NDArray[np.int64], voiced: NDArray[np.bool_], scale: Floats, length: int
) -> Samples:
    """Put the piece around the mark nearest in time at each new mark; new marks lie a scaled period apart."""
    out = np.zeros(length + 2 * len(source) + 2, np.float32)
    base = len(source)
    speed = len(source) / max(1, length)
    widths = np.diff(places)
    borders = (places[:-1] + places[1:]) / 2
    at = 0.0
    last = -1
    turned = False
    while at <= length:
        here = at * speed
        mark = int(np.searchsorted(borders, here))
        back = int(widths[mark - 1]) if mark > 0 else 0
        forth = int(widths[mark]) if mark < len(widths) else 0
        place = int(places[mark])
        piece = source[place - back : place + forth] * _window(back, forth)
        # A piece of noise said twice running would hum: every other time it runs backwards.
        turned = mark == last and not voiced[mark] and not turned
        if turned:
            piece = piece[::-1]
        start = base + round(at) - (forth if turned else back)
        out[start : start + len(piece)] += piece
        factor = float(scale[min(place, len(scale) - 1)]) if voiced[mark] else 1.0
        at += max(1.0, (forth or back) / factor)
        last = mark
    return out[base : base + length]


@lru_cache(maxsize=4096)
def _window(left: int, right: int) -> Samples:
    """Rises over `left` samples and falls over `right`: neighbours at their old distance add up to one."""
    rise = 0.5 - 0.5 * np.cos(np.pi * (np.arange(left) + 0.5) / max(1, left))
    fall = 0.5 + 0.5 * np.cos(np.pi * (np.arange(right) + 0.5) / max(1, right))
    return np.concatenate([rise, fall]).astype(np.float32)


def _resampled(sound: Samples, factor: float) -> Samples:
    """As if played `factor` times as fast, by its spectrum: band-limited, no phase shift."""
    if factor == 1.0:
        return sound
    padded = np.pad(sound, _EDGE)
    wanted = round(len(padded) / factor)
    spectrum = np.fft.rfft(padded)
    kept = np.zeros(wanted // 2 + 1, spectrum.dtype)
    shared = min(len(kept), len(spectrum))
    kept[:shared] = spectrum[:shared]
    out = np.fft.irfft(kept, wanted) * (wanted / len(padded))
    edge = round(_EDGE / factor)
    return np.asarray(out[edge : wanted - edge], np.float32)


def _as_loud(out: Samples, sound: Samples) -> Samples:
    loud, wanted = _level(out), _level(sound)
    return out * np.float32(wanted / loud) if loud > 0 else out


def _level(sound: Samples) -> float:
    return float(np.sqrt(np.mean(np.square(sound, dtype=np.float64)))) if len(sound) else 0.0
