"""What every command shares: the console, settings with a clear message when they are wrong, sizes for people."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click
from rich.console import Console

from omniwatt import settings as settings_module
from omniwatt.settings import Settings, SettingsError

console = Console(highlight=False, soft_wrap=True, emoji=False)
notes = Console(stderr=True, highlight=False, soft_wrap=True, emoji=False)

F = TypeVar("F", bound=Callable[..., Any])

config_option: Callable[[F], F] = click.option(
    "--config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Settings file (TOML). Default: OMNIWATT_HOME/omniwatt.toml when it exists.",
)


def config_file(given: Path | None) -> Path | None:
    """The settings file to use: the one given, else omniwatt.toml in the state folder, else none."""
    if given is not None:
        return given.absolute()
    default = load(None, {}).home / "omniwatt.toml"
    return default if default.is_file() else None


def load(file: Path | None, flags: Mapping[str, Mapping[str, Any]]) -> Settings:
    """Settings with flags on top; None among the flags means "not said". Raises click.ClickException."""
    said = {name: {k: v for k, v in fields.items() if v is not None} for name, fields in flags.items()}
    try:
        return settings_module.load(file, {name: fields for name, fields in said.items() if fields})
    except SettingsError as error:
        raise click.ClickException(str(error)) from error


def settings_from(config: Path | None) -> Settings:
    """The settings of a command that takes no other flags."""
    return load(config_file(config), {})


def short(path: Path) -> str:
    """A path as people write it: with ~ for their home."""
    try:
        return "~/" + str(path.relative_to(Path.home()))
    except ValueError:
        return str(path)


def size(count: float) -> str:
    """Bytes for people, in powers of ten as disks and downloads are sold."""
    for unit in ("B", "kB", "MB"):
        if abs(count) < 1000:
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.2f} GB"
