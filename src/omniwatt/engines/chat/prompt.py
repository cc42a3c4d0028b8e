"""Messages and tools in the form the model's own chat template takes."""

from collections.abc import Sequence
from typing import Any

from omniwatt.contract.error import BadInput
from omniwatt.contract.request import Message, TextPart, Tool

DEFAULT_FIM = ("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>")


def conversation(messages: Sequence[Message], system_prompt: str = "") -> list[dict[str, Any]]:
    """Template input. `system_prompt` leads when the caller gave none. Raises BadInput for media."""
    turns = [_turn(message) for message in messages]
    if system_prompt and not any(turn["role"] == "system" for turn in turns):
        turns.insert(0, {"role": "system", "content": system_prompt})
    return turns


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
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in message.tool_calls
        ]
    if message.tool_call_id:
        turn["tool_call_id"] = message.tool_call_id
    return turn
