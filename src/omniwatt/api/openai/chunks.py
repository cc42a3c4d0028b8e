"""Chat answers on the wire: one body, or chunks written from prepared pieces (this runs once a token)."""

import secrets
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from omniwatt.api.openai import common, spoken
from omniwatt.api.openai.images_answers import Gatherer, Made, facts
from omniwatt.api.openai.spoken import Spoken
from omniwatt.api.stream import DONE, encode_json, sse
from omniwatt.contract.event import ChoiceEnd, Data, Event, Finished, Picture, Started, TextDelta, ToolCallDelta

SHOWN = (TextDelta, ToolCallDelta, ChoiceEnd, Data, Picture)
PAD_TO_CHARS = 32
"""With obfuscation every delta is padded to a multiple of this, so that its size says little about the token."""


class ChatAnswer(NamedTuple):
    """What all pieces of one answer share. `functions`: asked in the deprecated form, so answered in it."""

    id: str
    created: int
    logprobs: bool
    functions: bool
    spoken: Spoken | None = None
    """Set when the answer is to be heard, too: its text is then the transcript of the sound."""
    illustrated: bool = False
    """It may hold a picture; sound it holds none then."""


class _Choice:
    """One choice while its pieces come in."""

    __slots__ = ("calls", "gatherer", "images", "logprobs", "reason", "said", "sound")

    def __init__(self) -> None:
        self.said: dict[str, list[str]] = {}
        self.logprobs: list[dict[str, Any]] = []
        self.calls: dict[int, dict[str, Any]] = {}
        self.reason = "stop"
        self.sound: list[bytes] = []
        self.gatherer = Gatherer()
        self.images: list[dict[str, Any]] = []

    def see(self, event: Event, *, illustrated: bool = False) -> None:
        if illustrated and (made := self.gatherer.feed(event)) and made.picture.partial is None:
            self.images.append(image(made, len(self.images)))
        if type(event) is TextDelta:
            self.said.setdefault(event.kind, []).append(event.text)
            if event.logprobs:
                self.logprobs += [common.logprob(one) for one in event.logprobs]
        elif type(event) is ToolCallDelta:
            call = self.calls.setdefault(event.call, {"id": event.id, "name": event.name, "arguments": []})
            call["arguments"].append(event.arguments)
        elif type(event) is Data and not illustrated:
            self.sound.append(event.data)
        elif type(event) is ChoiceEnd:
            self.reason = event.reason

    def whole(self, index: int, answer: ChatAnswer) -> dict[str, Any]:
        said = {kind: "".join(pieces) for kind, pieces in self.said.items()}
        message: dict[str, Any] = {
            "role": "assistant",
            "content": said.get("answer") or (None if self.calls or "refusal" in said else ""),
            "refusal": said.get("refusal"),
            "annotations": [],
        }
        if answer.spoken is not None and (said.get("answer") or self.sound):
            message["content"] = None
            message["audio"] = spoken.whole(answer.spoken, self.sound, said["answer"])
        if "reasoning" in said:
            message["reasoning_content"] = said["reasoning"]
        if self.images:
            message["images"] = self.images
        if self.calls:
            message |= _calls(list(self.calls.values()), answer)
        return {
            "index": index,
            "message": message,
            "logprobs": {"content": self.logprobs, "refusal": None} if answer.logprobs else None,
            "finish_reason": _reason(self.reason, answer),
        }


def image(made: Made, index: int) -> dict[str, Any]:
    """One of `message.images`, in the shape OpenRouter and LiteLLM have for it."""
    url = f"data:{made.picture.media_type};base64,{made.text}"
    return {"type": "image_url", "index": index, "image_url": {"url": url}} | facts(made.picture)


_DELTA_KEY = {"answer": "content", "refusal": "refusal", "reasoning": "reasoning_content"}


def _calls(calls: list[dict[str, Any]], answer: ChatAnswer) -> dict[str, Any]:
    functions = [{"name": call["name"], "arguments": "".join(call["arguments"])} for call in calls]
    if answer.functions:
        return {"function_call": functions[0]}
    return {
        "tool_calls": [
            {"id": call["id"], "type": "function", "function": function}
            for call, function in zip(calls, functions, strict=True)
        ]
    }


def _reason(reason: str, answer: ChatAnswer) -> str:
    return "function_call" if reason == "tool_calls" and answer.functions else reason


def completion(answer: ChatAnswer, started: Started, events: list[Event], finished: Finished) -> dict[str, Any]:
    """The body of an answer that is not streamed."""
    choices: dict[int, _Choice] = {}
    for event in events:
        if isinstance(event, SHOWN):
            choice = choices.get(event.index)
            if choice is None:
                choice = choices[event.index] = _Choice()
            choice.see(event, illustrated=answer.illustrated)
    model = finished.model or started.model
    return {
        "id": answer.id,
        "object": "chat.completion",
        "created": answer.created,
        "model": model,
        "choices": [choices[index].whole(index, answer) for index in sorted(choices)],
        "usage": common.usage(finished.usage),
        "service_tier": started.tier,
        "system_fingerprint": common.fingerprint(model),
    }


