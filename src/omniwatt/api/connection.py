"""What a client may do to a connection, key or no key: bounded in bytes, in time and in number.

uvicorn reads a head of any size at any pace, queues any number of pipelined requests, and tells only the newest of
them that the client has gone. Everything here happens before a request reaches the app, so nobody has shown a key.
"""

import asyncio
import resource
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from omniwatt.api import errors
from omniwatt.contract.error import BadInput, OmniwattError, TooLarge

HEAD_LIMIT_BYTES = 64 * 1024
"""A request line with its headers, or what stands between two pieces of a chunked body."""
HEAD_LIMIT_S = 30.0
"""From the connection, or from a head's first byte, to the head's end."""
LINGER_S = 10.0
"""How long the rest of a body that nobody reads any more may still come in."""
PIPELINE_LIMIT = 100
"""Requests that may wait behind the one that is being answered."""


def connection_limit() -> int:
    """How many connections are kept: a quarter of this process's files is for its own use."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 65_536 if files == resource.RLIM_INFINITY else max(64, files * 3 // 4)


class TooMany(Exception):
    """More pipelined requests than PIPELINE_LIMIT: stops the parser."""


class GuardedProtocol(HttpToolsProtocol):
    """uvicorn's HTTP protocol within these limits; what breaks them gets an error in OpenAI's shape, or a hang-up."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._answered: RequestResponseCycle | None = None
        """The request that is being answered; `cycle` is the newest that was read."""
        self._loose_bytes = 0
        self._in_head = False
        self._timer: asyncio.TimerHandle | None = None

    # --- the transport's calls

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take the connection, or hang up when there are too many."""
        super().connection_made(transport)
        if len(self.connections) > connection_limit():
            transport.abort()
            return
        self._timer = self.loop.call_later(HEAD_LIMIT_S, self._late)

    def connection_lost(self, exc: Exception | None) -> None:
        """Every request of this connection hears of it, not only the newest."""
        waiting, answered = [cycle for cycle, _ in self.pipeline], self._answered
        self.pipeline.clear()
        for cycle in [*waiting, *([answered] if answered else [])]:
            if not cycle.response_complete:
                cycle.disconnected = True
                cycle.message_event.set()
        self._stop_timer()
        self._unset_keepalive_if_required()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse, then see how much has come without being the end of anything."""
        self._loose_bytes += len(data)
        super().data_received(data)
        if self._in_head and self._timer is None:
            self._timer = self.loop.call_later(HEAD_LIMIT_S, self._late)
        if self._loose_bytes > HEAD_LIMIT_BYTES and not self.transport.is_closing():
            self._refuse(431, TooLarge(f"The head of a request may have {HEAD_LIMIT_BYTES} bytes."))

    # --- the parser's calls

    def on_message_begin(self) -> None:
        """A head begins."""
        self._in_head = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """A head is complete: the request is started, or queued behind the one before it."""
        self._in_head = False
        self._loose_bytes = 0
        if self._timer is not None:
            self._stop_timer()
        if len(self.pipeline) >= PIPELINE_LIMIT:
            raise TooMany
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A piece of a body."""
        self._loose_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The end of a body; a head that asks for a web socket has none."""
        if self.cycle is not None and self.cycle.response_complete:
            self._stop_timer()
            self.cycle.more_body = False
        super().on_message_complete()

    # --- uvicorn's own calls

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._answered = cycle
        super()._start_asgi_task(cycle, app)

    def on_response_complete(self) -> None:
        """Go on with the next request; one whose body nobody read has to end soon, or the connection does."""
        answered = self._answered
        super().on_response_complete()
        if answered is self.cycle and answered is not None and answered.more_body and self._timer is None:
            self._timer = self.loop.call_later(LINGER_S, self._hang_up)

    def send_400_response(self, msg: str) -> None:
        """What the parser refused."""
        self._refuse(400, BadInput(msg, code="invalid_http"))

    # --- inside

    def _late(self) -> None:
        self._timer = None
        if self.transport.is_closing():
            return
        if not self._in_head:
            # Nothing was ever sent: there is nobody to be told.
            self._hang_up()
            return
        error = BadInput(f"The head of the request did not arrive within {HEAD_LIMIT_S:.0f} s.", code="request_timeout")
        self._refuse(408, error)

    def _refuse(self, status: int, error: OmniwattError) -> None:
        """Say why and hang up; in the middle of an earlier answer, only hang up."""
        if self._answered is not None and not self._answered.response_complete:
            self._hang_up()
            return
        body = errors.encoded(error)
        head = (
            f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()

    def _hang_up(self) -> None:
        self._timer = None
        self.transport.abort()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
