"""Input items of the Responses API: checked, made whole for storing, and turned into chat messages."""

import secrets
from typing import Any

from omniwatt.api.fields import Nested, name_text, one_of, text, wrong_type
from omniwatt.api.openai.messages import data_url, decode_base64, file_kind, parse_audio
from omniwatt.contract.error import BadInput, UnsupportedField
from omniwatt.contract.request import MediaPart, Message, Part, TextPart, ToolCall

Item = dict[str, Any]

ITEMS_LIMIT = 20_000
CALLERS: tuple[Any, ...] = (None, {"type": "direct"})
KEYS: dict[str, frozenset[str]] = {
    "message": frozenset({"type", "id", "role", "content", "status", "phase"}),
    "function_call": frozenset({"type", "id", "call_id", "name", "arguments", "status", "caller"}),
    "function_call_output": frozenset({"type", "id", "call_id", "output", "status", "caller", "name"}),
    "reasoning": frozenset({"type", "id", "summary", "content", "encrypted_content", "status"}),
    "image_generation_call": frozenset(
        {
            "type",
            "id",
            "status",
            "result",
            "revised_prompt",
            "action",
            "size",
            "quality",
            "background",
            "output_format",
            "seed",
            "style",
            "text_verification",
            "not_understood",
            "enlarged",
            "notes",
            "lines",
            "task",
            "changes",
            "faster",
        }
    ),
    "item_reference": frozenset({"type", "id"}),
}
PART_KEYS: dict[str, frozenset[str]] = {
    "input_text": frozenset({"type", "text", "prompt_cache_breakpoint"}),
    "input_image": frozenset({"type", "detail", "image_url", "file_id", "prompt_cache_breakpoint"}),
    "input_file": frozenset(
        {"type", "detail", "file_data", "file_id", "file_url", "filename", "prompt_cache_breakpoint"}
    ),
    "input_audio": frozenset({"type", "input_audio", "prompt_cache_breakpoint"}),
    "output_text": frozenset({"type", "text", "annotations", "logprobs"}),
    "refusal": frozenset({"type", "refusal"}),
}
ASSISTANT_PARTS = ("output_text", "refusal")
USER_PARTS = ("input_text", "input_image", "input_file", "input_audio")
STATUSES = ("in_progress", "completed", "incomplete")


def new_id(prefix: str) -> str:
    """A random id, such as `msg_...`."""
    return f"{prefix}_{secrets.token_hex(24)}"


def parse_input(value: Any, param: str, nested: Nested) -> list[Item]:
    """A text or a list of items, each made whole with an id; references are left for the store. Raises BadInput."""
    if isinstance(value, str):
        return [_message({"role": "user", "content": value}, param, nested)]
    if not isinstance(value, list):
        raise wrong_type(param, "a string or an array of items", value)
    if len(value) > ITEMS_LIMIT:
        raise BadInput(f"Invalid '{param}': at most {ITEMS_LIMIT} items are taken.", param=param)
    return [parse_item(item, f"{param}[{index}]", nested) for index, item in enumerate(value)]


def parse_item(value: Any, param: str, nested: Nested) -> Item:
    """One item, checked and made whole. Raises BadInput; UnsupportedField for the items of hosted tools."""
    if not isinstance(value, dict):
        raise wrong_type(param, "an object", value)
    kind = value.get("type") or ("message" if "role" in value else "item_reference")
    if not isinstance(kind, str) or kind not in KEYS:
        raise UnsupportedField(
            f"Items of type '{str(kind)[:100]}' are not supported. Supported are: {', '.join(KEYS)}.",
            param=f"{param}.type",
        )
    item = {key: field for key, field in nested.check(value, param, KEYS[kind]).items() if field is not None}
    for key in ("id", "call_id"):
        if key in item:
            text(256, 1).check(item[key], f"{param}.{key}")
    if "status" in item:
        one_of(*STATUSES).check(item["status"], f"{param}.status")
    if "phase" in item:
        one_of("commentary", "final_answer").check(item["phase"], f"{param}.phase")
    if item.get("caller") not in CALLERS:
        raise UnsupportedField("Functions are only called directly.", param=f"{param}.caller")
    return PARSERS[kind](item, param, nested)


