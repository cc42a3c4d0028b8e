"""Regular expressions of JSON schemas (the regular part of ECMA-262) as grammar rules over JSON string characters."""

from typing import NamedTuple

MAX_PATTERN_CHARS = 500
MAX_COPIES = 2_000
"""Repetitions multiply when they nest; llama.cpp unrolls them all."""
MAX_WAYS = 64
"""At how many places of the pattern the next character may stand. llama.cpp follows them all, for every token of the
vocabulary, and each that goes on multiplies them again: two hundred are enough to keep it busy for hours."""
ANY = r"[^\x22\x5C\x7F\x00-\x1F]"
SHORTHANDS = {"d": "0-9", "w": "0-9A-Za-z_", "s": " "}
NEGATED = {"D": "0-9", "W": "0-9A-Za-z_", "S": " "}

DATE = r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|1\d|2[0-8])"
TIME = r"([01]\d|2[0-3]):[0-5]\d:[0-5]\d(Z|[+-]([01]\d|2[0-3]):[0-5]\d)"
FORMATS = {
    "date": f"^{DATE}$",
    "time": f"^{TIME}$",
    "date-time": f"^{DATE}T{TIME}$",
    "email": r"^[a-z0-9_+-]+(\.[a-z0-9_+-]+)*@[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+$",
    "uuid": r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$",
    "ipv4": r"^((25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)\.){3}(25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)$",
}
"""Formats that are held to; every date they allow exists, though not every date that exists is allowed."""


def pattern_rule(pattern: str, max_repeat: int) -> str:
    """A grammar expression for the inside of a JSON string that matches. Raises ValueError saying what is not held."""
    if len(pattern) > MAX_PATTERN_CHARS:
        raise ValueError("too long")
    return _Pattern(pattern, max_repeat).whole()


class Piece(NamedTuple):
    """A part of a pattern: its grammar, how often it is unrolled, whether it may be empty, in how many ways it begins
    and in how many ways, at worst, it goes on."""

    body: str
    copies: int = 1
    empty: bool = False
    ways: int = 1
    worst: int = 1


def _one_of(branches: list[Piece]) -> Piece:
    ways = sum(piece.ways for piece in branches)
    return Piece(
        " | ".join(piece.body for piece in branches),
        sum(piece.copies for piece in branches),
        any(piece.empty for piece in branches),
        ways,
        max(ways, *(piece.worst for piece in branches)),
    )


def _in_turn(parts: list[Piece]) -> Piece:
    ways = worst = 0
    for piece in reversed(parts):
        worst = max(worst, piece.worst, piece.ways + ways)
        ways = piece.ways + (ways if piece.empty else 0)
    body = " ".join(piece.body for piece in parts) or '""'
    empty = all(piece.empty for piece in parts)
    return Piece(body, max(1, sum(piece.copies for piece in parts)), empty, ways, max(worst, ways))


def _times(piece: Piece, mark: str, low: int, high: int | None) -> Piece:
    most = max(1, low if high is None else high)
    ways = piece.ways * (most if piece.empty else 1)
    return Piece(piece.body + mark, piece.copies * most, piece.empty or low == 0, ways, max(ways, piece.worst))


