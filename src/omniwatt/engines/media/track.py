"""One track of encoded sound as a container holds it: what it is encoded with, and where its packets lie."""

from collections.abc import Callable
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from omniwatt.contract.error import BadInput

MAX_PACKETS = 4_000_000
"""Four hours of the shortest packets there are (2.5 ms) are 5.8 million; whoever sends as many wants to be a burden."""

Check = Callable[[], None]
"""Raises Cancelled once nobody waits; called now and then in long loops."""

Codec = Literal["aac", "opus", "vorbis", "mp3", "flac"]


class Track(msgspec.Struct, frozen=True, kw_only=True):
    """`places`: packets x (offset, size) in the file. `setup` is what the decoder must know first.

    `setup` of aac: AudioSpecificConfig (ISO 14496-3); of opus: OpusHead (RFC 7845); of vorbis: its three header
    packets, Xiph-laced; of flac: `fLaC` and its metadata blocks; of mp3: nothing.
    """

    codec: Codec
    setup: bytes
    places: NDArray[np.int64]
    ends_ms: NDArray[np.int64] | None = None
    """When each packet ends, where the container says so."""
    skip_s: float = 0.0
    """Sound at the beginning that only warms up the decoder."""
    seconds: float | None = None
    """How much is to be heard after that; None is all."""


def breaks_off(have: int, want: int, what: str) -> BadInput:
    """The error for a file that holds less than it says."""
    return BadInput(f"The sound breaks off: {have} of {want} {what} are there.", param="data")


def damaged(container: str, why: str) -> BadInput:
    """The error for a container that makes no sense."""
    return BadInput(f"The {container} file is damaged: {why}.", param="data")


def no_decoder(encoding: str) -> BadInput:
    """The error for an encoding nobody here can decode."""
    return BadInput(
        f"There is no decoder for {encoding or 'sound like this'} here.", param="data", code="unsupported_media_type"
    )