def _message(item: Item, param: str, nested: Nested) -> Item:
    role = one_of("user", "assistant", "system", "developer").check(item.get("role"), f"{param}.role")
    content = item.get("content")
    if isinstance(content, str):
        content = [{"type": "output_text" if role == "assistant" else "input_text", "text": content}]
    if not isinstance(content, list):
        raise wrong_type(f"{param}.content", "a string or an array of parts", content)
    allowed = ASSISTANT_PARTS if role == "assistant" else USER_PARTS
    parts = [_check_part(part, f"{param}.content[{i}]", allowed, nested) for i, part in enumerate(content)]
    return _whole("message", "msg", item, {"role": role, "content": parts})


def _function_call(item: Item, param: str, nested: Nested) -> Item:
    call = {
        "call_id": text(256, 1).check(item.get("call_id"), f"{param}.call_id"),
        "name": name_text().check(item.get("name"), f"{param}.name"),
        "arguments": text().check(item.get("arguments"), f"{param}.arguments"),
    }
    return _whole("function_call", "fc", item, call)


def _function_output(item: Item, param: str, nested: Nested) -> Item:
    output = item.get("output")
    if isinstance(output, list):
        output = [_check_part(part, f"{param}.output[{i}]", USER_PARTS, nested) for i, part in enumerate(output)]
    elif not isinstance(output, str):
        raise wrong_type(f"{param}.output", "a string or an array of parts", output)
    call_id = text(256, 1).check(item.get("call_id"), f"{param}.call_id")
    return _whole("function_call_output", "fco", item, {"call_id": call_id, "output": output})


def _reasoning(item: Item, param: str, nested: Nested) -> Item:
    if item.get("encrypted_content"):
        raise UnsupportedField("Encrypted reasoning cannot be read here.", param=f"{param}.encrypted_content")
    for key in ("summary", "content"):
        parts = item.get(key, [])
        if not isinstance(parts, list):
            raise wrong_type(f"{param}.{key}", "an array of parts", parts)
        for index, part in enumerate(parts):
            nested.check(part, f"{param}.{key}[{index}]", frozenset({"type", "text"}))
            text().check(part.get("text"), f"{param}.{key}[{index}].text")
    return _whole("reasoning", "rs", item, {"summary": item.get("summary", [])})


def _image_call(item: Item, param: str, nested: Nested) -> Item:
    result = item.get("result")
    if result is not None:
        decode_base64(text().check(result, f"{param}.result"), f"{param}.result")
    prompt = text().check(item.get("revised_prompt", ""), f"{param}.revised_prompt")
    return _whole("image_generation_call", "ig", item, {"result": result, "revised_prompt": prompt})


def _reference(item: Item, param: str, nested: Nested) -> Item:
    return {"type": "item_reference", "id": text(256, 1).check(item.get("id"), f"{param}.id")}


PARSERS = {
    "message": _message,
    "function_call": _function_call,
    "function_call_output": _function_output,
    "reasoning": _reasoning,
    "image_generation_call": _image_call,
    "item_reference": _reference,
}


def _whole(kind: str, prefix: str, item: Item, checked: Item) -> Item:
    return item | checked | {"type": kind, "id": item.get("id") or new_id(prefix), "status": "completed"}


def _check_part(value: Any, param: str, allowed: tuple[str, ...], nested: Nested) -> Item:
    """One content part, checked far enough that `to_messages` cannot fail on it."""
    if not isinstance(value, dict):
        raise wrong_type(param, "an object", value)
    kind = one_of(*allowed).check(value.get("type"), f"{param}.type")
    part = {key: field for key, field in nested.check(value, param, PART_KEYS[kind]).items() if field is not None}
    if kind == "output_text":
        # What a client sends back of an answer's decorations changes nothing, and is not stored again.
        part = part | {"annotations": [], "logprobs": []}
    if kind == "input_image":
        part = {"detail": "auto"} | part
    if kind == "input_audio":
        nested.check(part.get("input_audio"), f"{param}.input_audio", frozenset({"data", "format"}))
    _part(part, param)
    return part


def _part(part: Item, param: str) -> Part:
    match part["type"]:
        case "input_text" | "output_text":
            return TextPart(text().check(part.get("text"), f"{param}.text"))
        case "refusal":
            return TextPart(text().check(part.get("refusal"), f"{param}.refusal"))
        case "input_image":
            return _image(part, param)
        case "input_audio":
            # Unknown keys were refused or noted before.
            return parse_audio(part.get("input_audio"), f"{param}.input_audio", Nested([], warn=True))
        case _:
            return _file(part, param)


