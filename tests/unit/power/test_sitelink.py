"""The way to a site: which addresses and keys are taken, and what answers are made of."""

import asyncio
import json
import re
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from omniwatt import settings
from omniwatt.power import sitelink
from omniwatt.power.budget import Ask, Need
from omniwatt.power.sitelink import SiteLink, SiteSilent

KEY = "sk-ow-0123456789abcdefgh"
ASK = Ask(need=Need(name="a", floor_w=5.0), at_s=12.5)
GRANT = {"name": "a", "number": 7, "watts": 20.0, "floor_w": 5.0, "asked_s": 12.5, "ttl_s": 3.0}


def said(tmp_path: Path, url: str, **more: Any) -> settings.Power:
    (tmp_path / "key").write_text(KEY + "\n")
    return settings.Power(**{"site_url": url, "site_key_file": str(tmp_path / "key")} | more)


@asynccontextmanager
async def answering(status: str, body: bytes, headers: str = "", *, wait_s: float = 0.0) -> AsyncIterator[Any]:
    """A server that answers all questions the same; what it was asked."""
    asked: list[bytes] = []
    serving: list[asyncio.Task[Any] | None] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.append(asyncio.current_task())
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        await asyncio.sleep(wait_s)
        head = f"HTTP/1.1 {status}\r\ncontent-length: {len(body)}\r\nconnection: close\r\n{headers}\r\n"
        writer.write(head.encode() + body)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", asked
        await asyncio.gather(*filter(None, serving))


async def why(power: settings.Power) -> str:
    link = SiteLink(power)
    try:
        with pytest.raises(SiteSilent) as caught:
            await link.ask(ASK)
    finally:
        await link.aclose()
    assert KEY not in str(caught.value)
    return str(caught.value)


async def test_a_lease_is_asked_for_with_the_key(tmp_path) -> None:
    async with answering("200 OK", json.dumps(GRANT).encode()) as (url, asked):
        link = SiteLink(said(tmp_path, url + "/v1/"))
        grant = await link.ask(ASK)
        await link.aclose()
    assert (grant.watts, grant.number, grant.joined) == (20.0, 7, True)
    assert asked[0].startswith(b"POST /admin/power/lease HTTP/1.1\r\n")
    assert f"Bearer {KEY}\r\n".encode() in asked[0]


@pytest.mark.parametrize(
    ("status", "body", "says"),
    [
        ("200 OK", b"hello", "is no lease"),
        ("200 OK", b"{}", "is no lease"),
        ("200 OK", json.dumps(GRANT | {"watts": -1}).encode(), "is no lease"),
        ("200 OK", json.dumps(GRANT | {"watts": 1e30}).encode(), "is no lease"),
        ("200 OK", json.dumps(GRANT | {"ttl_s": 1e9}).encode(), "is no lease"),
        ("200 OK", json.dumps(GRANT | {"name": "b"}).encode(), "not asked"),
        ("200 OK", json.dumps(GRANT | {"asked_s": 11.5}).encode(), "not asked"),
        ("200 OK", b" " * 70_000, "is no lease"),
        ("403 Forbidden", b'{"error": {"message": "This needs an admin key."}}', "it answers 403: This needs an admin"),
        ("401 No", json.dumps({"error": {"message": f"no {KEY}\x1b[31m"}}).encode(), r"401: no \[key\] \[31m"),
        ("500 Oops", b"<html>", "it answers 500$"),
        ("404 No", b"[]", "it answers 404$"),
    ],
)
async def test_what_is_no_lease(tmp_path, status, body, says) -> None:
    async with answering(status, body) as (url, _):
        found = await why(said(tmp_path, url))
    assert re.search(says, found), found


async def test_redirects_are_not_followed(tmp_path) -> None:
    async with answering("200 OK", json.dumps(GRANT).encode()) as (elsewhere, asked):
        async with answering("307 There", b"", f"location: {elsewhere}/admin/power/lease\r\n") as (url, _):
            assert "sends us elsewhere" in await why(said(tmp_path, url))
        assert asked == []


async def test_who_does_not_answer_is_not_waited_for(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(sitelink, "PATIENCE_S", 0.1)
    async with answering("200 OK", b"", wait_s=0.3) as (url, _):
        assert await why(said(tmp_path, url)) == "it does not answer"
    assert await why(said(tmp_path, url)) == "connection refused"


async def test_the_key_travels_in_the_clear_only_within_private_networks(tmp_path, monkeypatch) -> None:
    assert "plain http would show the key" in await why(said(tmp_path, "http://8.8.8.8:1"))
    monkeypatch.setattr(sitelink, "PATIENCE_S", 0.05)
    assert "plain http" not in await why(said(tmp_path, "http://192.0.2.1:1", site_insecure=True))


async def test_a_certificate_nobody_vouches_for_is_refused(tmp_path) -> None:
    made = certificate(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*made)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        body = json.dumps(GRANT).encode()
        writer.write(f"HTTP/1.1 200 OK\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    async with server:
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        assert "its certificate is not to be trusted" in await why(said(tmp_path, url))
        link = SiteLink(said(tmp_path, url, site_certificate=str(made[0])))
        assert (await link.ask(ASK)).watts == 20.0
        await link.aclose()


def certificate(folder: Path) -> tuple[Path, Path]:
    """One that signed itself, for 127.0.0.1, and its key."""
    request = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=site"
    files = "-keyout site.key -out site.pem -addext subjectAltName=IP:127.0.0.1"
    subprocess.run(["openssl", *request.split(), *files.split()], cwd=folder, check=True, capture_output=True)
    return folder / "site.pem", folder / "site.key"


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"site_url": "box1:8080"}, "must begin with http"),
        ({"site_url": "ftp://box1"}, "must begin with http"),
        ({"site_url": "https://"}, "must begin with http"),
        ({"site_url": "https://box1:99999"}, "must begin with http"),
        ({"site_url": "https://me:secret@box1"}, "may not carry a key"),
        ({"site_url": "https://box1/?key=secret"}, "may not carry a key"),
        ({"site_key_file": ""}, "needs an admin key"),
        ({"site_key_file": "/nowhere/key"}, "cannot be read"),
        ({"site_key_file": "", "site_key_env": "NO_SUCH_KEY"}, "holds no key"),
        ({"site_certificate": "/nowhere/site.pem"}, "site_certificate"),
    ],
)
def test_what_can_never_work_is_refused_at_once(tmp_path, more, says) -> None:
    with pytest.raises(ValueError, match=says) as caught:
        SiteLink(said(tmp_path, "https://box1", **more))
    assert "secret" not in str(caught.value)


async def test_a_key_that_was_changed_in_its_file_is_taken_up(tmp_path) -> None:
    async with answering("401 No", b"") as (url, asked):
        link = SiteLink(said(tmp_path, url))
        (tmp_path / "key").write_text("sk-ow-another")
        for _ in range(2):
            with pytest.raises(SiteSilent):
                await link.ask(ASK)
        (tmp_path / "key").unlink()
        with pytest.raises(SiteSilent, match="401"):
            await link.ask(ASK)
        await link.aclose()
    assert [b"another" in one for one in asked] == [False, True, True]
