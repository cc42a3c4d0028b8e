"""Sound as Whisper sees it: the logarithm of 80 or 128 mel bands, a hundred times a second."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

RATE_HZ = 16_000
HOP = 160
FRAMES_PER_S = RATE_HZ // HOP
FULL_FRAMES = 3000
"""What the encoder was trained on: 30 seconds."""
_WINDOW = 400
_RANGE = 8.0
"""Powers of ten below the loudest that are told apart."""


def samples_of(data: bytes) -> Floats:
    """Signed 16-bit little-endian samples as -1 to 1."""
    return np.frombuffer(data, "<i2").astype(np.float32) / 32768.0


def features(samples: Floats, frames: int, bands: int) -> Floats:
    """bands x frames, scaled as in Whisper (Radford et al. 2022, section 2.2); silence follows the samples."""
    size = frames * HOP
    half = _WINDOW // 2
    padded = np.zeros(size + 2 * half, np.float32)
    held = samples[:size]
    padded[half : half + len(held)] = held
    # The edges are mirrored, as in the reference's centred transform.
    padded[:half] = padded[2 * half : half : -1]
    padded[size + half :] = padded[size + half - 2 : size - 2 : -1]
    views = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::HOP][:frames]
    spectrum = np.fft.rfft(views * _hann(), axis=1)
    power = (spectrum.real**2 + spectrum.imag**2).astype(np.float32)
    mel = np.log10(np.maximum(_filters(bands) @ power.T, 1e-10))
    floored = np.maximum(mel, mel.max() - _RANGE)
    return np.ascontiguousarray((floored + 4.0) / 4.0, dtype=np.float32)


@lru_cache(maxsize=1)
def _hann() -> Floats:
    return np.hanning(_WINDOW + 1)[:-1].astype(np.float32)


@lru_cache(maxsize=2)
def _filters(bands: int) -> Floats:
    """bands x bins: triangles on Slaney's mel scale (linear to 1 kHz, logarithmic above), each of unit area."""
    bins_hz = np.linspace(0.0, RATE_HZ / 2, _WINDOW // 2 + 1)
    edges_hz = _hz(np.linspace(0.0, _mel(RATE_HZ / 2), bands + 2))
    widths = np.diff(edges_hz)
    slopes = edges_hz[:, None] - bins_hz[None, :]
    rising, falling = -slopes[:-2] / widths[:-1, None], slopes[2:] / widths[1:, None]
    triangles = np.maximum(0.0, np.minimum(rising, falling))
    area = 2.0 / (edges_hz[2:] - edges_hz[:-2])
    return (triangles * area[:, None]).astype(np.float32)


_LINEAR_HZ_PER_MEL = 200.0 / 3.0
_BEND_HZ = 1000.0
_BEND_MEL = _BEND_HZ / _LINEAR_HZ_PER_MEL
_LOG_STEP = float(np.log(6.4) / 27.0)


def _mel(hz: float) -> float:
    if hz < _BEND_HZ:
        return hz / _LINEAR_HZ_PER_MEL
    return _BEND_MEL + float(np.log(hz / _BEND_HZ)) / _LOG_STEP


def _hz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(
        mel < _BEND_MEL, mel * _LINEAR_HZ_PER_MEL, _BEND_HZ * np.exp(_LOG_STEP * np.maximum(mel - _BEND_MEL, 0.0))
    )
