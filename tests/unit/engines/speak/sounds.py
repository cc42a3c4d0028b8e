"""Voiced sound made to measure: pulses at a known pitch through resonances at known places."""

import numpy as np
from numpy.typing import NDArray

FORMANTS_HZ = (650.0, 1100.0, 2500.0, 3500.0)


def voice(
    f0_hz: NDArray[np.float64], rate_hz: int, formants_hz: tuple[float, ...] = FORMANTS_HZ
) -> NDArray[np.float32]:
    """One sample per value of `f0_hz`; the loudest is 0.5."""
    pulses = np.diff(np.floor(np.cumsum(f0_hz / rate_hz)), prepend=0) > 0
    size = 1 << (2 * len(f0_hz)).bit_length()
    spectrum = np.fft.rfft(pulses.astype(np.float64), size)
    frequencies = np.fft.rfftfreq(size, 1 / rate_hz)
    response = 1 / (1 + frequencies / 300)
    for place in formants_hz:
        width = 60 + 0.03 * place
        response = response * place**2 / (place**2 - frequencies**2 + 1j * frequencies * width)
    sound = np.fft.irfft(spectrum * response, size)[: len(f0_hz)]
    return (0.5 * sound / max(float(np.abs(sound).max()), 1e-9)).astype(np.float32)


def sung(rate_hz: int, base_hz: float = 130.0, seconds: float = 1.5) -> NDArray[np.float32]:
    """A melody that rises and falls by 15 % around `base_hz`, with a tenth of a second of silence on both sides."""
    silence = np.zeros(rate_hz // 10, np.float32)
    return np.concatenate([silence, voice(tune(rate_hz, base_hz, seconds), rate_hz), silence])


def tune(rate_hz: int, base_hz: float, seconds: float, swing: float = 0.15) -> NDArray[np.float64]:
    """The melody of `sung`, Hz per sample."""
    return base_hz * np.exp(swing * np.sin(2 * np.pi * 0.8 * np.arange(int(seconds * rate_hz)) / rate_hz))
