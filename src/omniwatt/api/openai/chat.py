"""POST /v1/chat/completions: JSON -> ChatBody -> events -> one JSON body or chunks."""

from functools import partial
from typing import Any

import msgspec
from starlette.routing import Route

from omniwatt.api import stream
from omniwatt.api.exchange import Endpoint, Exchange
from omniwatt.api.fields import Field, Nested, Read, Table, anything, boolean, integer, one_of, text
from omniwatt.api.openai import common, files, images_tool, messages, schemas, spoken, tools
from omniwatt.api.openai.chunks import ChatAnswer, ChatChunks, completion
from omniwatt.contract.error import BadInput, UnsupportedField
from omniwatt.contract.request import ChatBody, DrawBody, Format, Request, Sampling

OBJECT = {"type": "object"}
NO_REASONING = "The models here answer without a separate reasoning phase."
PARAMS = {"voice": "audio.voice", "data": "messages", "file": "messages"}
"""What the way calls a field -> what it is called here."""
TIERS = ("auto", "default", "flex", "scale", "priority", "fast")

FIELDS = Table(
    "Chat completions",
    (
        Field(
            "messages",
            "honoured",
            anything(schemas.MESSAGES, "messages of all roles; content as text or parts"),
            "Pictures and files inline, where the model takes them; sound in any common form, which a model without "
            "ears gets as its transcript; nothing is fetched from URLs.",
            required=True,
        ),
        common.MODEL,
        common.STREAM,
        common.STREAM_OPTIONS,
        Field(
            "max_completion_tokens",
            "honoured",
            integer(1),
            "Of the text; the sound of a spoken answer is counted besides, and ends with it.",
        ),
        Field("max_tokens", "honoured", integer(1), "The older name; not together with the newer."),
        *common.SAMPLING,
        Field("logprobs", "honoured", boolean()),
        Field("top_logprobs", "honoured", integer(0, 20), "Needs `logprobs: true`."),
        Field(
            "tools",
            "honoured",
            anything(schemas.TOOLS, "function tools, up to 128"),
            "And one of type `image_generation`. Custom tools are refused.",
        ),
        Field(
            "tool_choice",
            "honoured",
            anything(schemas.TOOL_CHOICE, "none / auto / required / a function / allowed_tools"),
        ),
        Field("parallel_tool_calls", "honoured", boolean()),
        Field(
            "functions", "honoured", anything(schemas.FUNCTIONS, "functions"), "Deprecated; answered in its own shape."
        ),
        Field("function_call", "honoured", anything(schemas.FUNCTION_CALL, "none / auto / a function")),
        Field("response_format", "honoured", anything(schemas.FORMAT, "text / json_object / json_schema")),
        common.USER,
        Field("safety_identifier", "recorded", text(512)),
        Field("metadata", "recorded", common.metadata_kind()),
        Field("prompt_cache_key", "recorded", text(1024), "Prefixes are reused within a project, whatever the key."),
        Field(
            "service_tier", "recorded", one_of(*TIERS), "The answer says which tier was really used: that of the key."
        ),
        Field("store", "neutral", boolean(), "Chat completions are not stored; responses are.", neutral=(False,)),
        Field(
            "modalities",
            "honoured",
            spoken.modalities_kind(),
            "With `audio` the answer is spoken; its text is then `audio.transcript`. With `image` the model may draw: "
            "pictures come as `images` of the message.",
        ),
        Field("reasoning_effort", "neutral", text(), NO_REASONING, neutral=("none",)),
        Field("verbosity", "neutral", text(), "Ask for it in words.", neutral=("medium",)),
        Field("prompt_cache_retention", "neutral", text(), neutral=("in_memory",)),
        Field(
            "prompt_cache_options", "neutral", anything(OBJECT, ""), neutral=({"mode": "implicit"}, {"ttl": "30m"}, {})
        ),
        Field(
            "audio",
            "honoured",
            anything(spoken.AUDIO_SCHEMA, f"`voice` and `format`: {' / '.join(spoken.FORMATS)}"),
            "Needs `modalities` with `audio`. Every format can be streamed; mono, 24 kHz. Tool calls are not spoken.",
        ),
        Field("prediction", "refused", anything(OBJECT, ""), "Predicted outputs are not used to speed answers up."),
        Field("web_search_options", "refused", anything(OBJECT, ""), "This server searches no web."),
        Field("moderation", "refused", anything(OBJECT, ""), "No moderation model runs beside a chat."),
    ),
)


