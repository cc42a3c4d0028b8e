"""Read cards: the shipped ones beside this file, and the operator's own in OMNIWATT_HOME/cards."""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from omniwatt.catalog.card import Card
from omniwatt.catalog.error import CardError, SourceError
from omniwatt.catalog.source import parse

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}")
_RESERVED = {"blobs", "partial", "upstream"}
SHIPPED = Path(__file__).parent / "cards"
ALIASES = Path(__file__).parent / "aliases.toml"


def shipped() -> dict[str, Card]:
    """The product's own cards by name."""
    return {path.stem: read(path, {}) for path in sorted(SHIPPED.glob("*.toml"))}


def shipped_aliases() -> dict[str, str]:
    """Name -> card, or one of the words default, fast, embed, hear, speak, speak_hd."""
    return msgspec.convert(tomllib.loads(ALIASES.read_text(encoding="utf-8")), dict[str, str])


def own(folder: Path, known: Mapping[str, Card]) -> tuple[dict[str, Card], list[str]]:
    """The operator's cards by name, and what is wrong with those that could not be read."""
    cards: dict[str, Card] = {}
    problems: list[str] = []
    for path in sorted(folder.glob("*.toml")):
        try:
            cards[path.stem] = read(path, known)
        except CardError as error:
            problems.append(str(error))
    return cards, problems


def read(path: Path, known: Mapping[str, Card]) -> Card:
    """One card. `base = "NAME"` in it starts from a known card. Raises CardError naming file and key."""
    try:
        tree = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CardError(f"card {path}: cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CardError(f"card {path}: not valid TOML: {error}") from error
    return check(_convert(path, {**_base(path, tree, known), **tree, "name": path.stem}), str(path))


def check(card: Card, where: str) -> Card:
    """The card, if it makes sense. Raises CardError."""
    check_name(card.name, where)
    for index, artifact in enumerate(card.artifacts):
        at = f"card {where}: artifacts[{index}]"
        if not artifact.path and not (artifact.sha256 and artifact.bytes and artifact.sources):
            raise CardError(f"{at}: needs sha256, bytes and sources (or path)")
        try:
            for source in artifact.sources:
                parse(source)
        except SourceError as error:
            raise CardError(f"{at}.sources: {error}") from error
    for field in ("role", "file"):
        values = [getattr(artifact, field) for artifact in card.artifacts]
        if len(set(values)) < len(values):
            raise CardError(f"card {where}: artifacts: two have the same {field}")
    return card


def check_name(name: str, where: str) -> None:
    """Raises CardError unless a card, and the folder of its links, may be called so."""
    if not _NAME.fullmatch(name) or name in _RESERVED:
        raise CardError(
            f"card {where}: {name!r} is no good name: only letters, digits, '.', '_' and '-', "
            f"and not {', '.join(sorted(_RESERVED))}"
        )


def _base(path: Path, tree: dict[str, Any], known: Mapping[str, Card]) -> dict[str, Any]:
    name = tree.pop("base", None)
    if name is None:
        return {}
    if not isinstance(name, str) or name not in known:
        raise CardError(f"card {path}: base: there is no card {name!r}; known: {', '.join(sorted(known))}")
    return dict(msgspec.to_builtins(known[name]))


def _convert(path: Path, tree: dict[str, Any]) -> Card:
    try:
        return msgspec.convert(tree, Card)
    except msgspec.ValidationError as error:
        text = str(error).replace("`$.", "`")
        raise CardError(f"card {path}: {text}") from error
