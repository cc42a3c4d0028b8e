"""AAC (ISO 14496-3): frames with ADTS headers, found in a file, made for a track's packets, and encoded anew."""

from array import array

import numpy as np
from numpy.typing import NDArray

from omniwatt.contract.error import BadInput
from omniwatt.engines.media import codecs, isobmff
from omniwatt.engines.media.track import MAX_PACKETS, Check, damaged, no_decoder

RATES_HZ = (96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8000, 7350)
FRAME = 1024
_HEAD_BYTES = 7
_CORE = frozenset({1, 2, 3, 4})
_EXTENDED = frozenset({5, 29})
"""Spectral band replication, parametric stereo: the frames are those of the core; the decoder finds the rest."""
_MAX_JUNK = 1 << 16
_CHECK_EVERY = 8192


def adts_head(profile: int, rate: int, channels: int, size: int) -> bytes:
    """The header of a frame of `size` bytes: `profile` is the object type, `rate` an index into RATES_HZ."""
    whole = size + _HEAD_BYTES
    return bytes(
        (
            0xFF,
            0xF1,
            profile - 1 << 6 | rate << 2 | channels >> 2,
            (channels & 3) << 6 | whole >> 11,
            whole >> 3 & 0xFF,
            (whole & 7) << 5 | 0x1F,
            0xFC,
        )
    )


def read_setup(setup: bytes) -> tuple[int, int, int]:
    """Object type, rate index and channels of an AudioSpecificConfig. Raises BadInput for what ADTS cannot say."""
    bits = _Bits(setup)
    kind = bits.take(5)
    rate = bits.take(4)
    channels = bits.take(4)
    if kind in _EXTENDED:
        bits.take(4)
        kind = bits.take(5)
    if kind not in _CORE or not 1 <= channels <= 7:
        raise no_decoder(f"AAC of object type {kind} in {channels} channels" if kind != 31 else "AAC of this kind")
    if rate >= len(RATES_HZ):
        raise no_decoder("AAC of an unusual sample rate")
    if bits.take(1):
        raise no_decoder("AAC in frames of 960 samples")
    return kind, rate, channels


def adts_frames(data: memoryview, check: Check) -> tuple[NDArray[np.int64], int]:
    """Offset and size of the frames of a file, and the sample rate of their core. Raises BadInput."""
    places = array("q")
    at = 0
    kind = -1
    junk = 0
    while at + _HEAD_BYTES <= len(data) and len(places) < 2 * MAX_PACKETS:
        if len(places) % _CHECK_EVERY == 0:
            check()
        size = _size(data, at)
        same = (data[at + 2] << 8 | data[at + 3]) & 0xFDC0
        if not size or kind not in {-1, same}:
            junk += 1
            at += 1
            if junk > _MAX_JUNK:
                raise damaged("AAC", f"at byte {at} there is no frame")
            continue
        if at + size > len(data):
            break
        kind = same
        places.extend((at, size))
        at += size
    if not places:
        raise BadInput("The audio/aac data cannot be read: there is no whole frame in them.", param="data")
    return np.array(places, np.int64).reshape(-1, 2), RATES_HZ[kind >> 10 & 15]


def _size(data: memoryview, at: int) -> int:
    """Bytes of the frame that begins here; 0 when none does."""
    if data[at] != 0xFF or data[at + 1] & 0xF6 != 0xF0 or data[at + 2] >> 2 & 15 >= len(RATES_HZ):
        return 0
    size = (data[at + 3] & 3) << 11 | data[at + 4] << 3 | data[at + 5] >> 5
    return size if size > _HEAD_BYTES and not data[at + 6] & 3 else 0


class _Bits:
    """Numbers of any width, the highest bit first; zeros after the end."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data + b"\0" * 8)
        self._left = 8 * (len(data) + 8)

    def take(self, width: int) -> int:
        self._left -= width
        return self._value >> self._left & (1 << width) - 1


class AacEncoder:
    """Samples in, ADTS frames out, as soon as they are settled.

    The codec encodes whole stretches only. So each stretch is encoded with the frames before it, which are thrown
    away, until its state is what it would have been; a frame needs the two that follow it.
    """

    _BEFORE = 16
    """On speech, 0.4 dB more noise than one encoding of the whole has; with 8 frames it is 1 to 4 dB."""
    _LEAST = 8
    """A stretch has so many at least, but for the first: each costs `_BEFORE` frames more."""
    _AFTER = 2
    _MOST = 256

    def __init__(self, rate_hz: int, channels: int, bit_rate: int) -> None:
        self._rate_hz = rate_hz
        self._bit_rate = bit_rate
        self._samples = np.zeros((0, channels), np.float32)
        self._first = 0
        """The frame that `_samples` begins with."""
        self._made = 0

    def feed(self, samples: NDArray[np.float32]) -> bytes:
        """What `samples` (frames x channels, full scale 1) complete."""
        self._samples = np.concatenate([self._samples, samples])
        ready = self._first + len(self._samples) // FRAME - self._AFTER
        if self._made and ready - self._made < self._LEAST:
            return b""
        return b"".join(self._frames(min(ready, self._made + self._MOST)) for _ in self._stretches(ready))

    def end(self) -> bytes:
        """The rest; a stream of no samples has no frames."""
        if not len(self._samples):
            return b""
        # One frame more than there are samples for: the last is halved by the overlap.
        return self._frames(None)

    def _stretches(self, ready: int) -> range:
        return range(0, max(ready - self._made, 0), self._MOST)

    def _frames(self, until: int | None) -> bytes:
        """The frames from `_made` to `until`; None is all there will ever be."""
        have = None if until is None else (until + self._AFTER - self._first) * FRAME
        out = self._encoded(self._samples[:have])[
            self._made - self._first : None if until is None else until - self._first
        ]
        if until is not None:
            self._made = until
            keep = max(until - self._BEFORE, 0)
            self._samples = self._samples[(keep - self._first) * FRAME :]
            self._first = keep
        return b"".join(out)

    def _encoded(self, samples: NDArray[np.float32]) -> list[bytes]:
        made = codecs.mp4_of_aac(samples, self._rate_hz, self._bit_rate)
        track = isobmff.track(memoryview(made), lambda: None)
        kind, rate, channels = read_setup(track.setup)
        return [
            adts_head(kind, rate, channels, size) + made[start : start + size] for start, size in track.places.tolist()
        ]
