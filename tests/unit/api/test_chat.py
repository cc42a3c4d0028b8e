"""Chat completions: what reaches the pipeline, and the shape of what comes back."""

import json

import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from omniwatt.contract.event import ChoiceEnd, Finished, TextDelta, TokenLogprob, ToolCallDelta, Usage
from omniwatt.contract.request import Format, Sampling
from tests.unit.api.asgi import STARTED, USAGE
from tests.unit.api.shape import exact

TOOLS = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}]
FUNCTIONS = [TOOLS[0]["function"]]
CALLS = (
    STARTED,
    TextDelta("", tokens=1),
    ToolCallDelta(call=0, id="call_1", name="weather"),
    ToolCallDelta(call=0, arguments='{"city":'),
    ToolCallDelta(call=0, arguments='"Rome"}'),
    ToolCallDelta(call=1, id="call_2", name="weather", arguments="{}"),
    ChoiceEnd("tool_calls"),
    Finished(usage=USAGE, model="some-chat"),
)
LOGPROB = TokenLogprob("Hi", -0.5, b"Hi", (TokenLogprob("Hi", -0.5, b"Hi"), TokenLogprob("Ho", -1.5, b"Ho")))


def chunks_of(answer):
    assert answer.status == 200
    assert answer.body.endswith(b"data: [DONE]\n\n")
    return [exact(ChatCompletionChunk, chunk) for chunk in answer.data()]


async def test_a_whole_answer(client, pipeline):
    answer = await client.chat()
    found = exact(ChatCompletion, answer.json())
    assert found.model == "some-chat"
    assert found.choices[0].message.content == "Hello"
    assert found.choices[0].finish_reason == "stop"
    assert found.usage.total_tokens == 7
    assert found.usage.prompt_tokens_details.cached_tokens == 1
    assert found.service_tier == "default"
    assert found.id.startswith("chatcmpl-")
    assert found.system_fingerprint.startswith("fp_")
    assert pipeline.requests[-1].capability == "chat"


async def test_a_stream_for_the_plainest_loop(client):
    chunks = chunks_of(await client.chat(stream=True))
    assert "".join(chunk.choices[0].delta.content for chunk in chunks) == "Hello"
    assert all(chunk.choices[0].delta.content is not None for chunk in chunks)
    assert chunks[0].choices[0].delta.role == "assistant"
    assert [chunk.choices[0].finish_reason for chunk in chunks] == [None, None, None, "stop"]
    assert len({(chunk.id, chunk.created, chunk.model) for chunk in chunks}) == 1
    assert all("usage" not in chunk.model_fields_set for chunk in chunks)


async def test_usage_comes_in_a_chunk_of_its_own(client):
    chunks = chunks_of(await client.chat(stream=True, stream_options={"include_usage": True}))
    assert all(chunk.usage is None and "usage" in chunk.model_fields_set for chunk in chunks[:-1])
    assert chunks[-1].choices == []
    assert chunks[-1].usage.completion_tokens == 2


async def test_energy_is_added_where_it_was_measured(client, pipeline):
    energy = {"energy_joules": 4.9, "method": "estimated"}
    pipeline.events = (STARTED, TextDelta("Hi"), ChoiceEnd("stop"), Finished(usage=Usage(energy=energy)))
    assert exact(ChatCompletion, (await client.chat()).json()).usage.energy == energy
    with_usage = chunks_of(await client.chat(stream=True, stream_options={"include_usage": True}))
    assert with_usage[-1].usage.energy == energy
    plain = await client.chat(stream=True)
    assert b': {"energy":' in plain.body
    assert all(chunk.choices for chunk in chunks_of(plain))


async def test_obfuscation_pads(client):
    options = {"include_obfuscation": True}
    chunks = chunks_of(await client.chat(stream=True, stream_options=options))
    assert {len(c.choices[0].delta.content + c.obfuscation) for c in chunks} <= {0, 32}
    assert chunks_of(await client.chat(stream=True))[1].obfuscation is None


