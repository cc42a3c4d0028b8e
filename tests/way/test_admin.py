"""The operator's routes over the whole way: health, metrics, keys, usage, models; and who may use them."""

import json
import signal
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from omniwatt.api.parts import Parts
from omniwatt.api.server import create_app
from omniwatt.contract.job import Limits
from omniwatt.database import Database

Way = AbstractAsyncContextManager[Parts]


@asynccontextmanager
async def client(parts: Parts, key: str = "") -> AsyncIterator[httpx2.AsyncClient]:
    headers = {"authorization": f"Bearer {key}"} if key else {}
    transport = httpx2.ASGITransport(create_app(parts))
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost", headers=headers) as opened:
        yield opened


@asynccontextmanager
async def admin(parts: Parts) -> AsyncIterator[httpx2.AsyncClient]:
    key, _ = parts.keys.create("root", admin=True)
    async with client(parts, key) as opened:
        yield opened


async def ask(parts: Parts, key: str, model: str = "echo", **script: Any) -> httpx2.Response:
    text = f"echo: {json.dumps({'tokens': 3} | script)}"
    body = {"model": model, "messages": [{"role": "user", "content": text}]}
    async with client(parts, key) as caller:
        return await caller.post("/v1/chat/completions", json=body)


async def test_health_needs_no_key(way: Way, monkeypatch: pytest.MonkeyPatch) -> None:
    async with way as parts, client(parts) as anyone:
        assert (await anyone.get("/healthz")).json() == {"status": "ok"}
        ready = await anyone.get("/readyz")
        assert (ready.status_code, ready.json()) == (200, {"status": "ready"})
        with monkeypatch.context() as patch:
            patch.setattr(Database, "congested", True)
            full = await anyone.get("/readyz")
        assert (full.status_code, full.json()["reason"]) == (503, "the database takes no rows")
        monkeypatch.setattr(type(parts.catalog), "present", lambda *_: False)
        empty = await anyone.get("/readyz")
        assert (empty.status_code, empty.json()["reason"]) == (503, "no model is on disk: omniwatt pull")


async def test_a_model_on_its_way_into_memory_is_waited_for(way: Way, monkeypatch: pytest.MonkeyPatch) -> None:
    async with way as parts, client(parts) as anyone:
        first = next(card.name for card in parts.catalog.served() if parts.catalog.present(card))
        worker = SimpleNamespace(group=first, state="loading", progress=0.25)
        monkeypatch.setattr(parts.pool, "status", lambda: [worker])
        answer = await anyone.get("/readyz")
        assert (answer.status_code, answer.json()["reason"]) == (503, f"{first} is loading (25%)")
        worker.state = "stopped"
        assert (await anyone.get("/readyz")).status_code == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/admin/keys"),
        ("POST", "/admin/keys"),
        ("DELETE", "/admin/keys/x"),
        ("GET", "/admin/usage"),
        ("GET", "/admin/ps"),
        ("POST", "/admin/models/echo/unload"),
        ("POST", "/admin/reload"),
    ],
)
async def test_admin_is_for_admins(way: Way, method: str, path: str) -> None:
    async with way as parts:
        async with client(parts) as nobody:
            assert (await nobody.request(method, path)).status_code == 401
        async with client(parts, parts.keys.demo_key()) as user:
            answer = await user.request(method, path)
        assert answer.status_code == 403
        assert answer.json()["error"]["code"] == "permission_denied"


async def test_the_admin_socket_is_an_admins(way: Way) -> None:
    async with way as parts:
        app, path = create_app(parts), str(parts.settings.home / "run" / "admin.sock")

        def at(server: tuple[str, int | None]) -> ASGIApp:
            async def called(scope: Scope, receive: Receive, send: Send) -> None:
                await app(scope | {"server": server, "client": None}, receive, send)

            return called

        for server, status in (((path, None), 200), ((path, 80), 401), (("/tmp/admin.sock", None), 401)):
            transport = httpx2.ASGITransport(at(server))
            async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as local:
                assert (await local.get("/admin/keys")).status_code == status


async def test_a_keys_life(way: Way) -> None:
    async with way as parts, admin(parts) as root:
        asked = {"name": "ann", "project": "red", "limits": {"requests_per_min": 5, "models": ["echo"]}}
        made = await root.post("/admin/keys", json=asked)
        assert made.status_code == 201
        key, key_id = made.json()["key"], made.json()["id"]
        assert parts.keys.caller(key).limits == Limits(requests_per_min=5, models=("echo",))
        answer = await ask(parts, key)
        assert answer.status_code == 200
        assert answer.headers["x-ratelimit-limit-requests"] == "5"
        listed = (await root.get("/admin/keys")).json()["data"]
        [ann] = [one for one in listed if one["id"] == key_id]
        assert (ann["name"], ann["project"], ann["admin"], ann["revoked_at"]) == ("ann", "red", False, None)
        assert key not in json.dumps(listed)
        revoked = await root.delete(f"/admin/keys/{key_id}")
        assert revoked.json() == {"id": key_id, "revoked": True, "erased": False}
        assert (await ask(parts, key)).status_code == 401
        assert (await root.delete(f"/admin/keys/{key_id}", params={"erase": "true"})).json()["erased"] is True
        assert (await root.delete(f"/admin/keys/{key_id}")).status_code == 404
        assert all(one["id"] != key_id for one in (await root.get("/admin/keys")).json()["data"])


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"name": ""},
        {"name": "x", "colour": "red"},
        {"name": "x", "limits": {"requests_per_min": -1}},
        {"name": "x", "limits": {"requests_per_min": 2**70}},
        {"name": "x", "limits": {"request_per_min": 1}},
        {"name": "x", "admin": "yes"},
        {"name": "x", "expires_at": 5},
    ],
)
async def test_keys_that_cannot_be_made(way: Way, asked: dict[str, Any]) -> None:
    async with way as parts, admin(parts) as root:
        answer = await root.post("/admin/keys", json=asked)
        assert answer.status_code == 400
        assert answer.json()["error"]["type"] == "invalid_request_error"
        assert len(parts.keys.list()) == 1


