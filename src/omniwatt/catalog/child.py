"""Run a package client as a child process: watch what it writes, stop it when asked or when it stalls."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from omniwatt.catalog.error import Unavailable

_POLL_S = 0.1
_OUTPUT_BYTES = 8_000
# Runs in the child before the client takes its place: the kernel ends it (PR_SET_PDEATHSIG) if the pull is killed.
_FOLLOW = (
    "import ctypes, os, signal, sys\n"
    "ctypes.CDLL(None).prctl(1, signal.SIGKILL)\n"
    "os.getppid() == int(sys.argv[1]) or sys.exit(1)\n"
    "os.execvp(sys.argv[2], sys.argv[2:])"
)


class Stopped(Exception):
    """The pull was told to stop."""


class Watch(NamedTuple):
    """How far a child may go. `grew` is told the bytes in its folder, about ten times a second."""

    stop: threading.Event
    grew: Callable[[int], None]
    limit_bytes: int
    stall_s: float = 60.0


def run(command: Sequence[str], folder: Path, environ: Mapping[str, str], watch: Watch) -> tuple[int, str]:
    """Run to the end in `folder`; returns the exit status and the end of its output.

    Raises Stopped, or Unavailable if it wrote more than it may or nothing for too long.
    """
    child = subprocess.Popen(
        (sys.executable, "-S", "-E", "-c", _FOLLOW, str(os.getpid()), *command),
        cwd=folder,
        env=dict(environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    tail = _Tail(child)
    try:
        _wait(child, folder, watch)
    finally:
        _kill(child)
        text = tail.text()
    return child.returncode, text


class _Tail(threading.Thread):
    """Keeps the end of what a child says in memory: its disk may be the one that is full."""

    def __init__(self, child: subprocess.Popen[bytes]) -> None:
        super().__init__(name="pull-output", daemon=True)
        self._pipe = child.stdout
        self._kept = b""
        self.start()

    def run(self) -> None:
        if self._pipe is None:
            return
        with self._pipe as pipe:
            while chunk := pipe.read1(_OUTPUT_BYTES):  # type: ignore[attr-defined]
                self._kept = (self._kept + chunk)[-_OUTPUT_BYTES:]

    def text(self) -> str:
        """All of it, once the child has ended; a grandchild that lives on is not waited for."""
        self.join(2.0)
        return self._kept.decode("utf-8", "replace").strip()


def _wait(child: subprocess.Popen[bytes], folder: Path, watch: Watch) -> None:
    seen, moved_s = -1, time.monotonic()
    while True:
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(_POLL_S)
            return
        if watch.stop.is_set():
            raise Stopped
        size = folder_bytes(folder)
        if size > watch.limit_bytes:
            raise Unavailable(f"it sends more than the {watch.limit_bytes:,} bytes allowed")
        if size != seen:
            seen, moved_s = size, time.monotonic()
            watch.grew(size)
        elif time.monotonic() - moved_s > watch.stall_s:
            raise Unavailable(f"no byte came for {watch.stall_s:.0f} s")


def _kill(child: subprocess.Popen[bytes]) -> None:
    """End the child and what it started; nothing of it writes after this."""
    if child.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def folder_bytes(folder: Path) -> int:
    """Bytes of all files below; files that vanish meanwhile count nothing."""
    total = 0
    for root, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                total += (Path(root) / name).lstat().st_size
    return total
