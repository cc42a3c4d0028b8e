"""Lines of the demo are broken between words, however the pieces come."""

import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from omniwatt.demo.flow import INDENT, Flow
from omniwatt.demo.stage import Stage

SIGN = "  ← "


@pytest.mark.parametrize(
    ("text", "columns", "lines"),
    [
        ("The sky is blue.", 80, ["The sky is blue."]),
        ("The sky is blue.", 14, ["The sky is", "    blue."]),
        ("一只红猫。和狗", 12, ["一只红", "    猫。和狗"]),
        ("一只红猫。", 12, ["一只红", "    猫。"]),
        ("one\ntwo three", 80, ["one", "    two three"]),
        ("saved: /a/very/long/path.wav, 3 s", 16, ["saved: ", "    /a/very/long/path.wav,", "    3 s"]),
        ("The sky is blue.", None, ["The sky is blue."]),
        ("", 80, [""]),
    ],
)
def test_lines_end_between_words(text: str, columns: int | None, lines: list[str]) -> None:
    assert Flow(columns).whole(text).split("\n") == lines


@given(st.lists(st.text("ab 天空。\n", max_size=6), max_size=20), st.integers(12, 40))
def test_pieces_come_out_as_the_whole_would(pieces: list[str], columns: int) -> None:
    flow = Flow(columns)
    out = "".join(flow.take(piece) for piece in pieces) + flow.end()
    assert out == Flow(columns).whole("".join(pieces))
    assert out.translate({32: None, 10: None}) == "".join(pieces).translate({32: None, 10: None})
    if all(cell_len(word) <= columns - INDENT for word in "".join(pieces).split()):
        assert all(cell_len(line) <= columns for line in (SIGN + out).split("\n"))


def test_what_looks_like_markup_is_printed_as_it_is() -> None:
    out = io.StringIO()
    console = Console(file=out, width=30, force_terminal=True, color_system=None, soft_wrap=True)
    Stage("http://test", "sk", console, Path()).judged("[red]✗[/red]", "breaks the schema: [/none] of it", "2 tokens")
    assert out.getvalue() == "  ✗ breaks the schema: [/none]\n    of it; 2 tokens\n"
