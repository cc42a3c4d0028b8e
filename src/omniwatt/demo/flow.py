"""Text that comes in pieces, broken into lines between its words (Chinese and Japanese: between characters)."""

import re

from rich.cells import cell_len

INDENT = 4
"""Columns of a sign before the first line, and of the space before every other."""
_WIDE = "\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe4f\uff00-\uff60\uffe0-\uffe6"
_CLOSING = "、。〉》」』】〕〗）！，：；？．”’"
_WORDS = re.compile(rf"\n| +|[{_WIDE}][{_CLOSING}]*|[^\s{_WIDE}]+[{_CLOSING}]*|\s")


class Flow:
    """One text on its way to a terminal `columns` wide; None: lines are as long as they are.

    A word is held back until the next one begins: it is not known before whether it still has room.
    """

    def __init__(self, columns: int | None) -> None:
        self._room = max(1, columns - INDENT) if columns is not None else None
        self._column = 0
        self._held = ""

    def whole(self, text: str) -> str:
        """All of a text."""
        return self.take(text) + self.end()

    def take(self, piece: str) -> str:
        """What can be printed of it now."""
        words = _WORDS.findall(self._held + piece)
        self._held = words.pop() if words else ""
        return "".join(self._placed(word) for word in words)

    def end(self) -> str:
        """What was held back."""
        word, self._held = self._held, ""
        return self._placed(word)

    def _placed(self, word: str) -> str:
        """The word, on a new line where this one has no room for it."""
        if word == "\n":
            self._column = 0
            return "\n" + " " * INDENT
        size = cell_len(word)
        if self._room is None or self._column + size <= self._room:
            self._column += size
            return word
        if word.isspace():
            self._column = self._room
            return ""
        line = "\n" + " " * INDENT if self._column else ""
        self._column = size
        return line + word
