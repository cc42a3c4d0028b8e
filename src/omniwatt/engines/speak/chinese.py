"""Mandarin to Kokoro's phonemes: words cut by jieba's model, pinyin by pypinyin, IPA by the table below.

IPA after Lin, "The Sounds of Chinese" (2007); tones as arrows at the syllable's core, as Kokoro was taught them.
"""

import re
from functools import lru_cache

import rjieba
from pypinyin import Style, pinyin

TONES = {"1": "→", "2": "↗", "3": "↓", "4": "↘", "5": ""}
INITIALS = {
    "b": "p", "p": "pʰ", "m": "m", "f": "f", "d": "t", "t": "tʰ", "n": "n", "l": "l", "g": "k", "k": "kʰ", "h": "x",
    "j": "ʨ", "q": "ʨʰ", "x": "ɕ", "zh": "ꭧ", "ch": "ꭧʰ", "sh": "ʂ", "r": "ɻ", "z": "ʦ", "c": "ʦʰ", "s": "s", "": "",
}  # fmt: skip
FINALS = {
    "a": "a0", "ai": "ai0", "an": "a0n", "ang": "a0ŋ", "ao": "au0", "e": "ɤ0", "ei": "ei0", "en": "ə0n", "eng": "ə0ŋ",
    "er": "ɚ0", "o": "wo0", "ong": "ʊ0ŋ", "ou": "ou0", "i": "i0", "ia": "ja0", "ian": "jɛ0n", "iang": "ja0ŋ",
    "iao": "jau0", "ie": "je0", "in": "i0n", "ing": "i0ŋ", "iong": "jʊ0ŋ", "iou": "jou0", "u": "u0", "ua": "wa0",
    "uai": "wai0", "uan": "wa0n", "uang": "wa0ŋ", "uei": "wei0", "uen": "wə0n", "ueng": "wə0ŋ", "uo": "wo0",
    "v": "y0", "ve": "ɥe0", "van": "ɥɛ0n", "vn": "y0n", "io": "jɔ0", "ê": "ɛ0", "m": "m0", "n": "n0", "ng": "ŋ0",
}  # fmt: skip
_ACCENT = {
    "ꭧʰ": "tʃ", "ʨʰ": "tʃ", "ʦʰ": "ts", "pʰ": "p", "tʰ": "t", "kʰ": "k", "ꭧ": "dʒ", "ʨ": "dʒ", "ʦ": "dz", "p": "b",
    "t": "d", "k": "ɡ", "x": "h", "ɕ": "ʃ", "ʂ": "ʃ", "ɻ": "ɹ", "ɨ": "ɚ", "ɤ": "ʌ", "ai": "aɪ", "au": "aʊ", "ei": "eɪ",
    "ou": "oʊ", "ɥe": "jue", "ɥɛ": "juɛ", "y": "iu", "a": "ɑː", "e": "ɛ", "i": "iː", "u": "uː", "wo": "wɔː",
    "→": "", "↗": "", "↓": "", "↘": "",
}  # fmt: skip
_SOUNDS = re.compile("|".join(sorted(_ACCENT, key=len, reverse=True)))
_BUZZED = frozenset(("zh", "ch", "sh", "r", "z", "c", "s"))


def mandarin(text: str) -> str:
    """Phonemes of a run of Han characters, a blank between words; characters without a reading are left out."""
    return " ".join(filter(None, (_said(word) for word in rjieba.cut(text))))


def accented(text: str) -> str:
    """A run of Han characters as a speaker of English might say it: for voices that know no other sounds; no tones."""
    return _SOUNDS.sub(lambda sound: _ACCENT[sound[0]], mandarin(text))


@lru_cache(maxsize=4096)
def _said(word: str) -> str:
    initials = pinyin(word, style=Style.INITIALS, strict=True, errors="ignore")
    finals = pinyin(word, style=Style.FINALS_TONE3, strict=True, neutral_tone_with_five=True, errors="ignore")
    return "".join(_syllable(first[0], last[0]) for first, last in zip(initials, finals, strict=False))


def _syllable(initial: str, final: str) -> str:
    core, tone = (final[:-1], final[-1]) if final[-1:].isdigit() else (final, "5")
    # The i of zhi, chi, shi, ri, zi, ci, si is no i.
    said = "ɨ0" if core == "i" and initial in _BUZZED else FINALS.get(core, "")
    if core == "o" and initial == "":
        said = "ɔ0"
    return INITIALS.get(initial, "") + said.replace("0", TONES.get(tone, ""))
