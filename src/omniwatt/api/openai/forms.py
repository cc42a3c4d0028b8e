"""Multipart forms with one file, read through a field table. A large file goes to the disk while it arrives."""

from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from typing import Any

import msgspec

from omniwatt.api.body import drain
from omniwatt.api.exchange import Exchange
from omniwatt.api.fields import Field, Read, Table, anything
from omniwatt.api.openai import common
from omniwatt.api.openai.upload import FIELD_LIMIT_BYTES, OCTETS, Head, multipart
from omniwatt.blobs import Blob, Draft
from omniwatt.contract.error import BadInput, NotFound, TooLarge
from omniwatt.contract.request import MediaPart

INLINE_LIMIT_BYTES = 8 * 1024 * 1024
"""Above this a file goes to its engine by reference."""
SPOOL_KIND = "spool"
SPOOL_EXPIRES_S = 6 * 3600
"""A spooled file goes with its request; one whose server died goes after this."""

FILE = Field(
    "file",
    "honoured",
    anything({"type": "string", "format": "binary"}, "a file with a name"),
    "Recognised by its bytes, whatever it is called.",
    required=True,
)


@asynccontextmanager
async def received(exchange: Exchange, table: Table) -> AsyncIterator[Read]:
    """The form's values; `file` is a MediaPart whose bytes are there until the block ends.

    Raises WrongMediaType, TooLarge, BadInput, QuotaExceeded, or Cancelled.
    """
    limit_bytes = exchange.parts.settings.server.max_upload_bytes
    announced = exchange.header(b"content-length")
    if announced.isdecimal() and int(announced) > limit_bytes + FIELD_LIMIT_BYTES:
        await drain(exchange.receive, limit_bytes)
        raise _too_large(limit_bytes)
    with ExitStack() as stack:
        spool = _Spool(exchange, limit_bytes, stack)
        try:
            fields = await _parts(exchange, spool)
        except TooLarge:
            await drain(exchange.receive, limit_bytes)
            raise
        body = values(table, fields)
        model = body.get("model")
        exchange.asked = model if isinstance(model, str) else ""
        if spool.head is not None:
            body["file"] = await spool.part()
        try:
            yield table.read(body, warn_unknown=common.warns(exchange))
        finally:
            await spool.forget()


def _too_large(limit_bytes: int) -> TooLarge:
    return TooLarge(f"The file is larger than the {limit_bytes} bytes allowed here.", param="file")


class _Spool:
    """The bytes of the one file: in memory while they are few, on the disk beyond that."""

    def __init__(self, exchange: Exchange, limit_bytes: int, stack: ExitStack) -> None:
        self.head: Head | None = None
        self._parts = exchange.parts
        self._owner = exchange.caller.project
        self._limit_bytes = limit_bytes
        self._stack = stack
        self._held = bytearray()
        self._draft: Draft | None = None
        self._blob: Blob | None = None

    async def write(self, piece: bytes) -> None:
        """Raises TooLarge over the limit, QuotaExceeded over the project's quota."""
        if self._draft is None:
            self._held += piece
            if len(self._held) > self._limit_bytes:
                raise _too_large(self._limit_bytes)
            if len(self._held) <= INLINE_LIMIT_BYTES:
                return
            self._draft = self._stack.enter_context(self._parts.blobs.draft(self._owner, self._limit_bytes))
            piece, self._held = bytes(self._held), bytearray()
        await self._draft.write(piece)

    async def part(self) -> MediaPart:
        """The file as engines take it. Raises BadInput for an empty one."""
        head = self.head or Head("file", "", OCTETS)
        media_type = "" if head.media_type == OCTETS else head.media_type
        part = MediaPart(kind="audio", media_type=media_type, name=(head.filename or "")[:255])
        if self._draft is None:
            if not self._held:
                raise BadInput("The file is empty.", param="file", code="empty_file")
            return msgspec.structs.replace(part, data=bytes(self._held))
        self._blob = await self._draft.keep(kind=SPOOL_KIND, expires_after_s=SPOOL_EXPIRES_S)
        return msgspec.structs.replace(part, blob=self._blob.sha256)

    async def forget(self) -> None:
        """The request has ended: nothing of the file stays."""
        if self._blob is not None:
            try:
                await self._parts.blobs.delete(self._owner, self._blob.id)
            except NotFound:
                return


