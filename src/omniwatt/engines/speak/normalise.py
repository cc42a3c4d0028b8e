"""Numbers, dates, times, money and units as they are said: wetext's grammars (Apache-2.0).

English, Chinese and Japanese; other languages are left alone: espeak-ng reads their numbers itself.
"""

import re
import unicodedata
from functools import cache
from typing import Any

import wetext

_HAN = re.compile(r"[\u3400-\u9fff]")
_KANA = re.compile(r"[\u3041-\u30ff]")
_WORTH_IT = re.compile(r"[\d$€£¥%°&@+=#×÷<>]|\b(?:Mr|Mrs|Ms|Dr|St|Prof|No)\.")
_UNSPEAKABLE = re.compile(
    r"[\x00-\x08\x0e-\x1f\x7f\ud800-\udfff\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff]"
)
_MONEY = {"$": ("dollar", "cent"), "€": ("euro", "cent"), "£": ("pound", "penny")}
_PRICE = re.compile(r"([$€£])(\d[\d,]*)\.(\d\d)(?!\d|\.\d)(?!\s*(?:thousand|million|billion|trillion|[kKmMbB]\b))")
_PHONE = re.compile(r"(?<![\d-])(?:\+?\d{1,3}[ -])?(?:\(?\d{3}\)?[ -])?\d{3}-\d{4}(?![\d-])")
_NAME_NUMBER = re.compile(r"(?<=[A-Za-z])-(?=\d)")
_LETTER_AFTER = re.compile(r"(?<=\d)(?=(?!(?:st|nd|rd|th|s)\b)[A-Za-z]\b)")
_TEN_MINUTES = re.compile(r"(?<![\d.,])10分(?!間|の\d)")
"""Said ジュップン. In characters it is the same word as `enough` (ジューブン), so it is settled while it has digits."""
_BLANKS = re.compile(r"[^\S\n]+")
_MARKUP = re.compile(r"[*_`~|\\]+")
_DIGITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]


def normalised(text: str, language: str) -> str:
    """`text` as it is said in `language` (ISO 639-1, or longer); with Han characters it is Chinese, unless Japanese."""
    text = spoken_characters(text)
    if language.startswith("ja"):
        text = _TEN_MINUTES.sub("ジュップン", unicodedata.normalize("NFKC", text))
        return _by_grammar(text, "ja").replace("%", "パーセント")
    if _HAN.search(text) and not _KANA.search(text):
        return _by_grammar(_NAME_NUMBER.sub(" ", text), "zh")
    return _by_grammar(_english(text), "en") if language.startswith("en") else text


def spoken_characters(text: str) -> str:
    """`text` without what is only seen: emoji, invisible characters, markup."""
    text = "".join(character for character in _UNSPEAKABLE.sub("", text) if not _is_picture(character))
    return _MARKUP.sub(" ", unicodedata.normalize("NFC", text))


def _by_grammar(text: str, language: str) -> str:
    if not _WORTH_IT.search(text):
        return text
    ending = text[len(text.rstrip()) :]
    text = _BLANKS.sub(" ", text)
    try:
        said = str(_grammar(language).normalize(text))
    except AssertionError:
        # The grammar knows no way through this text: all but the word at fault can still be said as it should be.
        words = text.split()
        return text if len(words) < 2 else " ".join(_by_grammar(word, language) for word in words) + ending
    # The grammars drop the blank at the end and sometimes the last mark.
    mark = text.rstrip()[-1:]
    return said + (mark if mark in ".!?。！？" and not said.endswith(mark) else "") + ending


@cache
def _grammar(language: str) -> Any:
    return wetext.Normalizer(lang=language, operator="tn")


def _english(text: str) -> str:
    text = _PRICE.sub(_price, text)
    text = _PHONE.sub(lambda found: " ".join(_digit_by_digit(group) for group in re.findall(r"\d+", found[0])), text)
    return _LETTER_AFTER.sub(" ", _NAME_NUMBER.sub(" ", text))


def _price(found: re.Match[str]) -> str:
    unit, cent = _MONEY[found[1]]
    whole, cents = found[2].replace(",", ""), int(found[3])
    said = f"{whole} {unit}{'' if whole == '1' else 's'}"
    if cents:
        some = f"{cents} {'pence' if cent == 'penny' and cents != 1 else cent + ('' if cents == 1 else 's')}"
        said = some if whole == "0" else f"{said} and {some}"
    return said


def _digit_by_digit(group: str) -> str:
    return " ".join(_DIGITS[int(digit)] for digit in group) + ","


def _is_picture(character: str) -> bool:
    """Emoji and their modifiers: seen, not said."""
    return (unicodedata.category(character) == "So" and ord(character) > 0x2BFF) or 0x1F000 <= ord(character) <= 0x1FAFF
