"""Tables that keep their names: in a terminal too narrow for all columns, figures that matter least are left out."""

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table

GAP = 2
NAME_LEAST = 12
"""A name is folded to no fewer columns than that."""
WIDE = 500
"""What nobody looks at has all columns, whatever it goes to."""


def fitting(names: Sequence[int], figures: Mapping[str, int], spare: Sequence[str], width: int) -> list[str]:
    """The figures that have room beside the names; those of `spare` are left out first to last.

    `names` has the names' widths, `figures` each column's, all in columns of text. Pure.
    """
    shown = list(figures)
    for head in spare:
        taken = sum(min(name, NAME_LEAST) + GAP for name in names) + sum(figures[one] + GAP for one in shown) - GAP
        if taken <= width:
            break
        if head in shown:
            shown.remove(head)
    return shown


def width_of(console: Console) -> int:
    """Columns a table may take."""
    return console.width if console.is_terminal else WIDE


def show(table: Table, console: Console) -> None:
    """Print it, all of it where nobody looks."""
    if console.is_terminal:
        console.print(table)
        return
    Console(file=console.file, width=WIDE, highlight=False, emoji=False, no_color=True).print(table)
