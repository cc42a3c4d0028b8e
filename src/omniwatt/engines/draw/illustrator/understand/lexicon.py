"""Which words mean what: our own lists (`words/*.toml`) over the names and tags that emojibase has."""

import functools
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from omniwatt.engines.draw.illustrator.understand import inflect, sprites

OWN, NAME, TAG = 0, 1, 2
ABSENT = "absent"
"""The kind of a word for what no sprite shows: it is not understood, whatever emojibase tags with it."""
HAN_LANGUAGES = ("zh", "ja")
LANGUAGES = ("en", "zh", "ja", "de", "fr", "es", "pt", "it", "ko", "ru", "nl", "pl", "vi", "id", "hi", "tr", "ar")
_WORDS = Path(__file__).parent / "words"
_SMILEYS, _PEOPLE, _ANIMALS, _SYMBOLS = 0, 1, 3, 8
_UNSEEN = {-1, 2, 9}
"""Groups the sprite set has nothing of: letters of flags, skin tones, countries."""
_NAMED_ONLY = {_SMILEYS, _PEOPLE, _SYMBOLS}
"""Groups of emojis whose tags are feelings and ideas, not things to be seen."""
_TAG_SPREAD = 5
"""A tag that more sprites than this share says nothing about which to draw."""
_LONGEST: Final = 8
_INFLECTED = ("pt", "es", "it", "fr")


class Sense(NamedTuple):
    """One meaning of a word. `rank` says where it comes from: OWN list, a sprite's NAME, one of its TAGs."""

    kind: str
    value: str
    rank: int = OWN


Senses = tuple[Sense, ...]


class _Emoji(msgspec.Struct):
    """A row of emojibase's data.json."""

    hexcode: str
    label: str
    emoji: str
    group: int = -1
    order: int = 0
    tags: tuple[str, ...] = ()


class Words:
    """The words of one language: what each means, and how far a longest match has to look."""

    def __init__(self, language: str, senses: Mapping[str, Senses]) -> None:
        self.language = language
        self.senses = senses
        self.spaced = language not in HAN_LANGUAGES
        self.reach = _reach(senses, self.spaced)
        self.stems = _stems(language, senses) if self.spaced and language != "en" else {}
        self.spellings = inflect.Spellings(_spellable(senses)) if language == "en" else None


