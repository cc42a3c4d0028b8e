"""Fields and readers that several routes share: sampling, metadata, stop sequences, usage, and the Request itself."""

import hashlib
import logging
import math
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import msgspec

from omniwatt import __version__
from omniwatt.api.exchange import Exchange
from omniwatt.api.fields import Field, Kind, Read, Table, boolean, integer, number, text, wrong_type
from omniwatt.contract.error import BadInput, OmniwattError, UnsupportedField
from omniwatt.contract.event import TokenLogprob, Usage
from omniwatt.contract.request import Body, Capability, Request

log = logging.getLogger("omniwatt.api")

MODEL = Field("model", "honoured", text(256, 1), "A card's name or an alias.", required=True)
USER = Field("user", "recorded", text(512), "Written to no log.")
STREAM = Field("stream", "honoured", boolean())
MAX_STOPS = 4
IMPOSSIBLE = -9999.0


async def read(exchange: Exchange, table: Table) -> Read:
    """The body through its table. What an operator lets pass is listed by `say_ignored`."""
    body = await exchange.json()
    return table.read(body, warn_unknown=warns(exchange))


def warns(exchange: Exchange) -> bool:
    """Whether unknown fields are left out with a warning instead of refused."""
    return exchange.parts.settings.server.unknown_fields == "warn"


def say_ignored(exchange: Exchange, ignored: list[str]) -> None:
    """List the unknown fields that were left out in `x-omniwatt-ignored-fields`."""
    if ignored:
        names = ", ".join(name.encode("ascii", "replace").decode() for name in ignored)
        printable = "".join(c if c.isprintable() else "?" for c in names)
        exchange.extra_headers.append((b"x-omniwatt-ignored-fields", printable[:1024].encode()))


def new_request(
    exchange: Exchange, capability: Capability, model: str, body: Body, recorded: dict[str, Any] | None = None
) -> Request:
    """A Request with an id of its own; the client's x-request-id is recorded with it when it differs."""
    request_id, kept = exchange.request_id, recorded or {}
    if not request_id.startswith("req_") or b"x-request-id" in exchange.headers:
        kept = kept | {"x_request_id": request_id}
        request_id = "req_" + secrets.token_hex(16)
    if exchange.parts.settings.log.prompts:
        shown = _without_bytes(msgspec.to_builtins(body, builtin_types=(bytes,)))
        log.info("%s %s: %s", request_id, capability, msgspec.json.encode(shown).decode())
    return Request(id=request_id, capability=capability, model=model, body=body, recorded=kept)


def _without_bytes(value: Any) -> Any:
    """For the log: of pictures and sounds only how large they are."""
    match value:
        case bytes():
            return f"<{len(value)} bytes>"
        case dict():
            return {key: _without_bytes(item) for key, item in value.items()}
        case list() | tuple():
            return [_without_bytes(item) for item in value]
    return value


def metadata_kind() -> Kind:
    """Up to 16 pairs of text: keys of at most 64 characters, values of at most 512."""

    def check(value: Any, param: str) -> dict[str, str]:
        if not isinstance(value, dict):
            raise wrong_type(param, "an object", value)
        if len(value) > 16:
            raise BadInput(f"Invalid '{param}': at most 16 pairs are taken.", param=param)
        for key, item in value.items():
            if not isinstance(item, str):
                raise wrong_type(f"{param}.{key[:64]}", "a string", item)
            if len(key) > 64 or len(item) > 512:
                raise BadInput(f"Invalid '{param}': keys have at most 64 characters, values at most 512.", param=param)
        return value

    schema = {"type": "object", "maxProperties": 16, "additionalProperties": {"type": "string", "maxLength": 512}}
    return Kind(check, schema, "up to 16 pairs of text")


