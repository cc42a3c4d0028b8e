"""WS /v1/realtime: spoken conversations; POST /v1/realtime/client_secrets: keys for pages to open one with."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any
from urllib.parse import parse_qs

import msgspec
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from omniwatt.api import errors
from omniwatt.api.exchange import Endpoint, Exchange
from omniwatt.api.fields import Field, Nested, Table, anything, integer
from omniwatt.api.guards import host_allowed, origin_allowed
from omniwatt.api.openai import common
from omniwatt.api.openai.realtime_parse import event_id_of, parse_event
from omniwatt.api.openai.realtime_session import parse_session
from omniwatt.api.parts import Parts
from omniwatt.contract.error import BadInput, Forbidden, NotFound, OmniwattError, VoiceNotFound
from omniwatt.contract.job import Caller
from omniwatt.realtime import secrets, wire
from omniwatt.realtime.calls import OpenCall
from omniwatt.realtime.live import GROUP as LIVE
from omniwatt.realtime.outbox import Outbox
from omniwatt.realtime.room import Services
from omniwatt.realtime.session import Session
from omniwatt.realtime.tally import Tally
from omniwatt.realtime.values import Json, SessionSettings

PATH = "/v1/realtime"
MODEL = "gpt-realtime"
"""What a session is opened for when its client names no model."""
SUBPROTOCOL = "realtime"
KEY_PROTOCOL = "openai-insecure-api-key."
"""How a page, which can set no headers, shows its key."""
LAST_WORDS_S = 2.0
POLICY_VIOLATION, NORMAL = 1008, 1000

SECRETS = Table(
    "Realtime client secrets",
    (
        Field(
            "expires_after",
            "honoured",
            anything({"type": "object"}, "`anchor` created_at and `seconds` 10 to 7200"),
            "Default: 600 seconds.",
        ),
        Field(
            "session",
            "honoured",
            anything({"type": "object"}, "a realtime or transcription session"),
            "What the session opened with it begins with.",
        ),
    ),
)


class Sockets:
    """The ASGI app of every web socket. Who may not come in is told so before the handshake is done."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection."""
        socket = WebSocket(scope, receive, send)
        try:
            caller, settings = await asyncio.to_thread(self._admit, socket)
            call_id = parse_qs(scope["query_string"].decode("latin-1")).get("call_id", [None])[0]
            call = None if call_id is None else self._parts.calls.find(call_id, caller)
            with self._parts.sessions.place(caller):
                offered = scope.get("subprotocols") or []
                await socket.accept(SUBPROTOCOL if SUBPROTOCOL in offered else None)
                if call is None:
                    await _converse(self._parts, caller, settings, socket)
                else:
                    await _join(self._parts, call, socket)
        except OmniwattError as error:
            if socket.application_state is not WebSocketState.CONNECTED:
                await _deny(socket, error)

    def _admit(self, socket: WebSocket) -> tuple[Caller, SessionSettings]:
        """Who calls, and what the session begins with. Raises OmniwattError."""
        server = self._parts.settings.server
        host, origin = socket.headers.get("host", ""), socket.headers.get("origin")
        if not host_allowed(host, server):
            raise Forbidden("This Host is not served here.", code="foreign_host")
        if origin is not None and not origin_allowed(origin, host, server):
            raise Forbidden("Web pages of this origin may not call.", code="foreign_origin")
        query = parse_qs(socket.scope["query_string"].decode("latin-1"))
        key = _key(socket) or query.get("api-key", [None])[0]
        if key is not None and key.startswith(secrets.PREFIX):
            caller, settings = self._parts.client_secrets.redeem(key)
        else:
            caller = self._parts.keys.caller(key)
            settings = fresh(self._parts)
            settings = msgspec.structs.replace(settings, model=query.get("model", [settings.model])[0])
        if socket.scope["path"] != PATH:
            raise NotFound(f"Unknown request URL: {socket.scope['path'][:200]}.", code="unknown_url")
        if query.get("intent") == ["transcription"]:
            settings = msgspec.structs.replace(settings, type="transcription")
        if settings.type == "realtime" and "call_id" not in query:
            self._parts.catalog.resolve(settings.model)
        return caller, settings


