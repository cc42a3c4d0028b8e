"""The whole door over ASGI: who gets in, what is refused, what every answer carries."""

import json
import logging

import pytest

from omniwatt.contract import error as e
from omniwatt.contract.event import Finished, TextDelta
from tests.unit.api.asgi import KEY, STARTED, USAGE, Client, make_parts


def error_of(answer):
    body = answer.json()
    assert body.keys() == {"error"}
    assert body["error"].keys() == {"message", "type", "param", "code"}
    assert "x-request-id" in answer.headers
    assert "openai-processing-ms" in answer.headers
    return body["error"]


@pytest.mark.parametrize(
    "headers",
    [{"authorization": f"Bearer {KEY}"}, {"authorization": f"bearer {KEY}"}, {"api-key": KEY}, {"x-api-key": KEY}],
)
async def test_keys_come_in_three_headers(client, headers):
    assert (await client.request("GET", "/v1/models", headers=headers, key=None)).status == 200


@pytest.mark.parametrize("key", [None, "", "sk-ow-other"])
@pytest.mark.parametrize("path", ["/v1/models", "/openapi.json", "/metrics", "/v1/nothing", "/admin/keys"])
async def test_without_a_good_key_nothing(client, key, path):
    answer = await client.request("GET", path, key=key)
    assert answer.status == 401
    assert error_of(answer)["code"] == "invalid_api_key"


async def test_health_needs_no_key(client):
    assert (await client.request("GET", "/healthz", key=None)).status == 200


async def test_the_admin_socket_needs_no_key(client, tmp_path):
    socket = str(tmp_path / "run" / "admin.sock")
    assert (await client.request("GET", "/v1/models", key=None, server=(socket, None))).status == 200
    assert (await client.request("GET", "/v1/models", key=None, server=("/tmp/other.sock", None))).status == 401


@pytest.mark.parametrize("headers", [{"host": "evil.example"}, {"origin": "https://evil.example"}, {"origin": "null"}])
async def test_foreign_pages_are_refused_before_the_key(client, headers):
    answer = await client.request("GET", "/v1/models", headers=headers, key=None)
    assert answer.status == 403
    assert error_of(answer)["code"] in ("foreign_host", "foreign_origin")


async def test_listed_origins_get_cors_headers(pipeline, tmp_path):
    client = Client(make_parts(pipeline, tmp_path, cors_origins=("https://app.example",)))
    origin = {"origin": "https://app.example"}
    asked = origin | {"access-control-request-method": "POST", "access-control-request-headers": "authorization,x"}
    answer = await client.request("OPTIONS", "/v1/chat/completions", headers=asked, key=None)
    assert answer.status == 204
    assert answer.headers["access-control-allow-origin"] == "https://app.example"
    assert answer.headers["access-control-allow-headers"] == "authorization,x"
    assert "POST" in answer.headers["access-control-allow-methods"]
    plain = await client.chat()
    assert "access-control-allow-origin" not in plain.headers
    read = await client.request("GET", "/v1/models", headers=origin)
    assert read.headers["access-control-allow-origin"] == "https://app.example"
    refused = await client.request("GET", "/v1/nothing", headers=origin)
    assert refused.headers["access-control-allow-origin"] == "https://app.example"


async def test_unknown_routes_and_methods(client):
    answer = await client.request("GET", "/v1/nothing")
    assert (answer.status, error_of(answer)["code"]) == (404, "unknown_url")
    answer = await client.request("GET", "/v1/chat/completions")
    assert (answer.status, error_of(answer)["code"]) == (405, "method_not_supported")
    assert answer.headers["allow"] == "POST"
    assert (await client.request("DELETE", "/v1/models/gpt-4")).status == 405


async def test_request_ids(client, pipeline):
    answer = await client.chat()
    assert answer.headers["x-request-id"] == pipeline.requests[-1].id
    answer = await client.request("GET", "/v1/models", headers={"x-request-id": "my-id_1.2"})
    assert answer.headers["x-request-id"] == "my-id_1.2"
    for odd in ("a b", "x" * 200, "é"):
        answer = await client.request("GET", "/v1/models", headers={"x-request-id": odd})
        assert answer.headers["x-request-id"].startswith("req_")
    body = json.dumps({"model": "gpt-4", "messages": [{"role": "user", "content": "Hi"}]}).encode()
    for _ in range(2):
        await client.request("POST", "/v1/chat/completions", body, {"x-request-id": "again"})
    first, second = pipeline.requests[-2:]
    assert first.id != second.id
    assert first.recorded["x_request_id"] == "again"


async def test_other_media_types_are_refused(client):
    for kind in ("text/plain", "application/x-www-form-urlencoded", ""):
        answer = await client.request("POST", "/v1/chat/completions", b"{}", {"content-type": kind})
        assert (answer.status, error_of(answer)["code"]) == (415, "unsupported_media_type")


