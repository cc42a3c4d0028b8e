"""`omniwatt power`: live watts against the budget; `set` changes it, `calibrate` finds out what the machine takes."""

import contextlib
import os
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import click

from omniwatt.cli import home, remote
from omniwatt.cli.common import config_option, console, notes, settings_from, short
from omniwatt.settings import Settings, client_url

if TYPE_CHECKING:
    from omniwatt.power.calibrate import Calibration

REFRESH_S = 0.5
SPANS_S = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86_400.0}
EPILOG = """
\b
Examples:
  omniwatt power                      live view, until Ctrl-C
  omniwatt power --json               the figures once, for scripts
  omniwatt power set 60%              of the full load, idle included
  omniwatt power set 180W             stays over restarts
  omniwatt power set 75% --for 3h     then back to what held before
  omniwatt power set default          back to what the settings say
  omniwatt power set 1.5kW --site     for all nodes that follow this server
  omniwatt power forget box3          a node of the site that is gone for good
  omniwatt power calibrate            under this machine's meter, a minute
  omniwatt power calibrate --idle-w 38 --max-w 112      figures off a plug
"""


@click.group(invoke_without_command=True, epilog=EPILOG)
@click.option("--json", "as_json", is_flag=True, help="The figures once, machine-readable.")
@click.option("--once", is_flag=True, help="The view once, also in a terminal.")
@config_option
@click.pass_context
def power(context: click.Context, *, as_json: bool, once: bool, config: Path | None) -> None:
    """Show live watts, the budget, and what they amount to."""
    if context.invoked_subcommand is not None:
        return
    settings = settings_from(config)
    if as_json:
        import msgspec

        click.echo(msgspec.json.format(msgspec.json.encode(_status(settings))).decode())
    elif once or not console.is_terminal:
        _print(_status(settings))
    else:
        _watch(settings)


@power.command("set", short_help="Change the budget, for good or for a while.")
@click.argument("budget", nargs=-1, required=True, metavar="BUDGET")
@click.option("--for", "span", help="Only so long: 30s, 10min, 3h, 1d. Then what held before does again.")
@click.option("--site", is_flag=True, help="The budget of all nodes together, where this server is their site.")
@config_option
def set_budget(budget: tuple[str, ...], span: str | None, *, site: bool, config: Path | None) -> None:
    """Change the budget: 180W, 1.2kW, 60%, `none`, or `default` for what the settings say."""
    asked: dict[str, Any] = {"site_budget" if site else "budget": " ".join(budget)}
    asked |= {"for_s": seconds_of(span)} if span else {}
    status = remote.admin(settings_from(config), "PUT", "/admin/power", asked)
    _print(status)


@power.command(short_help="Free what the site keeps for a node that is gone.")
@click.argument("node")
@config_option
def forget(node: str, config: Path | None) -> None:
    """Free what the site keeps for a node that is switched off for good."""
    settings = settings_from(config)
    remote.admin(settings, "DELETE", f"/admin/power/nodes/{quote(node, safe='')}")
    console.print(f"{node} is forgotten: what was kept for it is free")
    _print(_status(settings))


@power.command(short_help="Find out what this machine takes.")
@click.option("--seconds", default=8.0, show_default=True, help="How long each load is measured.")
@click.option("--idle-w", type=float, help="Watts with nothing to do, read off a plug or a data sheet.")
@click.option("--max-w", type=float, help="Watts at full load, likewise.")
@config_option
def calibrate(seconds: float, idle_w: float | None, max_w: float | None, config: Path | None) -> None:
    """Find out what this machine takes: idle, and for each busy core. Takes about a minute; let nothing else run."""
    settings = settings_from(config)
    file = settings.home / "power.json"
    try:
        found = _given(idle_w, max_w) if idle_w is not None or max_w is not None else _measured(settings, seconds)
    except ValueError as error:
        raise click.ClickException(str(error)) from error
    _keep(found, file)
    cpu = found.cpu
    console.print(
        f"idle {cpu.idle_w:.1f} W, {cpu.core_w:.2f} W a busy core, full load {cpu.max_w:.1f} W "
        f"({cpu.cores} cores), ±{cpu.uncertainty_pct:.0f} %, by {found.source}"
    )
    if found.wall:
        console.print(f"at the wall: {found.wall.offset:.1f} W + {found.wall.slope:.3f} x inside")
    console.print(f"kept in {short(file)}; a running server takes it up when it is started again")
    _print_rates(settings)