class _Pattern:
    """Reads a pattern once from left to right."""

    def __init__(self, text: str, max_repeat: int) -> None:
        self._text = text
        self._at = 0
        self._max_repeat = max_repeat
        self._depth = 0

    def whole(self) -> str:
        start = "" if self._take("^") else f"{ANY}* "
        piece = self._either()
        if piece.copies > MAX_COPIES:
            raise ValueError("repeats too much")
        if piece.worst > MAX_WAYS:
            raise ValueError("can go on in too many ways at once")
        anchored = self._take("$")
        if self._at < len(self._text):
            raise ValueError(f"«{self._text[self._at]}» at {self._at}")
        return f"{start}({piece.body})" + ("" if anchored else f" {ANY}*")

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _take(self, mark: str) -> bool:
        if not self._text.startswith(mark, self._at):
            return False
        self._at += len(mark)
        return True

    def _next(self) -> str:
        char = self._peek()
        if not char:
            raise ValueError("it breaks off")
        self._at += 1
        return char

    def _either(self) -> Piece:
        branches = [self._sequence()]
        while self._take("|"):
            branches.append(self._sequence())
        return _one_of(branches) if len(branches) > 1 else branches[0]

    def _sequence(self) -> Piece:
        parts: list[Piece] = []
        while self._peek() not in ("", "|", ")", "$"):
            parts.append(self._repeated())
        return _in_turn(parts)

    def _repeated(self) -> Piece:
        piece = self._atom()
        mark = self._peek()
        if mark in ("*", "+", "?") and mark:
            self._at += 1
            piece = _times(piece, mark, 1 if mark == "+" else 0, 1)
        elif mark == "{":
            low, high = self._counts()
            piece = _times(piece, f"{{{low},{'' if high is None else high}}}", low, high)
        if self._peek() in ("?", "+") and mark in ("*", "+", "?", "{") and mark:
            self._at += 1
        return piece

    def _counts(self) -> tuple[int, int | None]:
        end = self._text.find("}", self._at)
        low, comma, high = self._text[self._at + 1 : end].partition(",")
        if end < 0 or not low.isdigit() or not (high.isdigit() or high == ""):
            raise ValueError("a repetition without numbers")
        self._at = end + 1
        least = int(low[:9])
        most = least if not comma else int(high[:9]) if high else None
        if least > self._max_repeat or (most is not None and most < least):
            raise ValueError("a repetition that is too long")
        return least, None if most is None else min(most, self._max_repeat)

    def _atom(self) -> Piece:
        char = self._next()
        if char == "(":
            return self._group()
        if char == "[":
            return Piece(self._set())
        if char == ".":
            return Piece(ANY)
        if char == "\\":
            return Piece(self._escape())
        if char in "*+?{^":
            raise ValueError(f"«{char}» at {self._at - 1}")
        return Piece(literal(char))

    def _group(self) -> Piece:
        self._depth += 1
        if self._depth > 20:
            raise ValueError("groups too deep")
        if self._take("?") and not self._take(":"):
            raise ValueError("look-around and named groups")
        piece = self._either()
        if not self._take(")"):
            raise ValueError("an open group")
        self._depth -= 1
        return piece._replace(body=f"({piece.body})")

    def _escape(self) -> str:
        char = self._next()
        if char in SHORTHANDS:
            return f"[{SHORTHANDS[char]}]"
        if char in NEGATED:
            return f"[^{NEGATED[char]}{ANY[2:]}"
        if char.isalnum():
            raise ValueError(f"«\\{char}»")
        return literal(char)

    def _set(self) -> str:
        negated = self._take("^")
        parts: list[str] = []
        first = last = ""
        while not self._take("]"):
            char = self._next()
            if char == "\\":
                char = self._next()
                if char in SHORTHANDS:
                    parts.append(SHORTHANDS[char])
                    continue
                if char.isalnum():
                    raise ValueError(f"«\\{char}» in a set")
            elif char == "-" and parts and self._peek() not in ("]", ""):
                parts.append("-")
                first = last
                continue
            if (char in '"\\' and not negated) or ord(char) < 32:
                raise ValueError("quotes, backslashes and control characters in a set")
            if first and char < first:
                raise ValueError("a range that ends before it begins")
            first, last = "", char
            parts.append(f"\\x{ord(char):02X}" if ord(char) < 128 and not char.isalnum() else char)
        if not parts:
            raise ValueError("an empty set")
        return f"[^{''.join(parts)}{ANY[2:]}" if negated else f"[{''.join(parts)}]"


def literal(char: str) -> str:
    """One character as it is written inside a JSON string."""
    if ord(char) < 32:
        raise ValueError("control characters")
    return {'"': '"\\\\\\""', "\\": '"\\\\\\\\"'}.get(char, f'"{char}"')
