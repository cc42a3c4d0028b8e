"""Which script each stretch of a text is written in, and so in which language it is to be read."""

import re

from omniwatt.engines.speak.normalise import normalised

_CHARACTERS = r"[\u3400-\u9fff\uf900-\ufaff]+"
_DIGITS = r"(?:\d[\d.,]*)?"
_HAN = re.compile(rf"({_DIGITS}{_CHARACTERS}(?:\d[\d.,]*{_CHARACTERS})*{_DIGITS})")
"""Han characters with the digits that touch them."""
_JAPANESE = re.compile(r"[\u3041-\u30ff]")
_LATIN = re.compile(r"([A-Za-zÀ-ɏ](?:[A-Za-zÀ-ɏ .'’&-]*[A-Za-zÀ-ɏ])?)")
_SCRIPTS = {
    r"\u1100-\u11ff\u3130-\u318f\uac00-\ud7af": ("ko",),
    r"\u0400-\u052f": ("ru", "be", "bg", "cv", "ba", "kk", "ky", "mk", "nog", "sr", "tt", "uk"),
    r"\u0600-\u06ff\u0750-\u077f\ufb50-\ufdff\ufe70-\ufefc": ("ar", "fa", "sd", "ug", "ur"),
    r"\u0900-\u0963\u0966-\u097f": ("hi", "kok", "mr", "ne"),
    r"\u0370-\u03ff\u1f00-\u1fff": ("el", "grc"),
    r"\u0590-\u05ff": ("he",),
    r"\u0980-\u09ff": ("bn", "as", "bpy"),
    r"\u0a00-\u0a7f": ("pa",),
    r"\u0a80-\u0aff": ("gu",),
    r"\u0b80-\u0bff": ("ta",),
    r"\u0c00-\u0c7f": ("te",),
    r"\u0c80-\u0cff": ("kn",),
    r"\u0d00-\u0d7f": ("ml",),
    r"\u0e00-\u0e7f": ("th",),
    r"\u10a0-\u10ff": ("ka",),
    r"\u0530-\u058f": ("hy",),
}
"""Letters -> the languages written with them; the first is meant where a text does not say which."""
_WRITTEN = [(re.compile(f"[{letters}]"), languages) for letters, languages in _SCRIPTS.items()]
_BETWEEN = r"[\s\d.,;:!?'’()-]*"
_FOREIGN = re.compile("(" + "|".join(rf"[{it}]+(?:{_BETWEEN}[{it}]+)*[.,;:!?]*" for it in _SCRIPTS) + ")")


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
        else:
            found += [(part, _written(part, other)) for part in _FOREIGN.split(piece) if part.strip()]
    return _merged(found)


def _merged(pieces: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Neighbours in one language are one piece: a mark alone would be lost."""
    whole: list[tuple[str, str]] = []
    for text, language in pieces:
        if whole and whole[-1][1] == language:
            whole[-1] = (whole[-1][0] + text, language)
        else:
            whole.append((text, language))
    return whole


def _written(piece: str, language: str) -> str:
    """The language of a piece in one script: `language` if that is written so, else the usual one of the script."""
    languages = next((languages for letters, languages in _WRITTEN if letters.match(piece)), ())
    return language if not languages or language.partition("-")[0] in languages else languages[0]


def spoken_runs(text: str, language: str) -> list[tuple[str, str]]:
    """`runs` with numbers and the like as they are said: in a Chinese text in Chinese, in a Japanese one in Japanese,
    else each in its own."""
    if language == "ja" or _JAPANESE.search(text):
        return runs(normalised(text, "ja"), language)
    if language == "zh":
        return runs(normalised(text, language), language)
    return [(normalised(piece, "zh" if own == "han" else own), own) for piece, own in runs(text, language)]
