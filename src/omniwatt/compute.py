"""How much arithmetic an answer took: an estimate from the model's parameters and what passed through them. Pure.

A dense transformer takes about two floating-point operations a parameter and position (Kaplan et al. 2020, section 2.1;
attention beside it is small at ordinary lengths). For speech heard, every position of the encoder counts as a token:
fifty a second (Radford et al. 2022); as if each weight saw each position, so this is an upper bound.
"""

from typing import Any

from omniwatt.contract.event import Usage

FLOP_PER_PARAMETER = 2.0
ENCODER_POSITIONS_PER_S = 50.0
TEXT = frozenset({"chat", "complete", "embed"})


def compute_used(capability: str, parameters: int | None, usage: Usage) -> dict[str, Any] | None:
    """`usage.compute`: TFLOP with their method; None where nothing is known of the model or nothing passed through."""
    if not parameters:
        return None
    positions = _positions(capability, usage)
    if positions <= 0.0:
        return None
    return {"tflop": round(FLOP_PER_PARAMETER * parameters * positions / 1e12, 6), "method": "estimated"}


def _positions(capability: str, usage: Usage) -> float:
    if capability in TEXT:
        return float(usage.prompt_tokens - usage.cached_tokens + usage.completion_tokens)
    if capability == "hear":
        return ENCODER_POSITIONS_PER_S * usage.audio_s + usage.completion_tokens
    return 0.0
