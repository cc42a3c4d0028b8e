"""Run the app on its sockets until told to stop: drain, then end what still runs with a clear error."""

import asyncio
import contextlib
import json
import signal
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from pathlib import Path
from typing import Any

import click
import uvicorn

from omniwatt.api.coalesce import CoalescingProtocol
from omniwatt.settings import Server

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

STOPPING = json.dumps(
    {
        "error": {
            "message": "The server is stopping; this answer was cut short. Please send the request again.",
            "type": "server_error",
            "param": None,
            "code": "server_stopping",
        }
    }
).encode()
LAST_WORDS_S = 2.0
MESSAGE_LIMIT_BYTES = 12 * 1024 * 1024
"""The largest web socket message: 8 MiB of sound in base64, and what stands around it."""


class CutShort:
    """ASGI middleware: a request cancelled by the end of the drain ends in an error its client can read."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.stopping = False

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started: list[Message] = []

        async def watched(message: Message) -> None:
            if message["type"] == "http.response.start":
                started.append(message)
            await send(message)

        try:
            await self.app(scope, receive, watched)
        except asyncio.CancelledError:
            if not self.stopping:
                raise
            with contextlib.suppress(OSError, RuntimeError):
                await _last_words(started, send)


async def _last_words(started: list[Message], send: Send) -> None:
    if not started:
        headers = [(b"content-type", b"application/json"), (b"retry-after", b"5"), (b"connection", b"close")]
        await send({"type": "http.response.start", "status": 503, "headers": headers})
        await send({"type": "http.response.body", "body": STOPPING})
        return
    kind = dict(started[0].get("headers", [])).get(b"content-type", b"")
    tail = b"data: " + STOPPING + b"\n\n" if kind.startswith(b"text/event-stream") else b""
    await send({"type": "http.response.body", "body": tail})


class Listener(uvicorn.Server):
    """A uvicorn server that leaves the signals to us: two of them share one process."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


def bind(host: str, port: int) -> socket.socket:
    """A listening socket's address, taken. Raises click.ClickException that says what to do."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
        sock.listen(2048)
    except OSError as error:
        sock.close()
        raise click.ClickException(
            f"cannot listen on {host} port {port}: {error.strerror}.\n"
            f"Another program may use it. Choose another port: omniwatt serve --port {port % 65535 + 1}"
        ) from error
    sock.setblocking(False)
    return sock


def bind_unix(path: Path) -> socket.socket:
    """The local administration socket, readable by this user alone from its first moment."""
    path.unlink(missing_ok=True)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.bind(str(path))
        path.chmod(0o600)
        sock.listen(64)
    except OSError as error:
        sock.close()
        raise click.ClickException(
            f"cannot listen on {path}: {error.strerror or error}. "
            "A socket's path may have at most 107 characters: choose a shorter OMNIWATT_HOME"
        ) from error
    sock.setblocking(False)
    return sock


def listeners(app: App, server: Server, local_only: App) -> tuple[Listener, Listener]:
    """One for the network, one for the local socket; `local_only` is the app as the socket's callers see it."""
    common: dict[str, Any] = {
        "loop": "uvloop",
        "http": CoalescingProtocol,
        "ws": "websockets-sansio",
        "ws_max_size": MESSAGE_LIMIT_BYTES,
        "ws_per_message_deflate": False,
        "lifespan": "off",
        "log_config": None,
        "access_log": False,
        "proxy_headers": False,
        "server_header": False,
        "timeout_graceful_shutdown": server.drain_s,
        "timeout_keep_alive": 75,
    }
    tls: dict[str, Any] = {}
    if server.tls_certificate:
        tls = {"ssl_certfile": server.tls_certificate, "ssl_keyfile": server.tls_key or None}
    try:
        network = uvicorn.Config(app, **common, **tls)
        network.load()
    except (OSError, ssl.SSLError) as error:
        raise click.ClickException(f"cannot use the TLS certificate {server.tls_certificate}: {error}") from error
    return Listener(network), Listener(uvicorn.Config(local_only, **common))


async def run_until_signal(
    sockets: list[tuple[Listener, socket.socket]],
    cut_short: CutShort,
    ready: Callable[[], Awaitable[None]],
    reload: Callable[[], Awaitable[None]],
) -> None:
    """Serve until SIGTERM or SIGINT, then drain; a second one ends the drain at once. SIGHUP calls `reload`."""
    loop = asyncio.get_running_loop()
    stop, hurry = asyncio.Event(), asyncio.Event()
    reloads: set[asyncio.Task[None]] = set()

    def on_stop() -> None:
        (hurry if stop.is_set() else stop).set()

    def on_reload() -> None:
        task = asyncio.ensure_future(reload())
        reloads.add(task)
        task.add_done_callback(reloads.discard)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_stop)
    loop.add_signal_handler(signal.SIGHUP, on_reload)
    tasks = [asyncio.create_task(listener.serve(sockets=[sock])) for listener, sock in sockets]
    try:
        await _started([listener for listener, _ in sockets], tasks)
        await ready()
        await stop.wait()
    finally:
        cut_short.stopping = True
        await _drain([listener for listener, _ in sockets], tasks, hurry)


async def _started(servers: list[Listener], tasks: list[asyncio.Task[None]]) -> None:
    while not all(server.started for server in servers):
        for task in tasks:
            if task.done():
                await task
                raise RuntimeError("the server stopped before it had started")
        await asyncio.sleep(0.01)


async def _drain(servers: list[Listener], tasks: list[asyncio.Task[None]], hurry: asyncio.Event) -> None:
    for server in servers:
        server.should_exit = True
    everyone = asyncio.gather(*tasks, return_exceptions=True)
    everyone.add_done_callback(lambda _: hurry.set())
    await hurry.wait()
    if not everyone.done():
        for server in servers:
            server.force_exit = True
            for task in list(server.server_state.tasks):
                task.cancel()
    await everyone
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(LAST_WORDS_S):
            left = [task for server in servers for task in server.server_state.tasks]
            await asyncio.gather(*left, return_exceptions=True)
