"""Whether what was written down can be true. Pure; thresholds as in Whisper (Radford et al. 2022, section 4.5)."""

import zlib
from collections.abc import Sequence

import msgspec

FIRST_MARK = 50_256
"""Numbers from here on are marks (the end, languages, tasks, times) in every Whisper vocabulary."""
_ANEW = 5
"""So many tokens of the beginning, said again at the end, are no accident."""


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

    @property
    def ids(self) -> tuple[int, ...]:
        """Tokens of text only."""
        return tuple(token for token in self.tokens if token < FIRST_MARK)


def compression_ratio(text: str) -> float:
    """Bytes of UTF-8 per byte of zlib; loops compress well."""
    data = text.encode()
    return len(data) / len(zlib.compress(data)) if data else 0.0


def looped(tokens: Sequence[int], repeats: int) -> bool:
    """One phrase of 3 to 16 tokens stands more than `repeats` times in a row, or the text begins anew at its end."""
    size = len(tokens)
    for length in range(3, min(16, size // 2) + 1):
        run = 0
        for place in range(length, size):
            run = run + 1 if tokens[place] == tokens[place - length] else 0
            if run >= length * repeats:
                return True
    return any(tuple(tokens[place:]) == tuple(tokens[: size - place]) for place in range(1, size - _ANEW + 1))


def repetitive(written: Written, limits: Limits) -> bool:
    """The text says one thing over and over: a loop, most often."""
    return compression_ratio(written.text) > limits.compression_ratio or looped(written.ids, limits.repeats)


def fault(written: Written, seconds: float, limits: Limits) -> str:
    """Why this is not believed, in a word; empty if it is."""
    if not written.complete:
        return "length"
    if compression_ratio(written.text) > limits.compression_ratio:
        return "compression"
    if looped(written.ids, limits.repeats):
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
        loops = compression_ratio(written.text) > 2.4 or looped(written.ids, 3)
        return (not loops, written.complete, written.avg_logprob)

    return max(one, other, key=worth)