def seconds_of(text: str) -> float:
    """`10min` in seconds. Raises click.BadParameter."""
    found = re.fullmatch(r"(\d{1,6}) ?(s|min|h|d)", text.strip().lower())
    if not found or not int(found[1]):
        raise click.BadParameter(f"{text!r} is no span: write 30s, 10min, 3h or 1d", param_hint="--for")
    return float(found[1]) * SPANS_S[found[2]]


def _given(idle_w: float | None, max_w: float | None) -> "Calibration":
    from omniwatt.power.calibrate import Calibration, given

    if idle_w is None or max_w is None:
        raise ValueError("say both: --idle-w and --max-w")
    return Calibration(cpu=given(idle_w, max_w, len(os.sched_getaffinity(0))), source="given")


def _measured(settings: Settings, seconds: float) -> "Calibration":
    """Under this machine's meter; one at the wall beside it corrects it."""
    from rich.progress import Progress

    from omniwatt.contract.power import MeterLost
    from omniwatt.power.calibrate import Calibration, fit_cpu, fit_wall, measure
    from omniwatt.power.choice import sensors

    if not 0.5 <= seconds <= 600.0:
        raise ValueError("--seconds is between 0.5 and 600")
    cores = len(os.sched_getaffinity(0))
    with contextlib.ExitStack() as stack:
        try:
            meter, wall = sensors(settings.power)
            stack.callback(meter.close)
            if wall is not None:
                stack.callback(wall.close)
            bar = stack.enter_context(Progress(console=notes, disable=not notes.is_terminal))
            task = bar.add_task("loading the cores one by one", total=1.0)
            samples = measure(meter, cores, seconds, lambda done: bar.update(task, completed=done), wall=wall)
            reading, beside = meter.read(), wall.read() if wall else None
        except MeterLost as error:
            raise ValueError(str(error)) from error
    line = fit_wall(samples, beside.uncertainty_pct) if beside else None
    return Calibration(cpu=fit_cpu(samples, cores, reading.uncertainty_pct), source=reading.source, wall=line)


def _keep(found: "Calibration", file: Path) -> None:
    from omniwatt.power.calibrate import save

    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        save(found, file)
    except OSError as error:
        raise click.ClickException(f"cannot write {short(file)}: {error.strerror}") from error


def _print_rates(settings: Settings) -> None:
    """What a running server has learnt of its engines' steps; nothing where none runs."""
    from omniwatt.cli.power_view import rates

    if not (client_url() or home.running(settings.home)):
        console.print("[dim]joules of each engine's steps are learnt while a server works: ask again then[/dim]")
        return
    console.print(rates(_status(settings).get("rates") or ()))


def _status(settings: Settings) -> dict[str, Any]:
    found: dict[str, Any] = remote.admin(settings, "GET", "/admin/power")
    return found


def _print(status: dict[str, Any]) -> None:
    from omniwatt.cli.power_view import view

    console.print(view(status, console.width))


def _watch(settings: Settings) -> None:
    """The view, again and again in its place."""
    from rich.live import Live

    from omniwatt.cli.power_view import folded, view

    with contextlib.suppress(KeyboardInterrupt), Live(console=console, auto_refresh=False) as live:
        while True:
            live.update(folded(view(_status(settings), console.width)), refresh=True)
            time.sleep(REFRESH_S)
