"""What an echo request may ask for: delays, lengths and faults.

The card's options set them for every request; a request adds its own as a JSON object after `echo:` at the start of
its last user message, as in `echo: {"tokens": 5, "token_s": 0.01, "fail_at": 3}`.
"""

import asyncio
import contextlib
import functools
import hashlib
import os
import signal
import threading
import time
from typing import Any, Literal

import msgspec

from omniwatt.contract.error import BadInput, EngineFailed
from omniwatt.contract.protocol import Context

PREFIX = "echo:"
BLOCK_BYTES = 512 * 1024
SPIN_BYTES = 4096


class Script(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All `_at` faults come before the token of that number, counted from 0 over the whole answer."""

    text: str | None = None
    """What to answer instead of the caller's own words."""
    tokens: int | None = None
    """Answer with this many made-up tokens."""
    first_token_s: float = 0.0
    token_s: float = 0.0
    prefill_steps: int = 0
    """Report progress this many times before the first token."""
    call: str | None = None
    """Call this tool although the choice is `auto`."""
    reasoning: str = ""
    """Thoughts to send before the answer."""
    fail_at: int | None = None
    """Raise EngineFailed."""
    raise_at: int | None = None
    """Raise an error of no known kind."""
    exit_at: int | None = None
    """End the process with status 3."""
    kill_at: int | None = None
    """End the process with SIGKILL."""
    hang_at: int | None = None
    """Wait for ever, politely: a cancel ends it."""
    block_at: int | None = None
    """Block the whole process without using the CPU."""
    spin_at: int | None = None
    """Compute for ever and look up for nothing, as native code gone astray does."""
    cling_at: int | None = None
    """Wait for ever and let no cancel end it."""
    corrupt_at: int | None = None
    """Send an event of the wrong shape."""
    burn: int = 0
    """Threads that compute without pause while a token takes its time."""
    burn_barrier: bool = False
    """The threads work in lock-step and spin while they wait, as native engines do."""
    misread: int = 0
    """Letter the text of a picture wrong this many times."""
    dimensions: int = 32
    load_s: float = 0.0
    load_fault: Literal["", "fail", "raise", "kill"] = ""


_FROM_REQUEST = frozenset(Script.__struct_fields__) - {"burn", "burn_barrier", "dimensions", "load_s", "load_fault"}


def read(options: dict[str, Any], text: str) -> tuple[Script, str]:
    """The script of a request, and the text without it. Raises BadInput."""
    asked: dict[str, Any] = {}
    words = text.lstrip()
    if words.startswith(PREFIX):
        try:
            asked = msgspec.json.decode(words[len(PREFIX) :], type=dict[str, Any])
        except msgspec.DecodeError as error:
            raise BadInput(f"After `{PREFIX}` comes one JSON object: {error}.", param="messages") from error
        strange = asked.keys() - _FROM_REQUEST
        if strange:
            raise BadInput(f"Echo knows no {', '.join(sorted(strange))} in a request.", param="messages")
        text = ""
    try:
        return msgspec.convert({**options, **asked}, Script), text
    except msgspec.ValidationError as error:
        raise BadInput(f"Echo cannot do that: {error}.", param="messages") from error


class Pace:
    """Carries a script out, token by token."""

    def __init__(self, script: Script, context: Context) -> None:
        self.script = script
        self.place = 0
        self._context = context

    async def token(self) -> bool:
        """Wait for the next token's time; True when the script wants it corrupt. Raises or worse, as asked."""
        script = self.script
        await self._context.astep("decode", 1)
        delay_s = script.token_s + (script.first_token_s if self.place == 0 else 0.0)
        if script.burn:
            await asyncio.to_thread(burn, script.burn, delay_s, script.burn_barrier, self._context)
        elif delay_s:
            await asyncio.sleep(delay_s)
        place, self.place = self.place, self.place + 1
        if place == script.hang_at:
            await asyncio.Event().wait()
        while place == script.cling_at:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
        _fault(script, place)
        return place == script.corrupt_at


def _fault(script: Script, place: int) -> None:
    if place == script.fail_at:
        raise EngineFailed(f"Echo was asked to fail at token {place}.")
    if place == script.raise_at:
        raise RuntimeError(f"asked to raise at token {place}")
    if place == script.exit_at:
        os._exit(3)
    if place == script.kill_at:
        os.kill(os.getpid(), signal.SIGKILL)
    if place == script.block_at:
        threading.Event().wait()
    while place == script.spin_at:
        pass


def burn(threads: int, seconds: float, barrier: bool, context: Context) -> None:
    """Do an amount of computing that takes `threads` idle cores about `seconds`; stops early on a cancel."""
    rounds = max(1, int(seconds / round_s()))
    turns = [0] * threads

    def work(number: int) -> None:
        block = b"\0" * BLOCK_BYTES
        for turn in range(1, rounds + 1):
            hashlib.sha256(block).digest()
            turns[number] = turn
            while barrier and min(turns) < turn and not context.cancelled:
                hashlib.sha256(block[:SPIN_BYTES]).digest()
            if context.cancelled:
                return

    workers = [threading.Thread(target=work, args=(number,)) for number in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()


@functools.cache
def round_s() -> float:
    """How long one block takes one idle core here."""
    block = b"\0" * BLOCK_BYTES
    start_s = time.perf_counter()
    for _ in range(4):
        hashlib.sha256(block).digest()
    return (time.perf_counter() - start_s) / 4
