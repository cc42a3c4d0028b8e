"""Which script each stretch of a text is written in, and so in which language it is to be read."""

import re

from omniwatt.engines.speak.normalise import normalised

_CHARACTERS = r"[\u3400-\u9fff\uf900-\ufaff]+"
_DIGITS = r"(?:\d[\d.,]*)?"
_HAN = re.compile(rf"({_DIGITS}{_CHARACTERS}(?:\d[\d.,]*{_CHARACTERS})*{_DIGITS})")
"""Han characters with the digits that touch them."""
_JAPANESE = re.compile(r"[\u3041-\u30ff]")
_LATIN = re.compile(r"([A-Za-zÀ-ɏ](?:[A-Za-zÀ-ɏ .'’&-]*[A-Za-zÀ-ɏ])?)")
_HANGUL = re.compile(r"[\uac00-\ud7af]")


def runs(text: str, language: str) -> list[tuple[str, str]]:
    """Pieces of one script each, and the language each is read in (`han` for Mandarin written in characters)."""
    other = "en-us" if language in ("zh", "ja") else language
    if language == "ja" or _JAPANESE.search(text):
        pieces = [piece for piece in _LATIN.split(text) if piece.strip()]
        return [(piece, other if _LATIN.fullmatch(piece) else "ja") for piece in pieces]
    found = []
    for piece in _HAN.split(text):
        if not piece.strip():
            continue
        if _HAN.fullmatch(piece):
            found.append((piece, "han"))
        elif _HANGUL.search(piece):
            found.append((piece, "ko"))
        else:
            found.append((piece, other))
    return found


def spoken_runs(text: str, language: str) -> list[tuple[str, str]]:
    """`runs` with numbers and the like as they are said: in a Chinese text in Chinese, in a Japanese one in Japanese,
    else each in its own."""
    if language == "ja" or _JAPANESE.search(text):
        return runs(normalised(text, "ja"), language)
    if language == "zh":
        return runs(normalised(text, language), language)
    return [(normalised(piece, "zh" if own == "han" else own), own) for piece, own in runs(text, language)]
