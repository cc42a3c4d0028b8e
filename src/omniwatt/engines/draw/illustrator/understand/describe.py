"""A scene told again in the prompt's language: what was drawn, and what was not."""

import functools
import tomllib
from collections.abc import Sequence
from pathlib import Path

from omniwatt.engines.draw.illustrator.scene import Placing, Scene, Thing
from omniwatt.engines.draw.illustrator.understand.lexicon import own_words
from omniwatt.engines.draw.illustrator.understand.reading import ABSENT
from omniwatt.engines.draw.illustrator.understand.setting import DRAWN_TRAITS

_WORDS = Path(__file__).parent / "words"
_SAY, _MEASURES = _WORDS / "say.toml", _WORDS / "measures.toml"
_COLUMNS = {"en": 0, "zh": 1, "zh-hant": 2, "ja": 3}
_SHOWN_WORDS = 20
_SHOWN_LETTERS = 400
_NUMERALS = " 一两三四五六七八九十"
_PAIRS = {"scissors", "glasses", "sunglasses", "goggles", "jeans", "shorts", "socks"}
_IRREGULAR = {
    "person": "people",
    "child": "children",
    "mouse": "mice",
    "goose": "geese",
    "fish": "fish",
    "sheep": "sheep",
    "deer": "deer",
    "wolf": "wolves",
    "scarf": "scarves",
    "knife": "knives",
    "leaf": "leaves",
}
_UNCOUNTED = {"people", "traffic", "text", "background", "snow", "rain"}


def describe(scene: Scene, language: str) -> str:
    """The prompt as it was drawn, in `language` (en, zh, zh-hant, ja; any other is told in English)."""
    return _Teller(scene, language).tell()


def things_of(scene: Scene, language: str) -> tuple[str, ...]:
    """Its things, each in words of `language`: `a red balloon`, `3 cats`."""
    teller = _Teller(scene, language)
    return tuple(map(teller.thing, scene.things))


def word_of(table: str, value: str, language: str) -> str:
    """What a style, backdrop, weather, ... is called in `language`."""
    row = _say()[table].get(value)
    return row[_COLUMNS.get(language, 0)] if row else value.replace("_", " ")


@functools.cache
def _say() -> dict[str, dict[str, list[str]]]:
    return tomllib.loads(_SAY.read_text("utf-8"))


@functools.cache
def _measures(language: str) -> dict[str, str]:
    """Sprite -> the measure word of its counts; under "" that of all others."""
    table: dict[str, dict[str, str]] = tomllib.loads(_MEASURES.read_text("utf-8"))
    letters = table["zh-hant"] if language == "zh-hant" else {}
    lines = dict(table[language.removesuffix("-hant")])
    default = lines.pop("default")
    found = {sprite: letters.get(word, word) for word, sprites in lines.items() for sprite in sprites.split()}
    return found | {"": letters.get(default, default)}


@functools.cache
def _english() -> dict[str, str]:
    """Sprite -> what it is called in English: the first word for it in our own list."""
    found: dict[str, str] = {}
    for word, senses in own_words("en").items():
        if senses[0].kind == "thing":
            found.setdefault(senses[0].value, word)
    return found


