"""The operator's routes: health, metrics, keys, usage, models. All but health need a key; /admin needs an admin's.

Requests that come over the admin socket, which only its owner can open, are an admin's.
"""

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Annotated
from urllib.parse import parse_qsl

import msgspec
from starlette.routing import Route

from omniwatt import metrics
from omniwatt.api.exchange import Endpoint, Exchange
from omniwatt.api.parts import Parts
from omniwatt.contract.error import BadInput, Conflict, Forbidden
from omniwatt.contract.job import Limits
from omniwatt.ledger_rows import GROUPS

DAY_S = 86_400.0
USAGE_DAYS = 30

Handler = Callable[[Exchange], Awaitable[None]]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
Joules = Annotated[float, msgspec.Meta(ge=0, le=1e15)]


class AskedLimits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Limits as an operator writes them; one that is absent or null is no limit."""

    requests_per_min: Count | None = None
    tokens_per_min: Count | None = None
    concurrent: Count | None = None
    token_budget: Count | None = None
    energy_budget_j: Joules | None = None
    models: tuple[Name, ...] | None = None


class AskedKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A key as an operator asks for it; `expires_at` is in Unix seconds."""

    name: Name
    project: Name = "default"
    admin: bool = False
    tier: Name = "default"
    limits: AskedLimits = AskedLimits()
    expires_at: float | None = None


async def healthz(exchange: Exchange) -> None:
    """The process answers."""
    await exchange.reply_json({"status": "ok"})


async def readyz(exchange: Exchange) -> None:
    """200 when a model is loaded or can be; else 503 that says why. A server that drains no longer listens."""
    reason = not_ready(exchange.parts)
    if reason is None:
        await exchange.reply_json({"status": "ready"})
    else:
        await exchange.reply_json({"status": "not ready", "reason": reason}, status=503)


def not_ready(parts: Parts) -> str | None:
    """Why requests should go elsewhere for now, or None."""
    if parts.database.congested:
        return "the database takes no rows"
    present = [card.name for card in parts.catalog.served() if parts.catalog.present(card)]
    if not present:
        return "no model is on disk: omniwatt pull"
    default = parts.settings.models.default
    first = default if default in present else present[0]
    for worker in parts.pool.status():
        if worker.group == first and worker.state in {"loading", "backoff"} and parts.pool.loaded(first) is None:
            return f"{first} is {worker.state} ({worker.progress:.0%})"
    return None


async def prometheus(exchange: Exchange) -> None:
    """Metrics in Prometheus' text format. Any valid key may read them: models and counts, nothing of a caller."""
    await exchange.reply(exchange.parts.metrics.render(), media_type=metrics.CONTENT_TYPE)


async def create_key(exchange: Exchange) -> None:
    """Make a key; `key` in the answer is shown this once."""
    try:
        asked = msgspec.convert(await exchange.json(), AskedKey)
    except msgspec.ValidationError as error:
        raise BadInput(f"The key cannot be made: {error}") from error
    if asked.expires_at is not None and asked.expires_at <= time.time():
        raise BadInput("`expires_at` lies in the past.", param="expires_at")
    key, info = await asyncio.to_thread(
        exchange.parts.keys.create,
        asked.name,
        project=asked.project,
        admin=asked.admin,
        tier=asked.tier,
        limits=Limits(**msgspec.structs.asdict(asked.limits)),
        expires_at=asked.expires_at,
    )
    await exchange.reply_json({"key": key} | msgspec.to_builtins(info), status=201)


async def list_keys(exchange: Exchange) -> None:
    """All keys, without their secret parts."""
    keys = await asyncio.to_thread(exchange.parts.keys.list)
    await exchange.reply_json({"object": "list", "data": keys})


async def delete_key(exchange: Exchange) -> None:
    """Revoke a key; with `?erase=true`, forget it together with what was stored under it."""
    key_id, keys = exchange.path("key_id"), exchange.parts.keys
    erase = _query(exchange, {"erase"}).get("erase", "false")
    if erase not in {"true", "false"}:
        raise BadInput("`erase` is true or false.", param="erase")
    await asyncio.to_thread(keys.delete if erase == "true" else keys.revoke, key_id)
    await exchange.reply_json({"id": key_id, "revoked": True, "erased": erase == "true"})


async def usage(exchange: Exchange) -> None:
    """Requests, tokens, seconds, joules and what they cost from `since` to `until`, summed `by` some columns."""
    asked = _query(exchange, {"since", "until", "by"})
    now = time.time()
    since = _moment(asked, "since", now - USAGE_DAYS * DAY_S)
    until = _moment(asked, "until", now + 1.0)
    by = [name for name in asked.get("by", "key_id,model,day").split(",") if name]
    if not by or len(set(by)) < len(by) or not GROUPS.keys() >= set(by):
        raise BadInput(f"`by` is a list of some of: {', '.join(GROUPS)}.", param="by")
    parts = exchange.parts
    await asyncio.to_thread(parts.database.flush)
    rows = await asyncio.to_thread(parts.ledger.usage, since, until, by)
    data = [row | parts.power.cost(row["energy_j"]) for row in rows]
    await exchange.reply_json({"object": "list", "since": since, "until": until, "data": data})


