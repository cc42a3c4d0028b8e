"""What is believed of what was decoded."""

import msgspec
import pytest

from omniwatt.engines.hear.guard import Limits, Written, better, compression_ratio, fault, looped, silent

GOOD = Written((5, 6, 7, 8), "four score and seven", -0.3, 0.01, True)
LOOP = msgspec.structs.replace(GOOD, text="fail better " * 30, tokens=(1, 2, 3) * 30)


def change(**fields: object) -> Written:
    return msgspec.structs.replace(GOOD, **fields)


@pytest.mark.parametrize(
    ("written", "seconds", "word"),
    [
        (GOOD, 5.0, ""),
        (change(complete=False), 5.0, "length"),
        (LOOP, 5.0, "compression"),
        (change(tokens=(1, 2, 3) * 5), 5.0, "repetition"),
        (change(avg_logprob=-1.4), 5.0, "logprob"),
        (change(text="", tokens=()), 5.0, "empty"),
        (change(text="", tokens=()), 0.5, ""),
    ],
)
def test_faults(written: Written, seconds: float, word: str) -> None:
    assert fault(written, seconds, Limits()) == word


@pytest.mark.parametrize(
    ("tokens", "loops"),
    [
        ((), False),
        ((1, 2, 3, 4, 5, 6), False),
        ((1, 1, 1, 1), False),
        ((1, 2, 3) * 2, False),
        ((1, 2, 3) * 5, True),
        ((9, 8, *((1, 2, 3, 4) * 5), 7), True),
        ((1, 2, 3, 4, 5) * 2, True),
        ((7, 7, 1, 2, 3, 4, 5, 9, 9, 1, 2, 3, 4, 5), False),
    ],
)
def test_loops(tokens: tuple[int, ...], loops: bool) -> None:
    assert looped(tokens, 3) is loops


def test_compression() -> None:
    assert compression_ratio("") == 0
    assert compression_ratio("word " * 100) > 10
    assert compression_ratio("The quick brown fox jumps over the lazy dog.") < 1.2


def test_silence_needs_both_signs() -> None:
    assert silent(change(no_speech_prob=0.9, avg_logprob=-1.5), Limits())
    assert not silent(change(no_speech_prob=0.9), Limits())
    assert not silent(change(avg_logprob=-1.5), Limits())


def test_a_loop_is_worse_than_any_doubt() -> None:
    doubtful = change(avg_logprob=-1.3)
    assert better(LOOP, doubtful) is doubtful
    assert better(change(complete=False), doubtful) is doubtful
    assert better(GOOD, doubtful) is GOOD
