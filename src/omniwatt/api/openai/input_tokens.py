"""POST /v1/responses/input_tokens: how many tokens an input is for its model, chat template included.

Exact for text. A sound counts 25 tokens a second; what is said in it is only known, and counted, once it is heard.
"""

from starlette.routing import Route

from omniwatt.api import stream
from omniwatt.api.exchange import Endpoint, Exchange
from omniwatt.api.fields import Nested
from omniwatt.api.openai import common
from omniwatt.api.openai.responses import PARAMS, conversation
from omniwatt.api.openai.responses_fields import COUNT, parse_tools
from omniwatt.contract.error import EngineFailed, OmniwattError
from omniwatt.contract.event import Event, Fact, Finished, Started
from omniwatt.contract.request import CountBody


async def create(exchange: Exchange) -> None:
    """Count, on the model's own tokenizer; nothing is generated."""
    read = await common.read(exchange, COUNT)
    nested = Nested(read.ignored, warn=common.warns(exchange))
    tools = parse_tools(read.values.get("tools", []), "tools", nested)
    _, messages = await conversation(exchange, read.values, nested)
    common.say_ignored(exchange, read.ignored)
    body = CountBody(messages=messages, tools=tools)
    request = common.new_request(exchange, "count", read.values["model"], body, read.recorded)
    try:
        tokens = await stream.whole(exchange, request, _tokens)
    except OmniwattError as error:
        error.param = PARAMS.get(error.param or "", error.param)
        raise
    await exchange.reply_json({"object": "response.input_tokens", "input_tokens": tokens})


def _tokens(_started: Started, events: list[Event], _finished: Finished) -> int:
    for event in events:
        if isinstance(event, Fact):
            return int(event.values["tokens"])
    raise EngineFailed("The engine did not say how many tokens these are.")


routes = [Route("/v1/responses/input_tokens", Endpoint(create, serves="count"), methods=["POST"])]
