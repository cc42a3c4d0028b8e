"""The way to espeak-ng: its program at the other end of a pipe, started again when it dies or hangs."""

import asyncio
import contextlib
import json
import logging
import os
import re
import shutil
import struct
import sys
import zipfile
from pathlib import Path
from typing import Any

from omniwatt.contract.error import BadInput, EngineFailed

PROGRAM = Path(__file__).with_name("espeak_program.py")
PATIENCE_S = 10.0
"""For one frame: a clause takes milliseconds, so a program that is silent this long hangs."""
TRIES = 2
FORM = 1
"""Part of the folder's name: raise it when what is unpacked changes."""
MAX_FRAME_BYTES = 16 << 20
_MEMBER = re.compile(r"espeakng_loader/(libespeak-ng\.so|espeak-ng-data/(?!\.\./)[^\\]+[^/\\])")

log = logging.getLogger(__name__)


def unpacked(wheel: Path) -> Path:
    """The folder beside `wheel` with the library and its data, made now if it is not there yet. Raises EngineFailed."""
    try:
        size_bytes = wheel.stat().st_size
    except OSError as error:
        raise EngineFailed(f"cannot read {wheel.name}: {error.strerror}") from error
    target = wheel.with_name(f"{wheel.stem.split('-')[0]}-{FORM}-{size_bytes:x}")
    if target.is_dir():
        return target
    fresh = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with zipfile.ZipFile(wheel) as archive:
            members = [name for name in archive.namelist() if _MEMBER.fullmatch(name) and ".." not in name.split("/")]
            archive.extractall(fresh, members)
        # Another process may have been first.
        with contextlib.suppress(OSError):
            fresh.rename(target)
        if not target.is_dir():
            raise EngineFailed(f"cannot make {target.name} beside {wheel.name}")
    except (zipfile.BadZipFile, OSError) as error:
        raise EngineFailed(f"cannot unpack {wheel.name}: {error}") from error
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return target


class EspeakPipe:
    """Questions to the program, one at a time; safe to use from any number of coroutines of one loop."""

    rate_hz = 0

    def __init__(self, folder: Path, patience_s: float = PATIENCE_S) -> None:
        self._paths = [str(folder / "espeakng_loader" / name) for name in ("libespeak-ng.so", "espeak-ng-data")]
        self._patience_s = patience_s
        self._lock = asyncio.Lock()
        self._process: asyncio.subprocess.Process | None = None
        self._known: dict[tuple[str, str], str] = {}

    @property
    def pid(self) -> int | None:
        """Of the program that runs now."""
        return self._process.pid if self._process is not None and self._process.returncode is None else None

    async def start(self) -> None:
        """Bring the program up, so that the first question need not wait for it. Raises EngineFailed."""
        async with self._lock:
            await self._started()

    async def phonemes(self, text: str, voice: str) -> str:
        """IPA of `text`, letters of one sound tied with `^`. Raises BadInput for an unknown voice, or EngineFailed."""
        known = self._known.get((text, voice))
        if known is None:
            frames = await self._ask({"do": "phonemes", "text": text, "voice": voice})
            known = str(json.loads(frames[0]))
            if len(self._known) > 4096:
                self._known.clear()
            self._known[text, voice] = known
        return known

    async def say(self, text: str, voice: str, **how: int) -> bytes:
        """Samples (s16le, mono, `rate_hz`) of one clause. `how`: rate, pitch, range, volume of the program."""
        return b"".join(await self._ask({"do": "say", "text": text, "voice": voice, **how}))

    async def voices(self) -> list[tuple[str, str, str, int]]:
        """Language, name, identifier, gender (1 male, 2 female) of each voice."""
        frames = await self._ask({"do": "voices"})
        return [(str(a), str(b), str(c), int(d)) for a, b, c, d in json.loads(frames[0])]

    async def close(self) -> None:
        """End the program."""
        async with self._lock:
            await self._end()

    async def _ask(self, question: dict[str, Any]) -> list[bytes]:
        reason: BaseException | None = None
        for _ in range(TRIES):
            async with self._lock:
                try:
                    return await self._answer(question)
                except BadInput:
                    raise
                except (TimeoutError, OSError, EOFError, ValueError) as error:
                    reason = error
                    log.warning("the espeak-ng program failed (%s); starting it again", type(error).__name__)
                    await self._end()
                except BaseException:
                    # Cancelled between frames: what is still in the pipe belongs to nobody.
                    await self._end()
                    raise
        raise EngineFailed("The espeak-ng program ended twice on this text.") from reason

    async def _answer(self, question: dict[str, Any]) -> list[bytes]:
        process = await self._started()
        if process.stdin is None:
            raise EOFError
        data = json.dumps(question).encode()
        process.stdin.write(struct.pack("<I", len(data)) + data)
        await process.stdin.drain()
        frames: list[bytes] = []
        while True:
            letter, data = await self._frame(process, self._patience_s)
            if letter == b".":
                return frames
            if letter == b"E":
                raise BadInput(f"espeak-ng: {data.decode(errors='replace')}", param="voice")
            frames.append(data)

    async def _started(self) -> asyncio.subprocess.Process:
        process = self._process
        if process is None or process.returncode is not None:
            command = (sys.executable, "-I", "-S", str(PROGRAM), *self._paths)
            process = self._process = await asyncio.create_subprocess_exec(
                *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, env={"LC_ALL": "C.UTF-8"}
            )
            try:
                _, rate = await self._frame(process, max(PATIENCE_S, self._patience_s))
                self.rate_hz = int(json.loads(rate))
            except (TimeoutError, EOFError, ValueError) as error:
                await self._end()
                raise EngineFailed("The espeak-ng program does not start.") from error
            except asyncio.CancelledError:
                # Its first frame is still to come, and would be taken for the answer to the next question.
                await self._end()
                raise
        return process

    async def _frame(self, process: asyncio.subprocess.Process, patience_s: float) -> tuple[bytes, bytes]:
        if process.stdout is None:
            raise EOFError
        async with asyncio.timeout(patience_s):
            head = await process.stdout.readexactly(5)
            size = struct.unpack("<I", head[1:])[0]
            if size > MAX_FRAME_BYTES:
                raise ValueError("a frame that is too long")
            return head[:1], await process.stdout.readexactly(size)

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
