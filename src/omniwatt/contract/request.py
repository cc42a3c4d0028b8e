"""What a caller asks for, whatever route it came by: one Request with one typed body."""

from typing import Any, Literal

import msgspec

Capability = Literal["chat", "complete", "embed", "count", "probe", "transcode", "hear", "speak", "draw", "see", "live"]


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


class ChatBody(Value, frozen=True, tag="chat"):
    messages: tuple[Message, ...]
    sampling: Sampling = Sampling()
    tools: tuple[Tool, ...] = ()
    tool_choice: str = "auto"
    """`auto`, `none`, `required`, or `function:NAME`."""
    parallel_tool_calls: bool = True
    format: Format = Format()


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


class DataBody(Value, frozen=True, tag="data"):
    """Everything else: a text and named options. Speech, pictures and live sessions grow bodies of their own."""

    text: str = ""
    parts: tuple[MediaPart, ...] = ()
    options: dict[str, Any] = {}


Body = ChatBody | CompleteBody | EmbedBody | CountBody | MediaBody | DataBody


class Request(Value, frozen=True):
    """One request as the door understood it. `model` is the name the caller wrote."""

    id: str
    capability: Capability
    model: str
    body: Body
    tier: str = "default"
    deadline_s: float | None = None
    recorded: dict[str, Any] = {}
    """Fields that change nothing and are kept for the caller: user, metadata, safety_identifier, ..."""
