"""Without the extra, and with TURN servers: what a call is told."""

from contextlib import AbstractAsyncContextManager

import pytest
from httpx2 import ASGITransport, AsyncClient

from omniwatt import settings
from omniwatt.api.openai import realtime_calls
from omniwatt.api.parts import Parts
from omniwatt.api.server import create_app

Way = AbstractAsyncContextManager[Parts]


async def test_without_the_extra_the_route_says_what_to_install(way: Way, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(realtime_calls, "LIBRARY", "no_such_library")
    async with way as parts:
        headers = {"authorization": f"Bearer {parts.keys.create('test')[0]}", "content-type": "application/sdp"}
        async with AsyncClient(transport=ASGITransport(create_app(parts)), base_url="http://localhost:8000") as http:
            refused = await http.post("/v1/realtime/calls", content="v=0", headers=headers)
        assert refused.status_code == 400
        assert "pip install 'omniwatt[webrtc]'" in refused.json()["error"]["message"]
        assert not [worker for worker in parts.pool.status() if worker.group == "rtc"]


def test_the_password_goes_to_turn_servers_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THE_TURN_PASSWORD", "hush")
    told = settings.Realtime(
        ice_servers=("stun:one.example:3478", "turn:two.example:3478?transport=udp"),
        turn_username="we",
        turn_credential_env="THE_TURN_PASSWORD",
    )
    assert realtime_calls._options(told) == {
        "lost_s": 15.0,
        "ice_servers": [
            {"url": "stun:one.example:3478"},
            {"url": "turn:two.example:3478?transport=udp", "username": "we", "credential": "hush"},
        ],
    }
