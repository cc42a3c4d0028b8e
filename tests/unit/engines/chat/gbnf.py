"""A small reader of llama.cpp's grammar form: says whether a grammar accepts a text. For tests only."""

import re
from collections.abc import Callable

Ends = Callable[[str, int], set[int]]
TOKEN = re.compile(
    r'\s*(?:(?P<text>"(?:[^"\\]|\\.)*")|(?P<set>\[(?:[^\]\\]|\\.)*\])|(?P<name>[a-zA-Z][a-zA-Z0-9-]*)'
    r"|(?P<count>\{\d+(?:,\d*)?\})|(?P<mark>[()|*+?]))"
)


class Gbnf:
    """A parsed grammar."""

    def __init__(self, text: str) -> None:
        self._rules = {}
        self._memo: dict[tuple[str, int], set[int]] = {}
        for line in text.splitlines():
            name, _, body = line.partition(" ::= ")
            tokens = self._tokens(body)
            self._rules[name] = self._either(tokens)
            assert not tokens, f"{name}: {tokens}"

    def accepts(self, text: str) -> bool:
        self._memo = {}
        return len(text) in self._rules["root"](text, 0)

    def _tokens(self, body: str) -> list[tuple[str, str]]:
        tokens, at = [], 0
        while body[at:].strip():
            found = TOKEN.match(body, at)
            assert found is not None, body[at:]
            assert found.lastgroup is not None
            tokens.append((found.lastgroup, found[found.lastgroup]))
            at = found.end()
        return tokens

    def _either(self, tokens: list[tuple[str, str]]) -> Ends:
        branches = [self._sequence(tokens)]
        while tokens and tokens[0][1] == "|":
            tokens.pop(0)
            branches.append(self._sequence(tokens))
        return lambda text, at: {end for branch in branches for end in branch(text, at)}

    def _sequence(self, tokens: list[tuple[str, str]]) -> Ends:
        parts = []
        while tokens and tokens[0][1] not in ("|", ")"):
            parts.append(self._repeated(self._atom(tokens), tokens))
        assert parts, "an empty sequence"

        def ends(text: str, at: int) -> set[int]:
            places = {at}
            for part in parts:
                places = {end for place in places for end in part(text, place)}
            return places

        return ends

    def _repeated(self, atom: Ends, tokens: list[tuple[str, str]]) -> Ends:
        if not tokens or (tokens[0][1] not in ("*", "+", "?") and tokens[0][0] != "count"):
            return atom
        mark = tokens.pop(0)[1]
        low, high = {"*": (0, None), "+": (1, None), "?": (0, 1)}.get(mark, (0, None))
        if mark.startswith("{"):
            first, comma, last = mark[1:-1].partition(",")
            low, high = int(first), int(last) if last else None if comma else int(first)

        def ends(text: str, at: int) -> set[int]:
            found, places, count = ({at} if low == 0 else set()), {at}, 0
            while places and (high is None or count < high):
                places = {end for place in places for end in atom(text, place)}
                count += 1
                places -= found if count > low else set()
                if count >= low:
                    found |= places
            return found

        return ends

    def _atom(self, tokens: list[tuple[str, str]]) -> Ends:
        kind, body = tokens.pop(0)
        if kind == "text":
            wanted = unescape(body[1:-1])
            return lambda text, at: {at + len(wanted)} if text.startswith(wanted, at) else set()
        if kind == "set":
            allowed = re.compile(body)
            return lambda text, at: {at + 1} if at < len(text) and allowed.match(text[at]) else set()
        if kind == "name":
            return lambda text, at: self._rule(body, text, at)
        assert body == "(", body
        inner = self._either(tokens)
        assert tokens.pop(0)[1] == ")"
        return inner

    def _rule(self, name: str, text: str, at: int) -> set[int]:
        if (name, at) not in self._memo:
            self._memo[name, at] = set()
            self._memo[name, at] = self._rules[name](text, at)
        return self._memo[name, at]


def unescape(text: str) -> str:
    return re.sub(r"\\(.)", lambda found: {"n": "\n", "r": "\r", "t": "\t"}.get(found[1], found[1]), text)