async def test_tool_calls(client, pipeline):
    pipeline.events = CALLS
    choice = exact(ChatCompletion, (await client.chat(tools=TOOLS)).json()).choices[0]
    assert choice.finish_reason == "tool_calls"
    assert choice.message.content is None
    assert [(call.id, call.function.arguments) for call in choice.message.tool_calls] == [
        ("call_1", '{"city":"Rome"}'),
        ("call_2", "{}"),
    ]
    deltas = [
        call
        for chunk in chunks_of(await client.chat(tools=TOOLS, stream=True))
        for call in chunk.choices[0].delta.tool_calls or []
    ]
    assert [(d.index, d.id, d.type, d.function.name, d.function.arguments) for d in deltas] == [
        (0, "call_1", "function", "weather", ""),
        (0, None, None, None, '{"city":'),
        (0, None, None, None, '"Rome"}'),
        (1, "call_2", "function", "weather", "{}"),
    ]


async def test_deprecated_functions_are_answered_in_their_own_shape(client, pipeline):
    pipeline.events = CALLS[:5] + CALLS[6:]
    choice = exact(ChatCompletion, (await client.chat(functions=FUNCTIONS)).json()).choices[0]
    assert choice.finish_reason == "function_call"
    assert choice.message.function_call.arguments == '{"city":"Rome"}'
    assert choice.message.tool_calls is None
    chunks = chunks_of(await client.chat(functions=FUNCTIONS, function_call={"name": "weather"}, stream=True))
    said = [c.choices[0].delta.function_call for c in chunks if c.choices[0].delta.function_call]
    assert said[0].name == "weather"
    assert "".join(piece.arguments for piece in said) == '{"city":"Rome"}'
    assert chunks[-1].choices[0].finish_reason == "function_call"
    body = pipeline.requests[-1].body
    assert (body.tool_choice, body.parallel_tool_calls, body.tools[0].name) == ("function:weather", False, "weather")


async def test_several_choices(client, pipeline):
    pipeline.events = (
        STARTED,
        TextDelta("a", index=1),
        TextDelta("b", index=0),
        ChoiceEnd("length", index=1),
        ChoiceEnd("stop", index=0),
        Finished(usage=USAGE),
    )
    choices = exact(ChatCompletion, (await client.chat(n=2)).json()).choices
    assert [(c.index, c.message.content, c.finish_reason) for c in choices] == [(0, "b", "stop"), (1, "a", "length")]
    chunks = chunks_of(await client.chat(n=2, stream=True))
    assert [c.choices[0].index for c in chunks] == [0, 1, 1, 0, 1, 0]


async def test_logprobs(client, pipeline):
    pipeline.events = (STARTED, TextDelta("Hi", logprobs=(LOGPROB,)), ChoiceEnd("stop"), Finished(usage=USAGE))
    choice = exact(ChatCompletion, (await client.chat(logprobs=True, top_logprobs=2)).json()).choices[0]
    assert choice.logprobs.content[0].bytes == [72, 105]
    assert [top.token for top in choice.logprobs.content[0].top_logprobs] == ["Hi", "Ho"]
    chunks = chunks_of(await client.chat(logprobs=True, stream=True))
    assert chunks[1].choices[0].logprobs.content[0].logprob == -0.5
    assert pipeline.requests[-1].body.sampling.logprobs == 0


async def test_an_impossible_token_has_a_number(client, pipeline):
    never = TokenLogprob("x", float("-inf"), b"x")
    pipeline.events = (STARTED, TextDelta("x", logprobs=(never,)), ChoiceEnd("stop"), Finished(usage=USAGE))
    choice = exact(ChatCompletion, (await client.chat(logprobs=True)).json()).choices[0]
    assert choice.logprobs.content[0].logprob == -9999.0


async def test_refusals_and_reasoning(client, pipeline):
    pipeline.events = (
        STARTED,
        TextDelta("hm", kind="reasoning"),
        TextDelta("No.", kind="refusal"),
        ChoiceEnd("stop"),
        Finished(usage=USAGE),
    )
    message = exact(ChatCompletion, (await client.chat()).json()).choices[0].message
    assert (message.content, message.refusal, message.reasoning_content) == (None, "No.", "hm")
    chunks = chunks_of(await client.chat(stream=True))
    assert [c.choices[0].delta.refusal for c in chunks] == [None, None, "No.", None]


