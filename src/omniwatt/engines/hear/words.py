"""When each word was said, and how sure each token is. Pure."""

import math
from collections.abc import Sequence

from omniwatt.contract.event import TokenLogprob, Word
from omniwatt.engines.hear.recogniser import Aligned
from omniwatt.engines.hear.vocabulary import Vocabulary

_SURE_ENOUGH = 1e-10


def spoken_words(
    vocabulary: Vocabulary, ids: Sequence[int], aligned: Aligned, offset_s: float, unspaced: bool
) -> tuple[Word, ...]:
    """Words with times from the beginning of the sound; punctuation belongs to the word it touches."""
    found: list[Word] = []
    at = 0
    for text, tokens in _words(vocabulary.pieces(ids), unspaced):
        until = at + len(tokens)
        probabilities = aligned.probabilities[at:until]
        start_s, end_s = aligned.starts_s[at], aligned.starts_s[until]
        found.append(Word(text, offset_s + start_s, offset_s + end_s, sum(probabilities) / max(1, len(probabilities))))
        at = until
    return tuple(found)


def token_logprobs(vocabulary: Vocabulary, ids: Sequence[int], aligned: Aligned) -> tuple[TokenLogprob, ...]:
    """Natural logarithms, one for each smallest part of the text that is whole characters."""
    found = []
    at = 0
    for text, tokens in vocabulary.pieces(ids):
        probabilities = aligned.probabilities[at : at + len(tokens)]
        at += len(tokens)
        logprob = sum(math.log(max(probability, _SURE_ENOUGH)) for probability in probabilities)
        found.append(TokenLogprob(text, logprob, text.encode()))
    return tuple(found)


Piece = tuple[str, tuple[int, ...]]


def _words(pieces: Sequence[Piece], unspaced: bool) -> list[Piece]:
    """A word begins at a space; where none are written, every piece is one. Marks alone belong to the word before."""
    found: list[Piece] = []
    for text, tokens in pieces:
        begins = unspaced or text.startswith(" ")
        if found and (not begins or _only_marks(text)):
            found[-1] = (found[-1][0] + text, found[-1][1] + tokens)
        else:
            found.append((text, tokens))
    return found


def _only_marks(text: str) -> bool:
    return not any(map(str.isalnum, text)) and text != " "
