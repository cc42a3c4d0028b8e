"""FFmpeg's codecs (codecpod), where there is a wheel of them: on Linux only for x86-64."""

import importlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from omniwatt.contract.error import UnsupportedField


def load(data: bytes) -> tuple[NDArray[np.float32], int]:
    """Samples, frames first, and their rate. Raises UnsupportedField without the library, else its own error."""
    samples, rate_hz = _library().load(data, channels_first=False)
    return samples, rate_hz


def mp4_of_aac(samples: NDArray[np.float32], rate_hz: int, bit_rate: int) -> bytes:
    """An MP4 file of AAC-LC frames. Raises UnsupportedField without the library."""
    library = _library()
    made: bytes = library.save_bytes(samples, rate_hz, library.Aac(bit_rate), channels_first=False)
    return made


def _library() -> Any:
    try:
        return importlib.import_module("codecpod")
    except ImportError:
        raise UnsupportedField(
            "MP3, AAC and WebM need the package codecpod, which is not installed: there is no wheel of it for this "
            "processor. WAV, FLAC and Ogg are taken."
        ) from None
