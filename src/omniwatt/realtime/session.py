"""One spoken conversation: the client's events in, answers out. Holds no slot of a model between turns."""

import asyncio
import time

import msgspec

from omniwatt.contract.error import OmniwattError, UnsupportedField
from omniwatt.realtime import wire
from omniwatt.realtime.answers import ended
from omniwatt.realtime.conversation import Conversation, Entry
from omniwatt.realtime.listening import Listening
from omniwatt.realtime.outbox import Says
from omniwatt.realtime.room import Player, Room, Services
from omniwatt.realtime.scribe import Scribe
from omniwatt.realtime.tally import Tally
from omniwatt.realtime.values import (
    Append,
    Clear,
    ClientEvent,
    Commit,
    Item,
    ItemCreate,
    ItemDelete,
    ItemRetrieve,
    ItemTruncate,
    Json,
    PlaybackClear,
    ResponseCancel,
    ResponseCreate,
    SessionSettings,
    Update,
)

UNHEARD = 4
"""Recordings of a client's that may wait to be heard."""


class Session:
    """Feed it with `handle`; close it with `close`, whatever happened."""

    def __init__(
        self,
        services: Services,
        settings: SessionSettings,
        outbox: Says,
        tally: Tally,
        player: Player | None = None,
    ) -> None:
        limits = services.limits
        conversation = Conversation(limits.items, limits.sound_bytes)
        self._room = Room(services, settings, outbox.say, tally, conversation, player)
        self._scribe = Scribe(self._room)
        self._listening = Listening(self._room, self._scribe)
        self.expires_at = int(time.time() + limits.session_s)

    @property
    def id(self) -> str:
        """As the client knows it."""
        return self._room.id

    async def start(self) -> None:
        """Greet."""
        await self._listening.as_told()
        self._room.emit("session.created", session=self._shown())
        conversation = {"id": self._room.conversation_id, "object": "realtime.conversation"}
        self._room.emit("conversation.created", conversation=conversation)

    async def close(self) -> None:
        """Stop everything; no slot is held and every row is written when this returns."""
        await self._listening.close()
        await self._listening.answers.close()
        writing = [entry.transcript for entry in self._room.conversation.entries if entry.transcript is not None]
        for task in writing:
            task.cancel()
        if writing:
            await asyncio.wait(writing)
        await self._room.settle()

    def error(self, error: OmniwattError, event_id: str | None = None) -> None:
        """Tell the client what was wrong with one of its events."""
        self._room.error(error, event_id)

    async def handle(self, event: ClientEvent) -> None:
        """One event of the client's. Raises OmniwattError for what is wrong with it."""
        match event:
            case Append():
                await self._listening.append(event.audio)
            case Commit():
                await self._listening.commit()
            case Clear():
                await self._listening.clear()
            case Update():
                await self._update(event)
            case ResponseCreate():
                self._listening.answers.respond(event.read(self._room.settings))
            case ResponseCancel():
                self._listening.answers.cancel(event)
            case PlaybackClear():
                self._silence()
            case _:
                if isinstance(event, ItemCreate) and any(part.audio for part in event.item.content):
                    await self._few_unheard()
                self._on_item(event)

    def _on_item(self, event: ItemCreate | ItemRetrieve | ItemTruncate | ItemDelete) -> None:
        match event:
            case ItemCreate():
                self._create(event)
            case ItemRetrieve():
                entry = self._room.conversation.find(event.item_id)
                self._room.emit("conversation.item.retrieved", item=wire.item(_with_sound(entry), sound=True))
            case ItemTruncate():
                self._listening.answers.truncate(event)
            case ItemDelete():
                self._delete(event.item_id)

    async def _update(self, event: Update) -> None:
        room = self._room
        changed = event.change(room.settings)
        if changed.voice != room.settings.voice:
            room.services.check_voice(changed.voice, changed.model)
        room.settings = changed
        await self._listening.as_told()
        room.emit("session.updated", session=self._shown())

    def _silence(self) -> None:
        if self._room.player is None:
            raise UnsupportedField(
                "'output_audio_buffer.clear' is for WebRTC: over a WebSocket the client plays.", param="type"
            )
        self._listening.answers.interrupt("client_cancelled")

    async def _few_unheard(self) -> None:
        """Whoever sends recordings faster than they are heard is read more slowly: each is kept until it was."""
        while True:
            writing = [entry.transcript for entry in self._room.conversation.entries if entry.transcript is not None]
            unheard = [task for task in writing if not task.done()]
            if len(unheard) < UNHEARD:
                return
            await asyncio.wait(unheard, return_when=asyncio.FIRST_COMPLETED)

    def _create(self, event: ItemCreate) -> None:
        room = self._room
        item = event.item if event.item.id else msgspec.structs.replace(event.item, id=wire.new_id("item"))
        sound = b"".join(part.audio for part in item.content)
        bare = tuple(msgspec.structs.replace(part, audio=b"") for part in item.content)
        entry = Entry(msgspec.structs.replace(item, content=bare), sound=sound)
        before = room.conversation.insert(entry, event.after)
        room.emit("conversation.item.added", previous_item_id=before, item=wire.item(entry.item))
        room.emit("conversation.item.done", previous_item_id=before, item=wire.item(entry.item))
        if any(part.audio and part.type == "input_audio" and not part.text for part in item.content):
            entry.transcript = asyncio.create_task(self._scribe.hear_item(entry, item))

    def _delete(self, item_id: str) -> None:
        entry = self._room.conversation.delete(item_id)
        if entry.transcript is not None and not entry.transcript.done():
            self._room.later(ended(entry.transcript))
        self._room.emit("conversation.item.deleted", item_id=item_id)

    def _shown(self) -> Json:
        return wire.session(self._room.settings, self.id, self.expires_at)


def _with_sound(entry: Entry) -> Item:
    """The item with its sound in its first part."""
    item = entry.item
    if not entry.sound or not item.content:
        return item
    first = msgspec.structs.replace(item.content[0], audio=entry.sound)
    return msgspec.structs.replace(item, content=(first, *item.content[1:]))
