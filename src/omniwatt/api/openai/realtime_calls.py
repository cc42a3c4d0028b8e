"""POST /v1/realtime/calls: spoken conversations over WebRTC, and hanging up. Needs `omniwatt[webrtc]`."""

import asyncio
import logging
from importlib.util import find_spec
from typing import Any
from urllib.parse import parse_qs

import msgspec
from starlette.routing import Route

from omniwatt import settings as settings_module
from omniwatt.api import body as bodies
from omniwatt.api.exchange import Endpoint, Exchange
from omniwatt.api.fields import Nested
from omniwatt.api.openai import common
from omniwatt.api.openai.realtime import check_voice, fresh, services, take, warm
from omniwatt.api.openai.realtime_session import parse_session
from omniwatt.api.openai.upload import FIELD_LIMIT_BYTES, Head, multipart
from omniwatt.api.parts import Parts
from omniwatt.contract.error import BadInput, OmniwattError, UnsupportedField, WrongMediaType
from omniwatt.contract.event import Data, Fact
from omniwatt.contract.job import Caller
from omniwatt.realtime import wire
from omniwatt.realtime.calls import OpenCall, checked
from omniwatt.realtime.phone import Phone
from omniwatt.realtime.session import Session
from omniwatt.realtime.tally import Tally
from omniwatt.realtime.values import SessionSettings

SDP = b"application/sdp"
PATH = "/v1/realtime/calls"
LIBRARY = "aiortc"
SIP_VERBS = ("accept", "reject", "refer")

log = logging.getLogger("omniwatt.api")


async def create(exchange: Exchange) -> None:
    """Answer an SDP offer: 201 with the SDP answer, and the call's path in Location."""
    parts = exchange.parts
    if find_spec(LIBRARY) is None:
        raise UnsupportedField("This server takes no WebRTC calls. Its operator can: pip install 'omniwatt[webrtc]'")
    offer, asked = await _form(exchange)
    session = _session(exchange, asked)
    call_id = wire.new_id("rtc")
    phone = Phone(parts.pool.call, call_id, offer, _options(parts.settings.realtime))
    call = OpenCall(call_id, exchange.caller, phone)
    answered: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    parts.calls.begin(call, _hold(parts, exchange.caller, session, call, answered))
    try:
        async with exchange.client_watch():
            answer = await answered
    except BaseException:
        await parts.calls.hang_up(call)
        raise
    exchange.extra_headers.append((b"location", f"{PATH}/{call_id}".encode()))
    await exchange.reply(answer.encode(), status=201, media_type=SDP)


async def hang_up(exchange: Exchange) -> None:
    """End a call."""
    call = exchange.parts.calls.find(exchange.path("call_id"), exchange.caller)
    await exchange.parts.calls.hang_up(call)
    await exchange.reply(b"")


async def sip_only(exchange: Exchange) -> None:
    """What can be done with calls that come in over the telephone: none do here."""
    verb = exchange.scope["path"].rpartition("/")[2]
    raise UnsupportedField(
        f"'{verb}' is for calls over SIP; here are WebRTC calls only, which begin answered and end with 'hangup'."
    )


def _options(told: settings_module.Realtime) -> dict[str, object]:
    """What the engine is told; a password goes to the TURN servers only."""
    credential = settings_module.secret(told.turn_credential_env) if told.turn_credential_env else None
    turn = {"username": told.turn_username, "credential": credential or ""}
    servers = [{"url": url} | (turn if url.startswith("turn") else {}) for url in told.ice_servers]
    return {"lost_s": told.call_lost_s, "ice_servers": servers}


