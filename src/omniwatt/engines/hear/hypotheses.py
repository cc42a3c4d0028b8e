"""Several texts of one sound: which is taken, and whether two say the same. Pure."""

import re
from collections.abc import Sequence

from omniwatt.engines.hear.guard import Written

KEYWORD_WORTH = 2.0
"""How many nats a keyword found in a hypothesis adds to its log-probability, each once."""
_DIFFERENT = 0.1
"""Two texts with fewer edits than this share of their words say the same."""
_UNMEANT = re.compile(r"[^\w\s']+")


def best(hypotheses: Sequence[Written], keywords: Sequence[str] = ()) -> Written:
    """The likeliest, keywords counting for something."""
    return max(hypotheses, key=lambda one: logprob(one) + KEYWORD_WORTH * found(one.text, keywords))


def logprob(written: Written) -> float:
    """Of the whole text, its end included."""
    return written.avg_logprob * (len(written.tokens) + 1)


def found(text: str, keywords: Sequence[str]) -> int:
    """How many of the keywords stand in the text, whatever their case."""
    lowered = text.lower()
    return sum(keyword.lower() in lowered for keyword in keywords)


def agree(one: str, other: str) -> bool:
    """Whether both are nearly the same words, case and punctuation aside."""
    words, others = _words(one), _words(other)
    return distance(words, others) <= _DIFFERENT * max(len(words), len(others))


def _words(text: str) -> list[str]:
    return _UNMEANT.sub(" ", text.lower()).split()


def distance(one: Sequence[str], other: Sequence[str]) -> int:
    """Least number of insertions, deletions and substitutions (Levenshtein)."""
    before = list(range(len(other) + 1))
    for place, unit in enumerate(one, 1):
        now = [place]
        for at, against in enumerate(other, 1):
            now.append(min(before[at] + 1, now[-1] + 1, before[at - 1] + (unit != against)))
        before = now
    return before[-1]
