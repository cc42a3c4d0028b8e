"""GET /v1/models and /v1/models/{id}: what is served, under its own names and under aliases."""

from collections.abc import Mapping
from typing import Any

from starlette.routing import Route

from omniwatt.api.exchange import Endpoint, Exchange
from omniwatt.api.parts import Parts
from omniwatt.catalog.card import Card
from omniwatt.contract.error import ModelNotFound
from omniwatt.contract.job import Caller

OWNER = "omniwatt"


async def index(exchange: Exchange) -> None:
    """Every model and alias this caller may ask for."""
    await exchange.reply_json({"object": "list", "data": list(visible(exchange.parts, exchange.caller).values())})


async def show(exchange: Exchange) -> None:
    """One model or alias; its id may hold slashes."""
    name = exchange.path("model")
    parts, caller = exchange.parts, exchange.caller
    found = visible(parts, caller).get(name)
    if found is None:
        resolved = parts.catalog.resolve(name)
        if not allowed(caller, parts.catalog.aliases(), name, resolved.card.name):
            raise ModelNotFound(f"The model `{name}` does not exist or you do not have access to it.", param="model")
        found = describe(resolved.card, name, parts, root=resolved.upstream_model or resolved.card.name)
    await exchange.reply_json(found)


def visible(parts: Parts, caller: Caller) -> dict[str, dict[str, Any]]:
    """Name -> model object of what is served, as far as the caller's key allows."""
    cards = {card.name: card for card in parts.catalog.served()}
    aliases = parts.catalog.aliases()
    found = {name: describe(card, name, parts) for name, card in cards.items() if allowed(caller, aliases, name)}
    for alias, target in sorted(aliases.items()):
        if target in cards and alias not in found and allowed(caller, aliases, alias, target):
            found[alias] = describe(cards[target], alias, parts, root=target)
    return found


def allowed(caller: Caller, aliases: Mapping[str, str], *names: str) -> bool:
    """Whether the caller's key may use a model known by any of these names; in the key's list an alias is its card."""
    models = caller.limits.models
    return models is None or any(name in models or name in {aliases.get(one) for one in models} for name in names)


def describe(card: Card, name: str, parts: Parts, root: str | None = None) -> dict[str, Any]:
    """A model object with what is known of the card; `root` is the model an alias stands for."""
    loaded = parts.pool.loaded(card.name)
    window = (loaded.context_window if loaded else 0) or card.context_window
    known = {
        "root": root,
        "description": card.description or None,
        "capabilities": list(card.capabilities),
        "context_window": window or None,
        "max_output_tokens": card.max_output_tokens,
        "modalities": modalities(card, parts.catalog.roles()),
        "languages": list(card.languages) or None,
        "parameters": card.parameters,
        "knowledge_cutoff": card.knowledge_cutoff,
        "licence": card.licence,
    }
    plain = {"id": name, "object": "model", "created": card.created, "owned_by": OWNER}
    return plain | {key: value for key, value in known.items() if value is not None}


def modalities(card: Card, roles: Mapping[str, str]) -> dict[str, list[str]]:
    """What goes in and comes out: chat models hear and speak through other cards, where there are such."""
    taken, given = list(card.input_modalities), list(card.output_modalities)
    if "chat" in card.capabilities:
        taken += ["audio"] if "hear" in roles and "audio" not in taken else []
        given += ["audio"] if "speak" in roles and "audio" not in given else []
    return {"input": taken, "output": given}


routes = [
    Route("/v1/models", Endpoint(index), methods=["GET"]),
    Route("/v1/models/{model:path}", Endpoint(show), methods=["GET"]),
]
