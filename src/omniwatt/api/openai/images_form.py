"""Multipart forms with pictures, read through a field table. What is large goes to the disk while it arrives."""

from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager, suppress
from typing import Any

import msgspec

from omniwatt.api.body import drain
from omniwatt.api.exchange import Exchange
from omniwatt.api.fields import Read, Table
from omniwatt.api.openai import common, forms
from omniwatt.api.openai.images_fields import IMAGES, MASK_BYTES
from omniwatt.api.openai.upload import FIELD_LIMIT_BYTES, OCTETS, Head, multipart
from omniwatt.blobs import Blob, Draft
from omniwatt.contract.error import BadInput, NotFound, TooLarge
from omniwatt.contract.request import MediaPart

INLINE_LIMIT_BYTES = 384 * 1024
"""Above this a picture goes to its engine by reference: seventeen of them still fit into one message."""


@asynccontextmanager
async def received(exchange: Exchange, table: Table) -> AsyncIterator[Read]:
    """The form's values; `image` is a tuple of MediaParts, `mask` one, whose bytes are there until the block ends.

    Raises WrongMediaType, TooLarge, BadInput, QuotaExceeded, or Cancelled.
    """
    limit_bytes = exchange.parts.settings.draw.max_edit_bytes
    announced = exchange.header(b"content-length")
    if announced.isdecimal() and int(announced) > limit_bytes + FIELD_LIMIT_BYTES:
        await drain(exchange.receive, limit_bytes)
        raise TooLarge(
            f"The upload has {announced} bytes; all pictures of one request together have at most {limit_bytes} here.",
            param="image",
        )
    with ExitStack() as stack:
        spool = _Spool(exchange, stack)
        try:
            fields = await _fields(exchange, spool)
        except TooLarge:
            await drain(exchange.receive, limit_bytes)
            raise
        body: dict[str, Any] = forms.values(table, fields)
        model = body.get("model")
        exchange.asked = model if isinstance(model, str) else ""
        try:
            body |= await spool.parts()
            yield table.read(body, warn_unknown=common.warns(exchange))
        finally:
            await spool.forget()


class _Upload:
    """One picture while it arrives: in memory while it is small, on the disk beyond that."""

    def __init__(self, exchange: Exchange, head: Head, name: str, stack: ExitStack) -> None:
        self.name = name
        self.head = head
        self.bytes = 0
        self._blobs = exchange.parts.blobs
        self._owner = exchange.caller.project
        limit_bytes = exchange.parts.settings.draw.max_image_bytes
        self.limit_bytes = min(limit_bytes, MASK_BYTES) if name == "mask" else limit_bytes
        self._stack = stack
        self._held = bytearray()
        self._draft: Draft | None = None

    async def write(self, piece: bytes) -> None:
        """Raises TooLarge over the limit, QuotaExceeded over the project's quota."""
        self.bytes += len(piece)
        if self.bytes > self.limit_bytes:
            raise TooLarge(f"'{self.name}' is larger than the {self.limit_bytes} bytes allowed here.", param=self.name)
        if self._draft is None:
            self._held += piece
            if len(self._held) <= INLINE_LIMIT_BYTES:
                return
            self._draft = self._stack.enter_context(self._blobs.draft(self._owner, self.limit_bytes))
            piece, self._held = bytes(self._held), bytearray()
        await self._draft.write(piece)

    async def part(self, kept: list[Blob]) -> MediaPart:
        """The picture as engines take it; a stored one is added to `kept`. Raises BadInput for an empty one."""
        media_type = "" if self.head.media_type == OCTETS else self.head.media_type
        part = MediaPart(kind="image", media_type=media_type, name=(self.head.filename or "")[:255])
        if self._draft is None:
            if not self._held:
                raise BadInput(f"The file of '{self.name}' is empty.", param=self.name, code="empty_file")
            return msgspec.structs.replace(part, data=bytes(self._held))
        blob = await self._draft.keep(kind=forms.SPOOL_KIND, expires_after_s=forms.SPOOL_EXPIRES_S)
        kept.append(blob)
        return msgspec.structs.replace(part, blob=blob.sha256)


class _Spool:
    """All pictures of one form."""

    def __init__(self, exchange: Exchange, stack: ExitStack) -> None:
        self._exchange = exchange
        self._stack = stack
        self._images: list[_Upload] = []
        self._mask: _Upload | None = None
        self._kept: list[Blob] = []

    def begin(self, head: Head) -> _Upload | None:
        """Where a file's bytes go; None for a part that is a plain field. Raises BadInput for one file too many."""
        name = head.name.removesuffix("[]")
        if head.filename is None or name not in ("image", "mask"):
            return None
        upload = _Upload(self._exchange, head, name, self._stack)
        if name == "image":
            if len(self._images) >= IMAGES:
                raise BadInput(f"At most {IMAGES} images are taken.", param="image", code="array_above_max_length")
            self._images.append(upload)
        elif self._mask is not None:
            raise BadInput("Only one mask can be sent.", param="mask")
        else:
            self._mask = upload
        return upload

    def check(self) -> None:
        """Raises TooLarge when all pictures together are."""
        limit_bytes = self._exchange.parts.settings.draw.max_edit_bytes
        if sum(upload.bytes for upload in self._images) > limit_bytes:
            raise TooLarge(f"The images have more than the {limit_bytes} bytes allowed together.", param="image")

    async def parts(self) -> dict[str, Any]:
        """`image` and `mask`, as far as they came."""
        found: dict[str, Any] = {}
        if self._images:
            found["image"] = tuple([await upload.part(self._kept) for upload in self._images])
        if self._mask is not None:
            found["mask"] = await self._mask.part(self._kept)
        return found

    async def forget(self) -> None:
        """The request has ended: nothing of the pictures stays."""
        for blob in self._kept:
            with suppress(NotFound):
                await self._exchange.parts.blobs.delete(self._exchange.caller.project, blob.id)


async def _fields(exchange: Exchange, spool: _Spool) -> dict[str, list[bytes]]:
    """Field name -> its values, in their order; the bytes of files go to `spool`."""
    fields: dict[str, list[bytes]] = {}
    held_bytes = 0
    upload: _Upload | None = None
    head: Head | None = None
    async for found in multipart(exchange):
        if isinstance(found, Head):
            head, upload = found, spool.begin(found)
            if upload is None:
                fields.setdefault(found.name, []).append(b"")
        elif upload is not None:
            await upload.write(found)
            spool.check()
        elif head is not None:
            fields[head.name][-1] += found
            held_bytes += len(found)
            if held_bytes > FIELD_LIMIT_BYTES * 4:
                raise BadInput(f"The field '{head.name[:100]}' is too long.", param=head.name[:100])
    return fields
