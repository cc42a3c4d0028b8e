"""Our bodies as OpenAI's JSON: what is sent, but for the model's name. Pure."""

import base64
from collections.abc import Callable
from typing import Any

from omniwatt.contract.error import UnsupportedField
from omniwatt.contract.request import (
    ChatBody,
    CompleteBody,
    CountBody,
    EmbedBody,
    MediaPart,
    Message,
    Part,
    Sampling,
    TextPart,
    Tool,
)
from omniwatt.engines.sniff import canonical, sniff
from omniwatt.engines.upstream.faults import Refusal

Json = dict[str, Any]
Fetch = Callable[[MediaPart], bytes]

RECORDED = ("user", "metadata", "safety_identifier", "prompt_cache_key", "service_tier")
"""Recorded fields that a provider may know; they change nothing, so one it refuses is left out."""
_SOUND_FORMATS = {
    "audio/wav": "wav",
    "audio/mpeg": "mp3",
    "audio/flac": "flac",
    "audio/ogg": "ogg",
    "audio/mp4": "m4a",
    "audio/aac": "aac",
    "video/webm": "webm",
}


def chat(body: ChatBody, recorded: Json, fetch: Fetch) -> Json:
    """A request for /chat/completions, always streamed. `fetch` gives a media part's bytes."""
    asked: Json = {"messages": [_message(message, fetch) for message in body.messages]}
    asked |= _sampling(body.sampling) | _streamed() | _known(recorded)
    if body.sampling.logprobs is not None:
        asked |= {"logprobs": True}
        if body.sampling.logprobs:
            asked["top_logprobs"] = body.sampling.logprobs
    if body.tools:
        asked["tools"] = [_tool(tool) for tool in body.tools]
        asked |= _tool_choice(body)
    if body.format.kind != "text":
        asked["response_format"] = _format(body)
    return asked


def complete(body: CompleteBody, recorded: Json) -> Json:
    """A request for /completions. More samples than answers cannot be streamed: then it is not."""
    prompts = [prompt if isinstance(prompt, str) else list(prompt) for prompt in body.prompts]
    asked: Json = {"prompt": prompts[0] if len(prompts) == 1 else prompts}
    asked |= _sampling(body.sampling) | _known(recorded)
    if body.best_of > body.sampling.n:
        asked["best_of"] = body.best_of
    else:
        asked |= _streamed()
    if body.suffix:
        asked["suffix"] = body.suffix
    if body.echo:
        asked["echo"] = True
    if body.sampling.logprobs is not None:
        asked["logprobs"] = body.sampling.logprobs
    return asked


def as_chats(body: CompleteBody) -> list[ChatBody]:
    """One conversation per prompt, for a completion that wants the model's chat template. Raises UnsupportedField."""
    if body.suffix:
        raise UnsupportedField("`suffix` needs a model that completes raw text.", param="suffix")
    if body.best_of > body.sampling.n:
        raise UnsupportedField("`best_of` needs a model that completes raw text.", param="best_of")
    if any(not isinstance(prompt, str) for prompt in body.prompts):
        raise UnsupportedField("Prompts of token ids need a model that completes raw text.", param="prompt")
    return [ChatBody((Message("user", (TextPart(str(prompt)),)),), sampling=body.sampling) for prompt in body.prompts]


def embed(body: EmbedBody, recorded: Json) -> Json:
    """A request for /embeddings, in floats: every server has those."""
    inputs = [text if isinstance(text, str) else list(text) for text in body.inputs]
    asked: Json = {"input": inputs, "encoding_format": "float"}
    if body.dimensions is not None:
        asked["dimensions"] = body.dimensions
    return asked | ({"user": recorded["user"]} if recorded.get("user") else {})


def count(body: CountBody, fetch: Fetch) -> Json:
    """A request for the token counting route of vLLM, and for the template route of llama-server."""
    asked: Json = {"messages": [_message(message, fetch) for message in body.messages]}
    return asked | ({"tools": [_tool(tool) for tool in body.tools]} if body.tools else {})


def prompt_bytes(body: ChatBody | CompleteBody) -> int:
    """How much text is sent, for the estimate when a provider does not say what it counted."""
    if isinstance(body, ChatBody):
        return sum(len(message.text.encode()) for message in body.messages)
    return sum(len(p.encode()) if isinstance(p, str) else 4 * len(p) for p in body.prompts)


