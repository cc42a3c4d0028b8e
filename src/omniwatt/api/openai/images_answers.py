"""Pictures on the wire: one JSON body, server-sent events, or the bytes themselves; never more than a piece is held.

A body of JSON is written while the picture is painted: what is only known at the end (`usage`) stands at its end.
"""

import base64
import json
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any, NamedTuple

from omniwatt.api.exchange import Exchange
from omniwatt.api.openai import common
from omniwatt.api.openai.images_fields import FORM_OF, Wanted
from omniwatt.api.signing import Signer
from omniwatt.api.stream import encode_json, sse
from omniwatt.blobs import Draft
from omniwatt.contract.event import ChoiceEnd, Data, Event, Finished, Picture, Progress, Started, Usage
from omniwatt.contract.request import DrawBody

LINKED = "text/uri-list"
"""Data of this media type is a URL where the picture can be fetched (RFC 2483), in place of its bytes."""
URL_PATH = "/v1/images/files/"
BLOB_KIND = "picture"
HEADER_BYTES = 6 * 1024
APART = ("tokens", "quality", "faster", "background")
"""Details of a picture that stand elsewhere in the answer."""


class Base64:
    """Bytes in pieces of any length -> one base64 text in pieces."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> bytes:
        """The text of what is whole by now."""
        data = self._rest + data
        end = len(data) - len(data) % 3
        self._rest = data[end:]
        return base64.b64encode(data[:end])

    def end(self) -> bytes:
        """The rest."""
        rest, self._rest = self._rest, b""
        return base64.b64encode(rest)


def facts(picture: Picture) -> dict[str, Any]:
    """What is said of a picture beside its bytes: `revised_prompt`, and ours: seed, style, text_verification, ..."""
    found: dict[str, Any] = {"revised_prompt": picture.revised_prompt} if picture.revised_prompt else {}
    return found | {name: value for name, value in picture.details.items() if name not in APART and value is not None}


def look(body: DrawBody, picture: Picture | None) -> dict[str, Any]:
    """`background`, `output_format`, `quality` and `size`, as they became."""
    quality = (picture.details.get("quality") if picture else None) or body.quality
    width, height = (picture.width_px, picture.height_px) if picture else (body.width_px, body.height_px)
    media_type = picture.media_type if picture else body.media_type
    return {
        "background": (picture.details.get("background") if picture else None)
        or ("transparent" if body.background == "transparent" else "opaque"),
        "output_format": FORM_OF.get(media_type, "png"),
        "quality": quality,
        "size": f"{width}x{height}",
    }


def usage(used: Usage) -> dict[str, Any]:
    """Tokens as the image routes count them: words and pictures in, pictures out."""
    return counted(used.prompt_tokens - used.image_tokens, used.image_tokens, used.completion_tokens) | common.extras(
        used
    )


def counted(text: int, image: int, made: int) -> dict[str, Any]:
    """`usage` of so many tokens."""
    return {
        "input_tokens": text + image,
        "output_tokens": made,
        "total_tokens": text + image + made,
        "input_tokens_details": {"text_tokens": text, "image_tokens": image},
        "output_tokens_details": {"text_tokens": 0, "image_tokens": made},
    }


class Made(NamedTuple):
    """A picture that is whole: what it is, and its bytes in base64."""

    picture: Picture
    text: str


class Gatherer:
    """Pictures gathered from the events of an answer that holds other things, too."""

    def __init__(self) -> None:
        self._picture: Picture | None = None
        self._packer = Base64()
        self._pieces: list[bytes] = []

    def feed(self, event: Event) -> Made | None:
        """The picture that this event ends, if it ends one: the next picture, or the choice's end, does."""
        match event:
            case Data():
                self._pieces.append(self._packer.feed(event.data))
            case Picture() | ChoiceEnd():
                made = self._flushed()
                self._picture = event if isinstance(event, Picture) else None
                return made
        return None

    def _flushed(self) -> Made | None:
        if self._picture is None or not self._pieces:
            return None
        text = b"".join((*self._pieces, self._packer.end())).decode()
        self._pieces = []
        return Made(self._picture, text)


