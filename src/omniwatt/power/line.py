"""One life of the governor's process, and our end of the socket to it: what cannot go at once goes in its turn."""

import asyncio
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

import msgspec

from omniwatt import packets, settings

STOP_S = 2.0
"""So long it may take to end once it is hung up on."""
LOOK_S = 0.01
MOST_UNSENT = 20_000
"""Messages: a governor that far behind is not one any more."""
COMMAND = (sys.executable, "-P", "-m", "omniwatt.power.governor")


class Line:
    """Made by `start`, in the event loop that calls `take` with each packet, and `lost` once it has hung up."""

    def __init__(
        self,
        child: subprocess.Popen[bytes],
        stream: socket.socket,
        take: Callable[[bytes], None],
        lost: Callable[[], None],
    ) -> None:
        self.pid = child.pid
        self._child = child
        self._stream = stream
        self._take = take
        self._lost = lost
        self._unsent: deque[bytes] = deque()
        self._open = True
        asyncio.get_running_loop().add_reader(stream.fileno(), self._hear)

    @classmethod
    def start(cls, folder: Path, take: Callable[[bytes], None], lost: Callable[[], None]) -> "Line":
        """A process that works in `folder`. Raises OSError where none can be had."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            try:
                child = subprocess.Popen(
                    [*COMMAND, str(theirs.fileno())],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    cwd=folder,
                    env=settings.child_environ(),
                    pass_fds=(theirs.fileno(),),
                    start_new_session=True,
                )
            except OSError:
                ours.close()
                raise
        return cls(child, ours, take, lost)

    def post(self, packet: bytes) -> bool:
        """False when it has to wait for those before it, or for nothing: it goes in its turn, or is lost with us."""
        if not self._open:
            return False
        if not self._unsent and packets.post(self._stream, packet):
            return True
        self._unsent.append(packet)
        if len(self._unsent) == 1:
            asyncio.get_running_loop().add_writer(self._stream.fileno(), self._flush)
        if len(self._unsent) > MOST_UNSENT:
            asyncio.get_running_loop().call_soon(self._lost)
            self._unsent.clear()
        return False

    def close(self) -> None:
        """Hang up. It continues what it holds, and ends by itself, if it still can."""
        if self._open:
            self._open = False
            loop = asyncio.get_running_loop()
            loop.remove_reader(self._stream.fileno())
            loop.remove_writer(self._stream.fileno())
            self._stream.close()

    def kill(self) -> None:
        """End it at once, also while it is stopped."""
        self._child.kill()

    async def bury(self) -> None:
        """Wait until it is gone, and see to it."""
        until_s = time.monotonic() + STOP_S
        while self._child.poll() is None:
            if time.monotonic() > until_s:
                self._child.kill()
            await asyncio.sleep(LOOK_S)

    def _flush(self) -> None:
        while self._unsent and packets.post(self._stream, self._unsent[0]):
            self._unsent.popleft()
        if not self._unsent:
            asyncio.get_running_loop().remove_writer(self._stream.fileno())

    def _hear(self) -> None:
        try:
            alive = packets.take(self._stream, self._take)
        except msgspec.DecodeError:
            alive = False
        if not alive and self._open:
            self._lost()
