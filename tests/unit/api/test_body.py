"""Reading bodies: every nasty one is a clear refusal, none a crash."""

import asyncio
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniwatt.api import body
from omniwatt.contract.error import BadInput, Cancelled, TooLarge, WrongMediaType


def nested(depth):
    return b'{"a":' + b"[" * depth + b"]" * depth + b"}"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b'"text"',
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": 1e999}',
        b'{"a": 1} x',
        b'{"a": "\xff\xfe"}',
        b'{"\xff": 1}',
        rb'{"a": "\ud800"}',
        rb'{"a": "\udc00 x"}',
        b'{"a": "\x01"}',
        b"\xef\xbb\xbf{}",
        b'{"a": ' + b"9" * 5000 + b"}",
        nested(65),
        nested(1000),
        nested(200_000),
    ],
)
def test_what_is_no_usable_json_is_refused(raw):
    with pytest.raises(BadInput) as caught:
        body.parse(raw)
    assert caught.value.code == "invalid_json"


@pytest.mark.parametrize(
    ("raw", "param"),
    [
        (rb'{"messages": [{"content": "a\u0000b"}]}', "messages[0].content"),
        (rb'{"a": {"b\u0000": 1}}', "a"),
        (b'{"tools": [{"x": 99999999999999999999}]}', "tools[0].x"),
        (b'{"seed": -99999999999999999999}', "seed"),
    ],
)
def test_what_cannot_travel_on_is_refused_with_its_place(raw, param):
    with pytest.raises(BadInput) as caught:
        body.parse(raw)
    assert caught.value.param == param


def test_what_only_looks_suspect_passes():
    assert body.parse(rb'{"a": "\\u0000", "b": "12345678901234567890"}') == {
        "a": "\\u0000",
        "b": "12345678901234567890",
    }
    assert body.parse(nested(60))["a"]
    assert body.parse(b'{"a": 1, "a": 2}') == {"a": 2}
    assert len(body.parse(json.dumps({"m": [{}] * 10_000}).encode())["m"]) == 10_000


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)


@given(st.binary() | JSON.map(lambda value: json.dumps({"x": value}).encode()))
def test_any_body_gives_an_object_or_a_refusal(raw):
    try:
        value = body.parse(raw)
    except BadInput as error:
        value = {"refused": error.message}
    assert isinstance(value, dict)


def messages(*pieces, then="more"):
    """A receive that hands out pieces; then "more" waits for ever, "gone" disconnects."""
    queue = list(pieces)

    async def receive():
        if queue:
            piece = queue.pop(0)
            return {"type": "http.request", "body": piece, "more_body": bool(queue) or then != "end"}
        if then == "gone":
            return {"type": "http.disconnect"}
        return await asyncio.Event().wait()

    return receive


async def test_pieces_are_joined():
    assert await body.read(messages(b"ab", b"", b"c", then="end"), {}, 10) == b"abc"


async def test_a_long_body_is_refused_while_it_is_read(monkeypatch):
    monkeypatch.setattr(body, "DRAIN_LIMIT_S", 0.01)
    with pytest.raises(TooLarge):
        await body.read(messages(b"x" * 6, b"x" * 6), {}, 10)


async def test_an_announced_long_body_is_refused_at_once(monkeypatch):
    monkeypatch.setattr(body, "DRAIN_LIMIT_S", 0.01)
    with pytest.raises(TooLarge, match="11 bytes"):
        await body.read(messages(), {b"content-length": b"11"}, 10)


async def test_a_slow_body_is_given_up(monkeypatch):
    monkeypatch.setattr(body, "READ_LIMIT_S", 0.01)
    with pytest.raises(BadInput) as caught:
        await body.read(messages(b"{"), {}, 10)
    assert caught.value.code == "request_timeout"


async def test_a_client_that_leaves_midway_is_cancelled():
    with pytest.raises(Cancelled):
        await body.read(messages(b"{", then="gone"), {}, 10)


@pytest.mark.parametrize("kind", ["application/json", "Application/JSON; charset=utf-8", "application/json;x=y"])
def test_json_is_taken(kind):
    body.require_json(kind)


@pytest.mark.parametrize("kind", ["", "text/plain", "application/x-www-form-urlencoded", "application/jsonp"])
def test_other_media_types_are_refused(kind):
    with pytest.raises(WrongMediaType):
        body.require_json(kind)
