"""Companded telephone speech: ITU-T G.711, mu-law and A-law, 8 bits a sample at 8000 Hz."""

import numpy as np
from numpy.typing import NDArray

RATE_HZ = 8000

_BIAS = 33 << 2
"""What mu-law adds before it takes the logarithm, at the scale of 16-bit samples."""
_MULAW_TOP = 32_635


def decode_mulaw(data: bytes) -> NDArray[np.int16]:
    """Samples of the codes, one a byte; 16-bit full scale."""
    return _FROM_MULAW[np.frombuffer(data, np.uint8)]


def decode_alaw(data: bytes) -> NDArray[np.int16]:
    """Samples of the codes, one a byte; 16-bit full scale."""
    return _FROM_ALAW[np.frombuffer(data, np.uint8)]


def encode_mulaw(samples: NDArray[np.int16]) -> bytes:
    """One code a sample."""
    return _TO_MULAW[samples.astype(np.int16, copy=False).view(np.uint16)].tobytes()


def encode_alaw(samples: NDArray[np.int16]) -> bytes:
    """One code a sample."""
    return _TO_ALAW[samples.astype(np.int16, copy=False).view(np.uint16)].tobytes()


def _mulaw_values() -> NDArray[np.int16]:
    """G.711 table 2a: all bits of a code are inverted; sign, three bits of segment, four of step."""
    code = ~np.arange(256) & 0xFF
    magnitude = (((code & 0x0F) << 3) + _BIAS << (code >> 4 & 7)) - _BIAS
    return np.where(code & 0x80, -magnitude, magnitude).astype(np.int16)


def _alaw_values() -> NDArray[np.int16]:
    """G.711 table 1a: every second bit of a code is inverted; the lowest segment is linear; a set sign is positive."""
    code = np.arange(256) ^ 0x55
    segment = code >> 4 & 7
    step = (code & 0x0F) << 4
    magnitude = np.where(segment == 0, step + 8, step + 0x108 << np.maximum(segment - 1, 0))
    return np.where(code & 0x80, magnitude, -magnitude).astype(np.int16)


def _by_unsigned(codes: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Codes of the samples -32768..32767, in the order of the same bits read as 0..65535."""
    return np.concatenate([codes[32_768:], codes[:32_768]]).astype(np.uint8)


def _mulaw_codes() -> NDArray[np.uint8]:
    samples = np.arange(-32_768, 32_768)
    magnitude = np.minimum(np.abs(samples), _MULAW_TOP) + _BIAS
    segment = np.floor(np.log2(magnitude)).astype(np.int64) - 7
    code = np.where(samples < 0, 0x80, 0) | segment << 4 | magnitude >> segment + 3 & 0x0F
    return _by_unsigned(~code & 0xFF)


def _alaw_codes() -> NDArray[np.uint8]:
    """A negative sample is taken one's complement, so that both signs have as many codes."""
    samples = np.arange(-32_768, 32_768)
    magnitude = np.where(samples < 0, ~samples, samples)
    segment = np.maximum(np.floor(np.log2(np.maximum(magnitude, 1))).astype(np.int64) - 7, 0)
    step = magnitude >> np.maximum(segment, 1) + 3 & 0x0F
    code = np.where(samples < 0, 0, 0x80) | segment << 4 | step
    return _by_unsigned(code ^ 0x55)


_FROM_MULAW = _mulaw_values()
_FROM_ALAW = _alaw_values()
_TO_MULAW = _mulaw_codes()
_TO_ALAW = _alaw_codes()
