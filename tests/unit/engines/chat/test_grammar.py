"""JSON schemas as grammars: what is accepted is valid, what is valid is mostly accepted, the rest is refused."""

import json
import re
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniwatt.contract.error import BadInput
from omniwatt.engines.chat.grammar import Grammar, any_object
from omniwatt.engines.chat.numbers import integer_range, number_range
from omniwatt.engines.chat.patterns import FORMATS, pattern_rule
from tests.unit.engines.chat.gbnf import Gbnf


def built(schema: Any, *, strict: bool = True) -> Gbnf:
    grammar = Grammar("response_format", strict)
    return Gbnf(grammar.text(grammar.add(schema)))


PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "minLength": 1, "maxLength": 5},
        "age": {"type": "integer", "minimum": 0, "maximum": 130},
        "tags": {"type": "array", "items": {"enum": ["a", "b\n"]}, "maxItems": 2},
        "boss": {"anyOf": [{"$ref": "#"}, {"type": "null"}]},
    },
    "required": ["name", "boss"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        ({}, [1, "x", None, [], {"a": [1.5e3]}], []),
        ({"type": "boolean"}, [True, False], [None, 0, "true"]),
        ({"type": ["string", "null"]}, ["鲁迅", None, 'q"\\'], [1]),
        ({"const": {"a": 1}}, [{"a": 1}], [{"a": 2}]),
        ({"enum": ["x", 3, None]}, ["x", 3, None], ["y"]),
        ({"type": "integer", "exclusiveMinimum": -3, "maximum": 12}, [-2, 0, 9, 12], [-3, 13, 1.5]),
        ({"type": "number", "minimum": -1, "maximum": 2}, [-1, -0.5, 0, 1.25, 2], [2.5, -1.5]),
        (
            {"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 3},
            [[1, 2], [1, 2, 3]],
            [[1], [1] * 4],
        ),
        ({"type": "array", "prefixItems": [{"type": "null"}, {"type": "boolean"}]}, [[None, True]], [[True]]),
        ({"type": "array", "maxItems": 0}, [[]], [[1]]),
        ({"type": "object", "additionalProperties": {"type": "integer"}}, [{}, {"a": 1, "b": 2}], [{"a": "x"}]),
        ({"type": "object", "additionalProperties": False}, [{}], [{"a": 1}]),
        (
            {"allOf": [{"type": "object"}, {"properties": {"a": {"type": "null"}}, "required": ["a"]}]},
            [{"a": None}],
            [{}],
        ),
        ({"oneOf": [{"type": "string"}, {"type": "null"}]}, ["x", None], [1]),
        ({"type": "string", "pattern": "^[A-Z]{2}-\\d+$"}, ["AB-12"], ["A-1", "AB-1x"]),
        ({"type": "string", "pattern": "foo|ba(r|z)?"}, ["a foo", "bar b"], ["quux"]),
        ({"type": "string", "format": "date"}, ["2024-02-28"], ["2024-13-01", "today"]),
        (
            PERSON,
            [
                {"name": "a", "boss": None},
                {"name": "a", "age": 130, "boss": {"name": "b", "tags": ["a", "b\n"], "boss": None}},
                {"name": "a", "age": 7, "tags": [], "boss": None},
            ],
            [{"name": "", "boss": None}, {"name": "a"}, {"name": "a", "age": 131, "boss": None}, {"boss": None}],
        ),
    ],
)
def test_it_accepts_what_fits_and_nothing_else(schema: dict[str, Any], good: list[Any], bad: list[Any]) -> None:
    grammar = built(schema)
    for value in good:
        jsonschema.validate(value, schema)
        for indent in (None,) if "const" in schema else (None, 2):
            text = json.dumps(value, ensure_ascii=False, indent=indent)
            assert grammar.accepts(text), text
    for value in bad:
        assert not grammar.accepts(json.dumps(value, ensure_ascii=False)), value


