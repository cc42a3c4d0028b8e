"""Progress bars for what is being pulled: one a file, with speed and time left; plain lines where nobody watches."""

from types import TracebackType
from typing import TYPE_CHECKING

from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from omniwatt.cli.common import notes, size

if TYPE_CHECKING:
    from omniwatt.catalog.pull import PullEvent

SMALL_BYTES = 5_000_000


class Bars:
    """A `report` for the puller. Sources that were given up are said in a dim line above the bars."""

    def __init__(self) -> None:
        self._watched = notes.is_terminal
        self._tasks: dict[tuple[str, str], TaskID] = {}
        self._said: set[tuple[str, str, str]] = set()
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            TextColumn("[dim]{task.fields[state]}[/dim]"),
            console=notes,
            disable=not self._watched,
        )

    def __enter__(self) -> "Bars":
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

    def _move(self, event: "PullEvent") -> None:
        key = (event.card, event.file)
        if key not in self._tasks:
            self._tasks[key] = self._progress.add_task(event.file, total=event.total_bytes, state="")
        state = {"fetching": _short(event.source), "failed": "next source"}.get(event.state, event.state)
        self._progress.update(
            self._tasks[key], completed=event.done_bytes, total=event.total_bytes or None, state=event.message or state
        )

    def _say(self, event: "PullEvent") -> None:
        key = (event.card, event.file, event.state + event.source)
        if event.total_bytes < SMALL_BYTES or event.state not in ("fetching", "done") or key in self._said:
            return
        self._said.add(key)
        source = f" from {_short(event.source)}" if event.source else ""
        notes.print(f"{event.file} ({size(event.total_bytes)}): {event.state}{source}")


def _short(source: str) -> str:
    """`pypi:thing-part{1..6}==0.9.0:…` as people read it: the kind and the name."""
    kind, _, rest = source.partition(":")
    return f"{kind}:{rest.split(':')[0].split('==')[0].split('{')[0].partition('@')[0] or rest}"
