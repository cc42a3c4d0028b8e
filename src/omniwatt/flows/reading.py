"""How well what was read is what was to be lettered: character error rate, after what no reader can see is evened out.

Pure.
"""

import unicodedata

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


def distance(one: str, other: str) -> int:
    """Levenshtein's distance: the fewest single-character edits between two texts."""
    row = list(range(len(other) + 1))
    for place, letter in enumerate(one, 1):
        before, row[0] = row[0], place
        for column, candidate in enumerate(other, 1):
            change = before + (letter != candidate)
            before = row[column]
            row[column] = min(change, row[column] + 1, row[column - 1] + 1)
    return row[-1]
