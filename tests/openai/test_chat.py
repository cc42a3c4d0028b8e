"""Chat through the official client, sync and async, against a live server on the echo engine."""

import asyncio
import json
import socket
import time
import urllib.request

import httpx2
import openai
import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from tests.unit.api.shape import exact

HELLO = [{"role": "user", "content": "Hello out there, 鲁迅!"}]
WORDS = HELLO[0]["content"]
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "weather",
            "description": "The weather of a city.",
            "parameters": {
                "type": "object",
                "properties": {"city": {"type": "string"}},
                "required": ["city"],
                "additionalProperties": False,
            },
        },
    }
]


def scripted(**script):
    return [{"role": "user", "content": "echo: " + json.dumps(script)}]


@pytest.fixture
def client(echo_client):
    return echo_client


def test_a_whole_answer(client):
    answer = client.chat.completions.with_raw_response.create(model="gpt-4", messages=HELLO)
    exact(ChatCompletion, json.loads(answer.content))
    found = answer.parse()
    assert found.choices[0].message.content == WORDS
    assert found.model == "echo"
    assert found.usage.total_tokens == found.usage.prompt_tokens + found.usage.completion_tokens
    assert found._request_id == answer.headers["x-request-id"]
    assert int(answer.headers["openai-processing-ms"]) >= 0


def test_the_plainest_streaming_loop(client):
    said = ""
    for chunk in client.chat.completions.create(model="gpt-4", messages=HELLO, stream=True):
        exact(ChatCompletionChunk, chunk.model_dump(exclude_unset=True))
        said += chunk.choices[0].delta.content
    assert said == WORDS


def test_usage_in_the_stream(client):
    options = {"include_usage": True}
    *chunks, last = client.chat.completions.create(model="gpt-4", messages=HELLO, stream=True, stream_options=options)
    assert all(chunk.usage is None for chunk in chunks)
    assert (last.choices, last.usage.completion_tokens > 0) == ([], True)


async def test_the_async_client(echo_server):
    async with openai.AsyncOpenAI(base_url=echo_server.url + "/v1", api_key=echo_server.key, max_retries=0) as client:
        whole = await client.chat.completions.create(model="gpt-4o", messages=HELLO)
        stream = await client.chat.completions.create(model="gpt-4o", messages=HELLO, stream=True)
        said = "".join([chunk.choices[0].delta.content async for chunk in stream])
        assert said == whole.choices[0].message.content == WORDS
        answers = await asyncio.gather(
            *(client.chat.completions.create(model="gpt-4o", messages=HELLO, seed=n) for n in range(20))
        )
    assert len({answer.id for answer in answers}) == 20


def test_stop_limit_and_choices(client):
    found = client.chat.completions.create(model="gpt-4", messages=HELLO, stop=[" there"], n=2)
    assert [choice.message.content for choice in found.choices] == ["Hello out"] * 2
    cut = client.chat.completions.create(model="gpt-4", messages=HELLO, max_completion_tokens=1).choices[0]
    assert cut.finish_reason == "length"


def test_a_tool_call_whole_and_streamed(client):
    asked = {"model": "gpt-4", "messages": HELLO, "tools": TOOLS}
    choice = client.chat.completions.create(**asked, tool_choice="required").choices[0]
    assert choice.finish_reason == "tool_calls"
    (call,) = choice.message.tool_calls
    assert call.function.name == "weather"
    assert "city" in json.loads(call.function.arguments)
    with client.chat.completions.stream(
        **asked, tool_choice={"type": "function", "function": {"name": "weather"}}
    ) as stream:
        last = stream.get_final_completion()
    streamed = last.choices[0].message.tool_calls[0]
    assert streamed.function.arguments == call.function.arguments
    assert last.choices[0].finish_reason in ("tool_calls", "stop")
    again = client.chat.completions.create(
        model="gpt-4",
        messages=[*HELLO, choice.message, {"role": "tool", "tool_call_id": call.id, "content": "Sunny."}],
        tools=TOOLS,
        tool_choice="none",
    )
    assert again.choices[0].message.tool_calls is None


def test_a_schema_answer(client):
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    wanted = {"type": "json_schema", "json_schema": {"name": "number", "schema": schema, "strict": True}}
    found = client.chat.completions.create(model="gpt-4", messages=HELLO, response_format=wanted)
    assert isinstance(json.loads(found.choices[0].message.content)["n"], int)


def test_logprobs(client):
    found = client.chat.completions.create(model="gpt-4", messages=HELLO, logprobs=True, top_logprobs=2)
    tokens = found.choices[0].logprobs.content
    assert "".join(token.token for token in tokens) == WORDS
    assert all(len(token.top_logprobs) <= 2 and token.logprob <= 0 for token in tokens)


