"""Where speech begins and ends."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniwatt.contract.error import BadInput
from omniwatt.engines.hear.activity import PIECE
from omniwatt.engines.hear.cutting import Cutter, Rules, Span, joined, padded, rules_of
from omniwatt.engines.hear.mel import RATE_HZ

RULES = Rules()
SETTLING = -(-RULES.silence_duration_ms * RATE_HZ // 1000 // PIECE)


def pieces(start: int, end: int) -> Span:
    return Span(start * PIECE, end * PIECE)


def cut(likely: list[float], rules: Rules = RULES) -> list[Span]:
    cutter = Cutter(rules)
    return cutter.feed(likely) + cutter.end()


@pytest.mark.parametrize(
    ("likely", "spans"),
    [
        ([], []),
        ([0.1] * 50, []),
        ([0.9] * 10, [pieces(0, 10)]),
        ([0.0] * 4 + [0.9] * 10 + [0.0] * 3, [pieces(4, 14)]),
        ([0.9] * 2 + [0.0] * 30, []),
        ([0.55] * 20, []),
        ([0.9] * 5 + [0.4] * 5 + [0.0] * 30, [pieces(0, 10)]),
        ([0.9] * 5 + [0.0] * (SETTLING - 1) + [0.9] * 5, [pieces(0, 9 + SETTLING)]),
        ([0.9] * 5 + [0.0] * SETTLING + [0.9] * 5, [pieces(0, 5), pieces(5 + SETTLING, 10 + SETTLING)]),
    ],
)
def test_speech_is_found(likely: list[float], spans: list[Span]) -> None:
    assert cut(likely) == spans


def test_a_span_is_out_as_soon_as_silence_has_settled_it() -> None:
    cutter = Cutter(RULES)
    assert cutter.feed([0.9] * 10 + [0.0] * (SETTLING - 1)) == []
    assert cutter.open == pieces(0, 10)
    assert cutter.quiet == (SETTLING - 1) * PIECE
    assert cutter.feed([0.0]) == [pieces(0, 10)]
    assert cutter.open is None


def test_speech_without_a_pause_is_cut_where_it_is_least_likely() -> None:
    rules = Rules(longest_s=6.4)
    likely = [0.9] * 150 + [0.6] + [0.9] * 100
    assert cut(likely, rules) == [pieces(0, 150), pieces(150, 251)]


@given(st.lists(st.floats(0, 1), max_size=400), st.lists(st.integers(1, 40), max_size=30))
def test_spans_are_ordered_and_do_not_depend_on_how_pieces_come(likely: list[float], sizes: list[int]) -> None:
    whole = cut(likely, Rules(longest_s=5))
    assert all(span.start < span.end <= len(likely) * PIECE for span in whole)
    assert all(one.end <= other.start for one, other in pairwise(whole))
    cutter, found, at = Cutter(Rules(longest_s=5)), [], 0
    for size in [*sizes, len(likely)]:
        found += cutter.feed(likely[at : at + size])
        at += size
    assert found + cutter.end() == whole


def seconds(*pairs: tuple[float, float]) -> list[Span]:
    return [Span(int(start * RATE_HZ), int(end * RATE_HZ)) for start, end in pairs]


@pytest.mark.parametrize(
    ("spans", "groups"),
    [
        ([], []),
        ([(0, 2), (2.5, 4)], [(0, 4)]),
        ([(0, 2), (3.5, 4)], [(0, 2), (3.5, 4)]),
        ([(0, 5), (5.5, 9), (9.5, 12)], [(0, 9), (9.5, 12)]),
    ],
)
def test_neighbours_are_joined(spans: list[tuple[float, float]], groups: list[tuple[float, float]]) -> None:
    assert joined(seconds(*spans), Rules(gap_s=1.0, joined_s=10.0)) == seconds(*groups)


def test_padding_stops_at_the_neighbours() -> None:
    rules = Rules(prefix_padding_ms=100)
    assert padded(Span(16_000, 32_000), 0, 48_000, rules) == Span(14_400, 33_600)
    assert padded(Span(16_000, 32_000), 15_900, 32_010, rules) == Span(15_900, 32_010)


@pytest.mark.parametrize(
    "asked",
    [
        {"threshold": 2},
        {"threshold": "high"},
        {"silence_duration_ms": 0},
        {"prefix_padding_ms": -1},
        {"unknown": 1},
        {"threshold": float("nan")},
    ],
)
def test_rules_that_cannot_be_are_refused(asked: dict[str, object]) -> None:
    with pytest.raises(BadInput) as caught:
        rules_of({}, asked)
    assert caught.value.param == "chunking_strategy"


def test_what_is_asked_for_wins_over_the_card() -> None:
    found = rules_of({"threshold": 0.4, "gap_s": 2.0}, {"type": "server_vad", "threshold": 0.7})
    assert (found.threshold, found.gap_s) == (0.7, 2.0)
