"""/v1/files: upload, list, get, content, delete. A file is a blob with a purpose; its project owns it."""

import unicodedata
from typing import Any, Literal

import msgspec
from starlette.responses import FileResponse
from starlette.routing import Route

from omniwatt.api.body import drain
from omniwatt.api.exchange import Endpoint, Exchange
from omniwatt.api.openai import pages
from omniwatt.api.openai.upload import FIELD_LIMIT_BYTES, Head, multipart
from omniwatt.api.parts import Parts
from omniwatt.blobs import Blob, Draft
from omniwatt.contract.error import BadInput, NotFound, TooLarge
from omniwatt.contract.job import Caller
from omniwatt.contract.request import MediaPart, Message

PURPOSES = ("assistants", "batch", "fine-tune", "vision", "user_data", "evals")
EXPIRES_MIN_S, EXPIRES_MAX_S = 3_600, 2_592_000
DEFAULT_EXPIRES_S = {"batch": EXPIRES_MAX_S}
"""Files of these purposes go by themselves; the others stay until they are deleted."""
FIELDS = ("purpose", "expires_after[anchor]", "expires_after[seconds]")
NAME_LIMIT = 255
PAGE_LIMIT = 10_000
INLINE_LIMIT_BYTES = 8 * 1024 * 1024
"""Above this a file goes to its engine by reference."""


async def create(exchange: Exchange) -> None:
    """Store an upload while it arrives."""
    blobs, server = exchange.parts.blobs, exchange.parts.settings.server
    fields: dict[str, bytes] = {}
    with blobs.draft(exchange.caller.project, server.max_upload_bytes) as draft:
        try:
            head = await _receive(exchange, draft, fields)
        except TooLarge:
            await drain(exchange.receive, server.max_upload_bytes)
            raise
        purpose = _purpose(fields)
        expires_after_s = _expires_after(fields, purpose)
        if head is None:
            raise BadInput("Missing required parameter: 'file'.", param="file", code="missing_required_parameter")
        if not draft.bytes:
            raise BadInput("The file is empty.", param="file", code="empty_file")
        blob = await draft.keep(
            name=_clean_name(head.filename or ""),
            media_type=head.media_type,
            purpose=purpose,
            expires_after_s=expires_after_s,
        )
    await exchange.reply_json(file_object(blob))


async def listing(exchange: Exchange) -> None:
    """One page of the project's files."""
    query = pages.query(exchange, ("after", "limit", "order", "purpose"))
    most = pages.limit(query, PAGE_LIMIT, PAGE_LIMIT)
    found = await exchange.parts.blobs.list(
        exchange.caller.project,
        purpose=query.get("purpose", ""),
        after=query.get("after", ""),
        limit=most + 1,
        newest_first=pages.newest_first(query),
    )
    await exchange.reply_json(pages.page([file_object(blob) for blob in found], most))


async def get(exchange: Exchange) -> None:
    """What is known of one file."""
    await exchange.reply_json(file_object(await _file(exchange)))


async def content(exchange: Exchange) -> None:
    """The bytes, always as an attachment: what a user uploaded must never run in this origin."""
    blob = await _file(exchange)
    path = exchange.parts.blobs.path(blob)
    try:
        status = path.stat()
    except FileNotFoundError:
        raise NotFound(f"The content of {blob.id} is lost.", param="file_id") from None
    response = FileResponse(path, media_type=blob.media_type, filename=blob.name, stat_result=status)
    response.headers["x-content-type-options"] = "nosniff"
    await response(exchange.scope, exchange.receive, exchange.send)


async def delete(exchange: Exchange) -> None:
    """Forget one file."""
    blob = await _file(exchange)
    await exchange.parts.blobs.delete(blob.owner, blob.id)
    await exchange.reply_json({"id": blob.id, "object": "file", "deleted": True})


def file_object(blob: Blob) -> dict[str, Any]:
    """A blob as OpenAI's FileObject."""
    return {
        "id": blob.id,
        "object": "file",
        "bytes": blob.bytes,
        "created_at": blob.created_at,
        "expires_at": blob.expires_at,
        "filename": blob.name,
        "purpose": blob.purpose,
        "status": "processed",
        "status_details": None,
    }


async def resolve_file(
    parts: Parts, caller: Caller, file_id: str, kind: Literal["image", "audio", "file"] | None = None
) -> MediaPart:
    """An uploaded file as a part of a message: its bytes when they are few, else a reference. Raises NotFound.

    `kind` None takes it from the media type; a file that is a recording is sound, to be heard.
    """
    blob = await parts.blobs.info(caller.project, file_id)
    family = blob.media_type.partition("/")[0]
    found: Literal["image", "audio", "file"] = "image" if family == "image" else "file"
    if family == "audio":
        found = "audio"
    if kind == "file" and found == "audio":
        kind = "audio"
    part = MediaPart(kind=kind or found, blob=blob.sha256, media_type=blob.media_type, name=blob.name)
    if blob.bytes > INLINE_LIMIT_BYTES:
        return part
    return msgspec.structs.replace(part, blob="", data=await parts.blobs.read(caller.project, blob.id))


