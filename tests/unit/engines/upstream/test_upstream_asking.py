"""What is sent, field by field."""

import base64
from typing import Any

import pytest

from omniwatt.contract.error import UnsupportedField
from omniwatt.contract.request import (
    ChatBody,
    CompleteBody,
    CountBody,
    EmbedBody,
    Format,
    MediaPart,
    Message,
    Sampling,
    TextPart,
    Tool,
    ToolCall,
)
from omniwatt.engines.upstream import asking
from omniwatt.engines.upstream.faults import Refusal

PNG = b"\x89PNG\r\n\x1a\n1234"
USER = (Message("user", (TextPart("hi"),)),)
STREAMED = {"stream": True, "stream_options": {"include_usage": True}}


def chat(recorded: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    return asking.chat(ChatBody(**({"messages": USER} | fields)), recorded or {}, lambda part: part.data)


def test_the_least() -> None:
    assert chat() == {"messages": [{"role": "user", "content": "hi"}]} | STREAMED


def test_every_sampling_field() -> None:
    sampling = Sampling(
        max_tokens=9,
        temperature=0.0,
        top_p=0.5,
        frequency_penalty=0.1,
        presence_penalty=-0.2,
        seed=0,
        stop=("a", "b"),
        logit_bias={"5": -1.0},
        logprobs=3,
        n=2,
    )
    sent = chat(sampling=sampling)
    assert {name: sent[name] for name in sent if name not in {"messages", *STREAMED}} == {
        "max_tokens": 9,
        "temperature": 0.0,
        "top_p": 0.5,
        "frequency_penalty": 0.1,
        "presence_penalty": -0.2,
        "seed": 0,
        "stop": ["a", "b"],
        "logit_bias": {"5": -1.0},
        "logprobs": True,
        "top_logprobs": 3,
        "n": 2,
    }
    assert "top_logprobs" not in chat(sampling=Sampling(logprobs=0))


def test_every_role_and_part() -> None:
    data = base64.b64encode(PNG).decode()
    call = ToolCall("id1", "f", '{"a":1}')
    messages = (
        Message("developer", (TextPart("be kind"),)),
        Message(
            "user",
            (
                TextPart("see"),
                MediaPart("image", PNG, media_type="image/jpeg", detail="low"),
                MediaPart("image", b"?", media_type="image/webp"),
                MediaPart("audio", b"RIFF....WAVE"),
                MediaPart("file", b"%PDF-1.7", name="a.pdf"),
            ),
            name="ann",
        ),
        Message("assistant", tool_calls=(call,)),
        Message("tool", (TextPart("r"),), tool_call_id="id1"),
        Message("assistant"),
    )
    url = f"data:image/png;base64,{data}"
    assert chat(messages=messages)["messages"] == [
        {"role": "developer", "content": "be kind"},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "see"},
                {"type": "image_url", "image_url": {"url": url, "detail": "low"}},
                {"type": "image_url", "image_url": {"url": "data:image/webp;base64,Pw=="}},
                {"type": "input_audio", "input_audio": {"data": "UklGRi4uLi5XQVZF", "format": "wav"}},
                {
                    "type": "file",
                    "file": {"file_data": "data:application/pdf;base64,JVBERi0xLjc=", "filename": "a.pdf"},
                },
            ],
            "name": "ann",
        },
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "id1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}],
        },
        {"role": "tool", "content": "r", "tool_call_id": "id1"},
        {"role": "assistant", "content": ""},
    ]


def test_sound_of_no_known_kind_is_refused() -> None:
    with pytest.raises(UnsupportedField):
        chat(messages=(Message("user", (MediaPart("audio", b"\0\1\2"),)),))


@pytest.mark.parametrize(
    ("choice", "parallel", "expected"),
    [
        ("auto", True, {}),
        ("none", True, {"tool_choice": "none"}),
        ("required", False, {"tool_choice": "required", "parallel_tool_calls": False}),
        ("function:f", True, {"tool_choice": {"type": "function", "function": {"name": "f"}}}),
    ],
)
def test_tools(choice: str, parallel: bool, expected: dict[str, Any]) -> None:
    tools = (Tool("f", "does", {"type": "object"}, strict=True), Tool("g"))
    sent = chat(tools=tools, tool_choice=choice, parallel_tool_calls=parallel)
    assert [tool["function"] for tool in sent["tools"]] == [
        {"name": "f", "parameters": {"type": "object"}, "description": "does", "strict": True},
        {"name": "g", "parameters": {"type": "object", "properties": {}}},
    ]
    assert {n: sent[n] for n in ("tool_choice", "parallel_tool_calls") if n in sent} == expected
    assert "tool_choice" not in chat(tool_choice=choice)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        (Format(), None),
        (Format("json_object"), {"type": "json_object"}),
        (
            Format("json_schema", "n", {"type": "object"}, strict=True),
            {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}, "strict": True}},
        ),
    ],
)
def test_format(shape: Format, expected: Any) -> None:
    assert chat(format=shape).get("response_format") == expected


def test_recorded_fields_that_a_provider_knows_are_passed_on_and_no_others() -> None:
    known = {
        "user": "u",
        "metadata": {"a": "b"},
        "safety_identifier": "s",
        "prompt_cache_key": "k",
        "service_tier": "flex",
    }
    sent = chat(known | {"store": True, "x": 1})
    assert {name: sent[name] for name in known} == known
    assert not {"store", "x"} & set(sent)


def test_complete() -> None:
    body = CompleteBody(("a", (1, 2)), suffix="z", echo=True, sampling=Sampling(max_tokens=3, logprobs=2))
    assert asking.complete(body, {}) == STREAMED | {
        "prompt": ["a", [1, 2]],
        "max_tokens": 3,
        "suffix": "z",
        "echo": True,
        "logprobs": 2,
    }
    assert asking.complete(CompleteBody(("a",), best_of=3), {}) == {"prompt": "a", "best_of": 3}


@pytest.mark.parametrize("fields", [{"suffix": "x"}, {"best_of": 2}, {"prompts": ((1, 2),)}])
def test_a_templated_completion_refuses_what_a_conversation_cannot_do(fields: dict[str, Any]) -> None:
    with pytest.raises(UnsupportedField):
        asking.as_chats(CompleteBody(**({"prompts": ("a",), "raw": False} | fields)))


def test_embed_and_count() -> None:
    assert asking.embed(EmbedBody(("a", (1,)), 8), {"user": "u", "metadata": {}}) == {
        "input": ["a", [1]],
        "encoding_format": "float",
        "dimensions": 8,
        "user": "u",
    }
    sent = asking.count(CountBody(USER, (Tool("f"),)), lambda part: part.data)
    assert sent["messages"] == [{"role": "user", "content": "hi"}]
    assert sent["tools"][0]["function"]["name"] == "f"


@pytest.mark.parametrize(
    ("param", "status", "expected"),
    [
        ("max_tokens", 400, {"max_completion_tokens": 5, "metadata": {}, "temperature": 1}),
        ("metadata", 400, {"max_tokens": 5, "temperature": 1}),
        ("metadata.a", 422, {"max_tokens": 5, "temperature": 1}),
        ("metadata", 500, None),
        ("temperature", 400, None),
        ("stop", 400, None),
        (None, 400, None),
    ],
)
def test_amend_drops_only_what_changes_no_answer(param: str | None, status: int, expected: Any) -> None:
    asked = {"max_tokens": 5, "metadata": {}, "temperature": 1}
    assert asking.amend(asked, Refusal(param=param, status=status)) == expected
