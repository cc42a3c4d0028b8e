"""Sound that is speech to a machine and means nothing: made here, always the same."""

import numpy as np

RATE_HZ = 16_000
_VOWELS_HZ = ((730, 1090, 2440), (270, 2290, 3010), (300, 870, 2240), (530, 1840, 2480), (570, 840, 2410))
_WIDTHS_HZ = (80, 100, 140)


def babble(seconds: float, seed: int = 1) -> bytes:
    """Syllables of glottal pulses through three resonances, with pauses; 16-bit samples at 16 kHz."""
    rng = np.random.default_rng(seed)
    parts: list[np.ndarray] = []
    while sum(map(len, parts)) < seconds * RATE_HZ:
        parts.append(_syllable(rng))
        if rng.random() < 0.3:
            parts.append(rng.normal(scale=0.03, size=RATE_HZ // 16))
        if rng.random() < 0.12:
            parts.append(np.zeros(int(rng.uniform(0.3, 1.2) * RATE_HZ)))
    samples = np.concatenate(parts)[: int(seconds * RATE_HZ)]
    return (samples * 32767).astype("<i2").tobytes()


def _syllable(rng: np.random.Generator) -> np.ndarray:
    size = int(rng.uniform(0.12, 0.28) * RATE_HZ)
    falling = rng.uniform(95, 140) * (1 - 0.15 * np.arange(size) / size)
    sound = np.diff(np.floor(np.cumsum(falling / RATE_HZ)), prepend=0) + 0.02 * rng.normal(size=size)
    times = np.arange(800) / RATE_HZ
    for centre_hz, width_hz in zip(_VOWELS_HZ[rng.integers(len(_VOWELS_HZ))], _WIDTHS_HZ, strict=True):
        ringing = np.exp(-np.pi * width_hz * times) * np.sin(2 * np.pi * centre_hz * times)
        sound = np.convolve(sound, ringing)[:size]
    places = np.arange(size)
    edges = np.minimum(1, np.minimum(places, size - places) / (0.03 * RATE_HZ))
    return 0.5 * edges * sound / np.abs(sound).max()
