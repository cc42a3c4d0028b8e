"""The items of a conversation in their order, and what a chat model is given of them."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import msgspec

from omniwatt import tokens
from omniwatt.contract.error import BadInput, Conflict, ContextTooLong, NotFound
from omniwatt.contract.request import ChatBody, Message, TextPart, ToolCall
from omniwatt.realtime.values import Item, ItemPart, Retention

ROOT = "root"
CHARACTERS = 8_000_000
"""What all items of a conversation may hold in writing: far more than any model reads."""
INAUDIBLE = "(inaudible)"
"""What the model reads where the user was not understood."""
ANSWER_SHARE = 0.25
"""How much of a model's window is kept free for its answer when a conversation has to be shortened."""


@dataclass(frozen=True, slots=True)
class Clause:
    """A stretch of a spoken answer: its words, and where its sound begins and ends (ms since the answer's start)."""

    text: str
    start_ms: float
    end_ms: float


@dataclass(slots=True, eq=False)
class Entry:
    """One item, and what is known of it beside what clients see."""

    item: Item
    transcript: "asyncio.Task[str] | None" = None
    """The writing down of its sound, while and after it goes on."""
    clauses: list[Clause] = field(default_factory=list)
    audio_ms: float = 0.0
    """How long a spoken answer is, or was when it was made."""
    heard_ms: float | None = None
    """How much of it was heard, once it was cut."""
    sound: bytes = b""
    """Its sound in the client's format."""


class Conversation:
    """One session's. `version` changes with every change that a model would notice."""

    def __init__(self, limit_items: int, limit_bytes: int) -> None:
        self._limit_items = limit_items
        self._limit_bytes = limit_bytes
        self.entries: list[Entry] = []
        self.version = 0

    def insert(self, entry: Entry, after: str | None = None) -> str | None:
        """Put `entry` after the item `after` (None: at the end, "root": first); the id before it. Raises BadInput."""
        if any(one.item.id == entry.item.id for one in self.entries):
            raise Conflict(f"Item with item_id '{entry.item.id}' already exists.", param="item.id")
        if len(self.entries) >= self._limit_items:
            raise BadInput(f"A conversation has at most {self._limit_items} items.", code="conversation_full")
        if sum(map(_characters, self.entries)) + _characters(entry) > CHARACTERS:
            raise BadInput(f"A conversation holds at most {CHARACTERS} characters.", code="conversation_full")
        place = len(self.entries)
        if after == ROOT:
            place = 0
        elif after is not None:
            place = self._place(after, "previous_item_id") + 1
        self.entries.insert(place, entry)
        self.version += 1
        self._forget_sound()
        return self.entries[place - 1].item.id if place else None

    def find(self, item_id: str, param: str = "item_id") -> Entry:
        """Raises NotFound."""
        return self.entries[self._place(item_id, param)]

    def delete(self, item_id: str) -> Entry:
        """Take an item out. Raises NotFound."""
        self.version += 1
        return self.entries.pop(self._place(item_id, "item_id"))

    def truncate(self, entry: Entry, audio_end_ms: float) -> None:
        """Cut a spoken answer to what was heard of it. Raises BadInput."""
        item = entry.item
        if item.type != "message" or item.role != "assistant" or not item.content:
            raise BadInput("Only spoken answers can be truncated.", param="item_id")
        if item.content[0].type != "output_audio":
            raise BadInput("Only items with sound can be truncated.", param="content_index")
        if audio_end_ms > entry.audio_ms + 1:
            raise BadInput(
                f"Audio content of {int(entry.audio_ms)}ms is already shorter than {int(audio_end_ms)}ms",
                param="audio_end_ms",
            )
        before_ms = entry.audio_ms if entry.heard_ms is None else entry.heard_ms
        if audio_end_ms >= before_ms:
            return
        said = heard_text(entry.clauses, audio_end_ms, item.content[0].text)
        entry.item = msgspec.structs.replace(item, content=(ItemPart("output_audio", said),))
        entry.sound = entry.sound[: int(len(entry.sound) * audio_end_ms / before_ms) & ~1]
        entry.heard_ms = audio_end_ms
        self.version += 1

    def _place(self, item_id: str, param: str) -> int:
        for place, entry in enumerate(self.entries):
            if entry.item.id == item_id:
                return place
        raise NotFound(f"Item with item_id '{item_id[:100]}' not found.", param=param, code="item_not_found")

    def _forget_sound(self) -> None:
        """Old sound goes first when there is too much of it; the words stay."""
        kept = 0
        for entry in reversed(self.entries):
            kept += len(entry.sound)
            if kept > self._limit_bytes:
                entry.sound = b""


def _characters(entry: Entry) -> int:
    item = entry.item
    return len(item.arguments) + len(item.output) + sum(len(part.text) for part in item.content)


def heard_text(clauses: Sequence[Clause], audio_end_ms: float, whole: str) -> str:
    """The words heard until `audio_end_ms`, a clause begun counted word by word; all of it without times. Pure."""
    if not clauses:
        return whole if audio_end_ms > 0 else ""
    said = []
    for clause in clauses:
        if clause.end_ms <= audio_end_ms:
            said.append(clause.text)
            continue
        length_ms = clause.end_ms - clause.start_ms
        if audio_end_ms > clause.start_ms and length_ms > 0:
            words = clause.text.split()
            said.append(" ".join(words[: int(len(words) * (audio_end_ms - clause.start_ms) / length_ms)]))
        break
    return " ".join(text.strip() for text in said if text.strip())


def messages(instructions: str, items: Iterable[Item]) -> tuple[Message, ...]:
    """A conversation as a chat model reads it; calls nobody has answered are left out. Pure."""
    items = list(items)
    answered = {item.call_id for item in items if item.type == "function_call_output"}
    found = [Message("system", (TextPart(instructions),))] if instructions else []
    for item in items:
        match item.type:
            case "message":
                text = "\n".join(part.text for part in item.content if part.text)
                if text or item.role == "user":
                    found.append(Message(item.role, (TextPart(text or INAUDIBLE),)))
            case "function_call" if item.call_id in answered:
                call = ToolCall(item.call_id, item.name, item.arguments)
                if found and found[-1].role == "assistant":
                    calls = (*found[-1].tool_calls, call)
                    found[-1] = msgspec.structs.replace(found[-1], tool_calls=calls)
                else:
                    found.append(Message("assistant", tool_calls=(call,)))
            case "function_call_output":
                found.append(Message("tool", (TextPart(item.output),), tool_call_id=item.call_id))
    return tuple(found)


def fitting(given: tuple[Message, ...], window: int, retention: Retention) -> tuple[Message, ...]:
    """`given` without its oldest messages, so that it fits the window. Raises ContextTooLong when that is forbidden.

    With a retention ratio more is dropped at once, so that the beginning, and with it the cache, stays for longer.
    Pure.
    """
    room = int(window * (1 - ANSWER_SHARE))
    size = tokens.estimate(ChatBody(given))
    if not window or size <= room:
        return given
    if retention.mode == "disabled":
        raise ContextTooLong.of(size, None, window, param="conversation")
    system = given[:1] if given and given[0].role == "system" else ()
    rest = list(given[len(system) :])
    limit = room * retention.ratio
    while len(rest) > 1 and tokens.estimate(ChatBody((*system, *rest))) > limit:
        rest.pop(0)
        while len(rest) > 1 and rest[0].role == "tool":
            rest.pop(0)
    return (*system, *rest)
