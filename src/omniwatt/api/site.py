"""The site's routes: nodes ask for watts, the operator forgets a node. See power/site.py."""

import msgspec
from starlette.routing import Route

from omniwatt.api.admin import admins_only
from omniwatt.api.exchange import Exchange
from omniwatt.contract.error import BadInput
from omniwatt.power.budget import Ask


async def lease(exchange: Exchange) -> None:
    """Lend a node watts for the next seconds, as it asks each second; only a server with a site's budget does."""
    try:
        ask = msgspec.convert(await exchange.json(), Ask)
    except msgspec.ValidationError as error:
        raise BadInput(f"This asks for no lease: {error}", param=_place(str(error))) from error
    await exchange.reply_json(await exchange.parts.power.site.answer(ask))


async def forget(exchange: Exchange) -> None:
    """Free what is kept for a node that is switched off for good."""
    name = exchange.path("name")
    await exchange.parts.power.site.forget(name)
    await exchange.reply_json({"name": name, "forgotten": True})


def _place(message: str) -> str | None:
    """`need.floor_w` of "... - at `$.need.floor_w`"."""
    return message.rpartition("`$.")[2].rstrip("`") if "`$." in message else None


routes = [
    Route("/admin/power/lease", admins_only(lease), methods=["POST"]),
    Route("/admin/power/nodes/{name}", admins_only(forget), methods=["DELETE"]),
]
