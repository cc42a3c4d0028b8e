"""/v1/responses over the whole way: the echo engine for shapes, the fast model for what it makes of them."""

import contextlib
import json
import time
from typing import Any

import openai
import pytest
from openai import OpenAI

from omniwatt.auth import Keys
from omniwatt.database import Database
from tests.served import Served

WEATHER: dict[str, Any] = {
    "type": "function",
    "name": "get_weather",
    "description": "The weather of a city.",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": False,
    },
    "strict": True,
}


def test_an_answer_and_its_conversation(echo_client: OpenAI) -> None:
    first = echo_client.responses.create(model="gpt-4o", input="one two three")
    assert first.output_text == "one two three"
    assert first.model == "echo"
    second = echo_client.responses.create(model="gpt-4o", input="four", previous_response_id=first.id)
    assert second.output_text == "four"
    assert second.usage is not None
    assert first.usage is not None
    assert second.usage.input_tokens > first.usage.input_tokens, "the first turn is part of the second prompt"
    assert echo_client.responses.retrieve(second.id).output_text == "four"


def test_a_stream_says_what_the_whole_answer_says(echo_client: OpenAI) -> None:
    with echo_client.responses.stream(model="gpt-4o", input="one two three") as stream:
        text = "".join(event.delta for event in stream if event.type == "response.output_text.delta")
        assert text == stream.get_final_response().output_text == "one two three"


def test_tokens_are_counted_as_they_are_billed(echo_client: OpenAI) -> None:
    asked: dict[str, Any] = {"model": "gpt-4o", "input": "one two three", "instructions": "Be kind."}
    counted = echo_client.responses.input_tokens.count(**asked).input_tokens
    answer = echo_client.responses.create(**asked)
    assert answer.usage is not None
    assert counted == answer.usage.input_tokens


def test_responses_go_with_their_key(echo_server: Served) -> None:
    with Database(echo_server.home / "omniwatt.db") as database, contextlib.ExitStack() as stack:
        keys = Keys(database, echo_server.home)
        made = [keys.create(name, project="pair") for name in ("short-lived", "colleague")]
        one, two = [
            stack.enter_context(OpenAI(base_url=echo_server.url + "/v1", api_key=key, max_retries=0)) for key, _ in made
        ]
        until_known(two)
        answer = one.responses.create(model="gpt-4o", input="x")
        assert two.responses.retrieve(answer.id).id == answer.id
        keys.delete(made[0][1].id)
        with pytest.raises(openai.NotFoundError):
            two.responses.retrieve(answer.id)


def until_known(client: OpenAI) -> None:
    """A key made by another process counts within a second."""
    deadline = time.monotonic() + 5
    while True:
        try:
            client.models.list()
            return
        except openai.AuthenticationError:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_an_unknown_model(echo_client: OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        echo_client.responses.create(model="nobody", input="x")
    assert caught.value.code == "model_not_found"


@pytest.mark.model
@pytest.mark.parametrize("stream", [False, True])
def test_a_picture_is_refused_by_a_model_that_cannot_see(fast_client: OpenAI, stream: bool) -> None:
    picture = {"type": "input_image", "image_url": "data:image/png;base64,iVBORw0KGgo=", "detail": "auto"}
    with pytest.raises(openai.BadRequestError) as caught:
        fast_client.responses.create(
            model="gpt-4o",
            input=[{"role": "user", "content": [picture]}],  # type: ignore[list-item, misc]
            stream=stream,
        )
    assert caught.value.param == "input"


@pytest.mark.model
def test_the_fast_model_calls_a_tool_and_reads_its_answer(fast_client: OpenAI) -> None:
    first = fast_client.responses.create(
        model="gpt-4o",
        input="How is the weather in Oslo?",
        tools=[WEATHER],
        tool_choice="required",  # type: ignore[list-item]
    )
    call = first.output[-1]
    assert call.type == "function_call"
    assert call.name == "get_weather"
    assert isinstance(json.loads(call.arguments)["city"], str)
    second = fast_client.responses.create(
        model="gpt-4o",
        previous_response_id=first.id,
        input=[{"type": "function_call_output", "call_id": call.call_id, "output": "Snow, -3 degrees."}],
        tools=[WEATHER],  # type: ignore[list-item]
        tool_choice="none",
        max_output_tokens=30,
    )
    assert second.output_text


@pytest.mark.model
def test_the_fast_model_keeps_to_a_schema(fast_client: OpenAI) -> None:
    schema = {
        "type": "object",
        "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
        "required": ["name", "age"],
        "additionalProperties": False,
    }
    answer = fast_client.responses.create(
        model="gpt-4o",
        input="Ada is 36 years old. Answer as JSON with name and age.",
        text={"format": {"type": "json_schema", "name": "person", "schema": schema, "strict": True}},
    )
    found = json.loads(answer.output_text)
    assert isinstance(found["name"], str)
    assert isinstance(found["age"], int)


@pytest.mark.model
def test_the_fast_model_stops_at_the_limit(fast_client: OpenAI) -> None:
    answer = fast_client.responses.create(model="gpt-4o", input="Count from 1 to 100.", max_output_tokens=5)
    assert answer.status == "incomplete"
    assert answer.incomplete_details is not None
    assert answer.incomplete_details.reason == "max_output_tokens"
    assert answer.usage is not None
    assert answer.usage.output_tokens == 5
