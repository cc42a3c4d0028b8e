"""How echo writes: choices, stop words, limits, tool calls, forced JSON, log-probabilities."""

import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any, Literal

from omniwatt.contract.error import BadInput, ContextTooLong
from omniwatt.contract.event import ChoiceEnd, Event, Finished, Progress, TextDelta, ToolCallDelta, Usage
from omniwatt.contract.request import ChatBody, CompleteBody, Message, Sampling, Tool
from omniwatt.engines.echo import script, tokens
from omniwatt.engines.echo.instance import minimal

Reason = Literal["stop", "length", "tool_calls"]


class Writer:
    """Writes one answer. `words` is what the caller said, without its script."""

    def __init__(self, model: str, words: str, window: int, pace: script.Pace) -> None:
        self.model = model
        self.words = words
        self.window = window
        self.written = 0
        self._pace = pace
        self._script = pace.script

    async def chat(self, body: ChatBody, prompt: int) -> AsyncGenerator[Event]:
        """All choices of a chat, and the end. `prompt` is its length in tokens."""
        for done in range(self._script.prefill_steps):
            yield Progress(done + 1, self._script.prefill_steps, "prefill")
        tool = _tool_to_call(body, self._script)
        text = self.text() if body.format.kind == "text" else _json(_format_schema(body))
        for index in range(body.sampling.n):
            if tool is not None:
                async with aclosing(self._call(tool, index)) as events:
                    async for event in events:
                        yield event
                continue
            if self._script.reasoning:
                async with aclosing(
                    self._pieces(tokens.split(self._script.reasoning), index, None, "reasoning")
                ) as events:
                    async for event in events:
                        yield event
            async with aclosing(self.choice(text, body.sampling, index, self._room(prompt))) as events:
                async for event in events:
                    yield event
        yield Finished(Usage(prompt_tokens=prompt, completion_tokens=self.written), self.model)

    async def plain(self, text: str, prompt: int) -> AsyncGenerator[Event]:
        """One choice with this text, and the end."""
        async with aclosing(self.choice(self.text(text), Sampling(), 0, self._room(prompt))) as events:
            async for event in events:
                yield event
        yield Finished(Usage(prompt_tokens=prompt, completion_tokens=self.written), self.model)

    def text(self, otherwise: str | None = None) -> str:
        """What the script wants said, or `otherwise`, or the caller's own words."""
        if self._script.text is not None:
            return self._script.text
        if self._script.tokens is not None:
            return "".join(f" w{place}" for place in range(self._script.tokens))
        return self.words if otherwise is None else otherwise

    async def choice(self, text: str, sampling: Sampling, index: int, room: int | None) -> AsyncGenerator[Event]:
        """One choice: `text` up to the first stop word and the limit; at most `room` tokens."""
        ends = [text.find(stop) for stop in sampling.stop if stop and stop in text]
        pieces = tokens.split(text[: min(ends)] if ends else text)
        limits = [limit for limit in (sampling.max_tokens, room) if limit is not None]
        limit = min(limits, default=len(pieces))
        reason: Reason = "length" if len(pieces) > limit else "stop"
        async with aclosing(self._pieces(pieces[:limit], index, sampling.logprobs, "answer")) as events:
            async for event in events:
                yield event
        yield ChoiceEnd(reason, index)

    def count(self, number: int) -> None:
        """Tokens written for choices that are not shown."""
        self.written += number

    async def _pieces(
        self, pieces: Sequence[str], index: int, logprobs: int | None, kind: Literal["answer", "reasoning"]
    ) -> AsyncGenerator[Event]:
        for place, piece in enumerate(pieces):
            corrupt = await self._pace.token()
            self.written += 1
            drawn = () if logprobs is None else (tokens.logprob(piece, place, logprobs),)
            wrong: Any = {"not": "text"}
            yield TextDelta(wrong if corrupt else piece, index, 1, drawn, kind)

    async def _call(self, tool: Tool, index: int) -> AsyncGenerator[Event]:
        pieces = tokens.split(_json(tool.parameters or {"type": "object"}))
        yield ToolCallDelta(0, "", f"call_echo{index}", tool.name, index)
        for piece in pieces:
            await self._pace.token()
            self.written += 1
            yield ToolCallDelta(0, piece, index=index, tokens=1)
        yield ChoiceEnd("tool_calls", index)

    def _room(self, prompt: int) -> int | None:
        return self.window - prompt if self.window else None


async def complete(body: CompleteBody, writer: Writer) -> AsyncGenerator[Event]:
    """Every prompt, `n` times: what the script says, or the prompt again."""
    total = 0
    for place, prompt in enumerate(body.prompts):
        text = prompt if isinstance(prompt, str) else "".join(f" {number}" for number in prompt)
        length = len(prompt) if isinstance(prompt, tuple) else len(tokens.split(text))
        length += len(tokens.split(body.suffix))
        limit = body.sampling.max_tokens
        if writer.window and length + (limit or 1) > writer.window:
            raise ContextTooLong.of(length, limit, writer.window, param="prompt")
        total += length
        answer = writer.text(text)
        for number in range(body.sampling.n):
            index = place * body.sampling.n + number
            if body.echo:
                yield TextDelta(text, index)
            room = writer.window - length if writer.window else None
            async with aclosing(writer.choice(answer, body.sampling, index, room)) as events:
                async for event in events:
                    yield event
        shown = min(len(tokens.split(answer)), limit if limit is not None else len(answer))
        writer.count(shown * max(0, body.best_of - body.sampling.n))
    yield Finished(Usage(prompt_tokens=total, completion_tokens=writer.written), writer.model)


def last_words(messages: Sequence[Message]) -> str:
    """The text of the last user message, or of the last message when there is none."""
    said = [message.text for message in messages if message.role == "user"]
    return said[-1] if said else (messages[-1].text if messages else "")


def _tool_to_call(body: ChatBody, plan: script.Script) -> Tool | None:
    if body.tool_choice == "none" or not body.tools:
        return None
    if body.tool_choice == "required":
        return body.tools[0]
    name = body.tool_choice.removeprefix("function:") if body.tool_choice != "auto" else plan.call
    if name is None:
        return None
    found = next((tool for tool in body.tools if tool.name == name), None)
    if found is None:
        raise BadInput(f"There is no tool {name!r}.", param="tool_choice")
    return found


def _format_schema(body: ChatBody) -> Any:
    return body.format.schema if body.format.kind == "json_schema" else {"type": "object"}


def _json(schema: Any) -> str:
    return json.dumps(minimal(schema), ensure_ascii=False)
