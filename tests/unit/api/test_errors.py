"""The error table: complete, in OpenAI's shape, and silent about what was asked."""

import json
import logging

import pytest

from omniwatt.api import errors
from omniwatt.contract import error as e

STATUS = {
    "BadInput": 400,
    "UnsupportedField": 400,
    "ContextTooLong": 400,
    "TooLarge": 413,
    "WrongMediaType": 415,
    "NotAuthenticated": 401,
    "Forbidden": 403,
    "Gone": 410,
    "NotFound": 404,
    "ModelNotFound": 404,
    "VoiceNotFound": 400,
    "Conflict": 409,
    "RateLimited": 429,
    "QuotaExceeded": 429,
    "Overloaded": 503,
    "ModelLoading": 503,
    "EngineFailed": 500,
    "EngineDied": 503,
    "UpstreamFailed": 502,
    "UpstreamTimeout": 504,
    "Cancelled": 499,
    "Internal": 500,
    "OmniwattError": 500,
}


@pytest.mark.parametrize("name", sorted(e.ERRORS))
def test_every_error_has_a_row_and_a_body(name):
    error = e.ERRORS[name]("what happened", param="messages")
    assert errors.row(error).status == STATUS[name]
    body = json.loads(errors.encoded(error))
    assert body.keys() == {"error"}
    assert body["error"].keys() == {"message", "type", "param", "code"}
    assert body["error"]["message"] == "what happened"
    assert isinstance(body["error"]["type"], str)


def headers(error):
    return {name.decode(): value.decode() for name, value in errors.headers(error)}


def test_retry_headers():
    assert headers(e.Overloaded("full", retry_after_s=0.25)) == {
        "x-should-retry": "true",
        "retry-after": "1",
        "retry-after-ms": "250",
    }
    assert headers(e.Overloaded("full"))["retry-after-ms"] == "500"
    assert headers(e.QuotaExceeded("spent")) == {"x-should-retry": "false"}
    assert headers(e.RateLimited("later", retry_after_s=3.2)) == {
        "x-should-retry": "true",
        "retry-after": "4",
        "retry-after-ms": "3200",
    }
    assert headers(e.RateLimited("never: more than the whole limit")) == {"x-should-retry": "false"}
    assert headers(e.ModelLoading("soon", retry_after_s=7))["retry-after"] == "7"
    assert headers(e.BadInput("no")) == {}
    assert headers(e.NotAuthenticated("who?")) == {"www-authenticate": "Bearer"}


def test_a_rate_limit_says_which_limit_it_was():
    details = {"limit": "tokens", "maximum": 100, "used": 90, "requested": 20}
    error = e.RateLimited("later", details=details, retry_after_s=2.0)
    assert errors.body(error)["error"]["type"] == "tokens"
    assert errors.body(e.RateLimited("later"))["error"]["type"] == "rate_limit_error"


def test_a_defect_is_logged_with_its_place_and_without_the_prompt(caplog):
    def fail(prompt):
        raise ValueError(f"cannot handle {prompt}")

    words = "my" + " secret"
    with caplog.at_level(logging.ERROR):
        try:
            fail(words)
        except ValueError as error:
            fault = errors.from_exception(error, "req_1")
    assert isinstance(fault, e.Internal)
    assert "req_1" in fault.message
    assert words not in fault.message + caplog.text
    assert "ValueError" in caplog.text
    assert "test_errors.py" in caplog.text


def test_a_lone_surrogate_in_a_message_can_still_be_said():
    assert json.loads(errors.encoded(e.BadInput("odd \ud800 text", param="\ud800")))["error"]["message"] == "odd ? text"
