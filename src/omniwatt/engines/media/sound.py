"""Sound: what it is, and in another form, rate or number of channels, a piece at a time."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Annotated, Any

import msgspec
import numpy as np

from omniwatt.contract.error import BadInput, TooLarge
from omniwatt.engines.media import encoders, framed, isobmff, matroska, ogg
from omniwatt.engines.media.resample import Resampler
from omniwatt.engines.media.soundfiles import View, file_source
from omniwatt.engines.media.sources import MAX_CHANNELS, MAX_RATE_HZ, MIN_RATE_HZ, Samples, Source
from omniwatt.engines.media.track import Track, damaged, no_decoder
from omniwatt.engines.media.work import PIECE_BYTES, Options, Output, Work, decoding

TARGETS = encoders.TARGETS
_FILES = frozenset({"audio/wav", "audio/flac", "audio/ogg", "audio/aiff"})
_FRAMED: dict[str, Callable[[memoryview, Work], framed.Framed]] = {"audio/mpeg": framed.mp3, "audio/aac": framed.adts}
_MP4 = frozenset({"audio/mp4", "video/mp4", "video/quicktime"})


class SoundOptions(Options, frozen=True):
    """What is absent stays as it is, but for more than two channels: those become two."""

    sample_rate_hz: Annotated[int, msgspec.Meta(ge=4000, le=192_000)] | None = None
    channels: Annotated[int, msgspec.Meta(ge=1, le=2)] | None = None


class StreamOptions(Options, frozen=True):
    """`from_hz` is the rate of the mono samples that stream in; without `sample_rate_hz` it stays."""

    from_hz: Annotated[int, msgspec.Meta(ge=4000, le=192_000)]
    sample_rate_hz: Annotated[int, msgspec.Meta(ge=4000, le=192_000)] | None = None


def probe(data: memoryview, media_type: str, work: Work) -> dict[str, Any]:
    """Length, rate, channels, encoding; decodes only where nothing else can be believed. Raises BadInput, TooLarge."""
    with decoding(media_type), _opened(data, media_type, work) as source:
        frames = source.frames
        if frames is None:
            frames = sum(len(block) for block in _blocks(source, work))
        if frames == 0:
            raise BadInput("The file holds no sound.", param="data")
        _within(frames, source.rate_hz, work)
        return {
            "kind": "audio",
            "seconds": frames / source.rate_hz,
            "frames": frames,
            "sample_rate_hz": source.rate_hz,
            "channels": source.channels,
            "encoding": source.encoding,
        }


def transcode(data: memoryview, media_type: str, target: str, options: SoundOptions, work: Work) -> Iterator[Output]:
    """All of it in the target's form, in pieces; the last one has the facts. Raises BadInput, TooLarge."""
    with decoding(media_type), _opened(data, media_type, work) as source:
        rate_hz = options.sample_rate_hz or source.rate_hz
        channels = options.channels or min(source.channels, 2)
        encoder = encoders.encoder(target, rate_hz, channels)
        resampler = Resampler(source.rate_hz, rate_hz, channels)
        if source.frames is not None:
            _within(source.frames, source.rate_hz, work)
        frames = size = 0
        for block in _blocks(source, work):
            work.sound(len(block) / source.rate_hz)
            made = resampler.feed(_mix(block, channels))
            frames += len(made)
            out = encoder.feed(made)
            size += len(out)
            _check_size(size, work)
            yield from _pieces(out, target, rate_hz)
        made = resampler.end()
        frames += len(made)
        rest = encoder.feed(made) + encoder.end()
        size += len(rest)
        _check_size(size, work)
        yield from _pieces(rest, target, rate_hz)
        facts = {"seconds": frames / rate_hz, "sample_rate_hz": rate_hz, "channels": channels, "bytes": size}
        yield Output(b"", encoders.media_type_of(target), facts)


