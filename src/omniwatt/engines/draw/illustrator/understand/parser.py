"""From a prompt to a scene, deterministically and in milliseconds: texts, words, nouns and relations, setting."""

from collections.abc import Sequence
from typing import get_args

import msgspec

from omniwatt.engines.draw.illustrator.compose.nature import nature
from omniwatt.engines.draw.illustrator.scene import Placing, Scene, Style, Text, Thing
from omniwatt.engines.draw.illustrator.understand import setting
from omniwatt.engines.draw.illustrator.understand.items import Noun, Said
from omniwatt.engines.draw.illustrator.understand.language import languages_of
from omniwatt.engines.draw.illustrator.understand.lexicon import Lexicon, Sense
from omniwatt.engines.draw.illustrator.understand.reading import MAX_COUNT, PLURAL_COUNT, Reading, read
from omniwatt.engines.draw.illustrator.understand.relations import related
from omniwatt.engines.draw.illustrator.understand.texts import texts_of
from omniwatt.engines.draw.illustrator.understand.tokens import known_words, tokens
from omniwatt.engines.draw.quotes import Marked, take_texts

_TELLING_WORDS = 40
MAX_KINDS = 40
MAX_OBJECTS = 300
MAX_LEFT = 100
"""So many words that were not understood are listed."""
_STYLE_ORDER = [
    "papercut",
    "pixel",
    "watercolour",
    "oil",
    "pencil",
    "ink",
    "neon",
    "calligraphy",
    "flat",
    "cartoon",
    "3d",
    "poster",
]
_PALETTES = {
    "black_and_white": ("#1c1c1e", "#ffffff", "#8e8e93"),
    "pastel": ("#f7b7cf", "#b9e3f5", "#fff1b8", "#c9ecc4", "#d9c8f0"),
    "sepia_tone": ("#5c3a21", "#b98b5a", "#f1dfc0"),
}
_NIGHT_FEATURES = {"moon", "crescent", "stars", "milky_way", "shooting_star", "fireflies"}
_VEHICLES = frozenset(
    ("automobile", "taxi", "sport-utility-vehicle", "bus", "police-car", "racing-car", "motorcycle", "train")
)
_PAIR = ("pair", "双", "雙", "副", "对", "對", "膳", "足")
_ON_TABLE_M = 1.15
_BESIDE_TABLE = {"chair", "seat", "bench", "toilet", "oven", "sink", "fire-hydrant", "bathtub"}
_WITHOUT_ARTICLES = ("zh", "ja", "ko", "ru", "pl", "vi", "id", "hi", "tr")
_THRONG = 9
_SCATTERED = 7
"""From so many on, uncounted clouds, stars and trees are scenery."""


def understand(prompt: str, lexicon: Lexicon, style: str = "") -> Scene:
    """The scene that a prompt asks for. Never raises on text; what it could not read is in `not_understood`.

    `style` is a style's name (or a word for one) that wins over the prompt's; `vivid` and `natural` change no style.
    """
    marked = take_texts(prompt)
    language = _language(marked.prompt or prompt, lexicon)
    reading = read(tokens(marked.prompt, lexicon, language), lexicon, language)
    return _Builder(lexicon, language, marked, reading).scene(style)


def _language(prompt: str, lexicon: Lexicon) -> str:
    """The lexicon's language of a prompt; where little words leave it open, the one that knows most of it."""
    languages = languages_of(prompt, frozenset(map(chr, lexicon.simplified)))
    if len(languages) == 1:
        return languages[0].removesuffix("-hant")
    words = prompt.lower().split()[:_TELLING_WORDS]
    return max(languages, key=lambda language: known_words(words, lexicon.words(language)))


