"""The engines the contract suite runs on. To add one: append a Subject to SUBJECTS."""

import io
import wave
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise

import msgspec
import pytest
from PIL import Image, ImageDraw, ImageFont

from omniwatt import settings
from omniwatt.catalog.catalog import Catalog
from omniwatt.contract.event import Chunk
from omniwatt.contract.job import EngineSpec, Job
from omniwatt.contract.request import (
    Body,
    Capability,
    ChatBody,
    CompleteBody,
    CountBody,
    DataBody,
    Delivery,
    DrawBody,
    EmbedBody,
    HearBody,
    MediaBody,
    MediaPart,
    Message,
    Sampling,
    SeeBody,
    SpeakBody,
    TextPart,
    Tool,
    Voice,
)
from tests.contract.babble import babble


@dataclass(frozen=True)
class Task:
    """One good job, and what streams in while it runs."""

    name: str
    capability: Capability
    body: Body
    inputs: tuple[Chunk, ...] = ()
    counted: bool = True
    """The engine reports units of work for it."""


@dataclass(frozen=True)
class Subject:
    """One engine: how to load it, jobs it does, jobs it refuses, a long one to cancel, one that is too long."""

    name: str
    spec: Callable[[], EngineSpec]
    good: tuple[Task, ...]
    refused: tuple[Task, ...] = ()
    long: Task | None = None
    too_long: Task | None = None
    marks: tuple[pytest.MarkDecorator, ...] = field(default=())


def user(text: str) -> tuple[Message, ...]:
    return (Message("user", (TextPart(text),)),)


PART = MediaPart("audio", b"\0" * 320, media_type="audio/wav")
SECONDS = (Chunk(b"\0\x10" * 30_000), Chunk(b"\0\0" * 10_000))
CHUNKS = (Chunk(text="one two "), Chunk(data=b"\1\2\3"), Chunk(control="end"))


def echo_spec() -> EngineSpec:
    return EngineSpec("echo", "echo", ("chat",), context_window=500, slots=8)


ECHO = Subject(
    "echo",
    echo_spec,
    good=(
        Task("chat", "chat", ChatBody(user("hello 鲁迅"), Sampling(n=2, logprobs=2))),
        Task("complete", "complete", CompleteBody(("one", (1, 2, 3)), sampling=Sampling(n=2), best_of=3)),
        Task("embed", "embed", EmbedBody(("one", "two"))),
        Task("count", "count", CountBody(user("hello")), counted=False),
        Task("probe", "probe", MediaBody(PART)),
        Task("transcode", "transcode", MediaBody(PART, "audio/flac")),
        Task("hear", "hear", HearBody(words=True, logprobs=True), SECONDS),
        Task("hear nothing", "hear", HearBody(), counted=False),
        Task("see", "see", DataBody(parts=(PART,))),
        Task("speak", "speak", SpeakBody(Voice("alloy"), "say this")),
        Task("speak streamed", "speak", SpeakBody(Voice("alloy", speed=2.0)), CHUNKS),
        Task("draw", "draw", DrawBody('a cat named "Tom"', n=2, partial_images=1)),
        Task("letter", "letter", DrawBody('a cat named "Tom"'), (Chunk(b"a picture"), Chunk(control="painted"))),
        Task("proof", "see", SeeBody((MediaPart("image", data=b"no picture"),))),
        Task("live", "live", DataBody(), CHUNKS),
    ),
    refused=(
        Task("no JSON", "chat", ChatBody(user("echo: nonsense"))),
        Task("unknown word", "chat", ChatBody(user('echo: {"what": 1}'))),
        Task("wrong body", "chat", DataBody("text")),
        Task("no such tool", "chat", ChatBody(user("x"), tools=(Tool("a"),), tool_choice="function:b")),
        Task("bad form", "draw", DrawBody("x", media_type="image/svg+xml")),
        Task("no dimensions", "embed", EmbedBody(("x",), dimensions=0)),
    ),
    long=Task("long", "chat", ChatBody(user('echo: {"tokens": 400, "token_s": 0.01, "first_token_s": 0.02}'))),
    too_long=Task("too long", "chat", ChatBody(user("word " * 600))),
)


def whisper_spec() -> EngineSpec:
    """It believes what it hears: babble is no language, and would be decoded again and again."""
    options = {"fit": {"temperatures": [], "doubtful_logprob": -9.0}, "limits": {"avg_logprob": -9.0}}
    found = Catalog.open(settings.load(None, {})).spec(settings.Models().hear)
    return msgspec.structs.replace(found, slots=2, options=options)


def sound(data: bytes) -> tuple[Chunk, ...]:
    """As it comes from a decoder: pieces, an odd number of bytes among them."""
    cuts = [0, 1001, *range(100_000, len(data), 192_000), len(data)]
    return tuple(Chunk(data[start:end]) for start, end in pairwise(cuts))


