"""`omniwatt pull` and `omniwatt models`: what there is, what is here, fetch it, forget it."""

import threading
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from omniwatt.cli import home
from omniwatt.cli.common import config_option, console, settings_from, short, size
from omniwatt.settings import Settings

if TYPE_CHECKING:
    from omniwatt.catalog.card import Card
    from omniwatt.catalog.catalog import Catalog
    from omniwatt.catalog.inventory import Row

WORDS = ("default", "fast", "embed", "hear", "speak", "speak_hd", "draw", "see")


@click.command(
    short_help="Fetch models: the default ones, some by name, or a GGUF file.",
    epilog="""
\b
Examples:
  omniwatt pull                                  the models for text, ears, voices and pictures
  omniwatt pull fast embed                       only these
  omniwatt pull hf:Qwen/Qwen2.5-3B-Instruct-GGUF:qwen2.5-3b-instruct-q4_k_m.gguf
  omniwatt pull file:/data/my-model.gguf
  omniwatt pull --list
\b
Sources are tried in order; the sha256 in the model's card decides, never the host. A pull that was
cut short goes on where it was. With everything present, nothing touches the network.
""",
)
@click.argument("model", nargs=-1)
@click.option("--list", "list_", is_flag=True, help="Show every model: size, licence, sources, whether it is here.")
@click.option("--json", "as_json", is_flag=True, help="With --list: machine-readable.")
@config_option
def pull(*, model: tuple[str, ...], list_: bool, as_json: bool, config: Path | None) -> None:
    """Fetch models: by name, or default, fast, embed, hear, speak, speak_hd, draw, see, or a GGUF file of your own."""
    from omniwatt.catalog.bring import is_reference

    settings = settings_from(config)
    if list_:
        _list(settings, as_json)
        return
    home.prepare(settings.home)
    references = [name for name in model if is_reference(name)]
    names = [name for name in model if not is_reference(name)]
    if names or not model:
        count = pull_missing(settings, names)
        if not count:
            console.print("everything is here")
    for reference in references:
        _bring(settings, reference)


@click.group()
def models() -> None:
    """List models, look into one, remove one from disk."""


@models.command("list")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
@config_option
def list_(*, as_json: bool, config: Path | None) -> None:
    """Every model there is, here or not."""
    _list(settings_from(config), as_json)


@models.command()
@click.argument("name")
@config_option
def info(*, name: str, config: Path | None) -> None:
    """Everything known of one model, as JSON."""
    from omniwatt.catalog import inventory
    from omniwatt.contract.error import ModelNotFound

    settings = settings_from(config)
    catalog = open_catalog(settings)
    try:
        facts = inventory.info(catalog, _meant(settings, name))
    except ModelNotFound as error:
        raise click.ClickException(error.message) from error
    click.echo(msgspec.json.format(msgspec.json.encode(facts)).decode())


@models.command()
@click.argument("name")
@click.option("--forget", is_flag=True, help="Remove your own card of it too.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@config_option
def rm(*, name: str, forget: bool, yes: bool, config: Path | None) -> None:
    """Remove a model's files from disk; `pull` fetches them again."""
    from omniwatt.catalog import inventory
    from omniwatt.contract.error import ModelNotFound

    settings = settings_from(config)
    catalog, meant = open_catalog(settings), _meant(settings, name)
    try:
        card = catalog.card(meant)
    except ModelNotFound as error:
        raise click.ClickException(error.message) from error
    if not yes:
        click.confirm(f"Remove {meant} ({size(card.bytes)})?", abort=True)
    console.print(f"{size(inventory.remove(catalog, meant, forget))} freed")
    if home.running(settings.home):
        console.print("[dim]the running server keeps what it has in memory until it unloads it[/dim]")


def pull_missing(settings: Settings, names: Iterable[str] = ()) -> int:
    """Fetch what is missing of these models (none named: those the settings want); returns how many were fetched."""
    from omniwatt.contract.error import ModelNotFound

    catalog = open_catalog(settings)
    try:
        cards = [catalog.card(_meant(settings, name)) for name in names] or catalog.wanted()
    except ModelNotFound as error:
        raise click.ClickException(f"{error.message}\nAll models: omniwatt pull --list") from error
    missing = [card for card in cards if not catalog.present(card)]
    if missing:
        _fetch(catalog, missing)
    return len(missing)


def _fetch(catalog: "Catalog", cards: "list[Card]") -> None:
    from omniwatt.catalog.error import CatalogError
    from omniwatt.catalog.pull import pull as fetch
    from omniwatt.cli.progress import Bars

    bytes_of = {card.name: sum(artifact.bytes for artifact in catalog.store.missing(card)) for card in cards}
    console.print(f"fetching {', '.join(bytes_of)}: {size(sum(bytes_of.values()))}", soft_wrap=not console.is_terminal)
    stop = threading.Event()
    with Bars(bytes_of) as bars:
        for card in cards:
            try:
                fetch(catalog.store, card, bars, stop)
            except KeyboardInterrupt:
                stop.set()
                raise
            except CatalogError as error:
                raise click.ClickException(str(error)) from error
    for card in cards:
        console.print(f"[green]✓[/green] {card.name} [dim]({card.licence})[/dim]")


def _bring(settings: Settings, reference: str) -> None:
    from omniwatt.catalog.bring import bring
    from omniwatt.catalog.error import CatalogError
    from omniwatt.cli.progress import Bars

    with Bars() as bars:
        try:
            card = bring(open_catalog(settings).store, reference, bars)
        except CatalogError as error:
            raise click.ClickException(str(error)) from error
    path = settings.home / "cards" / f"{card.name}.toml"
    console.print(f"[green]✓[/green] {card.name}: {card.context_window:,} tokens of context, licence {card.licence}")
    console.print(f"[dim]its card is {short(path)}; serve it with: omniwatt serve --models {card.name}[/dim]")


def open_catalog(settings: Settings) -> "Catalog":
    """The catalog, with what is wrong with the user's own cards said. Raises click.ClickException."""
    from omniwatt.catalog.catalog import Catalog
    from omniwatt.catalog.error import CatalogError

    try:
        catalog = Catalog.open(settings)
    except CatalogError as error:
        raise click.ClickException(str(error)) from error
    for problem in catalog.problems:
        console.print(f"[yellow]{problem}[/yellow]")
    return catalog


def _meant(settings: Settings, name: str) -> str:
    return str(getattr(settings.models, name)) if name in WORDS else name


def _list(settings: Settings, as_json: bool) -> None:
    from omniwatt.catalog import inventory

    rows = inventory.rows(open_catalog(settings))
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(rows)).decode())
        return
    width = max(len(row.name) for row in rows)
    for row in rows:
        _show(settings, row, width)
    console.print("[dim]● on disk. The first source that answers is used; the hash in the card decides.[/dim]")


def _show(settings: Settings, row: "Row", width: int) -> None:
    words = " ".join(word for word in WORDS if getattr(settings.models, word) == row.name)
    there = "[green]●[/green]" if row.present else "[dim]○[/dim]"
    amount = size(row.bytes) if row.bytes else ""
    console.print(f"{there} [bold]{row.name:{width}}[/bold]  {words:8}  {amount:>8}  {row.licence}")
    console.print(f"  [dim]{row.description or ' '.join(row.capabilities)}[/dim]")
    if row.sources:
        console.print(f"  [dim]from {', '.join(row.sources)}[/dim]")
