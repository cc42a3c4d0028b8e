"""Events out of what providers really send."""

import json
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniwatt.contract.error import UpstreamFailed
from omniwatt.contract.event import ChoiceEnd, Event, TextDelta, TokenLogprob, ToolCallDelta, Usage, Vector
from omniwatt.engines.upstream.answers import Answer, ChatChunk, TextChunk, vectors


def delta(index: int = 0, finish: str | None = None, logprobs: Any = None, **fields: Any) -> dict[str, Any]:
    return {"choices": [{"index": index, "delta": fields, "finish_reason": finish, "logprobs": logprobs}]}


def read(*chunks: Any, choices: int = 1, kind: Any = ChatChunk, proper: bool = True) -> tuple[list[Event], Answer]:
    answer = Answer(kind, choices, prompt_bytes=40)
    events = [event for chunk in chunks for event in answer.events(json.dumps(chunk).encode())]
    return events + list(answer.close(proper)), answer


def call(index: int | None = 0, call_id: str | None = None, name: str | None = None, arguments: Any = None) -> Any:
    return {"index": index, "id": call_id, "function": {"name": name, "arguments": arguments}}


def test_text_refusal_and_thought() -> None:
    events, _ = read(
        delta(role="assistant", content=""), delta(reasoning_content="hm"), delta(content="你"), delta(refusal="no"),
        delta(finish="length"),
    )  # fmt: skip
    assert events == [
        TextDelta("hm", 0, 1, kind="reasoning"),
        TextDelta("你", 0, 1),
        TextDelta("no", 0, 1, kind="refusal"),
        ChoiceEnd("length"),
    ]


def test_choices_interleave_and_each_ends_once() -> None:
    events, _ = read(
        delta(1, content="b"), delta(0, content="a", finish="stop"), delta(0, content="late", finish="stop"),
        delta(2, content="not asked for"), delta(-1, content="nor this"), delta(1, finish="content_filter"), choices=2,
    )  # fmt: skip
    assert events == [
        TextDelta("b", 1, 1),
        TextDelta("a", 0, 1),
        ChoiceEnd("stop", 0),
        ChoiceEnd("content_filter", 1),
    ]


def shape(events: list[Event]) -> list[tuple[int, str, str, str]]:
    return [(e.call, e.id, e.name, e.arguments) for e in events if isinstance(e, ToolCallDelta)]


def test_tool_calls_have_id_and_name_on_the_first_piece_only() -> None:
    events, _ = read(
        delta(tool_calls=[call(0, "x", "f", "")]),
        delta(tool_calls=[call(0, None, None, '{"a"')]),
        delta(tool_calls=[call(0, "x", "f", ":1}"), call(1, "y", "g", "{}")]),
        delta(finish="tool_calls"),
    )
    assert shape(events) == [(0, "x", "f", ""), (0, "", "", '{"a"'), (0, "", "", ":1}"), (1, "y", "g", "{}")]
    assert events[-1] == ChoiceEnd("tool_calls")


def test_tool_calls_of_sloppy_providers() -> None:
    same_index, _ = read(delta(tool_calls=[call(0, "x", "f", "{}")]), delta(tool_calls=[call(0, "y", "g", "{}")]))
    assert shape(same_index) == [(0, "x", "f", "{}"), (1, "y", "g", "{}")]
    no_index, _ = read(delta(tool_calls=[call(None, "x", "f", {"a": 1}), call(None, "y", "g", "{}")]))
    assert shape(no_index) == [(0, "x", "f", '{"a":1}'), (1, "y", "g", "{}")]
    no_id, _ = read(delta(tool_calls=[call(0, "", "f", "{}")]), delta(tool_calls=[call(0, "", "", " ")]))
    made = shape(no_id)
    assert made[0][1].startswith("call_")
    assert made[1] == (0, "", "", " ")


def test_no_flood_of_tool_calls() -> None:
    with pytest.raises(UpstreamFailed, match="tool calls"):
        read(delta(tool_calls=[call(i, f"id{i}", "f") for i in range(300)]))


def test_logprobs_of_chat_and_completions() -> None:
    top = [{"token": "é", "logprob": -0.5, "bytes": [195, 169]}, {"token": "b", "logprob": -1.0, "bytes": None}]
    entry = {"token": "é", "logprob": -0.5, "bytes": [195, 169], "top_logprobs": top}
    expected = TokenLogprob(
        "é", -0.5, b"\xc3\xa9", (TokenLogprob("é", -0.5, b"\xc3\xa9"), TokenLogprob("b", -1.0, b"b"))
    )
    events, _ = read(delta(content="é", logprobs={"content": [entry]}))
    assert events[0] == TextDelta("é", 0, 1, (expected,))
    logprobs = {"tokens": ["a", "b"], "token_logprobs": [None, -2.0], "top_logprobs": [None, {"b": -2.0, "c": -3.0}]}
    events, _ = read({"choices": [{"index": 0, "text": "ab", "logprobs": logprobs}]}, kind=TextChunk)
    tops = (TokenLogprob("b", -2.0, b"b"), TokenLogprob("c", -3.0, b"c"))
    assert events[0] == TextDelta("ab", 0, 2, (TokenLogprob("a", 0.0, b"a"), TokenLogprob("b", -2.0, b"b", tops)))


