"""Playing sound with what the machine has: a player that reads a pipe, so that it sounds while it is still made."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO

PLAYERS: tuple[tuple[str, ...], ...] = (
    ("paplay", "--raw", "--rate=24000", "--channels=1", "--format=s16le"),
    ("pw-play", "--rate=24000", "--channels=1", "--format=s16", "-"),
    ("aplay", "-q", "-t", "raw", "-f", "S16_LE", "-r", "24000", "-c", "1", "-"),
    ("ffplay", "-v", "error", "-nodisp", "-autoexit", "-f", "s16le", "-ar", "24000", "-ch_layout", "mono", "-i", "-"),
    (
        "mpv",
        "--really-quiet",
        "--demuxer=rawaudio",
        "--demuxer-rawaudio-rate=24000",
        "--demuxer-rawaudio-channels=1",
        "-",
    ),
    ("play", "-q", "-t", "raw", "-e", "signed", "-b", "16", "-r", "24000", "-c", "1", "-"),
)
"""What plays raw samples from its standard input; the first that is installed is taken."""


def player() -> tuple[str, ...] | None:
    """The command that plays signed 16-bit mono samples at 24 kHz from its standard input; None without one."""
    return next((command for command in PLAYERS if shutil.which(command[0])), None)


@contextmanager
def playing(command: tuple[str, ...]) -> Iterator[IO[bytes]]:
    """The player's input; leaving waits until everything was heard. Raises BrokenPipeError inside when it gave up."""
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    stdin = process.stdin
    if stdin is None:
        raise RuntimeError("a player without an input")
    try:
        yield stdin
        with suppress(BrokenPipeError):
            stdin.close()
        process.wait()
    except BaseException:
        process.kill()
        process.wait()
        raise
    finally:
        with suppress(BrokenPipeError):
            stdin.close()
