"""POST /v1/completions, the older way: raw text under a card's name, the chat template under an instruct alias."""

from typing import Any

from starlette.routing import Route

from omniwatt.api import stream
from omniwatt.api.exchange import Endpoint, Exchange
from omniwatt.api.fields import Field, Read, Table, anything, boolean, integer, text
from omniwatt.api.openai import common
from omniwatt.api.stream import DONE, encode_json, sse
from omniwatt.contract.error import BadInput
from omniwatt.contract.event import ChoiceEnd, Event, Finished, Started, TextDelta
from omniwatt.contract.request import CompleteBody, Sampling

DEFAULT_MAX_TOKENS = 16
PROMPTS_LIMIT = 128
PROMPT_SCHEMA = {
    "oneOf": [
        {"type": "string"},
        {"type": "array", "minItems": 1, "maxItems": PROMPTS_LIMIT, "items": {"type": "string"}},
        {"type": "array", "minItems": 1, "items": {"type": "integer", "minimum": 0}},
        {"type": "array", "minItems": 1, "items": {"type": "array", "items": {"type": "integer", "minimum": 0}}},
    ]
}

FIELDS = Table(
    "Completions",
    (
        common.MODEL,
        Field(
            "prompt",
            "honoured",
            anything(PROMPT_SCHEMA, "text, texts, token ids, or lists of them"),
            "Under an alias of an instruct model it is put as a user's message; under the card's own name it stays "
            "raw. Token ids are those of the card.",
            required=True,
        ),
        Field("suffix", "honoured", text(), "Fill in the middle; the prompt then always stays raw."),
        Field("max_tokens", "honoured", integer(1), f"Default {DEFAULT_MAX_TOKENS}, as OpenAI's."),
        Field("echo", "honoured", boolean()),
        Field("best_of", "honoured", integer(1, 20), "Not streamed when above 1."),
        Field("logprobs", "honoured", integer(0, 5)),
        *common.SAMPLING,
        common.STREAM,
        common.STREAM_OPTIONS,
        common.USER,
    ),
)


async def create(exchange: Exchange) -> None:
    """Answer one completion, streamed or whole."""
    read = await common.read(exchange, FIELDS)
    options = common.stream_options(read.values)
    found = exchange.parts.catalog.resolve(read.values["model"])
    templated = found.alias and found.card.instruct and not found.upstream_model
    body = parse(read, raw=not templated)
    if found.alias and not found.upstream_model:
        common.refuse_foreign_tokens(body.prompts, found.asked, found.card.name, "prompt")
    common.say_ignored(exchange, read.ignored)
    request = common.new_request(exchange, "complete", read.values["model"], body, read.recorded)
    head = {"id": "cmpl-" + request.id.removeprefix("req_"), "object": "text_completion", "created": common.now()}
    with common.naming({"messages": "prompt"}):
        if read.values.get("stream"):
            await stream.streamed(exchange, request, CompletionChunks(head, body, options))
            return
        answer = await stream.whole(exchange, request, lambda *run: completion(head, body, *run))
    await exchange.reply_json(answer)


def parse(read: Read, *, raw: bool) -> CompleteBody:
    """The body from the values of FIELDS; `raw` False asks for the chat template. Raises BadInput."""
    values = read.values
    n = values.get("n", 1)
    best_of = values.get("best_of", n)
    if best_of < n:
        raise BadInput("'best_of' must not be smaller than 'n'.", param="best_of")
    if best_of > n and values.get("stream"):
        raise BadInput("'best_of' above 'n' cannot be streamed.", param="best_of")
    suffix = values.get("suffix", "")
    return CompleteBody(
        prompts=common.text_inputs(values["prompt"], "prompt", PROMPTS_LIMIT),
        suffix=suffix,
        echo=values.get("echo", False),
        raw=raw or bool(suffix),
        best_of=best_of,
        sampling=Sampling(
            max_tokens=values.get("max_tokens", DEFAULT_MAX_TOKENS),
            logprobs=values.get("logprobs"),
            **common.sampling_values(values),
        ),
    )


