"""Stop strings: whatever the pieces, the text is what a search in the whole would have cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniwatt.engines.chat.stops import StopScanner


def scanned(pieces: list[str], stops: list[str]) -> tuple[str, bool]:
    scanner = StopScanner(stops)
    shown = "".join(scanner.feed(piece) for piece in pieces)
    return (shown if scanner.stopped else shown + scanner.flush()), scanner.stopped


@pytest.mark.parametrize(
    ("pieces", "stops", "text", "stopped"),
    [
        (["one ", "two"], [], "one two", False),
        (["a", "b", "c", "d"], ["bc"], "a", True),
        (["aab"], ["ab", "aa"], "", True),
        (["x\n", "\n"], ["\n\n"], "x", True),
        (["x\n", "y"], ["\n\n"], "x\ny", False),
        (["ends with a", "b"], ["abc"], "ends with ab", False),
        (["鲁", "迅是"], ["迅"], "鲁", True),
    ],
)
def test_cases(pieces: list[str], stops: list[str], text: str, stopped: bool) -> None:
    assert scanned(pieces, stops) == (text, stopped)


@given(st.lists(st.text("ab", max_size=3)), st.lists(st.text("ab", min_size=1, max_size=4), max_size=4))
def test_pieces_do_not_matter(pieces: list[str], stops: list[str]) -> None:
    whole = "".join(pieces)
    shown, stopped = scanned(pieces, stops)
    found = [whole.find(stop) for stop in stops if stop in whole]
    assert stopped == bool(found)
    assert whole.startswith(shown)
    if not found:
        assert shown == whole
    else:
        # Read piece by piece, a stop string counts as soon as it is complete.
        assert not any(stop in shown for stop in stops)
        assert any(whole.startswith(stop, len(shown)) for stop in stops)