async def test_bodies_are_bounded(pipeline, tmp_path):
    client = Client(make_parts(pipeline, tmp_path, max_body_bytes=100))
    for sent in (b"x" * 101, [b"x" * 60, b"x" * 60]):
        answer = await client.request("POST", "/v1/chat/completions", sent)
        assert (answer.status, error_of(answer)["code"]) == (413, "request_too_large")
        assert answer.headers["connection"] == "close"
    assert pipeline.requests == []


@pytest.mark.parametrize("raw", [b"", b"{", b"[1]", b'{"a":NaN}', b'{"a":"\xff"}', b"[" * 100_000])
async def test_malformed_json(client, raw):
    answer = await client.request("POST", "/v1/chat/completions", raw)
    assert (answer.status, error_of(answer)["code"]) == (400, "invalid_json")


async def test_rate_limit_headers(client):
    for answer in (await client.chat(), await client.chat(stream=True)):
        assert answer.headers["x-ratelimit-limit-requests"] == "60"
        assert answer.headers["x-ratelimit-remaining-tokens"] == "900"
        assert answer.headers["x-ratelimit-reset-tokens"] == "20ms"


async def test_a_rate_limited_answer(client, pipeline):
    details = {"limit": "requests", "rate_limits": {"limit_requests": 60, "remaining_requests": 0}}
    pipeline.events = (e.RateLimited("Later.", retry_after_s=2.0, details=details),)
    answer = await client.chat()
    assert answer.status == 429
    assert error_of(answer) == {"message": "Later.", "type": "requests", "param": None, "code": "rate_limit_exceeded"}
    assert answer.headers["retry-after"] == "2"
    assert answer.headers["x-should-retry"] == "true"
    assert answer.headers["x-ratelimit-remaining-requests"] == "0"


@pytest.mark.parametrize("streamed", [True, False])
async def test_errors_before_the_first_event_are_plain_http_errors(client, pipeline, streamed):
    for events in ((e.Overloaded("Full."),), (STARTED, e.Overloaded("Full."))):
        pipeline.events = events
        answer = await client.chat(stream=streamed)
        assert (answer.status, error_of(answer)["code"]) == (503, "server_overloaded")
        assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize("streamed", [True, False])
async def test_a_defect_is_a_500_that_says_only_its_id(client, pipeline, caplog, streamed):
    pipeline.events = (STARTED, RuntimeError("the prompt was: hush"))
    with caplog.at_level(logging.ERROR):
        answer = await client.chat(stream=streamed)
    assert answer.status == 500
    assert answer.headers["x-request-id"] in error_of(answer)["message"]
    assert "hush" not in answer.body.decode() + caplog.text


async def test_a_fault_in_the_stream_is_said_there_and_ends_it(client, pipeline, caplog):
    for fault, code in ((e.EngineDied("It died."), "engine_died"), (RuntimeError("hush"), "internal_error")):
        pipeline.events = (STARTED, TextDelta("Hel"), fault)
        answer = await client.chat(stream=True)
        assert answer.status == 200
        assert answer.complete
        assert answer.data()[-1]["error"]["code"] == code
        assert b"[DONE]" not in answer.body
        assert b"hush" not in answer.body
    assert "RuntimeError" in caplog.text


async def test_a_stream_without_an_end_is_a_fault(client, pipeline):
    pipeline.events = (STARTED, TextDelta("Hel"))
    assert (await client.chat(stream=True)).data()[-1]["error"]["code"] == "engine_error"
    assert (await client.chat()).status == 500
    pipeline.events = (STARTED,)
    assert (await client.chat(stream=True)).status == 500


async def test_an_answer_may_be_empty(client, pipeline):
    pipeline.events = (STARTED, Finished(usage=USAGE))
    answer = await client.chat(stream=True)
    assert answer.status == 200
    assert answer.body.endswith(b"data: [DONE]\n\n")


async def test_unknown_fields(client, pipeline, tmp_path):
    answer = await client.chat(temprature=1)
    assert (answer.status, error_of(answer)["param"]) == (400, "temprature")
    lenient = Client(make_parts(pipeline, tmp_path, unknown_fields="warn"))
    answer = await lenient.chat(temprature=1, messages=[{"role": "user", "content": "Hi", "mood": "good"}])
    assert answer.status == 200
    assert answer.headers["x-omniwatt-ignored-fields"] == "temprature, messages[0].mood"


async def test_ten_thousand_messages(client, pipeline):
    answer = await client.chat(messages=[{"role": "user", "content": "Hi"}] * 10_000)
    assert answer.status == 200
    assert len(pipeline.requests[-1].body.messages) == 10_000


async def test_only_http_passes(client):
    sent = []

    def receiving(*kinds):
        queue = [{"type": kind} for kind in kinds]

        async def receive():
            return queue.pop(0)

        return receive

    async def send(message):
        sent.append(message["type"])

    socket = {"type": "websocket", "path": "/v1/realtime", "headers": [], "root_path": ""}
    await client.app(socket, receiving("websocket.connect"), send)
    await client.app({"type": "lifespan"}, receiving("lifespan.startup", "lifespan.shutdown"), send)
    assert sent == ["websocket.close", "lifespan.startup.complete", "lifespan.shutdown.complete"]
