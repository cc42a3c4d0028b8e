"""Sound: what it is, and in another form, rate or number of channels."""

import io
import struct
from collections.abc import Iterator
from typing import Annotated, Any

import msgspec
import numpy as np
import soundfile

from omniwatt.contract.error import BadInput, TooLarge
from omniwatt.engines.media.resample import Resampler, Samples
from omniwatt.engines.media.work import Options, Output, Work, decoding

BLOCK_FRAMES = 1 << 16
MAX_CHANNELS = 32
MAX_RATE_HZ = 768_000
_DECODED = {"audio/wav", "audio/flac", "audio/ogg", "audio/mpeg", "audio/aiff"}
_ENCODERS = {
    "audio/wav": ("WAV", "PCM_16"),
    "audio/flac": ("FLAC", "PCM_16"),
    "audio/ogg": ("OGG", "VORBIS"),
    "audio/opus": ("OGG", "OPUS"),
    "audio/mpeg": ("MP3", "MPEG_LAYER_III"),
    "audio/pcm": ("RAW", "PCM_16"),
}
TARGETS = frozenset(_ENCODERS)
_RATES_HZ = {
    "audio/opus": (8000, 12_000, 16_000, 24_000, 48_000),
    "audio/mpeg": (8000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000),
}
_UNKNOWN_LENGTH = 0x7FFFF000
"""A writer that cannot seek leaves a length near the largest in a WAV header."""


class _File(io.BytesIO):
    """Damaged files make the decoder seek before their beginning; an exception there cannot reach us."""

    def seek(self, offset: int, whence: int = 0, /) -> int:
        try:
            return super().seek(offset, whence)
        except ValueError:
            return self.tell()


class SoundOptions(Options, frozen=True):
    """What is absent stays as it is, but for more than two channels: those become two."""

    sample_rate_hz: Annotated[int, msgspec.Meta(ge=4000, le=192_000)] | None = None
    channels: Annotated[int, msgspec.Meta(ge=1, le=2)] | None = None


def probe(data: bytes, media_type: str, work: Work) -> dict[str, Any]:
    """Length, rate and channels, found by decoding all of it. Raises BadInput."""
    with decoding(media_type), _opened(data, media_type, work) as file:
        frames = sum(len(block) for block in _blocks(file, work))
        return {
            "kind": "audio",
            "seconds": frames / file.samplerate,
            "frames": frames,
            "sample_rate_hz": file.samplerate,
            "channels": file.channels,
            "encoding": file.subtype,
        }


def transcode(data: bytes, media_type: str, target: str, options: SoundOptions, work: Work) -> Iterator[Output]:
    """All of it in the target's form. Raises BadInput, TooLarge."""
    with decoding(media_type), _opened(data, media_type, work) as file:
        rate_hz = options.sample_rate_hz or file.samplerate
        channels = options.channels or min(file.channels, 2)
        if rate_hz not in _RATES_HZ.get(target, (rate_hz,)):
            rates = ", ".join(map(str, _RATES_HZ[target]))
            raise BadInput(f"{target} has no rate of {rate_hz} Hz; it has {rates}.", param="options")
        out = io.BytesIO()
        form, encoding = _ENCODERS[target]
        with soundfile.SoundFile(
            out, "w", rate_hz, channels, encoding, endian="LITTLE" if form == "RAW" else None, format=form
        ) as written:
            frames = 0
            for block in _converted(file, rate_hz, channels, work):
                written.write(np.clip(block, -1.0, 1.0))
                frames += len(block)
                if out.tell() > work.limits.max_output_bytes:
                    raise TooLarge("The sound is too long for this form.", param="data")
        facts = {"seconds": frames / rate_hz, "sample_rate_hz": rate_hz, "channels": channels}
        yield Output(out.getvalue(), target, facts | {"bytes": len(out.getvalue())})


def _converted(file: soundfile.SoundFile, rate_hz: int, channels: int, work: Work) -> Iterator[Samples]:
    mixed = (_mix(block, channels) for block in _blocks(file, work))
    if rate_hz == file.samplerate:
        yield from mixed
        return
    resampler = Resampler(file.samplerate, rate_hz, channels)
    for block in mixed:
        yield resampler.feed(block)
    yield resampler.end()


def _mix(block: Samples, channels: int) -> Samples:
    """One channel is the mean of all; two are the means of the odd and of the even ones."""
    have = block.shape[1]
    if have == channels:
        return block
    if channels == 1:
        return np.asarray(block.mean(axis=1, keepdims=True), dtype=np.float32)
    if have == 1:
        return np.repeat(block, 2, axis=1)
    return np.stack([block[:, 0::2].mean(axis=1), block[:, 1::2].mean(axis=1)], axis=1)


def _opened(data: bytes, media_type: str, work: Work) -> soundfile.SoundFile:
    if media_type not in _DECODED:
        raise BadInput(f"There is no decoder for {media_type} here.", param="data", code="unsupported_media_type")
    if media_type == "audio/wav":
        _check_wav(data)
    work.step(len(data))
    file = soundfile.SoundFile(_File(data))
    if not 1 <= file.channels <= MAX_CHANNELS or not 1 <= file.samplerate <= MAX_RATE_HZ:
        file.close()
        raise BadInput(
            f"Sound of {file.channels} channels at {file.samplerate} Hz is not taken; "
            f"at most {MAX_CHANNELS} channels at {MAX_RATE_HZ} Hz are.",
            param="data",
        )
    return file


def _blocks(file: soundfile.SoundFile, work: Work) -> Iterator[Samples]:
    """Raises BadInput when there is too much of it, none, or (FLAC knows) less than there should be."""
    longest = int(work.limits.max_seconds * file.samplerate)
    frames = 0
    while len(block := file.read(BLOCK_FRAMES, dtype="float32", always_2d=True)):
        work.check()
        frames += len(block)
        if frames > longest:
            raise BadInput(f"The sound is longer than {work.limits.max_seconds:g} seconds.", param="data")
        yield np.nan_to_num(block, copy=False, nan=0.0, posinf=1.0, neginf=-1.0)
    if frames == 0:
        raise BadInput("The file holds no sound.", param="data")
    if file.format == "FLAC" and frames < file.frames < 1 << 62:
        raise BadInput(f"The sound breaks off after {frames} of {file.frames} frames.", param="data")


def _check_wav(data: bytes) -> None:
    """Raises BadInput when the header promises more sound than there is; the decoder would just stop early."""
    at = 12
    while at + 8 <= len(data):
        name, size = data[at : at + 4], struct.unpack_from("<I", data, at + 4)[0]
        have = len(data) - at - 8
        if name == b"data":
            if have < size < _UNKNOWN_LENGTH and data.startswith(b"RIFF"):
                raise BadInput(f"The sound breaks off: {have} of {size} bytes are there.", param="data")
            return
        at += 8 + size + (size & 1)
