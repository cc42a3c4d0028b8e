"""Whatever a client sends to /v1/responses: it is read, or refused by name. Never a defect."""

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omniwatt.api.fields import Nested
from omniwatt.api.openai.responses_fields import COUNT, CREATE, parse_choice, parse_text, parse_tools
from omniwatt.api.openai.responses_parse import parse_input, to_messages
from omniwatt.contract.error import BadInput
from omniwatt.contract.request import Message, TextPart, ToolCall

BODY: dict[str, Any] = {
    "model": "m",
    "input": [
        {"role": "user", "content": "hi", "type": "message"},
        {
            "role": "user",
            "content": [
                {"type": "input_text", "text": "x"},
                {"type": "input_image", "image_url": "data:image/png;base64,AAAA", "detail": "auto"},
                {"type": "input_file", "file_id": "file-1", "filename": "a"},
            ],
        },
        {"id": "msg_1", "role": "assistant", "content": [{"type": "output_text", "text": "y", "annotations": []}]},
        {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "z"}]},
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}", "status": "completed"},
        {"type": "function_call_output", "call_id": "c", "output": [{"type": "input_text", "text": "o"}]},
    ],
    "tools": [{"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": True}],
    "tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "f"}]},
    "text": {"format": {"type": "json_schema", "name": "s", "schema": {}, "strict": False}, "verbosity": "medium"},
    "reasoning": {"effort": "none"},
    "include": ["message.output_text.logprobs"],
    "stream_options": {"include_obfuscation": False},
    "metadata": {"a": "b"},
    "max_output_tokens": 5,
}

WORDS = ["message", "function_call", "item_reference", "input_text", "auto", "none", "f", "data:;base64,", ""]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 2**40) | st.floats() | st.sampled_from(WORDS) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["type", "id", "role", "content", "text", "name", "tools", "x"]), inner)
    ),
    max_leaves=6,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place inside a body."""
    found = [path] if path else []
    if isinstance(value, dict):
        return found + [place for key, item in value.items() for place in places(item, (*path, key))]
    if isinstance(value, list):
        return found + [place for index, item in enumerate(value) for place in places(item, (*path, index))]
    return found


def read(body: dict[str, Any]) -> None:
    values, nested = CREATE.read(body).values, Nested([], warn=False)
    to_messages(values.get("instructions"), parse_input(values.get("input", ""), "input", nested))
    tools = parse_tools(values.get("tools", []), "tools", nested)
    parse_choice(values.get("tool_choice"), "tool_choice", tools, nested)
    parse_text(values.get("text", {}), "text", nested)


def test_the_body_of_these_tests_is_good() -> None:
    read(BODY)


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(places(BODY)), VALUES, st.booleans())
def test_anything_anywhere_is_read_or_refused(place: tuple[Any, ...], value: Any, delete: bool) -> None:
    body = copy.deepcopy(BODY)
    holder: Any = body
    for key in place[:-1]:
        holder = holder[key]
    if delete:
        del holder[place[-1]]
    else:
        holder[place[-1]] = value
    refused: BadInput | None = None
    try:
        read(body)
    except BadInput as error:
        refused = error
    assert refused is None or (refused.message and refused.param)


def test_calls_belong_to_the_turn_before_them() -> None:
    call = {"type": "function_call", "name": "f", "arguments": "{}"}
    items = parse_input(
        [
            {"role": "assistant", "content": "wait"},
            call | {"call_id": "a"},
            call | {"call_id": "b"},
            {"type": "function_call_output", "call_id": "b", "output": "2"},
            {"type": "function_call_output", "call_id": "a", "output": "1"},
            call | {"call_id": "c"},
            {"type": "function_call_output", "call_id": "c", "output": "3"},
        ],
        "input",
        Nested([], warn=False),
    )
    assert to_messages(None, items) == (
        Message("assistant", (TextPart("wait"),), tool_calls=(ToolCall("a", "f", "{}"), ToolCall("b", "f", "{}"))),
        Message("tool", (TextPart("2"),), tool_call_id="b"),
        Message("tool", (TextPart("1"),), tool_call_id="a"),
        Message("assistant", tool_calls=(ToolCall("c", "f", "{}"),)),
        Message("tool", (TextPart("3"),), tool_call_id="c"),
    )


def test_an_output_answers_its_call_once() -> None:
    items: list[dict[str, Any]] = [
        {"type": "function_call", "call_id": "a", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "a", "output": "1"},
    ]
    nested = Nested([], warn=False)
    with pytest.raises(BadInput, match="No tool call found"):
        to_messages(None, parse_input([*items, items[1]], "input", nested))
    with pytest.raises(BadInput, match="No tool call found"):
        to_messages(None, parse_input(items[::-1], "input", nested))


@pytest.mark.parametrize("table", [CREATE, COUNT])
def test_refused_fields_say_so(table: Any) -> None:
    refused = [name for name, field in table.fields.items() if field.policy == "refused"]
    assert refused
    for name in refused:
        with pytest.raises(BadInput) as caught:
            table.read({"model": "m", name: {}})
        assert (caught.value.param, caught.value.code) == (name, "unsupported_parameter")
