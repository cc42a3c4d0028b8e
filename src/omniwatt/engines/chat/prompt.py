"""Messages and tools in the form the model's own chat template takes."""

import json
from collections.abc import Sequence
from typing import Any

from omniwatt.contract.error import BadInput
from omniwatt.contract.request import Format, Message, TextPart, Tool

DEFAULT_FIM = ("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>")


TOOLS_TEXT = """You may call functions to help with the request. The functions, as JSON:
{functions}
To call one, write exactly:
<tool_call>
{{"name": "function name", "arguments": {{...}}}}
</tool_call>"""
SCHEMA_TEXT = "Answer with nothing but JSON that fits this schema: {schema}"
OBJECT_TEXT = "Answer with nothing but a JSON object."
MAX_SCHEMA_CHARS = 2_000


def conversation(
    messages: Sequence[Message], system_prompt: str = "", answer: Format | None = None
) -> list[dict[str, Any]]:
    """Template input. `system_prompt` leads when the caller gave none. Raises BadInput for media."""
    turns = [_turn(message) for message in messages]
    if system_prompt and not any(turn["role"] == "system" for turn in turns):
        turns.insert(0, {"role": "system", "content": system_prompt})
    return _with_system(turns, _shape(answer)) if answer is not None and answer.kind != "text" else turns


def in_words(turns: Sequence[dict[str, Any]], tools: Sequence[Tool]) -> list[dict[str, Any]]:
    """The same conversation for a template that knows nothing of tools: calls and results become text."""
    listed = "\n".join(json.dumps(tool, ensure_ascii=False) for tool in functions(tools))
    return _with_system([_worded(turn) for turn in turns], TOOLS_TEXT.format(functions=listed))


def functions(tools: Sequence[Tool]) -> list[dict[str, Any]]:
    """Tools in OpenAI's form, which templates expect."""
    return [
        {
            "type": "function",
            "function": {"name": tool.name, "description": tool.description, "parameters": tool.parameters},
        }
        for tool in tools
    ]


def _turn(message: Message) -> dict[str, Any]:
    for part in message.content:
        if not isinstance(part, TextPart):
            raise BadInput(f"This model takes text only, not {part.kind}", param="messages")
    turn: dict[str, Any] = {"role": "system" if message.role == "developer" else message.role, "content": message.text}
    if message.name:
        turn["name"] = message.name
    if message.tool_calls:
        turn["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": _readable(call.arguments)}}
            for call in message.tool_calls
        ]
    if message.tool_call_id:
        turn["tool_call_id"] = message.tool_call_id
    return turn


def _readable(arguments: str) -> str:
    """Arguments a template can read: models write broken ones, and clients send them back as they were."""
    try:
        json.loads(arguments)
    except (ValueError, RecursionError):
        return json.dumps({"arguments": arguments}, ensure_ascii=False)
    return arguments


def _shape(answer: Format) -> str:
    """The grammar holds the form; these words let the model mean it."""
    schema = json.dumps(answer.schema, ensure_ascii=False, separators=(",", ":"))
    if answer.kind == "json_object" or len(schema) > MAX_SCHEMA_CHARS:
        return OBJECT_TEXT
    return SCHEMA_TEXT.format(schema=schema)


def _with_system(turns: list[dict[str, Any]], text: str) -> list[dict[str, Any]]:
    if turns and turns[0]["role"] == "system":
        first = turns[0] | {"content": f"{turns[0]['content']}\n\n{text}".lstrip()}
        return [first, *turns[1:]]
    return [{"role": "system", "content": text}, *turns]


def _worded(turn: dict[str, Any]) -> dict[str, Any]:
    if turn["role"] == "tool":
        return {"role": "user", "content": f"<tool_response>\n{turn['content']}\n</tool_response>"}
    calls = "".join(
        f'\n<tool_call>\n{{"name": {json.dumps(call["function"]["name"])}, '
        f'"arguments": {call["function"]["arguments"]}}}\n</tool_call>'
        for call in turn.get("tool_calls", ())
    )
    return {"role": turn["role"], "content": (turn["content"] + calls).lstrip("\n")}