def stop_kind() -> Kind:
    """A string, or up to four of them; the answer is a tuple."""

    def check(value: Any, param: str) -> tuple[str, ...]:
        stops = [value] if isinstance(value, str) else value
        if not isinstance(stops, list):
            raise wrong_type(param, "a string or an array of strings", value)
        if len(stops) > MAX_STOPS:
            raise BadInput(
                f"Invalid '{param}': at most {MAX_STOPS} sequences are taken, got {len(stops)}.",
                param=param,
                code="array_above_max_length",
            )
        for stop in stops:
            if not isinstance(stop, str):
                raise wrong_type(param, "a string or an array of strings", stop)
            if not stop:
                raise BadInput(f"Invalid '{param}': a stop sequence must not be empty.", param=param)
        return tuple(stops)

    one = {"type": "string", "minLength": 1}
    schema = {"oneOf": [one, {"type": "array", "items": one, "maxItems": MAX_STOPS}]}
    return Kind(check, schema, "text, or up to 4 of them")


def logit_bias_kind() -> Kind:
    """Token id (as text) -> -100..100."""
    bias = number(-100, 100)

    def check(value: Any, param: str) -> dict[str, float]:
        if not isinstance(value, dict):
            raise wrong_type(param, "an object", value)
        if len(value) > 1024:
            raise BadInput(f"Invalid '{param}': at most 1024 tokens are taken.", param=param)
        for token in value:
            if not (token.isascii() and token.isdigit() and len(token) <= 9):
                raise BadInput(f"Invalid '{param}': keys are token ids of the model that answers.", param=param)
        return {token: bias.check(item, f"{param}.{token}") for token, item in value.items()}

    schema = {"type": "object", "additionalProperties": bias.schema}
    return Kind(check, schema, "token id -> -100 to 100")


SAMPLING = (
    Field("temperature", "honoured", number(0, 2)),
    Field("top_p", "honoured", number(0, 1)),
    Field("seed", "honoured", integer(-(2**63)), "Same seed, same answer, as far as the engine can."),
    Field("stop", "honoured", stop_kind()),
    Field("frequency_penalty", "honoured", number(-2, 2)),
    Field("presence_penalty", "honoured", number(-2, 2)),
    Field("logit_bias", "honoured", logit_bias_kind(), "Token ids are those of the model that answers."),
    Field("n", "honoured", integer(1, 128)),
)
"""The sampling fields chat and completions share; `sampling_values` turns them into arguments of Sampling."""

PLAIN_SAMPLING = frozenset(field.name for field in SAMPLING)

STREAM_OPTIONS_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"include_usage": {"type": "boolean"}, "include_obfuscation": {"type": "boolean"}},
    "additionalProperties": False,
}


def sampling_values(values: dict[str, Any]) -> dict[str, Any]:
    """The keyword arguments of Sampling among a table's values."""
    return {name: value for name, value in values.items() if name in PLAIN_SAMPLING}


def stream_options_kind() -> Kind:
    """`include_usage` and `include_obfuscation`."""
    flag = boolean()

    def check(value: Any, param: str) -> dict[str, bool]:
        if not isinstance(value, dict):
            raise wrong_type(param, "an object", value)
        options = {name: item for name, item in value.items() if item is not None}
        for name, item in options.items():
            if name not in STREAM_OPTIONS_SCHEMA["properties"]:
                place = f"{param}.{name[:100]}"
                raise BadInput(f"Unknown parameter: '{place}'.", param=place, code="unknown_parameter")
            flag.check(item, f"{param}.{name}")
        return options

    return Kind(check, STREAM_OPTIONS_SCHEMA, "`include_usage`, `include_obfuscation`")


STREAM_OPTIONS = Field("stream_options", "honoured", stream_options_kind(), "Only together with `stream: true`.")


def stream_options(values: dict[str, Any]) -> dict[str, bool]:
    """The options of a streamed answer. Raises BadInput when the answer is not streamed."""
    options: dict[str, bool] = values.get("stream_options", {})
    if options and not values.get("stream"):
        raise BadInput("The 'stream_options' parameter is only allowed when 'stream' is true.", param="stream_options")
    return options


def token_ids(value: list[Any], param: str) -> tuple[int, ...]:
    """A list of token ids. Raises BadInput."""
    for item in value:
        if isinstance(item, bool) or not isinstance(item, int):
            raise wrong_type(param, "token ids", item)
        if not 0 <= item < 2**31:
            raise BadInput(f"Invalid '{param}': {item} is no token id.", param=param)
    return tuple(value)


