"""Decoding sound that comes in frames: a stretch at a time, each begun a little early so that nothing is lost."""

from collections.abc import Callable, Iterator

import msgspec
import numpy as np
from numpy.typing import NDArray

from omniwatt.contract.error import BadInput
from omniwatt.engines.media import aac, codecs, mpeg
from omniwatt.engines.media.track import Track
from omniwatt.engines.media.work import Work

Samples = NDArray[np.float32]

_FIRST, _REST = 32, 512
_LEAST = 8
"""Frames the decoder is given at least: of fewer it does not believe that they are sound."""
_AAC_EARLY = 48
_MP3_RESERVOIR_BYTES = 512
_MP3_SIDE_BYTES = 38
_MP3_EARLY = 2


class Framed(msgspec.Struct, frozen=True, kw_only=True):
    """`per_frame` samples from each of the packets at `places`, after `early` more were decoded before them."""

    data: memoryview
    places: NDArray[np.int64]
    rate_hz: int
    channels: int
    per_frame: int
    encoding: str
    early: Callable[[int], int]
    head: Callable[[int], bytes] | None = None
    skip: int = 0
    total: int | None = None

    @property
    def frames(self) -> int:
        """Samples a channel, in all."""
        whole = max(len(self.places) * self.per_frame - self.skip, 0)
        return whole if self.total is None else min(self.total, whole)

    def blocks(self, work: Work) -> Iterator[Samples]:
        """Frames x channels. Raises BadInput."""
        left = self.frames
        skip = self.skip
        at = min(skip // self.per_frame, len(self.places))
        skip -= at * self.per_frame
        size = _FIRST
        while at < len(self.places) and left > 0:
            work.check()
            until = min(at + size, len(self.places))
            block = self._decoded(at, until)[skip:][:left]
            yield block
            left -= len(block)
            at, size, skip = until, _REST, 0

    def _decoded(self, start: int, until: int) -> Samples:
        early = max(start - self.early(start), 0)
        samples, rate_hz = decode(self._bytes(early, until))
        samples = samples[(start - early) * self.per_frame :]
        if rate_hz != self.rate_hz or samples.shape[1] != self.channels:
            raise BadInput("The sound changes its rate or its channels on the way.", param="data")
        wanted = (until - start) * self.per_frame
        if len(samples) < wanted and until < len(self.places):
            raise BadInput(f"The sound is damaged near {start * self.per_frame / rate_hz:.1f} s.", param="data")
        return samples[:wanted]

    def _bytes(self, start: int, until: int) -> bytes:
        return packed(self.data, self.places[start:until], self.head)


def packed(data: memoryview, places: NDArray[np.int64], head: Callable[[int], bytes] | None) -> bytes:
    """Packets one after the other, each behind its head; the last one repeated until there are enough."""
    packets = [(head(size) if head else b"") + bytes(data[at : at + size]) for at, size in places.tolist()]
    return b"".join(packets + packets[-1:] * (_LEAST - len(packets)))


def decode(data: bytes) -> tuple[Samples, int]:
    """Frames x channels, and their rate. Raises CodecpodError."""
    samples, rate_hz = codecs.load(data)
    return samples.reshape(len(samples), -1), rate_hz


def mp3(data: memoryview, work: Work) -> Framed:
    """A file of MPEG sound. Raises BadInput."""
    found = mpeg.frames(data, work.check)
    useful = np.maximum(found.places[:, 1] - _MP3_SIDE_BYTES, 4)
    before = np.cumsum(useful) - useful

    def early(start: int) -> int:
        """As many frames as may hold the beginning of this one, and what the overlap needs."""
        if start >= len(before):
            return 0
        reaches = int(np.searchsorted(before, before[start] - _MP3_RESERVOIR_BYTES, side="right"))
        return start - max(reaches - 1, 0) + _MP3_EARLY

    return Framed(
        data=data,
        places=found.places,
        rate_hz=found.rate_hz,
        channels=found.channels,
        per_frame=found.per_frame,
        encoding=found.layer,
        early=early,
        skip=found.skip,
        total=found.total,
    )


def adts(data: memoryview, work: Work) -> Framed:
    """A file of AAC frames. Raises BadInput."""
    places, core_hz = aac.adts_frames(data, work.check)
    return _aac(data, places, core_hz, None)


def aac_track(data: memoryview, track: Track) -> Framed:
    """AAC in a container. Raises BadInput."""
    kind, rate, channels = aac.read_setup(track.setup)
    if int(track.places[:, 1].max()) > 8184:
        raise BadInput("The sound is damaged: a packet is longer than AAC allows.", param="data")
    whole = _aac(data, track.places, aac.RATES_HZ[rate], lambda size: aac.adts_head(kind, rate, channels, size))
    total = None if track.seconds is None else round(track.seconds * whole.rate_hz)
    return msgspec.structs.replace(whole, skip=round(track.skip_s * whole.rate_hz), total=total)


def _aac(data: memoryview, places: NDArray[np.int64], core_hz: int, head: Callable[[int], bytes] | None) -> Framed:
    """What comes out is known once something has come out: the headers speak of the core alone."""
    samples, rate_hz = decode(packed(data, places[:_LEAST], head))
    return Framed(
        data=data,
        places=places,
        rate_hz=rate_hz,
        channels=samples.shape[1],
        per_frame=aac.FRAME * max(rate_hz // core_hz, 1),
        encoding="AAC",
        early=lambda _: _AAC_EARLY,
        head=head,
    )