class Whole:
    """Encoder of one JSON body (see stream.Encoder), written piece by piece."""

    def __init__(self, body: DrawBody) -> None:
        self._body = body
        self._picture: Picture | None = None
        self._packer = Base64()
        self._open = False
        self._count = 0

    def start(self, started: Started) -> bytes:
        """The head of the body."""
        return b'{"created":%d,"data":[' % common.now()

    def event(self, event: Event) -> bytes:
        """A piece of a picture, or its end with what there is to say of it."""
        match event:
            case Picture():
                self._picture = event
            case Data(media_type=kind) if kind == LINKED:
                return self._begun(b'{"url":"') + event.data
            case Data():
                return self._begun(b'{"b64_json":"') + self._packer.feed(event.data)
            case ChoiceEnd() if self._open:
                return self._closed()
        return b""

    async def end(self, finished: Finished) -> bytes:
        """The rest of the body: what it became and what it took."""
        tail: dict[str, Any] = look(self._body, self._picture) | {"usage": usage(finished.usage)}
        faster = self._picture.details.get("faster") if self._picture else None
        if faster:
            tail["faster"] = faster
        return b"]," + encode_json(tail)[1:]

    def error(self, error: dict[str, Any]) -> bytes:
        """Nothing can be said in the middle of a body."""
        return b""

    def _begun(self, head: bytes) -> bytes:
        if self._open:
            return b""
        self._open, self._count = True, self._count + 1
        return b"," + head if self._count > 1 else head

    def _closed(self) -> bytes:
        self._open = False
        said = facts(self._picture) if self._picture else {}
        tail = b"," + encode_json(said)[1:] if said else b"}"
        return self._packer.end() + b'"' + tail


class Events:
    """Encoder of a stream (see stream.Reporting); `kind` is `image_generation` or `image_edit`."""

    def __init__(self, body: DrawBody, kind: str, *, progress: bool = False) -> None:
        self._body = body
        self._kind = kind
        self._progress = progress
        self._picture: Picture | None = None
        self._packer = Base64()
        self._pieces: list[bytes] = []
        self._key = b"b64_json"

    def start(self, started: Started) -> bytes:
        """Nothing is sent before the first picture."""
        return b""

    def event(self, event: Event) -> bytes:
        """A sketch or a picture, when it is whole."""
        match event:
            case Picture():
                said = self._flushed()
                self._picture = event
                return said
            case Data(media_type=kind) if kind == LINKED:
                self._key = b"url"
                self._pieces.append(event.data)
            case Data():
                self._pieces.append(self._packer.feed(event.data))
            case ChoiceEnd():
                return self._flushed()
        return b""

    def progress(self, progress: Progress) -> bytes:
        """How far it is, for those who asked."""
        if not self._progress:
            return b""
        said = {"done": progress.done, "total": progress.total, "unit": progress.unit}
        return sse({"type": f"{self._kind}.progress"} | said)

    async def end(self, finished: Finished) -> bytes:
        """What each picture took was said with it; energy comes as a comment, as in a chat, or as an event of ours."""
        extras = common.extras(finished.usage)
        if extras and self._progress:
            return sse({"type": f"{self._kind}.usage"} | extras)
        return b": " + encode_json(extras) + b"\n\n" if extras else b""

    def error(self, error: dict[str, Any]) -> bytes:
        """An error inside the stream, which ends with it."""
        return sse({"type": "error"} | error)

    def _flushed(self) -> bytes:
        picture, pieces = self._picture, self._pieces
        if picture is None or not pieces:
            return b""
        pieces.append(self._packer.end())
        key, self._key, self._pieces = self._key, b"b64_json", []
        head: dict[str, Any] = {"type": f"{self._kind}.completed", "created_at": common.now()}
        if picture.partial is not None:
            head |= {"type": f"{self._kind}.partial_image", "partial_image_index": picture.partial}
        head |= look(self._body, picture)
        if self._body.n > 1:
            head["index"] = picture.index
        if picture.partial is None:
            spent = picture.details.get("tokens") or {}
            head |= facts(picture) | {
                "usage": counted(spent.get("text", 0), spent.get("image", 0), spent.get("output", 0)),
            }
            head |= {"faster": picture.details["faster"]} if picture.details.get("faster") else {}
        # The picture is base64 or a URL of ours: nothing in it needs escaping, and no JSON encoder has to copy it.
        return b"".join((b"data: ", encode_json(head)[:-1], b',"', key, b'":"', *pieces, b'"}\n\n'))


