"""Sound out, in the form asked for, while it is still being made: samples in, bytes as soon as they exist."""

import io
import struct
from typing import Any, Protocol

import numpy as np
import soundfile
from numpy.typing import NDArray

from omniwatt.contract.error import BadInput
from omniwatt.engines.media import mpeg
from omniwatt.engines.media.aac import RATES_HZ as AAC_RATES_HZ
from omniwatt.engines.media.aac import AacEncoder
from omniwatt.engines.sniff import canonical

Samples = NDArray[np.float32]

_FILES = {
    "audio/flac": ("FLAC", "PCM_16"),
    "audio/ogg": ("OGG", "VORBIS"),
    "audio/opus": ("OGG", "OPUS"),
    "audio/mpeg": ("MP3", "MPEG_LAYER_III"),
}
TARGETS = frozenset({*_FILES, "audio/wav", "audio/pcm", "audio/aac"})
_RATES_HZ: dict[str, tuple[int, ...]] = {
    "audio/opus": (8000, 12_000, 16_000, 24_000, 48_000),
    "audio/mpeg": (8000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000),
    "audio/aac": tuple(sorted(AAC_RATES_HZ)),
}
_AAC_BIT_RATE = 64_000
"""A channel, where the rate allows as many."""
_BITS_PER_SAMPLE_AT_MOST = 4
_CONSTANT: dict[str, Any] = {"bitrate_mode": "CONSTANT", "compression_level": 0.3}
"""Without a count at the beginning, players find the length and places of MP3 by its bit rate: it must not vary."""
_PAGE_S = 0.02
_SET_PAGE_LATENCY_MS = 0x1302
"""libsndfile's SFC_SET_OGG_PAGE_LATENCY_MS: it holds back a second of Opus otherwise."""


class Encoder(Protocol):
    """One stream on its way out."""

    def feed(self, samples: Samples) -> bytes:
        """Frames x channels, full scale 1; what they complete."""
        ...

    def end(self) -> bytes:
        """The rest."""
        ...


def target_of(media_type: str) -> str:
    """The name of a target in TARGETS; Opus has one of its own, though its container is Ogg."""
    bare = canonical(media_type)
    opus = media_type.strip().lower() == "audio/opus" or "opus" in media_type.partition(";")[2].lower()
    return "audio/opus" if bare == "audio/ogg" and opus else bare


def media_type_of(target: str) -> str:
    """What the bytes of a target are."""
    return "audio/ogg;codecs=opus" if target == "audio/opus" else target


def encoder(target: str, rate_hz: int, channels: int) -> Encoder:
    """Raises BadInput for a rate or a number of channels the form does not have."""
    rates = _RATES_HZ.get(target)
    if rates and rate_hz not in rates:
        listed = ", ".join(map(str, rates))
        raise BadInput(f"{target} has no rate of {rate_hz} Hz; it has {listed}.", param="options")
    if target == "audio/pcm":
        return _Plain(b"")
    if target == "audio/wav":
        return _Plain(wav_head(rate_hz, channels))
    if target == "audio/aac":
        return _Aac(rate_hz, channels)
    return _File(target, rate_hz, channels)


def wav_head(rate_hz: int, channels: int) -> bytes:
    """The beginning of a WAV file of 16-bit samples whose length nobody knows yet."""
    width = 2 * channels
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, channels, rate_hz, rate_hz * width, width, 16)
    return struct.pack("<4sI4s", b"RIFF", 0xFFFFFFFF, b"WAVE") + form + struct.pack("<4sI", b"data", 0xFFFFFFFF)


def to_pcm(samples: Samples) -> bytes:
    """Signed 16-bit little-endian; what is too loud is cut off and does not wrap."""
    return bytes(np.clip(np.rint(samples * 32_768.0), -32_768, 32_767).astype("<i2").tobytes())


class _Plain:
    def __init__(self, head: bytes) -> None:
        self._head = head

    def feed(self, samples: Samples) -> bytes:
        head, self._head = self._head, b""
        return head + to_pcm(samples)

    def end(self) -> bytes:
        head, self._head = self._head, b""
        return head


class _Aac:
    def __init__(self, rate_hz: int, channels: int) -> None:
        bit_rate = channels * min(_AAC_BIT_RATE, _BITS_PER_SAMPLE_AT_MOST * rate_hz)
        self._encoder = AacEncoder(rate_hz, channels, bit_rate)

    def feed(self, samples: Samples) -> bytes:
        return self._encoder.feed(np.clip(samples, -1.0, 1.0))

    def end(self) -> bytes:
        return self._encoder.end()


class _Sink(io.RawIOBase):
    """Takes what is written at the end; what goes back to correct a header comes too late and is dropped."""

    def __init__(self) -> None:
        super().__init__()
        self._held = bytearray()
        self._at = 0
        self._end = 0

    def taken(self) -> bytes:
        """What has come since the last time."""
        held, self._held = self._held, bytearray()
        return bytes(held)

    def write(self, data: Any, /) -> int:
        new = memoryview(data)[max(self._end - self._at, 0) :]
        self._held += new
        self._at += len(data)
        self._end = max(self._end, self._at)
        return len(data)

    def seek(self, offset: int, whence: int = 0, /) -> int:
        self._at = max((0, self._at, self._end)[whence] + offset, 0)
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: Any, /) -> int:
        return 0


class _File:
    """What libsndfile writes."""

    def __init__(self, target: str, rate_hz: int, channels: int) -> None:
        form, encoding = _FILES[target]
        self._sink = _Sink()
        extra = _CONSTANT if target == "audio/mpeg" else {}
        self._file = soundfile.SoundFile(self._sink, "w", rate_hz, channels, encoding, format=form, **extra)
        self._begun = target != "audio/mpeg"
        if target == "audio/opus":
            latency = soundfile._ffi.new("double*", 1000 * _PAGE_S)
            soundfile._snd.sf_command(self._file._file, _SET_PAGE_LATENCY_MS, latency, 8)

    def feed(self, samples: Samples) -> bytes:
        self._file.write(np.clip(samples, -1.0, 1.0))
        return self._taken()

    def end(self) -> bytes:
        self._file.close()
        return self._taken()

    def _taken(self) -> bytes:
        """LAME begins with an empty frame that it means to fill with a count at the end: players would hear it."""
        data = self._sink.taken()
        if data and not self._begun:
            self._begun = True
            size = mpeg.frame_bytes(memoryview(data))
            if not any(data[4:size]) or data.find(b"Xing", 0, size) > 0 or data.find(b"Info", 0, size) > 0:
                return data[size:]
        return data
