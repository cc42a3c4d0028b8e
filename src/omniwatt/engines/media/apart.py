"""Untrusted sound is decoded in helper processes: damaged files kill decoders, and then only one request is hurt.

    python -m omniwatt.engines.media.apart PARENT_PID

reads one task after the other from its input and answers each with messages, the last of them `fact`, `end` or
`error`; all msgpack, each behind its length. It ends when its input does, and dies with its parent whatever it is at.
"""

import contextlib
import ctypes
import os
import resource
import select
import signal
import struct
import subprocess
import sys
import threading
from collections.abc import Generator, Iterator
from typing import IO, Any

import msgspec

from omniwatt import settings
from omniwatt.contract.error import BadInput, OmniwattError
from omniwatt.engines.media.work import Limits, Output, Work

_LENGTH = struct.Struct("<I")
_POLL_S = 0.02
_MEMORY_BYTES = 4 << 30
_PR_SET_PDEATHSIG = 1
_DIED = "The sound is damaged: its decoder could not go on."


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be done with the bytes of `path`, or with `data` themselves. An empty `target` asks for facts."""

    media_type: str
    path: str = ""
    data: bytes = b""
    target: str = ""
    options: dict[str, Any] = {}
    limits: Limits = Limits()


class Message(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing the helper says."""

    kind: str
    values: dict[str, Any] = {}
    output: Output | None = None


_read_message = msgspec.msgpack.Decoder(Message).decode
_read_task = msgspec.msgpack.Decoder(Task).decode
_written = msgspec.msgpack.Encoder().encode


class _Died(Exception):
    """A helper ended before its answer did; `silent` if it had said nothing yet."""

    def __init__(self, *, silent: bool) -> None:
        super().__init__()
        self.silent = silent


