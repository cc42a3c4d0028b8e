"""Endings folded, and slips of the pen mended: how a word that is not in the lexicon finds the one that is."""

from collections import defaultdict
from collections.abc import Iterable, Iterator

_IRREGULAR = {
    "men": "man",
    "women": "woman",
    "children": "child",
    "people": "person",
    "mice": "mouse",
    "geese": "goose",
    "feet": "foot",
    "teeth": "tooth",
    "oxen": "ox",
    "wolves": "wolf",
    "leaves": "leaf",
    "knives": "knife",
    "loaves": "loaf",
    "shelves": "shelf",
    "scarves": "scarf",
    "elves": "elf",
    "calves": "calf",
    "cacti": "cactus",
    "octopi": "octopus",
    "policemen": "policeman",
    "firemen": "fireman",
    "snowmen": "snowman",
    "fishermen": "fisherman",
}
_ENDINGS = {
    "de": ("ern en er es em e n s"),
    "fr": ("euses euse elles elle ees aux es ee e s x"),
    "es": ("ces es as os a o e s"),
    "pt": ("oes aes es as os a o e s"),
    "it": ("che chi ie a o e i"),
    "ru": (
        "иями ями ами ого его ому ему ыми ими иях ях ах ов ев ей ам ям ом ем ой ый ий ая яя ое ее ые ие ую юю "
        "ых их ым им ою ею ью ия ию ии ы и а я у ю е о ь й"
    ),
    "tr": "lerin ların leri ları nin nın nun nün ler lar den dan de da in ın un ün yi yı yu yü i ı u ü",
    "ar": "ات ان ين ة",
    "ko": (
        "에서는 에서의 으로는 에서 에게 으로 이랑 과의 와의 까지 부터 처럼 "
        "들이 들은 들을 들의 들과 은 는 이 가 을 를 의 에 와 과 도 로 만 들"
    ),
}
_SPLIT = {language: tuple(endings.split()) for language, endings in _ENDINGS.items()}
_FLAT = str.maketrans("áàâäãåéèêëíìîïóòôöõúùûüçñёß", "aaaaaaeeeeiiiiooooouuuucnеs")


_ALIF = str.maketrans("أإآى", "اااي")
_ARABIC_PREFIXES = ("وال", "بال", "كال", "لل", "ال")

_LONG = 9
"""Words from so many letters on may have two slips, after their first two letters."""


def singulars(word: str) -> Iterator[str]:
    """What an English word may be the plural (or possessive) of, likeliest first."""
    if word.endswith(("'s", "s'")):
        yield word[:-2] if word.endswith("'s") else word[:-1]
    if word in _IRREGULAR:
        yield _IRREGULAR[word]
    if len(word) < 3 or not word.endswith("s") or word.endswith("ss"):
        return
    yield word[:-1]
    if word.endswith("ies"):
        yield word[:-3] + "y"
    if word.endswith("ves"):
        yield word[:-3] + "f"
        yield word[:-3] + "fe"
    if word.endswith("es"):
        yield word[:-2]


def verb_bases(word: str) -> Iterator[str]:
    """What an English verb's form may come from: `glows`, `hovered`."""
    if word.endswith("ed") and len(word) > 4:
        yield word[:-2] + "ing"
        yield word[:-1] if word.endswith("eed") else word[:-2]
    if word.endswith("s") and len(word) > 3:
        yield word[:-1] + "ing"
        if word.endswith("es"):
            yield word[:-2] + "ing"


def stem(word: str, language: str) -> str:
    """A word without the ending of its number, gender and case; enough to look it up by."""
    flat = word.translate(_FLAT)
    if language == "ar":
        flat = flat.translate(_ALIF)
        flat = flat.removeprefix(next((one for one in _ARABIC_PREFIXES if flat.startswith(one)), ""))
    least = least_of(language)
    for ending in _SPLIT.get(language, ()):
        if flat.endswith(ending) and len(flat) - len(ending) >= least - (language == "ko"):
            return flat[: -len(ending)]
    return flat


def least_of(language: str) -> int:
    """So many letters of a word are left at least."""
    return 2 if language in ("ko", "ar") else 3


def _sounded(word: str) -> str:
    """Spelt as it sounds, so far as slips go: elefant."""
    return word.replace("ph", "f")


def _beginning(word: str, length: int = 0) -> str:
    """The letters a slip is not looked for in: two of a long word, one of a short one."""
    return word[: 2 if (length or len(word)) >= _LONG else 1]


class Spellings:
    """Known words by length and first letter, with the set of letters of each, to find one that is nearly the same."""

    def __init__(self, words: Iterable[str]) -> None:
        self._near: dict[tuple[str, int], list[tuple[str, int]]] = defaultdict(list)
        for word in words:
            sound = _sounded(word)
            if len(sound) >= 4:
                self._near[_beginning(sound), len(sound)].append((word, _letters(sound)))

    def nearest(self, word: str) -> str:
        """The known word that differs by one slip (two from nine letters on); empty if none, or if two are as near."""
        word = _sounded(word)
        allowed = 0 if len(word) < 5 else 1 if len(word) < _LONG else 2
        best: dict[tuple[int, bool], list[str]] = defaultdict(list)
        letters = _letters(word)
        for length in range(len(word) - allowed, len(word) + allowed + 1) if allowed else ():
            for known, others in self._near.get((_beginning(word, length), length), ()):
                if (letters ^ others).bit_count() > 2 * allowed:
                    continue
                slips = distance(word, _sounded(known), allowed)
                if slips <= allowed:
                    best[slips, letters != others].append(known)
        nearest = best[min(best)] if best else []
        return nearest[0] if len(nearest) == 1 else ""


def _letters(word: str) -> int:
    mask = 0
    for letter in word:
        mask |= 1 << (ord(letter) % 61)
    return mask


def distance(a: str, b: str, limit: int) -> int:
    """Letters to insert, drop, change or swap with a neighbour; `limit + 1` when it is more than the limit."""
    before: list[int] = []
    row = list(range(len(b) + 1))
    for i, letter in enumerate(a, 1):
        before2, before, row = before, row, [i] + [0] * len(b)
        for j, other in enumerate(b, 1):
            row[j] = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != other))
            if i > 1 and j > 1 and letter == b[j - 2] and other == a[i - 2]:
                row[j] = min(row[j], before2[j - 2] + 1)
        if min(row) > limit:
            return limit + 1
    return min(row[-1], limit + 1)
