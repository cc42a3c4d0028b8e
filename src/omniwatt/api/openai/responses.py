"""/v1/responses: create (streamed or whole), get, delete, cancel, input items. The conversation lives in stored.py."""

from typing import Any

from starlette.routing import Route

from omniwatt.api import stream
from omniwatt.api.exchange import Endpoint, Exchange
from omniwatt.api.fields import Nested, Read
from omniwatt.api.openai import common, images_tool, pages
from omniwatt.api.openai.files import resolve_files
from omniwatt.api.openai.responses_events import Writer
from omniwatt.api.openai.responses_fields import CREATE, LOGPROBS, parse_choice, parse_text, parse_tools
from omniwatt.api.openai.responses_parse import Item, new_id, parse_input, to_messages
from omniwatt.contract.error import BadInput, OmniwattError, UnsupportedField
from omniwatt.contract.event import Event, Finished, Started
from omniwatt.contract.request import ChatBody, Format, Message, Request, Sampling, Tool

ITEMS_DEFAULT, ITEMS_MOST = 20, 100
PARAMS = {"messages": "input", "max_tokens": "max_output_tokens", "data": "input", "file": "input"}
"""What the way calls a field -> what it is called here."""


async def create(exchange: Exchange) -> None:
    """Answer, and keep the answer unless told otherwise."""
    read = await common.read(exchange, CREATE)
    values, nested = read.values, Nested(read.ignored, warn=common.warns(exchange))
    if "stream_options" in values and not values.get("stream"):
        raise BadInput("'stream_options' is only allowed when 'stream' is true.", param="stream_options")
    keep = _keep(exchange, values.get("store"))
    asked, messages = await conversation(exchange, values, nested)
    image_tool = next((tool for tool in values.get("tools", []) if _is_image(tool)), None)
    tools, body = _body(values, messages, nested)
    body = await images_tool.with_mask(exchange.parts, exchange.caller, body)
    common.say_ignored(exchange, read.ignored)
    request = common.new_request(exchange, "chat", values["model"], body, read.recorded)
    pad = bool(values.get("stream_options", {}).get("include_obfuscation"))
    writer = Writer(_response(read, tools, body), logprobs=body.sampling.logprobs is not None, pad=pad)
    if image_tool is not None:
        writer.response["tools"].append(image_tool)
    answer = _Answer(exchange, writer, asked if keep else None)
    try:
        await _run(exchange, request, answer, streamed=bool(values.get("stream")))
    except OmniwattError as error:
        error.param = PARAMS.get(error.param or "", error.param)
        raise


async def conversation(
    exchange: Exchange, values: dict[str, Any], nested: Nested
) -> tuple[list[Item], tuple[Message, ...]]:
    """The items asked with now, and every message of the conversation up to them. Raises BadInput and NotFound."""
    stored, caller = exchange.parts.stored, exchange.caller
    previous = values.get("previous_response_id")
    if "input" not in values and previous is None:
        raise BadInput(
            "One of 'input' or 'previous_response_id' must be provided.",
            param="input",
            code="missing_required_parameter",
        )
    asked = parse_input(values.get("input", []), "input", nested)
    for index, item in enumerate(asked):
        if item["type"] == "item_reference":
            asked[index] = await stored.item(caller, item["id"])
    earlier = [] if previous is None else await stored.history(caller, previous)
    drawing = any(map(_is_image, values.get("tools", [])))
    messages = to_messages(values.get("instructions"), earlier + asked, pictures=drawing)
    if not messages:
        raise BadInput("The input holds nothing to answer.", param="input")
    return asked, await resolve_files(exchange.parts, caller, messages)


class _Answer:
    """Encoder of a streamed response (see stream.Encoder), and keeper of both kinds. `asked` None keeps nothing."""

    def __init__(self, exchange: Exchange, writer: Writer, asked: list[Item] | None) -> None:
        self._exchange = exchange
        self._writer = writer
        self._asked = asked

    def start(self, started: Started) -> bytes:
        """`response.created` and `response.in_progress`."""
        return _encoded(self._writer.begin(started.model, started.tier))

    def event(self, event: Event) -> bytes:
        """What the event adds."""
        return _encoded(self._writer.event(event))

    async def end(self, finished: Finished) -> bytes:
        """Kept first: a client that has seen the end may ask for it at once."""
        closing = self._writer.close(finished.usage, finished.model)
        await self.keep()
        return _encoded(closing + self._writer.last())

    def error(self, error: dict[str, Any]) -> bytes:
        """`response.failed`, then the error."""
        fault: dict[str, Any] = error["error"]
        return _encoded(self._writer.fail(fault | {"param": PARAMS.get(fault["param"] or "", fault["param"])}))

    def whole(self, started: Started, events: list[Event], finished: Finished) -> dict[str, Any]:
        """The response when it is not streamed."""
        self._writer.begin(started.model, started.tier)
        for event in events:
            self._writer.event(event)
        self._writer.close(finished.usage, finished.model)
        return self._writer.response

    async def keep(self) -> None:
        """Store the response, where it is to be stored."""
        if self._asked is not None:
            await self._exchange.parts.stored.save(self._exchange.caller, self._writer.response, self._asked)


async def _run(exchange: Exchange, request: Request, answer: _Answer, *, streamed: bool) -> None:
    if streamed:
        await stream.streamed(exchange, request, answer)
        return
    response = await stream.whole(exchange, request, answer.whole)
    await answer.keep()
    await exchange.reply_json(response)


def _encoded(events: list[dict[str, Any]]) -> bytes:
    return b"".join(stream.sse(event, event["type"]) for event in events)


def _keep(exchange: Exchange, store: bool | None) -> bool:
    """Whether to store; where the operator forbids it, only a client that asks for it is told no."""
    if exchange.parts.stored.allowed:
        return store is not False
    if store:
        raise UnsupportedField("This server stores no responses: send 'store' as false.", param="store")
    return False


