"""One life of one engine host process: start it, load it, run jobs in it, stop it."""

import asyncio
import contextlib
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from typing import IO

import msgspec

from omniwatt import settings
from omniwatt.contract.error import Cancelled, EngineFailed
from omniwatt.contract.event import EMPTY, Chunk, Event, Finished, Progress
from omniwatt.contract.job import EngineSpec, Job, Loaded
from omniwatt.tree import Tree
from omniwatt.workers.call import Call
from omniwatt.workers.hand import Hand, Nobody
from omniwatt.workers.verbs import (
    HostStats,
    Load,
    Report,
    Run,
    Stats,
    decode_event,
    decode_loaded,
    decode_report,
    decode_stats,
    encode,
)
from omniwatt.workers.wire import Connection, over_socket

STOP_GRACE_S = 5.0
CANCEL_WAIT_S = 1.0
LOG_WAIT_S = 0.5
LOG_LINE_LIMIT = 4000
NEVER_HELD = frozenset({"media"})
"""Engines others wait for: counted, but not held for the watts' sake."""
NOTHING_DONE = Report()
_LEVELS = {"DEBUG": logging.DEBUG, "INFO": logging.INFO, "WARNING": logging.WARNING, "ERROR": logging.ERROR}


class HostProcess:
    """A running host. `gone` is done, with words for how it ended, once the process has been reaped."""

    def __init__(
        self, name: str, child: subprocess.Popen[bytes], connection: Connection, hand: Hand | None = None
    ) -> None:
        self.name = name
        self._hand = hand or Nobody()
        self.pid = child.pid
        self._tree = Tree(child.pid)
        self.in_flight = 0
        self.steps: dict[str, float] = {}
        self.used_at_s = 0.0
        """When a job last began or ended, in time.monotonic."""
        self.stopped = False
        """True while the process is held by SIGSTOP."""
        self._earlier_holds_s = 0.0
        self._cancelled: dict[Call, float] = {}
        """Calls that nobody waits for and the engine has not let go of yet, with when they were cancelled."""
        self._event_at_s = 0.0
        self.on_busy: Callable[[], None] = _nothing
        """Called when `in_flight` or `cancelling` changed between zero and more."""
        self._child = child
        self._connection = connection
        self._stopping = False
        self._stopped_at_s = 0.0
        self._urgent = False
        self.gone: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._log = asyncio.create_task(_relay_log(child.stdout, name)) if child.stdout else None
        self._reaper = asyncio.create_task(self._reap())
        self._hand.join(self.pid, name, 0, exempt=True, freed=self._freed)

    @classmethod
    async def start(cls, name: str, folder: Path, hand: Hand | None = None) -> "HostProcess":
        """Start a host with nothing loaded. Raises EngineFailed when the process cannot be started."""
        ours, theirs = socket.socketpair()
        try:
            child = _spawn(name, folder, theirs.fileno())
        except OSError as error:
            ours.close()
            raise EngineFailed(f"No process could be started for {name}: {error.strerror}.") from error
        finally:
            theirs.close()
        try:
            connection = await over_socket(ours, first=True, peer=f"{name} engine")
        except BaseException:
            child.kill()
            child.communicate()
            raise
        return cls(name, child, connection, hand)

    async def load(self, spec: EngineSpec, progress: Callable[[float], None]) -> Loaded:
        """Load the engine. Raises what the engine raised, or EngineDied."""
        call = self._connection.open(encode(Load(spec, self._hand.gate)))
        try:
            async for message in call:
                event = decode_event(message)
                if isinstance(event, Progress):
                    progress(event.done)
            loaded = decode_loaded(await call.result())
            exempt = spec.engine in NEVER_HELD or loaded.threads <= 0
            self._hand.join(self.pid, self.name, loaded.threads, exempt=exempt, freed=self._freed)
            return loaded
        except msgspec.DecodeError as error:
            raise EngineFailed(f"The {self.name} engine sent something unreadable.") from error
        finally:
            call.cancel()

    async def run(self, job: Job, inputs: AsyncIterator[Chunk] = EMPTY) -> AsyncGenerator[Event]:
        """Do one job. Closing it cancels the work in the engine and waits (a second at most) for the slot."""
        streams = inputs is not EMPTY
        loop = asyncio.get_running_loop()
        bill = self._hand.call(job.id, self.name, job.capability)
        call = self._connection.open(encode(Run(job, streams, bill.tier, bill.brief)))
        self._enter(call)
        feeder = asyncio.create_task(_feed(call, inputs)) if streams else None
        finished = False
        try:
            async for message in call:
                event = decode_event(message)
                self._event_at_s = loop.time()
                if type(event) is Finished:
                    finished = True
                    # Before the end is known anywhere: what is charged then has all its work in it.
                    bill.end(event.details.get("steps", {}), brief=event.details.get("brief", False))
                yield event
            if not finished:
                raise EngineFailed(f"The {self.name} engine stopped without finishing its answer.")
        except msgspec.DecodeError as error:
            raise EngineFailed(f"The {self.name} engine sent something unreadable.") from error
        except Cancelled:
            _raise_of(feeder)
            raise
        finally:
            if not call.ended:
                if not finished:
                    self._cancel(call)
                await _settle(call)
            if not finished:
                report = _report(call)
                bill.end(report.steps, brief=report.brief)
            if feeder is not None:
                feeder.cancel()
                await asyncio.wait([feeder])

    async def stats(self) -> HostStats:
        """What the process has used so far. Raises EngineDied."""
        return decode_stats(await self._connection.open(encode(Stats())).result())

    # --- signs of life

    def on_lost(self, callback: Callable[[], None]) -> None:
        """Run `callback` when the connection is gone, before any call that ends with it is heard of."""
        self._connection.closed.add_done_callback(lambda _: callback())

    async def reaped(self) -> str:
        """Wait until the process is gone; words for how it ended."""
        return await asyncio.shield(self.gone)

    def ping(self) -> None:
        """Ask for a sign of life; `heard_at_s` shows the answer."""
        self._connection.ping()

    @property
    def cancelling(self) -> int:
        """Calls that were cancelled and that the engine has not let go of yet."""
        return len(self._cancelled)

    def clings_since(self, at_s: float) -> bool:
        """True when a call cancelled before `at_s` (loop time) is still held on to, and nothing came of any since."""
        return self._event_at_s < at_s and any(cancelled_s < at_s for cancelled_s in self._cancelled.values())

    @property
    def heard_at_s(self) -> float:
        """Loop time of the last byte from the process."""
        return self._connection.heard_at_s

    @property
    def let(self) -> float:
        """Share of the time it is let run of late, of that in which it is not paused."""
        return self._hand.let(self.pid)

    def cpu_s(self) -> float:
        """CPU seconds the process and its helpers have used, all threads, ended helpers too; 0.0 once it is gone."""
        return 0.0 if self._reaped else self._tree.clock_s()

    def memory_bytes(self) -> int:
        """Resident bytes, the helpers' own included; 0 once it is gone."""
        return 0 if self._reaped else self._tree.memory_bytes()

    @property
    def held_s(self) -> float:
        """How long we have held it so far, in all."""
        return self._earlier_holds_s + (time.monotonic() - self._stopped_at_s if self.stopped else 0.0)

    def is_held(self) -> bool:
        """True while somebody, we or another process, holds it stopped."""
        if self.stopped:
            return True
        try:
            stat = Path(f"/proc/{self.pid}/stat").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return False
        return stat.rpartition(") ")[2][:1] == "T"

    # --- control

    def pause(self) -> None:
        """Hold all its threads and helpers, until `resume`."""
        if not self.stopped and not self.gone.done():
            self.stopped = True
            self._stopped_at_s = time.monotonic()
            if not self._hand.want(self.pid, held=True, urgent=self._urgent):
                self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on; harmless when it is not held."""
        if self.stopped:
            self.stopped = False
            self._earlier_holds_s += time.monotonic() - self._stopped_at_s
            if not self._hand.want(self.pid, held=False, urgent=self._urgent):
                self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it and its helpers now; calls in it end with EngineDied."""
        self.resume()
        self._signal(signal.SIGKILL)

    async def stop(self) -> str:
        """Hang up, let the engine close, and make sure within STOP_GRACE_S that the process is gone."""
        self._stopping = True
        self._let_go()
        self._connection.close()
        return await self.reaped()

    # --- inside

    def _let_go(self) -> None:
        """Continue it whoever holds it, and have it held no more."""
        self._urgent = True
        self.resume()
        self._hand.want(self.pid, held=False, urgent=True)
        self._signal(signal.SIGCONT)

    def _calm(self) -> None:
        """It may be held again."""
        self._urgent = False
        self._hand.want(self.pid, held=self.stopped, urgent=False)

    def _freed(self) -> None:
        """The governor is gone, and what it stopped is still stopped."""
        if self.stopped:
            self.stopped = False
            self._earlier_holds_s += time.monotonic() - self._stopped_at_s
        self._signal(signal.SIGCONT)

    @property
    def _reaped(self) -> bool:
        return self._child.returncode is not None

    def _signal(self, number: int) -> None:
        """To the host and all it started: they are one process group, whose number is its own until it is reaped."""
        if not self._reaped:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, number)

    def _enter(self, call: Call) -> None:
        self.in_flight += 1
        self.used_at_s = time.monotonic()
        if self.in_flight == 1:
            self.on_busy()
        call.on_end(lambda: self._leave(call))

    def _leave(self, call: Call) -> None:
        self.in_flight -= 1
        self.used_at_s = time.monotonic()
        self._event_at_s = asyncio.get_running_loop().time()
        for kind, units in _report(call).steps.items():
            self.steps[kind] = self.steps.get(kind, 0.0) + units
        if self.in_flight == 0:
            self.on_busy()

    def _cancel(self, call: Call) -> None:
        """A held process is let go on first, and is not held again before it has let the call go."""
        call.cancel()
        if call.ended:
            return
        self._cancelled[call] = asyncio.get_running_loop().time()
        self._let_go()
        self.on_busy()

        def done() -> None:
            del self._cancelled[call]
            if not self._cancelled and not self._stopping:
                self._calm()
            self.on_busy()

        call.on_end(done)

    async def _reap(self) -> None:
        await asyncio.shield(self._connection.closed)
        self._hand.leave(self.pid)
        grace_s = STOP_GRACE_S if self._stopping else 0.3
        exited = asyncio.ensure_future(asyncio.to_thread(os.waitid, os.P_PID, self.pid, os.WEXITED | os.WNOWAIT))
        if not (await asyncio.wait([exited], timeout=grace_s))[0]:
            self._signal(signal.SIGKILL)
            await exited
        # What it started has nobody left to work for, stopped or not.
        self._signal(signal.SIGKILL)
        code = self._child.wait()
        if self._log is not None:
            await asyncio.wait([self._log], timeout=LOG_WAIT_S)
        if not self.gone.done():
            self.gone.set_result(f"signal {signal.Signals(-code).name}" if code < 0 else f"exit status {code}")


