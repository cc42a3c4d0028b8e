"""`omniwatt serve`: settings, the lock, the sockets, and a greeting that says how to call."""

import asyncio
import gc
import ipaddress
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from omniwatt import __version__, logs
from omniwatt.catalog.error import CatalogError
from omniwatt.cli import home
from omniwatt.cli.common import config_file, config_option, console, load, short
from omniwatt.contract.error import ModelNotFound
from omniwatt.settings import Settings, SettingsError

if TYPE_CHECKING:
    from omniwatt.api.parts import Parts
    from omniwatt.catalog.catalog import Catalog
    from omniwatt.cli.listen import Listener

log = logs.get_logger("omniwatt.serve")

RESTART_ONLY = "any other setting needs a restart"
UPSTREAM = "upstream"


@click.command(
    epilog="""
\b
Examples:
  omniwatt serve
  omniwatt serve --models fast,embed --port 9000
  omniwatt serve --models ./my-model.gguf
  omniwatt serve --host 0.0.0.0 --tls-certificate cert.pem --tls-key key.pem
\b
Signals: SIGTERM and Ctrl-C drain (running answers may go on for server.drain_s seconds), a second
one stops at once. SIGHUP reads the settings file, the cards and the TLS certificate again; a new power
budget, its windows and events, and prices hold from then on.
"""
)
@click.option("--host", help="Address to listen on. Default: 127.0.0.1, this machine only.")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on; 0 picks a free one. Default: 8000.")
@config_option
@click.option(
    "--models", help="Models to serve, with commas: card names, fast, default, embed, or paths of GGUF files."
)
@click.option(
    "--tls-certificate", type=click.Path(exists=True, dir_okay=False), help="Certificate chain (PEM): serve https."
)
@click.option("--tls-key", type=click.Path(exists=True, dir_okay=False), help="Private key of the certificate (PEM).")
@click.option("--insecure", is_flag=True, default=None, help="Listen beyond this machine although no key exists yet.")
@click.option("--log-level", type=click.Choice(["debug", "info", "warning", "error"]), help="Default: info.")
@click.option("--log-format", type=click.Choice(["text", "json"]), help="Default: text.")
def serve(
    *,
    host: str | None,
    port: int | None,
    config: Path | None,
    models: str | None,
    tls_certificate: str | None,
    tls_key: str | None,
    insecure: bool | None,
    log_level: str | None,
    log_format: str | None,
) -> None:
    """Start the service; stays in the foreground until Ctrl-C."""
    flags: dict[str, dict[str, Any]] = {
        "server": {
            "host": host,
            "port": port,
            "tls_certificate": tls_certificate,
            "tls_key": tls_key,
            "insecure": insecure,
        },
        "models": {"serve": models},
        "log": {"level": log_level, "format": log_format},
    }
    run(config_file(config), flags)


def run(file: Path | None, flags: Mapping[str, Mapping[str, Any]]) -> None:
    """Serve until a signal. Raises click.ClickException for everything the operator can mend."""
    import uvloop

    from omniwatt.auth import SecretError
    from omniwatt.cli.listen import bind
    from omniwatt.database import DatabaseError
    from omniwatt.schema import SchemaError

    settings = load(file, flags)
    logs.set_up(settings.log)
    home.prepare(settings.home)
    check_reach(settings)
    sock = bind(settings.server.host, settings.server.port)
    settings = _with_port(settings, sock.getsockname()[1])
    with sock, home.only_server(settings.home, url_of(settings)):
        try:
            uvloop.run(_serve(settings, sock, partial(_reread, file, flags)))
        except (CatalogError, SettingsError) as error:
            raise click.ClickException(str(error)) from error
        except (DatabaseError, SchemaError, SecretError) as error:
            raise click.ClickException(f"{settings.home} cannot be used: {error}") from error
        except RuntimeError as error:
            if "start new thread" not in str(error):
                raise
            raise click.ClickException(
                "no more threads are allowed here: ulimit -u, or the container's pids"
            ) from error


def _reread(file: Path | None, flags: Mapping[str, Mapping[str, Any]]) -> Settings:
    """The settings as they are now, also those of a file that has come since."""
    return load(file or config_file(None), flags)


async def _serve(settings: Settings, sock: Any, reread: partial[Settings]) -> None:
    from omniwatt.api.server import create_app
    from omniwatt.cli.listen import CutShort, bind_unix, listeners, run_until_signal
    from omniwatt.wiring import build

    run_dir = settings.home / "run"
    admin = bind_unix(run_dir / "admin.sock")
    try:
        async with build(settings) as parts:
            parts.keys.demo_key()
            app = CutShort(create_app(parts))
            # What is built by now lives as long as the process: the collector need not look at it again.
            gc.collect()
            gc.freeze()
            network, local = listeners(app, settings.server, app)
            await run_until_signal(
                [(network, sock), (local, admin)],
                app,
                ready=partial(_greet, parts),
                reload=partial(_reload, parts, network, reread),
            )
            console.print("[dim]stopping: running answers are done, writing the ledger[/dim]")
    finally:
        with suppress(OSError):
            (run_dir / "admin.sock").unlink()


