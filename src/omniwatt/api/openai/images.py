"""/v1/images/generations, /edits, /variations and our own /estimate: words (and pictures) -> pictures."""

from starlette.responses import FileResponse
from starlette.routing import Route

from omniwatt.api import stream
from omniwatt.api.exchange import JSON, Endpoint, Exchange
from omniwatt.api.fields import Read
from omniwatt.api.openai import common, images_answers, images_form
from omniwatt.api.openai.images_fields import EDIT, ESTIMATE, GENERATE, VARY, Wanted, parse
from omniwatt.api.signing import Signer
from omniwatt.contract.error import EngineFailed, NotFound
from omniwatt.contract.event import Event, Fact, Finished, Started

PARAMS = {"messages": "prompt", "text": "prompt", "data": "image", "part": "image", "blob": "image", "file": "image"}
"""What the way calls a field -> what it is called here."""


async def generate(exchange: Exchange) -> None:
    """Draw what a text says: whole, streamed, by URL or as bytes."""
    read = await common.read(exchange, GENERATE)
    await _answer(exchange, read, parse(read), "image_generation")


async def edit(exchange: Exchange) -> None:
    """Change a picture by words, inside a mask where there is one."""
    async with images_form.received(exchange, EDIT) as read:
        await _answer(exchange, read, parse(read, "edit"), "image_edit")


async def vary(exchange: Exchange) -> None:
    """Draw a picture again, differently."""
    async with images_form.received(exchange, VARY) as read:
        await _answer(exchange, read, parse(read, "vary"), "image_generation")


async def estimate(exchange: Exchange) -> None:
    """What a picture would be and cost, for each style and quality; nothing is drawn."""
    read = await common.read(exchange, ESTIMATE)
    wanted = parse(read, "explain")
    common.say_ignored(exchange, read.ignored)
    request = common.new_request(exchange, "draw", wanted.model, wanted.body, read.recorded)
    with common.naming(PARAMS):
        found = await stream.whole(exchange, request, _explained)
    await exchange.reply_json(found)


async def content(exchange: Exchange) -> None:
    """A picture given out as a URL: whoever has the URL may fetch it, until it expires."""
    name = exchange.path("name")
    given = dict(pair.partition("=")[::2] for pair in exchange.scope["query_string"].decode("latin-1").split("&"))
    Signer(exchange.parts.settings.home).check(name, given.get("expires", ""), given.get("signature", ""))
    blob = await exchange.parts.blobs.anyones(name)
    path = exchange.parts.blobs.path(blob)
    try:
        status = path.stat()
    except FileNotFoundError:
        raise NotFound(f"The content of {blob.id} is lost.", param="id") from None
    response = FileResponse(
        path,
        media_type=blob.media_type,
        filename=blob.name,
        stat_result=status,
        content_disposition_type="inline",
        headers={
            "x-content-type-options": "nosniff",
            "content-security-policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'",
            "cache-control": "private, max-age=3600",
        },
    )
    await response(exchange.scope, exchange.receive, exchange.send)


async def _answer(exchange: Exchange, read: Read, wanted: Wanted, kind: str) -> None:
    common.say_ignored(exchange, read.ignored)
    request = common.new_request(exchange, "draw", wanted.model, wanted.body, read.recorded)
    encoder = images_answers.wanted_encoder(exchange, wanted, kind)
    through = images_answers.linked(exchange) if wanted.answer == "url" else None
    with common.naming(PARAMS):
        if wanted.stream:
            await stream.streamed(exchange, request, encoder, through=through)
        elif wanted.answer == "bytes":
            await stream.buffered(exchange, request, encoder, wanted.body.media_type.encode(), 0, through)
        else:
            await stream.buffered(exchange, request, encoder, JSON, through=through)


def _explained(started: Started, events: list[Event], finished: Finished) -> dict[str, object]:
    values = next((event.values for event in events if isinstance(event, Fact)), None)
    if values is None:
        raise EngineFailed(f"{started.model} cannot say what a picture costs.")
    return {"object": "image.estimate", "created": common.now(), "model": finished.model or started.model} | values


routes = [
    Route("/v1/images/generations", Endpoint(generate, serves="draw"), methods=["POST"]),
    Route("/v1/images/edits", Endpoint(edit, serves="draw"), methods=["POST"]),
    Route("/v1/images/variations", Endpoint(vary, serves="draw"), methods=["POST"]),
    Route("/v1/images/estimate", Endpoint(estimate, serves="draw"), methods=["POST"]),
    Route(images_answers.URL_PATH + "{name}", Endpoint(content), methods=["GET"]),
]
