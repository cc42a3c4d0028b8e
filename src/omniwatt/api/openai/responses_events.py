"""A response while it is written: events in, output items and the stream's events out."""

import secrets
from typing import Any

from omniwatt.api.openai import common
from omniwatt.api.openai.images_answers import Gatherer, Made, facts, look
from omniwatt.api.openai.responses_parse import Item, new_id
from omniwatt.contract.event import ChoiceEnd, Data, Event, Picture, TextDelta, TokenLogprob, ToolCallDelta, Usage
from omniwatt.contract.request import DrawBody

PAD_TO_CHARS = 32
"""With obfuscation every delta is padded to a multiple of this, so that its size says little about the token."""

PARTS = {"answer": ("output_text", "text"), "refusal": ("refusal", "refusal"), "reasoning": ("reasoning_text", "text")}
"""Kind of text -> the type of its content part, which is the event's name too, and the part's key for the text."""

INCOMPLETE = {"length": "max_output_tokens", "content_filter": "content_filter"}
ERROR_CODES = {"rate_limit_exceeded": "rate_limit_exceeded", "context_length_exceeded": "invalid_prompt"}


class _Open:
    """One output item, or one content part, while its text comes in."""

    __slots__ = ("body", "key", "logprobs", "pieces", "place")

    def __init__(self, body: Item, key: str, place: dict[str, Any]) -> None:
        self.body = body
        self.key = key
        self.place = place
        self.pieces: list[str] = []
        self.logprobs: list[dict[str, Any]] = []

    def close(self) -> str:
        text = "".join(self.pieces)
        self.body[self.key] = text
        if "logprobs" in self.body:
            self.body["logprobs"] = self.logprobs
        return text


