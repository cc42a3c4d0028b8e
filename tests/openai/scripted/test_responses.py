"""/v1/responses through the official client, with an engine that says what the test wants."""

import base64
import json
import threading
import time
from collections.abc import Callable
from typing import Any, get_type_hints

import httpx2
import openai
import pytest
from openai.types.responses import Response, ResponseItem, ResponseStreamEvent
from openai.types.responses.input_token_count_params import InputTokenCountParams
from openai.types.responses.input_token_count_response import InputTokenCountResponse
from openai.types.responses.response_create_params import ResponseCreateParamsBase
from pydantic import BaseModel

from omniwatt.api.openai.responses_fields import COUNT, CREATE
from omniwatt.contract.error import ContextTooLong, EngineDied, RateLimited
from omniwatt.contract.event import (
    ChoiceEnd,
    Fact,
    Finished,
    Progress,
    TextDelta,
    TokenLogprob,
    ToolCallDelta,
    Usage,
)
from omniwatt.contract.request import CountBody, Format, MediaPart, Message, TextPart, Tool, ToolCall

USAGE = Usage(prompt_tokens=7, completion_tokens=3, cached_tokens=2)
WEATHER: dict[str, Any] = {
    "type": "function",
    "name": "weather",
    "description": "The weather of a place.",
    "parameters": {"type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]},
    "strict": True,
}
CALL = [
    ToolCallDelta(call=0, id="call_1", name="weather", tokens=2),
    ToolCallDelta(call=0, arguments='{"place":', tokens=2),
    ToolCallDelta(call=0, arguments='"Oslo"}', tokens=2),
    ChoiceEnd("tool_calls"),
    Finished(USAGE),
]


def user(text: str) -> Message:
    return Message("user", (TextPart(text),))


def create(client: openai.OpenAI, **options: Any) -> Response:
    return client.responses.create(**{"model": "gpt-4o", "input": "hi"} | options)


def refusal(client: openai.OpenAI, **options: Any) -> openai.BadRequestError:
    with pytest.raises(openai.BadRequestError) as caught:
        create(client, **options)
    return caught.value


class TestPlain:
    def test_an_answer(self, client: openai.OpenAI, live: Any, exact: Any) -> None:
        answer = create(client)
        exact(Response, answer)
        assert answer.output_text == "Hello there"
        assert (answer.status, answer.model, answer.service_tier) == ("completed", "scripted-1", "default")
        assert answer.id.startswith("resp_")
        assert answer.usage is not None
        assert (answer.usage.input_tokens, answer.usage.output_tokens, answer.usage.total_tokens) == (7, 3, 10)
        assert answer.usage.input_tokens_details.cached_tokens == 2
        assert abs(answer.created_at - time.time()) < 5
        assert live.engine.body.messages == (user("hi"),)
        assert live.engine.seen[-1].capability == "chat"

    def test_rate_limit_headers(self, client: openai.OpenAI) -> None:
        raw = client.responses.with_raw_response.create(model="m", input="hi")
        assert raw.headers["x-ratelimit-remaining-requests"] == "8"

    def test_instructions_come_first(self, client: openai.OpenAI, live: Any) -> None:
        answer = create(client, instructions="Be kind.")
        assert live.engine.body.messages == (Message("system", (TextPart("Be kind."),)), user("hi"))
        assert answer.instructions == "Be kind."

    def test_sampling(self, client: openai.OpenAI, live: Any) -> None:
        answer = create(client, temperature=0.5, top_p=0.9, max_output_tokens=20)
        sampling = live.engine.body.sampling
        assert (sampling.temperature, sampling.top_p, sampling.max_tokens, sampling.logprobs) == (0.5, 0.9, 20, None)
        assert (answer.temperature, answer.top_p, answer.max_output_tokens) == (0.5, 0.9, 20)

    def test_recorded_fields(self, client: openai.OpenAI, live: Any, exact: Any) -> None:
        recorded = {"metadata": {"a": "b"}, "user": "u", "safety_identifier": "s", "prompt_cache_key": "k"}
        answer = exact(Response, create(client, **recorded, service_tier="auto", max_tool_calls=3))
        assert {name: getattr(answer, name) for name in recorded} == recorded
        assert answer.max_tool_calls == 3
        assert live.engine.seen[-1].recorded.items() >= recorded.items()

    @pytest.mark.parametrize(("reason", "why"), [("length", "max_output_tokens"), ("content_filter", "content_filter")])
    def test_incomplete(self, client: openai.OpenAI, live: Any, exact: Any, reason: Any, why: str) -> None:
        live.engine.say = [TextDelta("Half a"), ChoiceEnd(reason), Finished(USAGE)]
        answer = exact(Response, create(client))
        assert answer.status == answer.output[0].status == "incomplete"
        assert answer.incomplete_details.reason == why
        assert client.responses.retrieve(answer.id).status == "incomplete"

    def test_an_empty_answer_is_a_message(self, client: openai.OpenAI, live: Any, exact: Any) -> None:
        live.engine.say = [ChoiceEnd("stop"), Finished(USAGE)]
        answer = exact(Response, create(client))
        assert answer.output_text == ""
        assert answer.output[0].content[0].text == ""

    def test_logprobs(self, client: openai.OpenAI, live: Any, exact: Any) -> None:
        token = TokenLogprob("Hi", -0.1, b"Hi", (TokenLogprob("Hi", -0.1, b"Hi"), TokenLogprob("Yo", -2.5, b"Yo")))
        live.engine.say = [TextDelta("Hi", logprobs=(token,)), ChoiceEnd("stop"), Finished(USAGE)]
        answer = exact(Response, create(client, top_logprobs=2))
        found = answer.output[0].content[0].logprobs[0]
        assert (found.token, found.logprob, found.bytes, len(found.top_logprobs)) == ("Hi", -0.1, [72, 105], 2)
        assert live.engine.body.sampling.logprobs == 2
        create(client, include=["message.output_text.logprobs"])
        assert live.engine.body.sampling.logprobs == 0
        assert create(client).output[0].content[0].logprobs == []  # type: ignore[union-attr]

    def test_formats(self, client: openai.OpenAI, live: Any, exact: Any) -> None:
        schema = {"type": "object", "properties": {"a": {"type": "integer"}}}
        wanted = {"type": "json_schema", "name": "thing", "schema": schema, "strict": True}
        answer = exact(Response, create(client, text={"format": wanted, "verbosity": "medium"}))
        assert live.engine.body.format == Format("json_schema", "thing", schema, strict=True)
        assert answer.text.format.schema_ == schema
        create(client, text={"format": {"type": "json_object"}})
        assert live.engine.body.format == Format("json_object")
        create(client, text={"format": {"type": "text"}})
        assert live.engine.body.format == Format()

    def test_the_sdks_parse_helper(self, client: openai.OpenAI, live: Any) -> None:
        class Person(BaseModel):
            name: str

        live.engine.say = [TextDelta('{"name": "Ada"}'), ChoiceEnd("stop"), Finished(USAGE)]
        answer = client.responses.parse(model="m", input="who", text_format=Person)
        assert answer.output_parsed == Person(name="Ada")
        assert live.engine.body.format.strict

    def test_refusals_and_reasoning_are_items(self, client: openai.OpenAI, live: Any, exact: Any) -> None:
        live.engine.say = [
            TextDelta("Let me think.", tokens=4, kind="reasoning"),
            TextDelta("Well, "),
            TextDelta("I will not.", kind="refusal"),
            ChoiceEnd("stop"),
            Finished(USAGE),
        ]
        answer = exact(Response, create(client))
        thought, message = answer.output
        assert (thought.type, thought.content[0].text) == ("reasoning", "Let me think.")
        assert [part.type for part in message.content] == ["output_text", "refusal"]
        assert message.content[1].refusal == "I will not."
        assert answer.usage.output_tokens_details.reasoning_tokens == 4


class TestInput:
    def test_messages_and_parts(self, client: openai.OpenAI, live: Any) -> None:
        encoded = base64.b64encode(b"\x89PNG").decode()
        picture, paper = f"data:image/png;base64,{encoded}", f"data:application/pdf;base64,{encoded}"
        create(
            client,
            input=[
                {"role": "developer", "content": "Be brief."},
                {"role": "user", "content": [{"type": "input_text", "text": "one"}]},
                {"type": "message", "role": "assistant", "content": "two"},
                {
                    "role": "user",
                    "content": [
                        {"type": "input_text", "text": "see"},
                        {"type": "input_image", "image_url": picture, "detail": "low"},
                        {
                            "type": "input_file",
                            "filename": "a.pdf",
                            "file_data": paper,
                        },
                    ],
                },
            ],
        )
        assert live.engine.body.messages == (
            Message("developer", (TextPart("Be brief."),)),
            user("one"),
            Message("assistant", (TextPart("two"),)),
            Message(
                "user",
                (
                    TextPart("see"),
                    MediaPart(kind="image", data=b"\x89PNG", media_type="image/png", detail="low"),
                    MediaPart(kind="file", data=b"\x89PNG", media_type="application/pdf", name="a.pdf"),
                ),
            ),
        )

    def test_uploaded_files(self, client: openai.OpenAI, bob: openai.OpenAI, live: Any) -> None:
        file = client.files.create(file=("p.png", b"\x89PNG", "image/png"), purpose="vision")
        content = [{"type": "input_image", "file_id": file.id}, {"type": "input_file", "file_id": file.id}]
        create(client, input=[{"role": "user", "content": content}])
        (message,) = live.engine.body.messages
        assert [(part.kind, part.data, part.blob) for part in message.content] == [
            ("image", b"\x89PNG", ""),
            ("file", b"\x89PNG", ""),
        ]
        with pytest.raises(openai.NotFoundError):
            create(bob, input=[{"role": "user", "content": content}])

    @pytest.mark.parametrize(
        ("given", "param"),
        [
            (7, "input"),
            ({}, "input"),
            ([7], "input[0]"),
            ([], "input"),
            ([{"role": "tool", "content": "x"}], "input[0].role"),
            ([{"role": "user"}], "input[0].content"),
            ([{"role": "user", "content": [{"type": "input_text"}]}], "input[0].content[0].text"),
            ([{"role": "user", "content": [{"type": "output_text", "text": "x"}]}], "input[0].content[0].type"),
            ([{"role": "assistant", "content": [{"type": "input_text", "text": "x"}]}], "input[0].content[0].type"),
            ([{"role": "user", "content": "x", "colour": "red"}], "input[0].colour"),
            ([{"role": "user", "content": "x", "phase": "late"}], "input[0].phase"),
            (
                [{"role": "user", "content": [{"type": "input_image", "image_url": "https://e.org/a.png"}]}],
                "input[0].content[0].image_url",
            ),
            (
                [{"role": "user", "content": [{"type": "input_file", "file_url": "https://e.org/a.pdf"}]}],
                "input[0].content[0].file_url",
            ),
            ([{"role": "user", "content": [{"type": "input_file"}]}], "input[0].content[0].file_data"),
            ([{"type": "web_search_call", "id": "ws_1", "status": "completed"}], "input[0].type"),
            ([{"type": 5}], "input[0].type"),
            ([{"type": "function_call", "name": "f", "arguments": "{}"}], "input[0].call_id"),
            ([{"type": "function_call", "call_id": "c", "name": "a b", "arguments": "{}"}], "input[0].name"),
            ([{"type": "function_call", "call_id": "c", "name": "f", "arguments": {}}], "input[0].arguments"),
            ([{"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}], "input"),
            ([{"type": "function_call_output", "call_id": "c", "output": "x"}], "input"),
            ([{"type": "function_call_output", "call_id": "c", "output": 5}], "input[0].output"),
            (
                [{"type": "reasoning", "id": "rs", "summary": [], "encrypted_content": "x"}],
                "input[0].encrypted_content",
            ),
            ([{"type": "reasoning", "id": "rs", "summary": [{"type": "summary_text"}]}], "input[0].summary[0].text"),
            ([{"type": "item_reference"}], "input[0].id"),
            ([{"type": "reasoning", "id": "rs", "summary": []}], "input"),
        ],
    )
    def test_bad_input(self, client: openai.OpenAI, live: Any, given: Any, param: str) -> None:
        assert refusal(client, input=given).param == param
        assert live.engine.seen == []

    def test_reasoning_is_kept_and_not_shown(self, client: openai.OpenAI, live: Any, exact: Any) -> None:
        thought = {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Hm."}]}
        answer = create(client, input=[{"role": "user", "content": "hi"}, thought])
        assert live.engine.body.messages == (user("hi"),)
        items = client.responses.input_items.list(answer.id, order="asc").data
        assert [exact(ResponseItem, item).type for item in items] == ["message", "reasoning"]


class TestTools:
    def test_round_trip_with_items(self, client: openai.OpenAI, live: Any, exact: Any) -> None:
        live.engine.say = CALL
        first = exact(Response, create(client, tools=[WEATHER], input="weather?", store=False))
        (call,) = first.output
        assert (call.type, call.call_id, call.name, call.arguments) == (
            "function_call",
            "call_1",
            "weather",
            '{"place":"Oslo"}',
        )
        assert first.status == call.status == "completed"
        assert live.engine.body.tools == (
            Tool("weather", "The weather of a place.", WEATHER["parameters"], strict=True),
        )
        live.engine.say = [TextDelta("Snow."), ChoiceEnd("stop"), Finished(USAGE)]
        said = [
            {"role": "user", "content": "weather?"},
            *[item.to_dict() for item in first.output],
            {"type": "function_call_output", "call_id": call.call_id, "output": "-3 degrees"},
        ]
        assert create(client, tools=[WEATHER], input=said).output_text == "Snow."
        assert live.engine.body.messages == (
            user("weather?"),
            Message("assistant", tool_calls=(ToolCall("call_1", "weather", '{"place":"Oslo"}'),)),
            Message("tool", (TextPart("-3 degrees"),), tool_call_id="call_1"),
        )

    def test_round_trip_with_previous_response(self, client: openai.OpenAI, live: Any) -> None:
        live.engine.say = [TextDelta("One moment."), *CALL]
        first = create(client, tools=[WEATHER], input="weather?")
        assert refusal(client, previous_response_id=first.id, input="and?").param == "input"
        output = {"type": "function_call_output", "call_id": "call_1", "output": [{"type": "input_text", "text": "-3"}]}
        live.engine.say = [TextDelta("Snow."), ChoiceEnd("stop"), Finished(USAGE)]
        create(client, previous_response_id=first.id, input=[output])
        assert live.engine.body.messages == (
            user("weather?"),
            Message(
                "assistant",
                (TextPart("One moment."),),
                tool_calls=(ToolCall("call_1", "weather", '{"place":"Oslo"}'),),
            ),
            Message("tool", (TextPart("-3"),), tool_call_id="call_1"),
        )

    def test_interleaved_calls(self, client: openai.OpenAI, live: Any, exact: Any) -> None:
        live.engine.say = [
            ToolCallDelta(call=0, id="call_a", name="weather", arguments="{"),
            ToolCallDelta(call=1, id="call_b", name="weather", arguments="{"),
            ToolCallDelta(call=0, arguments="}"),
            ToolCallDelta(call=1, arguments=" }"),
            ChoiceEnd("tool_calls"),
            Finished(USAGE),
        ]
        answer = exact(Response, create(client, tools=[WEATHER]))
        assert [(item.call_id, item.arguments) for item in answer.output] == [("call_a", "{}"), ("call_b", "{ }")]

    @pytest.mark.parametrize(
        ("choice", "expected"),
        [
            ("auto", "auto"),
            ("none", "none"),
            ("required", "required"),
            ({"type": "function", "name": "weather"}, "function:weather"),
        ],
    )
    def test_choices(self, client: openai.OpenAI, live: Any, exact: Any, choice: Any, expected: str) -> None:
        answer = create(client, tools=[WEATHER], tool_choice=choice, parallel_tool_calls=False)
        exact(Response, answer)
        assert live.engine.body.tool_choice == expected
        assert live.engine.body.parallel_tool_calls is answer.parallel_tool_calls is False

    def test_allowed_tools(self, client: openai.OpenAI, live: Any, exact: Any) -> None:
        other = WEATHER | {"name": "time"}
        choice = {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "time"}]}
        answer = exact(Response, create(client, tools=[WEATHER, other], tool_choice=choice))
        assert [tool.name for tool in live.engine.body.tools] == ["time"]
        assert live.engine.body.tool_choice == "required"
        assert [tool.name for tool in answer.tools] == ["weather", "time"]

    @pytest.mark.parametrize(
        ("options", "param"),
        [
            ({"tools": [{"type": "web_search"}]}, "tools[0].type"),
            ({"tools": [{"type": "code_interpreter", "container": {"type": "auto"}}]}, "tools[0].type"),
            ({"tools": [{"type": "custom", "name": "x"}]}, "tools[0].type"),
            ({"tools": [{"type": "mcp", "server_label": "x"}]}, "tools[0].type"),
            ({"tools": [{"type": "function", "function": {"name": "x"}}]}, "tools[0].function"),
            ({"tools": [{"type": "function"}]}, "tools[0].name"),
            ({"tools": [7]}, "tools[0]"),
            ({"tools": {}}, "tools"),
            ({"tools": [WEATHER] * 2}, "tools"),
            ({"tools": [WEATHER | {"name": f"f{n}"} for n in range(129)]}, "tools"),
            ({"tools": [WEATHER | {"defer_loading": True}]}, "tools[0].defer_loading"),
            ({"tools": [WEATHER | {"allowed_callers": ["programmatic"]}]}, "tools[0].allowed_callers"),
            ({"tool_choice": "required"}, "tool_choice"),
            ({"tool_choice": "perhaps", "tools": [WEATHER]}, "tool_choice"),
            ({"tool_choice": {"type": "function", "name": "x"}, "tools": [WEATHER]}, "tool_choice.name"),
            ({"tool_choice": {"type": "file_search"}, "tools": [WEATHER]}, "tool_choice.type"),
            ({"tool_choice": {"type": "allowed_tools", "mode": "auto"}, "tools": [WEATHER]}, "tool_choice.tools"),
        ],
    )
    def test_bad_tools(self, client: openai.OpenAI, options: dict[str, Any], param: str) -> None:
        assert refusal(client, **options).param == param


class TestStored:
    def test_a_conversation(self, client: openai.OpenAI, live: Any) -> None:
        first = create(client, input="one", instructions="Be kind.")
        second = create(client, input="two", previous_response_id=first.id)
        third = create(client, input="three", previous_response_id=second.id, instructions="Be brief.")
        said = Message("assistant", (TextPart("Hello there"),))
        assert live.engine.body.messages == (
            Message("system", (TextPart("Be brief."),)),
            user("one"),
            said,
            user("two"),
            said,
            user("three"),
        )
        assert third.previous_response_id == second.id
        create(client, input="other", previous_response_id=first.id)
        assert live.engine.body.messages == (user("one"), said, user("other"))

    def test_previous_alone_is_enough(self, client: openai.OpenAI, live: Any) -> None:
        first = create(client, input="one")
        client.responses.create(model="m", previous_response_id=first.id)
        assert [message.role for message in live.engine.body.messages] == ["user", "assistant"]

    def test_get_and_delete(self, client: openai.OpenAI, live: Any, exact: Any) -> None:
        made = create(client, metadata={"a": "b"})
        assert exact(Response, client.responses.retrieve(made.id)).to_dict() == made.to_dict()
        client.responses.delete(made.id)
        calls: list[Callable[[str], Any]] = [
            client.responses.retrieve,
            client.responses.delete,
            client.responses.cancel,
            client.responses.input_items.list,
        ]
        for call in calls:
            with pytest.raises(openai.NotFoundError):
                call(made.id)
        assert refusal(client, previous_response_id=made.id).code == "previous_response_not_found"

    def test_another_project_sees_nothing(self, client: openai.OpenAI, bob: openai.OpenAI, live: Any) -> None:
        made = create(client)
        calls: list[Callable[[str], Any]] = [
            bob.responses.retrieve,
            bob.responses.delete,
            bob.responses.cancel,
            bob.responses.input_items.list,
        ]
        for call in calls:
            with pytest.raises(openai.NotFoundError):
                call(made.id)
        error = refusal(bob, previous_response_id=made.id)
        assert (error.code, error.param) == ("previous_response_not_found", "previous_response_id")
        with live.client("sk-al") as colleague:
            assert colleague.responses.retrieve(made.id).id == made.id

    def test_store_false(self, client: openai.OpenAI) -> None:
        made = create(client, store=False)
        with pytest.raises(openai.NotFoundError):
            client.responses.retrieve(made.id)

    def test_the_operator_forbids_it(self, client: openai.OpenAI, live: Any) -> None:
        live.settings(responses=False)
        assert refusal(client, store=True).param == "store"
        made = create(client)
        with pytest.raises(openai.NotFoundError):
            client.responses.retrieve(made.id)

    def test_item_references(self, client: openai.OpenAI, bob: openai.OpenAI, live: Any) -> None:
        live.engine.say = CALL
        first = create(client, tools=[WEATHER], input="weather?")
        output = {"type": "function_call_output", "call_id": "call_1", "output": "-3"}
        again = [{"type": "item_reference", "id": first.output[0].id}, output]
        create(client, input=again)
        assert [message.role for message in live.engine.body.messages] == ["assistant", "tool"]
        with pytest.raises(openai.NotFoundError):
            create(bob, input=again)

    def test_input_items(self, client: openai.OpenAI, exact: Any) -> None:
        texts = [f"line {n}" for n in range(5)]
        made = create(client, input=[{"role": "user", "content": text} for text in texts])

        def lines(**options: Any) -> list[str]:
            page = client.responses.input_items.list(made.id, **options)
            return [exact(ResponseItem, item).content[0].text for item in page.data]

        assert lines() == texts[::-1]
        assert lines(order="asc") == texts
        assert lines(limit=2) == ["line 4", "line 3"]
        walked = [item.content[0].text for item in client.responses.input_items.list(made.id, limit=2, order="asc")]  # type: ignore[union-attr]
        assert walked == texts
        assert lines(include=["message.input_image.image_url"], limit=1) == ["line 4"]
        for bad in ({"limit": 101}, {"limit": 0}, {"order": "up"}, {"after": "msg_none"}):
            with pytest.raises(openai.BadRequestError):
                lines(**bad)

    def test_every_kind_of_item_comes_back(self, client: openai.OpenAI, exact: Any) -> None:
        given = [
            {"role": "system", "content": "s"},
            {"role": "user", "content": "u"},
            {"role": "assistant", "content": "a", "phase": "commentary"},
            {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c", "output": "o"},
        ]
        made = create(client, input=given)
        items = [exact(ResponseItem, item) for item in client.responses.input_items.list(made.id, order="asc")]
        assert [item.type for item in items] == ["message"] * 3 + ["function_call", "function_call_output"]
        assert len({item.id for item in items}) == 5

    def test_what_is_not_background_cannot_be_cancelled_or_replayed(self, client: openai.OpenAI) -> None:
        made = create(client)
        with pytest.raises(openai.BadRequestError, match="synchronous"):
            client.responses.cancel(made.id)
        with pytest.raises(openai.BadRequestError) as caught:
            client.responses.retrieve(made.id, stream=True)
        assert caught.value.param == "stream"

    def test_compaction_is_refused(self, client: openai.OpenAI) -> None:
        with pytest.raises(openai.BadRequestError):
            client.responses.compact(model="gpt-4o", input="x")


def events(client: openai.OpenAI, **options: Any) -> list[Any]:
    with client.responses.create(**{"model": "m", "input": "hi", "stream": True} | options) as stream:
        return list(stream)


class TestStream:
    def test_text(self, client: openai.OpenAI, exact: Any) -> None:
        found = [exact(ResponseStreamEvent, event) for event in events(client)]
        assert [event.type for event in found] == [
            "response.created",
            "response.in_progress",
            "response.output_item.added",
            "response.content_part.added",
            "response.output_text.delta",
            "response.output_text.delta",
            "response.output_text.done",
            "response.content_part.done",
            "response.output_item.done",
            "response.completed",
        ]
        assert [event.sequence_number for event in found] == list(range(10))
        created, added, part, delta = found[0], found[2], found[3], found[4]
        assert (created.response.status, created.response.output, created.response.usage) == ("in_progress", [], None)
        assert (added.item.status, added.item.content, part.part.text) == ("in_progress", [], "")
        assert (delta.delta, delta.output_index, delta.content_index) == ("Hello", 0, 0)
        assert found[6].text == found[7].part.text == found[8].item.content[0].text == "Hello there"
        assert {event.item_id for event in found[3:8]} == {added.item.id}
        assert found[8].item.status == "completed"
        last = found[-1].response
        assert (last.status, last.output_text, last.usage.total_tokens) == ("completed", "Hello there", 10)
        assert client.responses.retrieve(last.id).to_dict() == events_response(found)

    def test_each_event_is_named(self, live: Any) -> None:
        answer = httpx2.post(
            f"{live.url}/v1/responses",
            json={"model": "m", "input": "hi", "stream": True},
            headers={"authorization": "Bearer sk-ann"},
        )
        assert answer.headers["content-type"].startswith("text/event-stream")
        blocks = [block.split("\n") for block in answer.text.strip().split("\n\n")]
        for name, data in blocks:
            assert json.loads(data.removeprefix("data: "))["type"] == name.removeprefix("event: ")

    def test_tool_calls(self, client: openai.OpenAI, live: Any, exact: Any) -> None:
        live.engine.say = [TextDelta("Wait."), *CALL]
        found = [exact(ResponseStreamEvent, event) for event in events(client, tools=[WEATHER])]
        assert [event.type for event in found[6:]] == [
            "response.content_part.done",
            "response.output_item.done",
            "response.output_item.added",
            "response.function_call_arguments.delta",
            "response.function_call_arguments.delta",
            "response.function_call_arguments.done",
            "response.output_item.done",
            "response.completed",
        ]
        added, done = found[8], found[12]
        assert (added.output_index, added.item.name, added.item.arguments) == (1, "weather", "")
        assert done.item.arguments == found[11].arguments == '{"place":"Oslo"}'
        assert [item.type for item in found[-1].response.output] == ["message", "function_call"]

    def test_other_kinds_of_text(self, client: openai.OpenAI, live: Any, exact: Any) -> None:
        live.engine.say = [
            Progress(1, 2),
            TextDelta("Hm.", kind="reasoning"),
            TextDelta("", tokens=1),
            TextDelta("No.", kind="refusal"),
            ChoiceEnd("stop"),
            Finished(USAGE),
        ]
        found = [exact(ResponseStreamEvent, event) for event in events(client)]
        assert [event.type.removeprefix("response.") for event in found[2:-1]] == [
            "output_item.added",
            "content_part.added",
            "reasoning_text.delta",
            "reasoning_text.done",
            "content_part.done",
            "output_item.done",
            "output_item.added",
            "content_part.added",
            "refusal.delta",
            "refusal.done",
            "content_part.done",
            "output_item.done",
        ]

    def test_logprobs(self, client: openai.OpenAI, live: Any, exact: Any) -> None:
        token = TokenLogprob("Hi", -0.1, b"Hi", (TokenLogprob("Hi", -0.1, b"Hi"),))
        live.engine.say = [TextDelta("Hi", logprobs=(token,)), ChoiceEnd("stop"), Finished(USAGE)]
        found = [exact(ResponseStreamEvent, event) for event in events(client, top_logprobs=1)]
        assert found[4].logprobs[0].top_logprobs[0].token == "Hi"
        assert found[5].logprobs[0].logprob == -0.1
        assert found[6].part.logprobs[0].bytes == [72, 105]
        assert events(client)[4].logprobs == []

    def test_incomplete(self, client: openai.OpenAI, live: Any, exact: Any) -> None:
        live.engine.say = [TextDelta("Half"), ChoiceEnd("length"), Finished(USAGE)]
        found = [exact(ResponseStreamEvent, event) for event in events(client)]
        assert found[-1].type == "response.incomplete"
        assert found[-1].response.incomplete_details.reason == "max_output_tokens"
        assert found[-2].item.status == found[-1].response.output[0].status == "incomplete"

    def test_padding(self, client: openai.OpenAI) -> None:
        found = events(client, stream_options={"include_obfuscation": True})
        deltas = [event for event in found if event.type == "response.output_text.delta"]
        assert [len(event.delta) + len(event.obfuscation) for event in deltas] == [32, 32]
        assert not any("obfuscation" in event.to_dict() for event in events(client))

    def test_the_sdks_stream_helper(self, client: openai.OpenAI, live: Any) -> None:
        live.engine.say = [TextDelta("Wait."), *CALL]
        with client.responses.stream(model="m", input="hi", tools=[WEATHER]) as stream:  # type: ignore[list-item]
            seen = [event.type for event in stream]
            final = stream.get_final_response()
        assert seen[-1] == "response.completed"
        assert (final.output_text, final.output[1].arguments) == ("Wait.", '{"place":"Oslo"}')  # type: ignore[union-attr]

    async def test_the_async_client(self, live: Any) -> None:
        async with openai.AsyncOpenAI(api_key="sk-ann", base_url=f"{live.url}/v1", max_retries=0) as client:
            text = ""
            async for event in await client.responses.create(model="m", input="hi", stream=True):
                if event.type == "response.output_text.delta":
                    text += event.delta
            assert text == "Hello there"
            answer = await client.responses.create(model="m", input="hi")
            assert (await client.responses.retrieve(answer.id)).output_text == "Hello there"

    def test_an_error_before_the_first_event_is_an_http_error(self, client: openai.OpenAI, live: Any) -> None:
        live.engine.say = [RateLimited("slow down")]
        with pytest.raises(openai.RateLimitError):
            events(client)

    def test_an_error_in_the_stream(self, client: openai.OpenAI, live: Any, exact: Any) -> None:
        live.engine.say = [TextDelta("Half"), EngineDied("the engine died")]
        seen = []

        def watch() -> None:
            with client.responses.create(model="m", input="hi", stream=True) as stream:
                seen.extend(exact(ResponseStreamEvent, event) for event in stream)

        with pytest.raises(openai.APIError, match="the engine died"):
            watch()
        failed = seen[-1]
        assert (failed.type, failed.response.status) == ("response.failed", "failed")
        assert (failed.response.error.code, failed.response.error.message) == ("server_error", "the engine died")
        assert failed.response.output[0].content[0].text == "Half"
        assert failed.response.output[0].status == "incomplete"
        with pytest.raises(openai.NotFoundError):
            client.responses.retrieve(failed.response.id)

    def test_a_defect_in_the_stream_tells_nothing_of_the_inside(self, client: openai.OpenAI, live: Any) -> None:
        live.engine.say = [TextDelta("Half"), ZeroDivisionError("private words")]
        with pytest.raises(openai.APIError) as caught:
            events(client)
        assert "private words" not in str(caught.value)

    def test_a_client_that_leaves(self, client: openai.OpenAI, live: Any) -> None:
        live.engine.say = [TextDelta("Half"), TextDelta("more"), ChoiceEnd("stop"), Finished(USAGE)]
        live.engine.gate = threading.Event()
        stream = client.responses.create(model="m", input="hi", stream=True)
        response_id = next(iter(stream)).response.id  # type: ignore[union-attr]
        stream.close()
        live.engine.gate.set()
        deadline = time.monotonic() + 5
        while not live.engine.closed and time.monotonic() < deadline:
            time.sleep(0.01)
        assert live.engine.closed == 1
        with pytest.raises(openai.NotFoundError):
            client.responses.retrieve(response_id)


def events_response(found: list[Any]) -> Any:
    return found[-1].response.to_dict(mode="json")


class TestFields:
    def test_every_field_of_the_sdk_is_in_the_table(self) -> None:
        assert set(get_type_hints(ResponseCreateParamsBase)) | {"stream"} == set(CREATE.fields)
        assert set(get_type_hints(InputTokenCountParams)) == set(COUNT.fields)

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("background", True),
            ("conversation", "conv_1"),
            ("prompt", {"id": "pmpt_1"}),
            ("truncation", "auto"),
            ("moderation", {"model": "x"}),
            ("context_management", [{"type": "compaction"}]),
            ("access_programs", {"cyber": "standard"}),
            ("background_options", {"completion_window": "soonest"}),
            ("image", {"context_compression": "auto"}),
            ("prompt_cache_retention", "24h"),
            ("prompt_cache_options", {"mode": "explicit"}),
            ("max_output_tokens", 0),
            ("max_output_tokens", "x"),
            ("temperature", 2.1),
            ("top_p", -0.1),
            ("top_logprobs", 21),
            ("metadata", {str(n): "x" for n in range(17)}),
            ("metadata", {"a" * 65: "x"}),
            ("service_tier", "golden"),
            ("store", "yes"),
            ("parallel_tool_calls", 1),
            ("instructions", 5),
            ("previous_response_id", ""),
            ("include", "x"),
            ("text", 5),
            ("tools", "x"),
            ("user", 5),
            ("stream_options", {"include_obfuscation": True}),
        ],
    )
    def test_refused_values(self, client: openai.OpenAI, live: Any, field: str, value: Any) -> None:
        assert refusal(client, **{field: value}).param == field
        assert live.engine.seen == []

    @pytest.mark.parametrize(
        ("options", "param"),
        [
            ({"include": ["x"]}, "include[0]"),
            ({"reasoning": {"effort": "high"}}, "reasoning.effort"),
            ({"reasoning": {"colour": "red"}}, "reasoning"),
            ({"text": {"verbosity": "low"}}, "text.verbosity"),
            ({"text": {"verbosity": "loud"}}, "text.verbosity"),
            ({"text": {"format": {"type": "xml"}}}, "text.format.type"),
            ({"text": {"format": {"type": "json_schema", "schema": {}}}}, "text.format.name"),
            ({"text": {"format": {"type": "json_schema", "name": "x", "schema": 5}}}, "text.format.schema"),
            ({"stream": True, "stream_options": {"include_usage": True}}, "stream_options"),
            ({"extra_body": {"colour": "red"}}, "colour"),
        ],
    )
    def test_refused_inside(self, client: openai.OpenAI, options: dict[str, Any], param: str) -> None:
        assert refusal(client, **options).param == param

    def test_neutral_values(self, client: openai.OpenAI, exact: Any) -> None:
        answer = create(
            client,
            background=False,
            truncation="disabled",
            reasoning={"effort": "none", "summary": "auto"},
            text={"verbosity": "medium"},
            include=["reasoning.encrypted_content"],
            tools=[],
            tool_choice="auto",
        )
        assert exact(Response, answer).reasoning.effort == "none"

    def test_unknown_fields_may_be_warned_of(self, client: openai.OpenAI, live: Any) -> None:
        live.settings(unknown_fields="warn")
        raw = client.responses.with_raw_response.create(
            model="m",
            input=[{"role": "user", "content": "hi", "mood": "gay"}],
            extra_body={"colour": "red"},  # type: ignore[list-item]
        )
        assert raw.headers["x-omniwatt-ignored-fields"] == "colour, input[0].mood"

    def test_missing_fields(self, client: openai.OpenAI) -> None:
        for options, param in (({"input": "x"}, "model"), ({"model": "m"}, "input")):
            with pytest.raises(openai.BadRequestError) as caught:
                client.responses.create(**options)  # type: ignore[call-overload]
            assert (caught.value.param, caught.value.code) == (param, "missing_required_parameter")

    @pytest.mark.parametrize("stream", [False, True])
    def test_errors_of_the_way_name_this_routes_fields(self, client: openai.OpenAI, live: Any, stream: bool) -> None:
        live.engine.say = [ContextTooLong.of(9000, 100, 4096)]
        error = refusal(client, stream=stream)
        assert (error.code, error.param) == ("context_length_exceeded", "input")


class TestTokenCount:
    def test_count(self, client: openai.OpenAI, live: Any, exact: Any) -> None:
        live.engine.say = [Fact({"tokens": 42}), Finished(Usage())]
        answer = client.responses.input_tokens.count(
            model="m",
            input="hi",
            instructions="Be kind.",
            tools=[WEATHER],  # type: ignore[list-item]
        )
        assert exact(InputTokenCountResponse, answer).input_tokens == 42
        request = live.engine.seen[-1]
        assert request.capability == "count"
        assert request.body == CountBody(
            (Message("system", (TextPart("Be kind."),)), user("hi")),
            (Tool("weather", "The weather of a place.", WEATHER["parameters"], strict=True),),
        )

    def test_with_what_was_said_before(self, client: openai.OpenAI, live: Any) -> None:
        first = create(client)
        live.engine.say = [Fact({"tokens": 42}), Finished(Usage())]
        client.responses.input_tokens.count(model="m", previous_response_id=first.id, input="more")
        assert len(live.engine.seen[-1].body.messages) == 3

    def test_refusals(self, client: openai.OpenAI) -> None:
        for options, param in (
            ({"input": "x"}, "model"),
            ({"model": "m"}, "input"),
            ({"model": "m", "input": "x", "conversation": "c"}, "conversation"),
            ({"model": "m", "input": "x", "truncation": "auto"}, "truncation"),
        ):
            with pytest.raises(openai.BadRequestError) as caught:
                client.responses.input_tokens.count(**options)
            assert caught.value.param == param