class Lexicon:
    """Words of seventeen languages, and the emojis. English, Chinese and Japanese are loaded, others when asked for."""

    def __init__(self, rows: Mapping[str, bytes]) -> None:
        self._rows = rows
        english = _decode(rows["en"])
        english = [row for row in english if row.group not in _UNSEEN]
        self._sprite = {row.hexcode: sprites.sprite_of(row.label) for row in english}
        self._group = {self._sprite[row.hexcode]: row.group for row in english}
        self._english = english
        self.emojis = {sprites.plain_emoji(row.emoji): self._of_emoji(row) for row in english}
        self.emojis = {emoji: senses for emoji, senses in self.emojis.items() if emoji and senses}
        self.first_letters = {emoji[0] for emoji in self.emojis}
        self.simplified = _simplified()
        self._words: dict[str, Words] = {}
        for language in ("en", "zh", "ja"):
            self.words(language)

    @classmethod
    def load(cls, artifacts: Mapping[str, Path | str]) -> "Lexicon":
        """From a card's artifacts: roles `names:LANGUAGE`, emojibase's data.json in that language; English at least.

        Raises KeyError without `names:en`, OSError and msgspec.DecodeError when a file is not what it should be.
        """
        wanted = [
            language for language in (*LANGUAGES, "zh-hant") if f"names:{language}" in artifacts or language == "en"
        ]
        return cls({language: Path(artifacts[f"names:{language}"]).read_bytes() for language in wanted})

    def words(self, language: str) -> Words:
        """The words of a language (one of LANGUAGES)."""
        if language not in self._words:
            self._words[language] = Words(language, self._senses(language))
        return self._words[language]

    @functools.cached_property
    def sprites(self) -> frozenset[str]:
        """Every sprite that has a name here."""
        return frozenset(name for name in self._sprite.values() if name)

    def is_animal(self, sprite: str) -> bool:
        """Whether it is an animal (or a plant: one group in emojibase)."""
        return self._group.get(sprite) == _ANIMALS

    def is_person(self, sprite: str) -> bool:
        """Whether it is a person or a part of one."""
        return self._group.get(sprite) == _PEOPLE

    def fold(self, text: str, language: str) -> str:
        """The text as the words of this language are looked up: Chinese in simplified letters, the same length."""
        return text.translate(self.simplified) if language == "zh" else text

    def _of_emoji(self, row: _Emoji) -> Senses:
        if sprite := self._sprite[row.hexcode]:
            return (Sense("thing", sprite, NAME),)
        if row.label.startswith(("family", "kiss", "couple")) or row.label.endswith("holding hands"):
            child = " child" if row.label.startswith("family") else ""
            return (Sense("group", f"man-standing woman-standing{child}", NAME),)
        return ()

    def _senses(self, language: str) -> dict[str, Senses]:
        own = own_words(language)
        found = self._of_emojibase(language)
        if language == "zh":
            found = self._folded(self._of_emojibase("zh-hant")) | found
            found = self._folded(_han_only(self._of_emojibase("ja") | own_words("ja"))) | found
        if language == "en":
            found = _singled(found) | found
        plain = found | {word: senses + _whole_part(senses, found.get(word, ())) for word, senses in own.items()}
        hues = {inflect.stem(word, language) for word, senses in own.items() if senses[0].kind == "colour"}
        return {
            word: senses
            for word, senses in plain.items()
            if senses[0].kind != ABSENT
            and (senses[0].rank == OWN or not (_is_coloured(word, plain) or _is_inflected_colour(word, hues, language)))
        }

    def _folded(self, senses: Mapping[str, Senses]) -> dict[str, Senses]:
        return {self.fold(word, "zh"): value for word, value in senses.items()}

    def _of_emojibase(self, language: str) -> dict[str, Senses]:
        rows = self._english if language == "en" else _decode(self._rows.get(language, b"[]"))
        names: dict[str, str] = {}
        tags: dict[str, list[str]] = {}
        for row in sorted(rows, key=lambda row: row.order):
            sprite = sprites.whole(self._sprite.get(row.hexcode, ""))
            if not sprite or (row.group == _SYMBOLS and " " not in row.label):
                continue
            names.setdefault(_key(row.label), sprite)
            for tag in row.tags if row.group not in _NAMED_ONLY else ():
                tags.setdefault(_key(tag), []).append(sprite)
        found: dict[str, Senses] = {
            word: (Sense("thing", self._best(some), TAG),)
            for word, some in tags.items()
            if _tells(word, some, language)
        }
        return found | {word: (Sense("thing", sprite, NAME),) for word, sprite in names.items()}

    def _best(self, candidates: Iterable[str]) -> str:
        """Of the sprites that share a tag, the first one that our own English list draws, else the first."""
        some = list(dict.fromkeys(candidates))
        return next((sprite for sprite in some if sprite in _drawn_often()), some[0])


def own_words(language: str) -> dict[str, Senses]:
    """Our own list of a language; empty where there is none."""
    path = _WORDS / f"{language}.toml"
    if not path.exists():
        return {}
    found: dict[str, list[Sense]] = {}
    for kind, table in tomllib.loads(path.read_text("utf-8")).items():
        for value, words in table.items():
            for word in words.lower().split(","):
                found.setdefault(word.strip(), []).extend(_meant(kind, value))
    found.pop("", None)
    return {word: tuple(dict.fromkeys(senses)) for word, senses in found.items()}


def _meant(kind: str, value: str) -> list[Sense]:
    """A line's senses: one, or for a phrase those that its key spells out (`backdrop:sea time:golden`)."""
    if kind != "phrase":
        return [Sense(kind, value)]
    pairs = (effect.partition(":") for effect in value.split())
    return [Sense(name, meant) for name, _, meant in pairs]


