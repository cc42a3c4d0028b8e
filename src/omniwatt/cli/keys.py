"""`omniwatt keys`: make, list, revoke and delete API keys.

In the local database itself, so that a server need not run; at OMNIWATT_URL, when that is set, by its routes.
"""

import contextlib
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import click
import msgspec
from rich.table import Table

from omniwatt import settings as settings_module
from omniwatt.cli import home, remote, units
from omniwatt.cli.common import config_option, console, notes, settings_from
from omniwatt.settings import Settings

if TYPE_CHECKING:
    from omniwatt.auth import KeyInfo, Keys
    from omniwatt.contract.job import Limits

ENERGY_J = {"kwh": 3.6e6, "wh": 3.6e3, "mj": 1e6, "kj": 1e3, "j": 1.0}
UNITS_S = {"h": 3600, "d": 86400, "w": 7 * 86400, "y": 365 * 86400}


@click.group(
    epilog="""
\b
Examples:
  omniwatt keys create --name laptop
  omniwatt keys create --name intern --models fast --requests-per-min 60 --expires 30d
  omniwatt keys list
  omniwatt keys revoke 3fJq0ZtLx1
"""
)
def keys() -> None:
    """Make, list, revoke and delete API keys."""


@keys.command()
@click.option("--name", required=True, help="Whose key it is, for people.")
@click.option("--project", default="default", show_default=True, help="Keys of one project share stored things.")
@click.option("--admin", is_flag=True, help="May use the administration routes.")
@click.option("--tier", default="default", show_default=True, help="Service tier of its requests.")
@click.option("--models", help="The only models it may use, with commas.")
@click.option("--requests-per-min", type=click.IntRange(min=1), help="Limit of requests a minute.")
@click.option("--tokens-per-min", type=click.IntRange(min=1), help="Limit of tokens a minute.")
@click.option("--concurrent", type=click.IntRange(min=1), help="Limit of requests at once.")
@click.option("--budget", type=click.IntRange(min=1), help="Tokens it may use in all.")
@click.option("--energy-budget", help="Energy it may use in all: 500J, 20kJ or 0.5kWh.")
@click.option("--expires", help="When it stops to work: 12h, 30d, 4w, 1y, or a date such as 2030-01-31.")
@config_option
def create(
    *,
    name: str,
    project: str,
    admin: bool,
    tier: str,
    models: str | None,
    requests_per_min: int | None,
    tokens_per_min: int | None,
    concurrent: int | None,
    budget: int | None,
    energy_budget: str | None,
    expires: str | None,
    config: Path | None,
) -> None:
    """Make a key. It is shown once, alone on the last line."""
    from omniwatt.contract.job import Limits

    limits = Limits(
        requests_per_min=requests_per_min,
        tokens_per_min=tokens_per_min,
        concurrent=concurrent,
        token_budget=budget,
        energy_budget_j=joules(energy_budget) if energy_budget else None,
        models=tuple(part.strip() for part in models.split(",") if part.strip()) if models else None,
    )
    until = expiry(expires, time.time()) if expires else None
    with _keys(config) as store:
        key, info = store.create(name, project=project, admin=admin, tier=tier, limits=limits, expires_at=until)
    notes.print(f"[dim]key {info.id} of {name}, project {project}; keep it, it is not shown again[/dim]")
    click.echo(key)


@keys.command("list")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
@config_option
def list_(*, as_json: bool, config: Path | None) -> None:
    """List keys; never the keys themselves."""
    with _keys(config) as store:
        infos = store.list()
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(infos)).decode())
        return
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in ("ID", "NAME", "PROJECT", "KEY", "STATE", "LIMITS", "LAST USED"):
        table.add_column(column, overflow="fold")
    for info in infos:
        last = _day(info.last_used_at) if info.last_used_at else "never"
        row = (info.id, info.name, info.project, info.prefix + "…", state(info, time.time()), _limits(info), last)
        table.add_row(*row)
    console.print(table if infos else "no keys yet: omniwatt keys create --name me")


@keys.command()
@click.argument("key_id", metavar="ID")
@config_option
def revoke(*, key_id: str, config: Path | None) -> None:
    """Refuse a key from now on; what was recorded under it stays."""
    with _keys(config) as store, _found():
        store.revoke(key_id)
    console.print(f"key {key_id} is refused from now on")


