"""The older completions, embeddings, the model list and the OpenAPI document."""

import base64
import struct

import pytest
from openai.types import Completion, CreateEmbeddingResponse, Model

from omniwatt.api.server import ROUTES
from omniwatt.contract.error import ContextTooLong
from omniwatt.contract.event import ChoiceEnd, Finished, TextDelta, TokenLogprob, Vector
from tests.unit.api import asgi
from tests.unit.api.asgi import STARTED, USAGE
from tests.unit.api.shape import exact


async def complete(client, **fields):
    return await client.post("/v1/completions", {"model": "gpt-4", "prompt": "Once"} | fields)


async def test_a_whole_completion(client):
    found = exact(Completion, (await complete(client)).json())
    assert (found.choices[0].text, found.choices[0].finish_reason, found.model) == ("Hello", "stop", "some-chat")
    assert found.choices[0].logprobs is None
    assert found.usage.total_tokens == 7


async def test_a_streamed_completion(client):
    answer = await complete(client, stream=True, stream_options={"include_usage": True})
    *pieces, last = answer.data()
    assert [piece["choices"][0]["finish_reason"] for piece in pieces] == [None, None, "stop"]
    for piece in pieces:  # the client's type knows no open choice, yet this is how OpenAI streams it
        piece["choices"][0]["finish_reason"] = "stop"
    assert [exact(Completion, piece).choices[0].text for piece in pieces] == ["Hel", "lo", ""]
    assert exact(Completion, last).choices == []
    assert last["usage"]["prompt_tokens"] == 5
    assert answer.body.endswith(b"data: [DONE]\n\n")


@pytest.mark.parametrize(
    ("fields", "raw"),
    [
        ({"model": "gpt-4"}, False),
        ({"model": "some-chat"}, True),
        ({"model": "gpt-4", "suffix": "end"}, True),
        ({"model": "gpt-4", "suffix": ""}, False),
    ],
)
async def test_aliases_of_instruct_models_get_the_chat_template(client, pipeline, fields, raw):
    await complete(client, **fields)
    assert pipeline.requests[-1].body.raw is raw


async def test_what_reaches_the_engine(client, pipeline):
    await complete(
        client, model="some-chat", prompt=[[1, 2], [3]], echo=True, best_of=3, n=2, logprobs=5, user="u", stop="."
    )
    request = pipeline.requests[-1]
    assert request.body.prompts == ((1, 2), (3,))
    assert (request.body.echo, request.body.best_of, request.body.sampling.n) == (True, 3, 2)
    assert request.body.sampling.max_tokens == 16
    assert request.recorded == {"user": "u"}
    await complete(client, model="some-chat", prompt=[1, 2])
    assert pipeline.requests[-1].body.prompts == ((1, 2),)
    await complete(client, prompt=["a", "b"])
    assert pipeline.requests[-1].body.prompts == ("a", "b")


async def test_the_older_logprobs(client, pipeline):
    def piece(text, logprob):
        top = (TokenLogprob(text, logprob, text.encode()),)
        return TextDelta(text, logprobs=(TokenLogprob(text, logprob, text.encode(), top),))

    pipeline.events = (STARTED, piece("Once", -1.0), piece(" more", -2.0), ChoiceEnd("stop"), Finished(usage=USAGE))
    logprobs = exact(Completion, (await complete(client, logprobs=1)).json()).choices[0].logprobs
    assert logprobs.tokens == ["Once", " more"]
    assert logprobs.token_logprobs == [-1.0, -2.0]
    assert logprobs.top_logprobs == [{"Once": -1.0}, {" more": -2.0}]
    assert logprobs.text_offset == [0, 4]
    chunks = (await complete(client, logprobs=1, stream=True)).data()
    assert [chunk["choices"][0]["logprobs"]["text_offset"] for chunk in chunks[:2]] == [[0], [4]]


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"prompt": None}, "prompt"),
        ({"prompt": []}, "prompt"),
        ({"prompt": 5}, "prompt"),
        ({"prompt": ["a", 1]}, "prompt[1]"),
        ({"prompt": [-1]}, "prompt"),
        ({"prompt": [1, "a"]}, "prompt"),
        ({"prompt": [[]]}, "prompt[0]"),
        ({"prompt": [1, 2], "model": "gpt-4"}, "prompt"),
        ({"prompt": ["a"] * 129}, "prompt"),
        ({"best_of": 1, "n": 2}, "best_of"),
        ({"best_of": 2, "stream": True}, "best_of"),
        ({"logprobs": 6}, "logprobs"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"messages": []}, "messages"),
    ],
)
async def test_wrong_completions(client, fields, param):
    answer = await complete(client, **fields)
    assert answer.status == 400, answer.body
    assert answer.json()["error"]["param"] == param


