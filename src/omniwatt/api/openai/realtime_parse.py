"""Realtime events as clients write them -> values. Raises BadInput with the place, such as `item.content[0].text`."""

from collections.abc import Callable
from typing import Any

import msgspec

from omniwatt.api.fields import Nested, boolean, integer, one_of, text, wrong_type
from omniwatt.api.openai import common
from omniwatt.api.openai.messages import decode_base64
from omniwatt.api.openai.realtime_session import MODALITIES, limit, modality, parse_session, sound_format, voice_name
from omniwatt.api.openai.responses_fields import parse_choice, parse_tools
from omniwatt.contract.error import BadInput, UnsupportedField
from omniwatt.realtime.values import (
    Append,
    Clear,
    ClientEvent,
    Commit,
    Item,
    ItemCreate,
    ItemDelete,
    ItemPart,
    ItemRetrieve,
    ItemTruncate,
    Json,
    PlaybackClear,
    ResponseCancel,
    ResponseCreate,
    ResponseSettings,
    SessionSettings,
    Update,
)

ID = text(512, 1)
WORDS = text(1_000_000)
KEYS: dict[str, frozenset[str]] = {
    "message": frozenset({"id", "object", "type", "status", "role", "content"}),
    "function_call": frozenset({"id", "object", "type", "status", "name", "call_id", "arguments"}),
    "function_call_output": frozenset({"id", "object", "type", "status", "call_id", "output"}),
}
PARTS: dict[str, dict[str, frozenset[str]]] = {
    "system": {"input_text": frozenset({"type", "text"})},
    "user": {
        "input_text": frozenset({"type", "text"}),
        "input_audio": frozenset({"type", "audio", "transcript"}),
    },
    "assistant": {
        "output_text": frozenset({"type", "text"}),
        "output_audio": frozenset({"type", "audio", "transcript"}),
    },
}
"""Role -> part type -> its keys."""
RESPONSE_KEYS = frozenset(
    {
        "audio",
        "conversation",
        "input",
        "instructions",
        "max_output_tokens",
        "metadata",
        "output_modalities",
        "parallel_tool_calls",
        "prompt",
        "reasoning",
        "tool_choice",
        "tools",
    }
)
ITEMS_LIMIT = 2000


def parse_event(raw: str | bytes) -> ClientEvent:
    """One message of the client's. Raises BadInput; `event_id_of` finds the id to blame."""
    event = _object(raw)
    kind = event.get("type")
    if not isinstance(kind, str):
        raise BadInput("Missing required parameter: 'type'.", param="type", code="missing_required_parameter")
    reader = READERS.get(kind)
    if reader is None:
        supported = ", ".join(f"'{name}'" for name in READERS)
        raise BadInput(
            f"Invalid value: '{kind[:100]}'. Supported values are: {supported}.", param="type", code="invalid_value"
        )
    allowed, read = reader
    _nested().check(event, "event", allowed | {"type", "event_id"})
    given = event.get("event_id")
    return read(event, None if given is None else ID.check(given, "event_id"))


def event_id_of(raw: str | bytes) -> str | None:
    """The client's id of an event that could not be read, as far as it can be made out."""
    try:
        found = _object(raw).get("event_id")
    except BadInput:
        return None
    return found if isinstance(found, str) and len(found) <= 512 else None


def _object(raw: str | bytes) -> Json:
    try:
        value = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise BadInput("The message is not valid JSON.", code="invalid_json") from error
    if not isinstance(value, dict):
        raise BadInput("The message must be a JSON object.", code="invalid_json")
    return value


def _nested() -> Nested:
    return Nested([], warn=False)


def _update(event: Json, event_id: str | None) -> Update:
    given = event.get("session")
    return Update(lambda settings: parse_session(given, "session", settings, _nested(), anew=False), event_id)


def _append(event: Json, event_id: str | None) -> Append:
    payload = text().check(event.get("audio"), "audio")
    return Append(decode_base64(payload, "audio") if payload else b"", event_id)


