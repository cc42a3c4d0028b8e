"""/v1/files through the official client."""

import hashlib
import io
import json
import os
import time
import tracemalloc
from collections.abc import Iterator
from typing import Any

import httpx2
import openai
import pytest
from openai.types import FileDeleted, FileObject

from omniwatt.api.openai.files import resolve_file, resolve_files
from omniwatt.contract.error import NotFound
from omniwatt.contract.job import Caller
from omniwatt.contract.request import MediaPart, Message, TextPart

ANN = Caller(key_id="ann", name="ann", project="red")
BOB = Caller(key_id="bob", name="bob", project="blue")


def upload(client: openai.OpenAI, name: str = "a.txt", data: bytes = b"hello", **options: Any) -> FileObject:
    options = {"purpose": "user_data"} | options
    return client.files.create(file=(name, io.BytesIO(data)), **options)


def test_round_trip(client: openai.OpenAI, exact: Any) -> None:
    made = upload(client, "notes.txt", b"hello", purpose="assistants")
    exact(FileObject, made)
    assert (made.filename, made.bytes, made.purpose, made.status) == ("notes.txt", 5, "assistants", "processed")
    assert made.expires_at is None
    assert abs(made.created_at - time.time()) < 5
    assert client.files.retrieve(made.id) == made
    content = client.files.content(made.id)
    assert content.content == b"hello"
    assert content.response.headers["content-type"].startswith("text/plain")
    assert content.response.headers["content-disposition"] == 'attachment; filename="notes.txt"'
    assert content.response.headers["x-content-type-options"] == "nosniff"
    assert content.response.headers["x-request-id"]
    gone = client.files.delete(made.id)
    exact(FileDeleted, gone)
    assert gone.deleted
    for call in (client.files.retrieve, client.files.content, client.files.delete):
        with pytest.raises(openai.NotFoundError):
            call(made.id)


@pytest.mark.parametrize("purpose", ["assistants", "batch", "fine-tune", "vision", "user_data", "evals"])
def test_purposes(client: openai.OpenAI, purpose: Any) -> None:
    made = upload(client, purpose=purpose)
    assert made.purpose == purpose
    assert (made.expires_at is not None) == (purpose == "batch")


def test_another_project_sees_nothing(client: openai.OpenAI, bob: openai.OpenAI, live: Any) -> None:
    made = upload(client)
    for call in (bob.files.retrieve, bob.files.content, bob.files.delete):
        with pytest.raises(openai.NotFoundError):
            call(made.id)
    assert made.id not in [file.id for file in bob.files.list()]
    with live.client("sk-al") as colleague:
        assert colleague.files.retrieve(made.id) == made


def test_pages(client: openai.OpenAI, bob: openai.OpenAI) -> None:
    made = [upload(bob, f"{index}.txt").id for index in range(5)]
    vision = upload(bob, purpose="vision").id
    assert [file.id for file in bob.files.list(limit=2)] == [vision, *reversed(made)], "walks all pages by itself"
    first = bob.files.list(limit=2, order="asc", purpose="user_data")
    assert [file.id for file in first.data] == made[:2]
    assert first.has_more
    assert [file.id for file in first.get_next_page().data] == made[2:4]
    assert [file.id for file in bob.files.list(purpose="vision")] == [vision]
    assert bob.files.list(purpose="vision").has_more is False
    for file in bob.files.list():
        bob.files.delete(file.id)


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ("limit=0", "limit"),
        ("limit=10001", "limit"),
        ("limit=x", "limit"),
        ("order=up", "order"),
        ("after=file-none", "after"),
        ("colour=red", "colour"),
        ("after=%ff", None),
    ],
)
def test_bad_pages(live: Any, query: str, param: str | None) -> None:
    answer = httpx2.get(f"{live.url}/v1/files?{query}", headers={"authorization": "Bearer sk-ann"})
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == param


def test_expiry(client: openai.OpenAI) -> None:
    made = upload(client, expires_after={"anchor": "created_at", "seconds": 3600})
    assert made.expires_at == made.created_at + 3600


