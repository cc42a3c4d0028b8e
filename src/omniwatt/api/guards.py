"""Who may speak to the door at all: Host and Origin, against DNS rebinding and foreign pages; CORS for the listed ones.

Loopback is no proof of identity: a page the user happens to visit reaches it too.
"""

from ipaddress import ip_address

from starlette.types import ASGIApp, Receive, Scope, Send

from omniwatt.api.exchange import Exchange
from omniwatt.contract.error import Forbidden
from omniwatt.settings import Server

LOOPBACK_NAMES = frozenset({"localhost", "ip6-localhost"})
ANY_ADDRESS = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared with, never bound here
EXPOSED = (
    b"location, x-request-id, openai-processing-ms, x-omniwatt-ignored-fields, retry-after, retry-after-ms, "
    b"x-omniwatt-queue-ms, x-omniwatt-degraded, x-omniwatt-power-share, x-energy-joules, x-energy-method, "
    b"x-ratelimit-limit-requests, x-ratelimit-remaining-requests, x-ratelimit-reset-requests, "
    b"x-ratelimit-limit-tokens, x-ratelimit-remaining-tokens, x-ratelimit-reset-tokens"
)
PREFLIGHT_S = 600


def host_name(host: str) -> str:
    """The name in a Host header, without port and brackets, lower case."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower().rstrip(".")


def host_allowed(host: str, server: Server) -> bool:
    """Loopback names and addresses, the host bound to, and what the operator lists ("*" for every name).

    Bound to every address, any literal address is fine: rebinding needs a name.
    """
    name = host_name(host)
    if not name:
        return False
    allowed = {entry.lower() for entry in server.allowed_hosts}
    if name in LOOPBACK_NAMES or name == server.host.lower() or name in allowed or "*" in allowed:
        return True
    try:
        address = ip_address(name)
    except ValueError:
        return False
    return address.is_loopback or server.host in ANY_ADDRESS


def origin_allowed(origin: str, host: str, server: Server) -> bool:
    """A page of this very host, or one of the listed web origins ("*" for every one)."""
    if origin in server.cors_origins or "*" in server.cors_origins:
        return True
    return bool(host) and origin.lower() in (f"http://{host}".lower(), f"https://{host}".lower())


class Guards:
    """Answers CORS preflights, refuses foreign hosts and origins, passes the rest on."""

    def __init__(self, app: ASGIApp, server: Server) -> None:
        self._app = app
        self._server = server
        self._known_hosts: set[bytes] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange: Exchange = scope["state"]["exchange"]
        self._check_host(exchange)
        if b"origin" in exchange.headers:
            self._check_origin(exchange)
            if scope["method"] == "OPTIONS" and b"access-control-request-method" in exchange.headers:
                await _preflight(exchange)
                return
        await self._app(scope, receive, send)

    def _check_host(self, exchange: Exchange) -> None:
        raw = exchange.headers.get(b"host", b"")
        if raw in self._known_hosts:
            return
        if not host_allowed(raw.decode("latin-1"), self._server):
            raise Forbidden(
                "This Host is not served here. Add it to `allowed_hosts` of the server's settings.", code="foreign_host"
            )
        if len(self._known_hosts) < 64:
            self._known_hosts.add(raw)

    def _check_origin(self, exchange: Exchange) -> None:
        origin = exchange.header(b"origin")
        if not origin_allowed(origin, exchange.header(b"host"), self._server):
            raise Forbidden(
                "Web pages of this origin may not call. Add it to `cors_origins` of the server's settings.",
                code="foreign_origin",
            )
        exchange.extra_headers += [
            (b"access-control-allow-origin", exchange.headers[b"origin"]),
            (b"access-control-expose-headers", EXPOSED),
            (b"vary", b"origin"),
        ]


async def _preflight(exchange: Exchange) -> None:
    exchange.extra_headers += [
        (b"access-control-allow-methods", b"GET, POST, PUT, DELETE"),
        (b"access-control-allow-headers", exchange.headers.get(b"access-control-request-headers", b"authorization")),
        (b"access-control-max-age", str(PREFLIGHT_S).encode()),
    ]
    await exchange.send({"type": "http.response.start", "status": 204, "headers": []})
    await exchange.send({"type": "http.response.body", "body": b""})
