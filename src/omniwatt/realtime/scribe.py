"""Writes down what was said, puts the words where the sound is, and tells the client who asked for them."""

import asyncio
from collections.abc import Callable

import msgspec

from omniwatt.contract.error import OmniwattError
from omniwatt.realtime import wire
from omniwatt.realtime.conversation import Entry
from omniwatt.realtime.hearing import Heard, Hearing, logprobs_wire
from omniwatt.realtime.live import heard_samples
from omniwatt.realtime.partials import Partials
from omniwatt.realtime.room import Room
from omniwatt.realtime.values import Item, ItemPart

TOLD = "conversation.item.input_audio_transcription"


class Scribe:
    """One session's."""

    def __init__(self, room: Room) -> None:
        self._room = room

    def hear(self, samples: bytes, on_partial: Callable[[str], None] | None = None) -> Hearing:
        """Begin to write down; more sound may follow."""
        now = self._room.settings
        hearing = Hearing(self._room.services.serve, wire.new_id("req"), now.transcription, now.logprobs, on_partial)
        hearing.add(samples)
        return hearing

    def tell_partly(self, item_id: str, delta: str) -> None:
        """More words of an item that is still being spoken. How sure they are is only known at the end."""
        if self._room.tells and not self._room.settings.logprobs and delta:
            self._room.emit(f"{TOLD}.delta", item_id=item_id, content_index=0, delta=delta)

    async def write_down(self, entry: Entry, hearing: Hearing, partials: Partials) -> str:
        """The words of one spoken item; "" when they could not be made out."""
        try:
            heard = await hearing.heard
        except OmniwattError as error:
            self._tell_fault(entry.item.id, error)
            return ""
        except Exception as error:  # noqa: BLE001 - a defect loses one item's words, never the session
            self._tell_fault(entry.item.id, self._room.services.defect(error))
            return ""
        finally:
            await hearing.close()
        entry.item = msgspec.structs.replace(entry.item, content=(ItemPart("input_audio", heard.text),))
        self._tell(entry.item.id, heard, partials)
        return heard.text

    async def hear_item(self, entry: Entry, item: Item) -> str:
        """The words of an item the client made, whose parts still hold their sound."""
        content = list(entry.item.content)
        for place, part in enumerate(item.content):
            if not part.audio or part.type != "input_audio" or part.text:
                continue
            try:
                heard = await self._whole(part.audio)
            except OmniwattError as error:
                self._tell_fault(entry.item.id, error)
                continue
            content[place] = ItemPart("input_audio", heard.text)
            self._tell(entry.item.id, heard, Partials())
        entry.item = msgspec.structs.replace(entry.item, content=tuple(content))
        return ""

    async def _whole(self, sound: bytes) -> Heard:
        room = self._room
        samples = await heard_samples(room.services.call, room.id, room.settings.input_format, sound)
        hearing = self.hear(samples)
        hearing.confirm()
        hearing.end()
        try:
            return await hearing.heard
        finally:
            await hearing.close()

    def _tell(self, item_id: str, heard: Heard, partials: Partials) -> None:
        room = self._room
        if not room.tells:
            return
        place = {"item_id": item_id, "content_index": 0}
        sure = {"logprobs": logprobs_wire(heard.logprobs)} if room.settings.logprobs else {}
        delta = heard.text if sure else partials.rest(heard.text)
        if delta:
            room.emit(f"{TOLD}.delta", **place, delta=delta, **sure)
        room.emit(f"{TOLD}.completed", **place, transcript=heard.text, usage=wire.heard(heard.usage), **sure)

    def _tell_fault(self, item_id: str, error: OmniwattError) -> None:
        if self._room.tells:
            said = self._room.services.describe(error)
            self._room.emit(f"{TOLD}.failed", item_id=item_id, content_index=0, error=said)


async def written(entries: list[Entry]) -> None:
    """Wait until all that was said is written down."""
    for entry in entries:
        if entry.transcript is not None:
            await asyncio.wait([entry.transcript])