def test_usage_in_full_and_the_model_that_answered() -> None:
    usage = {
        "prompt_tokens": 10,
        "completion_tokens": 5,
        "prompt_tokens_details": {"cached_tokens": 8, "audio_tokens": 1, "image_tokens": 2, "new": 1},
        "completion_tokens_details": {"reasoning_tokens": 3, "audio_tokens": 1, "accepted_prediction_tokens": 4},
    }
    _, answer = read(
        delta(content="a", finish="stop"), {"choices": [], "model": "real", "usage": usage, "service_tier": "flex"}
    )
    finished = answer.finished()
    assert finished.usage == Usage(
        10, 5, 8, 1, 2, audio_output_tokens=1, accepted_prediction_tokens=4, reasoning_tokens=3
    )
    assert (finished.model, finished.details) == ("real", {"service_tier": "flex"})


@pytest.mark.parametrize(
    ("said", "shown"), [("/srv/models/a.gguf", "a.gguf"), ("./a.gguf", "a.gguf"), ("org/model", "org/model"), ("", "")]
)
def test_a_path_is_no_name_for_a_model(said: str, shown: str) -> None:
    _, answer = read({"model": said, "choices": []}, delta(finish="stop"))
    assert answer.finished().model == shown


def test_a_missing_usage_is_estimated_and_said_to_be() -> None:
    _, answer = read(delta(content="a"), delta(content="b", finish="stop"))
    assert answer.finished().usage == Usage(10, 2)
    assert answer.finished().details == {"usage": "estimated"}


def test_a_whole_answer_is_read_like_a_streamed_one() -> None:
    message = {"role": "assistant", "content": "hi", "tool_calls": [call(None, "x", "f", "{}")]}
    events, _ = read({"choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]})
    assert events[0] == TextDelta("hi", 0, 1)
    assert shape(events) == [(0, "x", "f", "{}")]


def test_ends_that_are_missing() -> None:
    events, _ = read(delta(content="a"), choices=2)
    assert [e for e in events if isinstance(e, ChoiceEnd)] == [ChoiceEnd("stop", 0), ChoiceEnd("stop", 1)]
    with pytest.raises(UpstreamFailed, match="broke off"):
        read(delta(content="a"), proper=False)
    with pytest.raises(UpstreamFailed, match="nothing"):
        read({"choices": []})
    events, _ = read(delta(content="a", finish="eos_token"), proper=False)
    assert events[-1] == ChoiceEnd("stop")


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"[]", b"1", b'{"choices": 5}', b'{"choices": [{"delta": {"content": 5}}]}', b"\xff", b"[" * 100_000,
     b'{"choices": [{"delta": {"content": "\xff"}}]}', b'{"choices": [{"index": "x"}]}',
     b'{"choices": [{"delta": {}, "logprobs": {"content": [{"token": "a", "logprob": 0, "bytes": [999]}]}}]}'],
)  # fmt: skip
def test_what_is_not_in_openais_shape(data: bytes) -> None:
    with pytest.raises(UpstreamFailed, match="shape"):
        list(Answer(ChatChunk, 1, 0).events(data))


@given(st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["choices", "delta", "index", "content", "tool_calls", "function", "usage", "logprobs"]), inner
    ),
))  # fmt: skip
def test_any_json_gives_events_or_the_one_error(tree: Any) -> None:
    answer = Answer(ChatChunk, 1, 0)
    try:
        events = list(answer.events(json.dumps(tree).encode()))
    except UpstreamFailed:
        return
    assert all(isinstance(event, TextDelta | ToolCallDelta | ChoiceEnd) for event in events)
    assert answer.usage().completion_tokens >= 0


def embedding(*vectors_: tuple[int, Any]) -> bytes:
    return json.dumps({"model": "e", "data": [{"index": i, "embedding": v} for i, v in vectors_]}).encode()


def test_vectors_come_in_the_order_of_the_inputs() -> None:
    events, answer = vectors(embedding((1, [0.5, 1]), (0, [0.25, -1])), 2)
    assert events == [Vector(struct.pack("<2f", 0.25, -1), 0), Vector(struct.pack("<2f", 0.5, 1), 1)]
    assert answer.model == "e"


@pytest.mark.parametrize(
    "data", [embedding((0, [1.0])), embedding((0, [1.0]), (2, [1.0])), embedding((0, [1.0]), (1, [])),
             embedding((0, [1.0]), (1, [1e300])), embedding((0, "AAAA"), (1, "AAAA")), b"{}", b"no"],
)  # fmt: skip
def test_vectors_that_are_not_one_per_input(data: bytes) -> None:
    with pytest.raises(UpstreamFailed):
        vectors(data, 2)
