"""The older completions through the official client, and as plain JSON the way openai 0.28 sends them."""

import json

import httpx2
import openai
import pytest
from openai.types import Completion

from tests.unit.api.shape import exact


def test_whole_and_streamed(echo_client):
    asked = {"model": "gpt-4.0-turbo", "prompt": "鲁迅与周树人的关系。", "max_tokens": 100}
    raw = echo_client.completions.with_raw_response.create(**asked)
    found = exact(Completion, json.loads(raw.content))
    assert found.choices[0].text == asked["prompt"]
    streamed = echo_client.completions.create(**asked, stream=True)
    assert "".join(chunk.choices[0].text for chunk in streamed) == asked["prompt"]


def test_sixteen_tokens_unless_said_otherwise(echo_client):
    found = echo_client.completions.create(model="gpt-4", prompt="one two " * 40)
    assert (found.usage.completion_tokens, found.choices[0].finish_reason) == (16, "length")


def test_many_prompts_and_choices(echo_client):
    found = echo_client.completions.create(model="echo", prompt=["a b", "c d"], n=2, max_tokens=5)
    assert [choice.index for choice in found.choices] == [0, 1, 2, 3]
    assert found.choices[1].text == found.choices[0].text != found.choices[2].text


def test_echo_and_logprobs(echo_client):
    found = echo_client.completions.create(model="echo", prompt="a b", echo=True, logprobs=2, max_tokens=5)
    choice = found.choices[0]
    assert choice.text.startswith("a b")
    assert len(choice.logprobs.tokens) == len(choice.logprobs.text_offset) == len(choice.logprobs.token_logprobs)
    for token, offset in zip(choice.logprobs.tokens, choice.logprobs.text_offset, strict=True):
        assert choice.text[offset : offset + len(token)] == token


def test_usage_in_the_stream(echo_client):
    *_, last = echo_client.completions.create(
        model="gpt-4", prompt="Hi", stream=True, stream_options={"include_usage": True}
    )
    assert (last.choices, last.usage.prompt_tokens > 0) == ([], True)


def test_the_way_the_old_client_sends_it(echo_server):
    headers = {
        "Authorization": f"Bearer {echo_server.key}",
        "Content-Type": "application/json",
        "User-Agent": "OpenAI/v1 PythonBindings/0.28.1",
        "X-OpenAI-Client-User-Agent": "{}",
    }
    body = json.dumps({"model": "gpt-4.0-turbo", "prompt": "Hi", "max_tokens": 100})
    answer = httpx2.post(echo_server.url + "/v1/completions", content=body, headers=headers)
    assert answer.json()["choices"][0]["text"] == "Hi"


def test_token_ids_of_another_model_are_refused(echo_client):
    with pytest.raises(openai.BadRequestError, match="send text instead"):
        echo_client.completions.create(model="gpt-4", prompt=[1, 2, 3])
    assert echo_client.completions.create(model="echo", prompt=[1, 2, 3]).choices[0].text