@pytest.mark.parametrize(
    ("schema", "word"),
    [
        ({"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]}, "without an end"),
        ({"$ref": "#"}, "without an end"),
        ({"$ref": "https://example.org/x"}, "outside"),
        ({"$ref": "#/$defs/none"}, "nowhere"),
        ({"type": "strin"}, "unknown type"),
        (5, "must be an object"),
        ({"properties": {"a": False}}, "none may be false"),
        ({"type": "array", "minItems": 100_000_000}, "cannot be met"),
        ({"type": "string", "minLength": 3, "maxLength": 2}, "cannot be met"),
        ({"type": "string", "minLength": "x"}, "whole numbers"),
        ({"enum": []}, "enum"),
        ({"enum": list(range(10_000))}, "enum"),
        ({"anyOf": "x"}, "must be a list"),
        ({"required": ["a"], "additionalProperties": False}, "not among"),
    ],
)
def test_nonsense_and_traps_are_refused_in_either_mode(schema: Any, word: str) -> None:
    for strict in (True, False):
        with pytest.raises(BadInput, match=word) as caught:
            built(schema, strict=strict)
        assert caught.value.param == "response_format"


@pytest.mark.parametrize(
    "schema",
    [
        {"not": {"type": "string"}},
        {"type": "array", "uniqueItems": True},
        {"type": "string", "pattern": "(?=x)y"},
        {"type": "string", "pattern": "((a{999}){999}){999}"},
        {"type": "string", "pattern": "^\\bword$"},
        {"type": "integer", "multipleOf": 7},
        {"type": "number", "minimum": 0.5},
        {"type": "number", "exclusiveMinimum": 0},
        {"type": "integer", "minimum": 5, "maximum": 4},
        {"oneOf": [{"type": "integer"}, {"type": "number"}]},
        {"if": {"type": "string"}, "then": {"minLength": 2}},
        {"patternProperties": {"^a": {"type": "integer"}}},
    ],
)
def test_what_no_grammar_can_hold_is_refused_when_strict_and_left_to_the_model_when_not(schema: dict[str, Any]) -> None:
    with pytest.raises(BadInput, match="strict"):
        built(schema)
    built(schema, strict=False)


def test_deep_and_wide_schemas_are_refused_quickly() -> None:
    deep: dict[str, Any] = {"type": "null"}
    for _ in range(900):
        deep = {"type": "array", "items": deep}
    wide = {"type": "object", "properties": {f"p{number}": {"type": "integer"} for number in range(5_000)}}
    chain: dict[str, Any] = {f"d{n}": {"anyOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(40)}
    bomb = {"$defs": chain | {"d40": {"$ref": "#/$defs/d0"}}, "$ref": "#/$defs/d0"}
    for schema in (deep, wide, bomb):
        with pytest.raises(BadInput, match=r"too large or too deep|without an end"):
            built(schema)


def test_an_object_without_schema() -> None:
    grammar = Gbnf(any_object())
    assert grammar.accepts('{"a": [1, {"b": null}], "c": "\\u00e9"}')
    assert not grammar.accepts("[1]")
    assert not grammar.accepts('{"a": 1' + " " * 50 + "}"), "white space has a bound: small models loop on it"


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(VALUES)
def test_any_json_is_accepted_by_no_schema(value: Any) -> None:
    assert built({}).accepts(json.dumps(value))


@given(st.integers(-5_000, 5_000), st.integers(0, 5_000), st.integers(-11_000, 11_000))
def test_integer_bounds_are_exact(low: int, width: int, value: int) -> None:
    grammar = Gbnf(f"root ::= {integer_range(low, low + width)}")
    assert grammar.accepts(str(value)) == (low <= value <= low + width)
    assert grammar.accepts(str(low))
    assert grammar.accepts(str(low + width))


@given(st.integers(-50, 50), st.integers(0, 50), st.decimals(-120, 120, places=2))
def test_number_bounds_are_never_broken(low: int, width: int, value: Any) -> None:
    grammar = Gbnf(f"root ::= {number_range(low, low + width)}")
    if grammar.accepts(str(value)):
        assert low <= value <= low + width


@given(st.sampled_from(sorted(FORMATS)), st.data())
def test_patterns_agree_with_regular_expressions(name: str, data: st.DataObject) -> None:
    pattern = FORMATS[name]
    grammar = Gbnf(f"root ::= {pattern_rule(pattern, 100)}")
    fitting = data.draw(st.from_regex(pattern, fullmatch=True, alphabet=st.characters(codec="ascii")))
    changed = data.draw(st.text("0123456789abTZ:-.@ ", max_size=12)) + fitting[:3]
    for text in (fitting, changed):
        assert grammar.accepts(text) == (re.fullmatch(pattern.strip("^$"), text) is not None)
