"""Regular expressions of JSON schemas (the regular part of ECMA-262) as grammar rules over JSON string characters."""

MAX_PATTERN_CHARS = 500
MAX_COPIES = 2_000
"""Repetitions multiply when they nest; llama.cpp unrolls them all."""
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


class _Pattern:
    """Reads a pattern once from left to right."""

    def __init__(self, text: str, max_repeat: int) -> None:
        self._text = text
        self._at = 0
        self._max_repeat = max_repeat
        self._depth = 0

    def whole(self) -> str:
        start = "" if self._take("^") else f"{ANY}* "
        body, copies = self._either()
        if copies > MAX_COPIES:
            raise ValueError("repeats too much")
        anchored = self._take("$")
        if self._at < len(self._text):
            raise ValueError(f"«{self._text[self._at]}» at {self._at}")
        return f"{start}({body})" + ("" if anchored else f" {ANY}*")

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

    def _either(self) -> tuple[str, int]:
        branches = [self._sequence()]
        while self._take("|"):
            branches.append(self._sequence())
        return " | ".join(body for body, _ in branches), sum(copies for _, copies in branches)

    def _sequence(self) -> tuple[str, int]:
        parts: list[str] = []
        total = 0
        while self._peek() not in ("", "|", ")", "$"):
            body, copies = self._repeated()
            parts.append(body)
            total += copies
        return " ".join(parts) or '""', max(1, total)

    def _repeated(self) -> tuple[str, int]:
        body, copies = self._atom()
        mark = self._peek()
        if mark in ("*", "+", "?"):
            self._at += 1
            body += mark
        elif mark == "{":
            low, high = self._counts()
            body += f"{{{low},{'' if high is None else high}}}"
            copies *= max(1, low if high is None else high)
        if self._peek() in ("?", "+") and mark in ("*", "+", "?", "{") and mark:
            self._at += 1
        return body, copies

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

    def _atom(self) -> tuple[str, int]:
        char = self._next()
        if char == "(":
            return self._group()
        if char == "[":
            return self._set(), 1
        if char == ".":
            return ANY, 1
        if char == "\\":
            return self._escape(), 1
        if char in "*+?{^":
            raise ValueError(f"«{char}» at {self._at - 1}")
        return literal(char), 1

    def _group(self) -> tuple[str, int]:
        self._depth += 1
        if self._depth > 20:
            raise ValueError("groups too deep")
        if self._take("?") and not self._take(":"):
            raise ValueError("look-around and named groups")
        body, copies = self._either()
        if not self._take(")"):
            raise ValueError("an open group")
        self._depth -= 1
        return f"({body})", copies

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
        parts = []
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
                continue
            if (char in '"\\' and not negated) or ord(char) < 32:
                raise ValueError("quotes, backslashes and control characters in a set")
            parts.append(f"\\x{ord(char):02X}" if ord(char) < 128 and not char.isalnum() else char)
        if not parts:
            raise ValueError("an empty set")
        return f"[^{''.join(parts)}{ANY[2:]}" if negated else f"[{''.join(parts)}]"


def literal(char: str) -> str:
    """One character as it is written inside a JSON string."""
    if ord(char) < 32:
        raise ValueError("control characters")
    return {'"': '"\\\\\\""', "\\": '"\\\\\\\\"'}.get(char, f'"{char}"')