@pytest.mark.parametrize("seconds", [3599, 2_592_001, -1, "abc"])
def test_bad_expiry(client: openai.OpenAI, seconds: Any) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        upload(client, expires_after={"anchor": "created_at", "seconds": seconds})
    assert caught.value.param == "expires_after[seconds]"


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("文件 1.txt", "文件 1.txt"),
        ("../../etc/passwd", "passwd"),
        ("C:\\temp\\a.txt", "a.txt"),
        ("a\u202egnp.exe", "agnp.exe"),
        ("x" * 300 + ".txt", "x" * 251 + ".txt"),
        ("..", ".."),
    ],
)
def test_names_are_labels(client: openai.OpenAI, sent: str, kept: str) -> None:
    made = upload(client, sent)
    assert made.filename == kept
    assert client.files.content(made.id).content == b"hello"


def test_an_empty_file_is_refused(client: openai.OpenAI, live: Any) -> None:
    before = set(live.home.rglob("*"))
    with pytest.raises(openai.BadRequestError) as caught:
        upload(client, data=b"")
    assert (caught.value.param, caught.value.code) == ("file", "empty_file")
    assert {path for path in live.home.rglob("*") if "files" in path.parts} <= before


def post(live: Any, **options: Any) -> Any:
    return httpx2.post(f"{live.url}/v1/files", headers={"authorization": "Bearer sk-ann"}, **options)


@pytest.mark.parametrize(
    ("options", "param"),
    [
        ({"files": {"file": ("a", b"x")}}, "purpose"),
        ({"files": {"purpose": (None, "user_data")}}, "file"),
        ({"files": {"purpose": (None, "holiday"), "file": ("a", b"x")}}, "purpose"),
        ({"files": {"purpose": (None, "user_data"), "file": (None, "plain field")}}, "file"),
        ({"files": [("file", ("a", b"x")), ("file", ("b", b"y"))], "data": {"purpose": "user_data"}}, "file"),
        ({"files": {"file": ("a", b"x")}, "data": {"purpose": "user_data", "colour": "red"}}, "colour"),
        ({"files": {"file": ("a", b"x")}, "data": {"purpose": "user_data" * 9000}}, "purpose"),
    ],
)
def test_bad_forms(live: Any, options: Any, param: str) -> None:
    answer = post(live, **options)
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["param"] == param


