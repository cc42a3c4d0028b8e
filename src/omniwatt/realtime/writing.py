"""One response on its way out: engine events in, OpenAI's events in their order out. It waits for nothing."""

import base64
from collections.abc import Callable
from typing import Any

import msgspec

from omniwatt.contract.event import ChoiceEnd, TextDelta, ToolCallDelta, Usage
from omniwatt.realtime import wire
from omniwatt.realtime.conversation import Clause, Entry
from omniwatt.realtime.values import BYTES_PER_MS, FormatName, Item, ItemPart, Json

Emit = Callable[..., None]
Add = Callable[[Entry], str | None]
"""Puts an item into the conversation; the id of the item before it."""


class _Call:
    """One function call being written."""

    def __init__(self, entry: Entry, index: int) -> None:
        self.entry = entry
        self.index = index
        self.arguments: list[str] = []


class Writing:
    """The output items of one response. `add` is None for one that enters no conversation."""

    def __init__(
        self,
        response_id: str,
        emit: Emit,
        add: Add | None,
        *,
        spoken: bool,
        sound_format: FormatName,
        keep_sound: bool = True,
    ) -> None:
        self._id = response_id
        self._emit = emit
        self._add = add
        self._spoken = spoken
        self._format = sound_format
        self._keep_sound = keep_sound
        self._output: list[Entry] = []
        self._calls: dict[int, _Call] = {}
        self._text: list[str] = []
        self._sound = bytearray()
        self._sound_bytes = 0
        self._clause: tuple[str, float] | None = None
        self._reason = "stop"
        self.message: Entry | None = None
        """The item with the answer's words."""
        self.first_sound_s: float | None = None
        """When its first sound went out, by the caller's clock."""

    @property
    def audio_ms(self) -> float:
        """How much sound went out."""
        return self._sound_bytes / BYTES_PER_MS[self._format]

    @property
    def cut_short(self) -> bool:
        """The model came to its limit."""
        return self._reason == "length"

    def output(self) -> list[Json]:
        """The items, as `response.done` lists them."""
        return [wire.item(entry.item) for entry in self._output]

    def text(self, delta: TextDelta) -> None:
        """More words."""
        if delta.kind == "reasoning" or not delta.text:
            return
        self._open_message()
        self._text.append(delta.text)
        kind = "response.output_audio_transcript.delta" if self._spoken else "response.output_text.delta"
        self._emit(kind, **self._place(), delta=delta.text)

    def sound(self, data: bytes, clause: str, now_s: float) -> None:
        """More sound, in the client's form; `clause` is what is said from here on, "" for more of the same."""
        self._open_message()
        if clause:
            self._end_clause()
            self._clause = (clause, self.audio_ms)
        if not data:
            return
        if self.first_sound_s is None:
            self.first_sound_s = now_s
        self._sound_bytes += len(data)
        if self._keep_sound:
            self._sound += data
        self._emit("response.output_audio.delta", **self._place(), delta=base64.b64encode(data).decode())

    def call(self, delta: ToolCallDelta) -> None:
        """More of a function call."""
        call = self._calls.get(delta.call)
        if call is None:
            call_id = delta.id or wire.new_id("call")
            item = Item(wire.new_id("item"), "function_call", "assistant", (), "in_progress", delta.name, call_id)
            call = self._calls[delta.call] = _Call(self._open(item), len(self._output) - 1)
        if delta.arguments:
            call.arguments.append(delta.arguments)
            self._emit("response.function_call_arguments.delta", **self._of(call), delta=delta.arguments)

    def choice_end(self, event: ChoiceEnd) -> None:
        """Why the model stopped."""
        if self._reason == "stop":
            self._reason = event.reason

    def end(self, *, complete: bool) -> None:
        """Close what is open, in order."""
        status: Any = "completed" if complete else "incomplete"
        self._end_clause()
        for index, entry in enumerate(self._output):
            if entry is self.message:
                self._end_message(entry, status)
            else:
                call = next(one for one in self._calls.values() if one.index == index)
                arguments = "".join(call.arguments)
                entry.item = msgspec.structs.replace(entry.item, arguments=arguments, status=status)
                self._emit(
                    "response.function_call_arguments.done",
                    **self._of(call),
                    name=entry.item.name,
                    arguments=arguments,
                )
            self._emit(
                "response.output_item.done", response_id=self._id, output_index=index, item=wire.item(entry.item)
            )
            if self._add is not None:
                before = self._output[index - 1].item.id if index else self._before
                self._emit("conversation.item.done", previous_item_id=before, item=wire.item(entry.item))

    def _open_message(self) -> None:
        if self.message is not None:
            return
        item = Item(wire.new_id("item"), "message", "assistant", (), "in_progress")
        self._index = len(self._output)
        self.message = self._open(item)
        part = {"type": "audio", "transcript": ""} if self._spoken else {"type": "text", "text": ""}
        self._emit("response.content_part.added", **self._place(), part=part)

    def _open(self, item: Item) -> Entry:
        entry = Entry(item)
        # A conversation that is full takes no more: then nothing has been opened.
        before = self._add(entry) if self._add is not None else None
        self._output.append(entry)
        index = len(self._output) - 1
        self._emit("response.output_item.added", response_id=self._id, output_index=index, item=wire.item(item))
        if self._add is not None:
            if index == 0:
                self._before = before
            self._emit("conversation.item.added", previous_item_id=before, item=wire.item(item))
        return entry

    def _end_message(self, entry: Entry, status: Any) -> None:
        text = "".join(self._text)
        entry.clauses = [*entry.clauses]
        entry.audio_ms = self.audio_ms
        entry.sound = bytes(self._sound)
        kind: Any = "output_audio" if self._spoken else "output_text"
        entry.item = msgspec.structs.replace(entry.item, content=(ItemPart(kind, text),), status=status)
        if self._spoken:
            self._emit("response.output_audio.done", **self._place())
            self._emit("response.output_audio_transcript.done", **self._place(), transcript=text)
            part = {"type": "audio", "transcript": text}
        else:
            self._emit("response.output_text.done", **self._place(), text=text)
            part = {"type": "text", "text": text}
        self._emit("response.content_part.done", **self._place(), part=part)

    def _end_clause(self) -> None:
        if self._clause is not None and self.message is not None:
            text, start_ms = self._clause
            self.message.clauses.append(Clause(text, start_ms, self.audio_ms))
        self._clause = None

    def _place(self) -> Json:
        item_id = self.message.item.id if self.message else ""
        return {"response_id": self._id, "item_id": item_id, "output_index": self._index, "content_index": 0}

    def _of(self, call: _Call) -> Json:
        return {
            "response_id": self._id,
            "item_id": call.entry.item.id,
            "output_index": call.index,
            "call_id": call.entry.item.call_id,
        }


def response(
    response_id: str,
    status: str,
    *,
    output: list[Json],
    conversation_id: str | None,
    modality: str,
    voice: str,
    sound_format: FormatName,
    limit: int | None,
    metadata: dict[str, str] | None,
    details: Json | None = None,
    usage: Usage | None = None,
) -> Json:
    """A response as `response.created` and `response.done` show it."""
    return {
        "object": "realtime.response",
        "id": response_id,
        "status": status,
        "status_details": details,
        "output": output,
        "conversation_id": conversation_id,
        "output_modalities": [modality],
        "max_output_tokens": limit or "inf",
        "audio": {"output": {"format": wire.sound_format(sound_format), "voice": voice}},
        "usage": wire.usage(usage) if usage is not None else None,
        "metadata": metadata,
    }
