"""The exchange of `make demo`: what is sent, what comes back, and whether it is right. Told honestly."""

import time
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from omniwatt.demo.stage import Outcome, Stage
from omniwatt.demo.steps import STEPS


def run(url: str, key: str, console: Console, folder: Path, recording: Path | None = None) -> list[Outcome]:
    """Hold the exchange. A step that raises is an outcome too, and the next one still runs.

    What is made is left in `folder`; `recording` is of real speech, where there is one.
    """
    stage = Stage(url, key, console, folder, recording)
    outcomes = []
    for number, (title, step) in enumerate(STEPS, 1):
        console.print(f"\n[bold]{number}/{len(STEPS)}  {title}[/bold]")
        began = time.monotonic()
        try:
            outcome = step(stage)
        except Exception as error:  # noqa: BLE001  an honest demo shows whatever went wrong and goes on
            outcome = Outcome(right=False, note=f"{error}"[:200], failed=True, seconds=time.monotonic() - began)
        outcomes.append(msgspec.structs.replace(outcome, title=title))
        console.print(f"  {mark(outcome)} {outcome.note or 'answered'}[dim]; {figures(outcome)}[/dim]")
    return outcomes


def summary(outcomes: list[Outcome], console: Console) -> None:
    """The table at the end, and what its marks mean."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("", no_wrap=True)
    table.add_column("step", no_wrap=True)
    for name in ("tokens", "first", "total"):
        table.add_column(name, justify="right", style="dim", no_wrap=True)
    table.add_column("")
    for o in outcomes:
        first = f"{o.first_s:.2f} s" if o.first_s is not None else ""
        note = "failed, see above" if o.failed else o.note if o.right is False else ""
        table.add_row(mark(o), o.title, f"{o.prompt_tokens} + {o.tokens}", first, f"{o.seconds:.2f} s", note)
    console.print("\n[bold]What happened[/bold]")
    console.print(table)
    models = list(dict.fromkeys(o.model for o in outcomes if o.model))
    console.print(f"[dim]answered by {', '.join(models) or 'nobody'}; tokens are prompt + answer[/dim]")
    if any(o.right is False and not o.failed for o in outcomes):
        console.print(
            "[dim]✗ the service did its part, the small model did not: a larger one, or a relay under the same name, "
            "answers better.[/dim]"
        )
    if any(o.failed for o in outcomes):
        console.print("[red]Some steps failed: that is the service's fault, not the model's.[/red]")


def mark(outcome: Outcome) -> str:
    """The sign for right, wrong, failed, or nothing to judge."""
    if outcome.failed:
        return "[bold red]![/bold red]"
    return {True: "[green]✓[/green]", False: "[bold red]✗[/bold red]", None: "[dim]·[/dim]"}[outcome.right]


def figures(outcome: Outcome) -> str:
    """Tokens and seconds of one step, for people."""
    parts = [f"{outcome.prompt_tokens} + {outcome.tokens} tokens"]
    if outcome.first_s is not None:
        parts.append(f"first after {outcome.first_s:.2f} s")
    parts.append(f"{outcome.seconds:.2f} s")
    return ", ".join(parts)
