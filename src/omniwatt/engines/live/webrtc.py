"""WebRTC calls (RFC 8829): Opus, RTP, DTLS, ICE and SCTP of untrusted peers, in a process of their own.

Needs `omniwatt[webrtc]` (aiortc). One job is one call. It gets the peer's SDP offer, and as input stream

    text, control "tell"        a message for the data channel
    data, control "play"        sound for the peer's ears; `text` names the answer and its item, apart by a space
    control "end"               the answer `text` has no more sound
    control "clear"             what has not been played yet is not played

and yields a Fact `answer` (with `message_limit`, the most bytes the peer takes in one message), then as they happen
Facts `connected`, `message`, `started`, `stopped`, `cleared` (an answer's sound), `played` (an item, and how many ms
of it) and Data: what the peer says. Sound is signed 16-bit samples, mono, 24 kHz, both ways.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import suppress

import msgspec
from aiortc import RTCConfiguration, RTCIceServer

from omniwatt.contract.error import BadInput, UnsupportedField
from omniwatt.contract.event import Chunk, Event, Fact, Finished, Usage
from omniwatt.contract.job import EngineSpec, Job, Loaded
from omniwatt.contract.protocol import Context
from omniwatt.contract.request import DataBody
from omniwatt.engines.live.peer import Peer


class IceServer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A STUN or TURN server, as WebRTC's RTCIceServer."""

    url: str
    username: str = ""
    credential: str = ""


class CallOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`lost_s`: a peer nothing is received of for so long has gone."""

    lost_s: float = 15.0
    ice_servers: tuple[IceServer, ...] = ()


class WebRtc:
    """Any number of calls on one loop; each has a decoder's thread of its own."""

    async def load(self, spec: EngineSpec, progress: Callable[[float], None]) -> Loaded:
        """Nothing to read: the libraries came with the import."""
        for name in ("aiortc", "aioice"):
            # What they say below this names the peers' addresses.
            logging.getLogger(name).setLevel(logging.ERROR)
        progress(1.0)
        return Loaded(slots=max(1, spec.slots), threads=0)

    async def run(self, job: Job, inputs: AsyncIterator[Chunk], ctx: Context) -> AsyncGenerator[Event]:
        """One call, until the peer hangs up or is lost. Raises BadInput for an offer that cannot be answered."""
        body = job.body
        if job.capability != "live" or not isinstance(body, DataBody):
            raise UnsupportedField("This engine takes WebRTC calls and nothing else.")
        try:
            options = msgspec.convert(body.options, CallOptions)
        except msgspec.ValidationError as error:
            raise BadInput(f"The call's options: {error}.", param="options") from error
        peer = Peer(_configuration(options), options.lost_s, ctx)
        follower: asyncio.Task[None] | None = None
        try:
            answer = await peer.answer(body.text)
            yield Fact({"answer": answer, "message_limit": peer.message_limit})
            follower = asyncio.create_task(peer.follow(inputs))
            while (event := await peer.next()) is not None:
                yield event
        finally:
            if follower is not None:
                follower.cancel()
                with suppress(asyncio.CancelledError):
                    await follower
            await peer.close()
        yield Finished(Usage(audio_s=peer.heard_s), job.model)

    async def close(self) -> None:
        """Each call closes its own."""


def _configuration(options: CallOptions) -> RTCConfiguration:
    """An empty list, not None: with None the library would ask a server of its own choice."""
    return RTCConfiguration(
        iceServers=[RTCIceServer(one.url, one.username or None, one.credential or None) for one in options.ice_servers]
    )