class _Logprobs:
    """The older shape: four lists, with offsets into the choice's text."""

    def __init__(self) -> None:
        self.offset = 0

    def of(self, event: TextDelta) -> dict[str, Any]:
        """The lists of one piece of text."""
        lists: dict[str, Any] = {"tokens": [], "token_logprobs": [], "top_logprobs": [], "text_offset": []}
        offset = self.offset
        for one in event.logprobs:
            lists["tokens"].append(one.token)
            lists["token_logprobs"].append(common.finite(one.logprob))
            lists["top_logprobs"].append({other.token: common.finite(other.logprob) for other in one.top})
            lists["text_offset"].append(offset)
            offset += len(one.token)
        self.offset += len(event.text)
        return lists


def completion(
    head: dict[str, Any], body: CompleteBody, started: Started, events: list[Event], finished: Finished
) -> dict[str, Any]:
    """The body of an answer that is not streamed."""
    count = len(body.prompts) * body.sampling.n
    choices: list[dict[str, Any]] = [
        {"text": [], "index": index, "logprobs": None, "finish_reason": "stop"} for index in range(count)
    ]
    readers = [_Logprobs() for _ in range(count)]
    for event in events:
        if isinstance(event, TextDelta):
            choices[event.index]["text"].append(event.text)
            if body.sampling.logprobs is not None:
                _extend(choices[event.index], readers[event.index].of(event))
        elif isinstance(event, ChoiceEnd):
            choices[event.index]["finish_reason"] = event.reason
    model = finished.model or started.model
    return head | {
        "model": model,
        "choices": [choice | {"text": "".join(choice["text"])} for choice in choices],
        "usage": common.usage(finished.usage),
        "system_fingerprint": common.fingerprint(model),
    }


def _extend(choice: dict[str, Any], lists: dict[str, Any]) -> None:
    if choice["logprobs"] is None:
        choice["logprobs"] = lists
        return
    for name, items in lists.items():
        choice["logprobs"][name] += items


class CompletionChunks:
    """Encoder of a streamed completion (see stream.Encoder)."""

    def __init__(self, head: dict[str, Any], body: CompleteBody, options: dict[str, bool]) -> None:
        self._fields = head
        self._usage = options.get("include_usage", False)
        self._logprobs = body.sampling.logprobs is not None
        self._readers = [_Logprobs() for _ in range(len(body.prompts) * body.sampling.n)]

    def start(self, started: Started) -> bytes:
        """Prepares what all chunks share; sends nothing."""
        head = self._fields | {"model": started.model, "system_fingerprint": common.fingerprint(started.model)}
        self._head = b"data: " + encode_json(head)[:-1] + b',"choices":['
        self._tail = b'],"usage":null}\n\n' if self._usage else b"]}\n\n"
        return b""

    def event(self, event: Event) -> bytes:
        """A piece of text, or a choice's end."""
        if isinstance(event, TextDelta) and (event.text or event.logprobs):
            logprobs = self._readers[event.index].of(event) if self._logprobs else None
            return self._chunk(event.index, event.text, logprobs, None)
        if isinstance(event, ChoiceEnd):
            return self._chunk(event.index, "", None, event.reason)
        return b""

    def _chunk(self, index: int, piece: str, logprobs: dict[str, Any] | None, reason: str | None) -> bytes:
        choice = {"text": piece, "index": index, "logprobs": logprobs, "finish_reason": reason}
        return self._head + encode_json(choice) + self._tail

    async def end(self, finished: Finished) -> bytes:
        """The usage if asked for, else only its energy, as a comment; then [DONE]."""
        if self._usage:
            return self._head + b'],"usage":' + encode_json(common.usage(finished.usage)) + b"}\n\n" + DONE
        extras = common.extras(finished.usage)
        return (b": " + encode_json(extras) + b"\n\n" if extras else b"") + DONE

    def error(self, error: dict[str, Any]) -> bytes:
        """An error inside the stream, which ends with it."""
        return sse(error)


routes = [Route("/v1/completions", Endpoint(create, serves="complete"), methods=["POST"])]