@keys.command()
@click.argument("key_id", metavar="ID")
@click.option("--yes", is_flag=True, help="Do not ask.")
@config_option
def delete(*, key_id: str, yes: bool, config: Path | None) -> None:
    """Forget a key and erase what it stored: responses and files."""
    if not yes:
        click.confirm(f"Delete key {key_id} and erase what was stored under it?", abort=True)
    with _keys(config) as store, _found():
        store.delete(key_id)
    console.print(f"key {key_id} is deleted")


class RemoteKeys:
    """The keys of the server at OMNIWATT_URL, by its administration routes; OMNIWATT_API_KEY must be an admin's."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def create(
        self, name: str, *, project: str, admin: bool, tier: str, limits: "Limits", expires_at: float | None
    ) -> "tuple[str, KeyInfo]":
        """Make a key there."""
        asked = {"name": name, "project": project, "admin": admin, "tier": tier, "expires_at": expires_at}
        made = remote.admin(self._settings, "POST", "/admin/keys", asked | {"limits": msgspec.to_builtins(limits)})
        return made.pop("key"), _info(made)

    def list(self) -> "list[KeyInfo]":
        """All keys there."""
        return [_info(one) for one in remote.admin(self._settings, "GET", "/admin/keys")["data"]]

    def revoke(self, key_id: str) -> None:
        """Refuse a key from now on."""
        remote.admin(self._settings, "DELETE", f"/admin/keys/{quote(key_id, safe='')}")

    def delete(self, key_id: str) -> None:
        """Forget a key and what was stored under it."""
        remote.admin(self._settings, "DELETE", f"/admin/keys/{quote(key_id, safe='')}?erase=true")


def _info(fields: dict[str, Any]) -> "KeyInfo":
    from omniwatt.auth import KeyInfo

    return msgspec.convert(fields, KeyInfo, strict=False)


@contextlib.contextmanager
def _keys(config: Path | None) -> "Iterator[Keys | RemoteKeys]":
    from omniwatt.auth import Keys
    from omniwatt.database import Database
    from omniwatt.stored import StoredResponses

    settings = settings_from(config)
    if settings_module.client_url():
        yield RemoteKeys(settings)
        return
    home.prepare(settings.home)
    with Database(settings.home / "omniwatt.db") as database:
        store = Keys(database, settings.home)
        store.on_delete.append(StoredResponses(database, settings.storage).erase_key)
        yield store


@contextlib.contextmanager
def _found() -> Iterator[None]:
    from omniwatt.contract.error import NotFound

    try:
        yield
    except NotFound as error:
        raise click.ClickException(f"{error.message} See: omniwatt keys list") from error


def expiry(text: str, now: float) -> float:
    """Unix seconds of `30d` from now, or of a date's start (UTC). Raises click.BadParameter."""
    span = re.fullmatch(r"(\d+)([hdwy])", text.strip().lower())
    if span:
        return now + int(span[1]) * UNITS_S[span[2]]
    try:
        at = datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()
    except ValueError:
        raise click.BadParameter(f"{text!r} is not a span such as 30d, nor a date such as 2030-01-31") from None
    if at <= now:
        raise click.BadParameter(f"{text} is in the past")
    return at


def state(info: "KeyInfo", now: float) -> str:
    """What becomes of a request with this key, in a word."""
    if info.revoked_at:
        return "revoked"
    if info.expires_at and info.expires_at <= now:
        return "expired"
    words = ["admin"] if info.admin else []
    words += [f"until {_day(info.expires_at)}"] if info.expires_at else []
    return ", ".join(words) or "active"


def joules(text: str) -> float:
    """Energy as people write it, in joules. Raises click.BadParameter."""
    found = re.fullmatch(r"([0-9.]+) ?(kWh|Wh|MJ|kJ|J)", text.strip(), re.IGNORECASE)
    with contextlib.suppress(ValueError):
        value = float(found[1]) * ENERGY_J[found[2].lower()] if found else 0.0
        if 0.0 < value < 1e15:
            return value
    raise click.BadParameter(f"{text!r} is no energy: write 500J, 20kJ or 0.5kWh")


def _limits(info: "KeyInfo") -> str:
    limits = info.limits
    named = {
        "req/min": limits.requests_per_min,
        "tok/min": limits.tokens_per_min,
        "at once": limits.concurrent,
        "tokens in all": limits.token_budget,
        "in all": None if limits.energy_budget_j is None else units.joules(limits.energy_budget_j),
    }
    parts = [f"{value} {unit}" for unit, value in named.items() if value is not None]
    parts += [f"only {' '.join(limits.models)}"] if limits.models is not None else []
    return ", ".join(parts) or "none"


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M")
