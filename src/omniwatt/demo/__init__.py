"""The exchange of `make demo`: what is sent, what comes back, and whether it is right. Told honestly."""

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table

from omniwatt.cli.units import joules
from omniwatt.demo.stage import Admin, Outcome, Stage
from omniwatt.demo.steps import STEPS


def run(
    url: str, key: str, console: Console, folder: Path, recording: Path | None = None, admin: Admin | None = None
) -> list[Outcome]:
    """Hold the exchange. A step that raises is an outcome too, and the next one still runs.

    What is made is left in `folder`; `recording` is of real speech, where there is one; `admin` calls the operator's
    routes.
    """
    stage = Stage(url, key, console, folder, recording, admin)
    outcomes = []
    for number, (title, step) in enumerate(STEPS, 1):
        console.print(f"\n[bold]{number}/{len(STEPS)}  {title}[/bold]")
        began = time.monotonic()
        try:
            outcome = step(stage)
        except Exception as error:  # noqa: BLE001  an honest demo shows whatever went wrong and goes on
            outcome = Outcome(right=False, note=f"{error}"[:200], failed=True, seconds=time.monotonic() - began)
        outcomes.append(msgspec.structs.replace(outcome, title=title))
        stage.judged(mark(outcome), outcome.note or "answered", figures(outcome))
    return outcomes


def summary(outcomes: list[Outcome], console: Console, power: Mapping[str, Any] | None = None) -> None:
    """The table at the end, and what its marks mean; `power` says how the joules were got."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("", no_wrap=True)
    table.add_column("step", no_wrap=True)
    for name in ("tokens", "first", "total", "energy"):
        table.add_column(name, justify="right", style="dim", no_wrap=True)
    for o in outcomes:
        first = f"{o.first_s:.2f} s" if o.first_s is not None else ""
        energy = joules(o.energy_j) if o.energy_j is not None else ""
        table.add_row(mark(o), o.title, f"{o.prompt_tokens} + {o.tokens}", first, f"{o.seconds:.2f} s", energy)
    console.print("\n[bold]What happened[/bold]")
    console.print(table)
    for line in _told(outcomes, power):
        console.print(line, soft_wrap=not console.is_terminal)


def _told(outcomes: list[Outcome], power: Mapping[str, Any] | None) -> Iterator[str]:
    """What stands below the table."""
    models = list(dict.fromkeys(o.model for o in outcomes if o.model))
    yield f"[dim]answered by {', '.join(models) or 'nobody'}; tokens are prompt + answer[/dim]"
    if power and power.get("method") and any(o.energy_j is not None for o in outcomes):
        yield f"[dim]energy: {how(power)}; an answer's own work and its share of the idle watts[/dim]"
    wrong = {o.whose for o in outcomes if o.right is False and not o.failed}
    if "model" in wrong:
        yield (
            "[dim]✗ the service did its part, the small model did not: a larger one, or a relay under the same name, "
            "answers better.[/dim]"
        )
    if "server" in wrong:
        yield "[red]The budget was not held: that is the service's fault, not the model's.[/red]"
    if any(o.failed for o in outcomes):
        yield "[red]Some steps failed: that is the service's fault, not the model's.[/red]"


def how(power: Mapping[str, Any]) -> str:
    """Method, source, scope and uncertainty of a meter, for people."""
    doubt = f" ±{power['uncertainty_pct']:.0f} %" if power.get("uncertainty_pct") else ""
    return f"{power['method']} by {power['source']}, scope {power['scope']}{doubt}"


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
    if outcome.energy_j is not None:
        parts.append(joules(outcome.energy_j))
    return ", ".join(parts)
