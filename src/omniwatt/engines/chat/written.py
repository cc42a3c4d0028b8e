"""What an answer has written so far, as tokens: what it goes on from after it was broken off."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from omniwatt.engines.chat.stops import StopScanner

Tokenize = Callable[[str], Awaitable[list[int]]]


def resumable(sampling: Mapping[str, Any], grammar: Mapping[str, Any]) -> bool:
    """Whether an answer can go on as if nothing had been. Pure.

    llama.cpp makes penalties of the tokens it is given, but begins a grammar, and the dice of a seed, anew.
    """
    seeded = "seed" in sampling and sampling["temperature"] > 0
    return not seeded and (not grammar.get("grammar") or bool(grammar.get("grammar_lazy")))


class Written:
    """Tokens of one answer, in order. `resumable` is what the function of that name says of it."""

    def __init__(self, grammar: Mapping[str, Any], *, resumable: bool) -> None:
        self.ids: list[int] = []
        self._resumable = resumable
        self._triggers = StopScanner([str(trigger["value"]) for trigger in grammar.get("grammar_triggers", ())])
        self._unnamed: list[tuple[int, int, str]] = []
        """Where tokens without a name stand: place, how many, and the text they and the named one behind them are."""

    @property
    def asks(self) -> dict[str, Any]:
        """What has llama.cpp name the token of each piece."""
        return {"verbose": True, "return_tokens": True} if self._resumable else {}

    def add(self, chunk: Mapping[str, Any], tokens: int) -> None:
        """The next piece, of so many tokens. Of several that make one character llama.cpp names only the last."""
        if not self._resumable or "__verbose" not in chunk:
            return
        text = chunk["choices"][0]["text"]
        self._triggers.feed(text)
        named = chunk["__verbose"]["tokens"]
        if len(named) < tokens:
            self._unnamed.append((len(self.ids), tokens - len(named), text))
        self.ids += named

    async def ready(self, tokenize: Tokenize) -> bool:
        """Whether it may be broken off here and go on exactly: all tokens known, and no grammar under way."""
        if self._triggers.stopped:
            # From here on the grammar holds.
            self._resumable = False
        if not self._resumable or self._triggers.holding:
            return False
        added = 0
        for place, missing, text in self._unnamed:
            found = await tokenize(text)
            at = place + added
            if len(found) != missing + 1 or found[-1] != self.ids[at]:
                self._resumable = False
                return False
            self.ids[at:at] = found[:-1]
            added += missing
        self._unnamed.clear()
        return True