class Writer:
    """Builds `response` from events; each call answers what a stream says of it, as dicts with `type`."""

    def __init__(self, response: dict[str, Any], *, logprobs: bool = False, pad: bool = False) -> None:
        self.response = response
        self._output: list[Item] = response["output"]
        self._logprobs = logprobs
        self._pad = pad
        self._number = 0
        self._item: Item | None = None
        self._part: _Open | None = None
        self._calls: dict[int, _Open] = {}
        self._reason = "stop"
        self._cut: Item | None = None
        self._reasoning_tokens = 0
        self._gatherer = Gatherer()
        self._image: dict[str, Any] | None = None
        """Where the picture in hand stands: `item_id` and `output_index`."""

    def begin(self, model: str, tier: str) -> list[dict[str, Any]]:
        """The way is free."""
        self.response |= {"model": model, "service_tier": tier}
        return [self._snapshot("response.created"), self._snapshot("response.in_progress")]

    def event(self, event: Event) -> list[dict[str, Any]]:
        """One event of the one choice."""
        match event:
            case TextDelta():
                return self._text(event)
            case ToolCallDelta():
                return self._call(event)
            case Picture() | Data():
                return self._picture(event)
            case ChoiceEnd():
                self._reason = event.reason
                return self._picture(event)
        return []

    def _picture(self, event: Event) -> list[dict[str, Any]]:
        """A picture begins, a sketch or the picture itself is whole."""
        made = self._gatherer.feed(event)
        said: list[dict[str, Any]] = []
        if isinstance(event, Picture) and self._image is None:
            said += self._close_message()
            item = {"id": new_id("ig"), "type": "image_generation_call", "status": "in_progress", "result": None}
            said.append(self._add(item))
            self._image = {"item_id": item["id"], "output_index": len(self._output) - 1}
            said += [self._of_image("in_progress"), self._of_image("generating")]
        if made is not None and self._image is not None:
            said += self._sketched(made) if made.picture.partial is not None else self._made(made)
        return said

    def _of_image(self, what: str, **more: Any) -> dict[str, Any]:
        return self._say({"type": f"response.image_generation_call.{what}", **(self._image or {}), **more})

    def _sketched(self, made: Made) -> list[dict[str, Any]]:
        index = made.picture.partial
        return [self._of_image("partial_image", partial_image_index=index, partial_image_b64=made.text)]

    def _made(self, made: Made) -> list[dict[str, Any]]:
        place = self._image or {}
        item = self._output[place["output_index"]]
        shown = look(DrawBody(""), made.picture) | facts(made.picture)
        item |= {"status": "generating", "action": shown.pop("task", "generate"), "result": made.text} | shown
        done = self._of_image("completed")
        self._image = None
        return [done, self._item_event("done", place["output_index"])]

    def close(self, usage: Usage, model: str) -> list[dict[str, Any]]:
        """The good end: closes what is open, and completes the response but for the last event."""
        said = [] if self._output else self._writing("answer")[0]
        why = INCOMPLETE.get(self._reason)
        self._cut = self._output[-1] if why else None
        said += self._close_message() + self._close_calls()
        self.response |= {
            "model": model or self.response["model"],
            "status": "incomplete" if why else "completed",
            "incomplete_details": {"reason": why} if why else None,
            "completed_at": None if why else common.now(),
            "usage": usage_body(usage, self._reasoning_tokens),
        }
        return said

    def last(self) -> list[dict[str, Any]]:
        """The event that carries the whole response."""
        return [self._snapshot(f"response.{self.response['status']}")]

    def fail(self, error: dict[str, Any]) -> list[dict[str, Any]]:
        """The bad end: the response as far as it came, then the error itself, at which clients raise."""
        for item in self._output:
            if item.get("status") == "in_progress":
                item["status"] = "incomplete"
        for left in [self._part, *self._calls.values()]:
            if left is not None:
                left.close()
        code = ERROR_CODES.get(error["code"] or "", "server_error")
        self.response |= {"status": "failed", "error": {"code": code, "message": error["message"]}}
        fault = {"type": "error", "code": error["code"], "message": error["message"], "param": error["param"]}
        return [self._snapshot("response.failed"), self._say(fault | {"error": error})]

    def _text(self, event: TextDelta) -> list[dict[str, Any]]:
        if event.kind == "reasoning":
            self._reasoning_tokens += event.tokens
        if not event.text and not event.logprobs:
            return []
        said, part = self._writing(event.kind)
        part.pieces.append(event.text)
        kind, _ = PARTS[event.kind]
        delta = {"type": f"response.{kind}.delta", **part.place, "delta": event.text}
        if kind == "output_text":
            part.logprobs += [common.logprob(one) for one in event.logprobs] if self._logprobs else []
            delta["logprobs"] = [_short(one) for one in event.logprobs] if self._logprobs else []
        return [*said, self._delta(delta)]

    def _writing(self, kind: str) -> tuple[list[dict[str, Any]], _Open]:
        """The part to write this kind of text to, and what is to be said when it had to be opened first."""
        wanted, key = PARTS[kind]
        if self._part is not None and self._part.body["type"] == wanted:
            return [], self._part
        said = self._close_part()
        item = self._item
        if item is None or (item["type"] == "reasoning") != (kind == "reasoning"):
            said += self._close_message()
            item = self._item = _new_item(kind)
            said.append(self._add(item))
        body: dict[str, Any] = {"type": wanted, key: ""}
        if wanted == "output_text":
            body |= {"annotations": [], "logprobs": []}
        content = item["content"]
        place = {"item_id": item["id"], "output_index": len(self._output) - 1, "content_index": len(content)}
        content.append(body)
        self._part = _Open(body, key, place)
        return [*said, self._say({"type": "response.content_part.added", **place, "part": dict(body)})], self._part

    def _add(self, item: Item) -> dict[str, Any]:
        self._output.append(item)
        return self._item_event("added", len(self._output) - 1)

    def _close_part(self) -> list[dict[str, Any]]:
        part, self._part = self._part, None
        if part is None:
            return []
        text, kind = part.close(), part.body["type"]
        done = {"type": f"response.{kind}.done", **part.place, part.key: text}
        if kind == "output_text":
            done["logprobs"] = [_without_bytes(one) for one in part.logprobs]
        end = {"type": "response.content_part.done", **part.place, "part": dict(part.body)}
        return [self._say(done), self._say(end)]

    def _close_message(self) -> list[dict[str, Any]]:
        said = self._close_part()
        item, self._item = self._item, None
        if item is None:
            return said
        return [*said, self._item_event("done", self._output.index(item))]

    def _call(self, event: ToolCallDelta) -> list[dict[str, Any]]:
        said: list[dict[str, Any]] = []
        if event.call not in self._calls:
            said += self._close_message()
            item = {
                "id": new_id("fc"),
                "type": "function_call",
                "status": "in_progress",
                "call_id": event.id or new_id("call"),
                "name": event.name,
                "arguments": "",
            }
            said.append(self._add(item))
            place = {"item_id": item["id"], "output_index": len(self._output) - 1}
            self._calls[event.call] = _Open(item, "arguments", place)
        call = self._calls[event.call]
        call.pieces.append(event.arguments)
        if event.arguments:
            delta = {"type": "response.function_call_arguments.delta", **call.place, "delta": event.arguments}
            said.append(self._delta(delta))
        return said

    def _close_calls(self) -> list[dict[str, Any]]:
        """Calls may come interleaved, so all are open until the end."""
        said = []
        for call in self._calls.values():
            arguments = call.close()
            done = {"type": "response.function_call_arguments.done", **call.place, "arguments": arguments}
            said += [self._say(done), self._item_event("done", call.place["output_index"])]
        self._calls = {}
        return said

    def _item_event(self, what: str, index: int) -> dict[str, Any]:
        item = self._output[index]
        if what == "done":
            item["status"] = "incomplete" if item is self._cut else "completed"
        shown = item | {"content": list(item["content"])} if "content" in item else dict(item)
        return self._say({"type": f"response.output_item.{what}", "output_index": index, "item": shown})

    def _snapshot(self, kind: str) -> dict[str, Any]:
        return self._say({"type": kind, "response": self.response | {"output": list(self._output)}})

    def _delta(self, event: dict[str, Any]) -> dict[str, Any]:
        if self._pad:
            event["obfuscation"] = secrets.token_hex(PAD_TO_CHARS)[: -len(event["delta"]) % PAD_TO_CHARS]
        return self._say(event)

    def _say(self, event: dict[str, Any]) -> dict[str, Any]:
        event["sequence_number"] = self._number
        self._number += 1
        return event


