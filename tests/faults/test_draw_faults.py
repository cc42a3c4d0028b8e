"""Pictures that go wrong on the way: clients that leave, painters that die, uploads without end, full disks."""

import asyncio
import errno
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from omniwatt import blobs, settings, wiring
from omniwatt.api.parts import Parts
from omniwatt.api.server import create_app
from omniwatt.contract.error import EngineDied, EngineFailed
from omniwatt.contract.event import ChoiceEnd, Data, Event, Finished
from omniwatt.contract.job import Caller
from omniwatt.contract.request import DrawBody, Request

CALLER = Caller(key_id="k1", name="test", project="p1")
Way = AbstractAsyncContextManager[Parts]


@asynccontextmanager
async def _build(home: Path) -> AsyncIterator[Parts]:
    flags = {"storage": {"home": str(home)}, "models": {"serve": "echo", "preload": False}}
    async with wiring.build(settings.load(None, flags, {})) as parts:
        yield parts


@pytest.fixture
def way(tmp_path: Path) -> Way:
    return _build(tmp_path)


def asked(script: str, **fields: Any) -> Request:
    return Request("r1", "draw", "echo", DrawBody(f"echo: {script}", width_px=256, height_px=256, **fields))


def states(parts: Parts) -> list[tuple[str, str]]:
    parts.database.flush()
    return [
        (row["state"], row["code"]) for row in parts.database.read("SELECT state, code FROM ledger ORDER BY number")
    ]


def free(parts: Parts) -> bool:
    return all(not group["running"] and not group["waiting"] for group in parts.admission.status().values())


async def test_closed_at_every_event(way: Way) -> None:
    request = asked('{"text": "abc", "misread": 1}', partial_images=1, n=2)
    async with way as parts:
        async with aclosing(parts.pipeline.serve(request, CALLER)) as events:
            points = [event async for event in events]
        assert sum(isinstance(event, ChoiceEnd) for event in points) == 2
        for point in range(len(points)):
            events = parts.pipeline.serve(request, CALLER)
            for _ in range(point + 1):
                await anext(events)
            await events.aclose()
            assert free(parts), f"a slot leaked at event {point}"
        assert {state for state, _ in states(parts)[1:-1]} == {"cancelled"}


@pytest.mark.parametrize(
    ("fault", "error"), [("kill_at", EngineDied), ("exit_at", EngineDied), ("fail_at", EngineFailed)]
)
async def test_the_painter_ends_in_the_middle_of_a_picture(way: Way, fault: str, error: type[EngineFailed]) -> None:
    async with way as parts:
        seen: list[Event] = []
        with pytest.raises(error):
            await _gathered(parts, asked(f'{{"{fault}": 2, "token_s": 0.1}}'), seen)
        assert any(isinstance(event, Data) for event in seen)
        assert states(parts)[0][0] == "failed"
        assert free(parts)
        async with aclosing(parts.pipeline.serve(asked("{}"), CALLER)) as events:
            assert isinstance([event async for event in events][-1], Finished)


async def _gathered(parts: Parts, request: Request, seen: list[Event]) -> None:
    async with aclosing(parts.pipeline.serve(request, CALLER)) as events:
        async for event in events:
            seen += [event]


async def test_a_fault_in_a_stream_is_said_in_it(way: Way) -> None:
    async with _http(way) as (_, http):
        body = {"prompt": 'echo: {"fail_at": 2}', "stream": True}
        answer = await http.post("/v1/images/generations", json=body)
        assert answer.status_code == 200
        assert "asked to fail" in answer.text.split("data: ")[-1]
        whole = await http.post("/v1/images/generations", json=body | {"stream": False})
        assert (whole.status_code, whole.json()["error"]["code"]) == (500, "engine_error")


@asynccontextmanager
async def _http(way: Way) -> AsyncIterator[tuple[Parts, httpx2.AsyncClient]]:
    async with way as parts:
        key, _ = parts.keys.create("someone")
        headers = {"authorization": f"Bearer {key}"}
        transport = httpx2.ASGITransport(app=create_app(parts))
        async with httpx2.AsyncClient(transport=transport, base_url="http://localhost", headers=headers) as http:
            yield parts, http


async def test_a_huge_upload_is_refused_before_it_is_read(way: Way) -> None:
    """Half a gigabyte announced: the refusal comes after what a sender needs to see it, not after all of it."""
    sent = 0

    async def pieces() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(500):
            sent += 1
            yield bytes(1024 * 1024)

    async with _http(way) as (parts, http):
        headers = {"content-type": "multipart/form-data; boundary=b", "content-length": str(500 << 20)}
        async with asyncio.timeout(20):
            answer = await http.post("/v1/images/edits", content=pieces(), headers=headers)
        assert (answer.status_code, answer.json()["error"]["param"]) == (413, "image")
        assert str(256 << 20) in answer.json()["error"]["message"]
        assert sent < 300
        assert not list((parts.settings.home / "files" / "tmp").iterdir())


async def test_one_picture_over_its_limit_stops_the_upload(way: Way) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b'--b\r\ncontent-disposition: form-data; name="image"; filename="a.png"\r\n\r\n'
        for _ in range(60):
            yield bytes(1024 * 1024)

    async with _http(way) as (parts, http):
        headers = {"content-type": "multipart/form-data; boundary=b"}
        answer = await http.post("/v1/images/edits", content=pieces(), headers=headers)
        assert answer.status_code == 413
        assert str(50 << 20) in answer.json()["error"]["message"]
        assert not list((parts.settings.home / "files" / "tmp").iterdir())


async def test_a_full_disk_is_said_plainly(way: Way, monkeypatch: pytest.MonkeyPatch) -> None:
    real = blobs._create

    class Full:
        def __init__(self, path: Path) -> None:
            self._file = real(path)

        def write(self, data: bytes) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

        def __enter__(self) -> "Full":
            return self

        def __exit__(self, *_: object) -> None:
            self._file.close()

    monkeypatch.setattr(blobs, "_create", Full)
    async with _http(way) as (parts, http):
        for stream in (False, True):
            body = {"prompt": "a cat", "response_format": "url", "stream": stream}
            answer = await http.post("/v1/images/generations", json=body)
            assert "No space left" in answer.text
            assert stream or (answer.status_code, answer.json()["error"]["code"]) == (500, "storage_failed")
        assert free(parts)
        assert [state for state, _ in states(parts)] == ["cancelled", "cancelled"]


async def test_a_project_s_quota_holds_for_urls(tmp_path: Path) -> None:
    flags: dict[str, Any] = {
        "storage": {"home": str(tmp_path), "files_quota_bytes": 100},
        "models": {"serve": "echo", "preload": False},
    }
    async with _http(wiring.build(settings.load(None, flags, {}))) as (_, http):
        answer = await http.post("/v1/images/generations", json={"prompt": "a cat", "response_format": "url"})
        assert (answer.status_code, answer.json()["error"]["code"]) == (429, "insufficient_quota")
