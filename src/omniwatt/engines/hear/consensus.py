"""The hypothesis nearest to all others: minimum Bayes risk decoding (Goel and Byrne 2000), with words as the measure.

Hypotheses of several views of one sound disagree where one of them errs; the one with the least expected number of
word errors, the hypotheses' own probabilities being the weights, errs least on the whole.
"""

import math
import re
from collections.abc import Sequence

import msgspec

from omniwatt.engines.hear.guard import Written

KEYWORD_WORTH = 2.0
"""How many nats a keyword found in a hypothesis adds to its log-probability, each once."""
_UNMEANT = re.compile(r"[^\w\s']+")


class Candidate(msgspec.Struct, frozen=True):
    """What one view heard."""

    written: Written
    units: tuple[str, ...]
    """Its words, or letters where words are not spaced, without case and punctuation."""

    @property
    def logprob(self) -> float:
        """Of the whole text, its end included."""
        return self.written.avg_logprob * (len(self.written.tokens) + 1)


def units_of(text: str, unspaced: bool) -> tuple[str, ...]:
    """What is compared."""
    plain = _UNMEANT.sub(" ", text.lower())
    return tuple("".join(plain.split())) if unspaced else tuple(plain.split())


def chosen(candidates: Sequence[Candidate], keywords: Sequence[str] = ()) -> Candidate:
    """The candidate with the least expected errors."""
    scores = [one.logprob + KEYWORD_WORTH * found(one.written.text, keywords) for one in candidates]
    best = max(scores)
    weights = [math.exp(score - best) for score in scores]

    def risk(one: Candidate) -> float:
        return sum(w * distance(one.units, other.units) for w, other in zip(weights, candidates, strict=True))

    return min(zip(candidates, scores, strict=True), key=lambda pair: (risk(pair[0]), -pair[1]))[0]


def found(text: str, keywords: Sequence[str]) -> int:
    """How many of the keywords stand in the text, whatever their case."""
    lowered = text.lower()
    return sum(keyword.lower() in lowered for keyword in keywords)


def distance(one: Sequence[str], other: Sequence[str]) -> int:
    """Least number of insertions, deletions and substitutions (Levenshtein)."""
    before = list(range(len(other) + 1))
    for place, unit in enumerate(one, 1):
        now = [place]
        for at, against in enumerate(other, 1):
            now.append(min(before[at] + 1, now[-1] + 1, before[at - 1] + (unit != against)))
        before = now
    return before[-1]
