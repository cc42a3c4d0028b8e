"""Schemas meant to break the engine: each is refused or bounded; nothing is fetched, nothing takes long."""

import contextlib
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omniwatt.contract.error import BadInput
from omniwatt.contract.request import Format, Message, TextPart, Tool, ToolCall
from omniwatt.engines.chat.fits import fits
from omniwatt.engines.chat.patterns import pattern_rule
from omniwatt.engines.chat.prompt import conversation
from omniwatt.engines.chat.tools import constraint, format_constraint

WORDS = [
    "type",
    "properties",
    "required",
    "items",
    "minItems",
    "maxItems",
    "minLength",
    "maxLength",
    "pattern",
    "format",
    "enum",
    "const",
    "anyOf",
    "oneOf",
    "allOf",
    "$ref",
    "$defs",
    "additionalProperties",
    "prefixItems",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "not",
    "if",
]
TYPES = st.sampled_from(["string", "integer", "number", "boolean", "null", "object", "array"])
LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5) | TYPES
SCHEMAS = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS) | st.text(max_size=3), inner),
    max_leaves=12,
)


def mean_schema(name: str) -> Any:
    step: dict[str, Any] = {f"a{n}": {"allOf": [{"$ref": f"#/$defs/a{n + 1}"}] * 2} for n in range(40)}
    return {
        "far away": {"type": "object", "if": {"$ref": "http://127.0.0.1:1/"}, "not": {"$ref": "file:///etc/passwd"}},
        "slow expression": {"properties": {"a": {"type": "string", "pattern": "^(a+)+$"}}},
        "doubling": {"$defs": step | {"a40": {"type": "object"}}, "$ref": "#/$defs/a0"},
        "endless": {"$ref": "#"},
    }[name]


@pytest.mark.parametrize("name", ["far away", "slow expression", "doubling", "endless"])
def test_a_mean_schema_of_a_tool_costs_nothing(name: str) -> None:
    start_s = time.monotonic()
    fits({"a": "a" * 60 + "!"}, mean_schema(name))
    assert time.monotonic() - start_s < 0.5


@pytest.mark.parametrize(
    ("value", "schema", "fitting"),
    [
        ({"a": 1}, {"properties": {"a": {"type": "integer"}}, "required": ["a"]}, True),
        ({"a": "1"}, {"properties": {"a": {"type": "integer"}}}, False),
        ({}, {"required": ["a"]}, False),
        ({"b": 1}, {"properties": {}, "additionalProperties": False}, False),
        ({"a": [1, "x"]}, {"properties": {"a": {"items": {"type": "integer"}}}}, False),
        ({"a": True}, {"properties": {"a": {"type": ["integer", "null"]}}}, False),
        ({"a": 2.0}, {"properties": {"a": {"type": "integer"}}}, True),
        ({"a": "x"}, {"properties": {"a": {"enum": ["y"]}}}, False),
        ({"a": "x"}, {"$defs": {"b": {"type": "string"}}, "properties": {"a": {"$ref": "#/$defs/b"}}}, True),
        ({"a": 1}, {"$defs": {"b": {"type": "string"}}, "properties": {"a": {"$ref": "#/$defs/b"}}}, False),
        ({"a": 1}, {"properties": {"a": {"anyOf": [{"type": "string"}, {"type": "null"}]}}}, False),
    ],
)
def test_what_fits(value: Any, schema: dict[str, Any], fitting: bool) -> None:
    assert fits(value, schema) is fitting


@given(SCHEMAS, st.booleans())
@settings(deadline=None, max_examples=300)
def test_any_schema_is_taken_or_refused(schema: Any, strict: bool) -> None:
    schema = schema if isinstance(schema, dict) else {"properties": {"a": schema}}
    fits({"a": 1}, schema)
    with contextlib.suppress(BadInput):
        format_constraint(Format(kind="json_schema", name="a", schema=schema, strict=strict))
    with contextlib.suppress(BadInput):
        constraint([Tool("f", "", schema)], forced=strict, parallel=True)


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "required": [[]]},
        {"type": "object", "required": [{}]},
        {"type": "number", "minimum": []},
        {"type": "number", "maximum": {}},
    ],
)
def test_words_of_the_wrong_type_are_refused(schema: dict[str, Any]) -> None:
    with pytest.raises(BadInput):
        format_constraint(Format(kind="json_schema", name="a", schema=schema, strict=True))


@pytest.mark.parametrize(
    "pattern",
    [
        "^(a?){200}$",
        "^" + ".?" * 200 + "$",
        "^" + ".*" * 100 + "$",
        "^((a|b|c|d|e)?){40}$",
        "^((a?){40}){40}$",
        "[z-a]",
    ],
)
def test_patterns_that_would_keep_the_engine_busy_are_not_held(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        pattern_rule(pattern, 1000)


@pytest.mark.parametrize(
    "pattern",
    [
        r"^\d{3}-\d{4}$",
        r"^[a-z]{1,64}$",
        r"^\w{1,20}(\.\w{1,20}){0,5}$",
        "^(a|b|c)*$",
        "^.{0,1000}$",
        "^[-a-z0-9]+$",
        r"^(\d{1,3},)*\d{1,3}$",
    ],
)
def test_patterns_people_write_are_held(pattern: str) -> None:
    assert pattern_rule(pattern, 1000)


@pytest.mark.parametrize("arguments", ["", "{not json", "[" * 100_000])
def test_broken_arguments_of_an_earlier_call_stay_readable_for_the_template(arguments: str) -> None:
    call = ToolCall(id="a", name="f", arguments=arguments)
    (turn,) = conversation([Message("assistant", (TextPart(""),), tool_calls=(call,))])
    assert turn["tool_calls"][0]["function"]["arguments"].startswith('{"arguments": ')
