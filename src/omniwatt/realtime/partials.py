"""Words on their way: while somebody speaks, those that two hearings in a row agree on are said, and never taken back.

Local agreement, as in Liu, Spanakis, Niehues 2020 and Macháček, Dabre, Bojar 2023. Pure.
"""

import re

_CJK = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
_WORD = re.compile(rf"[{_CJK}]|[^\W{_CJK}]+(?:['’.\-][^\W{_CJK}]+)*")
"""Where no blanks are written, each character counts for one."""


class Partials:
    """One stretch of speech."""

    def __init__(self) -> None:
        self._before: list[str] = []
        self._said: list[str] = []
        self.text = ""
        """What has been said so far, in all deltas together."""

    @property
    def words(self) -> int:
        """How many words that is."""
        return len(self._said)

    def hear(self, text: str) -> str:
        """What is sure now and was not before. The last word may be the beginning of another one, and waits."""
        found = list(_WORD.finditer(text))
        words = [match[0].casefold() for match in found]
        sure = _alike(self._before, words[:-1])
        self._before = words
        if sure <= len(self._said) or words[: len(self._said)] != self._said:
            return ""
        return self._say(text[self._end(found) : found[sure - 1].end()], words[:sure])

    def rest(self, text: str) -> str:
        """What is left to say when `text` is all; nothing when what was said is no beginning of it."""
        found = list(_WORD.finditer(text))
        words = [match[0].casefold() for match in found]
        if words[: len(self._said)] != self._said:
            return ""
        return self._say(text[self._end(found) :], words)

    def _end(self, found: list[re.Match[str]]) -> int:
        """Where in the newest text that has been said which was said before."""
        return found[len(self._said) - 1].end() if self._said else 0

    def _say(self, delta: str, words: list[str]) -> str:
        self._said = words
        self.text += delta
        return delta


def _alike(one: list[str], other: list[str]) -> int:
    """How many words both begin with."""
    for place, (mine, theirs) in enumerate(zip(one, other, strict=False)):
        if mine != theirs:
            return place
    return min(len(one), len(other))