async def test_usage_is_what_was_done(way: Way) -> None:
    async with way as parts, admin(parts) as root:
        key, info = parts.keys.create("ann", project="red")
        for _ in range(2):
            assert (await ask(parts, key)).status_code == 200
        assert (await ask(parts, key, model="no-such-model")).status_code == 404
        rows = (await root.get("/admin/usage", params={"by": "key_id,state"})).json()["data"]
        assert [(row["key_id"], row["state"], row["requests"], row["completion_tokens"]) for row in rows] == [
            (info.id, "done", 2, 6),
            (info.id, "refused", 1, 0),
        ]
        days = (await root.get("/admin/usage")).json()["data"]
        assert {row["day"] for row in days} <= {
            time.strftime("%Y-%m-%d", time.gmtime(time.time() - s)) for s in (0, 60)
        }
        past = {"since": "2001-01-01", "until": "2001-02-01T00:00:00Z"}
        assert (await root.get("/admin/usage", params=past)).json()["data"] == []


@pytest.mark.parametrize(
    "query", ["by=prompt", "by=", "by=model,model", "since=yesterday", "since=-5", "until=nan", "until=9e99", "x=1",
              "since=1&since=2", "by=%ff", "since=999999999999999"]
)  # fmt: skip
async def test_bad_questions_about_usage(way: Way, query: str) -> None:
    async with way as parts, admin(parts) as root:
        answer = await root.get(f"/admin/usage?{query}")
        assert answer.status_code == 400, answer.text


async def test_limits_hold_at_the_door(way: Way) -> None:
    async with way as parts:
        slow, _ = parts.keys.create("slow", limits=Limits(requests_per_min=1))
        assert (await ask(parts, slow)).status_code == 200
        answer = await ask(parts, slow)
        assert (answer.status_code, answer.headers["x-should-retry"]) == (429, "true")
        assert 1 <= int(answer.headers["retry-after"]) <= 61
        assert answer.headers["x-ratelimit-remaining-requests"] == "0"
        poor, _ = parts.keys.create("poor", limits=Limits(token_budget=5))
        answer = await ask(parts, poor)
        assert (answer.status_code, answer.headers["x-should-retry"]) == (429, "false")
        assert answer.json()["error"]["code"] == "insufficient_quota"
        fenced, _ = parts.keys.create("fenced", limits=Limits(models=("another",)))
        answer = await ask(parts, fenced)
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "model_not_found")


async def test_engines_and_queues_are_shown(way: Way) -> None:
    async with way as parts, admin(parts) as root:
        key = parts.keys.demo_key()
        assert (await ask(parts, key)).status_code == 200
        shown = (await root.get("/admin/ps")).json()
        [echo] = [one for one in shown["data"] if one["group"] == "echo"]
        assert echo["state"] == "ready"
        assert shown["queues"]["echo"]["running"] == 0
        unloaded = await root.post("/admin/models/echo/unload")
        assert unloaded.json() == {"model": "echo", "unloaded": True}
        assert parts.pool.loaded("echo") is None
        assert (await root.post("/admin/models/nothing/unload")).status_code == 404


async def test_metrics_need_a_key_and_tell(way: Way) -> None:
    async with way as parts:
        async with client(parts) as nobody:
            assert (await nobody.get("/metrics")).status_code == 401
        key = parts.keys.demo_key()
        assert (await ask(parts, key)).status_code == 200
        async with client(parts, key) as user:
            answer = await user.get("/metrics")
        assert answer.headers["content-type"].startswith("text/plain")
        assert 'omniwatt_request_total{capability="chat",model="echo",state="done"} 1.0' in answer.text
        assert 'omniwatt_generation_tokens_total{model="echo"} 3.0' in answer.text
        assert 'omniwatt_engine_state{engine="echo",model="echo",state="ready"} 1.0' in answer.text


async def test_reload_asks_the_process(way: Way) -> None:
    heard: list[int] = []
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    try:
        async with way as parts, admin(parts) as root:
            assert (await root.post("/admin/reload")).status_code == 409
            signal.signal(signal.SIGHUP, lambda number, _: heard.append(number))
            assert (await root.post("/admin/reload")).status_code == 202
    finally:
        signal.signal(signal.SIGHUP, before)
    assert heard == [signal.SIGHUP]
