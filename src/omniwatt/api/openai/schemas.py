"""JSON schemas of the nested parts of requests, for the OpenAPI document alone: the parsers decide."""

from typing import Any

from omniwatt.api.openai.messages import AUDIO_TYPES

NAME = {"type": "string", "pattern": "^[a-zA-Z0-9_-]{1,64}$"}
TEXT = {"type": "string"}
BASE64 = {"type": "string", "contentEncoding": "base64"}


def record(required: tuple[str, ...] = (), **properties: Any) -> dict[str, Any]:
    """An object with these properties and no others."""
    return {"type": "object", "required": list(required), "properties": properties, "additionalProperties": False}


def typed(kind: str, required: tuple[str, ...] = (), **properties: Any) -> dict[str, Any]:
    """An object whose `type` is `kind`."""
    return record(("type", *required), type={"const": kind}, **properties)


def array(items: dict[str, Any], least: int = 0, most: int | None = None) -> dict[str, Any]:
    """A list of `items`."""
    return {"type": "array", "items": items, "minItems": least} | ({} if most is None else {"maxItems": most})


TEXT_PART = typed("text", ("text",), text=TEXT)
PARTS = {
    "oneOf": [
        TEXT_PART,
        typed(
            "image_url", ("image_url",), image_url=record(("url",), url=TEXT, detail={"enum": ["auto", "low", "high"]})
        ),
        typed(
            "input_audio",
            ("input_audio",),
            input_audio=record(("data", "format"), data=BASE64, format={"enum": list(AUDIO_TYPES)}),
        ),
        typed("file", ("file",), file=record((), file_data=TEXT, file_id=TEXT, filename=TEXT)),
    ]
}
SAID = {"oneOf": [TEXT, array(TEXT_PART, 1)]}
CALL = typed(
    "function",
    ("id", "function"),
    id=TEXT,
    function=record(("name", "arguments"), name={"type": "string", "minLength": 1}, arguments=TEXT),
)
MESSAGE = {
    "oneOf": [
        record(("role", "content"), role={"const": "user"}, content={"oneOf": [TEXT, array(PARTS, 1)]}, name=TEXT),
        record(("role", "content"), role={"enum": ["system", "developer"]}, content=SAID, name=TEXT),
        record(("role", "content"), role={"const": "assistant"}, content=SAID, name=TEXT, tool_calls=array(CALL)),
        record(
            ("role", "audio"), role={"const": "assistant"}, audio=record(("id", "transcript"), id=TEXT, transcript=TEXT)
        ),
        record(("role", "content", "tool_call_id"), role={"const": "tool"}, content=SAID, tool_call_id=TEXT),
    ]
}
MESSAGES = array(MESSAGE, 1)
FUNCTION = record(("name",), name=NAME, description=TEXT, parameters={"type": "object"}, strict={"type": "boolean"})
TOOLS = array(typed("function", ("function",), function=FUNCTION), 0, 128)
FUNCTIONS = array(FUNCTION, 0, 128)
NAMED = typed("function", ("function",), function=record(("name",), name=NAME))
TOOL_CHOICE = {
    "oneOf": [
        {"enum": ["none", "auto", "required"]},
        NAMED,
        typed(
            "allowed_tools",
            ("allowed_tools",),
            allowed_tools=record(("mode", "tools"), mode={"enum": ["auto", "required"]}, tools=array(NAMED, 1)),
        ),
    ]
}
FUNCTION_CALL = {"oneOf": [{"enum": ["none", "auto"]}, record(("name",), name=NAME)]}
FORMAT = {
    "oneOf": [
        typed("text"),
        typed("json_object"),
        typed(
            "json_schema",
            ("json_schema",),
            json_schema=record(
                ("name",), name=NAME, description=TEXT, schema={"type": "object"}, strict={"type": "boolean"}
            ),
        ),
    ]
}
