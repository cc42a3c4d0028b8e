"""POST /v1/embeddings."""

import base64
from array import array
from typing import Any

from starlette.routing import Route

from omniwatt.api import stream
from omniwatt.api.exchange import Endpoint, Exchange
from omniwatt.api.fields import Field, Read, Table, anything, integer, one_of
from omniwatt.api.openai import common
from omniwatt.contract.error import BadInput, EngineFailed
from omniwatt.contract.event import Event, Finished, Started, Vector
from omniwatt.contract.request import EmbedBody

INPUTS_LIMIT = 2048
INPUT_SCHEMA = {
    "oneOf": [
        {"type": "string", "minLength": 1},
        {"type": "array", "minItems": 1, "maxItems": INPUTS_LIMIT, "items": {"type": "string", "minLength": 1}},
        {"type": "array", "minItems": 1, "items": {"type": "integer", "minimum": 0}},
        {"type": "array", "minItems": 1, "items": {"type": "array", "items": {"type": "integer", "minimum": 0}}},
    ]
}

FIELDS = Table(
    "Embeddings",
    (
        common.MODEL,
        Field(
            "input",
            "honoured",
            anything(INPUT_SCHEMA, f"text, up to {INPUTS_LIMIT} texts, token ids, or lists of them"),
            "Token ids are those of the card; under an alias they are refused.",
            required=True,
        ),
        Field("dimensions", "honoured", integer(1, 65_536), "The first so many, brought back to length 1."),
        Field("encoding_format", "honoured", one_of("float", "base64"), "base64 is of little-endian float32."),
        common.USER,
    ),
)


async def create(exchange: Exchange) -> None:
    """Embed one or many inputs."""
    read = await common.read(exchange, FIELDS)
    body = parse(read)
    found = exchange.parts.catalog.resolve(read.values["model"])
    if found.alias and not found.upstream_model:
        common.refuse_foreign_tokens(body.inputs, found.asked, found.card.name, "input")
    common.say_ignored(exchange, read.ignored)
    request = common.new_request(exchange, "embed", read.values["model"], body, read.recorded)
    as_base64 = read.values.get("encoding_format") == "base64"
    with common.naming({"messages": "input", "inputs": "input"}):
        answer = await stream.whole(exchange, request, lambda *run: embeddings(len(body.inputs), as_base64, *run))
    await exchange.reply_json(answer)


def parse(read: Read) -> EmbedBody:
    """The body from the values of FIELDS. Raises BadInput."""
    inputs = common.text_inputs(read.values["input"], "input", INPUTS_LIMIT)
    for index, one in enumerate(inputs):
        if not one:
            param = "input" if isinstance(read.values["input"], str) else f"input[{index}]"
            raise BadInput(f"Invalid '{param}': it must not be an empty string.", param=param, code="empty_string")
    return EmbedBody(inputs=inputs, dimensions=read.values.get("dimensions"))


def embeddings(
    count: int, as_base64: bool, started: Started, events: list[Event], finished: Finished
) -> dict[str, Any]:
    """The answer, in the order of the inputs."""
    vectors = {event.index: event.data for event in events if isinstance(event, Vector)}
    if vectors.keys() != set(range(count)):
        raise EngineFailed(f"The engine gave {len(vectors)} embeddings for {count} inputs.")
    encode = _base64 if as_base64 else _floats
    used = finished.usage
    return {
        "object": "list",
        "data": [
            {"object": "embedding", "index": index, "embedding": encode(vectors[index])} for index in range(count)
        ],
        "model": finished.model or started.model,
        "usage": {"prompt_tokens": used.prompt_tokens, "total_tokens": used.prompt_tokens} | common.extras(used),
    }


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _floats(data: bytes) -> list[float]:
    values = array("f")
    values.frombytes(data)
    return values.tolist()


routes = [Route("/v1/embeddings", Endpoint(create, serves="embed"), methods=["POST"])]
