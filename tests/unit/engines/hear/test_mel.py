"""Features against the definition, written out slowly."""

import math

import numpy as np
import pytest

from omniwatt.engines.hear.mel import FULL_FRAMES, HOP, RATE_HZ, features, samples_of


def slaney_filter(band: int, bands: int, bin_hz: float) -> float:
    """Height at `bin_hz` of one triangle of the mel scale that is linear below 1 kHz."""

    def mel(hz: float) -> float:
        return hz * 3 / 200 if hz < 1000 else 15 + 27 * math.log(hz / 1000, 6.4)

    def hz(value: float) -> float:
        return value * 200 / 3 if value < 15 else 1000 * 6.4 ** ((value - 15) / 27)

    left, middle, right = (hz(mel(8000) * (band + edge) / (bands + 1)) for edge in range(3))
    height = min((bin_hz - left) / (middle - left), (right - bin_hz) / (right - middle))
    return max(0.0, height) * 2 / (right - left)


def reference(samples: np.ndarray, frames: int, bands: int) -> np.ndarray:
    """Float64, one frame and one band at a time."""
    sound = np.zeros(frames * HOP)
    sound[: len(samples)] = samples[: frames * HOP]
    sound = np.pad(sound, 200, mode="reflect")
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)
    bins = np.arange(201)
    turns = np.exp(-2j * np.pi * np.outer(np.arange(400), bins) / 400)
    filters = np.array([[slaney_filter(band, bands, bin_ * 40.0) for bin_ in bins] for band in range(bands)])
    columns = []
    for frame in range(frames):
        piece = sound[frame * HOP : frame * HOP + 400] * window
        columns.append(filters @ (np.abs(piece @ turns) ** 2))
    mel = np.log10(np.maximum(np.array(columns).T, 1e-10))
    return (np.maximum(mel, mel.max() - 8) + 4) / 4


@pytest.mark.parametrize("bands", [80, 128])
@pytest.mark.parametrize("seconds", [0.0, 0.31, 0.8, 1.7])
def test_features_are_those_of_the_definition(bands: int, seconds: float) -> None:
    rng = np.random.default_rng(7)
    times = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    samples = (0.3 * np.sin(2 * np.pi * (200 + 900 * times) * times) + 0.01 * rng.normal(size=len(times))).astype("f4")
    found = features(samples, 100, bands)
    assert found.dtype == np.float32
    assert found.flags.c_contiguous
    assert found.shape == (bands, 100)
    np.testing.assert_allclose(found, reference(samples, 100, bands), atol=2e-4)


def test_silence_is_finite_and_flat() -> None:
    found = features(np.zeros(0, np.float32), FULL_FRAMES, 80)
    assert found.shape == (80, FULL_FRAMES)
    assert np.ptp(found) == 0
    assert np.isfinite(found).all()


def test_samples_are_scaled() -> None:
    assert samples_of(b"\x00\x80\x00\x00\xff\x7f").tolist() == [-1.0, 0.0, 32767 / 32768]
