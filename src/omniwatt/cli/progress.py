"""Progress bars for what is being pulled: one a model, with speed and time left; plain lines where nobody watches."""

from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING

from rich.progress import BarColumn, Progress, Task, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Column
from rich.text import Text

from omniwatt.cli.common import notes, size

if TYPE_CHECKING:
    from omniwatt.catalog.pull import PullEvent

SMALL_BYTES = 5_000_000
BAR_COLUMNS, AMOUNT_COLUMNS = 14, 17


class Bars:
    """A `report` for the puller. Sources that were given up are said in a dim line above the bars.

    `bytes_of` has the bytes to be fetched of each card; a card it does not have is as large as its files say by and by.
    """

    def __init__(self, bytes_of: Mapping[str, int] | None = None) -> None:
        self._watched = notes.is_terminal
        self._bytes_of = bytes_of or {}
        self._tasks: dict[str, TaskID] = {}
        self._files: dict[str, dict[str, PullEvent]] = {}
        self._said: set[tuple[str, str, str]] = set()
        self._progress = Progress(
            TextColumn("{task.description}", table_column=Column(no_wrap=True)),
            BarColumn(BAR_COLUMNS, table_column=Column(no_wrap=True)),
            TextColumn("{task.fields[amount]}", table_column=Column(no_wrap=True, min_width=AMOUNT_COLUMNS)),
            TimeRemainingColumn(table_column=Column(no_wrap=True)),
            _Cut("[dim]{task.fields[state]}[/dim]", table_column=Column()),
            console=notes,
            disable=not self._watched,
        )

    def __enter__(self) -> "Bars":
        for card, total in self._bytes_of.items():
            self._add(card, total)
        self._progress.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._progress.stop()

    def __call__(self, event: "PullEvent") -> None:
        if event.state == "present":
            return
        if event.state == "failed":
            self._progress.console.print(f"[dim]{event.file}: {_short(event.source)}: {event.message}[/dim]")
        if self._watched:
            self._move(event)
        else:
            self._say(event)

    def _add(self, card: str, total: int) -> None:
        self._tasks[card] = self._progress.add_task(card, total=total or None, amount=size(total), state="")

    def _move(self, event: "PullEvent") -> None:
        if event.card not in self._tasks:
            self._add(event.card, event.total_bytes)
        files = self._files.setdefault(event.card, {})
        files[event.file] = event
        done = sum(one.done_bytes for one in files.values())
        total = max(self._bytes_of.get(event.card, 0), sum(one.total_bytes for one in files.values()))
        whole = event.state == "done" and done >= total
        task = self._tasks[event.card]
        self._progress.update(task, completed=done, total=total or None)
        speed = self._progress.tasks[task].speed
        fetching = f"{size(speed)}/s {_short(event.source)}" if speed else _short(event.source)
        state = {"fetching": fetching, "failed": "next source", "done": "done" if whole else ""}
        self._progress.update(
            task,
            amount=size(total) if whole else f"{size(done)} of {size(total)}",
            state=event.message or state.get(event.state, event.state),
        )

    def _say(self, event: "PullEvent") -> None:
        key = (event.card, event.file, event.state + event.source)
        if event.total_bytes < SMALL_BYTES or event.state not in ("fetching", "done") or key in self._said:
            return
        self._said.add(key)
        source = f" from {_short(event.source)}" if event.source else ""
        notes.print(f"{event.file} ({size(event.total_bytes)}): {event.state}{source}")


class _Cut(TextColumn):
    """The column that is cut off where the terminal has no room for all."""

    def render(self, task: Task) -> Text:
        text = super().render(task)
        text.no_wrap, text.overflow = True, "ellipsis"
        return text


def _short(source: str) -> str:
    """`pypi:thing-part{1..6}==0.9.0:…` as people read it: the kind and the name."""
    kind, _, rest = source.partition(":")
    return f"{kind}:{rest.split(':')[0].split('==')[0].split('{')[0].partition('@')[0] or rest}"
