"""What comes back, one event at a time. Every stream ends in exactly one Finished or one raised OmniwattError."""

from collections.abc import AsyncIterator
from typing import Any, Literal

from omniwatt.contract.request import Value


class Usage(Value, frozen=True):
    """What was really consumed. `cached_tokens` is the part of `prompt_tokens` that needed no prefill.

    `audio_tokens` and `image_tokens` are parts of `prompt_tokens`; the two `..._output_tokens` of `completion_tokens`.
    """

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    audio_tokens: int = 0
    image_tokens: int = 0
    audio_output_tokens: int = 0
    image_output_tokens: int = 0
    audio_s: float = 0.0
    """Seconds of sound heard."""
    accepted_prediction_tokens: int = 0
    rejected_prediction_tokens: int = 0
    reasoning_tokens: int = 0
    energy: dict[str, Any] | None = None
    compute: dict[str, Any] | None = None

    @property
    def total_tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens


class TokenLogprob(Value, frozen=True):
    """One token with its log-probability (natural log) and its likeliest alternatives (each without `top`)."""

    token: str
    logprob: float
    bytes_: bytes
    top: tuple["TokenLogprob", ...] = ()


class Started(Value, frozen=True, tag="started"):
    """The way is free: sent by the pipeline before any engine event; what response headers are made of."""

    model: str
    tier: str = "default"
    rate_limits: dict[str, Any] = {}
    queue_s: float = 0.0
    degraded: dict[str, str] = {}
    """What was left to us and became less than usual, because watts are short: `quality` -> `low`."""
    power_share: float = 1.0
    """What of the steps it wants the watts let it run when it begins: below 1 it is slower for them."""
    expected_j: float | None = None
    """Joules it will take if it is like those before it; None where nothing is known of such."""


class TextDelta(Value, frozen=True, tag="text"):
    """A piece of text of choice `index`; `text` may be empty when only logprobs are carried."""

    text: str
    index: int = 0
    tokens: int = 0
    """Tokens generated for this piece, for billing what was produced before a disconnect."""
    logprobs: tuple[TokenLogprob, ...] = ()
    kind: Literal["answer", "refusal", "reasoning"] = "answer"


class ToolCallDelta(Value, frozen=True, tag="tool_call"):
    """A piece of call `call` of choice `index`; `id` and `name` come with its first piece only."""

    call: int
    arguments: str = ""
    id: str = ""
    name: str = ""
    index: int = 0
    tokens: int = 0


class Word(Value, frozen=True):
    """When a word was said, and how sure that is (0 to 1)."""

    text: str
    start_s: float
    end_s: float
    probability: float = 0.0


class Segment(Value, frozen=True, tag="segment"):
    """A stretch of speech, written down and settled. Names as in Whisper's own output (Radford et al. 2022)."""

    text: str
    start_s: float
    end_s: float
    id: int = 0
    seek: int = 0
    """Where the window began that it was found in, in hundredths of a second."""
    tokens: tuple[int, ...] = ()
    temperature: float = 0.0
    avg_logprob: float = 0.0
    compression_ratio: float = 0.0
    no_speech_prob: float = 0.0
    words: tuple[Word, ...] = ()
    logprobs: tuple[TokenLogprob, ...] = ()


class Vector(Value, frozen=True, tag="vector"):
    """Embedding of input `index`: little-endian float32."""

    data: bytes
    index: int = 0


class Data(Value, frozen=True, tag="data"):
    """A piece of sound or picture, or a whole small one."""

    data: bytes
    media_type: str
    index: int = 0
    rate_hz: int = 0
    """Samples a second, where the media type alone does not say it."""
    text: str = ""
    """What is said from here on, with the first piece of a clause."""
    tokens: int = 0
    """Tokens generated for this piece, for billing what was produced before a disconnect."""


class Picture(Value, frozen=True, tag="picture"):
    """The Data that follow, up to the next Picture or ChoiceEnd of this index, are this picture's bytes."""

    width_px: int
    height_px: int
    media_type: str
    index: int = 0
    partial: int | None = None
    """A sketch of what is coming, numbered from 0; None is the picture itself."""
    revised_prompt: str = ""
    """What was really drawn, in words."""
    details: dict[str, Any] = {}
    """`seed`, `style`, `quality`, `not_understood`, `enlarged`, `faster`: whatever the engine can say of it."""


class Proof(Value, frozen=True, tag="proof"):
    """One line (or column) of text as it stands in picture `index`, cut out to be read back."""

    text: str
    data: bytes
    """A PNG of at most 150 KiB, the line upright."""
    line: int
    """Which line of the picture; a verdict names it."""
    index: int = 0
    exact: bool = True
    """The glyphs are those of the text's characters, one for one, none missing."""
    attempt: int = 1
    last: bool = False
    """No further proof comes in this round: the engine waits for a Verdict."""
    plain: bytes = b""
    """At the second attempt, the same text as the third would set it, but black on white: what the reader fails to read
    there too, no lettering will make it read. A PNG of at most 40 KiB."""


class Verdict(Value, frozen=True):
    """What an engine is told of its proofs, as JSON in a Chunk whose control is `verdict`."""

    accepted: bool = True
    again: tuple[int, ...] = ()
    """Lines to set better: more contrast, a larger size, a calmer place."""
    settled: dict[int, int] = {}
    """Lines to leave as they were set at an earlier attempt, and which: none of them was read, that one best."""


class Fact(Value, frozen=True, tag="fact"):
    """A structured answer: a probe's findings, a token count."""

    values: dict[str, Any]


class Progress(Value, frozen=True, tag="progress"):
    """`done` of `total` in `unit`s, for long work; prefill sends it too."""

    done: float
    total: float
    unit: str = ""


class ChoiceEnd(Value, frozen=True, tag="choice_end"):
    """Choice `index` is complete."""

    reason: Literal["stop", "length", "tool_calls", "content_filter"]
    index: int = 0


class Finished(Value, frozen=True, tag="finished"):
    """The one good end. `model` is the model that really answered."""

    usage: Usage
    model: str = ""
    details: dict[str, Any] = {}


Event = (
    Started
    | TextDelta
    | ToolCallDelta
    | Segment
    | Vector
    | Data
    | Picture
    | Proof
    | Fact
    | Progress
    | ChoiceEnd
    | Finished
)


class Chunk(Value, frozen=True):
    """A piece of streamed input: sound, text, or a control word."""

    data: bytes = b""
    text: str = ""
    control: str = ""


class _Empty(AsyncIterator[Chunk]):
    async def __anext__(self) -> Chunk:
        raise StopAsyncIteration


EMPTY: AsyncIterator[Chunk] = _Empty()
"""No streamed input: ends at once, may be iterated by any number of calls."""
