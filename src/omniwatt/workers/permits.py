"""The host's end of the gate: says which steps begin, and waits where the governor lets a call wait.

One connection for all calls of the process, read by a thread of its own: a held call is let go on also while the
event loop is busy. Without a governor, or once it is gone or silent for as long as its lease, nothing waits.

Each message wakes the governor. A call that is `brief` is told of only once it is BATCH_S old, and when it is over
sooner only in a sum with others: hundreds of small requests a second cost it a message or two each BATCH_S.
"""

import asyncio
import os
import select
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial

import msgspec

from omniwatt import packets
from omniwatt.contract.governor import BATCH_S, SUM_S, Hello, Hold, Told, decode_hold, encode

RETRY_S = 0.1
"""Between two attempts to reach the governor."""


class Permit:
    """One call's right to take steps. Safe to use from any thread."""

    def __init__(self, permits: "Permits", number: int, job: str, tier: str, told: bool) -> None:
        self._permits = permits
        self.number = number
        self.job = job
        self.tier = tier
        self.told = told
        """Whether the governor knows of it, or will with the next message. Under the lock of `permits`."""
        self.at_s = time.monotonic()
        self.ended_s = 0.0
        self.work: dict[str, float] = {}
        """What it did, to be told. Under the lock of `permits`."""
        self.held_until_s = 0.0
        """In time.monotonic; in the past: it may go on."""
        self._given_up = False
        self._wakers: list[Callable[[], object]] = []

    def step(self, kind: str, units: float) -> None:
        """Tell a step that begins; blocks first for as long as the call is held."""
        if self.held_until_s:
            self._wait()
        self._permits.tell(self, kind, units)

    async def astep(self, kind: str, units: float) -> None:
        """`step` for coroutines."""
        if self.held_until_s:
            await self._wait_async()
        self._permits.tell(self, kind, units)

    def give_up(self) -> None:
        """Nobody waits for the call any more: it is held no longer, nor again."""
        self._given_up = True
        self.wake()

    def leave(self) -> bool:
        """The call has ended; what it did is told at once, or (True) only in a sum with that of other brief ones."""
        self.give_up()
        return self._permits.leave(self)

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
            self._permits.park(self)
        while (left_s := self._left_s()) > 0:
            woken = threading.Event()
            self._wakers.append(woken.set)
            if self._left_s() > 0:
                # Looked at again after the waker is known: what changed in between would wake nobody.
                woken.wait(left_s)

    async def _wait_async(self) -> None:
        loop = asyncio.get_running_loop()
        if self._left_s() > 0:
            self._permits.park(self)
        while (left_s := self._left_s()) > 0:
            woken = asyncio.Event()
            self._wakers.append(partial(_set, loop, woken))
            if self._left_s() > 0:
                with suppress(TimeoutError):
                    async with asyncio.timeout(left_s):
                        await woken.wait()


