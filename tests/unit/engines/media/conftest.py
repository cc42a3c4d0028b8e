"""Small good files of every kind, made on the spot, and a loaded media engine."""

import contextlib
import functools
import io
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import codecpod
import numpy as np
import pytest
import soundfile
from PIL import Image, ImageDraw

from omniwatt.contract.event import Data, Event, Fact, Finished
from omniwatt.contract.job import EngineSpec, Job
from omniwatt.contract.request import MediaBody, MediaPart
from omniwatt.engines.media import encoders
from omniwatt.engines.media.engine import Media
from tests.unit.engines.media import containers

FORMS = {"PNG": "L", "JPEG": "RGB", "BMP": "RGB", "TIFF": "RGB", "GIF": "P", "WEBP": "RGBA", "AVIF": "RGB"}


def picture(mode: str = "RGB", form: str = "PNG", size: tuple[int, int] = (20, 10), **save: Any) -> bytes:
    image = Image.new("RGB", size, "#204060")
    ImageDraw.Draw(image).rectangle((0, 0, size[0] // 2, size[1] // 2), fill="#ff8000")
    out = io.BytesIO()
    image.convert(mode).save(out, form, **save)
    return out.getvalue()


def animation(frames: int = 3) -> bytes:
    images = [Image.new("RGB", (8, 8), (40 * i, 90, 200 - 40 * i)) for i in range(frames)]
    out = io.BytesIO()
    images[0].save(out, "GIF", save_all=True, append_images=images[1:], duration=50)
    return out.getvalue()


def sound(
    form: str = "WAV", encoding: str = "PCM_16", rate_hz: int = 16_000, channels: int = 1, seconds: float = 0.5
) -> bytes:
    at = np.arange(int(rate_hz * seconds)) / rate_hz
    wave = np.stack([0.5 * np.sin(2 * np.pi * 440 * (1 + i) * at) for i in range(channels)], axis=1)
    out = io.BytesIO()
    soundfile.write(out, wave, rate_hz, encoding, format=form)
    return out.getvalue()


def tone(rate_hz: int = 16_000, seconds: float = 0.5, hertz: float = 440.0) -> np.ndarray:
    """Mono samples that are no two seconds the same: a tone that slides, and a little noise."""
    at = np.arange(int(rate_hz * seconds)) / rate_hz
    noise = np.random.default_rng(7).standard_normal(len(at))
    return (0.4 * np.sin(2 * np.pi * (hertz * at + 40 * np.sin(at))) + 0.01 * noise).astype(np.float32)


def encoded(target: str, samples: np.ndarray, rate_hz: int = 16_000, piece: int = 1600) -> bytes:
    """What our own streaming encoder makes of it."""
    encoder = encoders.encoder(target, rate_hz, 1)
    pieces = [encoder.feed(samples[at : at + piece, None]) for at in range(0, len(samples), piece)]
    return b"".join([*pieces, encoder.end()])


def speech_files(seconds: float = 2.0) -> dict[str, bytes]:
    """The same tone at 16 kHz in every container there is a reader for."""
    samples = tone(16_000, seconds)
    aac, opus, vorbis, mp3, flac = (
        encoded(target, samples) for target in ("audio/aac", "audio/opus", "audio/ogg", "audio/mpeg", "audio/flac")
    )
    heads, voice = containers.ogg_packets(opus)[:2], containers.ogg_packets(opus)[2:]
    three, music = containers.ogg_packets(vorbis)[:3], containers.ogg_packets(vorbis)[3:]
    spread = round(1000 * seconds / len(music))
    frames = containers.adts_packets(aac)
    mp3s = containers.mp3_packets(mp3)
    setup = bytes((2 << 3 | 8 >> 1, (8 & 1) << 7 | 1 << 3))
    of_aac = containers.entry(b"mp4a", containers.esds(0x40, setup))
    of_opus = containers.entry(b"Opus", containers.dops(heads[0]))
    of_mp3 = containers.entry(b"mp4a", containers.esds(0x6B, b""))
    at = 4
    while True:
        last, size = flac[at] & 0x80, int.from_bytes(flac[at + 1 : at + 4])
        at += 4 + size
        if last:
            break
    of_flac = containers.entry(b"fLaC", containers.full(b"dfLa", flac[4:at]))
    return {
        "aac": aac,
        "m4a": codecpod.save_bytes(samples, 16_000, codecpod.Aac(48_000)),
        "mp4-aac": containers.mp4(frames, of_aac),
        "mp4-fragmented": containers.mp4(frames, of_aac, fragments=3),
        "mp4-opus": containers.mp4(voice, of_opus),
        "mp4-mp3": containers.mp4(mp3s, of_mp3),
        "mp4-flac": containers.mp4([flac[at:]], of_flac),
        "webm-opus": containers.webm(voice, b"A_OPUS", heads[0]),
        "webm-opus-live": containers.webm(voice, b"A_OPUS", heads[0], live=True, grouped=True),
        "webm-opus-xiph": containers.webm(voice, b"A_OPUS", heads[0], 1, 4),
        "webm-opus-ebml": containers.webm(voice, b"A_OPUS", heads[0], 3, 4),
        "webm-vorbis": containers.webm(music, b"A_VORBIS", containers.xiph_setup(three), packet_ms=spread),
        "mkv-aac": containers.webm(frames, b"A_AAC", setup, packet_ms=64),
        "mkv-mp3": containers.webm(mp3s, b"A_MPEG/L3", b"", packet_ms=36),
        "mp3": mp3,
        "mp3-tagged": sound("MP3", "MPEG_LAYER_III", seconds=seconds),
    }


def pdf(pages: int = 2, text: str = "Hello watt", encrypt: bytes = b"", box: str = "0 0 200 100") -> bytes:
    """A document of `pages` pages, each with `text` and its number."""
    objects = [b"<< /Type /Catalog /Pages 2 0 R >>"]
    kids = " ".join(f"{4 + 2 * i} 0 R" for i in range(pages))
    objects.append(f"<< /Type /Pages /Kids [{kids}] /Count {pages} >>".encode())
    objects.append(b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>")
    for number in range(pages):
        content = f"BT /F1 24 Tf 10 40 Td ({text} {number + 1}) Tj ET".encode()
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [{box}] /Contents {5 + 2 * number} 0 R "
            f"/Resources << /Font << /F1 3 0 R >> >> >>".encode()
        )
        objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content))
    out = bytearray(b"%PDF-1.4\n")
    places = []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    out += b"trailer\n<< /Size %d /Root 1 0 R %s >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, encrypt, start)
    return bytes(out)


