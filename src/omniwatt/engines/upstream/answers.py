"""OpenAI's JSON as our events: what comes back. Pure but for the state of one answer."""

import math
import secrets
from collections import Counter
from collections.abc import Iterator
from typing import Any, Literal, TypeVar

import msgspec
import numpy as np

from omniwatt.contract.error import UpstreamFailed
from omniwatt.contract.event import (
    ChoiceEnd,
    Event,
    Finished,
    TextDelta,
    TokenLogprob,
    ToolCallDelta,
    Usage,
    Vector,
)

BYTES_PER_TOKEN = 4
"""For the estimate of a prompt whose provider does not say what it counted."""
MAX_TOOL_CALLS = 256
Reason = Literal["stop", "length", "tool_calls", "content_filter"]
_REASONS: dict[str, Reason] = {
    "stop": "stop",
    "length": "length",
    "max_tokens": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
}


class Top(msgspec.Struct):
    token: str
    logprob: float
    bytes: list[int] | None = None


class Logprob(Top):
    top_logprobs: list[Top] = []


class ChatLogprobs(msgspec.Struct):
    content: list[Logprob] | None = None
    refusal: list[Logprob] | None = None


class TextLogprobs(msgspec.Struct):
    tokens: list[str] | None = None
    token_logprobs: list[float | None] | None = None
    top_logprobs: list[dict[str, float] | None] | None = None


class FunctionPiece(msgspec.Struct):
    name: str | None = None
    arguments: str | dict[str, Any] | None = None


class CallPiece(msgspec.Struct):
    index: int | None = None
    id: str | None = None
    function: FunctionPiece | None = None


class Delta(msgspec.Struct):
    content: str | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    tool_calls: list[CallPiece] | None = None


class ChatChoice(msgspec.Struct):
    index: int = 0
    delta: Delta | None = None
    message: Delta | None = None
    finish_reason: str | None = None
    logprobs: ChatLogprobs | None = None


class TextChoice(msgspec.Struct):
    index: int = 0
    text: str | None = None
    finish_reason: str | None = None
    logprobs: TextLogprobs | None = None


class PromptDetails(msgspec.Struct):
    cached_tokens: int | None = None
    audio_tokens: int | None = None
    image_tokens: int | None = None


class AnswerDetails(msgspec.Struct):
    reasoning_tokens: int | None = None
    audio_tokens: int | None = None
    accepted_prediction_tokens: int | None = None
    rejected_prediction_tokens: int | None = None


class UsageIn(msgspec.Struct):
    prompt_tokens: int = 0
    completion_tokens: int | None = None
    prompt_tokens_details: PromptDetails | None = None
    completion_tokens_details: AnswerDetails | None = None


class Chunk(msgspec.Struct):
    model: str | None = None
    usage: UsageIn | None = None
    system_fingerprint: str | None = None
    service_tier: str | None = None
    error: Any = None


class ChatChunk(Chunk):
    choices: list[ChatChoice] | None = None


class TextChunk(Chunk):
    choices: list[TextChoice] | None = None


class Embedding(msgspec.Struct):
    embedding: list[float]
    index: int = 0


class Embeddings(Chunk):
    data: list[Embedding] = []


_C = TypeVar("_C", bound=Chunk)


def decode(data: bytes, kind: type[_C]) -> _C:
    """Raises UpstreamFailed when it is not JSON of OpenAI's shape."""
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise UpstreamFailed("The provider's answer is not in OpenAI's shape.") from None


