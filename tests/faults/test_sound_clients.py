"""Clients of the audio routes that leave, flood or send too much: nothing stays behind, the next one is served."""

import asyncio
import contextlib
import io
import json
import re
import socket
import time
import wave
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import pytest

from tests.served import Served, served

LIMIT_BYTES = 24 * 1024 * 1024
MP3_FRAME = bytes((0xFF, 0xE3, 0x18, 0xC4)) + bytes(68)
"""Silence of 72 ms: MPEG 2.5, layer III, 8 kbit/s, 8 kHz, mono (ISO 11172-3, 2.4.2.3)."""
PATIENCE_S = 20.0
FORM = b'--XX\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n'
FILE = b'--XX\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    home = tmp_path_factory.mktemp("sound")
    (home / "omniwatt.toml").write_text(
        f'[models]\nserve = ["echo"]\ndefault = "echo"\n[server]\nmax_upload_bytes = {LIMIT_BYTES}\n'
    )
    with served(home, "--log-level", "warning", ready="/readyz") as one:
        yield one


@pytest.fixture
def client(server: Served) -> Iterator[httpx2.Client]:
    headers = {"authorization": f"Bearer {server.key}"}
    with httpx2.Client(base_url=server.url, headers=headers, timeout=60.0) as one:
        yield one


def loud(seconds: int) -> bytes:
    """A WAV of a low hum at 16 kHz."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes((b"\0\x20" * 80 + b"\0\xe0" * 80) * 100 * seconds)
    return out.getvalue()


def transcribe(client: httpx2.Client, data: bytes, **fields: str) -> httpx2.Response:
    files = {"file": ("a.mp3", data)}
    return client.post("/v1/audio/transcriptions", data={"model": "whisper-1"} | fields, files=files)


def eventually(what: str, test: object) -> None:
    until = time.monotonic() + PATIENCE_S
    while not test():  # type: ignore[operator]
        assert time.monotonic() < until, what
        time.sleep(0.05)


def files(server: Served) -> list[Path]:
    return [path for path in (server.home / "files").rglob("*") if path.is_file()]


def running(server: Served) -> float:
    """Slots taken and requests waiting, over all groups."""
    transport = httpx2.HTTPTransport(uds=str(server.home / "run" / "admin.sock"))
    with httpx2.Client(transport=transport, base_url="http://localhost") as admin:
        text = admin.get("/metrics").raise_for_status().text
    return sum(
        float(value) for value in re.findall(r"^omniwatt_requests_(?:running|waiting)\{.*\} (\S+)$", text, re.MULTILINE)
    )


def nothing_is_left(server: Served, client: httpx2.Client) -> None:
    eventually("files stay", lambda: not files(server))
    eventually("slots stay", lambda: running(server) == 0)
    assert transcribe(client, MP3_FRAME * 20).status_code == 200


def half_a_request(server: Served, body: bytes, announced: int) -> socket.socket:
    sock = socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE_S)
    head = (
        f"POST /v1/audio/transcriptions HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {server.key}\r\n"
        f"content-type: multipart/form-data; boundary=XX\r\ncontent-length: {announced}\r\n\r\n"
    )
    sock.sendall(head.encode() + body)
    return sock


@pytest.mark.parametrize("sent_bytes", [0, 100_000, 12 * 1024 * 1024], ids=["no sound", "a little", "onto the disk"])
def test_a_client_that_vanishes_while_it_uploads(server: Served, client: httpx2.Client, sent_bytes: int) -> None:
    body = FORM % (b"model", b"whisper-1") + FILE + bytes(sent_bytes)
    sock = half_a_request(server, body, 20 * 1024 * 1024)
    if sent_bytes > 8 * 1024 * 1024:
        eventually("nothing is spooled", lambda: files(server))
    sock.close()
    nothing_is_left(server, client)


def test_a_client_that_vanishes_while_it_is_heard(server: Served, client: httpx2.Client) -> None:
    data = loud(60)
    script = json.dumps({"token_s": 0.5, "text": "and so on"})
    body = FORM % (b"model", b"whisper-1") + FORM % (b"prompt", b"echo: " + script.encode())
    body += FORM % (b"stream", b"true") + FILE + data + b"\r\n--XX--\r\n"
    sock = half_a_request(server, body, len(body))
    eventually("it is not heard", lambda: running(server) >= 2)
    sock.close()
    nothing_is_left(server, client)


def test_a_client_that_vanishes_while_it_is_spoken_to(server: Served, client: httpx2.Client) -> None:
    long = json.dumps({"tokens": 2000, "token_s": 0.01})
    asked = {"model": "tts-1", "voice": "alloy", "input": f"echo: {long}", "response_format": "wav"}
    with client.stream("POST", "/v1/audio/speech", json=asked) as answer:
        assert answer.status_code == 200
        pieces = answer.iter_raw()
        assert next(pieces)
        assert running(server) == 2, "the voice and the encoder"
    nothing_is_left(server, client)


def test_more_at_once_than_there_are_decoders(server: Served, client: httpx2.Client) -> None:
    spoken = client.post(
        "/v1/audio/speech", json={"model": "tts-1", "voice": "alloy", "input": "word " * 30, "response_format": "flac"}
    ).content
    with ThreadPoolExecutor(24) as threads:
        answers = list(threads.map(lambda _: transcribe(client, spoken), range(24)))
    assert [answer.status_code for answer in answers] == [200] * 24
    assert {answer.json()["text"] for answer in answers} == {"second 1 second 2"}
    nothing_is_left(server, client)


@pytest.mark.parametrize("hours", [3, 6])
def test_hours_of_sound_are_too_large(server: Served, client: httpx2.Client, hours: int) -> None:
    answer = transcribe(client, MP3_FRAME * (hours * 50_000))
    error = answer.json()["error"]
    assert (answer.status_code, error["param"]) == (413, "file"), error
    nothing_is_left(server, client)


def test_more_bytes_than_are_taken(server: Served, client: httpx2.Client) -> None:
    answer = transcribe(client, bytes(LIMIT_BYTES + 200_000))
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "request_too_large")
    nothing_is_left(server, client)


async def test_a_client_that_reads_nothing_holds_back_the_voice_only(server: Served, client: httpx2.Client) -> None:
    long = json.dumps({"tokens": 4000})
    asked = json.dumps(
        {"model": "tts-1", "voice": "alloy", "input": f"echo: {long}", "response_format": "pcm"}
    ).encode()
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=4096)
    writer.write(
        f"POST /v1/audio/speech HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {server.key}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(asked)}\r\n\r\n".encode()
        + asked
    )
    await writer.drain()
    assert b"200" in await reader.readline()
    answer = await asyncio.to_thread(transcribe, client, MP3_FRAME * 20)
    assert answer.status_code == 200
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()
    await asyncio.to_thread(nothing_is_left, server, client)
