"""`omniwatt demo`: fetch what is missing, start a server, hold a real exchange, leave the server running."""

import contextlib
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import click
import httpx2
import msgspec

from omniwatt.cli import home, models, remote
from omniwatt.cli.common import config_file, config_option, console, load, short
from omniwatt.cli.serve import url_of
from omniwatt.settings import Settings

NEEDED = ("default", "embed", "hear", "speak", "draw", "see")
START_S = 180.0


@click.command()
@click.option("--exit", "leave", is_flag=True, envvar="DEMO_EXIT", help="Stop when the exchange is done (DEMO_EXIT=1).")
@click.option("--port", type=click.IntRange(0, 65535), help="Port of the server. Default: 8000, or a free one.")
@config_option
def demo(leave: bool, port: int | None, config: Path | None) -> None:
    """Fetch the models, hold a real exchange, and leave the server running."""
    from omniwatt import demo as exchange
    from omniwatt.cli.progress import Bars
    from omniwatt.demo.recording import fetch

    file = config_file(config)
    settings = load(file, {"server": {"port": port}})
    if settings.server.tls_certificate:
        raise click.ClickException("the demo speaks plain http: leave tls_certificate out of the settings for it")
    home.prepare(settings.home)
    models.pull_missing(settings, NEEDED)
    with Bars() as bars:
        recording = fetch(settings.home, bars)
    with _server(settings, file) as (url, child):
        _wait_ready(url, child)
        admin = partial(remote.local_admin, settings)
        key = remote.demo_key(settings.home)
        outcomes = exchange.run(url, key, console, settings.home, recording, admin)
        exchange.summary(outcomes, console, admin("GET", "/admin/power", None))
        failed = any(outcome.failed for outcome in outcomes)
        if leave:
            raise SystemExit(int(failed))
        _how_to_use(url, settings)
        if child is None:
            console.print("[dim]this server was already running; it goes on[/dim]")
        else:
            console.print("The server stays up. [bold]Ctrl-C[/bold] stops it.")
            child.wait()


Child = subprocess.Popen[bytes]


@contextlib.contextmanager
def _server(settings: Settings, file: Path | None) -> Iterator[tuple[str, Child | None]]:
    """The running server's address; starts one, and stops it at the end, when none runs."""
    found = home.running(settings.home)
    if found:
        console.print(f"[dim]using the server that already runs, process {found.pid}[/dim]")
        yield found.url, None
        return
    port = _free_port(settings)
    command = [sys.executable, "-m", "omniwatt", "serve", "--log-level", "warning", "--port", str(port)]
    command += ["--config", str(file)] if file else []
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    for ending in (signal.SIGHUP, signal.SIGTERM):
        if signal.getsignal(ending) is signal.SIG_DFL:
            signal.signal(ending, _interrupted)
    changed = msgspec.structs.replace(settings, server=msgspec.structs.replace(settings.server, port=port))
    try:
        yield url_of(changed), child
    except KeyboardInterrupt:
        # Ctrl-C in a terminal reaches the child too; it is draining already.
        with contextlib.suppress(OSError):  # the terminal may be gone
            console.print()
    finally:
        _stop(child, settings.server.drain_s + 10)


def _interrupted(*_: object) -> None:
    """A terminal that is closed, or a kill, ends the demo as Ctrl-C does: its server goes with it."""
    raise KeyboardInterrupt


def _stop(child: Child, patience_s: float) -> None:
    if child.poll() is None:
        child.send_signal(signal.SIGTERM)
    try:
        child.wait(patience_s)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def _free_port(settings: Settings) -> int:
    """The configured port, or a free one when another program has it."""
    for port in (settings.server.port, 0):
        with socket.socket() as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                sock.bind(("127.0.0.1", port))
            except OSError:
                console.print(f"[yellow]port {port} is taken by another program; using a free one[/yellow]")
                continue
            return int(sock.getsockname()[1])
    raise click.ClickException("no free port on this machine")


def _wait_ready(url: str, child: Child | None) -> None:
    until = time.monotonic() + START_S
    with console.status("starting the server and loading the model"):
        while time.monotonic() < until:
            if child is not None and child.poll() is not None:
                raise click.ClickException("the server did not start; its message is above")
            with contextlib.suppress(httpx2.HTTPError):
                if httpx2.get(url + "/readyz", timeout=5).status_code == 200:
                    return
            time.sleep(0.1)
    raise click.ClickException(f"the server was not ready after {START_S:.0f} s; `omniwatt doctor` may say why")


def _how_to_use(url: str, settings: Settings) -> None:
    key = short(settings.home / "run" / "demo.key")
    console.print("\n[bold]Now it is yours[/bold]")
    console.print(f"  base URL   {url}/v1\n  key        in {key}", markup=False)
    console.print("  terminal   .venv/bin/omniwatt chat\n  watts      .venv/bin/omniwatt power", markup=False)
    console.print("  any OpenAI client:")
    console.print(f'    export OPENAI_BASE_URL={url}/v1 OPENAI_API_KEY="$(cat {key})"\n', markup=False)