def _body(values: dict[str, Any], messages: tuple[Message, ...], nested: Nested) -> tuple[tuple[Tool, ...], ChatBody]:
    """All tools that were given, and the chat that answers: with those of them that may be called."""
    picture = images_tool.split(values, nested)
    tools = parse_tools(values.get("tools", []), "tools", nested)
    forced = images_tool.choice(values.get("tool_choice"), bool(tools)) if picture is not None else None
    if forced is not None:
        choice, callable_tools = forced, tools
    else:
        choice, callable_tools = parse_choice(values.get("tool_choice"), "tool_choice", tools, nested)
    logprobs = values.get("top_logprobs", 0 if LOGPROBS in values.get("include", ()) else None)
    return tools, ChatBody(
        messages=messages,
        sampling=Sampling(
            max_tokens=values.get("max_output_tokens"),
            temperature=values.get("temperature"),
            top_p=values.get("top_p"),
            logprobs=logprobs,
        ),
        tools=callable_tools,
        tool_choice=choice,
        parallel_tool_calls=values.get("parallel_tool_calls", True),
        format=parse_text(values["text"], "text", nested) if "text" in values else Format(),
        picture=images_tool.settled(picture, messages) if picture is not None else None,
    )


def _is_image(tool: Any) -> bool:
    return isinstance(tool, dict) and tool.get("type") == images_tool.KIND


def _response(read: Read, tools: tuple[Tool, ...], body: ChatBody) -> dict[str, Any]:
    """The response before there is any of it: what was asked for, said back."""
    values, recorded = read.values, read.recorded
    return {
        "id": new_id("resp"),
        "object": "response",
        "created_at": common.now(),
        "status": "in_progress",
        "background": False,
        "completed_at": None,
        "error": None,
        "incomplete_details": None,
        "instructions": values.get("instructions"),
        "max_output_tokens": values.get("max_output_tokens"),
        "max_tool_calls": recorded.get("max_tool_calls"),
        "metadata": recorded.get("metadata", {}),
        "model": values["model"],
        "output": [],
        "parallel_tool_calls": body.parallel_tool_calls,
        "previous_response_id": values.get("previous_response_id"),
        "prompt_cache_key": recorded.get("prompt_cache_key"),
        "reasoning": values.get("reasoning", {"effort": None, "summary": None}),
        "safety_identifier": recorded.get("safety_identifier"),
        "service_tier": "default",
        "temperature": values.get("temperature"),
        "text": {"format": _format(body.format), "verbosity": "medium"},
        "tool_choice": values.get("tool_choice", "auto"),
        "tools": [_tool(tool) for tool in tools],
        "top_logprobs": values.get("top_logprobs", 0),
        "top_p": values.get("top_p"),
        "truncation": "disabled",
        "usage": None,
        "user": recorded.get("user"),
    }


def _tool(tool: Tool) -> dict[str, Any]:
    return {
        "type": "function",
        "name": tool.name,
        "description": tool.description or None,
        "parameters": tool.parameters,
        "strict": tool.strict,
    }


def _format(wanted: Format) -> dict[str, Any]:
    if wanted.kind != "json_schema":
        return {"type": wanted.kind}
    return {"type": "json_schema", "name": wanted.name, "schema": wanted.schema, "strict": wanted.strict}


async def get(exchange: Exchange) -> None:
    """A stored response."""
    query = pages.query(exchange, ("include", "include_obfuscation", "starting_after", "stream"))
    response = await exchange.parts.stored.get(exchange.caller, exchange.path("response_id"))
    if query.get("stream", "false").lower() not in ("false", "0"):
        raise UnsupportedField(
            "This response cannot be streamed again: it was not created with background=true.", param="stream"
        )
    await exchange.reply_json(response)


async def delete(exchange: Exchange) -> None:
    """Erase a stored response."""
    response_id = exchange.path("response_id")
    await exchange.parts.stored.delete(exchange.caller, response_id)
    await exchange.reply_json({"id": response_id, "object": "response", "deleted": True})


async def cancel(exchange: Exchange) -> None:
    """Refused: a stored response is complete."""
    await exchange.parts.stored.get(exchange.caller, exchange.path("response_id"))
    raise BadInput("Cannot cancel a synchronous response.", param="response_id")


async def compact(exchange: Exchange) -> None:
    """Refused."""
    raise UnsupportedField("Conversations are not compacted here.")


async def input_items(exchange: Exchange) -> None:
    """One page of the items a stored response was asked with."""
    query = pages.query(exchange, ("after", "include", "limit", "order"))
    most = pages.limit(query, ITEMS_DEFAULT, ITEMS_MOST)
    items = await exchange.parts.stored.input_items(exchange.caller, exchange.path("response_id"))
    if pages.newest_first(query):
        items.reverse()
    if "after" in query:
        ids = [item["id"] for item in items]
        if query["after"] not in ids:
            raise BadInput(f"No such item: {query['after'][:100]}", param="after")
        items = items[ids.index(query["after"]) + 1 :]
    await exchange.reply_json(pages.page(items, most))


routes = [
    Route("/v1/responses", Endpoint(create, serves="chat"), methods=["POST"]),
    Route("/v1/responses/compact", Endpoint(compact), methods=["POST"]),
    Route("/v1/responses/{response_id}", Endpoint(get), methods=["GET"]),
    Route("/v1/responses/{response_id}", Endpoint(delete), methods=["DELETE"]),
    Route("/v1/responses/{response_id}/cancel", Endpoint(cancel), methods=["POST"]),
    Route("/v1/responses/{response_id}/input_items", Endpoint(input_items), methods=["GET"]),
]
