"""Token estimates: the public anchors exactly, text within the band that byte-pair vocabularies keep."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniwatt.contract.request import ChatBody, CompleteBody, DataBody, MediaPart, Message, TextPart, Tool, ToolCall
from omniwatt.tokens import TEMPLATE_TOKENS, estimate, estimate_media, estimate_text, media_parts


@pytest.mark.parametrize(
    ("facts", "count"),
    [
        ({"width": 512, "height": 512}, 1024),
        ({"seconds": 60.0}, 1500),
        ({"pages": 2}, 1600),
        ({}, 0),
    ],
)
def test_media(facts: dict[str, float], count: int) -> None:
    assert estimate_media(facts) == count


@pytest.mark.parametrize(
    ("text", "low", "high"), [("", 0, 0), ("The capital of France is Paris.", 6, 9), ("鲁迅与周树人的关系。", 6, 10)]
)
def test_text(text: str, low: int, high: int) -> None:
    assert low <= estimate_text(text) <= high


@given(st.text(max_size=200), st.text(max_size=200))
def test_more_text_is_never_fewer_tokens(head: str, tail: str) -> None:
    assert estimate_text(head + tail) >= estimate_text(head)


def test_a_conversation_counts_every_part() -> None:
    picture = MediaPart("image", data=b"x")
    messages = (
        Message("user", (TextPart("abcd" * 10), picture)),
        Message("assistant", tool_calls=(ToolCall("1", "look", '{"at": 1}'),)),
    )
    body = ChatBody(messages=messages, tools=(Tool("look", "looks"),))
    bare = ChatBody(messages=(Message("user", (TextPart("abcd" * 10),)),))
    assert estimate(bare) == TEMPLATE_TOKENS + 10
    assert estimate(body, [{"width": 512, "height": 512}]) > 1024 + estimate(bare) + TEMPLATE_TOKENS
    assert media_parts(body) == [picture]


def test_other_bodies() -> None:
    assert estimate(CompleteBody(("abcd", (1, 2, 3)), suffix="efgh")) == 5
    assert estimate(DataBody(text="abcd")) == 1
    assert media_parts(DataBody()) == []
