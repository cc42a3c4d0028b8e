"""CutShort: a request cancelled by the end of a drain ends in words; any other cancel passes through."""

import asyncio
import json
from typing import Any

import pytest

from omniwatt.cli.listen import CutShort, bind_unix


async def cancelled_run(started: bool, media_type: bytes, stopping: bool) -> list[Any]:
    sent: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if started:
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", media_type)]})
            await send({"type": "http.response.body", "body": b"data: 1\n\n", "more_body": True})
        await asyncio.Event().wait()

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request"}

    wrapped = CutShort(app)
    task = asyncio.create_task(wrapped({"type": "http"}, receive, send))
    await asyncio.sleep(0)
    wrapped.stopping = stopping
    task.cancel()
    await asyncio.wait([task])
    if not stopping:
        assert task.cancelled()
    return sent


async def test_an_event_stream_ends_in_an_error_event() -> None:
    sent = await cancelled_run(True, b"text/event-stream; charset=utf-8", True)
    tail = sent[-1]
    assert not tail.get("more_body")
    assert json.loads(tail["body"].removeprefix(b"data: "))["error"]["code"] == "server_stopping"


async def test_other_bodies_just_end() -> None:
    sent = await cancelled_run(True, b"application/octet-stream", True)
    assert sent[-1]["body"] == b""


async def test_what_had_not_begun_gets_a_503() -> None:
    start, body = await cancelled_run(False, b"", True)
    assert start["status"] == 503
    assert (b"retry-after", b"5") in start["headers"]
    assert json.loads(body["body"])["error"]["type"] == "server_error"


async def test_a_cancel_without_a_stop_is_not_ours() -> None:
    assert await cancelled_run(False, b"", False) == []


def test_the_admin_socket_is_private_and_replaces_a_stale_one(tmp_path: Any) -> None:
    path = tmp_path / "admin.sock"
    bind_unix(path).close()
    with bind_unix(path):
        assert path.stat().st_mode & 0o777 == 0o600


def test_a_path_too_long_for_a_socket_is_a_sentence(tmp_path: Any) -> None:
    import click

    deep = tmp_path / ("x" * 120)
    deep.mkdir()
    with pytest.raises(click.ClickException, match="OMNIWATT_HOME"):
        bind_unix(deep / "admin.sock")
