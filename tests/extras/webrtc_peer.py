"""A page with a WebRTC call, as far as the network sees: a microphone, ears, and the data channel of events."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from fractions import Fraction
from typing import Any

import numpy as np
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame
from httpx2 import ASGITransport, AsyncClient, Response

from omniwatt.api.parts import Parts
from omniwatt.api.server import create_app

Event = dict[str, Any]
RATE_HZ = 48_000
FRAME = RATE_HZ // 50
PATIENCE_S = 20.0


class Microphone(MediaStreamTrack):
    """Says what is put into `words` (16-bit mono samples at RATE_HZ) in real time, and is silent otherwise."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self.words = b""
        self._place = 0
        self._begun_s = 0.0
        self.voiced_s = 0.0
        """When the last of `words` went out (loop time)."""

    async def recv(self) -> AudioFrame:
        loop = asyncio.get_running_loop()
        self._begun_s = self._begun_s or loop.time()
        await asyncio.sleep(self._begun_s + self._place / 50 - loop.time())
        said, self.words = self.words[: 2 * FRAME], self.words[2 * FRAME :]
        if said and not self.words:
            self.voiced_s = loop.time() + len(said) / 2 / RATE_HZ
        frame = AudioFrame(format="s16", layout="mono", samples=FRAME)
        frame.planes[0].update(said.ljust(2 * FRAME, b"\0"))
        frame.sample_rate, frame.time_base, frame.pts = RATE_HZ, Fraction(1, RATE_HZ), self._place * FRAME
        self._place += 1
        return frame


class Page:
    """`connect` posts the offer with `post` and waits until the events' channel is open."""

    def __init__(self) -> None:
        self.connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.microphone = Microphone()
        self.channel = self.connection.createDataChannel("oai-events")
        self.events: list[Event] = []
        self.heard: list[tuple[float, np.ndarray[Any, Any]]] = []
        """When each frame came, and its samples (one channel)."""
        self.location = ""
        self._incoming: asyncio.Queue[Event] = asyncio.Queue()
        self._open = asyncio.Event()
        self._listener: asyncio.Task[None] | None = None
        self.connection.addTrack(self.microphone)
        self.channel.on("open", self._open.set)
        self.channel.on("message", lambda text: self._incoming.put_nowait(json.loads(text)))
        self.connection.on("track", self._on_track)

    async def offer(self, *, candidates: bool = True) -> str:
        """The SDP offer; without candidates it is what a page has before it looked for its addresses."""
        await self.connection.setLocalDescription(await self.connection.createOffer())
        lines = self.connection.localDescription.sdp.splitlines(keepends=True)
        dropped = () if candidates else ("a=candidate", "a=end-of-candidates")
        return "".join(line for line in lines if not line.startswith(dropped or ("\0",)))

    async def take(self, answer: Response) -> None:
        """The server's answer to the offer."""
        assert answer.status_code == 201, answer.text
        assert answer.headers["content-type"] == "application/sdp"
        self.location = answer.headers["location"]
        await self.connection.setRemoteDescription(RTCSessionDescription(sdp=answer.text, type="answer"))
        async with asyncio.timeout(PATIENCE_S):
            await self._open.wait()

    async def say(self, kind: str, **fields: Any) -> None:
        self.channel.send(json.dumps({"type": kind} | fields))

    async def next(self, *kinds: str) -> Event:
        """The next event, or the next of these kinds."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                event = await self._incoming.get()
                self.events.append(event)
                if not kinds or event["type"] in kinds:
                    return event

    def kinds(self) -> list[str]:
        return [event["type"] for event in self.events]

    def loud_s(self, since: int = 0) -> float:
        """How many seconds of sound were heard that is not silence."""
        return sum(0.02 for _, samples in self.heard[since:] if np.abs(samples).mean() > 100)

    async def close(self) -> None:
        await self.connection.close()
        if self._listener is not None:
            await self._listener

    def _on_track(self, track: MediaStreamTrack) -> None:
        self._listener = asyncio.create_task(self._listen(track))

    async def _listen(self, track: MediaStreamTrack) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                frame = await track.recv()
            except MediaStreamError:
                return
            self.heard.append((loop.time(), frame.to_ndarray().reshape(-1, 2)[:, 0].copy()))


@asynccontextmanager
async def client(parts: Parts, key: str) -> AsyncIterator[AsyncClient]:
    """The app's HTTP side, without a socket."""
    headers = {"authorization": f"Bearer {key}"}
    async with AsyncClient(
        transport=ASGITransport(create_app(parts)), base_url="http://localhost:8000", headers=headers
    ) as http:
        yield http


@asynccontextmanager
async def calling(http: AsyncClient, session: Event | None = None, *, candidates: bool = True) -> AsyncIterator[Page]:
    """A page in a call; leaving the block hangs up."""
    page = Page()
    try:
        offer = await page.offer(candidates=candidates)
        if session is None:
            sent = {"content": offer, "headers": {"content-type": "application/sdp"}}
        else:
            sent = {"files": {"sdp": (None, offer), "session": (None, json.dumps(session))}}
        await page.take(await http.post("/v1/realtime/calls", **sent))
        yield page
    finally:
        await page.close()
