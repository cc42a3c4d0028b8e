"""What callers send stays out of the logs, unless the operator asks for it; their keys stay out always."""

import logging
from pathlib import Path

import httpx2
import pytest

from omniwatt import settings, wiring
from omniwatt.api.server import create_app
from tests.way.test_sound import tone

SECRET = "the marmalade is under the piano"
ROUTES = [
    ("/v1/chat/completions", {"messages": [{"role": "user", "content": SECRET}]}),
    ("/v1/completions", {"prompt": SECRET}),
    ("/v1/embeddings", {"input": SECRET}),
    ("/v1/responses", {"input": SECRET}),
    ("/v1/responses/input_tokens", {"input": SECRET}),
    ("/v1/audio/speech", {"input": SECRET, "voice": "alloy"}),
]


async def _transcribe(client: httpx2.AsyncClient, key: str) -> httpx2.Response:
    form = {"model": "whisper-1", "prompt": SECRET}
    file = {"file": ("a.wav", tone(0.2))}
    headers = {"authorization": f"Bearer {key}"}
    return await client.post("/v1/audio/transcriptions", data=form, files=file, headers=headers)


@pytest.mark.parametrize("wanted", [False, True])
async def test_prompts(wanted: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    flags = {
        "storage": {"home": str(tmp_path)},
        "models": {"serve": "echo", "preload": False},
        "log": {"prompts": wanted, "level": "debug"},
    }
    async with wiring.build(settings.load(None, flags, {})) as parts:
        key, _ = parts.keys.create("someone")
        transport = httpx2.ASGITransport(app=create_app(parts))
        async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
            for path, body in ROUTES:
                caplog.clear()
                headers = {"authorization": f"Bearer {key}"}
                answer = await client.post(path, json=body | {"model": "echo"}, headers=headers)
                assert answer.status_code == 200, answer.text
                assert (SECRET in caplog.text) is wanted, path
                assert key not in caplog.text
                bad = await client.post(path, json=body | {"model": "echo", "user": [SECRET]}, headers=headers)
                assert bad.status_code == 400
                assert key not in caplog.text
                assert wanted or SECRET not in caplog.text
            caplog.clear()
            assert (await _transcribe(client, key)).status_code == 200
            assert (SECRET in caplog.text) is wanted
            assert len(caplog.text) < 10_000, "the sound itself is never logged"