BABBLE = sound(babble(4.0))
EVEN = (Chunk(data=babble(1.0)), Chunk(data=babble(0.5)))

WHISPER = Subject(
    "whisper",
    whisper_spec,
    good=(
        Task("hear", "hear", HearBody(), BABBLE),
        Task("hear words", "hear", HearBody(language="en", words=True, logprobs=True, prompt="Oh, ah."), BABBLE),
        Task("translate", "hear", HearBody(task="translate", temperature=0.4, keywords=("Oh",)), BABBLE),
        Task("hear nothing", "hear", HearBody(), counted=False),
        Task("hear silence", "hear", HearBody(), sound(bytes(64_000)), counted=False),
    ),
    refused=(
        Task("no such language", "hear", HearBody(language="klingon"), BABBLE),
        Task("too hot", "hear", HearBody(temperature=2.0), BABBLE),
        Task("no such cutting", "hear", HearBody(chunking={"threshold": "high"}), BABBLE),
        Task("another capability", "chat", ChatBody(user("x"))),
        Task("another body", "hear", DataBody("x")),
    ),
    long=Task("long", "hear", HearBody(language="en"), sound(babble(50.0))),
    marks=(pytest.mark.model,),
)


def tone_wav(seconds: float, rate_hz: int = 16_000) -> bytes:
    """Mono, 16 bits a sample."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes(bytes(range(256)) * int(seconds * rate_hz / 128))
    return out.getvalue()


RAW = MediaPart("audio", media_type="audio/pcm")
WAV = MediaPart("audio", tone_wav(1.0), media_type="audio/wav")
SAMPLES = tuple(Chunk(bytes(9600)) for _ in range(5))
ENCODED = ("audio/mpeg", "audio/ogg;codecs=opus", "audio/aac", "audio/flac", "audio/wav", "audio/pcm")

MEDIA = Subject(
    "media",
    lambda: EngineSpec("media", "media", ("probe", "transcode"), slots=4, threads=2),
    good=(
        Task("probe", "probe", MediaBody(WAV)),
        Task("decode", "transcode", MediaBody(WAV, "audio/pcm", {"sample_rate_hz": 16_000, "channels": 1})),
        *(Task(f"encode {to}", "transcode", MediaBody(RAW, to, {"from_hz": 24_000}), SAMPLES) for to in ENCODED),
    ),
    refused=(
        Task("no sound", "transcode", MediaBody(MediaPart("audio", b"\0\1\2"), "audio/pcm")),
        Task("broken off", "probe", MediaBody(MediaPart("audio", WAV.data[:999]))),
        Task("no such form", "transcode", MediaBody(WAV, "audio/amr")),
        Task("no rate", "transcode", MediaBody(RAW, "audio/mpeg"), SAMPLES),
        Task("half a sample", "transcode", MediaBody(RAW, "audio/mpeg", {"from_hz": 24_000}), (Chunk(b"123"),)),
        Task("wrong body", "probe", DataBody("x")),
    ),
    long=Task("long", "transcode", MediaBody(MediaPart("audio", tone_wav(200.0)), "audio/flac")),
)

SAY = "Hello there. This costs $3.50, 世界!"
STORY = "The keeper climbed the stairs and looked at the grey sea. " * 60


def speaking(card: str, voice: str, *good: Task) -> Subject:
    """A speaking engine: a text that comes whole or streams in, one with nothing to say, voices it has not."""
    return Subject(
        card,
        lambda: msgspec.structs.replace(Catalog.open(settings.load(None, {})).spec(card), slots=2),
        good=(
            Task("speak", "speak", SpeakBody(Voice(voice), SAY)),
            Task("speak streamed", "speak", SpeakBody(Voice(voice, speed=4.0)), CHUNKS),
            Task("speak shaped", "speak", SpeakBody(Voice(voice), "Hush now.", Delivery(breath=1.0, pace=0.9))),
            Task("speak nothing", "speak", SpeakBody(Voice(voice), "😀 ..."), counted=False),
            *good,
        ),
        refused=(
            Task("no such voice", "speak", SpeakBody(Voice("nobody"), SAY)),
            Task("too fast", "speak", SpeakBody(Voice(voice, speed=4.1), SAY)),
            Task("not a number", "speak", SpeakBody(Voice(voice, speed=float("nan")), SAY)),
            Task("odd instructions", "speak", SpeakBody(Voice(voice, instructions="juggle"), SAY)),
            Task("another capability", "chat", ChatBody(user("x"))),
            Task("another body", "speak", DataBody("x")),
        ),
        long=Task("long", "speak", SpeakBody(Voice(voice), STORY)),
        marks=(pytest.mark.model,),
    )


PIPER = speaking("piper-joe", "joe", Task("own name", "speak", SpeakBody(Voice("piper-joe"), "Yes.")))
KOKORO = speaking(
    "kokoro-82m",
    "af_heart",
    Task("Chinese", "speak", SpeakBody(Voice("zf_xiaoxiao"), "你好，世界。")),
    Task("blend", "speak", SpeakBody(Voice("af_heart:0.6+zf_xiaoxiao:0.4"), "Yes.")),
    Task("French", "speak", SpeakBody(Voice("ff_siwis"), "Bonjour.")),
    Task("another language", "speak", SpeakBody(Voice("af_heart"), "Hola.", language="es")),
)
ESPEAK = speaking(
    "espeak-ng",
    "en-us",
    Task("Mandarin", "speak", SpeakBody(Voice("cmn+f3"), "你好，世界。")),
    Task("French", "speak", SpeakBody(Voice("fr-fr"), "Bonjour.")),
    Task("another language", "speak", SpeakBody(Voice("en-us+m3"), "Hallo.", language="de")),
)

LIVE = Subject(
    "live",
    lambda: EngineSpec("live", "live", ("live",), slots=8),
    good=(
        Task("listen", "live", DataBody(options={"mode": "listen", "media_type": "audio/pcm"}), BABBLE),
        Task("listen to a telephone", "live", DataBody(options={"mode": "listen", "media_type": "audio/pcma"}), BABBLE),
        Task("say", "live", DataBody(options={"mode": "say", "media_type": "audio/pcmu", "from_hz": 22050}), EVEN),
    ),
    refused=(
        Task("no such mode", "live", DataBody(options={"mode": "sing"}), BABBLE),
        Task("no such form", "live", DataBody(options={"mode": "listen", "media_type": "audio/mpeg"}), BABBLE),
        Task("half a sample", "live", DataBody(options={"mode": "say", "from_hz": 24000}), (Chunk(data=b"\1\2\3"),)),
        Task("another capability", "chat", ChatBody(user("x"))),
    ),
)


def drawn(text: str, kind: str = "PNG") -> MediaPart:
    """A picture of one line of text."""
    picture = Image.new("RGB", (500, 80), "white")
    ImageDraw.Draw(picture).text((20, 15), text, fill="black", font=ImageFont.load_default(40))
    out = io.BytesIO()
    picture.save(out, kind)
    return MediaPart("image", out.getvalue())


OCR = Subject(
    "pp-ocr",
    lambda: Catalog.open(settings.load(None, {})).spec("pp-ocr"),
    good=(
        Task("page", "see", SeeBody((drawn("Hello there"),))),
        Task("lines", "see", SeeBody((drawn("One"), drawn("Two", "JPEG")), whole_line=True)),
    ),
    refused=(
        Task("no picture", "see", SeeBody(())),
        Task("no bytes", "see", SeeBody((MediaPart("image"),))),
        Task("not a picture", "see", SeeBody((MediaPart("image", b"GIF89a nothing"),))),
        Task("broken off", "see", SeeBody((MediaPart("image", drawn("Hello").data[:200]),), whole_line=True)),
        Task("another capability", "chat", ChatBody(user("x"))),
        Task("another body", "see", DataBody("x")),
    ),
    long=Task("long", "see", SeeBody((drawn("Hello there"),) * 200)),
    marks=(pytest.mark.model,),
)

ILLUSTRATOR = Subject(
    "illustrator",
    lambda: Catalog.open(settings.load(None, {})).spec("illustrator"),
    good=(
        Task("draw", "draw", DrawBody("a red cat", width_px=128, height_px=96, quality="low", partial_images=1)),
        Task("letter", "draw", DrawBody("a sign that says \u300c\u958b\u5b78\u300d", width_px=128, height_px=128, n=2)),
        Task("edit", "draw", DrawBody("a hat", task="edit", images=(drawn("Hello there"),), quality="low")),
        Task("explain", "draw", DrawBody("a red cat", explain=True), counted=False),
    ),
    refused=(
        Task("bad form", "draw", DrawBody("x", width_px=64, height_px=64, media_type="image/gif")),
        Task("nothing to change", "draw", DrawBody("x", task="edit")),
        Task("not a picture", "draw", DrawBody("x", task="edit", images=(MediaPart("image", b"GIF89a nothing"),))),
        Task("another capability", "chat", ChatBody(user("x"))),
        Task("another body", "draw", DataBody("x")),
    ),
    long=Task("long", "draw", DrawBody("a forest", width_px=4096, height_px=4096, n=10)),
    marks=(pytest.mark.model,),
)

SUBJECTS = [ECHO, WHISPER, MEDIA, PIPER, KOKORO, ESPEAK, LIVE, OCR, ILLUSTRATOR]


def job(task: Task) -> Job:
    return Job(f"job-{task.name}", task.capability, "contract", task.body, cache_scope="tests")
