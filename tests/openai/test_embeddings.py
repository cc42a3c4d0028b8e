"""Embeddings through the official client."""

import json

import openai
import pytest
from openai.types import CreateEmbeddingResponse

from tests.unit.api.shape import exact


def test_float_and_base64_are_the_same_vector(echo_client):
    asked = {"model": "text-embedding-3-small", "input": ["Hello", "鲁迅"]}
    by_default = echo_client.embeddings.create(**asked)
    raw = echo_client.embeddings.with_raw_response.create(**asked, encoding_format="float")
    plain = exact(CreateEmbeddingResponse, json.loads(raw.content))
    assert [item.index for item in plain.data] == [0, 1]
    for ours, theirs in zip(by_default.data, plain.data, strict=True):
        assert ours.embedding == pytest.approx(theirs.embedding)
        assert sum(x * x for x in ours.embedding) == pytest.approx(1.0, abs=1e-3)
    assert plain.usage.total_tokens == plain.usage.prompt_tokens > 0
    assert plain.model == "echo"


def test_dimensions(echo_client):
    found = echo_client.embeddings.create(model="echo", input="Hello", dimensions=8)
    assert len(found.data[0].embedding) == 8


def test_many_inputs(echo_client):
    found = echo_client.embeddings.create(model="echo", input=[f"text {n}" for n in range(2048)])
    assert [item.index for item in found.data] == list(range(2048))


def test_token_ids(echo_client):
    assert len(echo_client.embeddings.create(model="echo", input=[[1, 2], [3]]).data) == 2
    with pytest.raises(openai.BadRequestError):
        echo_client.embeddings.create(model="text-embedding-3-small", input=[1, 2])


@pytest.mark.parametrize("given", ["", [], ["a", ""], ["a"] * 2049])
def test_refused_inputs(echo_client, given):
    with pytest.raises(openai.BadRequestError) as caught:
        echo_client.embeddings.create(model="echo", input=given)
    assert caught.value.param.startswith("input")
