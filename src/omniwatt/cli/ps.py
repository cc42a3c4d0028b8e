"""`omniwatt ps`: the running server's engine processes and queues; without one, what could be served."""

import time
from pathlib import Path
from typing import Any

import click
from rich.table import Table
from rich.text import Text

from omniwatt import settings as settings_module
from omniwatt.cli import home, remote, tables
from omniwatt.cli.common import config_option, console, settings_from, short, size
from omniwatt.cli.models import open_catalog
from omniwatt.settings import Settings


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
@config_option
def ps(*, as_json: bool, config: Path | None) -> None:
    """Show the running server: models in memory, work in flight, queues."""
    import msgspec

    settings = settings_from(config)
    found = home.running(settings.home)
    if found is None and not settings_module.client_url():
        if as_json:
            click.echo('{"object": "list", "data": [], "queues": {}, "running": false}')
        else:
            _idle(settings)
        return
    status = remote.admin(settings, "GET", "/admin/ps")
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(status | {"running": True})).decode())
        return
    if found:
        up = time.time() - found.started_at
        console.print(f"[bold]{found.url}/v1[/bold]  process {found.pid}, up {_span(up)}\n")
    _show(status)


def _idle(settings: Settings) -> None:
    catalog = open_catalog(settings)
    names = [card.name for card in catalog.served() if card.artifacts]
    console.print(f"no server runs on {short(settings.home)}")
    if names:
        console.print(f"on disk: {', '.join(names)}\nstart it: omniwatt serve")
    else:
        console.print("no model is on disk yet: omniwatt pull")


COLOURS = {"ready": "green", "backoff": "red"}
HEADS = ("STATE", "PID", "BUSY", "WAITING", "THREADS", "MEMORY", "CONTEXT", "RESTARTS", "IDLE")
SPARE = ("CONTEXT", "THREADS", "RESTARTS", "PID")
"""What is left out first where a terminal is narrow."""


def _show(status: dict[str, Any]) -> None:
    if not status["data"]:
        console.print("no model is in memory; the first request loads one")
        return
    rows = [_cells(worker, status.get("queues") or {}) for worker in status["data"]]
    widths = {head: max(len(head), *(len(row[place]) for row in rows)) for place, head in enumerate(HEADS, 1)}
    heads = tables.fitting([max(len(row[0]) for row in rows)], widths, SPARE, tables.width_of(console))
    table = Table(box=None, pad_edge=False, padding=(0, tables.GAP, 0, 0))
    table.add_column("MODEL", overflow="fold")
    for head in heads:
        table.add_column(head, justify="left" if head in ("STATE", "PID") else "right", no_wrap=True)
    for worker, row in zip(status["data"], rows, strict=True):
        told = {head: Text(row[HEADS.index(head) + 1]) for head in heads}
        told["STATE"].stylize(COLOURS.get(worker["state"], "yellow"))
        table.add_row(row[0], *told.values())
    tables.show(table, console)


def _cells(worker: dict[str, Any], queues: dict[str, Any]) -> tuple[str, ...]:
    state = worker["state"]
    if state == "loading":
        state += f" {worker['progress']:.0%}"
    queue = queues.get(worker["group"], {})
    waiting = queue.get("waiting", 0) if isinstance(queue, dict) else queue
    return (
        worker["group"],
        state,
        str(worker["pid"] or ""),
        f"{worker['in_flight']}/{worker['slots']}",
        str(waiting),
        str(worker["threads"]),
        size(worker["memory_bytes"]),
        f"{worker['context_window']:,}" if worker["context_window"] else "",
        str(worker["restarts"]),
        _span(worker["idle_s"]),
    )


def _span(seconds: float) -> str:
    """Seconds for people: the largest unit that fits."""
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"
