"""A multipart form read piece by piece: a file goes from the socket to the disk and is never held in memory."""

import asyncio
import re
from collections.abc import AsyncIterator
from typing import NamedTuple

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.types import Message

from omniwatt.api.exchange import Exchange
from omniwatt.contract.error import BadInput, Cancelled, WrongMediaType

SILENCE_LIMIT_S = 60.0
"""An upload that sends nothing for so long is given up."""
FIELD_LIMIT_BYTES = 64 * 1024
"""What all fields that are not the file may hold together."""
PARTS_LIMIT = 64
MEDIA_TYPE = re.compile(r"[\w!#$&^.+-]{1,63}/[\w!#$&^.+-]{1,63}", re.ASCII)
OCTETS = "application/octet-stream"


class Head(NamedTuple):
    """The start of a part. `filename` is None for a plain field."""

    name: str
    filename: str | None
    media_type: str


async def multipart(exchange: Exchange) -> AsyncIterator[Head | bytes]:
    """Each part's Head, then its bytes in pieces. Raises WrongMediaType, BadInput, or Cancelled."""
    form = _Form(_boundary(exchange))
    more = True
    while more:
        message = await _receive(exchange)
        more = message.get("more_body", False)
        for found in form.feed(message.get("body", b"")):
            yield found
    if not form.complete:
        raise BadInput("The multipart body ends before its closing boundary.")


class _Form:
    """Turns the parser's callbacks into a list of what one piece of body held."""

    def __init__(self, boundary: bytes) -> None:
        self.complete = False
        self._found: list[Head | bytes] = []
        self._headers: dict[bytes, bytes] = {}
        self._name = self._value = b""
        self._parts = 0
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._begin,
                    "on_header_field": self._header_field,
                    "on_header_value": self._header_value,
                    "on_header_end": self._header_end,
                    "on_headers_finished": self._head,
                    "on_part_data": self._data,
                    "on_end": self._end,
                },
            )
        except FormParserError as error:
            raise BadInput(f"The multipart body cannot be read: {error}.") from error

    def feed(self, piece: bytes) -> list[Head | bytes]:
        try:
            self._parser.write(piece)
        except FormParserError as error:
            raise BadInput(f"The multipart body cannot be read: {error}.") from error
        found, self._found = self._found, []
        return found

    def _begin(self) -> None:
        self._parts += 1
        if self._parts > PARTS_LIMIT:
            raise BadInput(f"A form may have at most {PARTS_LIMIT} parts.")
        self._headers = {}

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_end(self) -> None:
        self._headers[self._name.lower()] = self._value
        self._name = self._value = b""

    def _head(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        if b"name" not in options:
            raise BadInput("A part of the form has no name.")
        filename = options.get(b"filename")
        media_type = self._headers.get(b"content-type", b"").partition(b";")[0].strip().decode("latin-1").lower()
        self._found.append(
            Head(
                name=_text(options[b"name"]),
                filename=None if filename is None else _text(filename),
                media_type=media_type if MEDIA_TYPE.fullmatch(media_type) else OCTETS,
            )
        )

    def _data(self, data: bytes, start: int, end: int) -> None:
        self._found.append(data[start:end])

    def _end(self) -> None:
        self.complete = True


async def _receive(exchange: Exchange) -> Message:
    try:
        async with asyncio.timeout(SILENCE_LIMIT_S):
            message = await exchange.receive()
    except TimeoutError as error:
        raise BadInput(
            f"Nothing of the upload arrived for {SILENCE_LIMIT_S:.0f} seconds.", code="request_timeout"
        ) from error
    if message["type"] == "http.disconnect":
        raise Cancelled("The client left before its upload was complete.")
    return message


def _boundary(exchange: Exchange) -> bytes:
    media_type, options = parse_options_header(exchange.headers.get(b"content-type", b""))
    if media_type != b"multipart/form-data":
        raise WrongMediaType("The body must be sent as multipart/form-data.")
    if not options.get(b"boundary"):
        raise BadInput("The multipart body has no boundary in its content type.")
    return options[b"boundary"]


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")