class _Builder:
    def __init__(self, lexicon: Lexicon, language: str, marked: Marked, reading: Reading) -> None:
        self._lexicon = lexicon
        self._language = language
        self._marked = marked
        self._reading = reading
        self._things: list[Thing] = []
        self._effects = self._all_effects()
        for noun in reading.nouns:
            self._show_scenery(noun)
        self._related = related(reading.items, verb_last=language in ("ja", "ko"))
        self._notes: list[tuple[str, str]] = []

    def scene(self, asked_style: str) -> Scene:
        reading = self._reading
        self._make_things()
        self._dress()
        style = self._style(asked_style)
        texts = self._texts(style)
        drawn = [thing.sprite for thing in self._things]
        where = setting.choose(self._settings(), self._effects, drawn, style, texts=bool(texts))
        transparent = any(
            "transparent_background" in noun.said.traits for noun in reading.nouns
        ) and not reading.without.count("background")
        palette = self._palette()
        backdrop = self._backdrop(where, palette, texts)
        time = self._time(backdrop, where.features)
        without = tuple(dict.fromkeys(reading.without))
        weather = tuple(value for value in self._values("weather") if value not in without)
        fields = {
            "backdrop": backdrop,
            "style": style,
            "time": time,
            "season": (self._values("season") or ("",))[0],
            "weather": weather if weather == ("clear",) else tuple(value for value in weather if value != "clear"),
            "light": self._values("light"),
            "mood": tuple(dict.fromkeys(self._values("mood") + (("vivid",) if asked_style == "vivid" else ()))),
            "palette": palette,
            "features": tuple(
                name
                for name in where.features
                if name not in without and name != backdrop and self._shown(name, backdrop)
            ),
            "view": (self._values("view") or ("auto",))[0],
            "transparent": transparent,
            "things": tuple(self._things),
            "placings": tuple(self._placings()),
            "texts": tuple(texts),
            "without": without,
            "understood": (*reading.understood, *self._notes),
            "not_understood": self._left(backdrop, time),
        }
        return msgspec.convert(fields, Scene)

    def _all_effects(self) -> list[Sense]:
        of_nouns = [sense for noun in self._reading.nouns if not noun.negated for sense in noun.effects]
        return self._reading.effects + of_nouns

    def _values(self, kind: str) -> tuple[str, ...]:
        return tuple(dict.fromkeys(sense.value for sense in self._effects if sense.kind == kind))

    def _settings(self) -> list[Noun]:
        return [noun for noun in self._reading.nouns if noun.effects and not noun.negated and not noun.things]

    def _make_things(self) -> None:
        for noun in self._reading.nouns:
            if noun.negated or not (noun.is_thing or self._wanted_as_thing(noun)):
                continue
            if (known := self._same(noun)) is not None:
                noun.things = list(known.things)
                self._add_said(noun)
                continue
            for sprite in noun.sprites:
                self._add_thing(noun, sprite)

    def _show_scenery(self, noun: Noun) -> None:
        """Scenery that the named backdrops do not have is shown by sprites."""
        features = [sense.value for sense in noun.effects if sense.kind == "feature"]
        named = set(self._values("backdrop"))
        if features and set(setting.HIDDEN.get(features[0], "").split()) & named and not self._values("backdrop")[1:]:
            noun.sprites, noun.said.count, noun.kind = noun.sprites or ("full-moon",), noun.said.count or 1, "thing"
        if noun.kind == "setting" and len(noun.effects) == 1 and features and features[0] in setting.SCENERY:
            sprite, count, has_own = setting.SCENERY[features[0]]
            if not named & set(has_own.split()):
                noun.sprites = noun.sprites or (sprite,)
                noun.said.count = noun.said.count or count
                noun.kind = "thing"

    def _dress(self) -> None:
        """What several wear and nobody counted, each of them wears."""
        for one in self._related:
            if one.relation == "on" and one.b is not None and not one.a.said.exact and one.worn:
                for a, b in ((a, b) for a in one.a.things for b in one.b.things[:1]):
                    if self._things[a].count != self._things[b].count:
                        self._things[a] = msgspec.structs.replace(self._things[a], count=self._things[b].count)

    def _wanted_as_thing(self, noun: Noun) -> bool:
        """A sun, moon, star, cloud or lantern is a sprite where it was counted, coloured or placed against a thing."""
        if noun.kind != "setting" or not noun.sprites:
            return False
        if noun.said.count and (noun.said.exact or noun.said.count < _SCATTERED):
            return True
        if any(sense.kind == "backdrop" for sense in noun.effects):
            return False
        placed = any(
            (one.a is noun and one.b is not None and one.b.is_thing) or (one.b is noun and one.a.is_thing)
            for one in self._related
        )
        return (placed and not noun.plural) or bool(noun.said.colour)

    def _same(self, noun: Noun) -> Noun | None:
        """The earlier noun that this one means again: `the cat`, or in Chinese and Japanese simply 猫."""
        if noun.said.exact or noun.said.determiner == "a" or not noun.sprites:
            return None
        if noun.said.determiner != "the" and self._language not in _WITHOUT_ARTICLES:
            return None
        for other in self._reading.nouns:
            if other is noun:
                return None
            colours = {noun.said.colour, other.said.colour} - {""}
            if (
                other.things
                and other.sprites == noun.sprites
                and (len(colours) < 2 or noun.said.colour == other.said.colour)
            ):
                return other
        return None

    def _add_said(self, noun: Noun) -> None:
        for index in noun.things:
            old = self._things[index]
            self._things[index] = Thing(
                sprite=old.sprite,
                word=old.word,
                count=old.count,
                colour=old.colour or noun.said.colour,
                size=noun.said.size or old.size,
                traits=tuple(dict.fromkeys((*old.traits, *noun.said.traits))),
            )

    def _add_thing(self, noun: Noun, sprite: str) -> None:
        if len(self._things) >= MAX_KINDS:
            self._reading.not_understood.append(noun.word)
            return
        asked = noun.said.count or self._uncounted(noun, sprite)
        if sprite in setting.PAIRED and any(word in noun.said.measure for word in _PAIR):
            asked = max(1, asked // 2)
        room = MAX_OBJECTS - sum(thing.count for thing in self._things)
        count = max(1, min(asked, MAX_COUNT, room))
        if count < asked:
            self._notes.append((noun.word, f"{sprite} x{count}: fewer than the {asked} asked for"))
        noun.things.append(len(self._things))
        size = noun.said.size or 1.0
        on_water = sprite in setting.AFLOAT
        traits = tuple(dict.fromkeys("sailing" if on_water and one == "floating" else one for one in noun.said.traits))
        if sprite in _VEHICLES and any(name in noun.word.lower() for name in setting.HOVERING):
            traits = tuple(dict.fromkeys((*traits, "flying")))
        self._things.append(
            Thing(sprite=sprite, word=noun.word, count=count, colour=noun.said.colour, size=size, traits=traits)
        )

    def _uncounted(self, noun: Noun, sprite: str) -> int:
        """How many where no number was said: a throng of vehicles where they are said to weave."""
        prompt = self._marked.prompt.lower()
        if sprite in _VEHICLES and noun.said.determiner != "a" and any(word in prompt for word in setting.THRONG):
            return _THRONG
        return PLURAL_COUNT if noun.plural else 1

    def _placings(self) -> list[Placing]:
        found: list[Placing] = []
        for one in self._related:
            if not one.a.things or (one.b is not None and not one.b.things):
                continue
            between = one.c is not None and bool(one.c.things)
            relation = one.relation
            b = one.b.things[0] if one.b is not None else -1
            if relation == "between" and not between and (b < 0 or self._things[b].count < 2):
                relation = "beside"
            if b in one.a.things:
                continue
            c = one.c.things[0] if between and one.c is not None else -1
            found += [msgspec.convert({"relation": relation, "a": a, "b": b, "c": c}, Placing) for a in one.a.things]
        return [one for one in dict.fromkeys(found) if not self._goes_without_saying(one)]

    def _goes_without_saying(self, one: Placing) -> bool:
        """What is at home in the sky is in the upper part of the picture anyway."""
        return one.b == -1 and one.relation == "above" and nature(self._things[one.a].sprite).home == "sky"

    def _texts(self, style: str) -> list[Text]:
        styles = self._values("style")
        default = "calligraphy" if "calligraphy" in styles or (style == "ink" and not self._things) else "title"
        loose = self._reading.loose
        loose_of_text = Said(lettering=loose.lettering, orientation=loose.orientation)
        return texts_of(self._reading.items, self._marked.texts, self._related, loose_of_text, default)

    def _style(self, asked: str) -> str:
        if asked in get_args(Style):
            return asked
        senses = self._lexicon.words("en").senses.get(asked.lower(), ()) if asked else ()
        named = [sense.value for sense in senses if sense.kind == "style"] or list(self._values("style"))
        if named and not (set(named) <= {"calligraphy", "poster"} and "ink_mountains" in self._values("backdrop")):
            return min(named, key=_STYLE_ORDER.index)
        return "ink" if "ink_mountains" in self._values("backdrop") else "cartoon"

    def _time(self, backdrop: str, features: Sequence[str]) -> str:
        times = self._values("time")
        if times:
            return "night" if "night" in times and backdrop in ("night_city", "starry_sky") else times[0]
        if backdrop in ("night_city", "starry_sky", "space") or _NIGHT_FEATURES & set(features):
            return "night"
        if {"moon", "candle"} & set(self._values("light")):
            return "night"
        return next((one for mood in self._values("mood") if (one := _mood_time(mood, backdrop))), "day")

    def _palette(self) -> tuple[str, ...]:
        named = [colour for name in self._values("palette") for colour in _PALETTES[name]]
        colours = [
            noun.said.colour
            for noun in self._reading.nouns
            if noun.kind in ("background", "setting") and noun.said.colour and not noun.things
        ]
        pictures = [noun.said.colour for noun in self._reading.nouns if noun.kind == "picture" and noun.said.colour]
        own = self._values("colour")
        return tuple(dict.fromkeys([*colours, *named, *self._reading.colours, *pictures, *own]))

    def _backdrop(self, where: setting.Setting, palette: Sequence[str], texts: Sequence[Text]) -> str:
        """A coloured background without a place is a plain one; where nothing was understood it is a gradient."""
        ground = any(noun.role == "background" and noun.said.colour for noun in self._reading.nouns)
        if where.guessed and ground:
            return "plain"
        named_nothing = not (self._things or texts or self._effects or palette)
        return "gradient" if where.guessed and named_nothing else where.backdrop

    def _is_undrawn_mood(self, taken: str, backdrop: str, time: str) -> bool:
        """Whether a word is a mood that the picture does not show, and nothing else."""
        kind, _, value = taken.partition(" ")
        if kind != "mood" or "," in value or value in setting.LOOKS:
            return False
        return _mood_time(value, backdrop) != time

    def _left(self, backdrop: str, time: str) -> tuple[str, ...]:
        words = [word for word in self._reading.not_understood if not word.isspace()]
        for noun in self._settings():
            features = [sense.value for sense in noun.effects if sense.kind == "feature"]
            if (
                features
                and len(features) == len(noun.effects)
                and not any(self._shown(name, backdrop) for name in features)
            ):
                words.append(noun.word)
        words += [word for word, taken in self._reading.understood if _is_undrawn_trait(taken)]
        words += [word for word, taken in self._reading.understood if self._is_undrawn_mood(taken, backdrop, time)]
        words += [f"“{text}”" for text in self._marked.surplus]
        return tuple(dict.fromkeys(words))[:MAX_LEFT]

    def _shown(self, feature: str, backdrop: str) -> bool:
        """Whether the picture has the feature; a table only where all there is fits on it: the viewer sits at it."""
        large = any(
            nature(thing.sprite).height_m > _ON_TABLE_M or thing.sprite in _BESIDE_TABLE for thing in self._things
        )
        return _drawn(feature, backdrop) and not (feature == "table" and large)


def _mood_time(mood: str, backdrop: str) -> str:
    """The hour that shows a mood, "" where none does."""
    return "" if backdrop in setting.TIMELESS else setting.MOOD_TIMES.get(mood, "")


def _is_undrawn_trait(taken: str) -> bool:
    kind, _, value = taken.partition(" ")
    return kind == "trait" and value not in setting.DRAWN_TRAITS


def _drawn(feature: str, backdrop: str) -> bool:
    """Whether this backdrop's painter shows the feature."""
    return feature not in setting.UNDRAWN or backdrop in setting.UNDRAWN[feature]
