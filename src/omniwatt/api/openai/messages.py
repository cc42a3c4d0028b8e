"""Chat messages as OpenAI writes them -> contract messages."""

import base64
import binascii
from typing import Any, Literal

import msgspec

from omniwatt.api.fields import Nested, wrong_type
from omniwatt.contract.error import BadInput, TooLarge, UnsupportedField
from omniwatt.contract.request import MediaPart, Message, Part, TextPart, ToolCall

INLINE_LIMIT_BYTES = 8 * 1024 * 1024
PLACES: dict[str, frozenset[str]] = {
    "system": frozenset({"role", "content", "name"}),
    "developer": frozenset({"role", "content", "name"}),
    "user": frozenset({"role", "content", "name"}),
    "assistant": frozenset(
        {"role", "content", "name", "refusal", "tool_calls", "function_call", "audio", "annotations", "images"}
    ),
    "tool": frozenset({"role", "content", "tool_call_id", "name"}),
    "function": frozenset({"role", "content", "name"}),
}
"""Which keys a message of each role may have."""
TEXT_ONLY = frozenset({"system", "developer", "tool", "function"})
PART_KEYS: dict[str, frozenset[str]] = {
    "text": frozenset({"type", "text", "prompt_cache_breakpoint"}),
    "refusal": frozenset({"type", "refusal"}),
    "image_url": frozenset({"type", "image_url", "prompt_cache_breakpoint"}),
    "input_audio": frozenset({"type", "input_audio", "prompt_cache_breakpoint"}),
    "file": frozenset({"type", "file", "prompt_cache_breakpoint"}),
}
AUDIO_TYPES = {
    "wav": "audio/wav",
    "mp3": "audio/mpeg",
    "flac": "audio/flac",
    "ogg": "audio/ogg",
    "opus": "audio/ogg",
    "aac": "audio/aac",
    "m4a": "audio/mp4",
    "mp4": "audio/mp4",
    "webm": "audio/webm",
}
"""What `input_audio.format` may be; OpenAI knows the first two. The bytes themselves decide what they are."""
AUDIO_KEYS = frozenset({"id", "data", "expires_at", "transcript"})
SPOKEN = "audio_"
"""How the id of a spoken answer begins."""


def parse_messages(value: Any, param: str, nested: Nested, *, pictures: bool = False) -> tuple[Message, ...]:
    """All messages of a conversation. Raises BadInput with the place, such as `messages[2].content[0].text`.

    With `pictures` those that an earlier answer brought stand in it, to be changed; else they are left out.
    """
    if not isinstance(value, list):
        raise wrong_type(param, "an array of objects", value)
    if not value:
        raise BadInput(
            f"Invalid '{param}': empty array. Expected an array with minimum length 1, but got an empty array instead.",
            param=param,
            code="empty_array",
        )
    return tuple(
        parse_message(item, f"{param}[{index}]", nested, pictures=pictures) for index, item in enumerate(value)
    )


def parse_message(value: Any, param: str, nested: Nested, *, pictures: bool = False) -> Message:
    """One message of any role; the deprecated `function` role becomes `tool`."""
    if not isinstance(value, dict):
        raise wrong_type(param, "an object", value)
    role = value.get("role")
    if not isinstance(role, str) or role not in PLACES:
        given = role[:100] if isinstance(role, str) else role
        raise BadInput(
            f"Invalid value: {given!r}. Supported values are: {', '.join(repr(name) for name in PLACES)}.",
            param=f"{param}.role",
        )
    message = nested.check(value, param, PLACES[role])
    name = _optional_text(message, "name", param)
    if role == "assistant":
        said = _assistant(message, param, name, nested)
        drawn = _drawn_earlier(message.get("images"), f"{param}.images", nested)
        return msgspec.structs.replace(said, content=(*said.content, *drawn)) if pictures and drawn else said
    given_content = message.get("content")
    if role == "function" and given_content is None:
        given_content = ""
    content = parse_content(given_content, f"{param}.content", nested, text_only=role in TEXT_ONLY)
    if role == "tool":
        call_id = _required_text(message, "tool_call_id", param)
        return Message(role="tool", content=content, name=name, tool_call_id=call_id)
    if role == "function":
        return Message(role="tool", content=content, name=name, tool_call_id=_function_id(name))
    return Message(role=role, content=content, name=name)  # type: ignore[arg-type]


