"""What libsndfile reads: WAV, FLAC, Ogg (Vorbis, Opus) and AIFF, its counts checked before they are believed."""

import contextlib
import io
import struct
from collections.abc import Iterator
from typing import Any

import numpy as np
import soundfile

from omniwatt.engines.media import ogg
from omniwatt.engines.media.sources import Samples, Source
from omniwatt.engines.media.track import breaks_off
from omniwatt.engines.media.work import Work

_FIRST_FRAMES = 1 << 13
_BLOCK_FRAMES = 1 << 16
_BLOCK_SAMPLES = 1 << 17
_NOBODY_KNOWS = 1 << 62
_VORBIS_MOST = 4096
_OPUS_MOST_S = 0.12
"""The longest packets there are, in samples and in seconds."""
_UNKNOWN_LENGTH = 0x7FFFF000
"""A writer that cannot seek leaves a length near the largest in a WAV header."""


class View(io.RawIOBase):
    """Bytes as a file, without a copy. Damaged files make the decoder seek before their beginning: that is forgiven."""

    def __init__(self, data: memoryview) -> None:
        super().__init__()
        self.data = data
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        piece = self.data[self._at : self._at + len(buffer)]
        buffer[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)

    def seek(self, offset: int, whence: int = 0, /) -> int:
        at = (0, self._at, len(self.data))[whence] + offset
        if at >= 0:
            self._at = min(at, len(self.data))
        return self._at

    def tell(self) -> int:
        return self._at


@contextlib.contextmanager
def file_source(view: View, work: Work) -> Iterator[Source]:
    """Raises BadInput, and whatever libsndfile raises."""
    if bytes(view.data[:4]) in {b"RIFF", b"RF64"}:
        _check_wav(view.data)
    frames = _counted(View(view.data))
    with soundfile.SoundFile(view) as file:
        yield Source(
            rate_hz=file.samplerate,
            channels=file.channels,
            encoding=file.subtype,
            frames=frames,
            blocks=lambda: _blocks(file, work),
        )


def _counted(view: View) -> int | None:
    """The frames the file says it has, where that can be believed; no more than these will be decoded.

    The last of them must be there. In Ogg nothing is sought for (libsndfile dies of it when pages are damaged): there
    it is enough that so many packets could hold so much.
    """
    with soundfile.SoundFile(view) as file:
        if not 0 < file.frames < _NOBODY_KNOWS:
            return int(file.frames) if file.frames == 0 else None
        if file.format == "OGG":
            most = ogg.packets(view.data) * max(_VORBIS_MOST, _OPUS_MOST_S * file.samplerate)
            return int(file.frames) if file.frames <= most else None
        try:
            file.seek(file.frames - 1)
            return int(file.frames) if len(_read(file, 2)) == 1 else None
        except soundfile.SoundFileError:
            return None


def _blocks(file: soundfile.SoundFile, work: Work) -> Iterator[Samples]:
    """Raises BadInput when there is less than there should be, where the file knows that."""
    size = _FIRST_FRAMES
    frames = 0
    while len(block := _read(file, size)):
        work.check()
        frames += len(block)
        yield block
        size = max(1, min(_BLOCK_FRAMES, _BLOCK_SAMPLES // file.channels))
    if file.format == "FLAC" and frames < file.frames < _NOBODY_KNOWS:
        raise breaks_off(frames, file.frames, "frames")


def _read(file: soundfile.SoundFile, frames: int) -> Samples:
    """The next frames x channels. The library's own `read` seeks after each: streams of unknown length forbid that."""
    block: Samples = np.empty((frames, file.channels), np.float32)
    found = soundfile._snd.sf_readf_float(file._file, soundfile._ffi.cast("float*", block.ctypes.data), frames)
    if file._errorcode:
        raise soundfile.LibsndfileError(file._errorcode)
    return block[:found]


def _check_wav(data: memoryview) -> None:
    """Raises BadInput when the header promises more sound than there is; the decoder would just stop early."""
    at = 12
    while at + 8 <= len(data):
        name, size = struct.unpack_from("<4sI", data, at)
        have = len(data) - at - 8
        if name == b"data":
            if have < size < _UNKNOWN_LENGTH and bytes(data[:4]) == b"RIFF":
                raise breaks_off(have, size, "bytes")
            return
        at += 8 + size + (size & 1)