def _key(socket: WebSocket) -> str | None:
    """The key in the Authorization header, in `api-key`, or among the subprotocols."""
    scheme, _, key = socket.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and key.strip():
        return str(key.strip())
    if socket.headers.get("api-key"):
        return str(socket.headers["api-key"])
    for name in socket.scope.get("subprotocols") or []:
        if name.startswith(KEY_PROTOCOL):
            return str(name.removeprefix(KEY_PROTOCOL))
    return None


async def _deny(socket: WebSocket, error: OmniwattError) -> None:
    if "websocket.http.response" not in socket.scope.get("extensions", {}):
        await socket.close(POLICY_VIOLATION)
        return
    headers = {name.decode(): value.decode() for name, value in errors.headers(error)}
    body = errors.encoded(error)
    answer = Response(body, errors.row(error).status, headers, "application/json")
    with suppress(OSError, RuntimeError, WebSocketDisconnect):
        await socket.send_denial_response(answer)


async def _converse(parts: Parts, caller: Caller, settings: SessionSettings, socket: WebSocket) -> None:
    """One session, to its end, whoever brings it about."""
    limits, tally = parts.settings.realtime, Tally()
    outbox = Outbox(partial(_send, socket), limits.stall_s)
    session = Session(services(parts, caller), settings, outbox, tally)
    writer = asyncio.create_task(outbox.run())
    warmer = asyncio.create_task(warm(parts, settings))
    reader = asyncio.create_task(_read(socket, session, outbox, limits.idle_s))
    gone = asyncio.create_task(outbox.gone.wait())
    with parts.sessions.open(session.id, caller, settings.model, tally):
        try:
            done, _ = await asyncio.wait({reader, gone}, timeout=limits.session_s, return_when=asyncio.FIRST_COMPLETED)
            if not done:
                session.error(BadInput("Your session hit the maximum duration.", code="session_expired"))
        finally:
            for task in (reader, gone, warmer):
                task.cancel()
            await session.close()
            await outbox.flush(LAST_WORDS_S)
            writer.cancel()
            await asyncio.wait([reader, gone, warmer, writer])
            with suppress(OSError, RuntimeError, WebSocketDisconnect):
                await socket.close(NORMAL)


