"""What a caller asks for, whatever route it came by: one Request with one typed body."""

from typing import Any, Literal

import msgspec

Capability = Literal[
    "chat", "complete", "embed", "count", "probe", "transcode", "hear", "speak", "draw", "letter", "see", "live"
]


class Value(msgspec.Struct, frozen=True, omit_defaults=True):
    """Base of all contract values: immutable, compact on the wire."""


class TextPart(Value, frozen=True, tag="text"):
    text: str


class MediaPart(Value, frozen=True, tag="media"):
    """A picture, sound or document: `data` inline (<= 8 MiB), or the id of a blob."""

    kind: Literal["image", "audio", "file"]
    data: bytes = b""
    blob: str = ""
    media_type: str = ""
    name: str = ""
    detail: str = "auto"


Part = TextPart | MediaPart


class ToolCall(Value, frozen=True):
    """`arguments` is the JSON text as the model wrote it."""

    id: str
    name: str
    arguments: str


class Message(Value, frozen=True):
    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: tuple[Part, ...] = ()
    name: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str = ""

    @property
    def text(self) -> str:
        """The text parts, joined."""
        return "".join(part.text for part in self.content if isinstance(part, TextPart))


class Tool(Value, frozen=True):
    """A function the model may call; `parameters` is a JSON schema."""

    name: str
    description: str = ""
    parameters: dict[str, Any] = {}
    strict: bool = False


class Format(Value, frozen=True):
    """The shape the answer must have."""

    kind: Literal["text", "json_object", "json_schema"] = "text"
    name: str = ""
    schema: dict[str, Any] = {}
    strict: bool = False


class Sampling(Value, frozen=True):
    """How tokens are drawn; None leaves it to the model. `logprobs` counts the alternatives, None is off."""

    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    frequency_penalty: float = 0.0
    presence_penalty: float = 0.0
    seed: int | None = None
    stop: tuple[str, ...] = ()
    logit_bias: dict[str, float] = {}
    logprobs: int | None = None
    n: int = 1


class Voice(Value, frozen=True):
    """How an answer is spoken: a voice of the catalog (or a blend of them) and how fast, 1.0 being its own pace."""

    name: str
    speed: float = 1.0
    instructions: str = ""
    """How to say it, in words: honoured as far as the engine can, else refused."""
    eager: bool = False
    """Begin after the first few words, where a clause would be waited for: somebody is listening for the answer."""


class ChatBody(Value, frozen=True, tag="chat"):
    messages: tuple[Message, ...]
    sampling: Sampling = Sampling()
    tools: tuple[Tool, ...] = ()
    tool_choice: str = "auto"
    """`auto`, `none`, `required`, or `function:NAME`."""
    parallel_tool_calls: bool = True
    format: Format = Format()
    voice: Voice | None = None
    """Speak the answer, too."""
    audio_format: str = ""
    """The form the spoken answer is wanted in: wav, mp3, aac, flac, opus or pcm16."""
    picture: "DrawBody | None" = None
    """The model may answer with a picture, of which this says all but the prompt."""


class CompleteBody(Value, frozen=True, tag="complete"):
    """`raw` False applies the chat template to the prompt; `suffix` asks for fill-in-the-middle; `best_of` >= n."""

    prompts: tuple[str | tuple[int, ...], ...]
    suffix: str = ""
    echo: bool = False
    raw: bool = True
    best_of: int = 1
    sampling: Sampling = Sampling()


class EmbedBody(Value, frozen=True, tag="embed"):
    inputs: tuple[str | tuple[int, ...], ...]
    dimensions: int | None = None


class CountBody(Value, frozen=True, tag="count"):
    """How many tokens these messages are for this model, template included."""

    messages: tuple[Message, ...]
    tools: tuple[Tool, ...] = ()


class MediaBody(Value, frozen=True, tag="media"):
    """Bytes to look into (`probe`) or to bring into another form (`transcode`, `media_type` is the target)."""

    part: MediaPart
    media_type: str = ""
    options: dict[str, Any] = {}


class HearBody(Value, frozen=True, tag="hear"):
    """Speech to write down, or (`translate`) to write down in English.

    A request carries it as `part`, in any form; an engine gets it as its input stream instead: signed 16-bit
    little-endian samples, mono, 16 kHz. Answered with Segments as they are settled, and TextDeltas of the same text.
    """

    part: MediaPart | None = None
    task: Literal["transcribe", "translate"] = "transcribe"
    language: str = ""
    """ISO 639-1; empty lets the model find out."""
    prompt: str = ""
    keywords: tuple[str, ...] = ()
    temperature: float = 0.0
    words: bool = False
    """Say when each word was said."""
    logprobs: bool = False
    accurate: bool = False
    """Take the time for the whole window and for beams."""
    chunking: dict[str, Any] = {}
    """`threshold`, `prefix_padding_ms`, `silence_duration_ms` of the voice activity that cuts the sound."""
    partials: bool = False
    """While it is spoken, say as Facts `heard` what seems to have been said so far; each may take back the last."""


