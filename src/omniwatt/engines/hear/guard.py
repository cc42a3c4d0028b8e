"""Whether what was written down can be true. Pure; thresholds as in Whisper (Radford et al. 2022, section 4.5)."""

import zlib
from collections.abc import Sequence

import msgspec


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Beyond these a text is not believed."""

    compression_ratio: float = 2.4
    avg_logprob: float = -1.0
    no_speech_prob: float = 0.6
    repeats: int = 3
    """How often in a row one phrase of three or more tokens may come."""


class Written(msgspec.Struct, frozen=True):
    """One decoding of one window."""

    tokens: tuple[int, ...]
    """Text and timestamps, without the end mark."""
    text: str
    avg_logprob: float
    no_speech_prob: float
    complete: bool
    """The model ended it, not the limit."""


def compression_ratio(text: str) -> float:
    """Bytes of UTF-8 per byte of zlib; loops compress well."""
    data = text.encode()
    return len(data) / len(zlib.compress(data)) if data else 0.0


def looped(tokens: Sequence[int], repeats: int) -> bool:
    """One phrase of 3 to 16 tokens stands more than `repeats` times in a row, or fills the whole text twice over."""
    size = len(tokens)
    for length in range(3, min(16, size // 2) + 1):
        run = 0
        for place in range(length, size):
            run = run + 1 if tokens[place] == tokens[place - length] else 0
            if run >= length * repeats or (run >= length and run + length >= size - 1 and length >= 5):
                return True
    return False


def fault(written: Written, seconds: float, limits: Limits) -> str:
    """Why this is not believed, in a word; empty if it is."""
    if not written.complete:
        return "length"
    if compression_ratio(written.text) > limits.compression_ratio:
        return "compression"
    if looped(written.tokens, limits.repeats):
        return "repetition"
    if written.avg_logprob < limits.avg_logprob:
        return "logprob"
    if seconds > 3.0 and not written.text:
        return "empty"
    return ""


def silent(written: Written, limits: Limits) -> bool:
    """No speech after all: the model says so, and is not sure of the words either."""
    return written.no_speech_prob > limits.no_speech_prob and written.avg_logprob < limits.avg_logprob


def better(one: Written, other: Written) -> Written:
    """The more believable of two decodings of one sound."""

    def worth(written: Written) -> tuple[bool, bool, float]:
        loops = compression_ratio(written.text) > 2.4 or looped(written.tokens, 3)
        return (not loops, written.complete, written.avg_logprob)

    return max(one, other, key=worth)
