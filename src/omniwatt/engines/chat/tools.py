"""Tool calls: the constraint that makes a model write them well, and the reader that finds them in what it wrote.

One form for every model: `<tool_call>\\n{"name": ..., "arguments": {...}}\\n</tool_call>`. Where the model may choose
(`auto`), the constraint begins with the tag; small models often leave the tag out, so an answer that is nothing but a
JSON object naming a known tool, with arguments that fit its schema, is a call as well.
"""

import json
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from omniwatt.contract.error import BadInput
from omniwatt.contract.event import TextDelta, ToolCallDelta
from omniwatt.contract.request import Format, Tool
from omniwatt.engines.chat.choice import Delta
from omniwatt.engines.chat.fits import fits
from omniwatt.engines.chat.grammar import Grammar, quote
from omniwatt.engines.chat.stops import overlap

OPEN, CLOSE = "<tool_call>", "</tool_call>"
MAX_CALLS = 16
MAX_HEAD_CHARS = 1_000
"""A tag followed by this much that is no call is text."""
WORD_TRIGGER = 1
"""llama.cpp's number for «begin to constrain at this word»."""
HEADER = re.compile(
    r'\s*\{\s*"name"\s*:\s*("(?:[^"\\]|\\.)*")\s*,\s*"(?:arguments|parameters)"\s*:\s*(?=\S)', re.DOTALL
)
FENCE = re.compile(r"\s*(?:```[a-z]*\s*)?", re.DOTALL)


def chosen(tools: Sequence[Tool], choice: str) -> list[Tool]:
    """The tools the model may call. Raises BadInput for a choice that names none of them."""
    if choice == "none" or not tools:
        if choice not in ("none", "auto"):
            raise BadInput("tool_choice needs tools", param="tool_choice")
        return []
    if not choice.startswith("function:"):
        return list(tools)
    name = choice.removeprefix("function:")
    found = [tool for tool in tools if tool.name == name]
    if not found:
        raise BadInput(f"tool_choice names {name[:64]!r}, which is not among the tools", param="tool_choice")
    return found


def constraint(tools: Sequence[Tool], *, forced: bool, parallel: bool, answer: Format | None = None) -> dict[str, Any]:
    """The part of a completion request that holds the model to well-formed calls. Raises BadInput for bad schemas.

    `answer` is the form the answer must have when it is no call.
    """
    grammar = Grammar("tools", strict=False)
    calls = [grammar.rule(_call(grammar, tool)) for tool in tools]
    call = grammar.rule(f'{quote(OPEN)} "\\n" ({" | ".join(calls)}) "\\n" {quote(CLOSE)}')
    root = f'{call} ("\\n" {call}){{0,{MAX_CALLS - 1}}}' if parallel else call
    body = {"preserved_tokens": [OPEN, CLOSE]}
    if forced:
        return {"grammar": grammar.text(root), **body}
    if answer is not None and answer.kind != "text":
        return {"grammar": grammar.text(f"{root} | {answer_rule(grammar, answer)}"), **body}
    trigger = {"type": WORD_TRIGGER, "value": OPEN}
    return {"grammar": grammar.text(root), "grammar_lazy": True, "grammar_triggers": [trigger], **body}


def answer_rule(grammar: Grammar, answer: Format) -> str:
    """The rule for an answer in this form."""
    return "object" if answer.kind == "json_object" else grammar.add(answer.schema)


def format_constraint(answer: Format) -> dict[str, Any]:
    """The part of a completion request that holds the answer to its format. Raises BadInput for bad schemas."""
    if answer.kind == "text":
        return {}
    grammar = Grammar("response_format", answer.strict)
    return {"grammar": grammar.text(answer_rule(grammar, answer))}


