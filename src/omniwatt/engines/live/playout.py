"""Sound on its way to a listener in real time: pieces of answers, one after the other, a frame at each tick. Pure."""

from collections import deque
from typing import Literal, NamedTuple

FRAME_MS = 20
RATE_HZ = 48_000
FRAME_BYTES = RATE_HZ * FRAME_MS // 1000 * 2
BYTES_PER_MS = RATE_HZ * 2 // 1000


class Sign(NamedTuple):
    """What happened: an answer's sound `started`, `stopped` or was `cleared`; or so many ms of an item were `played`.

    `name` is the answer's, or with `played` the item's.
    """

    kind: Literal["started", "stopped", "cleared", "played"]
    name: str
    ms: float = 0.0


class _Piece:
    """Sound of one item of one answer; without sound it is the answer's end."""

    def __init__(self, answer: str, item: str = "") -> None:
        self.answer = answer
        self.item = item
        self.sound = bytearray()


class Playout:
    """16-bit mono samples at RATE_HZ in, frames of FRAME_BYTES out; silence where there is nothing to play."""

    def __init__(self) -> None:
        self._pieces: deque[_Piece] = deque()
        self._answer = ""
        """Whose sound is being played."""
        self._item = ""
        self._item_bytes = 0

    def add(self, answer: str, item: str, sound: bytes) -> None:
        """More of an item; it is played after all that came before."""
        last = self._pieces[-1] if self._pieces else None
        if last is None or (last.answer, last.item) != (answer, item):
            last = _Piece(answer, item)
            self._pieces.append(last)
        last.sound += sound

    def end(self, answer: str) -> None:
        """An answer has no more sound."""
        self._pieces.append(_Piece(answer))

    def clear(self) -> list[Sign]:
        """Nothing of what waits is played."""
        playing = self._answer or next((piece.answer for piece in self._pieces if piece.sound), "")
        self._pieces.clear()
        self._answer = ""
        return [Sign("cleared", playing)] if playing else []

    def frame(self) -> tuple[bytes, list[Sign]]:
        """The next FRAME_MS, and what is to be said of it.

        The last samples that came are held back until they fill a frame or the answer has ended.
        """
        signs: list[Sign] = []
        out = bytearray()
        while len(out) < FRAME_BYTES and self._pieces:
            piece = self._pieces[0]
            if not piece.item:
                self._pieces.popleft()
                if self._answer == piece.answer:
                    self._answer = ""
                    signs.append(Sign("stopped", piece.answer))
                continue
            if len(self._pieces) == 1 and len(out) + len(piece.sound) < FRAME_BYTES:
                break
            self._take(piece, out, signs)
        return bytes(out) + bytes(FRAME_BYTES - len(out)), signs

    def _take(self, piece: _Piece, out: bytearray, signs: list[Sign]) -> None:
        taken = piece.sound[: FRAME_BYTES - len(out)]
        del piece.sound[: len(taken)]
        out += taken
        if self._answer != piece.answer:
            self._answer = piece.answer
            signs.append(Sign("started", piece.answer))
        if self._item != piece.item:
            self._item, self._item_bytes = piece.item, 0
        self._item_bytes += len(taken)
        signs.append(Sign("played", piece.item, self._item_bytes / BYTES_PER_MS))
        if not piece.sound and len(self._pieces) > 1:
            self._pieces.popleft()
