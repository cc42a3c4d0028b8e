"""What a pull shows: one bar a model in a terminal of any width, plain lines elsewhere."""

import io
import re

import pytest
from rich.console import Console

from omniwatt.catalog.pull import PullEvent
from omniwatt.cli import progress

SOURCE = "hf:Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF:model.gguf"
EVENTS = [
    PullEvent("illustrator", "icons.json", "fetching", 1_000_000, 104_000_000, SOURCE),
    PullEvent("illustrator", "icons.json", "failed", 0, 104_000_000, SOURCE, "no route"),
    PullEvent("illustrator", "icons.json", "done", 104_000_000, 104_000_000),
    *(PullEvent("illustrator", f"font-{i}.ttf", "done", 2_000_000, 2_000_000) for i in range(80)),
]


def shown(monkeypatch: pytest.MonkeyPatch, width: int, *, terminal: bool, events: list[PullEvent]) -> list[str]:
    out = io.StringIO()
    console = Console(file=out, width=width, force_terminal=terminal, color_system=None, soft_wrap=True)
    monkeypatch.setattr(progress, "notes", console)
    with progress.Bars({"illustrator": 264_000_000, "whisper-base": 148_000_000}) as bars:
        for event in events:
            bars(event)
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", out.getvalue().replace("\r", "\n")).split("\n")


@pytest.mark.parametrize("width", [60, 80, 120])
def test_there_is_one_bar_a_model_on_one_line(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    lines = [line.rstrip() for line in shown(monkeypatch, width, terminal=True, events=EVENTS)]
    last = [line for line in lines if " MB" in line and line.startswith(("illustrator", "whisper-base"))][-2:]
    assert [line.split()[0] for line in last] == ["illustrator", "whisper-base"]
    assert "264 MB" in last[0]
    assert last[0].endswith("done")
    assert not any("font-" in line for line in lines)
    assert any("icons.json: hf:Qwen" in line and "no route" in line for line in lines)


def test_half_a_model_says_how_much_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = shown(monkeypatch, 100, terminal=True, events=EVENTS[:1])
    assert any("1 MB of 264 MB" in line and "hf:Qwen" in line for line in lines)


def test_where_nobody_watches_there_is_a_line_for_each_large_file(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = shown(monkeypatch, 80, terminal=False, events=EVENTS)
    assert lines[0].startswith("icons.json (104 MB): fetching from hf:Qwen")
    assert "icons.json (104 MB): done" in lines
    assert not any("font-" in line for line in lines)
