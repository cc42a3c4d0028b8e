"""Text between time tokens. Pure."""

from collections.abc import Sequence

import msgspec

from omniwatt.engines.hear.guard import Written
from omniwatt.engines.hear.vocabulary import Vocabulary

LATE_S = 0.1
"""What begins less than this before the sound ends, or later, was not said in it."""


class Part(msgspec.Struct, frozen=True):
    """Text that belongs together, in seconds from the beginning of its window."""

    start_s: float
    end_s: float
    ids: tuple[int, ...]
    """Tokens of text only."""
    tokens: tuple[int, ...]
    """The same with the time tokens around them."""


def timed(vocabulary: Vocabulary, tokens: Sequence[int], seconds: float) -> list[Part]:
    """The parts between pairs of times; what the model heard after the sound's end is left out, unless it is all."""
    parts: list[Part] = []
    ids: list[int] = []
    start: int | None = None
    for token in tokens:
        if token < vocabulary.end:
            ids.append(token)
        elif vocabulary.is_time(token):
            if ids:
                parts.append(_part(vocabulary, start, ids, token, seconds))
                ids, start = [], None
            else:
                start = token
    if ids:
        parts.append(_part(vocabulary, start, ids, None, seconds))
    inside = [part for part in parts if part.start_s < seconds - LATE_S]
    return inside or parts[:1]


def _part(vocabulary: Vocabulary, start: int | None, ids: list[int], end: int | None, seconds: float) -> Part:
    start_s = 0.0 if start is None else vocabulary.seconds(start)
    end_s = seconds if end is None else min(vocabulary.seconds(end), seconds)
    marks = [[] if mark is None else [mark] for mark in (start, end)]
    return Part(start_s, max(start_s, end_s), tuple(ids), (*marks[0], *ids, *marks[1]))


def closed(vocabulary: Vocabulary, written: Written) -> Written:
    """A text that was broken off, up to the last time token that ends a part of it; as it is where there is none."""
    last = max((place for place, token in enumerate(written.tokens) if vocabulary.is_time(token)), default=0)
    tokens = written.tokens[: last + 1]
    if not any(token < vocabulary.end for token in tokens):
        return written
    return msgspec.structs.replace(written, tokens=tokens, text=vocabulary.text(tokens).strip(), complete=True)


def trimmed(vocabulary: Vocabulary, written: Written, seconds: float) -> Written:
    """Without what was heard after the sound's end: at the edge of a short window a model says things twice."""
    parts = timed(vocabulary, written.tokens, seconds)
    if sum(len(part.ids) for part in parts) == sum(token < vocabulary.end for token in written.tokens):
        return written
    tokens = tuple(token for part in parts for token in part.tokens)
    text = vocabulary.text(tokens).strip()
    return msgspec.structs.replace(written, tokens=tokens, text=text, complete=True)
