"""From a job's body to the answers to make: template, tokens, limits, sampling. Refuses here, before any event."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from omniwatt.contract.error import BadInput, ContextTooLong, UnsupportedField
from omniwatt.contract.job import Job
from omniwatt.contract.request import ChatBody, CompleteBody, Format, Message, Sampling, TextPart, Tool
from omniwatt.engines.chat.choice import Choice, Reader, TextReader
from omniwatt.engines.chat.decoder import Tally, Work
from omniwatt.engines.chat.prompt import DEFAULT_FIM, conversation, functions, in_words
from omniwatt.engines.chat.sampling import parameters
from omniwatt.engines.chat.tools import OPEN, ToolReader, chosen, constraint, format_constraint
from omniwatt.engines.llama_server import LlamaServer

TEXT = Format()
FAR_CHARACTERS_PER_TOKEN = 8
"""A text of more characters than this for each token of the window is read in pieces first, to stop in time."""
PIECE_CHARACTERS = 65_536
COMPLETE_MAX_TOKENS = 16
"""What OpenAI's completions route generates when nothing is said."""


class Builder:
    """Knows one loaded model: its template, vocabulary and window."""

    def __init__(self, server: LlamaServer, options: Mapping[str, Any], window: int, vocabulary: int) -> None:
        self._server = server
        self._options = options
        self._window = window
        self._vocabulary = vocabulary
        self._knows_tools = True

    async def look(self) -> None:
        """See whether the model's template writes tool calls in the form we read."""
        self._knows_tools = OPEN in str((await self._server.get("/props")).get("chat_template", ""))

    async def chat_ids(
        self, messages: Sequence[Message], tools: Sequence[Tool] = (), answer: Format = TEXT
    ) -> list[int]:
        """The whole prompt as tokens, template included."""
        turns = conversation(messages, str(self._options.get("system_prompt", "")), answer)
        body: dict[str, Any] = {"messages": turns}
        if tools and self._knows_tools:
            body["tools"] = functions(tools)
        elif tools:
            body["messages"] = in_words(turns, tools)
        rendered = await self._server.post("/apply-template", body)
        return await self._server.tokenize(rendered["prompt"])

    async def chat(self, job: Job, body: ChatBody) -> list[Choice]:
        """One choice for each of `n`."""
        tools = chosen(body.tools, body.tool_choice)
        forced = body.tool_choice not in ("auto", "none")
        if tools:
            bound = constraint(tools, forced=forced, parallel=body.parallel_tool_calls, answer=body.format)
        else:
            bound = format_constraint(body.format)
        await self._refuse_far_too_long((message.text for message in body.messages), "messages")
        ids = await self.chat_ids(body.messages, tools, TEXT if forced and tools else body.format)
        bare = not forced and body.format.kind == "text"

        def reader() -> Reader:
            return ToolReader(tools, bare=bare, parallel=body.parallel_tool_calls) if tools else TextReader()

        return self._choices(job, ids, body.sampling, "messages", bound, reader)

    async def complete(self, job: Job, body: CompleteBody) -> list[list[Choice]]:
        """For each prompt its choices, `best_of` of them."""
        sampling = body.sampling
        if sampling.max_tokens is None:
            sampling = msgspec.structs.replace(sampling, max_tokens=COMPLETE_MAX_TOKENS)
        if body.best_of > sampling.n:
            sampling = msgspec.structs.replace(sampling, logprobs=sampling.logprobs or 0)
        if body.echo and body.sampling.logprobs is not None:
            raise UnsupportedField("echo with logprobs: this engine has no log-probabilities of a prompt", param="echo")
        sampling = msgspec.structs.replace(sampling, n=max(sampling.n, body.best_of))
        groups = []
        for place, text in enumerate(body.prompts):
            await self._refuse_far_too_long((part for part in (text, body.suffix) if isinstance(part, str)), "prompt")
            ids = await self._complete_ids(text, body)
            group = self._choices(job, ids, sampling, "prompt", {}, TextReader)
            shown = (text if isinstance(text, str) else await self._server.detokenize(text)) if body.echo else ""
            groups.append([replace(choice, index=place * sampling.n + choice.index, echo=shown) for choice in group])
        return groups

    async def _refuse_far_too_long(self, texts: Iterable[str], param: str) -> None:
        """Raises ContextTooLong having read just enough: eight megabytes to their end take half a minute."""
        text = "".join(texts)
        if len(text) <= self._window * FAR_CHARACTERS_PER_TOKEN:
            return
        tokens = 0
        for start in range(0, len(text), PIECE_CHARACTERS):
            piece = text[start : start + PIECE_CHARACTERS]
            # A cut through a word makes a token or two more of it; one in a thousand covers that.
            tokens += len(await self._server.tokenize(piece, start=False, control=False)) * 999 // 1000
            if tokens > self._window:
                raise ContextTooLong.of(tokens, None, self._window, param, counted=False)

    async def _complete_ids(self, text: str | tuple[int, ...], body: CompleteBody) -> list[int]:
        if not isinstance(text, str):
            if any(not 0 <= token < self._vocabulary for token in text):
                raise BadInput(f"A token id is not in this model's vocabulary of {self._vocabulary}", param="prompt")
            if body.raw and not body.suffix:
                return list(text)
            text = await self._server.detokenize(text)
        if body.suffix:
            return await self._fill_in_the_middle(text, body.suffix)
        if body.raw:
            return await self._server.tokenize(text)
        return await self.chat_ids((Message("user", (TextPart(text),)),))

    async def _fill_in_the_middle(self, before: str, after: str) -> list[int]:
        marks = [await self._server.tokenize(mark, start=False) for mark in self._options.get("fim", DEFAULT_FIM)]
        if any(len(mark) != 1 for mark in marks):
            raise UnsupportedField("This model cannot fill in the middle: it has no tokens for it", param="suffix")
        prefix, suffix, middle = marks
        ends = [await self._server.tokenize(text, start=False, control=False) for text in (before, after)]
        return [*prefix, *ends[0], *suffix, *ends[1], *middle]

    def _choices(
        self,
        job: Job,
        ids: Sequence[int],
        sampling: Sampling,
        param: str,
        bound: dict[str, Any],
        reader: Callable[[], Reader],
    ) -> list[Choice]:
        if len(ids) + (sampling.max_tokens or 1) > self._window:
            raise ContextTooLong.of(len(ids), sampling.max_tokens, self._window, param)
        if not ids:
            raise BadInput("The prompt is empty", param=param)
        drawn = parameters(sampling, self._options.get("sampling", {}), self._vocabulary)
        work = Work(ids, job.cache_scope, self._window, sampling.max_tokens, drawn, sampling.logprobs, bound, job.tier)
        return [
            Choice(index, replace(work, sampling=_reseeded(drawn, index)), sampling.stop, reader(), Tally())
            for index in range(sampling.n)
        ]


def _reseeded(drawn: dict[str, Any], index: int) -> dict[str, Any]:
    """Each choice of a seeded request draws with a seed of its own."""
    return drawn | {"seed": (drawn["seed"] + index) & 0x7FFFFFFF} if index and "seed" in drawn else drawn
