"""What a session is told, as values: its settings, the items of its conversation, and the client's events.

Names are those of OpenAI's Realtime API, so that a reader of its reference finds them again.
"""

from collections.abc import Callable
from typing import Any, Literal

from omniwatt.contract.request import Tool, Value

FormatName = Literal["audio/pcm", "audio/pcmu", "audio/pcma"]
BYTES_PER_MS: dict[str, int] = {"audio/pcm": 48, "audio/pcmu": 8, "audio/pcma": 8}
"""24 kHz samples of 16 bits, or G.711 at 8 kHz."""
MAX_WAIT_MS = {"low": 8000, "medium": 4000, "auto": 4000, "high": 2000}
"""How long semantic turn detection waits at most for somebody to go on."""


class TurnDetection(Value, frozen=True):
    """When somebody has said what they wanted to say: after a silence, or when it sounds complete."""

    type: Literal["server_vad", "semantic_vad"] = "server_vad"
    threshold: float = 0.5
    prefix_padding_ms: int = 300
    silence_duration_ms: int = 500
    idle_timeout_ms: int | None = None
    create_response: bool = True
    interrupt_response: bool = True
    eagerness: Literal["low", "medium", "high", "auto"] = "auto"


class Transcription(Value, frozen=True):
    """How the user's speech is written down for the client; the model gets it in writing either way."""

    model: str | None = None
    language: str | None = None
    prompt: str | None = None
    keywords: tuple[str, ...] = ()


class Retention(Value, frozen=True):
    """How much of a conversation too long for the model is kept."""

    mode: Literal["auto", "disabled", "retention_ratio"] = "auto"
    ratio: float = 1.0


class SessionSettings(Value, frozen=True):
    """Everything `session.update` may change, and what cannot change after the start."""

    type: Literal["realtime", "transcription"] = "realtime"
    model: str = ""
    instructions: str = ""
    output_modality: Literal["audio", "text"] = "audio"
    input_format: FormatName = "audio/pcm"
    output_format: FormatName = "audio/pcm"
    transcription: Transcription | None = None
    turn_detection: TurnDetection | None = TurnDetection()
    voice: str = "alloy"
    speed: float = 1.0
    tools: tuple[Tool, ...] = ()
    tool_choice: str = "auto"
    parallel_tool_calls: bool = True
    max_output_tokens: int | None = None
    truncation: Retention = Retention()
    logprobs: bool = False
    """Log-probabilities with transcriptions (`include`)."""


class ItemPart(Value, frozen=True):
    """A piece of an item: `input_text`, `input_audio`, `output_text` or `output_audio`.

    `audio` is base64-decoded sound in the client's format; `text` what stands, or was said, in it.
    """

    type: Literal["input_text", "input_audio", "output_text", "output_audio"]
    text: str = ""
    audio: bytes = b""


class Item(Value, frozen=True):
    """One entry of a conversation. A message has `role` and `content`; a call and its output share `call_id`."""

    id: str
    type: Literal["message", "function_call", "function_call_output"] = "message"
    role: Literal["system", "user", "assistant"] = "user"
    content: tuple[ItemPart, ...] = ()
    status: Literal["in_progress", "completed", "incomplete"] = "completed"
    name: str = ""
    call_id: str = ""
    arguments: str = ""
    output: str = ""


class ResponseSettings(Value, frozen=True):
    """What one `response.create` asks for beyond, or instead of, the session's settings; None takes the session's."""

    instructions: str | None = None
    output_modality: Literal["audio", "text"] | None = None
    output_format: FormatName | None = None
    voice: str | None = None
    tools: tuple[Tool, ...] | None = None
    tool_choice: str | None = None
    parallel_tool_calls: bool | None = None
    max_output_tokens: int | None = None
    metadata: dict[str, str] | None = None
    input: tuple[Item | str, ...] | None = None
    """A context of its own: items, or ids of items of the conversation."""
    out_of_band: bool = False
    """`conversation: "none"`: nothing of it enters the conversation."""


class Update(Value, frozen=True):
    """`session.update`: `change` makes the new settings of the old ones, or raises BadInput."""

    change: Callable[[SessionSettings], SessionSettings]
    event_id: str | None = None


class Append(Value, frozen=True):
    audio: bytes
    event_id: str | None = None


class Commit(Value, frozen=True):
    event_id: str | None = None


class Clear(Value, frozen=True):
    event_id: str | None = None


class ItemCreate(Value, frozen=True):
    """`after`: the id of the item before it, "root" for the beginning, None for the end."""

    item: Item
    after: str | None = None
    event_id: str | None = None


class ItemRetrieve(Value, frozen=True):
    item_id: str
    event_id: str | None = None


class ItemTruncate(Value, frozen=True):
    item_id: str
    content_index: int
    audio_end_ms: int
    event_id: str | None = None


class ItemDelete(Value, frozen=True):
    item_id: str
    event_id: str | None = None


class ResponseCreate(Value, frozen=True):
    """`read` makes its settings with the session's in view (a tool choice needs the tools), or raises BadInput."""

    read: Callable[[SessionSettings], ResponseSettings]
    event_id: str | None = None


class ResponseCancel(Value, frozen=True):
    response_id: str | None = None
    event_id: str | None = None


class PlaybackClear(Value, frozen=True):
    event_id: str | None = None


ClientEvent = (
    Update
    | Append
    | Commit
    | Clear
    | ItemCreate
    | ItemRetrieve
    | ItemTruncate
    | ItemDelete
    | ResponseCreate
    | ResponseCancel
    | PlaybackClear
)

Json = dict[str, Any]
