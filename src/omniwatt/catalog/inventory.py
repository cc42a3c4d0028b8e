"""What `pull --list` and `models list|info|rm` show and do, as plain values."""

from typing import Any

import msgspec

from omniwatt.catalog.card import Card
from omniwatt.catalog.catalog import Catalog
from omniwatt.catalog.source import parse


class Row(msgspec.Struct, frozen=True):
    """One model. `sources` says where its files come from, in the order they are tried."""

    name: str
    engine: str
    capabilities: tuple[str, ...]
    bytes: int
    licence: str
    sources: tuple[str, ...]
    present: bool
    served: bool
    own: bool
    """From the operator's own cards folder."""
    description: str = ""


def rows(catalog: Catalog) -> list[Row]:
    """Every model, present or not; helpers without files are left out."""
    served = {card.name for card in catalog.served()}
    return [_row(catalog, card, served) for card in catalog.cards() if not card.hidden]


def info(catalog: Catalog, name: str) -> dict[str, Any]:
    """Everything known of one model, ready for JSON. Raises ModelNotFound."""
    card = catalog.card(name)
    facts: dict[str, Any] = msgspec.to_builtins(card)
    missing = catalog.store.missing(card)
    for artifact, fact in zip(card.artifacts, facts["artifacts"], strict=True):
        fact["present"] = artifact not in missing
        fact["local_file"] = str(catalog.store.path(card, artifact))
    facts["present"] = not missing
    facts["bytes"] = card.bytes
    facts["aliases"] = sorted(alias for alias, to in catalog.aliases().items() if to == name)
    return facts


def remove(catalog: Catalog, name: str, forget: bool = False) -> int:
    """Delete a model's files that no other model uses; `forget` deletes the operator's own card too.

    Returns the bytes freed. Raises ModelNotFound.
    """
    card = catalog.card(name)
    freed = catalog.store.remove(card, [other for other in catalog.cards() if other.name != name])
    if forget:
        (catalog.store.home / "cards" / f"{name}.toml").unlink(missing_ok=True)
    return freed


def _row(catalog: Catalog, card: Card, served: set[str]) -> Row:
    return Row(
        name=card.name,
        engine=card.engine,
        capabilities=tuple(card.capabilities),
        bytes=card.bytes,
        licence=card.licence,
        sources=_sources(card),
        present=catalog.present(card),
        served=card.name in served,
        own=(catalog.store.home / "cards" / f"{card.name}.toml").exists(),
        description=card.description,
    )


def _sources(card: Card) -> tuple[str, ...]:
    """One short text for each source of the largest file."""
    if not card.artifacts:
        return ()
    largest = max(card.artifacts, key=lambda artifact: artifact.bytes)
    if largest.path:
        return (f"file:{largest.path}",)
    shown = []
    for source in largest.sources:
        parts = parse(source)
        first = parts[0]
        text = f"file:{first.member}" if first.kind == "file" else f"{first.kind}:{first.name}"
        shown.append(text if len(parts) == 1 else f"{text} … ({len(parts)} parts)")
    return tuple(shown)