def _image(part: Item, param: str) -> MediaPart:
    detail = one_of("auto", "low", "high", "original").check(part["detail"], f"{param}.detail")
    if "file_id" in part:
        return MediaPart(kind="image", blob=text(256, 1).check(part["file_id"], f"{param}.file_id"), detail=detail)
    data, media_type = data_url(text().check(part.get("image_url"), f"{param}.image_url"), f"{param}.image_url")
    return MediaPart(kind="image", data=data, media_type=media_type, detail=detail)


def _file(part: Item, param: str) -> MediaPart:
    name = text(1024).check(part.get("filename", ""), f"{param}.filename")
    detail = one_of("auto", "low", "high").check(part.get("detail", "auto"), f"{param}.detail")
    if "file_id" in part:
        blob = text(256, 1).check(part["file_id"], f"{param}.file_id")
        return MediaPart(kind="file", blob=blob, name=name, detail=detail)
    if "file_url" in part:
        data_url(text().check(part["file_url"], f"{param}.file_url"), f"{param}.file_url")
    field = "file_url" if "file_url" in part else "file_data"
    payload = text().check(part.get(field), f"{param}.{field}")
    if payload.startswith("data:"):
        data, media_type = data_url(payload, f"{param}.{field}")
    else:
        data, media_type = decode_base64(payload, f"{param}.{field}"), ""
    return MediaPart(kind=file_kind(media_type), data=data, media_type=media_type, name=name, detail=detail)


def to_messages(instructions: str | None, items: list[Item], *, pictures: bool = False) -> tuple[Message, ...]:
    """The conversation as chat messages: a call belongs to the assistant's text before it; reasoning is not shown.

    A picture that was drawn is said in words; with `pictures` it stands beside them, to be changed.

    Raises BadInput for an output without its call and a call without its output.
    """
    _check_calls(items)
    turns = [] if instructions is None else [_Turn("system", (TextPart(instructions),))]
    for item in items:
        match item["type"]:
            case "message":
                turns.append(_Turn(item["role"], _parts(item["content"])))
            case "image_generation_call":
                turns.append(_Turn("assistant", _drawn(item, pictures=pictures)))
            case "function_call":
                if not turns or turns[-1].role != "assistant":
                    turns.append(_Turn("assistant"))
                turns[-1].calls.append(ToolCall(id=item["call_id"], name=item["name"], arguments=item["arguments"]))
            case "function_call_output":
                output = item["output"]
                content = (TextPart(output),) if isinstance(output, str) else _parts(output)
                turns.append(_Turn("tool", content, item["call_id"]))
    return tuple(Message(turn.role, turn.content, "", tuple(turn.calls), turn.call_id) for turn in turns)


def _drawn(item: Item, *, pictures: bool) -> tuple[Part, ...]:
    words = TextPart(f"(I drew a picture: {item.get('revised_prompt') or 'as asked'})")
    if not pictures or not item.get("result"):
        return (words,)
    media_type = f"image/{item.get('output_format', 'png')}"
    return MediaPart(kind="image", data=decode_base64(item["result"], "input"), media_type=media_type), words


class _Turn:
    """One message while its calls are gathered."""

    __slots__ = ("call_id", "calls", "content", "role")

    def __init__(self, role: Any, content: tuple[Part, ...] = (), call_id: str = "") -> None:
        self.role = role
        self.content = content
        self.call_id = call_id
        self.calls: list[ToolCall] = []


def _parts(parts: list[Item]) -> tuple[Part, ...]:
    return tuple(_part(part, "input") for part in parts)


def _check_calls(items: list[Item]) -> None:
    open_calls: dict[str, None] = {}
    for item in items:
        if item["type"] == "function_call":
            open_calls[item["call_id"]] = None
        elif item["type"] == "function_call_output" and open_calls.pop(item["call_id"], item) is item:
            raise BadInput(
                f"No tool call found for function call output with call_id {item['call_id']}.", param="input"
            )
    if open_calls:
        raise BadInput(f"No tool output found for function call {next(iter(open_calls))}.", param="input")