async def _form(exchange: Exchange) -> tuple[str, Any]:
    """The offer, and the session asked for (None without one). Raises WrongMediaType, TooLarge, BadInput."""
    kind = exchange.headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
    fields: dict[str, bytes] = {}
    if kind == SDP:
        fields["sdp"] = await bodies.read(exchange.receive, exchange.headers, FIELD_LIMIT_BYTES)
    elif kind == b"multipart/form-data":
        fields = await _fields(exchange)
    else:
        raise WrongMediaType("An offer is sent as application/sdp, or as the field 'sdp' of multipart/form-data.")
    if not fields.get("sdp", b"").strip():
        raise BadInput("Missing required parameter: 'sdp'.", param="sdp", code="missing_required_parameter")
    try:
        offer = fields["sdp"].decode()
        session = msgspec.json.decode(fields["session"]) if fields.get("session") else None
    except UnicodeDecodeError as error:
        raise BadInput("The SDP offer is not text.", param="sdp", code="invalid_offer") from error
    except (msgspec.DecodeError, RecursionError) as error:
        raise BadInput("The session is not valid JSON.", param="session", code="invalid_json") from error
    return offer, session


async def _fields(exchange: Exchange) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    held_bytes, name = 0, ""
    async for piece in multipart(exchange):
        if isinstance(piece, Head):
            name = piece.name
            if name not in ("sdp", "session") or name in found:
                raise BadInput(f"Unexpected part of the form: '{name[:100]}'.", param=name[:100])
            found[name] = b""
            continue
        held_bytes += len(piece)
        if held_bytes > 4 * FIELD_LIMIT_BYTES:
            raise BadInput(f"The field '{name}' is too long.", param=name)
        found[name] += piece
    return found


def _session(exchange: Exchange, asked: Any) -> SessionSettings:
    """What the call begins with: the client secret's session, or a fresh one, with what is asked for laid over."""
    parts = exchange.parts
    found: SessionSettings | None = exchange.scope["state"].get("session")
    if found is None:
        found = fresh(parts)
        query = parse_qs(exchange.scope["query_string"].decode("latin-1"))
        found = msgspec.structs.replace(found, model=query.get("model", [found.model])[0])
    if asked is not None:
        nested = Nested([], warn=common.warns(exchange))
        found = parse_session(asked, "session", found, nested, anew=True)
        common.say_ignored(exchange, nested.ignored)
    if found.type == "realtime":
        parts.catalog.resolve(found.model)
        check_voice(parts, found.voice, found.model)
    return checked(found)


async def _hold(
    parts: Parts, caller: Caller, settings: SessionSettings, call: OpenCall, answered: "asyncio.Future[str]"
) -> None:
    """One call, to its end, whoever brings it about."""
    try:
        with parts.sessions.place(caller):
            answered.set_result(await call.phone.answer())
            if await call.phone.connected():
                await _converse(parts, caller, settings, call)
    except OmniwattError as error:
        if answered.done():
            log.warning("the call %s ended: %s", call.id, error.message)
        else:
            answered.set_exception(error)
    finally:
        answered.cancel()
        call.begun.set()
        call.over.set()
        await call.phone.close()


async def _converse(parts: Parts, caller: Caller, settings: SessionSettings, call: OpenCall) -> None:
    limits, tally = parts.settings.realtime, Tally()
    session = Session(services(parts, caller), settings, call.phone, tally, call.phone)
    warmer = asyncio.create_task(warm(parts, settings))
    with parts.sessions.open(session.id, caller, settings.model, tally):
        try:
            async with asyncio.timeout(limits.session_s) as life:
                await session.start()
                call.session = session
                call.begun.set()
                await _listen(call, session)
        except TimeoutError:
            if not life.expired():
                raise
            session.error(BadInput("Your session hit the maximum duration.", code="session_expired"))
        finally:
            call.session = None
            warmer.cancel()
            await session.close()
            await asyncio.wait([warmer])


async def _listen(call: OpenCall, session: Session) -> None:
    """What the peer says and writes, one after the other."""
    async for event in call.phone.events():
        if isinstance(event, Data):
            await call.hear(event.data)
        elif isinstance(event, Fact) and "message" in event.values:
            await take(event.values["message"], call, session.id)


routes = [
    Route(PATH, Endpoint(create), methods=["POST"]),
    Route(f"{PATH}/{{call_id}}/hangup", Endpoint(hang_up), methods=["POST"]),
    *(
        Route(f"{PATH}/{{call_id}}/{verb}", Endpoint(sip_only), methods=["POST"])
        for verb in ("accept", "reject", "refer")
    ),
]