@pytest.mark.parametrize(
    ("fields", "error", "param"),
    [
        ({"model": "no-such-model"}, openai.NotFoundError, "model"),
        ({"temperature": 3}, openai.BadRequestError, "temperature"),
        ({"max_tokens": -1}, openai.BadRequestError, "max_tokens"),
        ({"extra_body": {"top_k": 5}}, openai.BadRequestError, "top_k"),
        ({"messages": [{"role": "user", "content": "long " * 130_000}]}, openai.BadRequestError, "messages"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_errors_become_the_clients_own(client, fields, error, param, stream):
    with pytest.raises(error) as caught:
        client.chat.completions.create(**{"model": "gpt-4", "messages": HELLO, "stream": stream} | fields)
    assert caught.value.param == param
    assert caught.value.request_id
    if error is openai.NotFoundError:
        assert caught.value.code == "model_not_found"


def test_a_wrong_key(echo_server):
    client = openai.OpenAI(base_url=echo_server.url + "/v1", api_key="sk-wrong", max_retries=0)
    with client, pytest.raises(openai.AuthenticationError) as caught:
        client.models.list()
    assert caught.value.code == "invalid_api_key"


def test_a_fault_before_and_within_the_stream(client):
    with pytest.raises(openai.InternalServerError):
        client.chat.completions.create(model="gpt-4", messages=scripted(tokens=5, fail_at=0), stream=True)
    said = []

    def listen():
        for chunk in client.chat.completions.create(model="gpt-4", messages=scripted(tokens=5, fail_at=3), stream=True):
            said.extend(choice.delta.content for choice in chunk.choices)

    with pytest.raises(openai.APIError, match="fail at token 3"):
        listen()
    assert "".join(said) == " w0 w1 w2"


def in_flight(server):
    asked = urllib.request.Request(server.url + "/metrics", headers={"authorization": f"Bearer {server.key}"})
    with urllib.request.urlopen(asked, timeout=5) as answer:
        lines = answer.read().decode().splitlines()
    return next(float(line.split()[-1]) for line in lines if line.startswith("omniwatt_requests_in_flight"))


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("script", [{"tokens": 9, "hang_at": 3}, {"tokens": 9, "hang_at": 0}])
def test_a_client_that_leaves_frees_its_place_at_once(echo_server, stream, script):
    body = json.dumps({"model": "gpt-4", "messages": scripted(**script), "stream": stream}).encode()
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {echo_server.key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", echo_server.port), timeout=5) as connection:
        connection.sendall(head.encode() + body)
        if stream and script["hang_at"]:
            assert connection.recv(1000).startswith(b"HTTP/1.1 200")
        until = time.monotonic() + 5
        while in_flight(echo_server) < 1 and time.monotonic() < until:
            time.sleep(0.005)
        assert in_flight(echo_server) == 1
    left_s = time.monotonic()
    while in_flight(echo_server) and time.monotonic() < left_s + 5:
        time.sleep(0.005)
    assert time.monotonic() - left_s < 1.0


def raw(server, body, **headers):
    sent = {"authorization": f"Bearer {server.key}", "content-type": "application/json"} | headers
    return httpx2.post(server.url + "/v1/chat/completions", content=body, headers=sent)


def chunked(count):
    for _ in range(count):
        yield b" " * 65536


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"{", {}, 400),
        (b"[" * 100_000, {}, 400),
        (b'{"model":"gpt-4","messages":[{"role":"user","content":"a\\u0000b"}]}', {}, 400),
        (b'{"model":"gpt-4","messages":[{"role":"user","content":"\xff"}]}', {}, 400),
        (b"{}", {"content-type": "text/plain"}, 415),
        (b"{}", {"host": "evil.example"}, 403),
        (b"{}", {"origin": "https://evil.example"}, 403),
    ],
)
def test_nasty_requests_over_the_wire(echo_server, body, headers, status):
    answer = raw(echo_server, body, **headers)
    assert answer.status_code == status
    assert answer.json()["error"].keys() == {"message", "type", "param", "code"}


def test_huge_bodies_over_the_wire(echo_server):
    for body in (b" " * (33 * 1024 * 1024), chunked(600)):
        answer = raw(echo_server, body)
        assert (answer.status_code, answer.json()["error"]["code"]) == (413, "request_too_large")
    assert raw(echo_server, b"{").status_code == 400


def test_keep_alive_survives_refusals(echo_server):
    with httpx2.Client(base_url=echo_server.url, headers={"authorization": f"Bearer {echo_server.key}"}) as client:
        for _ in range(3):
            assert client.post("/v1/chat/completions", content=b"{}").status_code == 415
            assert client.get("/v1/models").status_code == 200
