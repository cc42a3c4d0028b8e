"""POST /v1/audio/transcriptions and /v1/audio/translations: a recording -> its words, whole or while it is heard."""

from typing import Any

from starlette.routing import Route

from omniwatt.api import stream
from omniwatt.api.exchange import Endpoint, Exchange
from omniwatt.api.fields import Field, Kind, Read, Table, anything, boolean, integer, number, one_of, text, wrong_type
from omniwatt.api.openai import common, forms, transcripts
from omniwatt.api.openai.languages import LANGUAGES, code_of
from omniwatt.api.openai.transcripts import MEDIA_TYPES, Transcript, TranscriptEvents
from omniwatt.contract.error import BadInput, UnsupportedField
from omniwatt.contract.event import Event, Finished, Started
from omniwatt.contract.request import HearBody, MediaPart, Request

FORMATS = ("json", "text", "srt", "verbose_json", "vtt")
BY_DURATION = frozenset({"whisper-1"})
"""Names whose callers expect the usage in seconds."""
PARAMS = {"data": "file", "messages": "file", "part": "file", "blob": "file", "options": "file"}
KEYWORDS_LIMIT, KEYWORD_CHARACTERS = 100, 100
PROMPT_CHARACTERS = 8192
NO_SPEAKERS = "Speakers are not told apart here."

VAD = {
    "threshold": number(0.0, 1.0),
    "prefix_padding_ms": integer(0, 10_000),
    "silence_duration_ms": integer(0, 10_000),
}
VAD_SCHEMA = {
    "oneOf": [
        {"type": "string", "enum": ["auto"]},
        {
            "type": "object",
            "required": ["type"],
            "properties": {"type": {"const": "server_vad"}} | {name: kind.schema for name, kind in VAD.items()},
            "additionalProperties": False,
        },
    ]
}


def _texts(most: int, longest: int) -> Kind:
    """A list of short texts."""

    def check(value: Any, param: str) -> tuple[str, ...]:
        items = value if isinstance(value, list) else [value]
        if len(items) > most:
            raise BadInput(f"Invalid '{param}': at most {most} are taken.", param=param, code="array_above_max_length")
        one = text(longest, 1)
        return tuple(one.check(item, param) for item in items)

    schema = {"type": "array", "maxItems": most, "items": {"type": "string", "minLength": 1, "maxLength": longest}}
    return Kind(check, schema, f"up to {most} texts")


def _words_of(*options: str) -> Kind:
    """A list of some of a few words, sent as `name[]`."""
    one = one_of(*options)

    def check(value: Any, param: str) -> tuple[str, ...]:
        items = value if isinstance(value, list) else [value]
        return tuple(one.check(item, param) for item in items)

    return Kind(check, {"type": "array", "items": one.schema}, "any of " + " / ".join(options))


def _language() -> Kind:
    """A code; names and regions are understood."""

    def check(value: Any, param: str) -> str:
        code = code_of(text(64).check(value, param))
        if code is None:
            raise BadInput(
                f"Invalid '{param}': '{value[:32]}' is no language that is heard here. Send an ISO 639-1 code, such "
                "as en, de or zh.",
                param=param,
            )
        return code

    return Kind(check, {"type": "string", "enum": sorted(LANGUAGES)}, "ISO 639-1 code")


def _languages() -> Kind:
    """A list of codes; only a list of one says something that is acted on."""
    one = _language()

    def check(value: Any, param: str) -> str:
        items = value if isinstance(value, list) else [value]
        if len(items) != 1:
            raise UnsupportedField(
                f"'{param}' is only taken with one language: leave it out, and the language is found out.", param=param
            )
        return str(one.check(items[0], param))

    schema = {"type": "array", "minItems": 1, "maxItems": 1, "items": one.schema}
    return Kind(check, schema, "a list of one ISO 639-1 code")


def _chunking(value: Any, param: str) -> dict[str, Any]:
    """`auto`, or the parameters of a voice activity detector."""
    if value == "auto":
        return {}
    if not isinstance(value, dict):
        raise wrong_type(param, "'auto' or an object", value)
    if value.get("type") != "server_vad":
        raise BadInput(f"'{param}.type' must be 'server_vad'.", param=f"{param}.type")
    found: dict[str, Any] = {}
    for name, item in value.items():
        if name in VAD:
            found[name] = VAD[name].check(item, f"{param}.{name}")
        elif name != "type":
            place = f"{param}.{name[:100]}"
            raise BadInput(f"Unknown parameter: '{place}'.", param=place, code="unknown_parameter")
    return found


def _diarized(value: Any, param: str) -> str:
    if value == "diarized_json":
        raise UnsupportedField(f"'{param}' cannot be 'diarized_json': {NO_SPEAKERS}", param=param)
    return str(one_of(*FORMATS).check(value, param))


FORMAT = Field(
    "response_format",
    "honoured",
    anything(one_of(*FORMATS).schema, " / ".join(FORMATS), _diarized),
    f"Default json. diarized_json is refused: {NO_SPEAKERS}",
)
PROMPT = Field("prompt", "honoured", text(PROMPT_CHARACTERS), "Words that came before; sets style and spelling.")
TEMPERATURE = Field("temperature", "honoured", number(0, 1), "0 rises by itself where the guard finds repetition.")
ACCURATE = Field("accurate", "honoured", boolean(), "Ours: take the time for the whole window and for beams.")

