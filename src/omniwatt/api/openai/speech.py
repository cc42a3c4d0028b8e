"""POST /v1/audio/speech: text -> sound, sent from the first clause on."""

import base64
from typing import Any

from starlette.routing import Route

from omniwatt.api import stream
from omniwatt.api.exchange import Endpoint, Exchange
from omniwatt.api.fields import Field, Kind, Read, Table, anything, number, one_of, text, wrong_type
from omniwatt.api.openai import common
from omniwatt.api.openai.languages import LANGUAGES, code_of
from omniwatt.api.stream import sse
from omniwatt.contract.error import BadInput
from omniwatt.contract.event import Data, Event, Finished, Started
from omniwatt.contract.request import SpeakBody, Voice

MEDIA_TYPES = {
    "mp3": b"audio/mpeg",
    "opus": b"audio/ogg; codecs=opus",
    "aac": b"audio/aac",
    "flac": b"audio/flac",
    "wav": b"audio/wav",
    "pcm": b"audio/pcm; rate=24000",
}
"""`response_format` -> content type. `pcm` is signed 16-bit little-endian, mono, 24 kHz, without a header."""
CHARACTERS = 4096
INSTRUCTIONS_CHARACTERS = 4096
VOICE_CHARACTERS = 256


def _voice(value: Any, param: str) -> str:
    """A name, or an object with an id."""
    if isinstance(value, dict):
        if value.keys() != {"id"}:
            raise BadInput(f"'{param}' must be a name, or an object with an 'id' alone.", param=param)
        return str(text(VOICE_CHARACTERS, 1).check(value["id"], f"{param}.id"))
    if not isinstance(value, str):
        raise wrong_type(param, "a string or an object", value)
    return str(text(VOICE_CHARACTERS, 1).check(value, param))


VOICE_SCHEMA = {
    "oneOf": [
        {"type": "string", "minLength": 1, "maxLength": VOICE_CHARACTERS},
        {
            "type": "object",
            "required": ["id"],
            "properties": {"id": {"type": "string", "minLength": 1, "maxLength": VOICE_CHARACTERS}},
            "additionalProperties": False,
        },
    ]
}


def _language() -> Kind:
    def check(value: Any, param: str) -> str:
        code = code_of(text(64).check(value, param))
        return code if code is not None else str(value)

    return Kind(check, {"type": "string", "enum": sorted(LANGUAGES)}, "ISO 639-1 code")


FIELDS = Table(
    "Speech",
    (
        common.MODEL,
        Field(
            "input",
            "honoured",
            anything(
                {"type": "string", "minLength": 1, "maxLength": CHARACTERS},
                f"text up to {CHARACTERS} characters",
                text(None, 1).check,
            ),
            "The operator may allow more (`audio.max_characters`).",
            required=True,
        ),
        Field(
            "voice",
            "honoured",
            anything(VOICE_SCHEMA, "a name, or an object with its `id`", _voice),
            "One of OpenAI's names, of `GET /v1/audio/voices`, or a blend such as `af_heart:0.6+zf_xiaoxiao:0.4`.",
            required=True,
        ),
        Field("response_format", "honoured", one_of(*MEDIA_TYPES), "Default mp3. All are mono at 24 kHz."),
        Field("speed", "honoured", number(0.25, 4.0), "1 is the voice's own pace."),
        Field(
            "instructions",
            "honoured",
            text(INSTRUCTIONS_CHARACTERS),
            "As far as a delivery of the voice catalog says the same (`whisper`, `cheerful`, ...); else refused.",
        ),
        Field(
            "stream_format", "honoured", one_of("audio", "sse"), "Default audio. Both are sent as the sound is made."
        ),
        Field("language", "honoured", _language(), "Ours: how to read the text, where a voice has several languages."),
        common.USER,
    ),
)


async def create(exchange: Exchange) -> None:
    """Say a text."""
    read = await common.read(exchange, FIELDS)
    body = parse(read, exchange.parts.settings.audio.max_characters)
    common.say_ignored(exchange, read.ignored)
    request = common.new_request(exchange, "speak", read.values["model"], body, read.recorded)
    with common.naming({"messages": "input", "text": "input"}):
        if read.values.get("stream_format") == "sse":
            await stream.streamed(exchange, request, SpeechEvents())
        else:
            await stream.raw(exchange, request, MEDIA_TYPES[body.audio_format])


def parse(read: Read, limit_characters: int = CHARACTERS) -> SpeakBody:
    """The body from the values of FIELDS. Raises BadInput."""
    values = read.values
    said: str = values["input"]
    if len(said) > limit_characters:
        raise BadInput(
            f"Invalid 'input': string too long. Expected a string with maximum length {limit_characters}, but got a "
            f"string with length {len(said)} instead.",
            param="input",
            code="string_above_max_length",
        )
    return SpeakBody(
        voice=Voice(
            name=values["voice"], speed=values.get("speed", 1.0), instructions=values.get("instructions", "").strip()
        ),
        text=said,
        language=values.get("language", ""),
        audio_format=values.get("response_format", "mp3"),
    )


class SpeechEvents:
    """Encoder of spoken sound as events (see stream.Encoder)."""

    def start(self, started: Started) -> bytes:
        """Nothing is sent before the first sound."""
        return b""

    def event(self, event: Event) -> bytes:
        """A piece of the encoded sound; joined, the pieces are one file."""
        if not isinstance(event, Data) or not event.data:
            return b""
        return sse({"type": "speech.audio.delta", "audio": base64.b64encode(event.data).decode()})

    async def end(self, finished: Finished) -> bytes:
        """What it took: the text's tokens in, 25 for each second of sound out."""
        used = finished.usage
        usage = {
            "input_tokens": used.prompt_tokens,
            "output_tokens": used.completion_tokens,
            "total_tokens": used.total_tokens,
        }
        return sse({"type": "speech.audio.done", "usage": usage | common.extras(used)})

    def error(self, error: dict[str, Any]) -> bytes:
        """An error inside the stream, which ends with it."""
        return sse(error)


routes = [Route("/v1/audio/speech", Endpoint(create, serves="speak"), methods=["POST"])]