class Helpers:
    """Helpers at rest are kept for the next task. May be used from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: list[subprocess.Popen[bytes]] = []
        self._closed = False

    def warm(self) -> None:
        """Start one, so that the first sound need not wait for it."""
        self._given_back(self._taken()[0], fit=True)

    def facts(self, task: Task, work: Work) -> dict[str, Any]:
        """What the sound is. Raises BadInput, TooLarge, Cancelled."""
        with contextlib.closing(self._messages(task, work)) as messages:
            return next(message.values for message in messages if message.kind == "fact")

    def outputs(self, task: Task, work: Work) -> Iterator[Output]:
        """The sound in the task's form. Raises BadInput, TooLarge, Cancelled."""
        with contextlib.closing(self._messages(task, work)) as messages:
            for message in messages:
                if message.output is not None:
                    yield message.output

    def close(self) -> None:
        """End those at rest; those at work end with their task."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for helper in idle:
            _end(helper)

    def _messages(self, task: Task, work: Work) -> Generator[Message]:
        while True:
            helper, rested = self._taken()
            try:
                yield from self._said(helper, task, work)
            except _Died as death:
                if rested and death.silent:
                    # It had died at rest, which is no fault of this sound: another one is asked.
                    continue
                raise BadInput(_DIED, param="data") from None
            return

    def _said(self, helper: subprocess.Popen[bytes], task: Task, work: Work) -> Generator[Message]:
        """What one helper says of a task. Raises _Died when it goes before its last word."""
        done, silent = False, True
        try:
            _asked(_pipe(helper.stdin), _written(task), work)
            for message in _received(_pipe(helper.stdout), work):
                silent = False
                if message.kind == "step":
                    work.steps(**message.values)
                    continue
                done = message.kind in {"fact", "end", "error"}
                if message.kind == "error":
                    raise OmniwattError.from_wire(message.values)
                yield message
                if done:
                    return
            raise _Died(silent=silent)
        except BrokenPipeError:
            raise _Died(silent=silent) from None
        finally:
            self._given_back(helper, fit=done)

    def _taken(self) -> tuple[subprocess.Popen[bytes], bool]:
        """A helper, and whether it has rested since an earlier task."""
        with self._lock:
            while self._idle:
                helper = self._idle.pop()
                if helper.poll() is None:
                    return helper, True
                _end(helper)
        started = subprocess.Popen(
            [sys.executable, "-P", "-m", __name__, str(os.getpid())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=settings.child_environ(),
        )
        return started, False

    def _given_back(self, helper: subprocess.Popen[bytes], *, fit: bool) -> None:
        with self._lock:
            if fit and not self._closed:
                self._idle.append(helper)
                return
        _end(helper)


def _end(helper: subprocess.Popen[bytes]) -> None:
    helper.kill()
    with contextlib.suppress(BrokenPipeError):
        helper.communicate()


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    if pipe is None:
        raise RuntimeError("the helper was started without pipes")
    return pipe


def _send(pipe: IO[bytes], data: bytes) -> None:
    pipe.write(_LENGTH.pack(len(data)) + data)
    pipe.flush()


def _asked(pipe: IO[bytes], data: bytes, work: Work) -> None:
    """Send a task; one that is only starting holds nobody up who leaves. Raises Cancelled, BrokenPipeError."""
    os.set_blocking(pipe.fileno(), False)
    left = memoryview(_LENGTH.pack(len(data)) + data)
    while left:
        work.check()
        if select.select([], [pipe], [], _POLL_S)[1]:
            left = left[os.write(pipe.fileno(), left) :]


def _received(pipe: IO[bytes], work: Work) -> Iterator[Message]:
    """Messages until the helper ends; looks up now and then whether anybody still waits. Raises Cancelled."""
    held = bytearray()
    while True:
        while len(held) >= 4 and len(held) >= 4 + (size := _LENGTH.unpack_from(held)[0]):
            message = _read_message(bytes(held[4 : 4 + size]))
            del held[: 4 + size]
            yield message
        work.check()
        if select.select([pipe], [], [], _POLL_S)[0]:
            data = os.read(pipe.fileno(), 1 << 18)
            if not data:
                return
            held += data


class _Relayed:
    """The helper's context: it is killed when nobody waits, so it only has to say what it does."""

    cancelled = False

    def __init__(self, out: IO[bytes]) -> None:
        self._out = out

    def on_cancel(self, callback: Any) -> None:
        """Never called back."""

    def step(self, kind: str, units: float) -> None:
        _send(self._out, _written(Message(kind="step", values={"kind": kind, "units": units})))

    async def astep(self, kind: str, units: float) -> None:
        self.step(kind, units)


def _answer(task: Task, out: IO[bytes]) -> Message:
    from omniwatt.engines.media import contents, sound
    from omniwatt.engines.media.work import read_options

    work = Work(_Relayed(out), task.limits)
    data = contents.mapped(task.path) if task.path else memoryview(task.data)
    if not task.target:
        return Message(kind="fact", values=sound.probe(data, task.media_type, work))
    options = read_options(task.options, sound.SoundOptions)
    for output in sound.transcode(data, task.media_type, task.target, options, work):
        _send(out, _written(Message(kind="output", output=output)))
    return Message(kind="end")


def _die_with_parent(parent_pid: int) -> None:
    """Also when it is stopped, or deep in a decoder. The thread that started it lives as long as the engine."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent_pid:
        # The parent went away before the line above could take effect.
        os._exit(1)


def main() -> None:
    """Answer tasks until there are no more."""
    _die_with_parent(int(sys.argv[1]))
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    out = os.fdopen(os.dup(1), "wb")
    # Whatever a library prints must not get between the messages.
    os.dup2(2, 1)
    source = sys.stdin.buffer
    while head := source.read(4):
        task = _read_task(source.read(_LENGTH.unpack(head)[0]))
        try:
            last = _answer(task, out)
        except OmniwattError as error:
            last = Message(kind="error", values=error.to_wire())
        _send(out, _written(last))


if __name__ == "__main__":
    main()