class Answer:
    """One answer being read. `first` is added to each choice's index: several calls can make up one answer."""

    def __init__(
        self, kind: type[ChatChunk] | type[TextChunk], choices: int, prompt_bytes: int, first: int = 0
    ) -> None:
        self._kind = kind
        self._choices = choices
        self._prompt_bytes = prompt_bytes
        self._first = first
        self._ended: set[int] = set()
        self._calls: dict[tuple[int, int], tuple[int, str]] = {}
        self._called: Counter[int] = Counter()
        self._pieces = 0
        self._usage: UsageIn | None = None
        self.model = ""
        self.details: dict[str, Any] = {}

    @property
    def complete(self) -> bool:
        """All choices have come to their end; only the usage may be missing."""
        return len(self._ended) == self._choices

    def events(self, data: bytes) -> Iterator[Event]:
        """The events of one chunk, or of a whole answer that was not streamed. Raises UpstreamFailed."""
        chunk = decode(data, self._kind)
        self._note(chunk)
        for choice in chunk.choices or ():
            if not 0 <= choice.index < self._choices or choice.index in self._ended:
                continue
            yield from self._chat(choice) if isinstance(choice, ChatChoice) else self._text(choice)
            if choice.finish_reason:
                yield self._end(choice.index, choice.finish_reason)

    def close(self, proper: bool) -> Iterator[Event]:
        """The ends that a provider left out. Raises UpstreamFailed when it said nothing, or broke off (not proper)."""
        if self.complete:
            return
        if not proper:
            raise UpstreamFailed("The provider's answer broke off before its end.")
        if not self._pieces and not self._ended:
            raise UpstreamFailed("The provider answered with nothing.")
        for index in range(self._choices):
            if index not in self._ended:
                yield self._end(index, "stop")

    def usage(self) -> Usage:
        """What the provider counted; else an estimate, and `details` says so."""
        if self._usage is None:
            self.details["usage"] = "estimated"
            return Usage(math.ceil(self._prompt_bytes / BYTES_PER_TOKEN), self._pieces)
        return usage_of(self._usage)

    def finished(self) -> Finished:
        usage = self.usage()
        return Finished(usage, self.model, self.details)

    def _note(self, chunk: Chunk) -> None:
        self.model = public_name(chunk.model or "") or self.model
        self._usage = chunk.usage or self._usage
        for name in ("system_fingerprint", "service_tier"):
            if value := getattr(chunk, name):
                self.details[name] = value

    def _end(self, index: int, reason: str) -> ChoiceEnd:
        self._ended.add(index)
        return ChoiceEnd(_REASONS.get(reason, "stop"), self._first + index)

    def _chat(self, choice: ChatChoice) -> Iterator[Event]:
        delta = choice.delta or choice.message or Delta()
        index = self._first + choice.index
        if thought := delta.reasoning_content or delta.reasoning:
            yield TextDelta(thought, index, self._produced(1), kind="reasoning")
        logprobs = choice.logprobs or ChatLogprobs()
        yield from self._piece(delta.content, logprobs.content, index, "answer")
        yield from self._piece(delta.refusal, logprobs.refusal, index, "refusal")
        for position, piece in enumerate(delta.tool_calls or ()):
            yield self._tool_call(choice.index, position, piece)

    def _piece(
        self, text: str | None, logprobs: list[Logprob] | None, index: int, kind: Literal["answer", "refusal"]
    ) -> Iterator[Event]:
        if text or logprobs:
            tokens = tuple(_logprob(entry) for entry in logprobs or ())
            yield TextDelta(text or "", index, self._produced(len(tokens) or 1), tokens, kind)

    def _text(self, choice: TextChoice) -> Iterator[Event]:
        logprobs = _text_logprobs(choice.logprobs)
        if choice.text or logprobs:
            count = self._produced(len(logprobs) or 1)
            yield TextDelta(choice.text or "", self._first + choice.index, count, logprobs)

    def _tool_call(self, choice: int, position: int, piece: CallPiece) -> ToolCallDelta:
        """Providers repeat ids, leave them out, or give every call the index 0: a new id at an index is a new call."""
        key = (choice, position if piece.index is None else piece.index)
        call, known = self._calls.get(key, (0, ""))
        function = piece.function or FunctionPiece()
        arguments = function.arguments or ""
        if not isinstance(arguments, str):
            arguments = msgspec.json.encode(arguments).decode()
        index, tokens = self._first + choice, self._produced(1)
        if known and piece.id in {None, "", known}:
            return ToolCallDelta(call, arguments, index=index, tokens=tokens)
        call, identity = self._called[choice], piece.id or f"call_{secrets.token_hex(12)}"
        if call >= MAX_TOOL_CALLS:
            raise UpstreamFailed("The provider's answer has more tool calls than can be taken.")
        self._called[choice] += 1
        self._calls[key] = (call, identity)
        return ToolCallDelta(call, arguments, identity, function.name or "", index, tokens)

    def _produced(self, tokens: int) -> int:
        self._pieces += tokens
        return tokens


