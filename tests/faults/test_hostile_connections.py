"""Clients that mean no good, before any key was shown: endless heads, slow heads, pipelines, departures."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from omniwatt.api import connection
from omniwatt.api.connection import HEAD_LIMIT_BYTES, PIPELINE_LIMIT, GuardedProtocol

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

GET = b"GET /quick HTTP/1.1\r\nhost: localhost\r\n\r\n"


class App:
    """/slow answers when its client has gone; everything else at once, without reading the body."""

    def __init__(self) -> None:
        self.started: list[str] = []
        self.left: list[str] = []

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        self.started.append(scope["path"])
        if scope["path"] == "/slow":
            while (await receive())["type"] != "http.disconnect":
                pass
            self.left.append(scope["path"])
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})


Client = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Door:
    """A listening server and what it knows."""

    def __init__(self, app: App, state: ServerState, port: int) -> None:
        self.app = app
        self.state = state
        self._port = port

    async def client(self) -> Client:
        return await asyncio.open_connection("127.0.0.1", self._port)


@asynccontextmanager
async def door() -> AsyncIterator[Door]:
    app, state = App(), ServerState()
    config = uvicorn.Config(app, http=GuardedProtocol, ws="none", lifespan="off", log_config=None)
    config.load()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: GuardedProtocol(config, state, {}), "127.0.0.1", 0)
    async with server:
        yield Door(app, state, server.sockets[0].getsockname()[1])
    for task in state.tasks:
        task.cancel()
    await asyncio.gather(*state.tasks, return_exceptions=True)


async def rest(client: Client) -> bytes:
    """All that still comes until the server hangs up."""
    try:
        async with asyncio.timeout(5):
            return await client[0].read()
    except ConnectionError:
        return b""
    finally:
        client[1].close()


def error_of(answer: bytes) -> tuple[int, dict[str, Any]]:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"connection: close" in head
    return int(head.split()[1]), json.loads(body)["error"]


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not true():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


@pytest.mark.parametrize(
    "head",
    [b"".join(b"x-%d: a\r\n" % number for number in range(100_000)), b"x-long: " + b"a" * 1_000_000],
    ids=["many headers", "one header"],
)
async def test_a_head_without_an_end_is_cut_off(head: bytes) -> None:
    async with door() as here:
        client = await here.client()
        client[1].write(b"GET / HTTP/1.1\r\nhost: localhost\r\n" + head)
        answer = await rest(client)
        # A client that is still sending may see the connection reset before it can read why.
        if answer:
            status, error = error_of(answer)
            assert (status, error["code"]) == (431, "request_too_large")
        assert here.app.started == []
        await until(lambda: not here.state.connections)


async def test_large_heads_and_bodies_within_the_limit_pass() -> None:
    async with door() as here:
        client = await here.client()
        client[1].write(b"GET /big HTTP/1.1\r\nx: " + b"a" * (HEAD_LIMIT_BYTES - 100) + b"\r\n\r\n")
        assert (await client[0].readuntil(b"ok")).startswith(b"HTTP/1.1 200")
        body = b"b" * 10 * HEAD_LIMIT_BYTES
        client[1].write(b"POST /body HTTP/1.1\r\ncontent-length: %d\r\n\r\n" % len(body) + body + GET)
        assert (await client[0].readuntil(b"ok")).startswith(b"HTTP/1.1 200")
        assert (await client[0].readuntil(b"ok")).startswith(b"HTTP/1.1 200")
        assert here.app.started == ["/big", "/body", "/quick"]
        client[1].close()


async def test_a_chunk_extension_without_an_end_is_cut_off() -> None:
    async with door() as here:
        client = await here.client()
        client[1].write(b"POST /slow HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n1;" + b"a" * 1_000_000)
        assert await rest(client) == b""
        await until(lambda: here.app.left == ["/slow"])


@pytest.mark.parametrize("sent", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nhost: loc"])
async def test_a_head_that_does_not_come_is_waited_for_only_so_long(
    sent: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "HEAD_LIMIT_S", 0.05)
    async with door() as here:
        client = await here.client()
        client[1].write(sent)
        answer = await rest(client)
        if sent:
            status, error = error_of(answer)
            assert (status, error["code"]) == (408, "request_timeout")
        else:
            assert answer == b""


async def test_the_second_head_on_a_connection_is_timed_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "HEAD_LIMIT_S", 0.1)
    async with door() as here:
        client = await here.client()
        client[1].write(GET)
        await client[0].readuntil(b"ok")
        await asyncio.sleep(0.15)
        client[1].write(GET)
        await client[0].readuntil(b"ok")
        client[1].write(GET[:10])
        assert error_of(await rest(client))[0] == 408


async def test_a_body_nobody_reads_does_not_keep_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "LINGER_S", 0.05)
    async with door() as here:
        client = await here.client()
        client[1].write(b"POST /quick HTTP/1.1\r\ncontent-length: 1000\r\n\r\nbegin")
        assert (await client[0].readuntil(b"ok")).startswith(b"HTTP/1.1 200")
        client[1].write(b"more")
        assert await rest(client) == b""


async def test_a_body_that_still_ends_leaves_the_connection_usable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "LINGER_S", 0.2)
    async with door() as here:
        client = await here.client()
        client[1].write(b"POST /quick HTTP/1.1\r\ncontent-length: 10\r\n\r\nbegin")
        await client[0].readuntil(b"ok")
        client[1].write(b"-done")
        await asyncio.sleep(0.3)
        client[1].write(GET)
        assert (await client[0].readuntil(b"ok")).startswith(b"HTTP/1.1 200")
        client[1].close()


async def test_pipelined_requests_are_answered_in_order_up_to_a_number() -> None:
    async with door() as here:
        client = await here.client()
        client[1].write(GET * PIPELINE_LIMIT)
        for _ in range(PIPELINE_LIMIT):
            assert (await client[0].readuntil(b"ok")).startswith(b"HTTP/1.1 200")
        client[1].close()


async def test_a_flood_of_pipelined_requests_is_hung_up_on() -> None:
    async with door() as here:
        client = await here.client()
        client[1].write(b"GET /slow HTTP/1.1\r\n\r\n" + GET * 5_000)
        assert await rest(client) == b""
        await until(lambda: here.app.left == ["/slow"])
        assert here.app.started == ["/slow"]
        assert not here.state.connections


async def test_a_client_that_pipelined_and_left_is_noticed_by_the_request_in_work() -> None:
    async with door() as here:
        client = await here.client()
        client[1].write(b"GET /slow HTTP/1.1\r\n\r\n" + GET)
        await until(lambda: here.app.started == ["/slow"])
        client[1].close()
        await until(lambda: here.app.left == ["/slow"])
        await until(lambda: not here.state.tasks)
        assert here.app.started == ["/slow"]


@pytest.mark.parametrize("sent", [b"\x16\x03\x01\x02\x00", b"BREW / HTTP/1.1\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n"])
async def test_what_is_no_http_is_refused_in_the_shape_of_all_errors(sent: bytes) -> None:
    async with door() as here:
        client = await here.client()
        client[1].write(sent)
        status, error = error_of(await rest(client))
        assert status == 400
        assert error.keys() == {"message", "type", "param", "code"}
        assert error["code"] == "invalid_http"


async def test_nonsense_behind_a_request_in_work_is_not_mixed_into_its_answer() -> None:
    async with door() as here:
        client = await here.client()
        client[1].write(b"GET /slow HTTP/1.1\r\n\r\n" + b"\x00nonsense\r\n\r\n")
        assert await rest(client) == b""
        await until(lambda: here.app.left == ["/slow"])


async def test_more_connections_than_files_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "connection_limit", lambda: 2)
    async with door() as here:
        first, second = await here.client(), await here.client()
        third = await here.client()
        assert await rest(third) == b""
        first[1].write(GET)
        assert (await first[0].readuntil(b"ok")).startswith(b"HTTP/1.1 200")
        first[1].close()
        second[1].close()