def _assistant(message: dict[str, Any], param: str, name: str, nested: Nested) -> Message:
    calls = _tool_calls(message.get("tool_calls"), f"{param}.tool_calls", nested)
    if message.get("function_call") is not None:
        calls += (_function_call(message["function_call"], f"{param}.function_call", nested),)
    content: tuple[Part, ...] = ()
    if message.get("content"):
        content = parse_content(message["content"], f"{param}.content", nested)
        if any(isinstance(part, MediaPart) and part.kind == "audio" for part in content):
            raise BadInput(
                "An earlier spoken answer goes into 'audio', by its id; 'input_audio' is for what a user says.",
                param=f"{param}.content",
            )
    elif message.get("audio") is not None:
        content = (_said_earlier(message["audio"], f"{param}.audio", nested),)
    elif message.get("content") is not None:
        content = parse_content(message["content"], f"{param}.content", nested)
    refusal = _optional_text(message, "refusal", param)
    if refusal:
        content += (TextPart(refusal),)
    if not content and not calls and not message.get("images"):
        raise BadInput(
            f"Invalid '{param}': an assistant message needs content, a refusal or tool calls.", param=f"{param}.content"
        )
    return Message(role="assistant", content=content, name=name, tool_calls=calls)


def _drawn_earlier(value: Any, param: str, nested: Nested) -> tuple[Part, ...]:
    """The pictures that an earlier answer brought, as it brought them: what was said of them is not read again."""
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise wrong_type(param, "an array of objects", value)
    return tuple(
        _image(item.get("image_url"), f"{param}[{index}].image_url", nested) for index, item in enumerate(value)
    )


def _said_earlier(value: Any, param: str, nested: Nested) -> Part:
    """An earlier spoken answer: its words where the client sends them back, else its id, for spoken.recall."""
    audio = nested.check(value, param, AUDIO_KEYS)
    name = _required_text(audio, "id", param)
    if audio.get("transcript") is not None:
        return TextPart(_required_text(audio, "transcript", param))
    if not name.startswith(SPOKEN):
        raise BadInput(f"'{name[:100]}' is not the id of a spoken answer.", param=f"{param}.id")
    return MediaPart(kind="audio", blob=name, name=param)


def parse_content(value: Any, param: str, nested: Nested, *, text_only: bool = False) -> tuple[Part, ...]:
    """A string, or an array of parts. Raises BadInput."""
    if isinstance(value, str):
        return (TextPart(value),)
    if not isinstance(value, list):
        raise wrong_type(param, "a string or an array of parts", value)
    if not value:
        raise BadInput(f"Invalid '{param}': the array must not be empty.", param=param, code="empty_array")
    parts = tuple(parse_part(item, f"{param}[{index}]", nested) for index, item in enumerate(value))
    if text_only and not all(isinstance(part, TextPart) for part in parts):
        raise BadInput(f"Invalid '{param}': only text parts are taken in this role.", param=param)
    return parts


def parse_part(value: Any, param: str, nested: Nested) -> Part:
    """One content part; media become MediaPart, whatever the model can take: the plan refuses by the model's card.

    A file named by its id is left as `MediaPart(blob=id)`: files.resolve_files looks whose it is.
    """
    if not isinstance(value, dict):
        raise wrong_type(param, "an object", value)
    kind = value.get("type")
    if not isinstance(kind, str) or kind not in PART_KEYS:
        given = kind[:100] if isinstance(kind, str) else kind
        raise BadInput(
            f"Invalid value: {given!r}. Supported values are: {', '.join(repr(name) for name in PART_KEYS)}.",
            param=f"{param}.type",
        )
    part = nested.check(value, param, PART_KEYS[kind])
    match kind:
        case "text" | "refusal":
            return TextPart(_required_text(part, kind, param))
        case "image_url":
            return _image(part.get("image_url"), f"{param}.image_url", nested)
        case "input_audio":
            return parse_audio(part.get("input_audio"), f"{param}.input_audio", nested)
        case _:
            return _file(part.get("file"), f"{param}.file", nested)


def _image(value: Any, param: str, nested: Nested) -> MediaPart:
    image = nested.check(value, param, frozenset({"url", "detail"}))
    detail = image.get("detail") or "auto"
    if detail not in ("auto", "low", "high", "original"):
        raise BadInput("Supported values are: 'auto', 'low', 'high', 'original'.", param=f"{param}.detail")
    data, media_type = data_url(_required_text(image, "url", param), f"{param}.url")
    return MediaPart(kind="image", data=data, media_type=media_type, detail=detail)


