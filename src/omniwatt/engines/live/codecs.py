"""Sound as realtime clients send and take it <-> samples: 16-bit PCM at 24 kHz, and G.711 at 8 kHz."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from omniwatt.contract.error import UnsupportedField
from omniwatt.engines.media import g711

Floats = NDArray[np.float32]
FULL = 32768.0


class Codec(NamedTuple):
    """One wire form: its rate, bytes a sample, and the way there and back (samples as int16)."""

    media_type: str
    rate_hz: int
    sample_bytes: int
    decode: Callable[[bytes], NDArray[np.int16]]
    encode: Callable[[NDArray[np.int16]], bytes]


def codec(media_type: str) -> Codec:
    """The codec of a media type. Raises UnsupportedField."""
    found = CODECS.get(media_type)
    if found is None:
        raise UnsupportedField(f"Live sound is one of {', '.join(CODECS)}.", param="format")
    return found


def floats(samples: NDArray[np.int16]) -> Floats:
    """-1 to 1."""
    return samples.astype(np.float32) / np.float32(FULL)


def integers(samples: Floats) -> NDArray[np.int16]:
    """Rounded, and clipped rather than wrapped round."""
    clipped: NDArray[np.int16] = np.clip(np.rint(samples * FULL), -FULL, FULL - 1).astype(np.int16)
    return clipped


def pcm_samples(data: bytes) -> NDArray[np.int16]:
    """Little-endian on the wire, whatever this machine's order is."""
    samples: NDArray[np.int16] = np.frombuffer(data, "<i2").astype(np.int16)
    return samples


def _pcm_bytes(samples: NDArray[np.int16]) -> bytes:
    return samples.astype("<i2").tobytes()


CODECS = {
    one.media_type: one
    for one in (
        Codec("audio/pcm", 24000, 2, pcm_samples, _pcm_bytes),
        Codec("audio/pcmu", g711.RATE_HZ, 1, g711.decode_mulaw, g711.encode_mulaw),
        Codec("audio/pcma", g711.RATE_HZ, 1, g711.decode_alaw, g711.encode_alaw),
    )
}
