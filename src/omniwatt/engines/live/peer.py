"""One WebRTC peer: its connection, what it says and writes, and what is played to it."""

import asyncio
import re
from collections.abc import AsyncIterator, Coroutine
from fractions import Fraction
from typing import Any

import numpy as np
from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCDataChannel,
    RTCPeerConnection,
    RTCSessionDescription,
)
from aiortc.mediastreams import MediaStreamError
from aiortc.stats import RTCTransportStats
from av import AudioFrame

from omniwatt.contract.error import BadInput
from omniwatt.contract.event import Chunk, Data, Event, Fact
from omniwatt.contract.protocol import Context
from omniwatt.engines.live.codecs import Floats, floats, integers, pcm_samples
from omniwatt.engines.live.playout import FRAME_MS, RATE_HZ, Playout, Sign
from omniwatt.engines.live.resample import Resampler

SAMPLES_HZ = 24_000
"""Of the sound that crosses to the gateway, both ways."""
CHANNEL = "oai-events"
ANSWER_S = 10.0
"""The longest it may take to find out this machine's addresses."""
HUSH_S = 0.2
"""A peer that sends nothing for so long is silent: Opus may leave silence out."""
OFFER_CHARACTERS, CANDIDATES = 64 * 1024, 64
QUEUED_SOUND, QUEUED_MESSAGES_BYTES = 500, 8 * 1024 * 1024
"""What may wait for the gateway: sound beyond it is left out, a peer that writes more is hung up on."""
UNSENT_BYTES = 8 * 1024 * 1024
"""What a peer may leave unread on its channel."""
MESSAGE_LIMIT = re.compile(r"^a=max-message-size:(\d{1,12})\s*$", re.MULTILINE)
USUAL_MESSAGE_BYTES, MOST_MESSAGE_BYTES = 65_536, 262_144
"""RFC 8841 for a peer that does not say; what browsers take."""


