"""Which language a prompt is in: by its script, and for Latin letters by the little words."""

import re
import tomllib
from pathlib import Path

_KANA = re.compile("[぀-ヿ]")
_HAN = re.compile("[一-鿿㐀-䶿]")
_HANGUL = re.compile("[가-힣ᄀ-ᇿ]")
_CYRILLIC = re.compile("[Ѐ-ӿ]")
_LATIN_WORD = re.compile(r"[a-zà-öø-ÿœß]+")
_READ = 4000
_TELLING = tomllib.loads((Path(__file__).parent / "words" / "telling.toml").read_text("utf-8"))
_WORDS: dict[str, frozenset[str]] = {language: frozenset(words.split()) for language, words in _TELLING.items()}


def languages_of(prompt: str, traditional: frozenset[str]) -> list[str]:
    """The languages that a prompt may be in, as far as its little words tell; one, or several in Latin letters."""
    first = language_of(prompt, traditional)
    if first not in _WORDS:
        return [first]
    latin = _LATIN_WORD.findall(prompt[:_READ].lower())
    scores = {language: sum(word in words for word in latin) for language, words in _WORDS.items()}
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
    if len(_CYRILLIC.findall(text)) > sum(map(len, latin)):
        return "ru"
    scores = {language: sum(word in words for word in latin) for language, words in _WORDS.items()}
    best = max(scores.values(), default=0)
    return "en" if scores["en"] == best else next(language for language, score in scores.items() if score == best)