def check_reach(settings: Settings) -> None:
    """Refuse to listen beyond this machine while nobody has a key. Raises click.ClickException."""
    if is_loopback(settings.server.host) or settings.server.insecure:
        return
    from omniwatt.auth import DEMO, Keys
    from omniwatt.database import Database

    with Database(settings.home / "omniwatt.db") as database:
        if any(key.revoked_at is None and key.project != DEMO for key in Keys(database, settings.home).list()):
            return
    raise click.ClickException(
        f"{settings.server.host} is reachable from other machines and no key exists yet.\n"
        "Make one first: omniwatt keys create --name me    (or say --insecure)"
    )


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def url_of(settings: Settings) -> str:
    """The address clients on this machine use, without /v1."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.server.host, settings.server.host)  # noqa: S104
    scheme = "https" if settings.server.tls_certificate else "http"
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{settings.server.port}"


def _with_port(settings: Settings, port: int) -> Settings:
    return msgspec.structs.replace(settings, server=msgspec.structs.replace(settings.server, port=port))


async def _greet(parts: "Parts") -> None:
    settings = parts.settings
    url, key = url_of(settings), short(settings.home / "run" / "demo.key")
    console.print(f"\n[bold]omniwatt {__version__}[/bold] listens on [bold cyan]{url}/v1[/bold cyan]\n")
    for line in _models(parts):
        console.print(line)
    console.print(f"\n  curl {url}/v1/chat/completions \\", markup=False)
    console.print(f'    -H "Authorization: Bearer $(cat {key})" -H "Content-Type: application/json" \\', markup=False)
    console.print(
        """    -d '{"model": "gpt-4", "messages": [{"role": "user", "content": "Hello!"}]}'\n""", markup=False
    )
    console.print("  from openai import OpenAI", markup=False)
    console.print(f'  client = OpenAI(base_url="{url}/v1", api_key="...")   # the key is in {key}\n', markup=False)
    console.print("[dim]  omniwatt chat talks to it from another terminal; Ctrl-C stops it[/dim]\n")


def _models(parts: "Parts") -> list[str]:
    served = parts.catalog.served()
    if not served:
        return ["  [yellow]no model is on disk yet: omniwatt pull[/yellow]"]
    default = parts.catalog.default()
    lines = []
    for card in served:
        state = "loads on first use"
        if parts.pool.loaded(card.name):
            state = "ready"
        elif parts.settings.models.preload and default and card.name == default.name:
            state = "loading now"
        lines.append(f"  {card.name:30} [dim]{' '.join(card.capabilities)}; {state}[/dim]")
    names = [
        name
        for name in parts.catalog.aliases()
        if name not in ("default", "fast", "embed", "hear", "speak", "speak_hd")
    ]
    if names:
        shown = ", ".join(names[:3])
        lines.append(f"  [dim]{'and as':30} {shown} and {max(0, len(names) - 3)} more names that clients use[/dim]")
    return lines + [f"  [yellow]{problem}[/yellow]" for problem in parts.catalog.problems]


async def _reload(parts: "Parts", network: "Listener", reread: partial[Settings]) -> None:
    """What SIGHUP changes without a restart: models, aliases, cards, relays, the log level, the TLS certificate, and of
    power the budget, its windows and events, and the prices."""
    try:
        settings = reread()
        relay = _relay(parts.catalog)
        parts.power.check(settings.power)
        await asyncio.to_thread(parts.catalog.reload, settings)
        if settings.server.tls_certificate and network.config.ssl is not None:
            network.config.ssl.load_cert_chain(settings.server.tls_certificate, settings.server.tls_key or None)
    except (click.ClickException, CatalogError, OSError, ValueError) as error:
        log.error("not reloaded: %s", error.message if isinstance(error, click.ClickException) else error)
        return
    logs.set_level(settings.log.level)
    parts.power.reload(settings.power)
    if relay is not None and _relay(parts.catalog) != relay:
        await parts.pool.unload(UPSTREAM)
    log.warning("reloaded: models, aliases, cards, relays, log level, TLS certificate, power budget; %s", RESTART_ONLY)


def _relay(catalog: "Catalog") -> object:
    """What the relaying engine was told, to see whether it must be told anew."""
    try:
        return catalog.spec(UPSTREAM)
    except ModelNotFound:
        return None