def _create_item(event: Json, event_id: str | None) -> ItemCreate:
    after = event.get("previous_item_id")
    item = parse_item(event.get("item"), "item", _nested())
    return ItemCreate(item, None if after is None else ID.check(after, "previous_item_id"), event_id)


def _truncate(event: Json, event_id: str | None) -> ItemTruncate:
    return ItemTruncate(
        item_id=ID.check(event.get("item_id"), "item_id"),
        content_index=integer(0).check(event.get("content_index"), "content_index"),
        audio_end_ms=integer(0).check(event.get("audio_end_ms"), "audio_end_ms"),
        event_id=event_id,
    )


def _create_response(event: Json, event_id: str | None) -> ResponseCreate:
    given = event.get("response")
    return ResponseCreate(lambda settings: parse_response(given or {}, "response", settings, _nested()), event_id)


def _cancel(event: Json, event_id: str | None) -> ResponseCancel:
    given = event.get("response_id")
    return ResponseCancel(None if given is None else ID.check(given, "response_id"), event_id)


def _by_item(make: Callable[[str, str | None], ClientEvent]) -> Callable[[Json, str | None], ClientEvent]:
    return lambda event, event_id: make(ID.check(event.get("item_id"), "item_id"), event_id)


READERS: dict[str, tuple[frozenset[str], Callable[[Json, str | None], ClientEvent]]] = {
    "session.update": (frozenset({"session"}), _update),
    "input_audio_buffer.append": (frozenset({"audio"}), _append),
    "input_audio_buffer.commit": (frozenset(), lambda _, event_id: Commit(event_id)),
    "input_audio_buffer.clear": (frozenset(), lambda _, event_id: Clear(event_id)),
    "conversation.item.create": (frozenset({"item", "previous_item_id"}), _create_item),
    "conversation.item.retrieve": (frozenset({"item_id"}), _by_item(ItemRetrieve)),
    "conversation.item.truncate": (frozenset({"item_id", "content_index", "audio_end_ms"}), _truncate),
    "conversation.item.delete": (frozenset({"item_id"}), _by_item(ItemDelete)),
    "response.create": (frozenset({"response"}), _create_response),
    "response.cancel": (frozenset({"response_id"}), _cancel),
    "output_audio_buffer.clear": (frozenset(), lambda _, event_id: PlaybackClear(event_id)),
}
"""Event type -> its keys, and how it is read."""


def parse_response(value: Any, param: str, settings: SessionSettings, nested: Nested) -> ResponseSettings:
    """The settings of one response; tools and choice are checked against what would be in force."""
    given = {k: v for k, v in nested.check(value, param, RESPONSE_KEYS).items() if v is not None}
    for name in ("prompt", "reasoning"):
        if name in given:
            raise UnsupportedField(f"'{param}.{name}' is not supported here.", param=f"{param}.{name}")
    output = _output(given.get("audio"), f"{param}.audio", nested)
    tools = parse_tools(given["tools"], f"{param}.tools", nested) if "tools" in given else None
    choice = None
    if "tool_choice" in given:
        in_force = settings.tools if tools is None else tools
        choice, left = parse_choice(given["tool_choice"], f"{param}.tool_choice", in_force, nested)
        tools = left if left is not in_force else tools
    conversation = text(64).check(given.get("conversation", "auto"), f"{param}.conversation")
    if conversation not in ("auto", "none"):
        raise BadInput("Supported values are: 'auto' and 'none'.", param=f"{param}.conversation")
    parallel = given.get("parallel_tool_calls")
    return ResponseSettings(
        instructions=WORDS.check(given["instructions"], f"{param}.instructions") if "instructions" in given else None,
        output_modality=modality(given["output_modalities"], f"{param}.{MODALITIES}")
        if "output_modalities" in given
        else None,
        output_format=sound_format(output["format"], f"{param}.audio.output.format", nested)
        if "format" in output
        else None,
        voice=voice_name(output["voice"], f"{param}.audio.output.voice", nested) if "voice" in output else None,
        tools=tools,
        tool_choice=choice,
        parallel_tool_calls=None if parallel is None else boolean().check(parallel, f"{param}.parallel_tool_calls"),
        max_output_tokens=limit(given["max_output_tokens"], f"{param}.max_output_tokens")
        if given.get("max_output_tokens", "inf") != "inf"
        else None,
        metadata=common.metadata_kind().check(given["metadata"], f"{param}.metadata") if "metadata" in given else None,
        input=_input(given["input"], f"{param}.input", nested) if "input" in given else None,
        out_of_band=conversation == "none",
    )


