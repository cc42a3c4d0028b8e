"""What every HTTP exchange passes through, outside in: Exchanges, ErrorBoundary, Guards (guards.py), Authentication."""

import asyncio
from pathlib import Path
from typing import TypeGuard

from starlette.exceptions import HTTPException
from starlette.routing import Router
from starlette.types import ASGIApp, Receive, Scope, Send

from omniwatt.api import errors, stream
from omniwatt.api.exchange import Exchange
from omniwatt.api.parts import Parts
from omniwatt.auth import Keys
from omniwatt.contract.error import BadInput, NotFound, OmniwattError, WrongMediaType
from omniwatt.contract.job import Caller
from omniwatt.realtime import secrets

OPEN_PATHS = frozenset({"/healthz", "/readyz"})
SIGNED_PATHS = "/v1/images/files/"
"""Below this a URL proves by its own signature what it may fetch."""
SECRET_PATHS = frozenset({"/v1/realtime/calls"})
"""Where a realtime client secret serves in place of a key; the session it opens is in `scope["state"]["session"]`."""


class Exchanges:
    """Makes the Exchange: request id and time headers, `scope["state"]` with exchange, parts and request_id.

    Only HTTP passes: web sockets go to `sockets`, a server's own start and end are acknowledged here.
    """

    def __init__(self, app: ASGIApp, parts: Parts, sockets: ASGIApp | None = None) -> None:
        self._app = app
        self._parts = parts
        self._others = Router()
        self._sockets = sockets or self._others

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await (self._sockets if scope["type"] == "websocket" else self._others)(scope, receive, send)
            return
        exchange = Exchange(scope, receive, send, self._parts)
        scope["state"] = scope.get("state", {}) | {
            "exchange": exchange,
            "parts": self._parts,
            "request_id": exchange.request_id,
        }
        await self._app(scope, receive, exchange.send)


class ErrorBoundary:
    """Turns what is raised within into an OpenAI error body; a client that left gets nothing."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange: Exchange = scope["state"]["exchange"]
        scope["app"] = self
        try:
            await self._app(scope, receive, send)
        except HTTPException as error:
            exchange.extra_headers += [(k.lower().encode(), v.encode()) for k, v in (error.headers or {}).items()]
            await _answer(exchange, of_http(error, scope), error.status_code)
        except Exception as error:  # noqa: BLE001 - the last place where a fault can become an answer
            fault = errors.from_exception(error, exchange.request_id)
            if exchange.answering:
                # Too late to say it: the server closes the connection, which the client sees as a broken answer.
                return
            exchange.extra_headers += errors.headers(fault)
            exchange.extra_headers += stream.rate_limit_headers(fault.details.get("rate_limits", {}))
            await _answer(exchange, fault, errors.row(fault).status)


def of_http(error: HTTPException, scope: Scope) -> OmniwattError:
    """What the router or a form parser refused, in our words."""
    if error.status_code == 404:
        return NotFound(f"Unknown request URL: {scope['method']} {scope['path']}.", code="unknown_url")
    if error.status_code == 405:
        return BadInput(f"Not allowed to {scope['method']} on {scope['path']}.", code="method_not_supported")
    if error.status_code == 415:
        return WrongMediaType(str(error.detail))
    return BadInput(str(error.detail))


async def _answer(exchange: Exchange, error: OmniwattError, status: int) -> None:
    await exchange.reply(errors.encoded(error), status=status)


class Authentication:
    """Sets `exchange.caller` and `scope["state"]["caller"]`. The admin socket is its owner's: admin."""

    def __init__(self, app: ASGIApp, keys: Keys, admin_socket: Path) -> None:
        self._app = app
        self._keys = keys
        self._admin_socket = str(admin_socket)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] in OPEN_PATHS or scope["path"].startswith(SIGNED_PATHS):
            await self._app(scope, receive, send)
            return
        exchange: Exchange = scope["state"]["exchange"]
        if self._is_admin_socket(scope):
            caller = Caller(key_id="admin-socket", name="admin socket", project="default", admin=True)
        elif _is_secret(key := bearer(exchange)) and scope["path"] in SECRET_PATHS:
            redeem = exchange.parts.client_secrets.redeem
            caller, scope["state"]["session"] = await asyncio.to_thread(redeem, key)
        else:
            caller = self._keys.caller(key)
        exchange.caller = scope["state"]["caller"] = caller
        await self._app(scope, receive, send)

    def _is_admin_socket(self, scope: Scope) -> bool:
        server = scope.get("server")
        return server is not None and server[1] is None and server[0] == self._admin_socket


def _is_secret(key: str | None) -> TypeGuard[str]:
    return key is not None and key.startswith(secrets.PREFIX)


def bearer(exchange: Exchange) -> str | None:
    """The key of `Authorization: Bearer`, `api-key` or `x-api-key`; None without one."""
    scheme, _, key = exchange.header(b"authorization").partition(" ")
    if scheme.lower() == "bearer" and key.strip():
        return key.strip()
    return exchange.header(b"api-key") or exchange.header(b"x-api-key") or None
