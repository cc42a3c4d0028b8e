"""/v1/files over the whole way."""

import openai
import pytest
from openai import OpenAI

from tests.served import Served


def test_round_trip(echo_client: OpenAI) -> None:
    made = echo_client.files.create(file=("文.txt", "你好".encode()), purpose="user_data")
    assert made.filename == "文.txt"
    assert echo_client.files.content(made.id).text == "你好"
    assert [file.id for file in echo_client.files.list()] == [made.id]
    assert echo_client.files.delete(made.id).deleted
    with pytest.raises(openai.NotFoundError):
        echo_client.files.retrieve(made.id)


def test_a_body_larger_than_a_json_body_may_be(echo_client: OpenAI, echo_server: Served) -> None:
    size_bytes = 33 * 1024 * 1024
    made = echo_client.files.create(file=("large.bin", bytes(size_bytes)), purpose="user_data")
    assert made.bytes == size_bytes
    echo_client.files.delete(made.id)
    assert not [path for path in (echo_server.home / "files").rglob("*") if path.is_file()]


def test_a_key_is_needed(echo_server: Served) -> None:
    with (
        OpenAI(base_url=echo_server.url + "/v1", api_key="sk-ow-wrong", max_retries=0) as client,
        pytest.raises(openai.AuthenticationError),
    ):
        client.files.create(file=b"x", purpose="user_data")