class Delivery(Value, frozen=True):
    """How a voice style differs from the bare voice; the defaults change nothing."""

    pace: float = 1.0
    pitch_semitones: float = 0.0
    pitch_range: float = 1.0
    """How far the melody strays from its mean: below 1 flatter, above 1 livelier."""
    formants: float = 1.0
    """Resonances of the vocal tract as a factor: above 1 a smaller speaker, below 1 a larger one."""
    energy_db: float = 0.0
    breath: float = 0.0
    """0 is voiced, 1 a whisper."""
    pauses: float = 1.0
    """Length of the pauses between clauses, as a factor."""


class SpeakBody(Value, frozen=True, tag="speak"):
    """Text to say. Empty `text` means that it comes as the input stream, in pieces of any length.

    Answered with Data of signed 16-bit little-endian samples, mono, at the engine's own rate; the first piece of each
    clause carries the clause's text.
    """

    voice: Voice
    text: str = ""
    delivery: Delivery = Delivery()
    """Filled in from the voice's style before an engine sees it; `voice.name` is then the engine's own voice."""
    language: str = ""
    """ISO 639-1; empty takes the voice's own, or the text's where the voice has several."""
    audio_format: str = "wav"
    """What the caller wants at the end: mp3, opus, aac, flac, wav, pcm (24 kHz), or "" for the engine's own samples."""


class DrawBody(Value, frozen=True, tag="draw"):
    """Words to make pictures of, or pictures to change by words.

    Answered, for each picture, with Pictures (partial ones first), each followed by its Data, then a ChoiceEnd. An
    engine that sets text sends a Picture with Proofs first and reads one Verdict from its input stream for each such
    round; an input stream that has ended accepts everything.

    As a job of capability `letter` it means: set the texts of this prompt upon the picture (PNG, JPEG, WebP) whose
    bytes come first on the input stream, up to a Chunk with the control `painted`.
    """

    prompt: str
    task: Literal["generate", "edit", "vary"] = "generate"
    images: tuple[MediaPart, ...] = ()
    """What to edit (the first), and what to take up into it."""
    mask: MediaPart | None = None
    """Transparent where the first image may change."""
    width_px: int = 0
    """0 for both sides lets the engine choose what suits the scene."""
    height_px: int = 0
    quality: Literal["auto", "low", "medium", "high"] = "auto"
    style: str = ""
    """One of the engine's styles; empty takes the prompt's own."""
    background: Literal["auto", "transparent", "opaque"] = "auto"
    media_type: str = "image/png"
    compression: int = 100
    """JPEG and WebP: the quality, 0 to 100."""
    n: int = 1
    seed: int | None = None
    partial_images: int = 0
    input_fidelity: Literal["low", "high"] = "low"
    preset: str = ""
    """What it is for: `social`, `print-a4`, `print-a3`, `print-a2`; sets what was left open."""
    color_space: Literal["srgb", "cmyk"] = "srgb"
    """Light, or four inks by the printer's profile: JPEG, TIFF and PDF."""
    explain: bool = False
    """Draw nothing: answer one Fact, the scene as understood and what each style and quality would cost."""
    opinion: dict[str, Any] | None = None
    """What a model that chats makes of the words that were not understood. An explanation that is given an empty one
    says what to ask: `question`, with `text` and the `schema` of its answer, absent when all was understood."""
    avoid: str = ""
    """What must not be seen, in words: for painters that would rather put it in than leave it out."""
    bare: bool = False
    """Answer with the pixels as they were painted, in PNG and not enlarged: somebody else makes the file of them."""
    strength: float = 0.0
    """How far a painter may leave the given picture, 0 to 1; 0 leaves it to the painter."""


class SeeBody(Value, frozen=True, tag="see"):
    """Pictures to read the text of. Answered with one Fact: `lines` of `text`, `confidence`, `box`, `image`."""

    images: tuple[MediaPart, ...]
    languages: tuple[str, ...] = ()
    whole_line: bool = False
    """Each picture is one line (or column) of text already: nothing needs to be found first."""


class DataBody(Value, frozen=True, tag="data"):
    """Everything else: a text and named options."""

    text: str = ""
    parts: tuple[MediaPart, ...] = ()
    options: dict[str, Any] = {}


Body = (
    ChatBody | CompleteBody | EmbedBody | CountBody | MediaBody | HearBody | SpeakBody | DrawBody | SeeBody | DataBody
)


class Request(Value, frozen=True):
    """One request as the door understood it. `model` is the name the caller wrote."""

    id: str
    capability: Capability
    model: str
    body: Body
    tier: str = "default"
    deadline_s: float | None = None
    live: bool = False
    """A turn of a conversation that goes on while it is answered: it never waits for company."""
    recorded: dict[str, Any] = {}
    """Fields that change nothing and are kept for the caller: user, metadata, safety_identifier, ..."""