def parse_audio(value: Any, param: str, nested: Nested) -> MediaPart:
    """`{"data": base64, "format": ...}`. Raises BadInput and TooLarge."""
    audio = nested.check(value, param, frozenset({"data", "format"}))
    sort = _required_text(audio, "format", param)
    if sort not in AUDIO_TYPES:
        supported = ", ".join(repr(name) for name in AUDIO_TYPES)
        raise BadInput(f"Invalid value: '{sort[:100]}'. Supported values are: {supported}.", param=f"{param}.format")
    data = decode_base64(_required_text(audio, "data", param), f"{param}.data")
    return MediaPart(kind="audio", data=data, media_type=AUDIO_TYPES[sort])


def _file(value: Any, param: str, nested: Nested) -> MediaPart:
    file = nested.check(value, param, frozenset({"file_data", "file_id", "filename"}))
    if file.get("file_id") is not None:
        return MediaPart(kind="file", blob=_required_text(file, "file_id", param))
    text = _required_text(file, "file_data", param)
    if text.startswith("data:"):
        data, media_type = data_url(text, f"{param}.file_data")
    else:
        data, media_type = decode_base64(text, f"{param}.file_data"), ""
    name = _optional_text(file, "filename", param)
    return MediaPart(kind=file_kind(media_type), data=data, media_type=media_type, name=name)


def file_kind(media_type: str) -> Literal["audio", "file"]:
    """A file that is a recording is sound, to be heard."""
    return "audio" if media_type.startswith("audio/") else "file"


def data_url(url: str, param: str) -> tuple[bytes, str]:
    """The bytes and the media type of a base64 `data:` URL. Nothing is ever fetched. Raises BadInput."""
    if url[:8].lower().startswith(("http://", "https://")):
        raise BadInput(
            "This server fetches nothing from the network: send the bytes as a data URL "
            "(data:image/png;base64,...) instead.",
            param=param,
            code="remote_url_not_supported",
        )
    head, comma, payload = url.partition(",")
    if not head.lower().startswith("data:") or not comma or not head.lower().endswith(";base64"):
        raise BadInput("Expected a base64 data URL: data:<media type>;base64,<bytes>.", param=param)
    media_type = head[5:-7].partition(";")[0].strip().lower()
    return decode_base64(payload, param), media_type


def decode_base64(payload: str, param: str) -> bytes:
    """Strict base64 of at most INLINE_LIMIT_BYTES. Raises BadInput and TooLarge."""
    if len(payload) > INLINE_LIMIT_BYTES // 3 * 4 + 8:
        raise TooLarge(f"At most {INLINE_LIMIT_BYTES} bytes are taken inline.", param=param)
    try:
        data = base64.b64decode(payload, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadInput(f"Invalid '{param}': this is not base64.", param=param, code="invalid_base64") from error
    if not data:
        raise BadInput(f"Invalid '{param}': it must not be empty.", param=param)
    return data


def _tool_calls(value: Any, param: str, nested: Nested) -> tuple[ToolCall, ...]:
    if value is None:
        return ()
    if not isinstance(value, list):
        raise wrong_type(param, "an array of objects", value)
    return tuple(_tool_call(item, f"{param}[{index}]", nested) for index, item in enumerate(value))


def _tool_call(value: Any, param: str, nested: Nested) -> ToolCall:
    call = nested.check(value, param, frozenset({"id", "type", "function", "index"}))
    if call.get("type", "function") != "function":
        raise UnsupportedField("Only function tool calls are supported.", param=f"{param}.type")
    function = _function_call(call.get("function"), f"{param}.function", nested)
    return ToolCall(id=_required_text(call, "id", param), name=function.name, arguments=function.arguments)


def _function_call(value: Any, param: str, nested: Nested) -> ToolCall:
    function = nested.check(value, param, frozenset({"name", "arguments"}))
    name = _required_text(function, "name", param)
    return ToolCall(id=_function_id(name), name=name, arguments=_required_text(function, "arguments", param))


def _function_id(name: str) -> str:
    """The id a deprecated function message and its call share."""
    return f"call_{name}"


def _required_text(value: dict[str, Any], key: str, param: str) -> str:
    if key not in value:
        raise BadInput(
            f"Missing required parameter: '{param}.{key}'.", param=f"{param}.{key}", code="missing_required_parameter"
        )
    found = value[key]
    if not isinstance(found, str):
        raise wrong_type(f"{param}.{key}", "a string", found)
    return found


def _optional_text(value: dict[str, Any], key: str, param: str) -> str:
    return "" if value.get(key) is None else _required_text(value, key, param)
