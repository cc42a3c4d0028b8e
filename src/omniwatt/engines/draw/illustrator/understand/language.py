"""Which language a prompt is in: by its script, and for Latin letters by the little words."""

import re
import tomllib
from pathlib import Path

_KANA = re.compile("[぀-ヿ]")
_HAN = re.compile("[一-鿿㐀-䶿]")
_HANGUL = re.compile("[가-힣ᄀ-ᇿ]")
_CYRILLIC = re.compile("[Ѐ-ӿ]")
_DEVANAGARI = re.compile("[ऀ-ॿ]")
_ARABIC = re.compile("[ء-ي]")
_LATIN_WORD = re.compile("[a-zà-öø-ɏḀ-ỿß]+")
_LETTERS = {"vi": re.compile("[đơưạ-ỹ]"), "tr": re.compile("[ışğ]"), "pl": re.compile("[ąćęłńśźż]")}
"""Letters that hardly another language has."""
_READ = 4000
_TELLING = tomllib.loads((Path(__file__).parent / "words" / "telling.toml").read_text("utf-8"))
_WORDS: dict[str, frozenset[str]] = {language: frozenset(words.split()) for language, words in _TELLING.items()}


def languages_of(prompt: str, traditional: frozenset[str]) -> list[str]:
    """The languages that a prompt may be in, as far as its little words tell; one, or several in Latin letters."""
    first = language_of(prompt, traditional)
    if first not in _WORDS:
        return [first]
    scores = _scores(prompt[:_READ].lower())
    best = max(scores.values())
    return [language for language, score in scores.items() if score == best] if best else ["en"]


def language_of(prompt: str, traditional: frozenset[str]) -> str:
    """One of the lexicon's languages, or `zh-hant` for Chinese in traditional letters. English when in doubt."""
    text = prompt[:_READ].lower()
    han, kana, hangul = (len(pattern.findall(text)) for pattern in (_HAN, _KANA, _HANGUL))
    if hangul > han + kana:
        return "ko"
    if kana:
        return "ja"
    latin = _LATIN_WORD.findall(text)
    if han and 2 * han >= len(latin):
        return "zh-hant" if any(letter in traditional for letter in text) else "zh"
    for language, letters in (("ru", _CYRILLIC), ("hi", _DEVANAGARI), ("ar", _ARABIC)):
        if len(letters.findall(text)) > sum(map(len, latin)):
            return language
    scores = _scores(text)
    best = max(scores.values(), default=0)
    return "en" if scores["en"] == best else next(language for language, score in scores.items() if score == best)


def _scores(text: str) -> dict[str, int]:
    """How many little words, and letters, of each language in Latin letters are in it."""
    latin = _LATIN_WORD.findall(text)
    found = {language: sum(word in words for word in latin) for language, words in _WORDS.items()}
    for language, letters in _LETTERS.items():
        found[language] += len(letters.findall(text))
    return found
