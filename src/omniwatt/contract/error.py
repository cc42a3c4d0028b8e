"""Every way a request can be refused or fail.

    OmniwattError
    ├── BadInput                the request is wrong as written
    │   ├── UnsupportedField    a field we know and will not pretend to honour
    │   ├── ContextTooLong      prompt + answer exceed the model's window
    │   ├── VoiceNotFound       no such voice, or not one of the model asked for
    │   ├── TooLarge            more bytes than the operator allows
    │   └── WrongMediaType      a body that is not what its route takes
    ├── NotAuthenticated        no key, or a key nobody issued
    ├── Forbidden               a known caller that may not do this
    ├── Gone                    it was here, and its time has passed
    ├── NotFound                no such stored thing for this caller
    │   └── ModelNotFound       no such model for this caller
    ├── Conflict                the thing is not in a state that allows this
    ├── RateLimited             later, by the caller's own limits
    ├── QuotaExceeded           not again before the budget is raised
    ├── Overloaded              the queue is full, or the wait limit has passed
    ├── ModelLoading            the model is on its way into memory
    ├── EngineFailed            the engine answered with a fault of its own
    │   └── EngineDied          its process ended while the request was in it
    ├── UpstreamFailed          a relayed provider answered with a fault
    │   └── UpstreamTimeout     or did not answer in time
    ├── Cancelled               the client left, or the operator stopped it
    └── Internal                a defect of ours

Errors are values: `to_wire` and `from_wire` carry them between processes unchanged.
"""

from typing import Any, ClassVar, Self


class OmniwattError(Exception):
    """Base of all. `message` is for the user; `param` names the field at fault; `code` is OpenAI's short word."""

    default_code: ClassVar[str | None] = None

    def __init__(
        self,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        retry_after_s: float | None = None,
        details: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.code = code or self.default_code
        self.retry_after_s = retry_after_s
        self.details = details or {}

    def to_wire(self) -> dict[str, Any]:
        """A msgpack-able dict that `from_wire` turns back into the same error."""
        return {
            "error": type(self).__name__,
            "message": self.message,
            "param": self.param,
            "code": self.code,
            "retry_after_s": self.retry_after_s,
            "details": self.details,
        }

    @staticmethod
    def from_wire(wire: dict[str, Any]) -> "OmniwattError":
        """The error a peer process raised; an unknown name becomes Internal."""
        kind = ERRORS.get(wire.get("error", ""), Internal)
        return kind(
            wire.get("message", "unknown error"),
            param=wire.get("param"),
            code=wire.get("code"),
            retry_after_s=wire.get("retry_after_s"),
            details=wire.get("details"),
        )


class BadInput(OmniwattError):
    """The request is wrong as written; sending it again changes nothing."""

    default_code = "invalid_value"


class UnsupportedField(BadInput):
    """A field that is known but cannot be honoured here."""

    default_code = "unsupported_parameter"


class ContextTooLong(BadInput):
    """`details` holds `prompt_tokens`, `max_tokens` (asked for, may be None) and `window`."""

    default_code = "context_length_exceeded"

    @classmethod
    def of(
        cls, prompt_tokens: int, max_tokens: int | None, window: int, param: str = "messages", *, counted: bool = True
    ) -> Self:
        """`counted` False: the prompt was not read to its end, and holds at least `prompt_tokens`."""
        asked = f"{'' if counted else 'at least '}{prompt_tokens} in the prompt"
        if max_tokens:
            asked = (
                f"{'' if counted else 'at least '}{prompt_tokens + max_tokens} ({asked}, {max_tokens} for the answer)"
            )
        return cls(
            f"This model's maximum context length is {window} tokens. However, your request has {asked}. "
            "Please reduce the length of the prompt or of the answer.",
            param=param,
            details={"prompt_tokens": prompt_tokens, "max_tokens": max_tokens, "window": window},
        )


class VoiceNotFound(BadInput):
    """No such voice, or one of another model; the message names what is near."""

    default_code = "voice_not_found"


class TooLarge(BadInput):
    """More bytes than the operator allows."""

    default_code = "request_too_large"


class WrongMediaType(BadInput):
    """A body that is not what its route takes."""

    default_code = "unsupported_media_type"


class NotAuthenticated(OmniwattError):
    """No key, or a key nobody issued."""

    default_code = "invalid_api_key"


class Forbidden(OmniwattError):
    """A known caller that may not do this."""

    default_code = "permission_denied"


class Gone(OmniwattError):
    """It was here, and its time has passed."""

    default_code = "gone"


class NotFound(OmniwattError):
    """No such stored thing, as far as this caller may know."""

    default_code = "not_found"


class ModelNotFound(NotFound):
    """No such model, as far as this caller may know."""

    default_code = "model_not_found"


class Conflict(OmniwattError):
    """The thing is not in a state that allows this."""

    default_code = "conflict"


class RateLimited(OmniwattError):
    """The caller's own limit per minute or of concurrency; `retry_after_s` says when it helps to try again."""

    default_code = "rate_limit_exceeded"


class QuotaExceeded(OmniwattError):
    """The caller's budget is spent; trying again does not help."""

    default_code = "insufficient_quota"


class Overloaded(OmniwattError):
    """The queue is full or the wait limit has passed; `retry_after_s` comes from observed service time."""

    default_code = "server_overloaded"


class ModelLoading(OmniwattError):
    """The model is on its way into memory; `details["progress"]` is 0..1."""

    default_code = "model_loading"


class EngineFailed(OmniwattError):
    """The engine answered with a fault of its own."""

    default_code = "engine_error"


class EngineDied(EngineFailed):
    """The engine's process ended while the request was in it."""

    default_code = "engine_died"


class UpstreamFailed(OmniwattError):
    """A relayed provider answered with a fault that is not the caller's."""

    default_code = "upstream_error"


class UpstreamTimeout(UpstreamFailed):
    """A relayed provider did not answer in time."""

    default_code = "upstream_timeout"


class Cancelled(OmniwattError):
    """The client left, or the operator stopped the request."""

    default_code = "cancelled"


class Internal(OmniwattError):
    """A defect of ours; the message never holds more than a request id."""

    default_code = "internal_error"


def _tree(kind: type[OmniwattError]) -> dict[str, type[OmniwattError]]:
    return {kind.__name__: kind} | {name: k for sub in kind.__subclasses__() for name, k in _tree(sub).items()}


ERRORS = _tree(OmniwattError)
