"""English words to Kokoro's phonemes: a pronouncing dictionary (misaki's data, Apache-2.0), endings, letters.

What is not found is for espeak-ng. A word with several readings (`record`, `live`, `read`) is settled by the word
before it: no tagger is needed for the few there are.
"""

import re
from pathlib import Path

import msgspec

Entry = str | dict[str, str | None]

MARKS = frozenset(".,;:!?…—“”()")
PAUSES = MARKS - frozenset("“”()")
BLANKS = frozenset("-–/")
PRIMARY, SECONDARY = "ˈ", "ˌ"
VOWELS = frozenset("AIOQWYaiuæɑɒɔəɛɜɪʊʌᵻɐ")
_FLAPPED = frozenset("AIOWYiuæɑəɛɪɹʊʌ")
_VERB_AFTER = frozenset(
    """
    to i you we they he she it will would can could shall should may might must do does did don't doesn't
    didn't can't won't couldn't wouldn't shouldn't let's please who not
    """.split()  # noqa: SIM905 - words read better as a text
)
_PAST_AFTER = frozenset(
    """
    have has had having i've you've we've they've was were been is are be being
    """.split()  # noqa: SIM905 - words read better as a text
)
_NOUN_AFTER = frozenset(
    """
    a an the this that these those my your his her its our their some any no each every another of in on for
    with by at from new old first last good great
    """.split()  # noqa: SIM905 - words read better as a text
)
_TOKEN = re.compile(r"[A-Za-zÀ-ɏ]+(?:['’][A-Za-zÀ-ɏ]+)*['’]?|[.,;:!?…—“”()]|\s+|[-–/]|[^\s]")
_WORD = re.compile(r"[A-Za-zÀ-ɏ]")


class English:
    """One accent. `gold` and `silver` are JSON files, word -> phonemes or tag -> phonemes; gold is checked by hand."""

    def __init__(self, gold: Path, silver: Path, *, british: bool) -> None:
        read = msgspec.json.Decoder(dict[str, Entry]).decode
        self._gold = read(gold.read_bytes())
        self._silver = read(silver.read_bytes())
        self._british = british

    def read(self, text: str) -> list[str | None]:
        """Phonemes of each token of `tokens(text)`; blanks and marks as they are, None for an unknown word."""
        words = tokens(text)
        said: list[str | None] = [None] * len(words)
        vowel: bool | None = None
        # From the end: `the` and `to` sound after the word that follows.
        for place in range(len(words) - 1, -1, -1):
            token = words[place]
            if not _WORD.match(token):
                said[place] = _mark(token)
                if token in PAUSES:
                    vowel = None
                continue
            found = self._word(token, _before(words, place), vowel)
            said[place] = found
            first = next((letter for letter in found or "" if letter not in PRIMARY + SECONDARY), "")
            vowel = first in VOWELS if first else None
        return said

    def _word(self, word: str, before: str, vowel: bool | None) -> str | None:
        word = word.replace("’", "'")
        special = self._special(word, vowel)
        if special is not None:
            return special
        for form in dict.fromkeys((word, word.lower(), word.lower().capitalize())):
            if form.isupper() and len(form) > 1 and form not in self._gold:
                continue
            found = self._known(form, before, vowel)
            if found is not None:
                return found
        if word.isupper() and len(word) > 1 and self._known(word.lower(), before, vowel) is None:
            return self._spelled(word)
        stem = word.lower().rstrip("'")
        return self._ended(stem, before)

    def _special(self, word: str, vowel: bool | None) -> str | None:
        match word.lower():
            case "a" if word == "a":
                return "ɐ"
            case "an":
                return "ɐn"
            case "the":
                return "ði" if vowel else "ðə"
            case "to":
                return {None: "tˈu" if not self._british else "tˈuː", True: "tʊ", False: "tə"}[vowel]
            case "in":
                return "ˈɪn" if vowel is None else "ɪn"
            case "i" if word == "I":
                return SECONDARY + "I"
        return None

    def _known(self, word: str, before: str, vowel: bool | None = False) -> str | None:
        entry = self._gold.get(word)
        if entry is None:
            entry = self._silver.get(word)
        if isinstance(entry, dict):
            if vowel is None and entry.get("None"):
                return entry["None"]
            return _reading(entry, before)
        return entry

    def _spelled(self, word: str) -> str | None:
        letters = [self._gold.get(letter) for letter in word if letter.isalpha()]
        if not letters or not all(isinstance(letter, str) for letter in letters):
            return None
        weak = [str(letter).replace(PRIMARY, SECONDARY) for letter in letters]
        return "".join(weak[:-1]) + str(letters[-1])

    def _ended(self, word: str, before: str) -> str | None:
        """A word whose stem is known: -s, -'s, -ed, -ing, -ly and the like."""
        for ending, stems in _stems(word):
            for stem in stems:
                found = self._known(stem, before) if len(stem) > 1 else None
                if found:
                    return self._with_ending(found, ending)
        return None

    def _with_ending(self, said: str, ending: str) -> str:
        weak = "ɪ" if self._british else "ᵻ"
        last = said[-1]
        flapped = not self._british and last == "t" and len(said) > 1 and said[-2] in _FLAPPED
        match ending:
            case "s":
                if last in "szʃʒʧʤ":
                    return said + weak + "z"
                return said + ("s" if last in "ptkfθ" else "z")
            case "ed":
                if last in "td":
                    return (said[:-1] + "ɾ" if flapped else said) + weak + "d"
                return said + ("t" if last in "pkfθʃsʧ" else "d")
            case "ing":
                return (said[:-1] + "ɾ" if flapped else said) + "ɪŋ"
            case "ly":
                return said + "li"
        return said + ending


