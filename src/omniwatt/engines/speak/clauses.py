"""Cut text into the pieces that are spoken one after another: the first one early and short, so that sound starts soon.

A sentence ends at . ! ? and their CJK kin, not within a number, after an abbreviation or an initial. A long sentence is
cut at its commas, and one without any at a blank. Western punctuation counts only once something follows it, since
the next piece of a stream may turn `3.` into `3.14`; CJK punctuation counts at once.
"""

import re

FIRST_CHARS = 12
"""The first piece may end at a comma from this weight on ..."""
FIRST_MOST = 48
"""... and is cut at a blank by this one ..."""
EAGER_MOST = 12
"""... or by this one, where somebody waits for the first sound."""
COMMA_CHARS = 110
MOST_CHARS = 220
_MOST_CLOSERS = 32
"""Marks and quotes in a row that belong to one clause: a line of dots is none."""

_STOPS = "。！？!?…｡"
_COMMAS = ",;:，、；：､—–"
_CJK_PUNCTUATION = "。！？｡，、；：､"
_CLOSERS = "\"'”’»)]}）】」』》〉"
_OPENERS = "\"'“‘«([{（【「『《〈"
_WIDE = re.compile(r"[\u1100-\u11ff\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff]")
_ABBREVIATIONS = frozenset(
    """
    mr mrs ms dr prof st sr jr vs etc inc ltd co corp dept est fig figs no nos vol pp approx appt apt
    ave blvd rd gen col sgt capt lt maj rev hon pres gov sen rep jan feb mar apr jun jul aug sep sept
    oct nov dec mon tue wed thu fri sat e.g i.e a.m p.m u.s u.k ph.d b.a m.a cf al ca sra srta z.b bzw
    mme mlle
    """.split()  # noqa: SIM905 - a list of one word a line would be longer than the rest of this file
)
_LAST_WORD = re.compile(r"([^\W\d_](?:[.\w]*\w)?)\.$")
_MARK = re.compile(r"[.…。｡!?！？,;:，、；：､—–\n]")


class Clauses:
    """The cutter: `feed` gives the pieces that are complete, `end` what is left.

    `eager` lets the first piece end early: at a comma, and at the latest by the weight `first_most`.
    """

    def __init__(self, *, eager: bool = True, first_most: int = FIRST_MOST) -> None:
        self._text = ""
        self._first = eager
        self._first_most = first_most

    def feed(self, text: str) -> list[str]:
        """Add text; the clauses that are complete now, each with its punctuation."""
        self._text += text
        return self._cut(last=False)

    def end(self) -> list[str]:
        """No more text: the rest."""
        return self._cut(last=True)

    def _cut(self, *, last: bool) -> list[str]:
        found = []
        while (place := self._place(last=last)) > 0:
            clause, self._text = _stripped(self._text[:place]), self._text[place:]
            if speakable(clause):
                found.append(clause)
                self._first = False
        if last and (rest := self._text.strip()):
            self._text = ""
            if speakable(rest):
                found.append(rest)
        return found

    def _place(self, *, last: bool) -> int:
        """Where the next clause ends; 0 when that is not known yet, or nothing follows."""
        text = self._text
        comma = 0
        soft, hard = (FIRST_CHARS, self._first_most) if self._first else (COMMA_CHARS, MOST_CHARS)
        # What lies further on weighs more than `hard`: a long text must not be searched again for each clause.
        for mark in _MARK.finditer(text, 0, hard + 1):
            end = _with_closers(text, mark.end())
            if end >= len(text) and not last and text[mark.start()] not in _CJK_PUNCTUATION + "\n":
                break
            if weight(text[: mark.start()]) > hard:
                break
            if not _cuts(text, mark.start(), end):
                continue
            if text[mark.start()] not in _COMMAS:
                return end
            if weight(text[:end]) >= soft:
                return end
            comma = end
        return self._forced(hard, comma, last=last)

    def _forced(self, hard: int, comma: int, *, last: bool) -> int:
        """The cut of a text that runs on: at a comma, else at a blank, else anywhere."""
        text = self._text
        over = _reaches(text, hard)
        if over is None:
            return 0
        if comma:
            return comma
        if last and self._first and _reaches(text, hard + hard // 4) is None:
            # Not worth leaving one or two words alone.
            return 0
        blank = max(text.rfind(" ", 0, over), text.rfind("\t", 0, over))
        return blank if blank > 0 and text[:blank].strip() else over


def _stripped(clause: str) -> str:
    """Without the blanks around; the end of a line stays, for it is a pause."""
    return clause.strip() + ("\n" if clause.rstrip(" \t").endswith("\n") else "")


def weight(text: str) -> int:
    """Length in Latin letters: a CJK character takes about as long to say as three of them."""
    return len(text) + 2 * len(_WIDE.findall(text))


def speakable(text: str) -> bool:
    """Whether there is a letter or a digit, or a sign with a name of its own, to be said."""
    return any(character.isalnum() or character in "%&@+=$€£¥₹°§©#*/<>~^" for character in text)


def _with_closers(text: str, place: int) -> int:
    """Past repeated marks and closing quotes; a straight quote closes only where a blank or the end follows."""
    most = min(len(text), place + _MOST_CLOSERS)
    while place < most:
        character = text[place]
        straight = character in "\"'" and place + 1 < len(text) and not text[place + 1].isspace()
        if character not in _CLOSERS + _STOPS + "." or straight:
            break
        place += 1
    return place


def _cuts(text: str, place: int, end: int) -> bool:
    """Whether the mark at `place` ends a clause."""
    mark = text[place]
    if mark in _CJK_PUNCTUATION or mark == "\n":
        return True
    following = text[end : end + 1]
    if mark in "—–":
        return bool(text[:place].strip())
    wide = following and _WIDE.match(following)
    if following and not following.isspace() and not wide and following not in _OPENERS:
        return False
    if mark != "." or end > place + 1:
        return True
    return not _abbreviated(text[: place + 1], text[end : end + 2].strip())


def _abbreviated(before: str, following: str) -> bool:
    word = _LAST_WORD.search(before)
    if word is None:
        return False
    stem = word[1].lower()
    if len(stem) == 1:
        # An initial (J. Smith), or the end of `plan B.`; only a capital may be an initial.
        return word[1].isupper() and word[1] != "I"
    if stem not in _ABBREVIATIONS:
        return False
    # `etc. The` and `5 p.m. We` end a sentence, `Dr. Smith` does not.
    return stem not in {"etc", "a.m", "p.m", "inc", "ltd", "co", "corp", "jr", "sr"} or not following[:1].isupper()


def _reaches(text: str, most: int) -> int | None:
    """The index at which `text` weighs more than `most`; None if it never does."""
    weighed = 0
    for place, character in enumerate(text[: most + 1]):
        weighed += weight(character)
        if weighed > most:
            return max(1, place)
    return None
