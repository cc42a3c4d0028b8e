"""The child process: one engine behind the wire. Started by workers/process.py, never by hand.

    python -m omniwatt.workers.host FD PARENT_PID NAME

FD is its end of a socket pair. Nothing secret is in the arguments or the environment: the EngineSpec comes over the
wire. The process dies with its parent, also while it is stopped.
"""

import asyncio
import contextlib
import ctypes
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing

import msgspec
import uvloop

from omniwatt.contract.error import EngineFailed, OmniwattError
from omniwatt.contract.event import EMPTY, Chunk, Event, Finished, Progress
from omniwatt.contract.governor import Hello
from omniwatt.contract.job import EngineSpec, Loaded
from omniwatt.contract.protocol import Engine
from omniwatt.engines import registry
from omniwatt.tree import Tree
from omniwatt.workers.call import Call
from omniwatt.workers.permits import Permit, Permits
from omniwatt.workers.verbs import HostStats, Load, Report, Run, Stats, decode_chunk, decode_verb, encode
from omniwatt.workers.wire import over_socket

CLOSE_GRACE_S = 4.0
_PR_SET_PDEATHSIG = 1

log = logging.getLogger("omniwatt.host")


class CallContext:
    """The Context of one call: counts the units of work per kind and knows whether somebody still waits."""

    def __init__(self, count: Callable[[str, float], None], permit: Permit | None = None) -> None:
        self._lock = threading.Lock()
        self._count = count
        self._permit = permit
        self._callbacks: list[Callable[[], None]] = []
        self._cancelled = False
        self.steps: dict[str, float] = {}
        self.brief = False
        """Once it has left: the governor was told of it in a sum alone."""

    @property
    def cancelled(self) -> bool:
        return self._cancelled

    def on_cancel(self, callback: Callable[[], None]) -> None:
        with self._lock:
            if not self._cancelled:
                self._callbacks.append(callback)
                return
        callback()

    def cancel(self) -> None:
        """Set `cancelled` and run the callbacks, once."""
        with self._lock:
            callbacks, self._callbacks = self._callbacks, []
            self._cancelled = True
        if self._permit is not None:
            self._permit.give_up()
        for callback in callbacks:
            try:
                callback()
            except Exception:
                log.exception("an engine's on_cancel callback failed")

    def step(self, kind: str, units: float) -> None:
        if self._permit is not None:
            self._permit.step(kind, units)
        self._add(kind, units)

    async def astep(self, kind: str, units: float) -> None:
        if self._permit is not None:
            await self._permit.astep(kind, units)
        self._add(kind, units)

    def leave(self) -> None:
        """The work is over: all of it has been told when this returns."""
        if self._permit is not None:
            self.brief = self._permit.leave()
            self._permit = None

    def _add(self, kind: str, units: float) -> None:
        with self._lock:
            self.steps[kind] = self.steps.get(kind, 0.0) + units
        self._count(kind, units)


class Inputs(AsyncIterator[Chunk]):
    """The caller's stream, decoded."""

    def __init__(self, call: Call) -> None:
        self._call = call

    async def __anext__(self) -> Chunk:
        return decode_chunk(await self._call.__anext__())