class ChatChunks:
    """Encoder of a streamed chat (see stream.Encoder)."""

    def __init__(
        self,
        answer: ChatAnswer,
        choices: int,
        options: dict[str, bool],
        keep: Callable[[str], Awaitable[None]] | None = None,
    ) -> None:
        """`keep` is given the words of a spoken answer once it is complete."""
        self._answer = answer
        self._keep = keep
        self._said: list[str] = []
        self._sound = spoken.Pieces()
        self._gatherer = Gatherer()
        self._images = 0
        self._n = choices
        self._usage = options.get("include_usage", False)
        self._pad = options.get("include_obfuscation", False)
        self._plain = not (answer.logprobs or self._pad or answer.spoken)
        self._named: set[tuple[int, int]] = set()

    def start(self, started: Started) -> bytes:
        """One chunk a choice that says the role."""
        answer = self._answer
        head = {
            "id": answer.id,
            "object": "chat.completion.chunk",
            "created": answer.created,
            "model": started.model,
            "service_tier": started.tier,
            "system_fingerprint": common.fingerprint(started.model),
        }
        self._head = b"data: " + encode_json(head)[:-1] + b',"choices":['
        self._tail = b'],"usage":null}\n\n' if self._usage else b"]}\n\n"
        self._text_head = [self._head + b'{"index":%d,"delta":{"content":' % i for i in range(self._n)]
        self._text_tail = b'},"logprobs":null,"finish_reason":null}' + self._tail
        role = {"role": "assistant", "content": "", "refusal": None}
        if answer.spoken is not None:
            del role["content"]
        return b"".join(self._chunk(index, role) for index in range(self._n))

    def event(self, event: Event) -> bytes:
        """A delta, or a choice's end."""
        if self._answer.illustrated and (made := self._gatherer.feed(event)) and made.picture.partial is None:
            self._images += 1
            return self._chunk(0, {"images": [image(made, self._images - 1)]}) + self._delta_of(event)
        return self._delta_of(event)

    def _delta_of(self, event: Event) -> bytes:
        if type(event) is TextDelta:
            if self._plain and event.kind == "answer":
                if not event.text:
                    return b""
                return self._text_head[event.index] + encode_json(event.text) + self._text_tail
            return self._text(event)
        if type(event) is ToolCallDelta:
            return self._chunk(event.index, self._call(event))
        if type(event) is Data and self._answer.spoken is not None:
            return self._sounding(event.index, self._sound.feed(event.data))
        if type(event) is ChoiceEnd:
            if self._said and self._answer.spoken is not None:
                return self._spoken_end(event, self._answer.spoken)
            # The plainest client prints delta.content of every chunk: where there was text it is never null.
            delta = {} if event.reason == "tool_calls" else {"content": ""}
            return self._chunk(event.index, delta, reason=_reason(event.reason, self._answer))
        return b""

    def _text(self, event: TextDelta) -> bytes:
        if not event.text and not event.logprobs:
            return b""
        logprobs = None
        if self._answer.logprobs and event.logprobs:
            logprobs = {"content": [common.logprob(one) for one in event.logprobs], "refusal": None}
        if self._answer.spoken is not None and event.kind == "answer":
            # The client's own accumulator joins strings: an id said twice would be another one.
            audio = {} if self._said else {"id": self._answer.spoken.id}
            self._said.append(event.text)
            return self._chunk(event.index, {"audio": audio | {"transcript": event.text}}, logprobs)
        return self._chunk(event.index, {_DELTA_KEY[event.kind]: event.text}, logprobs)

    def _spoken_end(self, event: ChoiceEnd, answer: Spoken) -> bytes:
        """The last of the sound, how long its id holds (in a choice that says no more, as OpenAI's does), the end."""
        rest = self._sounding(event.index, self._sound.end())
        choice = {"index": event.index, "delta": {"audio": {"expires_at": answer.expires_at}}}
        expiry = self._head + encode_json(choice) + self._tail
        return rest + expiry + self._chunk(event.index, {}, reason=_reason(event.reason, self._answer))

    def _sounding(self, index: int, pieces: list[str]) -> bytes:
        return b"".join(self._chunk(index, {"audio": {"data": data}}) for data in pieces)

    def _call(self, event: ToolCallDelta) -> dict[str, Any]:
        function: dict[str, Any] = {"arguments": event.arguments}
        place = (event.index, event.call)
        first = place not in self._named
        self._named.add(place)
        if first:
            function = {"name": event.name, "arguments": event.arguments}
        if self._answer.functions:
            return {"function_call": function}
        call = {"index": event.call, "function": function}
        if first:
            call = {"index": event.call, "id": event.id, "type": "function", "function": function}
        return {"tool_calls": [call]}

    def _chunk(
        self, index: int, delta: dict[str, Any], logprobs: dict[str, Any] | None = None, reason: str | None = None
    ) -> bytes:
        choice = {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": reason}
        tail = self._tail
        if self._pad:
            text = delta.get("content", "") or delta.get("audio", {}).get("transcript", "")
            padding = -len(str(text)) % PAD_TO_CHARS
            tail = tail.replace(
                b"}\n\n", b',"obfuscation":"%s"}\n\n' % secrets.token_hex(PAD_TO_CHARS)[:padding].encode()
            )
        return self._head + encode_json(choice) + tail

    async def end(self, finished: Finished) -> bytes:
        """The usage: a chunk of its own if asked for, else only its energy, as a comment; then [DONE]."""
        if self._keep is not None and self._said:
            await self._keep("".join(self._said))
        usage = common.usage(finished.usage)
        if self._usage:
            return self._head + b'],"usage":' + encode_json(usage) + b"}\n\n" + DONE
        extras = common.extras(finished.usage)
        if extras:
            return b": " + encode_json(extras) + b"\n\n" + DONE
        return DONE

    def error(self, error: dict[str, Any]) -> bytes:
        """An error inside the stream, which ends with it."""
        return sse(error)
