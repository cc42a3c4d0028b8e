"""The host's end of the gate: says which steps begin, and waits where the governor lets a call wait.

One connection for all calls of the process, read by a thread of its own: a held call is let go on also while the
event loop is busy. Without a governor, or once it is gone or silent for as long as its lease, nothing waits.
"""

import asyncio
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial

import msgspec

from omniwatt import packets
from omniwatt.contract.governor import Hello, Hold, Told, decode_hold, encode

BATCH_S = 0.02
"""Units are told together, at most this late while steps go on."""
RETRY_S = 0.1
"""Between two attempts to reach the governor."""


class Permit:
    """One call's right to take steps. Safe to use from any thread."""

    def __init__(self, permits: "Permits", number: int, job: str) -> None:
        self._permits = permits
        self.number = number
        self.job = job
        self.held_until_s = 0.0
        """In time.monotonic; in the past: it may go on."""
        self._given_up = False
        self._wakers: list[Callable[[], object]] = []

    def step(self, kind: str, units: float) -> None:
        """Tell a step that begins; blocks first for as long as the call is held."""
        if self.held_until_s:
            self._wait()
        self._permits.tell(self.number, kind, units)

    async def astep(self, kind: str, units: float) -> None:
        """`step` for coroutines."""
        if self.held_until_s:
            await self._wait_async()
        self._permits.tell(self.number, kind, units)

    def give_up(self) -> None:
        """Nobody waits for the call any more: it is held no longer, nor again."""
        self._given_up = True
        self.wake()

    def leave(self) -> None:
        """The call has ended; what it did is told at once."""
        self.give_up()
        self._permits.leave(self.number)

    def hold(self, until_s: float) -> None:
        """Wait at the next step until then; 0 lets it go on."""
        self.held_until_s = until_s
        if not until_s:
            self.wake()

    def wake(self) -> None:
        """Have whoever waits look again."""
        wakers, self._wakers = self._wakers, []
        for waker in wakers:
            waker()

    def _left_s(self) -> float:
        return 0.0 if self._given_up else self.held_until_s - time.monotonic()

    def _wait(self) -> None:
        if self._left_s() > 0:
            self._permits.park(self.number)
        while (left_s := self._left_s()) > 0:
            woken = threading.Event()
            self._wakers.append(woken.set)
            if self._left_s() > 0:
                # Looked at again after the waker is known: what changed in between would wake nobody.
                woken.wait(left_s)

    async def _wait_async(self) -> None:
        loop = asyncio.get_running_loop()
        if self._left_s() > 0:
            self._permits.park(self.number)
        while (left_s := self._left_s()) > 0:
            woken = asyncio.Event()
            self._wakers.append(partial(_set, loop, woken))
            if self._left_s() > 0:
                with suppress(TimeoutError):
                    async with asyncio.timeout(left_s):
                        await woken.wait()


class Permits:
    """All calls of one host. `path` is the governor's socket; empty where there is none."""

    def __init__(self, path: str, hello: Hello) -> None:
        self._path = path
        self._hello = hello
        self._lock = threading.Lock()
        self._calls: dict[int, Permit] = {}
        self._next = 0
        self._stream: socket.socket | None = None
        self._closed = threading.Event()
        self._told_at_s = 0.0
        self._entered: list[tuple[int, str]] = []
        self._work: dict[tuple[int, str], float] = {}
        self._parked: list[int] = []
        self._left: list[int] = []
        self._new_until_s = 0.0
        """Calls that begin before then wait until the governor has spoken of them."""
        if path:
            threading.Thread(target=self._listen, name="permits", daemon=True).start()

    def enter(self, job: str) -> Permit:
        """A call begins."""
        with self._lock:
            self._next += 1
            permit = self._calls[self._next] = Permit(self, self._next, job)
            permit.held_until_s = self._new_until_s
            self._entered.append((permit.number, job))
            self._post()
        return permit

    def tell(self, number: int, kind: str, units: float) -> None:
        """A step begins."""
        with self._lock:
            if self._stream is None:
                return
            key = (number, kind)
            self._work[key] = self._work.get(key, 0.0) + units
            if time.monotonic() - self._told_at_s >= BATCH_S:
                self._post()

    def park(self, number: int) -> None:
        """A call waits at a step boundary."""
        with self._lock:
            self._parked.append(number)
            self._post()

    def leave(self, number: int) -> None:
        """A call has ended."""
        with self._lock:
            self._calls.pop(number, None)
            self._left.append(number)
            self._post()

    def close(self) -> None:
        """Hang up; nothing is held any more."""
        self._closed.set()
        with self._lock:
            if self._stream is not None:
                with suppress(OSError):
                    self._stream.shutdown(socket.SHUT_RDWR)
        self._let_go()

    # --- inside

    def _post(self) -> None:
        """Under the lock. What cannot go now goes with the next one."""
        if self._stream is None:
            self._entered, self._parked, self._left = [], [], []
            self._work.clear()
            return
        work = tuple((number, kind, units) for (number, kind), units in self._work.items())
        told = Told(tuple(self._entered), work, tuple(self._parked), tuple(self._left))
        if packets.post(self._stream, encode(told)):
            self._entered, self._parked, self._left = [], [], []
            self._work.clear()
            self._told_at_s = time.monotonic()

    def _listen(self) -> None:
        """The thread: connect, take what the governor says, connect again when it has gone."""
        while not self._closed.is_set():
            stream = _connected(self._path)
            if stream is not None:
                with stream:
                    self._talk(stream)
            self._closed.wait(RETRY_S)

    def _talk(self, stream: socket.socket) -> None:
        with self._lock:
            packets.post(stream, encode(self._hello))
            self._stream = stream
            self._entered = [(number, permit.job) for number, permit in self._calls.items()]
            self._post()
        with suppress(OSError, msgspec.DecodeError):
            while packet := stream.recv(packets.PACKET_BYTES):
                self._take(decode_hold(packet))
        with self._lock:
            self._stream, self._new_until_s = None, 0.0
            self._post()
        self._let_go()

    def _take(self, hold: Hold) -> None:
        until_s = time.monotonic() + hold.lease_s
        with self._lock:
            self._new_until_s = until_s if hold.new else 0.0
            calls = list(self._calls.items())
            if self._work or self._entered or self._left or self._parked:
                self._post()
        for number, permit in calls:
            held = number in hold.calls or (hold.new and number > hold.known)
            permit.hold(until_s if held else 0.0)

    def _let_go(self) -> None:
        with self._lock:
            calls = list(self._calls.values())
        for permit in calls:
            permit.hold(0.0)


def _connected(path: str) -> socket.socket | None:
    stream = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC)
    try:
        stream.connect(path)
    except OSError:
        stream.close()
        return None
    return stream


def _set(loop: asyncio.AbstractEventLoop, event: asyncio.Event) -> None:
    with suppress(RuntimeError):  # the loop has ended, and who waited on it
        loop.call_soon_threadsafe(event.set)
