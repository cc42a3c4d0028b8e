"""OpenAI's sampling fields as llama.cpp's. An unset field takes the card's default; a set one is honoured as set."""

from collections.abc import Mapping
from typing import Any

from omniwatt.contract.error import BadInput
from omniwatt.contract.event import TokenLogprob
from omniwatt.contract.request import Sampling

DEFAULTS: dict[str, float] = {"temperature": 0.3, "top_p": 0.8, "top_k": 20, "min_p": 0.05, "repeat_penalty": 1.05}
CUT_FIRST = ["top_k", "penalties", "top_p", "min_p", "temperature"]
"""llama.cpp's own order looks every token of the vocabulary up for the penalty: 0.7 of 18 ms a token (0.5B, two
cores). Among the likeliest it costs nothing that can be measured."""
BAN = -100
RANDOM_SEED = 0xFFFFFFFF


def parameters(sampling: Sampling, defaults: Mapping[str, float], vocabulary: int) -> dict[str, Any]:
    """The sampling part of a completion request. Raises BadInput for a token the vocabulary lacks."""
    values: dict[str, Any] = {**DEFAULTS, **defaults}
    if sampling.temperature is not None:
        values["temperature"] = sampling.temperature
    if sampling.top_p is not None:
        # A caller who shapes the nucleus gets that nucleus, with no other cut beside it.
        values |= {"top_p": sampling.top_p, "top_k": 0, "min_p": 0.0}
    values |= {"frequency_penalty": sampling.frequency_penalty, "presence_penalty": sampling.presence_penalty}
    if values["top_k"] > 0 and not sampling.frequency_penalty and not sampling.presence_penalty:
        values["samplers"] = CUT_FIRST
    if sampling.seed is not None:
        values["seed"] = seed(sampling.seed)
    if sampling.logit_bias:
        values["logit_bias"] = [_bias(token, bias, vocabulary) for token, bias in sampling.logit_bias.items()]
    if sampling.logprobs is not None:
        values["logprobs"] = max(1, sampling.logprobs)
    return values


def seed(wanted: int) -> int:
    """A seed llama.cpp takes as one: 32 bits, and not its word for «random»."""
    folded = wanted & 0xFFFFFFFF
    return folded if folded != RANDOM_SEED else 0


def token_logprobs(found: Mapping[str, Any] | None, top: int) -> tuple[TokenLogprob, ...]:
    """llama.cpp's log-probabilities (natural logs, before sampling) with `top` alternatives each."""
    return tuple(_logprob(token, top) for token in (found or {}).get("content") or ())


def _logprob(token: Mapping[str, Any], top: int) -> TokenLogprob:
    likeliest = tuple(_logprob(other, 0) for other in token.get("top_logprobs", ())[:top]) if top else ()
    return TokenLogprob(str(token["token"]), float(token["logprob"]), bytes(token["bytes"]), likeliest)


def _bias(token: str, bias: float, vocabulary: int) -> list[Any]:
    if not token.isascii() or not token.isdigit() or int(token) >= vocabulary:
        raise BadInput(f"logit_bias: {token[:20]!r} is no token id of this model", param="logit_bias")
    return [int(token), False if bias <= BAN else bias]
