"""Japanese to Kokoro's phonemes: words and readings by MeCab and the NAIST dictionary, sounds by the table below.

The dictionary's second reading is the one that is spoken (は as a particle is ワ, 東京 is トーキョー). Words are parted
by blanks, as Kokoro was taught them; it was taught no pitch accents, so there are none here.
"""

import csv
import shlex
import tempfile
import unicodedata
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from omniwatt.contract.error import EngineFailed
from omniwatt.engines.speak.japanese_numbers import numbered

PARTS = ("sys.dic", "matrix.bin", "char.bin", "unk.dic")
"""Files of a MeCab dictionary."""
_RC = "bos-feature = BOS/EOS,*,*,*,*,*,*,*,*\ncost-factor = 700\n"
_SPOKEN = 8
"""Which feature is the reading as it is spoken."""
_ROWS = {
    "": "アイウエオ", "k": "カキクケコ", "ɡ": "ガギグゲゴ", "s": "サシスセソ", "ʣ": "ザジズゼゾ", "t": "タチツテト",
    "d": "ダヂヅデド", "n": "ナニヌネノ", "h": "ハヒフヘホ", "b": "バビブベボ", "p": "パピプペポ", "m": "マミムメモ",
    "ɾ": "ラリルレロ", "v": "・・ヴ・・",
}  # fmt: skip
_VOWELS = "aiɯeo"
_BEFORE_I = {"": "", "s": "ɕ", "ʣ": "ʥ", "t": "ʨ", "d": "ʥ", "n": "ɲ", "h": "ç"}
"""What a row's consonant is before イ and in its ャ ュ ョ; the others take a ʲ."""
_BEFORE_U = {"s": "sɨ", "ʣ": "zɨ", "t": "ʦɨ", "d": "zɨ", "h": "ɸɯ"}
_SMALL = dict(zip("ァィゥェォャュョヮ", "aiɯeoaɨoa", strict=True))
_FOREIGN = {
    "テ": "t", "デ": "d", "ト": "t", "ド": "d", "フ": "ɸ", "ヴ": "v", "ツ": "ʦ", "ク": "kᵝ", "グ": "ɡᵝ", "ウ": "β",
    "ス": "s", "ズ": "z",
}  # fmt: skip
"""Kana whose consonant alone counts before a small vowel: ティ, ファ, ツァ."""
_OTHERS = {
    "ヤ": "ja",
    "ユ": "jɯ",
    "ヨ": "jo",
    "ワ": "βa",
    "ヲ": "o",
    "ヰ": "i",
    "ヱ": "e",
    "イェ": "je",
    "ー": "ː",
    "ッ": "ʔ",
}
_NASALS = (("mpb", "m"), ("kɡ", "ŋ"), ("ɲʨʥ", "ɲ"), ("ntdɾzʣʦ", "n"))
"""What ン is before which sounds; elsewhere ɴ."""
_MARKS = {
    "。": ".", "、": ",", "・": " ", "「": "“", "」": "”", "『": "“", "』": "”", "《": "“", "》": "”",
    "【": "“", "】": "”", "〜": "—", "～": "—", "−": "—",
}  # fmt: skip
_KEPT = frozenset('.,!?:;…—“”()" ')
_I_ROW = "イキシチニヒミリギジビピ"
_HIRAGANA = {code: code + 0x60 for code in range(0x3041, 0x3097)}


class Word(NamedTuple):
    """A morpheme: how it is written, how it is said (katakana, empty for a mark), its two parts of speech."""

    written: str
    said: str
    kind: str
    detail: str


class Japanese:
    """The reader. `files` has the PARTS of the dictionary. Raises EngineFailed when they cannot be used."""

    def __init__(self, files: Mapping[str, Path]) -> None:
        import MeCab

        # MeCab wants one folder with a file of settings, which the artifacts do not have. Once it has mapped the files
        # it does not look there again, and a process that is killed leaves no folder behind.
        with tempfile.TemporaryDirectory(prefix="omniwatt-mecab-") as name:
            folder = Path(name)
            for part in PARTS:
                (folder / part).symlink_to(files[part].resolve())
            (folder / "dicrc").write_text(_RC, encoding="ascii")
            (folder / "mecabrc").write_text("", encoding="ascii")
            where = shlex.quote(name)
            try:
                self._tagger: Any = MeCab.Tagger(f"-r {where}/mecabrc -d {where}")
            except RuntimeError as error:
                raise EngineFailed("the Japanese dictionary cannot be read") from error

    def read(self, text: str) -> str:
        """Phonemes of a text whose numbers are written in characters (三十); what has no reading is left out."""
        return phonemes(self.words(text))

    def words(self, text: str) -> list[Word]:
        """Its morphemes, with numbers and counters said as they are together."""
        text = unicodedata.normalize("NFKC", text)
        return [Word(*word) for word in numbered([_word(*found) for found in self._found(text)])]

    def _found(self, text: str) -> Iterator[tuple[str, list[str]]]:
        """Each morpheme and its features; the nodes live as long as the text they point into."""
        node = self._tagger.parseToNode(text)
        while node is not None:
            if node.surface:
                yield node.surface, next(csv.reader([node.feature]))
            node = node.next