async def test_errors_name_the_fields_of_their_route(client, pipeline):
    pipeline.events = (STARTED, ContextTooLong.of(5000, 16, 4096))
    for answer in (await complete(client), await complete(client, stream=True)):
        assert answer.status == 400
        assert answer.json()["error"]["param"] == "prompt"
        assert answer.json()["error"]["code"] == "context_length_exceeded"


async def embed(client, **fields):
    return await client.post("/v1/embeddings", {"model": "some-embed", "input": "Hi"} | fields)


async def test_embeddings(client, pipeline):
    pipeline.events = (
        STARTED,
        Vector(struct.pack("<2f", 0.0, 1.0), index=1),
        Vector(struct.pack("<2f", 0.5, 0.25), index=0),
        Finished(usage=USAGE, model="some-embed"),
    )
    found = exact(CreateEmbeddingResponse, (await embed(client, input=["a", "b"])).json())
    assert [(item.index, item.embedding) for item in found.data] == [(0, [0.5, 0.25]), (1, [0.0, 1.0])]
    assert (found.model, found.usage.total_tokens) == ("some-embed", 5)
    packed = (await embed(client, input=["a", "b"], encoding_format="base64", dimensions=2, user="u")).json()
    assert struct.unpack("<2f", base64.b64decode(packed["data"][1]["embedding"])) == (0.0, 1.0)
    assert pipeline.requests[-1].body.dimensions == 2


async def test_a_missing_vector_is_the_engines_fault(client, pipeline):
    pipeline.events = (STARTED, Finished(usage=USAGE))
    assert (await embed(client)).status == 500


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"input": None}, "input"),
        ({"input": ""}, "input"),
        ({"input": []}, "input"),
        ({"input": ["a", ""]}, "input[1]"),
        ({"input": [[]]}, "input[0]"),
        ({"input": {}}, "input"),
        ({"input": ["a"] * 2049}, "input"),
        ({"input": [1, 2], "model": "text-embedding-3-small"}, "input"),
        ({"encoding_format": "hex"}, "encoding_format"),
        ({"dimensions": 0}, "dimensions"),
    ],
)
async def test_wrong_embeddings(client, fields, param):
    answer = await embed(client, **fields)
    assert answer.status == 400, answer.body
    assert answer.json()["error"]["param"] == param


async def test_the_model_list(client):
    listed = (await client.request("GET", "/v1/models")).json()
    models = {model["id"]: exact(Model, model) for model in listed["data"]}
    assert models["some-chat"].context_window == 4096
    assert models["gpt-4"].root == "some-chat"
    for name, model in models.items():
        found = (await client.request("GET", f"/v1/models/{name}")).json()
        assert found == model.model_dump(exclude_unset=True)


async def test_an_unknown_model(client):
    answer = await client.request("GET", "/v1/models/org/none")
    assert (answer.status, answer.json()["error"]["code"]) == (404, "model_not_found")


async def test_a_key_sees_its_own_models_only(client, monkeypatch):
    limits = asgi.Limits(models=("gpt-4",))
    caller = asgi.Caller(key_id="k", name="n", project="p", limits=limits)
    monkeypatch.setattr(asgi, "CALLER", caller)
    listed = (await client.request("GET", "/v1/models")).json()
    assert {model["id"] for model in listed["data"]} == {"some-chat", "gpt-4", "org/alias"}
    assert (await client.request("GET", "/v1/models/some-embed")).status == 404


async def test_the_openapi_document(client):
    document = (await client.request("GET", "/openapi.json")).json()
    operations = {(method.upper(), path) for path, operations in document["paths"].items() for method in operations}
    served = {(method, route.path_format) for route in ROUTES for method in route.methods if method != "HEAD"}
    assert operations == served
    chat = document["paths"]["/v1/chat/completions"]["post"]
    schema = chat["requestBody"]["content"]["application/json"]["schema"]
    assert schema["required"] == ["messages", "model"]
    assert "prediction" not in schema["properties"]
    assert schema["properties"]["audio"]["required"] == ["voice", "format"]
    assert schema["properties"]["store"]["enum"] == [False]
    assert "gpt-4" in schema["properties"]["model"]["enum"]
    for path, operations in document["paths"].items():
        for operation in operations.values():
            assert operation["summary"] or path.startswith("/admin/")
            (good,) = [answer for status, answer in operation["responses"].items() if status != "default"]
            for content in good["content"].values():
                reference = content["schema"].get("$ref")
                assert reference is None or reference.rpartition("/")[2] in document["components"]["schemas"]
