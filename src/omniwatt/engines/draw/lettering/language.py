"""What language a short text is in, as far as its glyphs depend on it, and in which direction its parts run."""

import itertools
import re
import unicodedata
from collections.abc import Iterator
from typing import Literal

Language = Literal["zh-hans", "zh-hant", "ja", "ko", "ar", "he", "hi", "th", "latin"]

_KANA = re.compile(r"[\u3041-\u30ff\u31f0-\u31ff\uff66-\uff9d]")
_HANGUL = re.compile(r"[\u1100-\u11ff\u3130-\u318f\uac00-\ud7af]")
_HAN = re.compile(
    r"[\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
)
_CJK = re.compile(
    r"[\u1100-\u11ff\u2e80-\u2fdf\u3000-\u33ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\ufe30-\ufe4f"
    r"\uff00-\uffef\U00020000-\U0003ffff]"
)
_SCRIPTS: tuple[tuple[Language, re.Pattern[str]], ...] = (
    ("ar", re.compile(r"[\u0600-\u06ff\u0750-\u077f\u08a0-\u08ff\ufb50-\ufdff\ufe70-\ufefc]")),
    ("he", re.compile(r"[\u0590-\u05ff\ufb1d-\ufb4f]")),
    ("hi", re.compile(r"[\u0900-\u097f\ua8e0-\ua8ff]")),
    ("th", re.compile(r"[\u0e00-\u0e7f]")),
)
_EMOJI_BASE = (
    "(?:[\U0001f1e6-\U0001f1ff]{2}|[0-9#*]\ufe0f?\u20e3|(?:[\U0001f300-\U0001faff\U0001f000-\U0001f0ff]|"
    "[\u203c-\u3299](?=\ufe0f)|[\u2600-\u27bf\u2b05-\u2b55\u231a-\u23ff])"
    "\ufe0f?[\U0001f3fb-\U0001f3ff]?)"
)
EMOJI = re.compile(f"{_EMOJI_BASE}(?:\u200d{_EMOJI_BASE})*")
"""One emoji with all that joins it; plain symbols of the same ranges match too."""


def language_of(text: str, usual: Language = "zh-hans") -> Language:
    """The language whose glyphs a text wants. Han characters alone tell simplified from traditional where they differ.

    `usual` decides for Han characters that both share.
    """
    if _KANA.search(text):
        return "ja"
    if _HANGUL.search(text):
        return "ko"
    han = _HAN.findall(text)
    if han:
        return _chinese(han, usual)
    for language, pattern in _SCRIPTS:
        if pattern.search(text):
            return language
    return "latin"


def _chinese(han: list[str], usual: Language) -> Language:
    simplified = sum(_in(one, "gb2312") and not _in(one, "big5") for one in han)
    traditional = sum(_in(one, "big5") and not _in(one, "gb2312") for one in han)
    japanese = sum(_in(one, "euc_jp") and not _in(one, "big5") and not _in(one, "gb2312") for one in han)
    if max(simplified, traditional, japanese) == 0:
        return usual if usual in ("zh-hans", "zh-hant", "ja", "ko") else "zh-hans"
    if japanese and not simplified and japanese >= traditional:
        return "ja"
    return "zh-hant" if traditional > simplified else "zh-hans"


def _in(character: str, codec: str) -> bool:
    try:
        return len(character.encode(codec)) == 2
    except UnicodeEncodeError:
        return False


def wide(character: str) -> bool:
    """A character of the East Asian square: Han, kana, hangul and their punctuation."""
    return bool(_CJK.match(character))


def right_to_left(text: str) -> bool:
    """Whether a text's first strong character runs to the left (Unicode bidirectional algorithm, P2 and P3)."""
    for character in text:
        kind = unicodedata.bidirectional(character)
        if kind in ("R", "AL"):
            return True
        if kind == "L":
            return False
    return False


def levels(text: str, base: bool) -> list[int]:
    """An embedding level for each character: the parts of Unicode's algorithm that plain text without marks needs."""
    kinds = [unicodedata.bidirectional(one) for one in text]
    strong = [_strong(kind) for kind in kinds]
    made: list[int] = [0] * len(text)
    last = "R" if base else "L"
    for index, kind in enumerate(kinds):
        if strong[index]:
            last = strong[index]
        if kind in ("EN", "AN"):
            strong[index] = "N" if last == "R" or base else "L"
        elif kind == "NSM" and index:
            strong[index] = strong[index - 1]
    _settle_neutrals(strong, "R" if base else "L")
    for index, kind in enumerate(strong):
        made[index] = {"L": 2 if base else 0, "R": 1, "N": 2}[kind]
    return made


def _strong(kind: str) -> str:
    return "R" if kind in ("R", "AL") else "L" if kind == "L" else ""


def _settle_neutrals(strong: list[str], base: str) -> None:
    """Neutrals between two parts of one direction take it, others the base's (N1 and N2); numbers count as R there."""
    index = 0
    while index < len(strong):
        if strong[index]:
            index += 1
            continue
        end = index
        while end < len(strong) and not strong[end]:
            end += 1
        before = strong[index - 1] if index else base
        after = strong[end] if end < len(strong) else base
        sides = {"R" if side == "N" else side for side in (before, after)}
        both = before == after == "N"
        strong[index:end] = ["N" if both else sides.pop() if len(sides) == 1 else base] * (end - index)
        index = end


def visual(runs: list[int]) -> list[int]:
    """The order in which runs of these levels stand from left to right (rule L2)."""
    order = list(range(len(runs)))
    for level in range(max(runs, default=0), 0, -1):
        start = 0
        while start < len(order):
            end = start
            while end < len(order) and runs[order[end]] >= level:
                end += 1
            order[start:end] = order[start:end][::-1]
            start = end + 1
    return order


def clusters(text: str) -> Iterator[tuple[int, int]]:
    """Start and end of what must stay together: a base with its marks, an emoji sequence, a syllable's vowel signs."""
    emoji = {found.start(): found.end() for found in EMOJI.finditer(text)}
    start = 0
    for index in range(1, len(text) + 1):
        if index < len(text) and (index < emoji.get(start, 0) or _joins(text, index)):
            continue
        yield start, index
        start = index


def _joins(text: str, index: int) -> bool:
    one = text[index]
    if unicodedata.category(one).startswith("M") or one in "\u200c\u200d\ufe0e\ufe0f\u0e30\u0e32\u0e33\u0e45":
        return True
    before = text[index - 1]
    # A virama binds the next consonant; Thai leading vowels bind the consonant they are read after.
    return before in "\u094d\u200d" or "\u0e40" <= before <= "\u0e44"


def runs(keys: list[object]) -> Iterator[tuple[int, int]]:
    """Start and end of each stretch of equal keys."""
    start = 0
    for _, group in itertools.groupby(keys):
        length = len(list(group))
        yield start, start + length
        start += length
