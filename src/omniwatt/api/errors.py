"""Errors at the door: contract error -> status, OpenAI error body and retry headers. One table."""

import logging
import math
import traceback
from typing import Any, NamedTuple

import msgspec

from omniwatt.contract import error as e
from omniwatt.contract.error import OmniwattError

log = logging.getLogger("omniwatt.api")

Header = tuple[bytes, bytes]


class Row(NamedTuple):
    """`should_retry` None leaves it to the client; `retry_after_s` is said when the error itself says nothing."""

    status: int
    type: str
    should_retry: bool | None = None
    retry_after_s: float | None = None


INVALID = "invalid_request_error"
SERVER = "server_error"

TABLE: dict[type[OmniwattError], Row] = {
    OmniwattError: Row(500, SERVER),
    e.BadInput: Row(400, INVALID),
    e.UnsupportedField: Row(400, INVALID),
    e.ContextTooLong: Row(400, INVALID),
    e.VoiceNotFound: Row(400, INVALID),
    e.TooLarge: Row(413, INVALID),
    e.WrongMediaType: Row(415, INVALID),
    e.NotAuthenticated: Row(401, INVALID),
    e.Forbidden: Row(403, INVALID),
    e.NotFound: Row(404, INVALID),
    e.ModelNotFound: Row(404, INVALID),
    e.Gone: Row(410, INVALID),
    e.Conflict: Row(409, INVALID, should_retry=False),
    e.RateLimited: Row(429, "rate_limit_error", should_retry=True),
    e.QuotaExceeded: Row(429, "insufficient_quota", should_retry=False),
    e.Overloaded: Row(503, SERVER, should_retry=True, retry_after_s=0.5),
    e.ModelLoading: Row(503, SERVER, should_retry=True, retry_after_s=2.0),
    e.EngineFailed: Row(500, SERVER),
    e.EngineDied: Row(503, SERVER, should_retry=True, retry_after_s=1.0),
    e.UpstreamFailed: Row(502, SERVER, should_retry=True, retry_after_s=1.0),
    e.UpstreamTimeout: Row(504, SERVER, should_retry=False),
    e.Cancelled: Row(499, INVALID, should_retry=False),
    e.Internal: Row(500, SERVER),
}

TYPE_BY_LIMIT = {"requests": "requests", "tokens": "tokens"}
"""OpenAI's `type` of a 429 says which limit was met."""


class MethodNotAllowed(Exception):
    """The route exists, but not for this method; `allow` is the Allow header."""

    def __init__(self, method: str, allow: str) -> None:
        super().__init__(method)
        self.method = method
        self.allow = allow


def row(error: OmniwattError) -> Row:
    """The row of an error's own class."""
    return TABLE[type(error)]


def body(error: OmniwattError) -> dict[str, Any]:
    """The error in OpenAI's shape, as it stands in a response body or in a stream."""
    kind = row(error).type
    if isinstance(error, e.RateLimited):
        kind = TYPE_BY_LIMIT.get(str(error.details.get("limit", "")), kind)
    return {"error": {"message": error.message, "type": kind, "param": error.param, "code": error.code}}


def encoded(error: OmniwattError) -> bytes:
    """`body` as JSON; lone surrogates in a message are replaced, so that an error can always be said."""
    try:
        return msgspec.json.encode(body(error))
    except UnicodeEncodeError:
        safe = error.message.encode("utf-8", "replace").decode("utf-8")
        return msgspec.json.encode({"error": body(error)["error"] | {"message": safe, "param": None}})


def headers(error: OmniwattError) -> list[Header]:
    """Retry and authentication headers; `retry-after` is whole seconds, `retry-after-ms` exact."""
    entry = row(error)
    found: list[Header] = []
    if isinstance(error, e.RateLimited) and error.retry_after_s is None:
        # More than the whole limit was asked for: waiting does not help.
        found.append((b"x-should-retry", b"false"))
    elif entry.should_retry is not None:
        found.append((b"x-should-retry", b"true" if entry.should_retry else b"false"))
    wait_s = error.retry_after_s if error.retry_after_s is not None else entry.retry_after_s
    if wait_s is not None:
        found.append((b"retry-after", str(max(1, math.ceil(wait_s))).encode()))
        found.append((b"retry-after-ms", str(max(1, math.ceil(wait_s * 1000))).encode()))
    if isinstance(error, e.NotAuthenticated):
        found.append((b"www-authenticate", b"Bearer"))
    if isinstance(error, e.TooLarge) or error.code == "request_timeout":
        found.append((b"connection", b"close"))
    return found


def from_exception(error: Exception, request_id: str) -> OmniwattError:
    """An OmniwattError as it is; anything else becomes an Internal that holds the request id alone."""
    if isinstance(error, OmniwattError):
        return error
    log.error("request %s failed with a defect\n%s", request_id, _where(error))
    return e.Internal(f"The server had an error while processing your request. Its id is {request_id}.")


def _where(error: BaseException) -> str:
    """Types and places, without the messages: those may quote a prompt."""
    lines: list[str] = []
    seen: BaseException | None = error
    while seen is not None:
        lines += [*traceback.format_tb(seen.__traceback__), f"{type(seen).__module__}.{type(seen).__qualname__}\n"]
        seen = seen.__cause__ or seen.__context__
    return "".join(lines)