TRANSCRIBE = Table(
    "Transcriptions",
    (
        forms.FILE,
        common.MODEL,
        FORMAT,
        PROMPT,
        TEMPERATURE,
        ACCURATE,
        Field("language", "honoured", _language(), "Left out, it is found out."),
        Field("languages", "honoured", _languages(), "Sent as `languages[]`."),
        Field(
            "keywords",
            "honoured",
            _texts(KEYWORDS_LIMIT, KEYWORD_CHARACTERS),
            "Sent as `keywords[]`: names and terms to expect.",
        ),
        Field(
            "timestamp_granularities",
            "honoured",
            _words_of("word", "segment"),
            "Sent as `timestamp_granularities[]`; only with verbose_json, where segments are the default.",
        ),
        Field("include", "honoured", _words_of("logprobs"), "Sent as `include[]`; only with json."),
        Field(
            "chunking_strategy",
            "honoured",
            anything(VAD_SCHEMA, "auto, or an object of type server_vad", _chunking),
            "How readily a pause cuts the sound. Sent as JSON or as `chunking_strategy[threshold]` and so on.",
        ),
        Field("stream", "honoured", boolean(), "Only with json and text; the events are the same for both."),
        Field("known_speaker_names", "refused", _texts(4, 64), NO_SPEAKERS),
        Field("known_speaker_references", "refused", _texts(4, 64), NO_SPEAKERS),
    ),
)
TRANSLATE = Table("Translations into English", (forms.FILE, common.MODEL, FORMAT, PROMPT, TEMPERATURE, ACCURATE))


async def transcribe(exchange: Exchange) -> None:
    """Write down what a recording says, whole or streamed."""
    async with forms.received(exchange, TRANSCRIBE) as read:
        await _answer(exchange, read, parse(read))


async def translate(exchange: Exchange) -> None:
    """Write down in English what a recording says."""
    async with forms.received(exchange, TRANSLATE) as read:
        await _answer(exchange, read, parse(read, task="translate"))


def parse(read: Read, task: str = "transcribe") -> HearBody:
    """The body from the values of TRANSCRIBE or TRANSLATE. Raises BadInput for what does not go together."""
    values = read.values
    form = values.get("response_format", "json")
    granularities = values.get("timestamp_granularities", ())
    if granularities and form != "verbose_json":
        raise BadInput(
            "'timestamp_granularities' needs 'response_format' to be 'verbose_json'.", param="timestamp_granularities"
        )
    if values.get("include") and form != "json":
        raise BadInput("'include' needs 'response_format' to be 'json'.", param="include")
    if values.get("stream") and form not in ("json", "text"):
        raise BadInput(f"'stream' is not possible with 'response_format' {form}.", param="stream")
    if "language" in values and values.get("languages", values["language"]) != values["language"]:
        raise BadInput("'language' and 'languages' say different things.", param="languages")
    part: MediaPart = values["file"]
    return HearBody(
        part=part,
        task="translate" if task == "translate" else "transcribe",
        language=values.get("language", values.get("languages", "")),
        prompt=values.get("prompt", ""),
        keywords=values.get("keywords", ()),
        temperature=values.get("temperature", 0.0),
        words="word" in granularities,
        logprobs="logprobs" in values.get("include", ()),
        accurate=values.get("accurate", False),
        chunking=values.get("chunking_strategy", {}),
    )


async def _answer(exchange: Exchange, read: Read, body: HearBody) -> None:
    common.say_ignored(exchange, read.ignored)
    request = common.new_request(exchange, "hear", read.values["model"], body, read.recorded)
    with common.naming(PARAMS):
        if read.values.get("stream"):
            await stream.streamed(exchange, request, TranscriptEvents(logprobs=body.logprobs))
            return
        transcript = await stream.whole(exchange, request, lambda *run: _transcript(request, *run))
    form = read.values.get("response_format", "json")
    # Plain text and subtitles have no place for a usage.
    spent = transcript.energy
    exchange.extra_headers += stream.energy_headers(spent.get("energy_joules"), spent.get("method", ""))
    content = _rendered(form, transcript, body, read.values.get("timestamp_granularities") or ("segment",))
    await exchange.reply(content, media_type=MEDIA_TYPES[form])


def _transcript(request: Request, _: Started, events: list[Event], finished: Finished) -> Transcript:
    return Transcript(events, finished, by_duration=request.model in BY_DURATION)


def _rendered(form: str, transcript: Transcript, body: HearBody, granularities: tuple[str, ...]) -> bytes:
    match form:
        case "text":
            return (transcript.text + "\n").encode()
        case "srt":
            return transcripts.as_srt(transcript).encode()
        case "vtt":
            return transcripts.as_vtt(transcript).encode()
        case "verbose_json":
            segments, words = "segment" in granularities, "word" in granularities
            return stream.encode_json(transcripts.as_verbose(transcript, body.task, segments=segments, words=words))
    return stream.encode_json(transcripts.as_json(transcript, logprobs=body.logprobs))


routes = [
    Route("/v1/audio/transcriptions", Endpoint(transcribe, serves="hear"), methods=["POST"]),
    Route("/v1/audio/translations", Endpoint(translate, serves="hear"), methods=["POST"]),
]
