"""Sound on its way to a player, hardly ahead of what is heard: what is not yet heard can still be taken back."""

import threading
import time
from collections.abc import Callable
from contextlib import suppress

RATE_HZ = 24_000
BYTES_PER_S = RATE_HZ * 2
PIECE_BYTES = BYTES_PER_S // 25
AHEAD_S = 0.2
"""A player gets sound this much before it is heard: less crackles, more goes on talking after it was stopped."""


class Playback:
    """`write` takes samples, in a thread of its own; it may block, and raise when the player is gone."""

    def __init__(self, write: Callable[[bytes], object]) -> None:
        self._write = write
        self._waiting = bytearray()
        self._news = threading.Condition()
        self._heard_until_s = 0.0
        self._over = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def say(self, data: bytes) -> None:
        """More sound. Never waits."""
        with self._news:
            self._waiting += data
            self._news.notify()

    def stop(self) -> None:
        """What is not at the player yet is not played."""
        with self._news:
            self._waiting.clear()
            self._heard_until_s = min(self._heard_until_s, time.monotonic() + AHEAD_S)

    def left_s(self) -> float:
        """How long there is still something to hear."""
        with self._news:
            return max(0.0, self._heard_until_s - time.monotonic()) + len(self._waiting) / BYTES_PER_S

    def close(self) -> None:
        """Let what there is be heard, and end."""
        time.sleep(self.left_s())
        with self._news:
            self._over = True
            self._news.notify()
        self._thread.join()

    def _run(self) -> None:
        with suppress(OSError, ValueError):
            while (piece := self._next()) is not None:
                self._write(piece)

    def _next(self) -> bytes | None:
        """The next piece, when it is due; None at the end."""
        with self._news:
            while True:
                ahead_s = self._heard_until_s - time.monotonic()
                if self._over:
                    return None
                if self._waiting and ahead_s < AHEAD_S:
                    break
                self._news.wait(ahead_s - AHEAD_S if self._waiting else None)
            piece = bytes(self._waiting[:PIECE_BYTES])
            del self._waiting[:PIECE_BYTES]
            self._heard_until_s = max(self._heard_until_s, time.monotonic()) + len(piece) / BYTES_PER_S
            return piece
