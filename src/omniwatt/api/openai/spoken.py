"""Spoken answers of a chat: what of them a request may ask for, their ids, and what an id stands for later."""

import base64
import secrets
import struct
import time
from typing import Any, NamedTuple

import msgspec

from omniwatt.api.exchange import Exchange
from omniwatt.api.fields import Kind, Nested, one_of, wrong_type
from omniwatt.api.openai.messages import SPOKEN
from omniwatt.api.parts import Parts
from omniwatt.contract.error import BadInput, UnsupportedField
from omniwatt.contract.job import Caller
from omniwatt.contract.request import MediaPart, Message, TextPart, Voice
from omniwatt.stored import SPOKEN_S

FORMATS = ("wav", "aac", "mp3", "flac", "opus", "pcm16")
PIECE_BYTES = 24 * 1024
"""How much sound one chunk of a stream carries at most: more in a line is too long for some readers."""
ALIGNED_BYTES = 6
"""Pieces are whole samples of two bytes and whole base64 groups of three: each by itself, and all of them in a row,
can be decoded and played."""
AUDIO_SCHEMA = {
    "type": "object",
    "required": ["voice", "format"],
    "properties": {
        "voice": {
            "oneOf": [
                {"type": "string", "minLength": 1},
                {
                    "type": "object",
                    "required": ["id"],
                    "properties": {"id": {"type": "string", "minLength": 1}},
                    "additionalProperties": False,
                },
            ]
        },
        "format": {"enum": list(FORMATS)},
    },
    "additionalProperties": False,
}


class Spoken(NamedTuple):
    """One spoken answer on its way out."""

    id: str
    format: str
    expires_at: int
    """Unix seconds until which a later request may refer to it."""


def new(audio_format: str, kept: bool) -> Spoken:
    """An answer about to be spoken; one that is not `kept` can be referred to no more at once."""
    return Spoken(SPOKEN + secrets.token_hex(16), audio_format, int(time.time()) + (SPOKEN_S if kept else 0))


def modalities_kind() -> Kind:
    """A list of `text`, `audio` and `image`; sound comes with its text always, and pictures may come with it."""
    word = one_of("text", "audio", "image")

    def check(value: Any, param: str) -> tuple[str, ...]:
        if not isinstance(value, list):
            raise wrong_type(param, "an array of strings", value)
        if not value:
            raise BadInput(f"Invalid '{param}': the array must not be empty.", param=param, code="empty_array")
        return tuple(dict.fromkeys(word.check(item, f"{param}[{index}]") for index, item in enumerate(value)))

    schema = {"type": "array", "items": {"enum": ["text", "audio", "image"]}, "minItems": 1}
    return Kind(check, schema, '`["text"]`, `["text", "audio"]` or `["text", "image"]`')


def parse_audio(values: dict[str, Any], nested: Nested) -> tuple[Voice | None, str]:
    """The voice to answer with and the form of the sound; None and "" for an answer in text alone. Raises BadInput."""
    asked = "audio" in values.get("modalities", ())
    if "audio" not in values:
        if asked:
            raise BadInput(
                "Missing required parameter: 'audio'. It is needed when 'modalities' includes 'audio'.",
                param="audio",
                code="missing_required_parameter",
            )
        return None, ""
    if not asked:
        raise BadInput("'audio' is only allowed when 'modalities' includes 'audio'.", param="audio")
    audio = nested.check(values["audio"], "audio", frozenset({"voice", "format"}))
    for key in ("voice", "format"):
        if audio.get(key) is None:
            place = f"audio.{key}"
            raise BadInput(f"Missing required parameter: '{place}'.", param=place, code="missing_required_parameter")
    _check_rest(values)
    return Voice(_voice_name(audio["voice"], nested)), one_of(*FORMATS).check(audio["format"], "audio.format")


def _voice_name(value: Any, nested: Nested) -> str:
    name, param = value, "audio.voice"
    if isinstance(value, dict):
        param = "audio.voice.id"
        name = nested.check(value, "audio.voice", frozenset({"id"})).get("id")
    if not isinstance(name, str):
        raise wrong_type(param, "a string", name)
    if not name:
        raise BadInput(f"Invalid '{param}': it must not be empty.", param=param, code="empty_string")
    return name


def _check_rest(values: dict[str, Any]) -> None:
    if values.get("n", 1) > 1:
        raise UnsupportedField("Only one answer can be spoken: 'n' must be 1 with audio.", param="n")
    wanted = values.get("response_format")
    if isinstance(wanted, dict) and wanted.get("type") in ("json_object", "json_schema"):
        raise UnsupportedField("JSON cannot be spoken: ask for it without audio.", param="response_format")


async def recall(parts: Parts, caller: Caller, messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """The messages with each earlier spoken answer that is named by its id replaced by what it said.

    Raises BadInput (`audio_not_found`) when it is not there for this caller, or not there any more.
    """
    found: list[Message] = []
    for message in messages:
        if message.role != "assistant" or not any(map(_refers, message.content)):
            found.append(message)
            continue
        content = [await _words(parts, caller, part) if _refers(part) else part for part in message.content]
        found.append(msgspec.structs.replace(message, content=tuple(content)))
    return tuple(found)


def _refers(part: Any) -> bool:
    return isinstance(part, MediaPart) and part.kind == "audio" and part.blob.startswith(SPOKEN)


async def _words(parts: Parts, caller: Caller, part: Any) -> TextPart:
    words = await parts.stored.spoken(caller, part.blob)
    if words is None:
        raise BadInput(
            f"Audio with id '{part.blob[:100]}' not found: it does not exist or has expired. "
            "Send the transcript of that answer as 'content' instead.",
            param=f"{part.name}.id",
            code="audio_not_found",
        )
    return TextPart(words)


async def keep(exchange: Exchange, spoken: Spoken, transcript: str) -> None:
    """Remember what was said for as long as its id is promised to hold."""
    await exchange.parts.stored.save_spoken(exchange.caller, spoken.id, spoken.expires_at, transcript)


def whole(spoken: Spoken, pieces: list[bytes], transcript: str) -> dict[str, Any]:
    """`message.audio` of an answer that is not streamed."""
    data = b"".join(pieces)
    if spoken.format == "wav":
        data = sized(data)
    text = base64.b64encode(data).decode()
    return {"id": spoken.id, "data": text, "expires_at": spoken.expires_at, "transcript": transcript}


def sized(wav: bytes) -> bytes:
    """A WAV that was written as a stream, with its lengths where the writer could not know them yet."""
    start = wav.find(b"data", 12, 4096)
    if not wav.startswith(b"RIFF") or start < 0:
        return wav
    body = start + 8
    head = wav[:4] + struct.pack("<I", len(wav) - 8) + wav[8 : start + 4] + struct.pack("<I", len(wav) - body)
    return head + wav[body:]


class Pieces:
    """Sound as it comes in, cut so that each piece can be decoded by itself."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[str]:
        """Base64 of what is whole by now."""
        data = self._rest + data
        end = len(data) - len(data) % ALIGNED_BYTES
        self._rest = data[end:]
        return [
            base64.b64encode(data[start : min(start + PIECE_BYTES, end)]).decode()
            for start in range(0, end, PIECE_BYTES)
        ]

    def end(self) -> list[str]:
        """Base64 of what is left."""
        rest, self._rest = self._rest, b""
        return [base64.b64encode(rest).decode()] if rest else []