class Bytes:
    """Encoder whose body is the picture itself; what there is to say of it goes into a header before it."""

    def __init__(self, exchange: Exchange, body: DrawBody) -> None:
        self._exchange = exchange
        self._body = body
        self._picture: Picture | None = None

    def start(self, started: Started) -> bytes:
        """Nothing."""
        return b""

    def event(self, event: Event) -> bytes:
        """A piece of the picture."""
        if isinstance(event, Picture):
            self._picture = event
        if not isinstance(event, Data):
            return b""
        if self._picture is not None and not self._exchange.answering:
            self._exchange.extra_headers[:] = [
                *(one for one in self._exchange.extra_headers if one[0] != b"x-omniwatt-picture"),
                (b"x-omniwatt-picture", header(self._body, self._picture)),
            ]
        return event.data

    async def end(self, finished: Finished) -> bytes:
        """Nothing."""
        return b""

    def error(self, error: dict[str, Any]) -> bytes:
        """Nothing can be said in the middle of a picture."""
        return b""


def header(body: DrawBody, picture: Picture) -> bytes:
    """What there is to say of a picture as one line of ASCII JSON; what makes it too long for a header is left out."""
    said = look(body, picture) | facts(picture)
    for left_out in ("", "understood", "not_understood", "text_verification", "revised_prompt"):
        said.pop(left_out, None)
        line = json.dumps(said).encode("ascii")
        if len(line) <= HEADER_BYTES:
            return line
    return json.dumps(look(body, picture)).encode("ascii")


def linked(exchange: Exchange) -> Callable[[AsyncGenerator[Event]], AsyncGenerator[Event]]:
    """Events whose pictures are put on the disk as they come, and given out as URLs (see LINKED); sketches stay."""

    async def through(events: AsyncGenerator[Event]) -> AsyncGenerator[Event]:
        picture: Picture | None = None
        async with aclosing(events):
            async for event in events:
                if isinstance(event, Picture):
                    picture = event
                    yield event
                elif isinstance(event, Data) and picture is not None and picture.partial is None:
                    async with aclosing(_stored(exchange, picture, event, events)) as stored:
                        async for one in stored:
                            yield one
                else:
                    yield event

    return through


async def _stored(
    exchange: Exchange, picture: Picture, first: Data, events: AsyncGenerator[Event]
) -> AsyncGenerator[Event]:
    """One picture's Data up to its end, written down; then its URL and its end. Raises QuotaExceeded, Internal."""
    with exchange.parts.blobs.draft(exchange.caller.project) as draft:
        await draft.write(first.data)
        async for event in events:
            if isinstance(event, Data):
                await draft.write(event.data)
            elif isinstance(event, ChoiceEnd):
                yield Data((await _kept(exchange, picture, draft)).encode(), LINKED, event.index)
                yield event
                return
            else:
                yield event


async def _kept(exchange: Exchange, picture: Picture, draft: Draft) -> str:
    lives_s = exchange.parts.settings.draw.url_s
    blob = await draft.keep(
        kind=BLOB_KIND,
        name=f"picture.{FORM_OF.get(picture.media_type, 'png')}",
        media_type=picture.media_type,
        expires_after_s=lives_s,
    )
    expires_at = blob.expires_at or int(time.time()) + lives_s
    query = Signer(exchange.parts.settings.home).query(blob.id, expires_at)
    secure = exchange.scope.get("scheme") == "https"
    host = exchange.header(b"host") or "localhost"
    return f"{'https' if secure else 'http'}://{host}{URL_PATH}{blob.id}?{query}"


def wanted_encoder(exchange: Exchange, wanted: Wanted, kind: str) -> Whole | Events | Bytes:
    """The encoder for the answer that was asked for."""
    if wanted.stream:
        return Events(wanted.body, kind, progress=wanted.progress)
    return Bytes(exchange, wanted.body) if wanted.answer == "bytes" else Whole(wanted.body)
