"""Stop strings over streamed text: exact across token borders, never a character too many."""

from collections.abc import Sequence


class StopScanner:
    """Feed it pieces; it gives back what may be shown, and holds what could be the beginning of a stop string."""

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = [stop for stop in stops if stop]
        self._held = ""
        self.stopped = False

    @property
    def holding(self) -> bool:
        """True while some text is held back."""
        return bool(self._held)

    def feed(self, piece: str) -> str:
        """The text that is safe to show after `piece`; sets `stopped` at the earliest stop string."""
        if self.stopped:
            return ""
        text = self._held + piece
        found = [place for place in (text.find(stop) for stop in self._stops) if place >= 0]
        if found:
            self.stopped, self._held = True, ""
            return text[: min(found)]
        keep = max((overlap(text, stop) for stop in self._stops), default=0)
        self._held = text[len(text) - keep :]
        return text[: len(text) - keep]

    def flush(self) -> str:
        """What was held, when the text ends without a stop string."""
        held, self._held = self._held, ""
        return held


def overlap(text: str, stop: str) -> int:
    """Length of the longest end of `text` that `stop` begins with, short of all of it."""
    longest = min(len(text), len(stop) - 1)
    return next((size for size in range(longest, 0, -1) if text.endswith(stop[:size])), 0)