class ToolReader:
    """Text in, text and tool calls out. What might still become a call is held back, everything else goes through.

    `_state` walks text -> head (behind an opening tag) -> arguments -> tail (up to the closing tag) -> text.
    """

    def __init__(self, tools: Sequence[Tool], *, bare: bool, parallel: bool) -> None:
        self._tools = {tool.name: tool for tool in tools}
        self._parallel = parallel
        self._bare = bare
        self._state: Callable[[], list[Delta] | None] = self._in_text
        self._buffer = ""
        self._value = ValueEnd()
        self._calls = 0

    @property
    def called(self) -> bool:
        """True once a tool call has been read."""
        return self._calls > 0

    def feed(self, text: str) -> list[Delta]:
        """Deltas that are certain now."""
        self._buffer += text
        if self._bare:
            if may_be_call(self._buffer, self._tools):
                return []
            self._bare = False
        deltas: list[Delta] = []
        while (step := self._state()) is not None:
            deltas += step
        return deltas

    def end(self) -> list[Delta]:
        """Deltas of what was held back."""
        if self._bare:
            self._bare = False
            calls = bare_calls(self._buffer, self._tools)[: None if self._parallel else 1]
            if calls:
                return [delta for name, arguments in calls for delta in self._whole(name, arguments)]
        deltas = self.feed("")
        if self._state == self._in_head:
            deltas += _text(OPEN + self._buffer)
        elif self._state == self._in_text:
            deltas += self._visible(self._buffer)
        self._buffer = ""
        return deltas

    def _in_text(self) -> list[Delta] | None:
        place = self._buffer.find(OPEN)
        if place >= 0:
            shown, self._buffer = self._buffer[:place], self._buffer[place + len(OPEN) :]
            self._state = self._in_head
            return self._visible(shown)
        keep = overlap(self._buffer, OPEN)
        shown = self._buffer[: len(self._buffer) - keep]
        self._buffer = self._buffer[len(shown) :]
        return self._visible(shown) if shown else None

    def _in_head(self) -> list[Delta] | None:
        header = HEADER.match(self._buffer)
        name = _name(header) if header else ""
        if header and name in self._tools:
            self._buffer = self._buffer[header.end() :]
            self._value, self._state = ValueEnd(), self._in_arguments
            self._calls += 1
            return [ToolCallDelta(self._calls - 1, "", new_id(), name)]
        place = self._buffer.find(CLOSE)
        if place < 0 and len(self._buffer) < MAX_HEAD_CHARS:
            return None
        end = place + len(CLOSE) if place >= 0 else len(self._buffer)
        broken, self._buffer = self._buffer[:end], self._buffer[end:]
        self._state = self._in_text
        return _text(OPEN + broken)

    def _in_arguments(self) -> list[Delta] | None:
        shown = self._value.take(self._buffer)
        self._buffer = self._buffer[len(shown) :]
        if self._value.done:
            self._state = self._in_tail
        elif not shown:
            return None
        return [ToolCallDelta(self._calls - 1, shown)] if shown else []

    def _in_tail(self) -> list[Delta] | None:
        place = self._buffer.find(CLOSE)
        if place < 0:
            return None
        self._buffer = self._buffer[place + len(CLOSE) :]
        self._state = self._in_text
        return []

    def _visible(self, text: str) -> list[Delta]:
        """After the first call, white space between calls is nobody's text."""
        return _text(text if not self.called or text.strip() else "")

    def _whole(self, name: str, arguments: str) -> list[Delta]:
        self._calls += 1
        return [ToolCallDelta(self._calls - 1, "", new_id(), name), ToolCallDelta(self._calls - 1, arguments)]


class ValueEnd:
    """Finds where a JSON value ends in streamed text."""

    def __init__(self) -> None:
        self.done = False
        self._depth = 0
        self._in_string = False
        self._escaped = False

    def take(self, text: str) -> str:
        """The part of `text` that belongs to the value."""
        if self.done:
            return ""
        for place, char in enumerate(text):
            if self._in_string:
                self._string(char)
            elif char == '"':
                self._in_string = True
            elif char in "{[":
                self._depth += 1
            elif char in "}]":
                self._depth -= 1
                if self._depth <= 0:
                    self.done = True
                    return text[: place + (self._depth == 0)]
        return text

    def _string(self, char: str) -> None:
        if self._escaped:
            self._escaped = False
        elif char == "\\":
            self._escaped = True
        elif char == '"':
            self._in_string = False


def may_be_call(text: str, tools: Mapping[str, Tool]) -> bool:
    """Whether an answer that begins so may turn out to be nothing but calls."""
    fence = FENCE.match(text)
    body = "".join(text[fence.end() if fence else 0 :].split())
    if not body or "```".startswith(text.strip()):
        return True
    body = body.removeprefix("[")
    heads = [f'{{"name":"{"".join(name.split())}"' for name in tools]
    return not body or any(head.startswith(body) or body.startswith(head) for head in heads)


def bare_calls(text: str, tools: Mapping[str, Tool]) -> list[tuple[str, str]]:
    """(name, arguments as JSON) of each call in an answer made of calls alone; none when anything does not fit."""
    fence = FENCE.match(text)
    rest = text[fence.end() if fence else 0 :]
    calls: list[tuple[str, str]] = []
    decoder = json.JSONDecoder()
    while rest.lstrip().startswith(("{", "[")):
        rest = rest.lstrip()
        try:
            value, end = decoder.raw_decode(rest)
        except (ValueError, RecursionError):
            return []
        rest = rest[end:].lstrip(" \n\t,;")
        for entry in value if isinstance(value, list) else [value]:
            call = _fitting(entry, tools)
            if call is None:
                return []
            calls.append(call)
    return calls


def new_id() -> str:
    """An id for a call, as OpenAI's look."""
    return f"call_{secrets.token_hex(12)}"


def _fitting(value: Any, tools: Mapping[str, Tool]) -> tuple[str, str] | None:
    if not isinstance(value, dict) or value.get("name") not in tools:
        return None
    arguments = value.get("arguments", value.get("parameters"))
    if not isinstance(arguments, dict):
        return None
    name = str(value["name"])
    if not fits(arguments, tools[name].parameters):
        return None
    return name, json.dumps(arguments, ensure_ascii=False)


def _name(header: re.Match[str]) -> str:
    try:
        return str(json.loads(header[1], strict=False))
    except ValueError:
        return ""


def _call(grammar: Grammar, tool: Tool) -> str:
    arguments = grammar.add(tool.parameters) if tool.parameters else "object"
    name = quote('{"name": ' + json.dumps(tool.name, ensure_ascii=False) + ', "arguments": ')
    return f'{name} {arguments} "}}"'


def _text(text: str) -> list[Delta]:
    return [TextDelta(text)] if text else []