_NOTHING = Told()


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
        self._due_s: float | None = None
        """When the next batch goes; None: nothing waits for one."""
        self._entered: list[Permit] = []
        self._parked: list[int] = []
        self._left: list[Permit] = []
        self._brief: dict[str, float] = {}
        self._new_until_s = 0.0
        """Calls that begin before then wait until the governor has spoken of them."""
        self._bell = -1
        if path:
            self._bell = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
            # At once: a call that comes now is to be told of.
            stream = self._introduced()
            threading.Thread(target=self._listen, args=(stream,), name="permits", daemon=True).start()

    def enter(self, job: str, tier: str = "", *, brief: bool = False) -> Permit:
        """A call begins, for a job of that tier."""
        with self._lock:
            self._next += 1
            permit = self._calls[self._next] = Permit(self, self._next, job, tier, told=not brief)
            permit.held_until_s = self._new_until_s
            if brief:
                self._later()
            else:
                self._entered.append(permit)
                self._post()
        return permit

    def tell(self, permit: Permit, kind: str, units: float) -> None:
        """A step begins."""
        with self._lock:
            if self._stream is None:
                return
            permit.work[kind] = permit.work.get(kind, 0.0) + units
            if permit.told and time.monotonic() - self._told_at_s >= BATCH_S:
                self._post()

    def park(self, permit: Permit) -> None:
        """A call waits at a step boundary."""
        with self._lock:
            self._introduce(permit)
            self._parked.append(permit.number)
            self._post()

    def leave(self, permit: Permit) -> bool:
        """A call has ended; True: the governor does not hear of it by itself."""
        with self._lock:
            if self._calls.pop(permit.number, None) is None:
                return not permit.told
            permit.ended_s = time.monotonic()
            if permit.told:
                self._left.append(permit)
                self._post()
            elif self._stream is not None:
                for kind, units in permit.work.items():
                    self._brief[kind] = self._brief.get(kind, 0.0) + units
            return not permit.told

    def close(self) -> None:
        """Hang up; nothing is held any more."""
        self._closed.set()
        with self._lock:
            if self._stream is not None:
                with suppress(OSError):
                    self._stream.shutdown(socket.SHUT_RDWR)
        self._let_go()

    # --- inside

    def _introduce(self, permit: Permit) -> None:
        """Under the lock. Of this one the governor is to know from the next message on."""
        if not permit.told:
            permit.told = True
            self._entered.append(permit)

    def _later(self) -> None:
        """Under the lock. There is something that the next batch may have to tell."""
        if self._due_s is None and self._stream is not None:
            self._due_s = time.monotonic() + BATCH_S
            os.eventfd_write(self._bell, 1)

    def _post(self) -> None:
        """Under the lock. What cannot go now goes with the next one."""
        if self._stream is None:
            self._forget()
            return
        told = Told(
            tuple((one.number, one.job, one.tier, one.at_s) for one in self._entered),
            tuple(
                (one.number, kind, units)
                for one in (*self._calls.values(), *self._left)
                if one.told
                for kind, units in one.work.items()
            ),
            tuple(self._parked),
            tuple((one.number, one.ended_s) for one in self._left),
            tuple(self._brief.items()),
        )
        if told == _NOTHING or packets.post(self._stream, encode(told)):
            self._forget()
            self._told_at_s = time.monotonic()

    def _forget(self) -> None:
        """Under the lock. It has been told, or there is nobody to tell."""
        for one in self._calls.values():
            if one.told:
                one.work = {}
        self._entered, self._parked, self._left, self._brief = [], [], [], {}

    def _flush(self) -> None:
        """Tell what is due: calls that are BATCH_S old by now, and the sums."""
        with self._lock:
            now_s = time.monotonic()
            if self._due_s is None or now_s < self._due_s:
                return
            young_s = [one.at_s for one in self._calls.values() if not one.told and now_s - one.at_s < BATCH_S]
            for one in self._calls.values():
                if now_s - one.at_s >= BATCH_S:
                    self._introduce(one)
            if self._brief:
                # More of them may come: looked at again, so that they need not ring.
                young_s.append(now_s)
            self._due_s = min(young_s) + BATCH_S if young_s else None
            if self._entered or now_s - self._told_at_s >= SUM_S:
                self._post()

    def _listen(self, stream: socket.socket | None) -> None:
        """The thread: take what the governor says, connect again when it has gone."""
        while not self._closed.is_set():
            if stream is not None:
                with stream:
                    self._talk(stream)
            self._closed.wait(RETRY_S)
            stream = None if self._closed.is_set() else self._introduced()
        os.close(self._bell)

    def _introduced(self) -> socket.socket | None:
        """Connect, and say who we are and which calls are there."""
        stream = _connected(self._path)
        if stream is None:
            return None
        with self._lock:
            packets.post(stream, encode(self._hello))
            self._stream = stream
            self._entered = [permit for permit in self._calls.values() if permit.told]
            self._due_s = time.monotonic() + BATCH_S if len(self._entered) < len(self._calls) else None
            self._post()
        return stream

    def _talk(self, stream: socket.socket) -> None:
        with suppress(OSError, msgspec.DecodeError):
            self._hear(stream)
        with self._lock:
            self._stream, self._new_until_s = None, 0.0
            self._post()
        self._let_go()

    def _hear(self, stream: socket.socket) -> None:
        """Until the governor is gone. Raises OSError, and DecodeError for what it cannot have said."""
        poll = select.poll()
        poll.register(stream, select.POLLIN)
        poll.register(self._bell, select.POLLIN)
        while True:
            due_s = self._due_s
            for fd, _ in poll.poll(None if due_s is None else max(0.0, due_s - time.monotonic()) * 1e3 + 1):
                if fd == self._bell:
                    os.eventfd_read(self._bell)
                elif packet := stream.recv(packets.PACKET_BYTES):
                    self._take(decode_hold(packet))
                else:
                    return
            self._flush()

    def _take(self, hold: Hold) -> None:
        until_s = time.monotonic() + hold.lease_s
        with self._lock:
            self._new_until_s = until_s if hold.new else 0.0
            calls = list(self._calls.items())
            if self._entered or self._left or self._parked:
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
    stream = None
    try:
        stream = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC)
        stream.connect(path)
    except OSError:  # out of files, say
        if stream is not None:
            stream.close()
        return None
    return stream


def _set(loop: asyncio.AbstractEventLoop, event: asyncio.Event) -> None:
    with suppress(RuntimeError):  # the loop has ended, and who waited on it
        loop.call_soon_threadsafe(event.set)