LOCKED = (
    b"/Encrypt << /Filter /Standard /V 1 /R 2 /P -4 /O <" + b"41" * 32 + b"> /U <" + b"42" * 32 + b"> >>"
    b" /ID [<4142> <4142>]"
)


class Files:
    """One small good file of every kind."""

    picture = staticmethod(picture)
    animation = staticmethod(animation)
    sound = staticmethod(sound)
    pdf = staticmethod(pdf)
    tone = staticmethod(tone)
    encoded = staticmethod(encoded)
    speech = staticmethod(functools.cache(speech_files))
    locked = LOCKED

    @staticmethod
    def all() -> dict[str, bytes]:
        files = {f"{form.lower()}": picture(mode, form) for form, mode in FORMS.items()}
        files["animation"] = animation()
        files |= {form.lower(): sound(form) for form in ("WAV", "FLAC", "AIFF")}
        files |= {"ogg": sound("OGG", "VORBIS"), "opus": sound("OGG", "OPUS"), "mp3": sound("MP3", "MPEG_LAYER_III")}
        return files | {"pdf": pdf(), "txt": "héllo\nworld".encode()}


class Steps:
    """A context that remembers the steps."""

    def __init__(self) -> None:
        self.cancelled = False
        self.steps: list[tuple[str, float]] = []

    def on_cancel(self, callback: Callable[[], None]) -> None: ...

    def step(self, kind: str, units: float) -> None:
        self.steps.append((kind, units))

    async def astep(self, kind: str, units: float) -> None:
        self.step(kind, units)


async def _nothing() -> AsyncIterator[Any]:
    for chunk in ():
        yield chunk


class Loaded:
    """A loaded engine and the two things it does."""

    def __init__(self, engine: Media) -> None:
        self.engine = engine

    def run(self, capability: Any, body: Any, ctx: Any = None) -> Any:
        return self.engine.run(Job("j", capability, "media", body), _nothing(), ctx or Steps())

    async def events(self, capability: Any, body: Any, ctx: Any = None) -> list[Event]:
        async with contextlib.aclosing(self.run(capability, body, ctx)) as events:
            return [event async for event in events]

    async def probe(self, data: bytes, claimed: str = "", ctx: Any = None, blob: str = "") -> dict[str, Any]:
        part = MediaPart("file", data, blob, claimed)
        fact, finished = await self.events("probe", MediaBody(part), ctx)
        assert isinstance(fact, Fact)
        assert isinstance(finished, Finished)
        return fact.values

    async def transcode(
        self, data: bytes, target: str, **options: Any
    ) -> tuple[dict[int, bytes], list[dict[str, Any]]]:
        *pieces, finished = await self.events("transcode", MediaBody(MediaPart("file", data), target, options))
        assert isinstance(finished, Finished)
        results: dict[int, bytes] = {}
        for piece in pieces:
            assert isinstance(piece, Data)
            assert len(piece.data) <= 200_000
            results[piece.index] = results.get(piece.index, b"") + piece.data
        return results, finished.details["outputs"]


@pytest.fixture(scope="session")
def files() -> Files:
    return Files()


@pytest.fixture
async def media() -> AsyncIterator[Callable[..., Awaitable[Loaded]]]:
    async with contextlib.AsyncExitStack() as stack:

        async def load(slots: int = 1, **options: Any) -> Loaded:
            engine = Media()
            spec = EngineSpec("media", "media", ("probe", "transcode"), slots=slots, options=options)
            await engine.load(spec, lambda done: None)
            stack.push_async_callback(engine.close)
            return Loaded(engine)

        yield load


@pytest.fixture
async def engine(media: Callable[..., Awaitable[Loaded]]) -> Loaded:
    return await media()