def _output(value: Any, param: str, nested: Nested) -> Json:
    if value is None:
        return {}
    audio = nested.check(value, param, frozenset({"output"}))
    found = nested.check(audio.get("output") or {}, f"{param}.output", frozenset({"format", "voice"}))
    return {name: given for name, given in found.items() if given is not None}


def _input(value: Any, param: str, nested: Nested) -> tuple[Item | str, ...]:
    if not isinstance(value, list):
        raise wrong_type(param, "an array of items", value)
    if len(value) > ITEMS_LIMIT:
        raise BadInput(f"Invalid '{param}': at most {ITEMS_LIMIT} items are taken.", param=param)
    found: list[Item | str] = []
    for index, item in enumerate(value):
        if isinstance(item, dict) and item.get("type") == "item_reference":
            found.append(ID.check(item.get("id"), f"{param}[{index}].id"))
        else:
            found.append(parse_item(item, f"{param}[{index}]", nested))
    return tuple(found)


def parse_item(value: Any, param: str, nested: Nested) -> Item:
    """One item as the client makes it; without an id it gets one later."""
    if not isinstance(value, dict):
        raise wrong_type(param, "an object", value)
    kind = one_of(*KEYS).check(value.get("type", "message"), f"{param}.type")
    item = nested.check(value, param, KEYS[kind])
    item_id = ID.check(item["id"], f"{param}.id") if item.get("id") is not None else ""
    if kind == "message":
        role = one_of(*PARTS).check(item.get("role"), f"{param}.role")
        content = _content(item.get("content"), f"{param}.content", role, nested)
        return Item(item_id, "message", role, content)
    call_id = ID.check(item.get("call_id"), f"{param}.call_id")
    if kind == "function_call_output":
        return Item(item_id, kind, call_id=call_id, output=WORDS.check(item.get("output"), f"{param}.output"))
    name = text(64, 1).check(item.get("name"), f"{param}.name")
    arguments = WORDS.check(item.get("arguments"), f"{param}.arguments")
    return Item(item_id, "function_call", "assistant", name=name, call_id=call_id, arguments=arguments)


def _content(value: Any, param: str, role: str, nested: Nested) -> tuple[ItemPart, ...]:
    if not isinstance(value, list):
        raise wrong_type(param, "an array of parts", value)
    if len(value) > 100:
        raise BadInput(f"Invalid '{param}': at most 100 parts are taken.", param=param)
    return tuple(_part(part, f"{param}[{index}]", role, nested) for index, part in enumerate(value))


def _part(value: Any, param: str, role: str, nested: Nested) -> ItemPart:
    if not isinstance(value, dict):
        raise wrong_type(param, "an object", value)
    kind = one_of(*PARTS[role]).check(value.get("type"), f"{param}.type")
    part = nested.check(value, param, PARTS[role][kind])
    if kind in ("input_text", "output_text"):
        return ItemPart(kind, WORDS.check(part.get("text"), f"{param}.text"))
    said = WORDS.check(part.get("transcript") or "", f"{param}.transcript")
    payload = text().check(part.get("audio") or "", f"{param}.audio")
    if not payload and not said:
        raise BadInput(f"Missing required parameter: '{param}.audio'.", param=f"{param}.audio")
    audio = decode_base64(payload, f"{param}.audio") if payload else b""
    return ItemPart(kind, said, audio)