def tokens(text: str) -> list[str]:
    """Words, marks and blanks of a text, nothing left out."""
    return _TOKEN.findall(text)


def _mark(token: str) -> str:
    if token.isspace() or token in BLANKS:
        return " "
    return token if token in MARKS else ""


def _before(words: list[str], place: int) -> str:
    for word in reversed(words[:place]):
        if _WORD.match(word):
            return word.lower().replace("’", "'")
        if not word.isspace():
            break
    return ""


def _reading(entry: dict[str, str | None], before: str) -> str | None:
    """The reading of a word that has several, by the word before it."""
    order: tuple[str, ...] = ("DEFAULT",)
    if before in _PAST_AFTER:
        order = ("VBN", "VBD", "ADJ", "VERB", "DEFAULT")
    elif before in _VERB_AFTER:
        order = ("VBP", "VB", "VERB", "DEFAULT")
    elif before in _NOUN_AFTER:
        order = ("NOUN", "ADJ", "DEFAULT")
    return next((said for tag in order if (said := entry.get(tag))), entry.get("DEFAULT"))


def _stems(word: str) -> list[tuple[str, list[str]]]:
    found: list[tuple[str, list[str]]] = []
    if word.endswith("'s"):
        found.append(("s", [word[:-2]]))
    elif word.endswith("ies") and len(word) > 4:
        found.append(("s", [word[:-3] + "y", word[:-1]]))
    elif word.endswith("s") and not word.endswith("ss") and len(word) > 2:
        found.append(("s", [word[:-1], *([word[:-2]] if word.endswith("es") else [])]))
    if word.endswith("ied") and len(word) > 4:
        found.append(("ed", [word[:-3] + "y"]))
    elif word.endswith("ed") and not word.endswith("eed") and len(word) > 3:
        found.append(("ed", [word[:-2], word[:-1], *_single(word[:-2])]))
    if word.endswith("ing") and len(word) > 4:
        found.append(("ing", [word[:-3], word[:-3] + "e", *_single(word[:-3])]))
    if word.endswith("ly") and len(word) > 4:
        found.append(("ly", [word[:-2]]))
    return found


def _single(stem: str) -> list[str]:
    """`runn` -> `run`."""
    return [stem[:-1]] if len(stem) > 2 and stem[-1] == stem[-2] else []
