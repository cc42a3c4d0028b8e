"""Events out of bytes cut anywhere."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniwatt.contract.error import UpstreamFailed
from omniwatt.engines.upstream.sse import Events


def read(pieces: list[bytes]) -> list[bytes]:
    events = Events()
    return [event for piece in pieces for event in events.feed(piece)] + events.end()


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"data: a\n\ndata: b\n\n", [b"a", b"b"]),
        (b"data: a\r\n\r\ndata: b\r\n\r\n", [b"a", b"b"]),
        (b"data: a\r\rdata: b\r\r", [b"a", b"b"]),
        (b": ping\n\n: ping\n\ndata: a\n\n", [b"a"]),
        (b"event: x\nid: 1\nretry: 5\ndata: a\n\n", [b"a"]),
        (b"data:a\n\n", [b"a"]),
        (b"data:  a\n\n", [b" a"]),
        (b"data: a\ndata: b\n\n", [b"a\nb"]),
        (b"data: a", [b"a"]),
        (b"data: a\n", [b"a"]),
        (b"data:\n\n", []),
        (b"\n\n\n", []),
        (b"", []),
        (b"<html>garbage", []),
    ],
)
def test_forms(raw: bytes, expected: list[bytes]) -> None:
    assert read([raw]) == expected
    assert read([raw[i : i + 1] for i in range(len(raw))]) == expected


TEXTS = st.lists(st.text(st.characters(exclude_characters="\r\n", codec="utf-8"), min_size=1), max_size=6)


@given(TEXTS, st.sampled_from(["\n", "\r\n", "\r"]), st.lists(st.integers(0, 200), max_size=8))
def test_any_cut_gives_the_same_events(texts: list[str], newline: str, cuts: list[int]) -> None:
    raw = "".join(f": note{newline}data: {text}{newline}{newline}" for text in texts).encode()
    at = sorted({0, len(raw), *(cut for cut in cuts if cut < len(raw))})
    pieces = [raw[start:end] for start, end in itertools.pairwise(at)]
    assert read(pieces) == [text.encode() for text in texts]


def test_an_event_over_the_limit_is_refused_without_a_newline_or_with_many() -> None:
    for piece in (b"x" * 100, b"data: " + b"x" * 100 + b"\n"):
        events = Events(1000)
        for _ in range(9):
            assert events.feed(piece) == []
        with pytest.raises(UpstreamFailed, match="too large"):
            events.feed(piece * 2)


def test_many_small_events_stay_under_the_limit() -> None:
    events = Events(1000)
    assert sum(len(events.feed(b"data: " + b"x" * 100 + b"\n\n")) for _ in range(1000)) == 1000