def _nothing() -> None:
    return


def _report(call: Call) -> Report:
    """What a call that has ended did; nothing when nobody could say."""
    with suppress(msgspec.DecodeError):
        return decode_report(call.trailer) if call.trailer else NOTHING_DONE
    return NOTHING_DONE


def _spawn(name: str, folder: Path, fd: int) -> subprocess.Popen[bytes]:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "omniwatt.workers.host", str(fd), str(os.getpid()), name],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=folder,
        env=settings.child_environ(),
        pass_fds=(fd,),
        # Ctrl-C in the operator's terminal is for the gateway alone: it drains first. And what the host starts is
        # in its group: held, continued and ended with it.
        start_new_session=True,
    )


async def _feed(call: Call, inputs: AsyncIterator[Chunk]) -> None:
    try:
        async for chunk in inputs:
            if call.ended:
                return
            await call.send(encode(chunk))
        call.finish()
    except Exception:
        # Without its input the answer is worth nothing; `run` raises what went wrong here.
        call.cancel()
        raise


def _raise_of(feeder: "asyncio.Task[None] | None") -> None:
    if feeder is not None and feeder.done() and not feeder.cancelled():
        error = feeder.exception()
        if error is not None:
            raise error


async def _settle(call: Call) -> None:
    """Wait until the other side has let the call go, but not for ever."""
    with suppress(TimeoutError):
        async with asyncio.timeout(CANCEL_WAIT_S):
            await call.wait_ended()


async def _relay_log(stream: IO[bytes], name: str) -> None:
    """What the child writes, line by line, under the engine's name."""
    log = logging.getLogger(f"omniwatt.engine.{name}")
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=LOG_LINE_LIMIT)
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), stream)
    with contextlib.closing(transport):
        while line := await _line(reader):
            text = line.decode("utf-8", "replace").rstrip()
            word, _, rest = text.partition(":")
            level = _LEVELS.get(word)
            log.log(level or logging.INFO, "%s", rest if level else text)


async def _line(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readuntil(b"\n")
    except asyncio.IncompleteReadError as error:
        return error.partial
    except asyncio.LimitOverrunError as error:
        return await reader.read(error.consumed)