def public_name(model: str) -> str:
    """A model's name as a caller may see it: servers of a local file answer with its path."""
    return model.rsplit("/", 1)[-1] if model.startswith(("/", ".", "~")) else model


def usage_of(usage: UsageIn) -> Usage:
    """A provider's usage in ours; negative counts are taken as none."""
    prompt = usage.prompt_tokens_details or PromptDetails()
    answer = usage.completion_tokens_details or AnswerDetails()
    return Usage(
        prompt_tokens=_count(usage.prompt_tokens),
        completion_tokens=_count(usage.completion_tokens),
        cached_tokens=_count(prompt.cached_tokens),
        audio_tokens=_count(prompt.audio_tokens),
        audio_output_tokens=_count(answer.audio_tokens),
        image_tokens=_count(prompt.image_tokens),
        accepted_prediction_tokens=_count(answer.accepted_prediction_tokens),
        rejected_prediction_tokens=_count(answer.rejected_prediction_tokens),
        reasoning_tokens=_count(answer.reasoning_tokens),
    )


def vectors(data: bytes, inputs: int) -> tuple[list[Event], Embeddings]:
    """One vector per input, in their order. Raises UpstreamFailed when some are missing or not numbers."""
    answer = decode(data, Embeddings)
    by_index = {entry.index: entry.embedding for entry in answer.data}
    if sorted(by_index) != list(range(inputs)) or not all(by_index.values()):
        raise UpstreamFailed("The provider did not answer with one vector per input.")
    events: list[Event] = []
    for index in range(inputs):
        with np.errstate(over="ignore"):
            vector = np.asarray(by_index[index], dtype="<f4")
        if not np.isfinite(vector).all():
            raise UpstreamFailed("The provider answered with a vector that is not finite.")
        events.append(Vector(vector.tobytes(), index))
    return events, answer


def _count(tokens: int | None) -> int:
    return max(0, tokens or 0)


def _logprob(entry: Logprob) -> TokenLogprob:
    return TokenLogprob(
        entry.token,
        entry.logprob,
        _bytes(entry),
        tuple(TokenLogprob(top.token, top.logprob, _bytes(top)) for top in entry.top_logprobs),
    )


def _bytes(entry: Top) -> bytes:
    try:
        return entry.token.encode() if entry.bytes is None else bytes(entry.bytes)
    except ValueError:
        raise UpstreamFailed("The provider's answer is not in OpenAI's shape.") from None


def _text_logprobs(logprobs: TextLogprobs | None) -> tuple[TokenLogprob, ...]:
    """A prompt's first token, echoed, has no probability: it counts as certain."""
    if logprobs is None or not logprobs.tokens:
        return ()
    values = logprobs.token_logprobs or []
    tops = logprobs.top_logprobs or []
    return tuple(
        TokenLogprob(
            token,
            (values[at] if at < len(values) else None) or 0.0,
            token.encode(),
            tuple(
                TokenLogprob(name, value, name.encode())
                for name, value in ((tops[at] if at < len(tops) else None) or {}).items()
            ),
        )
        for at, token in enumerate(logprobs.tokens)
    )
