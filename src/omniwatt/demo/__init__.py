"""The exchange of `make demo`: what is sent, what comes back, and whether it is right. Told honestly."""

import time

from rich.console import Console
from rich.table import Table

from omniwatt.demo.stage import Outcome, Stage
from omniwatt.demo.steps import STEPS


def run(url: str, key: str, console: Console) -> list[Outcome]:
    """Hold the exchange. A step that raises is an outcome too, and the next one still runs."""
    stage = Stage(url, key, console)
    outcomes = []
    for number, step in enumerate(STEPS, 1):
        title = (step.__doc__ or "").strip().rstrip(".")
        console.print(f"\n[bold]{number}/{len(STEPS)}  {title}[/bold]")
        began = time.monotonic()
        try:
            outcome = step(stage)
        except Exception as error:  # noqa: BLE001  an honest demo shows whatever went wrong and goes on
            outcome = Outcome(title=title, right=False, note=f"{error}"[:160], seconds=time.monotonic() - began)
        outcomes.append(outcome)
        console.print(
            f"  {mark(outcome.right)} {outcome.note}[dim]{'; ' if outcome.note else ''}{figures(outcome)}[/dim]"
        )
    return outcomes


def summary(outcomes: list[Outcome], console: Console) -> None:
    """The table at the end."""
    table = Table(title="\nWhat happened", title_style="bold", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name, justify in (("", "left"), ("step", "left"), ("model", "left")):
        table.add_column(name, justify=justify)  # type: ignore[arg-type]
    for name in ("prompt", "answer", "first", "total"):
        table.add_column(name, justify="right", style="dim")
    table.add_column("")
    for o in outcomes:
        first = f"{o.first_s:.2f} s" if o.first_s is not None else ""
        table.add_row(
            mark(o.right), o.title, o.model, str(o.prompt_tokens), str(o.tokens), first, f"{o.seconds:.2f} s", o.note
        )
    console.print(table)
    wrong = [o.title for o in outcomes if o.right is False]
    if wrong:
        console.print(
            f"\n[dim]✗ {', '.join(wrong)}: the service did its part; the small default model has its limits. "
            "A larger model, or a relay under the same name, answers better.[/dim]"
        )


def mark(right: bool | None) -> str:
    """The sign for right, wrong, or nothing to judge."""
    return {True: "[green]✓[/green]", False: "[bold red]✗[/bold red]", None: "[dim]·[/dim]"}[right]


def figures(outcome: Outcome) -> str:
    """Tokens and seconds of one step, for people."""
    parts = [f"{outcome.prompt_tokens} + {outcome.tokens} tokens"]
    if outcome.first_s is not None:
        parts.append(f"first after {outcome.first_s:.2f} s")
    parts.append(f"{outcome.seconds:.2f} s")
    return ", ".join(parts)