class Stream:
    """Mono samples that stream in, signed 16-bit little-endian, on their way into the target's form."""

    def __init__(self, target: str, options: StreamOptions) -> None:
        """Raises BadInput."""
        self._from_hz = options.from_hz
        self._rate_hz = options.sample_rate_hz or options.from_hz
        self._encoder = encoders.encoder(target, self._rate_hz, 1)
        self._resampler = Resampler(self._from_hz, self._rate_hz, 1)
        self._target = target
        self._half = b""
        self._samples = 0
        self._bytes = 0

    def feed(self, data: bytes, work: Work) -> list[Output]:
        """What `data` completes; it may end within a sample."""
        data = self._half + data
        whole = len(data) // 2 * 2
        self._half = data[whole:]
        samples = np.frombuffer(data, "<i2", whole // 2).astype(np.float32) / 32_768.0
        work.sound(len(samples) / self._from_hz)
        self._samples += len(samples)
        return self._out(self._encoder.feed(self._resampler.feed(samples[:, None])))

    def end(self) -> list[Output]:
        """The rest, and the facts. Raises BadInput when the stream ended within a sample."""
        if self._half:
            raise BadInput("The stream of samples ends within a sample.", param="data")
        pieces = self._out(self._encoder.feed(self._resampler.end()) + self._encoder.end())
        facts = {
            "seconds": self._samples / self._from_hz,
            "sample_rate_hz": self._rate_hz,
            "channels": 1,
            "bytes": self._bytes,
        }
        return [*pieces, Output(b"", encoders.media_type_of(self._target), facts)]

    def _out(self, data: bytes) -> list[Output]:
        self._bytes += len(data)
        return list(_pieces(data, self._target, self._rate_hz))


def _pieces(data: bytes, target: str, rate_hz: int) -> Iterator[Output]:
    for start in range(0, len(data), PIECE_BYTES):
        yield Output(data[start : start + PIECE_BYTES], encoders.media_type_of(target), rate_hz=rate_hz)


@contextlib.contextmanager
def _opened(data: memoryview, media_type: str, work: Work) -> Iterator[Source]:
    """The sound with nothing decoded yet that need not be. Only the sniffed format's reader sees the bytes."""
    work.step(len(data))
    if media_type in _MP4:
        opening = _of_track(isobmff.track(data, work.check), data, work)
    elif media_type == "video/webm":
        opening = _of_track(matroska.track(data, work.check), data, work)
    elif media_type in _FRAMED:
        opening = contextlib.nullcontext(Source.of_frames(_FRAMED[media_type](data, work), work))
    elif media_type in _FILES:
        opening = file_source(View(data), work)
    else:
        raise no_decoder(media_type)
    with opening as source:
        if not 1 <= source.channels <= MAX_CHANNELS or not MIN_RATE_HZ <= source.rate_hz <= MAX_RATE_HZ:
            raise BadInput(
                f"Sound of {source.channels} channels at {source.rate_hz} Hz is not taken; "
                f"1 to {MAX_CHANNELS} channels at {MIN_RATE_HZ} to {MAX_RATE_HZ} Hz are.",
                param="data",
            )
        yield source


def _of_track(track: Track, data: memoryview, work: Work) -> contextlib.AbstractContextManager[Source]:
    """The sound of a container's track: in frames, or as the file its packets would be in by themselves."""
    if track.codec == "aac":
        return contextlib.nullcontext(Source.of_frames(framed.aac_track(data, track), work))
    if track.codec in {"opus", "vorbis"}:
        return file_source(View(memoryview(ogg.wrapped(track, data))), work)
    whole = track.setup + b"".join(bytes(data[at : at + size]) for at, size in track.places.tolist())
    if track.codec == "mp3":
        return contextlib.nullcontext(Source.of_frames(framed.mp3(memoryview(whole), work), work))
    if not whole.startswith(b"fLaC"):
        raise damaged("sound", "its FLAC header is missing")
    return file_source(View(memoryview(whole)), work)


def _blocks(source: Source, work: Work) -> Iterator[Samples]:
    """Raises TooLarge when there is too much of it, BadInput when there is none."""
    frames = 0
    for block in source.blocks():
        work.check()
        frames += len(block)
        _within(frames, source.rate_hz, work)
        yield np.nan_to_num(block, copy=False, nan=0.0, posinf=1.0, neginf=-1.0)
    if frames == 0:
        raise BadInput("The file holds no sound.", param="data")


def _within(frames: int, rate_hz: int, work: Work) -> None:
    if frames > work.limits.max_seconds * rate_hz:
        seconds = work.limits.max_seconds
        raise TooLarge(
            f"The sound is longer than the {seconds:g} seconds ({seconds / 60:g} minutes) taken here.",
            param="data",
            details={"max_seconds": seconds},
        )


def _check_size(size: int, work: Work) -> None:
    if size > work.limits.max_output_bytes:
        raise TooLarge(
            f"The sound is too long for this form: it would have more than {work.limits.max_output_bytes} bytes.",
            param="data",
        )


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
