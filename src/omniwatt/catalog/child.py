"""Run a package client as a child process: watch what it writes, stop it when asked or when it stalls."""

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from omniwatt.catalog.error import Unavailable

_POLL_S = 0.1
_OUTPUT_BYTES = 8_000


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
    log = folder / ".output"
    with log.open("wb") as output:
        child = subprocess.Popen(
            command, cwd=folder, env=dict(environ), stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            start_new_session=True,
        )  # fmt: skip
        try:
            _wait(child, folder, watch)
        finally:
            _kill(child)
    with log.open("rb") as opened:
        opened.seek(max(0, log.stat().st_size - _OUTPUT_BYTES))
        return child.returncode, opened.read().decode("utf-8", "replace").strip()


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