class Host:
    """Serves the gateway's calls with one engine."""

    def __init__(self) -> None:
        self._engine: Engine | None = None
        self._ready = False
        self._name = "engine"
        self._lock = threading.Lock()
        self._steps: dict[str, float] = {}
        self._tree = Tree(os.getpid())
        self._permits: Permits | None = None

    async def serve(self, call: Call) -> None:
        """One call of the gateway."""
        try:
            verb = decode_verb(call.request)
        except msgspec.DecodeError as error:
            raise EngineFailed(f"The engine host was asked something it does not know: {error}") from error
        match verb:
            case Run():
                await self._run(call, verb)
            case Load(spec=spec, gate=gate):
                call.trailer = encode(await self._load(call, spec, gate))
            case Stats():
                call.trailer = encode(self._stats())

    async def close(self) -> None:
        """Let the engine go."""
        if self._permits is not None:
            self._permits.close()
        if self._engine is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_GRACE_S):
                    await self._engine.close()

    async def _load(self, call: Call, spec: EngineSpec, gate: str) -> Loaded:
        if self._engine is not None:
            raise EngineFailed("This host already has an engine.")
        self._name = spec.name
        with self._faults(spec.name):
            self._engine = registry.create(spec.engine)
            async with _progress_to(call) as progress:
                loaded = await self._engine.load(spec, progress)
        if gate:
            self._permits = Permits(gate, _hello(spec, loaded))
        self._ready = True
        return loaded

    async def _run(self, call: Call, verb: Run) -> None:
        engine = self._engine
        if engine is None or not self._ready:
            raise EngineFailed("The engine is not loaded.")
        permit = self._permits.enter(verb.job.id, verb.tier, brief=verb.brief) if self._permits else None
        context = CallContext(self._count, permit)
        call.on_cancel(context.cancel)
        inputs = Inputs(call) if verb.streams else EMPTY
        try:
            with self._faults(self._name):
                async with aclosing(engine.run(verb.job, inputs, context)) as events:
                    await self._relay(call, context, events)
        finally:
            context.leave()
            call.trailer = encode(Report(context.steps, context.brief))

    async def _relay(self, call: Call, context: CallContext, events: AsyncIterator[Event]) -> None:
        send = call.send
        async for event in events:
            if type(event) is Finished:
                # Before the end is known anywhere: what is settled then has all its work in it.
                context.leave()
                details = {**event.details, "steps": context.steps, "brief": context.brief}
                await send(encode(msgspec.structs.replace(event, details=details)))
                return
            await send(encode(event))
        raise EngineFailed(f"The engine {self._name} stopped without finishing its answer.")

    @contextlib.contextmanager
    def _faults(self, name: str) -> Iterator[None]:
        """Everything an engine may raise becomes one clear error; the traceback goes to the log only."""
        try:
            yield
        except OmniwattError:
            raise
        except Exception as error:
            log.exception("engine %s failed", name)
            raise EngineFailed(f"The engine {name} failed ({type(error).__name__}).") from None

    def _count(self, kind: str, units: float) -> None:
        with self._lock:
            self._steps[kind] = self._steps.get(kind, 0.0) + units

    def _stats(self) -> HostStats:
        with self._lock:
            return HostStats(self._tree.memory_bytes(), self._tree.cpu_s(), dict(self._steps))


def _hello(spec: EngineSpec, loaded: Loaded) -> Hello:
    device = str(loaded.details.get("device", ""))
    device = "" if device == "cpu" else device
    return Hello(os.getpid(), spec.name, loaded.threads, loaded.gated, device)


@contextlib.asynccontextmanager
async def _progress_to(call: Call) -> AsyncIterator[Callable[[float], None]]:
    """A thread-safe function that sends the newest progress; nothing is queued up."""
    loop = asyncio.get_running_loop()
    changed = asyncio.Event()
    newest = 0.0

    def report(done: float) -> None:
        nonlocal newest
        newest = done
        loop.call_soon_threadsafe(changed.set)

    async def send() -> None:
        while True:
            await changed.wait()
            changed.clear()
            await call.send(encode(Progress(newest, 1.0, "load")))

    sender = asyncio.create_task(send())
    try:
        yield report
    finally:
        sender.cancel()
        await asyncio.wait([sender])


class _Lines(logging.Formatter):
    """`LEVEL:logger:text`, on every line of a traceback too: the gateway reads the level from each."""

    def format(self, record: logging.LogRecord) -> str:
        lines = super().format(record).splitlines() or [""]
        return "\n".join(f"{record.levelname}:{record.name}:{line}" for line in lines)


def _log_lines() -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Lines())
    logging.basicConfig(handlers=[handler], level=logging.INFO)


def _die_with_parent(parent_pid: int) -> None:
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent_pid:
        # The parent went away before the line above could take effect.
        os._exit(1)


async def _main(fd: int) -> None:
    host = Host()
    stream = socket.socket(fileno=fd)
    stream.set_inheritable(False)
    connection = await over_socket(stream, host.serve, first=False, peer="gateway")
    await asyncio.shield(connection.closed)
    await host.close()


def main() -> None:
    """Serve one engine until the gateway hangs up."""
    fd, parent_pid = int(sys.argv[1]), int(sys.argv[2])
    _die_with_parent(parent_pid)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _log_lines()
    try:
        uvloop.run(_main(fd))
    finally:
        sys.stderr.flush()
        # Native libraries may leave threads that would keep the interpreter from ending.
        os._exit(0)


if __name__ == "__main__":
    main()