async def _join(parts: Parts, call: OpenCall, socket: WebSocket) -> None:
    """Beside a WebRTC call: all it is told but the sound, and a say in it. The call outlives it."""
    limits = parts.settings.realtime
    outbox = Outbox(partial(_send, socket), limits.stall_s)
    writer = asyncio.create_task(outbox.run())
    await call.begun.wait()
    with call.phone.beside(outbox):
        reader = asyncio.create_task(_read(socket, call, outbox, limits.idle_s))
        gone = asyncio.create_task(outbox.gone.wait())
        over = asyncio.create_task(call.over.wait())
        try:
            await asyncio.wait({reader, gone, over}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (reader, gone, over):
                task.cancel()
            await outbox.flush(LAST_WORDS_S)
            writer.cancel()
            await asyncio.wait([reader, gone, over, writer])
            with suppress(OSError, RuntimeError, WebSocketDisconnect):
                await socket.close(NORMAL)


async def _send(socket: WebSocket, text: str) -> None:
    try:
        await socket.send_text(text)
    except WebSocketDisconnect as error:
        raise OSError("the client has left") from error


async def _read(socket: WebSocket, session: "Session | OpenCall", outbox: Outbox, idle_s: float) -> None:
    """The client's messages, one after the other; what is wrong with one is said, and the next is read."""
    await session.start()
    while True:
        try:
            async with asyncio.timeout(idle_s):
                message = await socket.receive()
        except TimeoutError:
            session.error(BadInput(f"Nothing came for {idle_s:.0f} seconds.", code="session_idle"))
            return
        if message["type"] == "websocket.disconnect":
            return
        await take(message.get("text"), session, session.id)
        await outbox.room()


async def take(raw: str | None, session: "Session | OpenCall", session_id: str) -> None:
    """One message of a client's; what is wrong with it is said."""
    try:
        if raw is None:
            raise BadInput("Messages are JSON text; no binary ones are taken.", code="invalid_json")
        await session.handle(parse_event(raw))
    except Exception as error:  # noqa: BLE001 - whatever one event does, the session goes on
        fault = errors.from_exception(error, session_id)
        session.error(fault, event_id_of(raw) if raw is not None else None)


async def warm(parts: Parts, settings: SessionSettings) -> None:
    """Have what a turn needs in memory before somebody has spoken."""
    roles = parts.catalog.roles()
    names = [LIVE, roles.get("hear")]
    if settings.type == "realtime":
        names += [parts.catalog.resolve(settings.model).card.name, roles.get("speak")]
    for name in dict.fromkeys(names):
        if name:
            with suppress(OmniwattError):
                await parts.pool.ensure(name)


def fresh(parts: Parts) -> SessionSettings:
    """What a session begins with when nothing is asked for."""
    said = parts.settings.realtime
    return SessionSettings(model=MODEL, instructions=said.instructions, voice=said.voice)


def services(parts: Parts, caller: Caller) -> Services:
    """The server as one caller's session sees it."""
    return Services(
        serve=lambda request, inputs, guess: parts.pipeline.serve(request, caller, inputs, guess),
        call=parts.pool.call,
        window=partial(_window, parts),
        free=partial(_free, parts),
        check_voice=partial(check_voice, parts),
        describe=_described,
        defect=lambda error: errors.from_exception(error, "realtime"),
        limits=parts.settings.realtime,
    )


def _window(parts: Parts, model: str) -> int:
    card = parts.catalog.resolve(model).card
    loaded = parts.pool.loaded(card.name)
    return (loaded.context_window if loaded else 0) or card.context_window


def _free(parts: Parts, model: str) -> bool:
    roles, status = parts.catalog.roles(), parts.admission.status()
    groups = (parts.catalog.resolve(model).card.name, roles.get("speak", ""), roles.get("hear", ""))
    return not any(status.get(group, {}).get("waiting", 0) for group in groups)


def check_voice(parts: Parts, name: str, model: str) -> None:
    voices, speaker = parts.catalog.voices, parts.catalog.roles().get("speak")
    try:
        voices.resolve(name, speaker)
    except VoiceNotFound:
        voices.resolve(name)


def _described(error: OmniwattError) -> Json:
    found: Json = errors.body(error)["error"]
    return found


async def create_secret(exchange: Exchange) -> None:
    """A key that lives for minutes and opens the session told of here."""
    read = await common.read(exchange, SECRETS)
    nested = Nested(read.ignored, warn=common.warns(exchange))
    lives_s = _lives_s(read.values.get("expires_after"), nested)
    settings = fresh(exchange.parts)
    if "session" in read.values:
        settings = parse_session(read.values["session"], "session", settings, nested, anew=True)
    if settings.type == "realtime":
        exchange.parts.catalog.resolve(settings.model)
        check_voice(exchange.parts, settings.voice, settings.model)
    common.say_ignored(exchange, read.ignored)
    create: Callable[..., tuple[str, int]] = exchange.parts.client_secrets.create
    value, expires_at = await asyncio.to_thread(create, exchange.caller, settings, lives_s)
    session: dict[str, Any] = wire.session(settings, wire.new_id("sess"), int(time.time()) + lives_s)
    await exchange.reply_json({"value": value, "expires_at": expires_at, "session": session})


def _lives_s(value: Any, nested: Nested) -> int:
    if value is None:
        return secrets.USUAL_S
    given = nested.check(value, "expires_after", frozenset({"anchor", "seconds"}))
    if given.get("anchor", "created_at") != "created_at":
        raise BadInput("Supported is 'created_at'.", param="expires_after.anchor")
    seconds = given.get("seconds", secrets.USUAL_S)
    return int(integer(secrets.LEAST_S, secrets.MOST_S).check(seconds, "expires_after.seconds"))


routes = [Route("/v1/realtime/client_secrets", Endpoint(create_secret), methods=["POST"])]
