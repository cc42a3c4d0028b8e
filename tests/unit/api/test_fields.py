"""The tables know every field the official client can send, and treat each as they say."""

import pytest
from openai.types import completion_create_params as completion_params
from openai.types import embedding_create_params as embedding_params
from openai.types.chat import completion_create_params as chat_params

from omniwatt.api.fields import Field, Nested, Table, anything, boolean, integer, number, one_of, text
from omniwatt.api.openai import chat, completions, embeddings
from omniwatt.api.openai.tables import render_markdown
from omniwatt.contract.error import BadInput, UnsupportedField


def sdk_fields(*kinds):
    return {name for kind in kinds for name in kind.__annotations__}


@pytest.mark.parametrize(
    ("table", "known"),
    [
        (
            chat.FIELDS,
            sdk_fields(
                chat_params.CompletionCreateParamsBase,
                chat_params.CompletionCreateParamsNonStreaming,
                chat_params.CompletionCreateParamsStreaming,
            ),
        ),
        (
            completions.FIELDS,
            sdk_fields(
                completion_params.CompletionCreateParamsBase,
                completion_params.CompletionCreateParamsNonStreaming,
                completion_params.CompletionCreateParamsStreaming,
            ),
        ),
        (embeddings.FIELDS, sdk_fields(embedding_params.EmbeddingCreateParams)),
    ],
    ids=["chat", "completions", "embeddings"],
)
def test_every_field_of_the_official_client_is_in_the_table(table, known):
    assert len(known) > 4
    assert known == table.fields.keys()


TABLE = Table(
    "Test",
    (
        Field("model", "honoured", text(8, 1), required=True),
        Field("size", "honoured", integer(1, 10)),
        Field("user", "recorded", text(5)),
        Field("store", "neutral", boolean(), "Nothing is kept.", neutral=(False,)),
        Field("audio", "refused", anything({}, ""), "No sound here."),
    ),
)


def test_values_are_sorted_by_what_becomes_of_them():
    read = TABLE.read({"model": "m", "size": 3, "user": "u", "store": False, "audio": None})
    assert read.values == {"model": "m", "size": 3}
    assert read.recorded == {"user": "u"}
    assert read.ignored == []


@pytest.mark.parametrize(
    ("body", "kind", "param", "code"),
    [
        ({}, BadInput, "model", "missing_required_parameter"),
        ({"model": None}, BadInput, "model", "missing_required_parameter"),
        ({"model": ""}, BadInput, "model", "empty_string"),
        ({"model": 1}, BadInput, "model", "invalid_type"),
        ({"model": "m" * 9}, BadInput, "model", "string_above_max_length"),
        ({"model": "m", "size": 0}, BadInput, "size", "integer_below_min_value"),
        ({"model": "m", "size": 11}, BadInput, "size", "integer_above_max_value"),
        ({"model": "m", "size": True}, BadInput, "size", "invalid_type"),
        ({"model": "m", "size": 1.5}, BadInput, "size", "invalid_type"),
        ({"model": "m", "store": True}, UnsupportedField, "store", "unsupported_value"),
        ({"model": "m", "audio": {}}, UnsupportedField, "audio", "unsupported_parameter"),
        ({"model": "m", "sise": 1}, BadInput, "sise", "unknown_parameter"),
    ],
)
def test_refusals_name_the_field(body, kind, param, code):
    with pytest.raises(kind) as caught:
        TABLE.read(body)
    assert (caught.value.param, caught.value.code) == (param, code)


def test_unknown_fields_can_be_left_out_with_a_warning():
    assert TABLE.read({"model": "m", "sise": 1, "x": 2}, warn_unknown=True).ignored == ["sise", "x"]


def test_nested_unknown_keys():
    ignored = []
    with pytest.raises(BadInput) as caught:
        Nested(ignored, warn=False).check({"a": 1, "b": 2}, "messages[0]", frozenset({"a"}))
    assert caught.value.param == "messages[0].b"
    Nested(ignored, warn=True).check({"a": 1, "b": 2}, "messages[0]", frozenset({"a"}))
    assert ignored == ["messages[0].b"]


def test_numbers():
    assert number(0, 2).check(1, "t") == 1.0
    assert integer(1).check(3.0, "n") == 3
    for value in (True, "1", None, float("inf"), [1]):
        with pytest.raises(BadInput):
            number(0, 2).check(value, "t")
    with pytest.raises(BadInput) as caught:
        number(0, 2).check(2.1, "temperature")
    assert caught.value.code == "decimal_above_max_value"
    with pytest.raises(BadInput, match="Supported values"):
        one_of("a", "b").check("c", "x")


def test_every_field_is_in_the_markdown():
    page = render_markdown()
    for table in (chat.FIELDS, completions.FIELDS, embeddings.FIELDS):
        assert f"## {table.title}" in page
        for name in table.fields:
            assert f"| `{name}`" in page
    assert "| `store` | neutral value only | `false` |" in page
    assert "| `prediction` | refused (400) |" in page