def phonemes(words: list[Word]) -> str:
    """The phonemes of words, a blank between them."""
    out = ""
    for place, word in enumerate(words):
        if not word.said:
            out = out.rstrip() + "".join(_mark(character) for character in word.written)
            continue
        following = next((later.said for later in words[place + 1 :] if later.written.strip()), "")
        said = sounds(word.said, following)
        if _lengthens(word, out):
            out = out.rstrip() + "ː "
        else:
            out += said + ("" if said.endswith("ʔ") else " ")
    return " ".join(out.split())


def sounds(kana: str, following: str = "") -> str:
    """The phonemes of katakana; `following` is what comes after it."""
    moras = list(_moras(kana))
    after = next(_moras(following), "")
    said = [*map(_mora, moras), _mora(after) if after else ""]
    for place, mora in enumerate(moras):
        if mora == "ン":
            first = said[place + 1][:1]
            said[place] = next((nasal for letters, nasal in _NASALS if first and first in letters), "ɴ")
    return "".join(said[:-1])


def _word(written: str, features: list[str]) -> tuple[str, str, str, str]:
    said = features[_SPOKEN] if len(features) > _SPOKEN else ""
    kind, detail = features[0], features[1]
    # `’` marks a vowel that is not voiced, which Kokoro was not told either.
    said = (said or written).replace("’", "").translate(_HIRAGANA)
    if kind == "形容詞" and said[-1:] == "イ" and said[-2:-1] in _I_ROW:
        said = said[:-1] + "ー"
    known = kind != "記号" and all("ァ" <= letter <= "ヺ" or letter == "ー" for letter in said)
    return written, said if known else "", kind, detail


def _moras(kana: str) -> Iterator[str]:
    place = 0
    while place < len(kana):
        alone = kana[place] in _SMALL or kana[place] in "ーッン"
        small = not alone and place + 1 < len(kana) and kana[place + 1] in _SMALL
        yield kana[place : place + 1 + small]
        place += 1 + small


def _mora(mora: str) -> str:
    if mora in _OTHERS:
        return _OTHERS[mora]
    first, small = mora[0], mora[1:]
    if first in _SMALL:
        return ("j" if first in "ャュョ" else "β" if first == "ヮ" else "") + _SMALL[first]
    row, column = next(((row, kana.index(first)) for row, kana in _ROWS.items() if first in kana), (first, -1))
    if column < 0:
        return _OTHERS.get(first, "") + _SMALL.get(small, "")
    if not small:
        if column == 1:
            return _soft(row) + "i"
        return _BEFORE_U.get(row, row + "ɯ") if column == 2 else row + _VOWELS[column]
    vowel = _SMALL[small]
    if first in _FOREIGN and small not in "ャュョ":
        return _FOREIGN[first] + ("ʲ" if small == "ィ" and first not in "クグウスズ" else "") + vowel
    if first in _FOREIGN:
        return _FOREIGN[first].rstrip("ᵝ") + "ʲ" + vowel
    return (_soft(row) if small in "ャュョェ" else row) + vowel


def _soft(row: str) -> str:
    return _BEFORE_I.get(row, row + "ʲ")


def _lengthens(word: Word, before: str) -> bool:
    """The う of 行こう and 食べよう makes the お before it long."""
    return word.kind == "助動詞" and word.said == "ウ" and before.rstrip().endswith("o")


def _mark(character: str) -> str:
    mark = _MARKS.get(character, character)
    if mark not in _KEPT:
        return ""
    return f" {mark}" if mark in "“(" else mark if mark == " " else mark + " "
