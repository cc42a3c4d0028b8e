"""What sounds of a conversation said: clients send a conversation's earlier sounds again with every turn."""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable

import msgspec

from omniwatt.contract.request import MediaPart

LONGEST_S = 3600.0
"""A transcript is forgotten when it has not been asked for so long."""
MOST_CHARACTERS = 2_000_000
"""Of all transcripts together: some thirty hours of speech."""
MOST = 4096


class Said(msgspec.Struct, frozen=True):
    """What one sound said, and what hearing it counted for."""

    text: str
    tokens: int
    seconds: float


class Remembered:
    """Transcripts by project, ears and sound: in memory alone, and never shared between projects."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kept: OrderedDict[bytes, tuple[float, Said]] = OrderedDict()
        """Least lately asked for first."""
        self._characters = 0

    def recall(self, project: str, ears: str, part: MediaPart) -> Said | None:
        """What this very sound said; None when it was not heard lately, or lies in a file of its own."""
        self._forget()
        key = _key(project, ears, part)
        if key not in self._kept:
            return None
        said = self._kept.pop(key)[1]
        self._kept[key] = (self._clock(), said)
        return said

    def keep(self, project: str, ears: str, part: MediaPart, said: Said) -> None:
        """Remember it, and forget others where there is no room."""
        if part.blob or len(said.text) > MOST_CHARACTERS:
            return
        key = _key(project, ears, part)
        if key in self._kept:
            self._drop(key)
        self._kept[key] = (self._clock(), said)
        self._characters += len(said.text)
        self._forget()

    def _forget(self) -> None:
        while self._kept:
            key, (asked_s, _) = next(iter(self._kept.items()))
            old = self._clock() - asked_s > LONGEST_S
            if not old and self._characters <= MOST_CHARACTERS and len(self._kept) <= MOST:
                return
            self._drop(key)

    def _drop(self, key: bytes) -> None:
        self._characters -= len(self._kept.pop(key)[1].text)


def _key(project: str, ears: str, part: MediaPart) -> bytes:
    named = hashlib.sha256(msgspec.json.encode((project, ears, part.blob, part.media_type)))
    named.update(part.data)
    return named.digest()
