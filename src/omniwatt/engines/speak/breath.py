"""Whisper and breathy voice: the voice's own resonances, excited by noise instead of by the glottis."""

import numpy as np
from numpy.typing import NDArray

from omniwatt.engines.speak.melody import Floats, Samples

FRAME_S = 0.024
WHISPER_DB = -4.0
"""A whispered vowel against a voiced one; consonants without voice stay as they are."""
TILT_HZ = 800.0
TILT_DB = -12.0
"""What a whisper lacks below TILT_HZ: the glottal source's own low part (Jovicic, Saric, J. Voice 22, 2008)."""
SMOOTH_HZ = 90.0
"""How far the autocorrelation's window blurs the envelope: single harmonics of a high voice must not show in it."""
_NOISE_FLOOR = 1e-4


def breathed(sound: Samples, rate_hz: int, voiced: Samples, amount: float, noise: np.random.Generator) -> Samples:
    """`sound` with `amount` (0 to 1) of its voice turned to breath; `voiced` is 0 to 1 per sample.

    The envelope is that of linear prediction (J. Makhoul, "Linear prediction: a tutorial review", Proc. IEEE 63,
    1975), its residual replaced by noise of the same power; done on spectra, frame by frame.
    """
    frame = 2 * (int(FRAME_S * rate_hz) // 2)
    half = frame // 2
    padded = np.pad(sound, (half, frame + half))
    frames = np.lib.stride_tricks.sliding_window_view(padded, frame)[::half]
    window = np.hanning(frame + 1)[:frame].astype(np.float32)
    excitation = noise.standard_normal(len(padded)).astype(np.float32)
    pushes = np.lib.stride_tricks.sliding_window_view(excitation, frame)[::half] * window
    size = 2 * frame
    whisper_spectra = np.fft.rfft(pushes, size, axis=1) * _envelopes(frames * window, rate_hz, size)
    whisper = _added(np.fft.irfft(whisper_spectra, size, axis=1), half)[half : half + len(sound)]
    angle = 0.5 * np.pi * min(max(amount, 0.0), 1.0)
    keep = 1 - voiced * np.float32(1 - np.cos(angle))
    return np.asarray(sound * keep + whisper * voiced * np.float32(np.sin(angle)), np.float32)


def _envelopes(frames: NDArray[np.float32], rate_hz: int, size: int) -> NDArray[np.complex64]:
    """frames x bins: the all-pole response of each frame, scaled to its power, tilted as whispers are."""
    order = 4 + rate_hz // 1200
    r = np.fft.irfft(np.abs(np.fft.rfft(frames, size, axis=1)) ** 2, size, axis=1)[:, : order + 1]
    r *= np.exp(-0.5 * (2 * np.pi * SMOOTH_HZ / rate_hz * np.arange(order + 1)) ** 2)
    r[:, 0] = r[:, 0] * (1 + _NOISE_FLOOR) + 1e-12
    coefficients, error = _levinson(r)
    window_power = 0.375 * frames.shape[1]
    gain = np.sqrt(np.maximum(error, 0) / window_power) * 10 ** (WHISPER_DB / 20)
    response = gain[:, None] / np.fft.rfft(coefficients, size, axis=1)
    square = (np.fft.rfftfreq(size, 1 / rate_hz) / TILT_HZ) ** 2
    return np.asarray(response * ((10 ** (TILT_DB / 20) + square) / (1 + square)), np.complex64)


def _levinson(r: Floats) -> tuple[Floats, Floats]:
    """Prediction filters (frames x order + 1, the first coefficient 1) and error powers of autocorrelations."""
    order = r.shape[1] - 1
    a = np.zeros_like(r)
    a[:, 0] = 1.0
    error = r[:, 0].copy()
    for step in range(1, order + 1):
        reflection = -(a[:, :step] * r[:, step:0:-1]).sum(axis=1) / error
        a[:, 1 : step + 1] += reflection[:, None] * a[:, step - 1 :: -1][:, :step]
        error *= 1 - reflection**2
    return a, error


def _added(frames: Floats, hop: int) -> Samples:
    """Overlap-add of frames four hops long."""
    parts = frames.reshape(len(frames), 4, hop)
    out = np.zeros((len(frames) + 3, hop), np.float64)
    for part in range(4):
        out[part : part + len(frames)] += parts[:, part]
    return out.reshape(-1).astype(np.float32)
