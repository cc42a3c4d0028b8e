"""The session's calls of the live engine: one that listens as long as the session lives, one for each spoken answer."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing

from omniwatt.contract.error import EngineFailed, Internal, OmniwattError
from omniwatt.contract.event import Chunk, Data, Event, Fact
from omniwatt.contract.job import Job
from omniwatt.contract.request import DataBody

GROUP = "live"
WAITING_CHUNKS = 8
"""Sound that may wait for the engine: a client that sends faster is read more slowly."""
CHUNK_BYTES = 128 * 1024

Call = Callable[[str, Job, AsyncIterator[Chunk]], AsyncGenerator[Event]]


class Feed(AsyncIterator[Chunk]):
    """Chunks on their way into a call."""

    def __init__(self, limit: int = 0) -> None:
        self._chunks: asyncio.Queue[Chunk | None] = asyncio.Queue(limit)

    async def put(self, chunk: Chunk) -> None:
        """Wait for room, then pass on."""
        await self._chunks.put(chunk)

    def put_now(self, chunk: Chunk) -> None:
        """Pass on; only for a feed without a limit."""
        self._chunks.put_nowait(chunk)

    def end(self) -> None:
        """There is no more; only for a feed without a limit."""
        self._chunks.put_nowait(None)

    async def __anext__(self) -> Chunk:
        chunk = await self._chunks.get()
        if chunk is None:
            self._chunks.put_nowait(None)
            raise StopAsyncIteration
        return chunk


class Ear:
    """Sound in, samples and the probability of speech out. An engine that dies is called again with the next sound."""

    def __init__(
        self,
        call: Call,
        session_id: str,
        on_samples: Callable[[bytes], None],
        on_speech: Callable[[list[float]], None],
        on_lost: Callable[[OmniwattError], None],
    ) -> None:
        self._call = call
        self._session_id = session_id
        self._on_samples = on_samples
        self._on_speech = on_speech
        self._on_lost = on_lost
        self._options: dict[str, object] = {"mode": "listen", "media_type": "audio/pcm", "speech": True}
        self._feed: Feed | None = None
        self._task: asyncio.Task[None] | None = None
        self._marks: dict[str, asyncio.Event] = {}
        self._count = 0

    async def take_form(self, media_type: str, *, speech: bool) -> None:
        """From now on the sound has this form, and is or is not looked at for speech."""
        options: dict[str, object] = {"mode": "listen", "media_type": media_type, "speech": speech}
        if options != self._options:
            await self.settle()
            await self.close()
            self._options = options

    async def write(self, data: bytes) -> None:
        """Pass sound on; waits while the engine is behind."""
        for place in range(0, len(data), CHUNK_BYTES):
            await self._put(Chunk(data=data[place : place + CHUNK_BYTES]))

    async def settle(self) -> None:
        """Return when all that was written has come back as samples."""
        if self._task is None or self._task.done():
            return
        self._count += 1
        mark, done = str(self._count), asyncio.Event()
        self._marks[mark] = done
        try:
            await self._put(Chunk(control=mark))
            await done.wait()
        finally:
            self._marks.pop(mark, None)

    async def close(self) -> None:
        """End the call; what was not answered yet is lost."""
        task, self._task, self._feed = self._task, None, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])
        self._release()

    async def _put(self, chunk: Chunk) -> None:
        if self._task is None or self._task.done():
            self._feed = Feed(WAITING_CHUNKS)
            self._task = asyncio.create_task(self._listen(self._feed))
        feed, task = self._feed, self._task
        if feed is None:
            return
        # The engine may die while we wait for room: nobody would make any.
        put = asyncio.ensure_future(feed.put(chunk))
        try:
            await asyncio.wait([put, task], return_when=asyncio.FIRST_COMPLETED)
        finally:
            put.cancel()

    async def _listen(self, feed: Feed) -> None:
        job = Job(id=self._session_id, capability="live", model=GROUP, body=DataBody(options=self._options))
        try:
            async with aclosing(self._call(GROUP, job, feed)) as events:
                async for event in events:
                    if isinstance(event, Data):
                        self._on_samples(event.data)
                    elif isinstance(event, Fact):
                        self._fact(event)
            raise EngineFailed("The live engine stopped listening.")
        except OmniwattError as error:
            self._on_lost(error)
        except Exception as error:  # noqa: BLE001 - a defect loses what was being said, never the session
            asyncio.get_running_loop().call_exception_handler({"message": "an ear failed", "exception": error})
            self._on_lost(Internal("What was being said could not be followed."))
        finally:
            self._release()

    def _fact(self, event: Fact) -> None:
        if "speech" in event.values:
            self._on_speech(list(event.values["speech"]))
        elif (mark := self._marks.get(str(event.values.get("mark")))) is not None:
            mark.set()

    def _release(self) -> None:
        for mark in self._marks.values():
            mark.set()


class Mouth:
    """One answer's samples -> the client's sound, piece by piece."""

    def __init__(self, call: Call, session_id: str, media_type: str) -> None:
        self._call = call
        self._session_id = session_id
        self._media_type = media_type
        self._feed = Feed()
        self._events: AsyncGenerator[Event] | None = None

    async def say(self, samples: bytes, rate_hz: int) -> bytes:
        """The client's sound for these samples, but for a millisecond that comes with the next."""
        if self._events is None:
            options = {"mode": "say", "media_type": self._media_type, "from_hz": rate_hz}
            job = Job(id=self._session_id, capability="live", model=GROUP, body=DataBody(options=options))
            self._events = self._call(GROUP, job, self._feed)
        self._feed.put_now(Chunk(data=samples))
        return await self._next()

    async def rest(self) -> bytes:
        """The end of the sound."""
        if self._events is None:
            return b""
        self._feed.end()
        return await self._next()

    async def close(self) -> None:
        """Let the call go."""
        if self._events is not None:
            await self._events.aclose()

    async def _next(self) -> bytes:
        if self._events is None:
            return b""
        event = await anext(self._events, None)
        if not isinstance(event, Data):
            raise EngineFailed("The live engine stopped in the middle of an answer.")
        return event.data


async def heard_samples(call: Call, session_id: str, media_type: str, data: bytes) -> bytes:
    """A whole recording in a client's form as samples for the ears."""
    options = {"mode": "listen", "media_type": media_type, "speech": False}
    job = Job(id=session_id, capability="live", model=GROUP, body=DataBody(options=options))
    feed = Feed()
    for place in range(0, len(data), CHUNK_BYTES):
        feed.put_now(Chunk(data=data[place : place + CHUNK_BYTES]))
    feed.end()
    async with aclosing(call(GROUP, job, feed)) as events:
        return b"".join([event.data async for event in events if isinstance(event, Data)])
