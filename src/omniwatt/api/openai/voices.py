"""GET /v1/audio/voices: which voices there are, and what each sounds like."""

import asyncio
import contextlib
import hashlib
import logging
import secrets
from pathlib import Path
from typing import Any

import msgspec
from starlette.routing import Route

from omniwatt.api import stream
from omniwatt.api.exchange import Endpoint, Exchange
from omniwatt.api.openai import common, pages
from omniwatt.api.openai.models import allowed
from omniwatt.catalog.card import Card
from omniwatt.catalog.voices import OPENAI_NAMES, VoiceStyle, sentence
from omniwatt.contract.error import BadInput, NotFound, VoiceNotFound
from omniwatt.contract.event import Data, Event, Finished, Started
from omniwatt.contract.request import SpeakBody, Voice

FILTERS = ("engine", "gender", "language", "neural")
GENDERS = ("female", "male", "neutral")
SAMPLE_FORMAT = "mp3"
SAMPLE_TYPE = b"audio/mpeg"
SAMPLES_FOLDER = "samples"
KEEP = (b"cache-control", b"private, max-age=86400")

log = logging.getLogger("omniwatt.api")


async def index(exchange: Exchange) -> None:
    """The voices of the models served here; `language`, `engine`, `gender` and `neural` narrow them down."""
    wanted = _filters(exchange)
    names = exchange.parts.catalog.voices.openai_names()
    cards = _cards(exchange)
    styles = exchange.parts.catalog.voices.list()
    found = [describe(style, names) for style in styles if style.engine in cards and _fits(style, wanted)]
    await exchange.reply_json(pages.page(found, len(found)))


async def show(exchange: Exchange) -> None:
    """One voice, by its id or by OpenAI's name for it."""
    style, _ = _style(exchange)
    await exchange.reply_json(describe(style, exchange.parts.catalog.voices.openai_names()))


async def sample(exchange: Exchange) -> None:
    """A sentence in the voice's own language, said by it: MP3."""
    style, card = _style(exchange)
    text = sentence(style.language)
    path = exchange.parts.settings.home / SAMPLES_FOLDER / f"{_fingerprint(style, card, text)}.{SAMPLE_FORMAT}"
    sound = await asyncio.to_thread(_kept, path)
    if sound is None:
        body = SpeakBody(voice=Voice(style.id), text=text, audio_format=SAMPLE_FORMAT)
        request = common.new_request(exchange, "speak", style.engine, body, {})
        sound = await stream.whole(exchange, request, _joined)
        # Blends and other combinations are without number; only what is listed may fill the disk.
        if style in exchange.parts.catalog.voices.list():
            await asyncio.to_thread(_keep, path, sound)
    exchange.extra_headers.append(KEEP)
    await exchange.reply(sound, media_type=SAMPLE_TYPE)


def describe(style: VoiceStyle, names: dict[str, tuple[str, ...]]) -> dict[str, Any]:
    """A voice object; `names` are OpenAI's names by style id."""
    return {
        "id": style.id,
        "object": "voice",
        "name": style.name,
        "language": style.language,
        "gender": style.gender,
        "engine": style.engine,
        "delivery": style.delivery_name or None,
        "description": style.description,
        "neural": style.neural,
        "aliases": list(names.get(style.id, ())),
        "sample": f"/v1/audio/voices/{style.id}/sample",
    }


def _filters(exchange: Exchange) -> dict[str, str]:
    wanted = pages.query(exchange, FILTERS)
    for name, known in (("gender", GENDERS), ("neural", ("true", "false"))):
        if name in wanted and wanted[name] not in known:
            raise BadInput(f"'{name}' must be one of: {', '.join(known)}.", param=name)
    return wanted


def _fits(style: VoiceStyle, wanted: dict[str, str]) -> bool:
    language = wanted.get("language", "").lower()
    return (
        (not language or f"{style.language.lower()}-".startswith(f"{language}-"))
        and wanted.get("engine", style.engine) == style.engine
        and wanted.get("gender", style.gender) == style.gender
        and wanted.get("neural", str(style.neural).lower()) == str(style.neural).lower()
    )


def _cards(exchange: Exchange) -> dict[str, Card]:
    """The models this caller may speak with, by name."""
    catalog = exchange.parts.catalog
    aliases = catalog.aliases()
    speaking = [card for card in catalog.served() if "speak" in card.capabilities]
    return {card.name: card for card in speaking if allowed(exchange.caller, aliases, card.name)}


def _style(exchange: Exchange) -> tuple[VoiceStyle, Card]:
    """The voice of the path and the model that speaks it. Raises NotFound."""
    name, cards, voices = exchange.path("voice"), _cards(exchange), exchange.parts.catalog.voices
    try:
        style = voices.resolve(name)
    except VoiceNotFound as error:
        raise NotFound(error.message, param="voice", code=error.code) from error
    if style.engine not in cards and name in OPENAI_NAMES:
        # Each model has a voice of that name: one of those that are here will do.
        style = next((voices.resolve(name, style.engine) for style in voices.list() if style.engine in cards), style)
    if style.engine not in cards:
        raise NotFound(
            f"The voice `{name}` needs the model `{style.engine}`, which is not served here or not to you. "
            f"The operator can fetch it: omniwatt pull {style.engine}",
            param="voice",
            code="model_not_found",
        )
    return style, cards[style.engine]


def _joined(started: Started, events: list[Event], finished: Finished) -> bytes:
    return b"".join(event.data for event in events if isinstance(event, Data))


def _fingerprint(style: VoiceStyle, card: Card, text: str) -> str:
    """Changes with everything the sound depends on, so that an old sample is not taken for a new voice's."""
    made_of = (style, text, card.engine, card.options, [artifact.sha256 for artifact in card.artifacts])
    return hashlib.sha256(msgspec.json.encode(made_of)).hexdigest()[:32]


def _kept(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


def _keep(path: Path, sound: bytes) -> None:
    """Whole or not at all: two who ask at once write two files, and the last one stays.

    A full disk costs the next caller a little time, and this one nothing.
    """
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        fresh.write_bytes(sound)
        fresh.replace(path)
    except OSError as error:
        log.warning("a voice sample cannot be kept: %s", error.strerror)
        with contextlib.suppress(OSError):
            fresh.unlink(missing_ok=True)


routes = [
    Route("/v1/audio/voices", Endpoint(index), methods=["GET"]),
    Route("/v1/audio/voices/{voice}/sample", Endpoint(sample), methods=["GET"]),
    Route("/v1/audio/voices/{voice}", Endpoint(show), methods=["GET"]),
]