def amend(asked: Json, refusal: Refusal) -> Json | None:
    """The request without the field a provider refused, where that field changes no answer; else None."""
    field = field_of(refusal)
    if refusal.status not in {400, 422} or field not in asked:
        return None
    rest = {name: value for name, value in asked.items() if name != field}
    if field == "max_tokens":
        return rest | {"max_completion_tokens": asked["max_tokens"]}
    if field == "max_completion_tokens":
        return rest | {"max_tokens": asked[field]}
    return (
        rest
        if field in {*RECORDED, "stream_options", "encoding_format", "response_format"} and _idle(asked, field)
        else None
    )


def _idle(asked: Json, field: str) -> bool:
    """The form of a picture may be left unsaid, that of a text may not."""
    return field != "response_format" or asked[field] == "b64_json"


def field_of(refusal: Refusal) -> str:
    """The top-level field a refusal is about; "" when it names none."""
    return (refusal.param or "").partition(".")[0]


def _message(message: Message, fetch: Fetch) -> Json:
    sent: Json = {"role": message.role, "content": _content(message, fetch)}
    if message.name:
        sent["name"] = message.name
    if message.tool_call_id:
        sent["tool_call_id"] = message.tool_call_id
    if message.tool_calls:
        sent["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in message.tool_calls
        ]
    return sent


def _content(message: Message, fetch: Fetch) -> str | list[Json] | None:
    parts = message.content
    if not parts:
        return None if message.tool_calls else ""
    if len(parts) == 1 and isinstance(parts[0], TextPart):
        return parts[0].text
    return [_part(part, fetch) for part in parts]


def _part(part: Part, fetch: Fetch) -> Json:
    if isinstance(part, TextPart):
        return {"type": "text", "text": part.text}
    data = fetch(part)
    found = sniff(data)
    media_type = found if found not in {"", "text/plain"} else canonical(part.media_type) or found
    text = base64.b64encode(data).decode()
    if part.kind == "audio":
        return {"type": "input_audio", "input_audio": {"data": text, "format": _sound_format(media_type)}}
    url = f"data:{media_type or 'application/octet-stream'};base64,{text}"
    if part.kind == "image":
        return {"type": "image_url", "image_url": {"url": url} | _detail(part)}
    return {"type": "file", "file": {"file_data": url, "filename": part.name or "file"}}


def _detail(part: MediaPart) -> Json:
    return {} if part.detail == "auto" else {"detail": part.detail}


def _sound_format(media_type: str) -> str:
    if media_type not in _SOUND_FORMATS:
        raise UnsupportedField("This sound is in no format that can be passed on; send wav or mp3.", param="messages")
    return _SOUND_FORMATS[media_type]


def _sampling(sampling: Sampling) -> Json:
    optional = {
        "max_tokens": sampling.max_tokens,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "seed": sampling.seed,
        "frequency_penalty": sampling.frequency_penalty or None,
        "presence_penalty": sampling.presence_penalty or None,
        "stop": list(sampling.stop) or None,
        "logit_bias": sampling.logit_bias or None,
        "n": sampling.n if sampling.n > 1 else None,
    }
    return {name: value for name, value in optional.items() if value is not None}


def _streamed() -> Json:
    return {"stream": True, "stream_options": {"include_usage": True}}


def _known(recorded: Json) -> Json:
    return {name: recorded[name] for name in RECORDED if recorded.get(name) is not None}


def _tool(tool: Tool) -> Json:
    function: Json = {"name": tool.name, "parameters": tool.parameters or {"type": "object", "properties": {}}}
    if tool.description:
        function["description"] = tool.description
    if tool.strict:
        function["strict"] = True
    return {"type": "function", "function": function}


def _tool_choice(body: ChatBody) -> Json:
    asked: Json = {}
    kind, _, name = body.tool_choice.partition(":")
    if kind == "function":
        asked["tool_choice"] = {"type": "function", "function": {"name": name}}
    elif kind != "auto":
        asked["tool_choice"] = kind
    if not body.parallel_tool_calls:
        asked["parallel_tool_calls"] = False
    return asked


def _format(body: ChatBody) -> Json:
    if body.format.kind == "json_object":
        return {"type": "json_object"}
    schema: Json = {"name": body.format.name or "answer", "schema": body.format.schema}
    if body.format.strict:
        schema["strict"] = True
    return {"type": "json_schema", "json_schema": schema}
