"""Which letters a language is written in, and so which tokens cannot stand in a text of it. Pure.

Small models drift into another script of the same sounds: Hindi comes out in Urdu's or in Latin letters.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache

_BLOCKS: dict[str, tuple[tuple[int, int], ...]] = {
    "greek": ((0x370, 0x3FF), (0x1F00, 0x1FFF)),
    "cyrillic": ((0x400, 0x52F),),
    "armenian": ((0x530, 0x58F),),
    "hebrew": ((0x590, 0x5FF), (0xFB1D, 0xFB4F)),
    "arabic": ((0x600, 0x6FF), (0x750, 0x77F), (0x8A0, 0x8FF), (0xFB50, 0xFDFF), (0xFE70, 0xFEFE)),
    "devanagari": ((0x900, 0x97F), (0xA8E0, 0xA8FF)),
    "bengali": ((0x980, 0x9FF),),
    "gurmukhi": ((0xA00, 0xA7F),),
    "gujarati": ((0xA80, 0xAFF),),
    "oriya": ((0xB00, 0xB7F),),
    "tamil": ((0xB80, 0xBFF),),
    "telugu": ((0xC00, 0xC7F),),
    "kannada": ((0xC80, 0xCFF),),
    "malayalam": ((0xD00, 0xD7F),),
    "sinhala": ((0xD80, 0xDFF),),
    "thai": ((0xE00, 0xE7F),),
    "lao": ((0xE80, 0xEFF),),
    "tibetan": ((0xF00, 0xFFF),),
    "burmese": ((0x1000, 0x109F),),
    "georgian": ((0x10A0, 0x10FF),),
    "ethiopic": ((0x1200, 0x139F),),
    "khmer": ((0x1780, 0x17FF),),
    "hangul": ((0x1100, 0x11FF), (0x3130, 0x318F), (0xAC00, 0xD7AF)),
    "kana": ((0x3041, 0x30FF), (0x31F0, 0x31FF)),
    "han": ((0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF)),
}
"""Blocks of Unicode 15 that hold the letters of one script; Latin is told apart below."""

_WRITTEN: dict[str, tuple[str, ...]] = {
    "el": ("greek",),
    **dict.fromkeys(("ru", "uk", "be", "bg", "mk"), ("cyrillic",)),
    "hy": ("armenian",),
    **dict.fromkeys(("he", "yi"), ("hebrew",)),
    **dict.fromkeys(("ar", "fa", "ur", "ps", "sd"), ("arabic",)),
    **dict.fromkeys(("hi", "mr", "ne", "sa"), ("devanagari",)),
    **dict.fromkeys(("bn", "as"), ("bengali",)),
    "pa": ("gurmukhi",),
    "gu": ("gujarati",),
    "ta": ("tamil",),
    "te": ("telugu",),
    "kn": ("kannada",),
    "ml": ("malayalam",),
    "si": ("sinhala",),
    "th": ("thai",),
    "lo": ("lao",),
    "bo": ("tibetan",),
    "my": ("burmese",),
    "ka": ("georgian",),
    "am": ("ethiopic",),
    "km": ("khmer",),
    "ko": ("hangul", "han"),
    "ja": ("kana", "han"),
    **dict.fromkeys(("zh", "yue"), ("han",)),
}
"""Languages that have one script, or one mixture. Serbian, Kazakh and the like have two and are left alone."""

_INDIC = frozenset(["hi", "mr", "ne", "sa", "bn", "as", "pa", "gu", "ta", "te", "kn", "ml", "si"])
"""These write English words in their own letters; the model, asked for them, often writes all words in Latin ones."""
DENSE = _INDIC | frozenset(["th", "lo", "bo", "my", "ka", "am", "km", "hy"])
"""Languages whose letters take a token or more each: some 15 to 20 tokens a second."""
TOKENS_PER_S, DENSE_TOKENS_PER_S = 10.0, 25.0
"""More than anybody says: in recordings at hand at most 7.8 for Latin letters, Chinese, Japanese and Korean."""


def tokens_per_s(language: str) -> float:
    """At most so many tokens are said in a second."""
    return DENSE_TOKENS_PER_S if language in DENSE else TOKENS_PER_S


def foreign(tokens: Sequence[bytes], language: str, *, latin: bool) -> list[int]:
    """Numbers of the tokens that hold letters the language is not written in.

    `latin` allows Latin letters in small writing to the Indic languages, too; capitals (GPS) always may stand.
    """
    own = _WRITTEN.get(language)
    if own is None:
        return []
    narrow = language in _INDIC and not latin
    others = _others(own)
    return [id_ for id_, token in enumerate(tokens) if _foreign(token, others, narrow=narrow)]


@lru_cache(maxsize=8)
def _others(own: tuple[str, ...]) -> tuple[tuple[int, int], ...]:
    return tuple(block for name, blocks in _BLOCKS.items() if name not in own for block in blocks)


def _foreign(token: bytes, others: tuple[tuple[int, int], ...], *, narrow: bool) -> bool:
    if token.isascii():
        return narrow and any(97 <= byte <= 122 for byte in token)
    return any(
        any(first <= low and high <= last for first, last in others) or (narrow and _small_latin(low, high))
        for low, high in _characters(token)
    )


def _small_latin(low: int, high: int) -> bool:
    return (low >= 97 and high <= 122) or (low >= 0xDF and high <= 0x24F and low != 0xF7)


def _characters(token: bytes) -> list[tuple[int, int]]:
    """Of each character in the token the least and the greatest code point it may be: its end may be missing."""
    found: list[tuple[int, int]] = []
    at = 0
    while at < len(token):
        lead = token[at]
        size = (
            1 if lead < 0x80 else 2 if 0xC2 <= lead < 0xE0 else 3 if 0xE0 <= lead < 0xF0 else 4 if lead >= 0xF0 else 0
        )
        if size == 0:
            at += 1
            continue
        there = token[at : at + size]
        bits = there[0] if size == 1 else there[0] & (0x7F >> size)
        for byte in there[1:]:
            bits = bits << 6 | byte & 0x3F
        missing = 6 * (size - len(there))
        found.append((bits << missing, (bits + 1 << missing) - 1))
        at += len(there)
    return found


def bytes_of(token: str) -> bytes:
    """What a token of a byte-level vocabulary stands for: each of its characters is one byte (GPT-2's table)."""
    table = _table()
    return bytes(table[character] for character in token) if all(one in table for one in token) else b""


@lru_cache(maxsize=1)
def _table() -> Mapping[str, int]:
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    moved = [byte for byte in range(256) if byte not in set(plain)]
    return {chr(byte): byte for byte in plain} | {chr(256 + place): byte for place, byte in enumerate(moved)}