class Ears(MediaStreamTrack):
    """The track a peer listens to: what `playout` has, in real time."""

    kind = "audio"

    def __init__(self, playout: Playout, ctx: Context, peer: "Peer") -> None:
        super().__init__()
        self._playout = playout
        self._ctx = ctx
        self._peer = peer
        self._next_s: float | None = None
        self._frames = 0

    async def recv(self) -> AudioFrame:
        """The next frame, when it is due."""
        if self.readyState != "live":
            raise MediaStreamError
        loop = asyncio.get_running_loop()
        # After a stall time goes on from here: frames sent in a burst would only be thrown away.
        due_s = loop.time() if self._next_s is None else max(self._next_s, loop.time() - 5 * FRAME_MS / 1000)
        self._next_s = due_s + FRAME_MS / 1000
        await asyncio.sleep(due_s - loop.time())
        await self._ctx.astep("encode", FRAME_MS / 1000)
        data, signs = self._playout.frame()
        for sign in signs:
            self._peer.say(_told(sign))
        frame = AudioFrame(format="s16", layout="mono", samples=len(data) // 2)
        frame.planes[0].update(data)
        frame.sample_rate, frame.time_base = RATE_HZ, Fraction(1, RATE_HZ)
        frame.pts = self._frames * (len(data) // 2)
        self._frames += 1
        return frame


class Peer:
    """`answer` its offer, `follow` what is to be sent, take what comes with `next`, and `close` in the end."""

    def __init__(self, configuration: RTCConfiguration, lost_s: float, ctx: Context) -> None:
        self.message_limit = USUAL_MESSAGE_BYTES
        self.heard_s = 0.0
        self._lost_s = lost_s
        self._ctx = ctx
        self._events: asyncio.Queue[Event | None] = asyncio.Queue()
        self._queued_bytes = 0
        self._playout = Playout()
        self._channel: RTCDataChannel | None = None
        self._unsent: list[str] = []
        """Messages said before the channel was open."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._connection = RTCPeerConnection(configuration)
        self._connection.on("connectionstatechange", self._on_state)
        self._connection.on("datachannel", self._on_channel)
        self._connection.on("track", self._on_track)

    async def answer(self, offer: str) -> str:
        """The SDP that answers `offer`. Raises BadInput."""
        if len(offer) > OFFER_CHARACTERS or offer.count("a=candidate:") > CANDIDATES:
            raise BadInput("The SDP offer is too long.", param="sdp", code="invalid_offer")
        try:
            async with asyncio.timeout(ANSWER_S):
                await self._connection.setRemoteDescription(RTCSessionDescription(sdp=offer, type="offer"))
                self._check_kinds()
                self._connection.addTrack(Ears(self._playout, self._ctx, self))
                await self._connection.setLocalDescription(await self._connection.createAnswer())
        except BadInput:
            raise
        except Exception as error:
            # The parser raises whatever it stumbles over.
            raise BadInput("The SDP offer cannot be read.", param="sdp", code="invalid_offer") from error
        said = MESSAGE_LIMIT.search(offer)
        if said:
            self.message_limit = min(int(said[1]) or MOST_MESSAGE_BYTES, MOST_MESSAGE_BYTES)
        self._run(self._watch())
        return str(self._connection.localDescription.sdp)

    async def next(self) -> Event | None:
        """What comes next of the peer; None at the end of the call."""
        event = await self._events.get()
        if isinstance(event, Fact):
            self._queued_bytes -= len(event.values.get("message", ""))
        return event

    def say(self, event: Event) -> None:
        """Something for the gateway."""
        self._events.put_nowait(event)

    async def follow(self, inputs: AsyncIterator[Chunk]) -> None:
        """Send and play what comes in; its end is the end of the call."""
        voices: dict[str, tuple[Resampler, str]] = {}
        async for chunk in inputs:
            match chunk.control:
                case "tell":
                    self._tell(chunk.text)
                case "play":
                    answer, _, item = chunk.text.partition(" ")
                    voice, _ = voices[answer] = voices.get(answer, (Resampler(SAMPLES_HZ, RATE_HZ, 1), item))
                    self._play(answer, item, voice.feed(floats(pcm_samples(chunk.data))[:, None]))
                case "end":
                    if chunk.text in voices:
                        voice, item = voices.pop(chunk.text)
                        self._play(chunk.text, item, voice.end())
                    self._playout.end(chunk.text)
                case "clear":
                    voices.clear()
                    for sign in self._playout.clear():
                        self.say(_told(sign))
        self._end()

    async def close(self) -> None:
        """Hang up."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        await self._connection.close()

    # --- inside

    def _check_kinds(self) -> None:
        kinds = [transceiver.kind for transceiver in self._connection.getTransceivers()]
        if kinds != ["audio"]:
            raise BadInput(
                f"The offer must have one audio track and no other, not {', '.join(kinds) or 'none'}.",
                param="sdp",
                code="invalid_offer",
            )

    def _play(self, answer: str, item: str, samples: Floats) -> None:
        if len(samples):
            self._playout.add(answer, item, integers(samples[:, 0]).astype("<i2").tobytes())

    def _tell(self, text: str) -> None:
        channel = self._channel
        if channel is None or channel.readyState == "connecting":
            if self._connection.sctp is not None and len(self._unsent) < QUEUED_SOUND:
                self._unsent.append(text)
        elif channel.readyState == "open":
            channel.send(text)
            if channel.bufferedAmount > UNSENT_BYTES:
                self._end()

    def _on_state(self) -> None:
        match self._connection.connectionState:
            case "connected":
                self.say(Fact({"connected": True}))
            case "failed" | "closed":
                self._end()

    def _on_channel(self, channel: RTCDataChannel) -> None:
        if channel.label != CHANNEL or self._channel is not None:
            channel.close()
            return
        self._channel = channel
        channel.on("message", self._on_message)
        channel.on("close", self._end)
        waiting, self._unsent = self._unsent, []
        for text in waiting:
            self._tell(text)

    def _on_message(self, message: str | bytes) -> None:
        """Bytes are no event: they come out as a message that is none."""
        text = message if isinstance(message, str) else ""
        self._queued_bytes += len(text)
        if self._queued_bytes > QUEUED_MESSAGES_BYTES or self._events.qsize() > 4 * QUEUED_SOUND:
            self._end()
            return
        self.say(Fact({"message": text}))

    def _on_track(self, track: MediaStreamTrack) -> None:
        self._run(self._hear(track))

    async def _hear(self, track: MediaStreamTrack) -> None:
        resampler, rate_hz = Resampler(RATE_HZ, SAMPLES_HZ, 1), RATE_HZ
        heard = False
        while True:
            try:
                async with asyncio.timeout(HUSH_S):
                    frame = await track.recv()
            except MediaStreamError:
                return
            except TimeoutError:
                if heard:
                    self._heard(np.zeros(int(HUSH_S * SAMPLES_HZ), np.float32))
                continue
            if not isinstance(frame, AudioFrame):
                return
            if frame.sample_rate != rate_hz:
                rate_hz = frame.sample_rate
                resampler = Resampler(rate_hz, SAMPLES_HZ, 1)
            interleaved = frame.to_ndarray().astype(np.int16, copy=False).reshape(-1, frame.layout.nb_channels)
            samples = floats(interleaved).mean(axis=1, keepdims=True)
            await self._ctx.astep("encode", len(samples) / rate_hz)
            heard = True
            self._heard(resampler.feed(samples)[:, 0])

    def _heard(self, samples: Floats) -> None:
        self.heard_s += len(samples) / SAMPLES_HZ
        if len(samples) and self._events.qsize() < QUEUED_SOUND:
            self.say(Data(integers(samples).astype("<i2").tobytes(), "audio/pcm", rate_hz=SAMPLES_HZ))

    async def _watch(self) -> None:
        """End the call when nothing was received for too long, be it for want of a connection."""
        received, since_s = -1, 0.0
        loop = asyncio.get_running_loop()
        while True:
            now = await self._received_bytes()
            if now != received:
                received, since_s = now, loop.time()
            elif loop.time() - since_s >= self._lost_s:
                self._end()
                return
            await asyncio.sleep(min(1.0, self._lost_s / 4))

    async def _received_bytes(self) -> int:
        stats = await self._connection.getStats()
        return sum(one.bytesReceived for one in stats.values() if isinstance(one, RTCTransportStats))

    def _end(self) -> None:
        self._events.put_nowait(None)

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _told(sign: Sign) -> Fact:
    return Fact({sign.kind: [sign.name, sign.ms] if sign.kind == "played" else sign.name})