async def _parts(exchange: Exchange, spool: _Spool) -> dict[str, list[bytes]]:
    """Field name -> its values, in their order; the file's bytes go to `spool`."""
    fields: dict[str, list[bytes]] = {}
    held_bytes = 0
    head: Head | None = None
    async for found in multipart(exchange):
        if isinstance(found, Head):
            head = found
            _begin(head, fields, spool)
        elif head is not None and head is spool.head:
            await spool.write(found)
        elif head is not None:
            fields[head.name][-1] += found
            held_bytes += len(found)
            if held_bytes > FIELD_LIMIT_BYTES:
                raise BadInput(f"The field '{head.name[:100]}' is too long.", param=head.name[:100])
    return fields


def _begin(head: Head, fields: dict[str, list[bytes]], spool: _Spool) -> None:
    if head.name != "file":
        fields.setdefault(head.name, []).append(b"")
    elif head.filename is None:
        raise BadInput("'file' must be a file with a name, not a plain field.", param="file")
    elif spool.head is not None:
        raise BadInput("Only one file can be sent at a time.", param="file")
    else:
        spool.head = head


def values(table: Table, fields: dict[str, list[bytes]]) -> dict[str, Any]:
    """What the text of a form means in JSON, by the types of `table`; empty fields count as absent. Raises BadInput.

    `name[]` repeats make a list, `name[key]` an object.
    """
    body: dict[str, Any] = {}
    for raw_name, raw_values in fields.items():
        texts = [_text(raw_name, raw) for raw in raw_values]
        name, bracket, key = raw_name.partition("[")
        if bracket and key not in ("", "]"):
            inner = body.setdefault(name, {})
            if not isinstance(inner, dict):
                raise _twice(name)
            inner[key.rstrip("]")] = _plain(_one(raw_name, texts))
            continue
        field = table.fields.get(name)
        if field is not None and _is_list(field):
            body.setdefault(name, []).extend(texts)
        elif name in body:
            raise _twice(name)
        elif (text := _one(raw_name, texts)) or (field is not None and field.required):
            body[name] = _typed(field, text)
    return body


def _is_list(field: Field) -> bool:
    return field.kind.schema.get("type") == "array"


def _typed(field: Field | None, text: str) -> Any:
    """What does not look like the field's type stays text: the table says what is wrong with it."""
    kind = field.kind.schema.get("type") if field is not None else "string"
    if kind == "boolean":
        return {"true": True, "false": False, "1": True, "0": False}.get(text.lower(), text)
    if kind in ("number", "integer"):
        return _plain(text)
    if kind is None and text.startswith("{"):
        try:
            return msgspec.json.decode(text)
        except msgspec.DecodeError:
            return text
    return text


def _plain(text: str) -> Any:
    """A number where it is one."""
    try:
        return int(text) if len(text) <= 18 and text.lstrip("+-").isdecimal() else float(text)
    except ValueError:
        return text


def _one(name: str, texts: list[str]) -> str:
    if len(texts) > 1:
        raise _twice(name)
    return texts[0]


def _twice(name: str) -> BadInput:
    return BadInput(f"The field '{name[:100]}' was sent twice.", param=name[:100])


def _text(name: str, raw: bytes) -> str:
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise BadInput(f"The field '{name[:100]}' is not UTF-8 text.", param=name[:100]) from error
    if "\x00" in text:
        raise BadInput("Text must not hold NUL characters.", param=name[:100])
    return text