def _new_item(kind: str) -> Item:
    if kind == "reasoning":
        return {"id": new_id("rs"), "type": "reasoning", "status": "in_progress", "summary": [], "content": []}
    return {"id": new_id("msg"), "type": "message", "status": "in_progress", "role": "assistant", "content": []}


def usage_body(used: Usage, reasoning_tokens: int) -> dict[str, Any]:
    """`usage` as the Responses API has it; audio tokens, energy and compute only where there is a figure."""
    heard = {"audio_tokens": used.audio_tokens} if used.audio_tokens else {}
    drawn = {"image_tokens": used.image_output_tokens} if used.image_output_tokens else {}
    found: dict[str, Any] = {
        "input_tokens": used.prompt_tokens,
        "input_tokens_details": {"cached_tokens": used.cached_tokens, "cache_write_tokens": 0} | heard,
        "output_tokens": used.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": reasoning_tokens} | drawn,
        "total_tokens": used.total_tokens,
    }
    return found | common.extras(used)


def _short(one: TokenLogprob) -> dict[str, Any]:
    top = [{"token": other.token, "logprob": other.logprob} for other in one.top]
    return {"token": one.token, "logprob": one.logprob, "top_logprobs": top}


def _without_bytes(one: dict[str, Any]) -> dict[str, Any]:
    top = [{"token": other["token"], "logprob": other["logprob"]} for other in one["top_logprobs"]]
    return {"token": one["token"], "logprob": one["logprob"], "top_logprobs": top}
