"""Text of any language to the letters Kokoro reads: its own alphabet, made of IPA and a few capitals.

Capitals are the English diphthongs (A is the vowel of `day`, I of `eye`, O of `go`, Q of British `go`, W of `how`, Y of
`boy`), single letters the affricates. See the model's card and misaki's EN_PHONES (both Apache-2.0).
"""

import asyncio
import re
from collections.abc import Callable

from omniwatt.engines.speak.chinese import mandarin
from omniwatt.engines.speak.english import English, tokens
from omniwatt.engines.speak.espeak_pipe import EspeakPipe
from omniwatt.engines.speak.ipa import LANGUAGE_FLAG, ipa
from omniwatt.engines.speak.japanese import Japanese
from omniwatt.engines.speak.scripts import spoken_runs

ESPEAK_VOICES = {
    "en-us": "en-us", "en-gb": "en-gb", "es": "es", "fr": "fr-fr", "hi": "hi", "it": "it", "ja": "ja", "pt": "pt-br",
    "zh": "cmn",
}  # fmt: skip
MARKS = str.maketrans(
    {
        "。": ". ", "．": ". ", "！": "! ", "？": "? ", "，": ", ", "、": ", ", "；": "; ", "：": ": ", "（": " (",
        "）": ") ", "「": " “", "」": "” ", "《": " “", "》": "” ", "『": " “", "』": "” ",
        "【": " “", "】": "” ", "«": "“", "»": "”", "–": "—", "\n": " ", "’": "'", "‘": "'",
    }
)  # fmt: skip
_DIPHTHONGS = {
    "a^ɪ": "I", "a^ʊ": "W", "d^z": "ʣ", "d^ʒ": "ʤ", "e^ɪ": "A", "o^ʊ": "O", "ə^ʊ": "Q", "s^s": "S", "t^s": "ʦ",
    "t^ʃ": "ʧ", "ɔ^ɪ": "Y",
}  # fmt: skip
_ENGLISH = {
    "a^ɪ": "I", "a^ʊ": "W", "d^ʒ": "ʤ", "e^ɪ": "A", "t^ʃ": "ʧ", "ɔ^ɪ": "Y", "ə^l": "ᵊl", "ɚ": "əɹ", "ɐ": "ə", "r": "ɹ",
    "x": "k", "ç": "k", "ɬ": "l", "ʲ": "", "\u0303": "",
}  # fmt: skip
_BRITISH = {"e^ə": "ɛː", "iə": "ɪə", "ə^ʊ": "Q"}
_AMERICAN = {"o^ʊ": "O", "ɜːɹ": "ɜɹ", "ɜː": "ɜɹ", "ɪə": "iə", "ː": "", "ɾ": "T", "ʔ": "t"}
_NEAR = str.maketrans(
    {
        "ħ": "h", "ʕ": "ʔ", "ɫ": "l", "ɭ": "l", "ɬ": "l", "ʑ": "ʒ", "ʐ": "ʒ", "ʉ": "u", "ɵ": "o", "ɘ": "ə", "ɢ": "ɡ",
        "ʀ": "ʁ", "ɱ": "m", "ʏ": "y", "ɓ": "b", "ɗ": "d", "ɦ": "h", "ɮ": "l",
    }
)  # fmt: skip
"""Sounds that no language of Kokoro has -> the nearest it knows."""
_PLAIN = str.maketrans({"^": None, "-": None, "g": "ɡ"})
_SYLLABIC = re.compile(r"(\S)\u0329")


class Phonemes:
    """All languages of Kokoro. `english` holds the accents that have a dictionary: `en-us`, `en-gb`.

    `japanese` opens the Japanese dictionary; it is asked once, when the first Japanese is to be read. Without one
    espeak-ng reads the kana, and spells the rest.
    """

    def __init__(
        self, pipe: EspeakPipe, english: dict[str, English], japanese: Callable[[], Japanese] | None = None
    ) -> None:
        self._pipe = pipe
        self._english = english
        self._open_japanese = japanese
        self._japanese: Japanese | None = None
        self._opening = asyncio.Lock()

    async def of(self, clause: str, language: str) -> str:
        """Phonemes of a clause in `language`; what is written in another script is read in its own."""
        said = []
        for text, own in spoken_runs(clause, language):
            if own == "han":
                said.append(mandarin(text))
            elif own == "ja" and (japanese := await self._dictionary()) is not None:
                said.append(japanese.read(text))
            elif own in self._english:
                said.append(await self._in_english(text.translate(MARKS), own))
            else:
                said.append(await self._by_espeak(text.translate(MARKS), ESPEAK_VOICES.get(own, own)))
        return re.sub(r"\s+", " ", " ".join(said)).replace(" ,", ",").replace(" .", ".").strip()

    async def _dictionary(self) -> Japanese | None:
        """The Japanese dictionary, opened beside the loop: it has tens of megabytes, and others are speaking."""
        async with self._opening:
            if self._japanese is None and self._open_japanese is not None:
                self._japanese = await asyncio.to_thread(self._open_japanese)
        return self._japanese

    async def _in_english(self, text: str, accent: str) -> str:
        words = tokens(text)
        said = self._english[accent].read(text)
        unknown = {word for word, found in zip(words, said, strict=True) if found is None}
        guessed = {word: await self._guess(word, accent) for word in sorted(unknown)}
        return "".join(guessed[word] if found is None else found for word, found in zip(words, said, strict=True))

    async def _guess(self, word: str, accent: str) -> str:
        spoken = LANGUAGE_FLAG.sub("", await self._pipe.phonemes(word, accent))
        accents = _BRITISH if accent == "en-gb" else _AMERICAN
        spoken = _SYLLABIC.sub(r"ᵊ\1", _replaced(_replaced(spoken, _ENGLISH), accents))
        return spoken.replace("e", "A").replace("o", "ɔ").translate(_PLAIN)

    async def _by_espeak(self, text: str, voice: str) -> str:
        return _replaced(await ipa(self._pipe, text, voice), _DIPHTHONGS).translate(_PLAIN).translate(_NEAR)


def _replaced(text: str, table: dict[str, str]) -> str:
    for old in sorted(table, key=len, reverse=True):
        text = text.replace(old, table[old])
    return text