def text_inputs(value: Any, param: str, limit: int) -> tuple[str | tuple[int, ...], ...]:
    """Text, a list of texts, token ids, or a list of token id lists, as a tuple of inputs. Raises BadInput."""
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, list):
        raise wrong_type(param, "a string or an array", value)
    if not value:
        raise BadInput(f"Invalid '{param}': it must not be empty.", param=param, code="empty_array")
    if isinstance(value[0], int):
        return (token_ids(value, param),)
    if len(value) > limit:
        raise BadInput(
            f"Invalid '{param}': at most {limit} inputs are taken, got {len(value)}.",
            param=param,
            code="array_above_max_length",
        )
    return tuple(_one_input(item, f"{param}[{index}]") for index, item in enumerate(value))


def _one_input(item: Any, param: str) -> str | tuple[int, ...]:
    if isinstance(item, str):
        return item
    if isinstance(item, list):
        if not item:
            raise BadInput(f"Invalid '{param}': it must not be empty.", param=param, code="empty_array")
        return token_ids(item, param)
    raise wrong_type(param, "a string or token ids", item)


def refuse_foreign_tokens(inputs: tuple[str | tuple[int, ...], ...], asked: str, card: str, param: str) -> None:
    """Token ids sent under an alias were made with another model's vocabulary: they would be read as nonsense."""
    if any(isinstance(one, tuple) for one in inputs):
        raise UnsupportedField(
            f"`{asked}` is answered by `{card}`, whose tokens differ: send text instead of token ids, or ask for "
            f"`{card}` with its own token ids.",
            param=param,
        )


@contextmanager
def naming(params: Mapping[str, str]) -> Iterator[None]:
    """Give an error raised inside the name this route has for the field at fault: engines know chat's names only."""
    try:
        yield
    except OmniwattError as error:
        error.param = params.get(error.param or "", error.param)
        raise


def usage(used: Usage) -> dict[str, Any]:
    """`usage` as chat and completions have it; energy and compute only where there is a figure."""
    found: dict[str, Any] = {
        "prompt_tokens": used.prompt_tokens,
        "completion_tokens": used.completion_tokens,
        "total_tokens": used.total_tokens,
        "prompt_tokens_details": {"cached_tokens": used.cached_tokens, "audio_tokens": used.audio_tokens},
        "completion_tokens_details": {
            "reasoning_tokens": used.reasoning_tokens,
            "audio_tokens": used.audio_output_tokens,
            "accepted_prediction_tokens": used.accepted_prediction_tokens,
            "rejected_prediction_tokens": used.rejected_prediction_tokens,
        }
        | ({"image_tokens": used.image_output_tokens} if used.image_output_tokens else {}),
    }
    return found | extras(used)


def extras(used: Usage) -> dict[str, Any]:
    """The additive parts of a usage: `energy` and `compute`."""
    found: dict[str, Any] = {}
    if used.energy is not None:
        found["energy"] = used.energy
    if used.compute is not None:
        found["compute"] = used.compute
    return found


def logprob(one: TokenLogprob) -> dict[str, Any]:
    """One token of `logprobs.content`."""
    return _plain_logprob(one) | {"top_logprobs": [_plain_logprob(other) for other in one.top]}


def _plain_logprob(one: TokenLogprob) -> dict[str, Any]:
    return {"token": one.token, "logprob": finite(one.logprob), "bytes": list(one.bytes_)}


def finite(value: float) -> float:
    """A log-probability that JSON can hold: an impossible token has OpenAI's -9999."""
    return value if math.isfinite(value) else IMPOSSIBLE


def now() -> int:
    """`created`: whole seconds since 1970."""
    return int(time.time())


@lru_cache(maxsize=256)
def fingerprint(model: str) -> str:
    """`system_fingerprint`: changes when this program's version or the model does."""
    return "fp_" + hashlib.blake2s(f"{__version__}:{model}".encode(), digest_size=5).hexdigest()
