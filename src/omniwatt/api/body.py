"""Reading request bodies: bounded in bytes and in time, and JSON that holds nothing that cannot travel on."""

import asyncio
import re
from collections.abc import Awaitable, Mapping
from typing import Any, TypeVar

import msgspec
from starlette.types import Message, Receive

from omniwatt.contract.error import BadInput, Cancelled, TooLarge, WrongMediaType

T = TypeVar("T")

READ_LIMIT_S = 60.0
"""A body whose first bytes, or whose rest, take longer than this is given up."""
DRAIN_LIMIT_S = 2.0
"""How long a refused body is read on, so that its sender gets to see the refusal."""
DEPTH_LIMIT = 64
SUSPECT = re.compile(rb"\\u0000|[0-9]{19}")
"""Bodies without a match hold neither NUL nor an integer beyond 64 bits: they need no walk."""
INT_MIN, INT_MAX = -(2**63), 2**63 - 1

NOT_JSON = "We could not parse the JSON body of your request: {}"


def require_json(content_type: str) -> None:
    """Raises WrongMediaType unless the body is said to be JSON: a web form must never pass for an API call."""
    media_type, _, _ = content_type.partition(";")
    if media_type.strip().lower() != "application/json":
        raise WrongMediaType(
            f"The body must be sent as application/json, not {media_type.strip()[:100] or 'without a content type'}."
        )


async def read(receive: Receive, headers: Mapping[bytes, bytes], limit_bytes: int) -> bytes:
    """The whole body. Raises TooLarge past the limit, BadInput past READ_LIMIT_S, Cancelled when the client left."""
    announced = headers.get(b"content-length", b"")
    if announced.isdigit() and int(announced) > limit_bytes:
        await drain(receive, limit_bytes)
        raise TooLarge(f"The body has {int(announced)} bytes; at most {limit_bytes} are taken here.")
    message = await _within(READ_LIMIT_S, receive())
    if not message.get("more_body", True) and len(message.get("body", b"")) <= limit_bytes:
        return bytes(message.get("body", b""))
    return await _within(READ_LIMIT_S, _pieces(receive, limit_bytes, message))


async def _within(limit_s: float, work: Awaitable[T]) -> T:
    """`asyncio.timeout` in a fraction of its time: every request passes here."""
    task = asyncio.current_task()
    if task is None:
        raise RuntimeError("a body is read from within a task")
    late: list[bool] = []

    def give_up() -> None:
        late.append(True)
        task.cancel()

    timer = asyncio.get_running_loop().call_later(limit_s, give_up)
    try:
        return await work
    except asyncio.CancelledError:
        if late and task.uncancel() == 0:
            raise BadInput(f"The body did not arrive within {limit_s:.0f} seconds.", code="request_timeout") from None
        raise
    finally:
        timer.cancel()


async def _pieces(receive: Receive, limit_bytes: int, message: Message) -> bytes:
    pieces: list[bytes] = []
    size_bytes = 0
    while True:
        if message["type"] == "http.disconnect":
            raise Cancelled("The client left before its body was complete.")
        piece: bytes = message.get("body", b"")
        size_bytes += len(piece)
        if size_bytes > limit_bytes:
            await drain(receive, limit_bytes)
            raise TooLarge(f"The body has more than the {limit_bytes} bytes that are taken here.")
        if not message.get("more_body", False):
            return b"".join([*pieces, piece]) if pieces else piece
        pieces.append(piece)
        message = await receive()


async def drain(receive: Receive, limit_bytes: int) -> None:
    """Read on for a while and forget it: a sender that is cut off may never read why."""
    try:
        async with asyncio.timeout(DRAIN_LIMIT_S):
            while limit_bytes > 0:
                message = await receive()
                limit_bytes -= len(message.get("body", b""))
                if not message.get("more_body", False):
                    return
    except TimeoutError:
        return


def parse(raw: bytes) -> dict[str, Any]:
    """A JSON object. Raises BadInput for malformed, too deep or untransportable JSON; names the place where it can."""
    try:
        value = msgspec.json.decode(raw)
    except RecursionError as error:
        raise BadInput(NOT_JSON.format("it is nested too deeply."), code="invalid_json") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadInput(NOT_JSON.format(f"{error}."), code="invalid_json") from error
    if not isinstance(value, dict):
        raise BadInput("The body must be a JSON object.", code="invalid_json")
    if raw.count(b"{") + raw.count(b"[") > DEPTH_LIMIT or SUSPECT.search(raw):
        _walk(value)
    return value


def _walk(value: dict[str, Any]) -> None:
    """Visit every part without recursion; the path is only spelled out for the one at fault."""
    stack: list[tuple[Any, str, int]] = [(value, "", 0)]
    while stack:
        node, path, depth = stack.pop()
        if isinstance(node, str):
            if "\x00" in node:
                raise BadInput("Text must not hold NUL characters.", param=path or None)
        elif isinstance(node, dict | list):
            if depth >= DEPTH_LIMIT:
                raise BadInput(NOT_JSON.format("it is nested too deeply."), param=_top(path), code="invalid_json")
            stack.extend(_children(node, path, depth + 1))
        elif isinstance(node, int) and not INT_MIN <= node <= INT_MAX:
            raise BadInput("An integer is out of range.", param=path or None)


def _children(node: dict[str, Any] | list[Any], path: str, depth: int) -> list[tuple[Any, str, int]]:
    if isinstance(node, list):
        return [(item, f"{path}[{index}]", depth) for index, item in enumerate(node)]
    found: list[tuple[Any, str, int]] = []
    for name, item in node.items():
        if "\x00" in name:
            raise BadInput("Text must not hold NUL characters.", param=path or None)
        found.append((item, f"{path}.{name}" if path else name, depth))
    return found


def _top(path: str) -> str:
    return re.split(r"[.\[]", path, maxsplit=1)[0]