async def create(exchange: Exchange) -> None:
    """Answer one chat completion, streamed or whole."""
    read = await common.read(exchange, FIELDS)
    values = read.values
    options = common.stream_options(values)
    body = parse(read, warn=common.warns(exchange))
    said = await spoken.recall(exchange.parts, exchange.caller, body.messages)
    resolved = await files.resolve_files(exchange.parts, exchange.caller, said)
    if resolved is not body.messages:
        body = msgspec.structs.replace(body, messages=resolved)
    body = await images_tool.with_mask(exchange.parts, exchange.caller, body)
    common.say_ignored(exchange, read.ignored)
    request = common.new_request(exchange, "chat", values["model"], body, read.recorded)
    answer = ChatAnswer(
        id="chatcmpl-" + request.id.removeprefix("req_"),
        created=common.now(),
        logprobs=body.sampling.logprobs is not None,
        functions="functions" in values,
        spoken=spoken.new(body.audio_format, exchange.parts.stored.allowed) if body.voice else None,
        illustrated=body.picture is not None,
    )
    with common.naming(PARAMS):
        await _answer(exchange, request, answer, body, options if values.get("stream") else None)


async def _answer(
    exchange: Exchange, request: Request, answer: ChatAnswer, body: ChatBody, options: dict[str, bool] | None
) -> None:
    """Serve `request`: streamed where there are `options` of a stream, else whole."""
    sound = answer.spoken
    keep = partial(spoken.keep, exchange, sound) if sound else None
    if options is not None:
        await stream.streamed(exchange, request, ChatChunks(answer, body.sampling.n, options, keep))
        return
    found = await stream.whole(exchange, request, lambda *run: completion(answer, *run))
    if keep is not None and (audio := found["choices"][0]["message"].get("audio")):
        await keep(audio["transcript"])
    await exchange.reply_json(found)


def parse(read: Read, *, warn: bool = False) -> ChatBody:
    """The body of a chat from the values of FIELDS. Raises BadInput; adds to `read.ignored` when `warn`."""
    values, nested = read.values, Nested(read.ignored, warn=warn)
    picture = _picture(values, nested)
    known, choice, found = _tools(values, nested, drawing=picture is not None)
    voice, audio_format = spoken.parse_audio(values, nested)
    said = messages.parse_messages(values["messages"], "messages", nested, pictures=picture is not None)
    return ChatBody(
        messages=said,
        sampling=_sampling(values),
        tools=found,
        tool_choice=choice,
        parallel_tool_calls=values.get("parallel_tool_calls", True) and not known,
        format=tools.parse_format(values["response_format"], "response_format", nested)
        if "response_format" in values
        else Format(),
        voice=voice,
        audio_format=audio_format,
        picture=images_tool.settled(picture, said) if picture is not None else None,
    )


def _picture(values: dict[str, Any], nested: Nested) -> images_tool.Asked | None:
    """What pictures the answer may have: by the image tool, or, as they come, by `modalities`. Raises BadInput."""
    picture = images_tool.split(values, nested)
    if picture is None and "image" in values.get("modalities", ()):
        picture = images_tool.Asked(DrawBody(prompt=""))
    if picture is None:
        return None
    for name, wrong in (
        ("audio", "audio" in values),
        ("n", values.get("n", 1) > 1),
        ("functions", "functions" in values),
    ):
        if wrong:
            raise UnsupportedField(f"An answer with pictures cannot have '{name}', too.", param=name)
    return picture


def _tools(values: dict[str, Any], nested: Nested, *, drawing: bool = False) -> tuple[bool, str, tuple[Any, ...]]:
    """Whether the deprecated form was used, the choice, and the tools it leaves."""
    if "functions" in values or "function_call" in values:
        if "tools" in values or "tool_choice" in values:
            raise BadInput("'functions' and 'tools' exclude one another.", param="functions")
        found = tools.parse_functions(values.get("functions", []), "functions", nested)
        return True, *tools.parse_function_call(values.get("function_call"), "function_call", found, nested)
    found = tools.parse_tools(values.get("tools", []), "tools", nested)
    forced = images_tool.choice(values.get("tool_choice"), bool(found)) if drawing else None
    if forced is not None:
        return False, forced, found
    return False, *tools.parse_tool_choice(values.get("tool_choice"), "tool_choice", found, nested)


def _sampling(values: dict[str, Any]) -> Sampling:
    if "max_tokens" in values and "max_completion_tokens" in values:
        raise BadInput(
            "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.",
            param="max_tokens",
            code="invalid_parameter_combination",
        )
    if values.get("top_logprobs") is not None and not values.get("logprobs"):
        raise BadInput("'top_logprobs' needs 'logprobs' to be true.", param="top_logprobs")
    return Sampling(
        max_tokens=values.get("max_completion_tokens", values.get("max_tokens")),
        logprobs=values.get("top_logprobs", 0) if values.get("logprobs") else None,
        **common.sampling_values(values),
    )


routes = [Route("/v1/chat/completions", Endpoint(create, serves="chat"), methods=["POST"])]