@pytest.mark.parametrize(
    ("content", "content_type", "status"),
    [
        (b"{}", "application/json", 415),
        (b"x", "", 415),
        (b"x", "multipart/form-data", 400),
        (b"nonsense", "multipart/form-data; boundary=b", 400),
        (b"", "multipart/form-data; boundary=b", 400),
        (
            b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nhalf',
            "multipart/form-data; boundary=b",
            400,
        ),
        (b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--\r\n", "multipart/form-data; boundary=b", 400),
        (b"x", "multipart/form-data; boundary=" + "b" * 500, 400),
    ],
)
def test_bad_bodies(live: Any, content: bytes, content_type: str, status: int) -> None:
    answer = httpx2.post(
        f"{live.url}/v1/files",
        content=content,
        headers={"authorization": "Bearer sk-ann", "content-type": content_type},
    )
    assert answer.status_code == status, answer.text
    assert answer.json()["error"]["message"]


def test_the_limit_is_said(client: openai.OpenAI, live: Any) -> None:
    live.settings(max_upload_bytes=1000)
    assert upload(client, data=b"x" * 1000).bytes == 1000
    with pytest.raises(openai.APIStatusError) as caught:
        upload(client, data=b"x" * 3_000_000)
    assert caught.value.status_code == 413
    assert not list((live.home / "files" / "tmp").iterdir())


def test_the_quota_is_said(client: openai.OpenAI, live: Any) -> None:
    quota, live.parts.blobs._quota_bytes = live.parts.blobs._quota_bytes, 10
    try:
        with pytest.raises(openai.RateLimitError) as caught:
            upload(client, data=b"x" * 100)
    finally:
        live.parts.blobs._quota_bytes = quota
    assert caught.value.code == "insufficient_quota"
    assert caught.value.response.headers["x-should-retry"] == "false"


def test_a_large_file_is_not_held_in_memory(client: openai.OpenAI, live: Any) -> None:
    size = 24 * 1024 * 1024

    class Zeros(io.RawIOBase):
        left = size

        def read(self, count: int = -1) -> bytes:
            count = min(65536, self.left)
            self.left -= count
            return bytes(count)

    def form() -> Iterator[bytes]:
        yield b'--b\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nuser_data\r\n'
        yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="zeros"\r\n\r\n'
        yield from iter(Zeros().read, b"")
        yield b"\r\n--b--\r\n"

    tracemalloc.start()
    try:
        answer = httpx2.post(
            f"{live.url}/v1/files",
            content=form(),
            headers={"authorization": "Bearer sk-ann", "content-type": "multipart/form-data; boundary=b"},
            timeout=30,
        )
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert answer.json()["bytes"] == size
    assert peak < size / 4
    client.files.delete(answer.json()["id"])


def test_binary_content_and_ranges(client: openai.OpenAI, live: Any) -> None:
    data = os.urandom(700_000)
    made = client.files.create(file=("p.png", data, "image/png"), purpose="vision")
    assert client.files.content(made.id).content == data
    part = httpx2.get(
        f"{live.url}/v1/files/{made.id}/content", headers={"authorization": "Bearer sk-ann", "range": "bytes=10-19"}
    )
    assert (part.status_code, part.content, part.headers["content-type"]) == (206, data[10:20], "image/png")


def test_a_bad_media_type_is_not_passed_on(client: openai.OpenAI, live: Any) -> None:
    made = client.files.create(file=("a", b"x", "text/html; charset=x"), purpose="vision")
    assert client.files.content(made.id).response.headers["content-type"].startswith("text/html")
    made = client.files.create(file=("a", b"x", "not a type"), purpose="vision")
    assert client.files.content(made.id).response.headers["content-type"] == "application/octet-stream"


def test_lost_content_is_not_found(client: openai.OpenAI, live: Any) -> None:
    made = upload(client, data=b"will be lost")
    for path in (live.home / "files").glob("??/*"):
        if path.read_bytes() == b"will be lost":
            path.unlink()
    with pytest.raises(openai.NotFoundError):
        client.files.content(made.id)


async def test_the_async_client(live: Any) -> None:
    async with openai.AsyncOpenAI(api_key="sk-ann", base_url=f"{live.url}/v1", max_retries=0) as client:
        made = await client.files.create(file=b"async", purpose="user_data")
        assert (await client.files.content(made.id)).content == b"async"
        assert made.id in [file.id async for file in client.files.list()]
        assert (await client.files.delete(made.id)).deleted


async def test_files_become_parts_of_messages(client: openai.OpenAI, live: Any) -> None:
    picture = client.files.create(file=("p.png", b"\x89PNG", "image/png"), purpose="vision").id
    part = await resolve_file(live.parts, ANN, picture)
    assert part == MediaPart(kind="image", data=b"\x89PNG", media_type="image/png", name="p.png")
    assert (await resolve_file(live.parts, ANN, picture, "file")).kind == "file"
    with pytest.raises(NotFound):
        await resolve_file(live.parts, BOB, picture)
    many = bytes(8 * 1024 * 1024 + 1)
    large = upload(client, "l.bin", many).id
    assert await resolve_file(live.parts, ANN, large) == MediaPart(
        kind="file", blob=hashlib.sha256(many).hexdigest(), media_type="application/octet-stream", name="l.bin"
    )
    asked = (Message("user", (TextPart("see"), MediaPart(kind="image", blob=picture, detail="low"))),)
    (resolved,) = await resolve_files(live.parts, ANN, asked)
    assert resolved.content[1] == MediaPart(
        kind="image", data=b"\x89PNG", media_type="image/png", name="p.png", detail="low"
    )
    client.files.delete(large)


def test_errors_have_openais_shape(live: Any) -> None:
    answer = httpx2.get(f"{live.url}/v1/files/file-none", headers={"authorization": "Bearer sk-ann"})
    assert answer.status_code == 404
    assert json.loads(answer.text)["error"].keys() == {"message", "type", "param", "code"}
