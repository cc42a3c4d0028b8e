"""What each refusal of a provider becomes."""

import json
import random
from typing import Any

import pytest

from omniwatt.contract.error import (
    BadInput,
    ContextTooLong,
    ModelNotFound,
    Overloaded,
    TooLarge,
    UnsupportedField,
    UpstreamFailed,
    UpstreamTimeout,
)
from omniwatt.engines.upstream.channels import Channel
from omniwatt.engines.upstream.faults import in_stream_status, judge, pause_s, read_refusal, retry_after_s, scrub

CHANNEL = Channel(name="a", url="https://llm.example.net:8443/v1", api_key="sk-very-secret-1")


def shaped(**fields: Any) -> bytes:
    return json.dumps({"error": {"message": "because", "type": "t", "param": None, "code": None} | fields}).encode()


@pytest.mark.parametrize(
    ("status", "body", "kind", "retry", "elsewhere", "blameless"),
    [
        (400, shaped(), BadInput, False, False, True),
        (422, shaped(), BadInput, False, False, True),
        (400, shaped(code="context_length_exceeded"), ContextTooLong, False, False, True),
        (400, shaped(code=400, type="exceed_context_size_error"), ContextTooLong, False, False, True),
        (404, shaped(), ModelNotFound, False, False, True),
        (404, b'{"message": "flat", "type": "NotFoundError", "code": 404}', ModelNotFound, False, False, True),
        (400, b'{"error": "a word"}', BadInput, False, False, True),
        (404, b"<html>", UpstreamFailed, False, True, False),
        (404, b'{"detail":"Not Found"}', UpstreamFailed, False, True, False),
        (400, b"\xff\xfe", UpstreamFailed, False, True, False),
        (400, b"[" * 100_000, UpstreamFailed, False, True, False),
        (413, shaped(), TooLarge, False, False, True),
        (413, b"<html>", TooLarge, False, False, True),
        (401, shaped(), UpstreamFailed, False, True, False),
        (403, shaped(), UpstreamFailed, False, True, False),
        (402, shaped(), UpstreamFailed, False, True, False),
        (405, b"", UnsupportedField, False, True, True),
        (408, b"", UpstreamTimeout, True, True, False),
        (409, b"", UpstreamFailed, True, True, False),
        (429, shaped(), Overloaded, True, True, False),
        (429, shaped(code="insufficient_quota"), UpstreamFailed, False, True, False),
        (500, shaped(), UpstreamFailed, True, True, False),
        (501, b"", UnsupportedField, False, True, True),
        (502, b"<html>", UpstreamFailed, True, True, False),
        (503, b"", UpstreamFailed, True, True, False),
        (504, b"", UpstreamTimeout, True, True, False),
        (529, b"", UpstreamFailed, True, True, False),
    ],
)
def test_judge(status: int, body: bytes, kind: type[Exception], retry: bool, elsewhere: bool, blameless: bool) -> None:
    fault = judge(read_refusal(body, status), {}, CHANNEL)
    assert type(fault.error) is kind
    assert (fault.retry, fault.elsewhere, fault.blameless) == (retry, elsewhere, blameless)


def test_the_callers_error_keeps_message_param_and_code() -> None:
    error = judge(read_refusal(shaped(message="too hot", param="temperature", code="bad"), 400), {}, CHANNEL).error
    assert (error.message, error.param, error.code) == ("too hot", "temperature", "bad")
    assert judge(read_refusal(shaped(code=400), 400), {}, CHANNEL).error.code == "invalid_value"


@pytest.mark.parametrize("status", [401, 403, 500, 502])
def test_the_operators_errors_say_nothing_of_the_provider(status: int) -> None:
    body = shaped(message="Incorrect API key sk-very-secret-1 at llm.example.net")
    message = judge(read_refusal(body, status), {}, CHANNEL).error.message
    assert "secret" not in message
    assert "example" not in message


def test_scrub() -> None:
    dirty = "key sk-very-secret-1, other sk-abcdef1234567 at https://llm.example.net:8443/v1/chat on llm.example.net"
    assert scrub(dirty, CHANNEL) == "key [key], other [key] at [provider]/chat on [provider]"
    assert len(scrub("x" * 10_000, CHANNEL)) == 2000
    assert scrub("a skein of silk", CHANNEL) == "a skein of silk"


def test_a_provider_that_forbids_a_retry_is_obeyed() -> None:
    assert not judge(read_refusal(b"", 500), {"x-should-retry": "false"}, CHANNEL).retry
    assert not judge(read_refusal(b"", 429), {"x-should-retry": "False"}, CHANNEL).retry


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, None),
        ({"retry-after": "3"}, 3.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after": "Thu, 01 Jan 1970 00:01:40 GMT"}, 40.0),
        ({"retry-after": "Thu, 01 Jan 1970 00:00:40 GMT"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "1e99"}, None),
    ],
)
def test_retry_after(headers: dict[str, str], expected: float | None) -> None:
    assert retry_after_s(headers, now_s=60.0) == expected


def test_pauses_have_full_jitter_and_honour_what_is_asked_within_reason() -> None:
    rng = random.Random(1)
    for attempt, longest in enumerate([0.5, 1, 2, 4, 8, 8, 8]):
        pauses = [pause_s(attempt, None, rng) or 0.0 for _ in range(500)]
        assert 0 <= min(pauses) < longest * 0.1
        assert longest * 0.9 < max(pauses) <= longest
    assert 3.0 <= (pause_s(0, 3.0, rng) or 0) <= 3.5
    assert pause_s(0, 30.0, rng) is None


@pytest.mark.parametrize(
    ("error", "status"),
    [
        ("broken", 500),
        ({"message": "x"}, 500),
        ({"code": 429}, 429),
        ({"code": "429"}, 500),
        ({"status": 503, "code": "x"}, 503),
        ({"type": "invalid_request_error"}, 400),
        ({"code": "context_length_exceeded", "type": "z"}, 400),
        ({"code": True, "type": ["x"]}, 500),
    ],
)
def test_in_stream_status(error: Any, status: int) -> None:
    assert in_stream_status(error) == status