def _decode(data: bytes) -> list[_Emoji]:
    return msgspec.json.decode(data, type=list[_Emoji])


@functools.cache
def _drawn_often() -> frozenset[str]:
    return frozenset(sense.value for senses in own_words("en").values() for sense in senses if sense.kind == "thing")


def _key(word: str) -> str:
    return word.lower().replace("’", "'").strip()


def _tells(word: str, candidates: list[str], language: str) -> bool:
    """Whether a tag is worth keeping: not too many sprites share it, and it is more than a letter of an alphabet."""
    return len(set(candidates)) <= _TAG_SPREAD and (len(word) > 2 or language in {*HAN_LANGUAGES, "zh-hant", "ko"})


def _is_coloured(name: str, senses: Mapping[str, Senses]) -> bool:
    """Whether a name is a colour and another name (black cat): read apart, the colour is one to be painted."""
    cuts = [name.split(" ")] if " " in name else [[name[:at], name[at:]] for at in (1, 2)] if name > "⺀" else []
    for one, other in (cut for cut in cuts if len(cut) == 2):
        for colour, thing in ((one, other), (other, one)):
            said = senses.get(colour, ())
            is_thing = any(sense.kind == "thing" for sense in senses.get(thing, ()))
            if is_thing and any(sense.kind == "colour" and sense.rank == OWN for sense in said):
                return True
    return False


def _is_inflected_colour(name: str, hues: set[str], language: str) -> bool:
    """The same where the colour takes an ending (flor amarela); a thing's own colour stays (red apple)."""
    words = name.split(" ")
    return language in _INFLECTED and len(words) < 3 and any(inflect.stem(word, language) in hues for word in words)


def _singled(senses: Mapping[str, Senses]) -> dict[str, Senses]:
    """Names in the plural, in the singular: sock."""
    return {
        word[:-1]: meant
        for word, meant in senses.items()
        if word[-1:] == "s" and word[-2:-1] not in "su" and len(word) > 4
    }


def _whole_part(own: Senses, named: Senses) -> Senses:
    """A part of a thing (an eye) may also be named for itself."""
    return named if {sense.kind for sense in own} == {"part"} and named and named[0].rank == NAME else ()


def _simplified() -> dict[int, str]:
    """Traditional Chinese letters and their simplified ones, those that the lists use."""
    pairs = (_WORDS / "traditional.txt").read_text("utf-8").split()
    return {ord(pair[0]): pair[1] for pair in pairs}


def _han_only(senses: Mapping[str, Senses]) -> dict[str, Senses]:
    """Japanese words in Han letters alone, for prompts that could be either language; no grammar words."""
    seen = {"thing", "backdrop", "style", "time", "feature", "role"}
    return {
        word: meant
        for word, meant in senses.items()
        if all("一" <= letter <= "鿿" for letter in word) and {sense.kind for sense in meant} <= seen
    }


def _reach(senses: Mapping[str, Senses], spaced: bool) -> dict[str, int]:
    """By first word (or letter), how many words (letters) the longest entry has."""
    reach: dict[str, int] = {}
    for entry in senses:
        parts = entry.split() if spaced else entry
        reach[parts[0]] = max(reach.get(parts[0], 1), min(len(parts), _LONGEST))
    return reach


def _stems(language: str, senses: Mapping[str, Senses]) -> dict[str, Senses]:
    """The entries by their stems, OWN before NAME before TAG where two share one."""
    found: dict[str, Senses] = {}
    for entry, meant in senses.items():
        key = " ".join(inflect.stem(word, language) for word in entry.split())
        if key not in found or meant[0].rank < found[key][0].rank:
            found[key] = meant
    return found


def _spellable(senses: Mapping[str, Senses]) -> Iterable[str]:
    """Single words worth correcting a slip of the pen to: those of our own list and names, no grammar."""
    grammar = {"stop", "praise", "join", "determiner", "pronoun", "before", "link", "says"}
    for entry, meant in senses.items():
        if " " not in entry and meant[0].rank < TAG and meant[0].kind not in grammar and entry.isalpha():
            yield entry