async def resolve_files(parts: Parts, caller: Caller, messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """The messages with every part that names a file (`blob` set, no data yet) resolved. Raises NotFound."""
    if not any(isinstance(part, MediaPart) and part.blob for message in messages for part in message.content):
        return messages
    resolved: list[Message] = []
    for message in messages:
        found = [
            msgspec.structs.replace(await resolve_file(parts, caller, part.blob, part.kind), detail=part.detail)
            if isinstance(part, MediaPart) and part.blob
            else part
            for part in message.content
        ]
        resolved.append(msgspec.structs.replace(message, content=tuple(found)))
    return tuple(resolved)


async def _file(exchange: Exchange) -> Blob:
    blob = await exchange.parts.blobs.info(exchange.caller.project, exchange.path("file_id"))
    if blob.kind != "file":
        raise NotFound(f"No such File object: {blob.id}", param="id")
    return blob


async def _receive(exchange: Exchange, draft: Draft, fields: dict[str, bytes]) -> Head | None:
    """Write the file's bytes to `draft` and the other parts to `fields`; answers the file's head."""
    file: Head | None = None
    head: Head | None = None
    async for found in multipart(exchange):
        if isinstance(found, Head):
            head = found
            if head.name == "file" and head.filename is not None:
                if file is not None:
                    raise BadInput("Only one file can be uploaded at a time.", param="file")
                file = head
            elif head.name in FIELDS and head.name not in fields:
                fields[head.name] = b""
            else:
                raise _unexpected(head)
        elif head is file:
            await draft.write(found)
        elif head is not None:
            fields[head.name] += found
            if len(fields[head.name]) > FIELD_LIMIT_BYTES:
                raise BadInput(f"The field '{head.name}' is too long.", param=head.name)
    return file


def _unexpected(head: Head) -> BadInput:
    if head.name == "file":
        return BadInput("'file' must be a file with a name, not a plain field.", param="file")
    if head.name in FIELDS:
        return BadInput(f"The field '{head.name}' was sent twice.", param=head.name)
    name = head.name[:100]
    return BadInput(f"Unrecognized request argument supplied: {name}", param=name, code="unknown_parameter")


def _purpose(fields: dict[str, bytes]) -> str:
    if "purpose" not in fields:
        raise BadInput("Missing required parameter: 'purpose'.", param="purpose", code="missing_required_parameter")
    purpose = fields["purpose"].decode("utf-8", "replace")
    if purpose not in PURPOSES:
        raise BadInput(f"'{purpose[:100]}' is not one of {', '.join(PURPOSES)}.", param="purpose")
    return purpose


def _expires_after(fields: dict[str, bytes], purpose: str) -> int | None:
    anchor, seconds = fields.get("expires_after[anchor]"), fields.get("expires_after[seconds]")
    if anchor is None and seconds is None:
        return DEFAULT_EXPIRES_S.get(purpose)
    if anchor != b"created_at":
        raise BadInput("'expires_after[anchor]' must be 'created_at'.", param="expires_after[anchor]")
    if not (seconds and seconds.isdigit() and len(seconds) < 10 and EXPIRES_MIN_S <= int(seconds) <= EXPIRES_MAX_S):
        raise BadInput(
            f"'expires_after[seconds]' must be a whole number from {EXPIRES_MIN_S} to {EXPIRES_MAX_S}.",
            param="expires_after[seconds]",
        )
    return int(seconds)


def _clean_name(name: str) -> str:
    """The last part of a path, without control and formatting characters, at most NAME_LIMIT long."""
    last = name.replace("\\", "/").rpartition("/")[2]
    kept = "".join(letter for letter in last if unicodedata.category(letter) not in ("Cc", "Cf", "Cs", "Zl", "Zp"))
    return kept.strip()[-NAME_LIMIT:] or "file"


routes = [
    Route("/v1/files", Endpoint(create), methods=["POST"]),
    Route("/v1/files", Endpoint(listing), methods=["GET"]),
    Route("/v1/files/{file_id}", Endpoint(get), methods=["GET"]),
    Route("/v1/files/{file_id}/content", Endpoint(content), methods=["GET"]),
    Route("/v1/files/{file_id}", Endpoint(delete), methods=["DELETE"]),
]
