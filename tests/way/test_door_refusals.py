"""What the door refuses before it becomes a request has its ledger row too; strangers have none."""

from contextlib import AbstractAsyncContextManager

import httpx2
import pytest

from omniwatt.api.parts import Parts
from omniwatt.api.server import create_app

CASES = [
    ("/v1/chat/completions", {"model": "echo", "messages": []}, "chat", "echo"),
    ("/v1/chat/completions", {"model": "echo", "messages": "hi", "nonsense": 1}, "chat", "echo"),
    ("/v1/completions", {"model": "echo", "prompt": 5}, "complete", "echo"),
    ("/v1/embeddings", {"model": "echo", "input": ""}, "embed", "echo"),
    ("/v1/responses", {"model": 5, "input": "hi"}, "chat", ""),
    ("/v1/responses/input_tokens", [], "count", ""),
]


@pytest.mark.parametrize(("path", "body", "capability", "model"), CASES)
async def test_one_row(
    way: AbstractAsyncContextManager[Parts], path: str, body: object, capability: str, model: str
) -> None:
    async with way as parts:
        key, _ = parts.keys.create("someone")
        transport = httpx2.ASGITransport(app=create_app(parts))
        async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
            answer = await client.post(path, json=body, headers={"authorization": f"Bearer {key}"})
            assert answer.status_code == 400, answer.text
            stranger = await client.post(path, json=body, headers={"authorization": "Bearer sk-nobody"})
            assert stranger.status_code == 401
        parts.database.flush()
        rows = [tuple(row) for row in parts.database.read("SELECT capability, asked, state, status FROM ledger")]
        assert rows == [(capability, model, "refused", 400)]