async def test_all_that_is_honoured_reaches_the_engine(client, pipeline):
    answer = await client.chat(
        max_completion_tokens=7,
        temperature=0,
        top_p=0.5,
        seed=-3,
        stop=["a", "b"],
        frequency_penalty=1,
        presence_penalty=-2,
        logit_bias={"5": -100},
        n=2,
        logprobs=True,
        top_logprobs=20,
        tools=TOOLS,
        tool_choice="required",
        parallel_tool_calls=False,
        response_format={"type": "json_object"},
        user="u",
        metadata={"a": "b"},
        safety_identifier="s",
        prompt_cache_key="k",
        service_tier="priority",
        store=False,
        modalities=["text"],
        reasoning_effort="none",
        verbosity="medium",
        prediction=None,
    )
    assert answer.status == 200
    request = pipeline.requests[-1]
    assert request.model == "gpt-4"
    assert request.body.sampling == Sampling(
        max_tokens=7,
        temperature=0.0,
        top_p=0.5,
        frequency_penalty=1.0,
        presence_penalty=-2.0,
        seed=-3,
        stop=("a", "b"),
        logit_bias={"5": -100.0},
        logprobs=20,
        n=2,
    )
    assert request.body.format == Format(kind="json_object")
    assert (request.body.tool_choice, request.body.parallel_tool_calls) == ("required", False)
    assert request.recorded == {
        "user": "u",
        "metadata": {"a": "b"},
        "safety_identifier": "s",
        "prompt_cache_key": "k",
        "service_tier": "priority",
    }
    assert request.tier == "default"


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"messages": []}, "messages"),
        ({"messages": None}, "messages"),
        ({"model": None}, "model"),
        ({"model": 7}, "model"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": -1}, "max_tokens"),
        ({"max_tokens": 1.5}, "max_tokens"),
        ({"max_tokens": 1, "max_completion_tokens": 1}, "max_tokens"),
        ({"temperature": 2.1}, "temperature"),
        ({"temperature": "hot"}, "temperature"),
        ({"top_p": -0.1}, "top_p"),
        ({"n": 0}, "n"),
        ({"n": 129}, "n"),
        ({"stop": ["a"] * 5}, "stop"),
        ({"stop": [""]}, "stop"),
        ({"stop": 3}, "stop"),
        ({"frequency_penalty": 3}, "frequency_penalty"),
        ({"logit_bias": {"a": 1}}, "logit_bias"),
        ({"logit_bias": {"1": 101}}, "logit_bias.1"),
        ({"top_logprobs": 21, "logprobs": True}, "top_logprobs"),
        ({"top_logprobs": 2}, "top_logprobs"),
        ({"stream": "yes"}, "stream"),
        ({"stream_options": {"include_usage": True}}, "stream_options"),
        ({"stream": True, "stream_options": {"include_all": True}}, "stream_options.include_all"),
        ({"stream": True, "stream_options": {"include_usage": 1}}, "stream_options.include_usage"),
        ({"tools": TOOLS, "functions": FUNCTIONS}, "functions"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"response_format": "json"}, "response_format"),
        ({"metadata": {"a": 1}}, "metadata.a"),
        ({"metadata": {str(i): "" for i in range(17)}}, "metadata"),
        ({"service_tier": "turbo"}, "service_tier"),
        ({"store": True}, "store"),
        ({"reasoning_effort": "high"}, "reasoning_effort"),
        ({"verbosity": "low"}, "verbosity"),
        ({"prediction": {"type": "content", "content": "x"}}, "prediction"),
        ({"web_search_options": {}}, "web_search_options"),
        ({"moderation": {"model": "m"}}, "moderation"),
        ({"prompt_cache_retention": "24h"}, "prompt_cache_retention"),
        ({"prompt_cache_options": {"mode": "explicit"}}, "prompt_cache_options"),
        ({"": 1}, ""),
    ],
)
async def test_what_is_wrong_or_not_supported_is_named(client, pipeline, fields, param):
    answer = await client.chat(**fields)
    assert answer.status == 400, answer.body
    assert answer.json()["error"]["param"] == param
    assert pipeline.requests == []


async def test_text_of_every_kind_survives(client, pipeline):
    words = '"quotes" \\ \n\t \u2028 鲁迅 😀 \x7f </script>'
    pipeline.events = (STARTED, TextDelta(words), ChoiceEnd("stop"), Finished(usage=USAGE))
    assert json.loads((await client.chat()).body)["choices"][0]["message"]["content"] == words
    assert chunks_of(await client.chat(stream=True))[1].choices[0].delta.content == words
