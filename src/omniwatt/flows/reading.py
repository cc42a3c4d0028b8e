"""How well what was read is what was to be lettered: character error rate, after what no reader can see is evened out;
and what is to become of a line that was not read.

Pure.
"""

import unicodedata
from collections import Counter
from collections.abc import Sequence

import msgspec

_LOOKALIKES = str.maketrans(
    {
        **dict.fromkeys("\u2018\u2019\u201a\u201b\u2032\u00b4`", "'"),
        **dict.fromkeys("\u201c\u201d\u201e\u201f\u2033", '"'),
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u2500", "-"),
        **dict.fromkeys("\u00b7\u2022\u2027\u30fb\u318d", "\u00b7"),
    }
)
_UNSEEN = frozenset({"Cc", "Cf", "Mn", "Me"})
"""Categories without a shape of their own once a text is composed: controls, joiners, marks, variation selectors."""


def normalised(text: str) -> str:
    """`text` with width forms as one, look-alike quotes, dashes and dots as one, and without spaces."""
    composed = unicodedata.normalize("NFKC", text.translate(_LOOKALIKES)).translate(_LOOKALIKES)
    return "".join(c for c in composed if not c.isspace() and unicodedata.category(c) not in _UNSEEN)


def error_rate(requested: str, recognised: str) -> float:
    """Insertions, deletions and substitutions for each character requested; 0 is exact, above 1 is possible."""
    wanted, found = normalised(requested), normalised(recognised)
    if wanted == found:
        return 0.0
    return distance(wanted, found) / max(1, len(wanted))


def misread(requested: str, recognised: str) -> Counter[str]:
    """The characters of the request that were not read, as it is aligned best; "" counts what was read beside them."""
    wanted, found = normalised(requested), normalised(recognised)
    rows = _distances(wanted, found)
    wrong: Counter[str] = Counter()
    row, column = len(wanted), len(found)
    while row or column:
        here = rows[row][column]
        if row and column and here == rows[row - 1][column - 1] + (wanted[row - 1] != found[column - 1]):
            row, column = row - 1, column - 1
            if wanted[row] != found[column]:
                wrong[wanted[row]] += 1
        elif row and here == rows[row - 1][column] + 1:
            row -= 1
            wrong[wanted[row]] += 1
        else:
            column -= 1
            wrong[""] += 1
    return wrong


class Attempt(msgspec.Struct, frozen=True):
    """What was read of a line as it was lettered one time; `plain` is what was read of it in plain black on white, None
    where that was not shown. `exact`: each of its characters was drawn by its own glyph."""

    number: int
    text: str
    rate: float
    plain: str | None = None
    exact: bool = True


def unreadable(requested: str, attempts: Sequence[Attempt]) -> tuple[str, ...]:
    """The characters that were never read, not even in plain black on white: what limits is the reader."""
    plain = [attempt.plain for attempt in attempts if attempt.plain is not None]
    if not plain:
        return ()
    never = misread(requested, plain[0])
    for attempt in attempts:
        never &= misread(requested, attempt.text)
    return tuple(one for one in dict.fromkeys(normalised(requested)) if one in never)


def best(attempts: Sequence[Attempt]) -> Attempt:
    """The attempt that was read with the fewest errors, the earliest of equals: it was set as the design has it."""
    return min(attempts, key=lambda attempt: (attempt.rate, attempt.number))


def hopeless(requested: str, attempts: Sequence[Attempt]) -> bool:
    """Whether no lettering could help: the last reading fails in nothing but what plain black on white fails in."""
    last = attempts[-1]
    return last.plain is not None and not misread(requested, last.text) - misread(requested, last.plain)


def distance(one: str, other: str) -> int:
    """Levenshtein's distance: the fewest single-character edits between two texts."""
    return _distances(one, other)[-1][-1]


def _distances(one: str, other: str) -> list[list[int]]:
    """Of each beginning of the one from each beginning of the other."""
    rows = [list(range(len(other) + 1))]
    for place, letter in enumerate(one, 1):
        above, row = rows[-1], [place]
        for column, candidate in enumerate(other, 1):
            row.append(min(above[column - 1] + (letter != candidate), above[column] + 1, row[-1] + 1))
        rows.append(row)
    return rows