class _Teller:
    def __init__(self, scene: Scene, language: str) -> None:
        self._scene = scene
        self._language = language
        self._column = _COLUMNS.get(language, 0)

    def tell(self) -> str:
        scene = self._scene
        told = self._frame("picture", style=self._word("style", scene.style))
        place = self._place()
        if scene.things:
            told += self._frame("of", things=self._list([self.thing(thing) for thing in scene.things]))
            told += "" if scene.transparent else self._frame("before", place=place)
        else:
            told += self._frame("only", place=place)
        if scene.palette:
            told += self._frame("colours", colours=self._list([self._colour(colour) for colour in scene.palette]))
        if details := self._details():
            told += self._frame("with", details=self._list(details))
        told += "".join(map(self._placing, scene.placings)) + self._texts()
        if scene.transparent:
            told += self._frame("transparent")
        if absent := self._absent():
            told += self._frame("without", things=self._list(absent if self._column else list(map(_plural, absent))))
        return _article(told) + self._rest()

    def _absent(self) -> list[str]:
        if self._language in _COLUMNS:
            return [word for word, taken in self._scene.understood if taken == ABSENT]
        return list(dict.fromkeys(_plural(_english().get(name, name)) for name in self._scene.without))

    def _rest(self) -> str:
        scene = self._scene
        if not scene.understood and not scene.texts:
            return self._frame("nothing")
        if not scene.not_understood:
            return self._frame("end")
        shown = self._frame("comma").join(scene.not_understood[:_SHOWN_WORDS])[:_SHOWN_LETTERS]
        return self._frame("left", words=shown) + self._frame("end")

    def _frame(self, name: str, **parts: str) -> str:
        return _say()["frame"][name][self._column].format(**parts)

    def _word(self, table: str, value: str) -> str:
        row = _say()[table].get(value) or (_say()["backdrop"].get(value) if table == "feature" else None)
        return row[self._column] if row else value.replace("_", " ").replace("-", " ")

    def _list(self, words: Sequence[str]) -> str:
        words = list(dict.fromkeys(words))
        head, last = words[:-1], words[-1]
        return self._frame("comma").join(head) + self._frame("and") + last if head else last

    def _place(self) -> str:
        scene = self._scene
        place = self._word("backdrop", scene.backdrop)
        times = [("time", scene.time)] if scene.time not in ("day", "") and scene.backdrop != "night_city" else []
        when = [self._word(table, value) for table, value in (*times, ("season", scene.season)) if value]
        joint = " " if self._column == 0 else self._frame("comma")
        return joint.join([place, *when])

    def _details(self) -> list[str]:
        scene = self._scene
        tables = (("weather", scene.weather), ("light", scene.light), ("feature", scene.features))
        return [self._word(table, value) for table, values in tables for value in values]

    def thing(self, thing: Thing) -> str:
        """One kind of thing with its count, colour and traits."""
        joint = " " if self._column == 0 else ""
        said = [self._colour(thing.colour)] if thing.colour else []
        known = DRAWN_TRAITS & set(_say()["trait"])
        said += [self._word("trait", trait) for trait in thing.traits if trait in known]
        own = self._called(thing)
        word = joint.join([*said, _plural(own) if thing.count > 1 and self._column == 0 else own])
        if thing.count == 1:
            return f"{_a(word)} {word}" if self._column == 0 and own not in _PAIRS else word
        return self._frame("count", count=self._count(thing), word=word)

    def _called(self, thing: Thing) -> str:
        """The prompt's word for it; in English where the prompt is in a language that is told in English."""
        if self._language in _COLUMNS:
            return thing.word
        return _english().get(thing.sprite, thing.sprite.replace("-", " "))

    def _count(self, thing: Thing) -> str:
        """The number, and in Chinese and Japanese the word that such things are counted by."""
        if not self._column:
            return str(thing.count)
        measures = _measures(self._language)
        measure = measures.get(thing.sprite, measures[""])
        if self._language == "ja":
            return f"{thing.count}{'個' if measure == 'つ' and thing.count > 9 else measure}"
        numeral = _NUMERALS[thing.count] if thing.count < len(_NUMERALS) else str(thing.count)
        return f"{'兩' if numeral == '两' and self._language == 'zh-hant' else numeral}{measure}"

    def _colour(self, colour: str) -> str:
        names = _say()["colour"]
        return names[min(names, key=lambda known: _apart(known, colour))][self._column]

    def _placing(self, placing: Placing) -> str:
        things = self._scene.things
        a = self._name(things[placing.a])
        if placing.b < 0:
            return self._frame("side", a=a, side=self._word("side", placing.relation))
        b = self._name(things[placing.b])
        if placing.relation == "between" and placing.c >= 0:
            return self._frame("between", a=a, b=b, c=self._name(things[placing.c]))
        return self._frame("relation", a=a, b=b, relation=self._word("relation", placing.relation))

    def _name(self, thing: Thing) -> str:
        if self._column:
            return (self._colour(thing.colour) if thing.colour else "") + thing.word
        own = self._called(thing)
        word = _plural(own) if thing.count > 1 else own
        return f"the {self._colour(thing.colour)} {word}" if thing.colour else f"the {word}"

    def _texts(self) -> str:
        return "".join(
            self._frame("text", role=self._word("role", text.role), text=text.text) for text in self._scene.texts
        )


def _plural(word: str) -> str:
    if not word.isascii() or word.endswith("s") or word in _UNCOUNTED or not word[-1:].isalpha():
        return word
    head, _, last = word.rpartition(" ")
    if last in _IRREGULAR:
        return f"{head} {_IRREGULAR[last]}".strip()
    if word.endswith("man"):
        return word[:-3] + "men"
    if word.endswith(("ch", "sh", "x", "z")):
        return word + "es"
    if word.endswith("y") and word[-2:-1] not in "aeiou":
        return word[:-1] + "ies"
    return word + "s"


def _a(word: str) -> str:
    return "an" if word[:1] in "aeiou" else "a"


def _article(told: str) -> str:
    return "An" + told[1:] if told.startswith(("A oil", "A ink")) else told


def _apart(one: str, other: str) -> int:
    """Squared distance of two #rrggbb colours."""
    return sum((int(one[at : at + 2], 16) - int(other[at : at + 2], 16)) ** 2 for at in (1, 3, 5))
