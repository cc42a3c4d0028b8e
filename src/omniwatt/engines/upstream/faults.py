"""What a provider's refusal means for us: our error, and whether to try again or elsewhere. Pure."""

import random
import re
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import msgspec

from omniwatt.contract.error import (
    BadInput,
    ContextTooLong,
    ModelNotFound,
    OmniwattError,
    Overloaded,
    TooLarge,
    UnsupportedField,
    UpstreamFailed,
    UpstreamTimeout,
)
from omniwatt.engines.upstream.channels import Channel

FIRST_BACKOFF_S = 0.5
LONGEST_BACKOFF_S = 8.0
LONGEST_RETRY_AFTER_S = 10.0
"""A provider that asks for a longer pause is left to the next channel, or to the caller's own retry."""
_MAX_MESSAGE = 2000
_LLAMA_SERVER = {"exceed_context_size_error": "context_length_exceeded"}
_KEYS = re.compile(r"\b(sk|pk|rk|gsk|xai|AIza)[-_][A-Za-z0-9_*-]{6,}")
_KINDS = {
    "invalid_request_error": 400,
    "BadRequestError": 400,
    "context_length_exceeded": 400,
    "authentication_error": 401,
    "insufficient_quota": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "model_not_found": 404,
    "NotFoundError": 404,
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
}


class Refusal(msgspec.Struct, frozen=True):
    """A provider's error body in one shape. `shaped` is False when it is not OpenAI's: a proxy's page, say."""

    message: str = ""
    code: str | None = None
    param: str | None = None
    kind: str = ""
    shaped: bool = False
    status: int = 500


class Fault(Exception):
    """A call that failed before anything was passed on. `retry`: here it may work; `elsewhere`: there it may."""

    def __init__(
        self,
        error: OmniwattError,
        *,
        retry: bool = False,
        elsewhere: bool = True,
        throttled: bool = False,
        blameless: bool = False,
        refusal: Refusal | None = None,
    ) -> None:
        super().__init__(error.message)
        self.error = error
        self.retry = retry
        self.elsewhere = elsewhere
        self.throttled = throttled
        self.blameless = blameless
        """Says nothing about the channel's health."""
        self.refusal = refusal


def read_refusal(body: bytes, status: int) -> Refusal:
    """Make sense of an error body: OpenAI's shape, vLLM's flat one, or none."""
    try:
        tree = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Refusal(status=status)
    error = tree.get("error", tree) if isinstance(tree, dict) else None
    if isinstance(error, str):
        return Refusal(message=error, shaped=True, status=status)
    if not isinstance(error, dict) or not isinstance(error.get("message"), str):
        return Refusal(status=status)
    return Refusal(
        message=error["message"],
        code=_text(error.get("code")),
        param=_text(error.get("param")),
        kind=_text(error.get("type")) or "",
        shaped=True,
        status=status,
    )


def in_stream_status(error: Any) -> int:
    """The HTTP status that an error inside a stream would have had."""
    if not isinstance(error, dict):
        return 500
    for field in ("status", "status_code", "code"):
        value = error.get(field)
        if isinstance(value, int) and 400 <= value < 600:
            return value
    return next((_KINDS[error[f]] for f in ("code", "type") if _text(error.get(f)) in _KINDS), 500)


def judge(refusal: Refusal, headers: Mapping[str, str], channel: Channel) -> Fault:
    """The fault an answer with an error status is. The message never shows the channel's key or address."""
    status = refusal.status
    again = headers.get("x-should-retry", "").lower() != "false"
    if status == 429 and refusal.code != "insufficient_quota":
        pause_s = retry_after_s(headers)
        error = Overloaded("The provider of this model is limiting our rate.", retry_after_s=pause_s or 1.0)
        return Fault(error, retry=again, throttled=True, refusal=refusal)
    if refusal.shaped and status in {400, 404, 413, 422}:
        return Fault(_callers_error(refusal, channel), elsewhere=False, blameless=True, refusal=refusal)
    if status == 413:
        error_too_large = TooLarge("The provider of this model takes no request this large.")
        return Fault(error_too_large, elsewhere=False, blameless=True)
    if status in {405, 501}:
        unable = UnsupportedField("The provider of this model cannot do this.", param="model")
        return Fault(unable, blameless=True, refusal=refusal)
    transient = status in {408, 409} or (status >= 500 and status != 505)
    kind = UpstreamTimeout if status in {408, 504} else UpstreamFailed
    failed = kind(f"The provider of this model failed (HTTP {status}).", retry_after_s=retry_after_s(headers))
    return Fault(failed, retry=transient and again, refusal=refusal)


def retry_after_s(headers: Mapping[str, str], now_s: float | None = None) -> float | None:
    """`retry-after-ms` or `retry-after` (seconds or a date) in seconds from now; None when absent or senseless."""
    for name, scale in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        try:
            seconds = float(headers[name]) / scale
        except (KeyError, ValueError):
            continue
        return seconds if 0 <= seconds < 86_400 else None
    try:
        when = parsedate_to_datetime(headers["retry-after"]).timestamp()
    except (KeyError, ValueError, TypeError, OverflowError):
        return None
    return max(0.0, when - (time.time() if now_s is None else now_s))


def pause_s(attempt: int, asked_s: float | None, rng: random.Random) -> float | None:
    """How long to wait before attempt `attempt` + 1 (full jitter), or None when the provider asks for too long."""
    jitter_s = rng.uniform(0, min(LONGEST_BACKOFF_S, FIRST_BACKOFF_S * 2**attempt))
    if asked_s is None:
        return jitter_s
    return None if asked_s > LONGEST_RETRY_AFTER_S else asked_s + min(jitter_s, FIRST_BACKOFF_S)


def scrub(message: str, channel: Channel) -> str:
    """A provider's message without our key, anything that looks like a key, or the provider's address."""
    parts = urlsplit(channel.url)
    for secret, instead in (
        (channel.api_key, "[key]"),
        (channel.url, "[provider]"),
        (channel.base, "[provider]"),
        (parts.netloc, "[provider]"),
        (parts.hostname or "", "[provider]"),
    ):
        if secret:
            message = message.replace(secret, instead)
    return _KEYS.sub("[key]", message)[:_MAX_MESSAGE]


def _callers_error(refusal: Refusal, channel: Channel) -> OmniwattError:
    kind: type[OmniwattError] = {404: ModelNotFound, 413: TooLarge}.get(refusal.status, BadInput)
    if ContextTooLong.default_code in {refusal.code, _LLAMA_SERVER.get(refusal.kind)}:
        kind = ContextTooLong
    code = None if kind is ContextTooLong or refusal.code is None or refusal.code.isdigit() else refusal.code
    return kind(scrub(refusal.message, channel), param=refusal.param, code=code)


def _text(value: Any) -> str | None:
    if isinstance(value, bool) or value is None:
        return None
    return str(value) if isinstance(value, str | int) else None