async def ps(exchange: Exchange) -> None:
    """Engine processes and queues."""
    parts = exchange.parts
    queues = parts.admission.status()
    await exchange.reply_json({"object": "list", "data": parts.pool.status(), "queues": queues})


class AskedBudget(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A budget as an operator writes it: `180W`, `60%`, a number of watts, `none`, or `default`.

    `site_budget` is that of all nodes together, in watts, where this server is their site. With `for_s` it holds so
    many seconds, and what held before comes back.
    """

    budget: str | float | None = None
    site_budget: str | float | None = None
    for_s: Annotated[float, msgspec.Meta(ge=0)] | None = None


async def power(exchange: Exchange) -> None:
    """Watts, budget, what holds it, and the last minute."""
    await exchange.reply_json({"object": "power"} | exchange.parts.power.status())


async def set_power(exchange: Exchange) -> None:
    """Change the node's budget, or the site's; it holds within a second (a site's within a lease), and over restarts
    unless it is for a while."""
    try:
        asked = msgspec.convert(await exchange.json(), AskedBudget)
    except msgspec.ValidationError as error:
        raise BadInput(f"The budget cannot be set: {error}", param="budget") from error
    here = exchange.parts.power
    if asked.budget is not None and asked.site_budget is None:
        here.set_budget(asked.budget, asked.for_s)
    elif asked.site_budget is not None and asked.budget is None:
        here.site.set_budget(asked.site_budget, asked.for_s)
    else:
        raise BadInput("Say either `budget` or `site_budget`.", param="budget")
    await here.taken_up()
    await power(exchange)


async def unload(exchange: Exchange) -> None:
    """Let a model go from memory; the next request for it loads it again."""
    parts = exchange.parts
    card = parts.catalog.resolve(exchange.path("name")).card
    await parts.pool.unload(card.name)
    await exchange.reply_json({"model": card.name, "unloaded": True})


async def reload(exchange: Exchange) -> None:
    """Read settings and cards again, as SIGHUP does."""
    if signal.getsignal(signal.SIGHUP) in {signal.SIG_DFL, signal.SIG_IGN, None}:
        raise Conflict("This server was not started in a way that lets it read its settings again.")
    os.kill(os.getpid(), signal.SIGHUP)
    await exchange.reply_json({"reload": "started"}, status=202)


def _query(exchange: Exchange, known: set[str]) -> dict[str, str]:
    """The query's parameters. Raises BadInput for one that is unknown or comes twice."""
    text = exchange.scope.get("query_string", b"").decode("latin-1")
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=16, errors="strict")
    except (ValueError, UnicodeDecodeError) as error:
        raise BadInput("The query string cannot be read.") from error
    found = dict(pairs)
    for name in found.keys() - known:
        raise BadInput(f"Unknown query parameter: '{name[:100]}'.", param=name[:100], code="unknown_parameter")
    if len(found) < len(pairs):
        raise BadInput("A query parameter is given twice.")
    return found


def _moment(asked: Mapping[str, str], name: str, default: float) -> float:
    """Unix seconds, from a number or from an ISO 8601 date (UTC where it does not say)."""
    text = asked.get(name)
    if text is None:
        return default
    try:
        seconds = float(text) if text.replace(".", "", 1).isdigit() else _from_iso(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < 9e9:
        raise BadInput(f"`{name}` is a time in Unix seconds or an ISO 8601 date.", param=name)
    return seconds


def _from_iso(text: str) -> float:
    at = datetime.fromisoformat(text)
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


def admins_only(handler: Handler) -> Endpoint:
    """An endpoint that refuses everybody else."""

    async def checked(exchange: Exchange) -> None:
        if not exchange.caller.admin:
            raise Forbidden("This needs an admin key, or the server's admin socket.")
        await handler(exchange)

    return Endpoint(checked)


routes = [
    Route("/healthz", Endpoint(healthz), methods=["GET"]),
    Route("/readyz", Endpoint(readyz), methods=["GET"]),
    Route("/metrics", Endpoint(prometheus), methods=["GET"]),
    Route("/admin/keys", admins_only(create_key), methods=["POST"]),
    Route("/admin/keys", admins_only(list_keys), methods=["GET"]),
    Route("/admin/keys/{key_id}", admins_only(delete_key), methods=["DELETE"]),
    Route("/admin/usage", admins_only(usage), methods=["GET"]),
    Route("/admin/ps", admins_only(ps), methods=["GET"]),
    Route("/admin/power", admins_only(power), methods=["GET"]),
    Route("/admin/power", admins_only(set_power), methods=["PUT"]),
    Route("/admin/models/{name}/unload", admins_only(unload), methods=["POST"]),
    Route("/admin/reload", admins_only(reload), methods=["POST"]),
]
