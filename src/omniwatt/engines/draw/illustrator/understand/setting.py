"""Where and when: one backdrop of those named (or fitting what is to be seen), the others its features."""

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from omniwatt.engines.draw.illustrator.understand.items import Noun
from omniwatt.engines.draw.illustrator.understand.lexicon import Sense

_PLACES = tomllib.loads((Path(__file__).parent / "words" / "places.toml").read_text("utf-8"))
_HOME: dict[str, str] = {
    sprite: backdrop for backdrop, sprites in _PLACES["home"].items() for sprite in sprites.split()
}
_BY_STYLE: dict[str, str] = _PLACES["style"]
_BY_FEATURE: dict[str, str] = _PLACES["feature"]
_AT_NIGHT = {"city": "night_city", "street": "night_city"}
SCENERY: dict[str, tuple[str, int, str]] = {name: tuple(row) for name, row in _PLACES["scenery"].items()}
"""Features that no backdrop paints -> the sprite that shows them, how many, and the backdrops that do paint them."""
HIDDEN: dict[str, str] = _PLACES["hidden"]
"""Features of the sky -> the backdrops in which no sky is seen."""
AFLOAT = frozenset(_PLACES["water"]["afloat"].split())
"""Sprites that float on water, not in the air."""
DRAWN_TRAITS = frozenset(_PLACES["traits"]["drawn"].split())
MOOD_TIMES: dict[str, str] = {mood: time for time in ("night", "golden") for mood in _PLACES["moods"][time].split()}
"""Mood -> the hour it is shown by."""
LOOKS = frozenset(_PLACES["moods"]["look"].split())
"""Moods that the pictures have anyway."""
TIMELESS = frozenset(_PLACES["moods"]["timeless"].split())
"""Backdrops whose light no hour changes."""
PAIRED = frozenset(_PLACES["paired"]["sprites"].split())
"""Sprites that show a pair."""
HOVERING: tuple[str, ...] = tuple(_PLACES["hovering"]["names"].split())
THRONG: tuple[str, ...] = tuple(_PLACES["hovering"]["throng"].split())
UNDRAWN: dict[str, frozenset[str]] = {name: frozenset(but.split()) for name, but in _PLACES["undrawn"].items()}
"""Features that are not painted -> the backdrops that do paint them."""
CARRIERS = frozenset(_PLACES["text"]["carriers"].split())
"""Sprites with a surface that words can stand on."""


class Setting(NamedTuple):
    """The chosen backdrop, what else was named as its features, and whether the choice was ours."""

    backdrop: str
    features: tuple[str, ...]
    guessed: bool


def choose(
    nouns: Sequence[Noun], effects: Sequence[Sense], things: Sequence[str], style: str, *, texts: bool
) -> Setting:
    """The backdrop and its features. A later `background` word wins over an earlier scene word."""
    named = list(dict.fromkeys(sense.value for noun in nouns for sense in noun.effects if sense.kind == "backdrop"))
    features = list(dict.fromkeys(sense.value for noun in nouns for sense in noun.effects if sense.kind == "feature"))
    values = {sense.value for sense in effects}
    night = "night" in values or "neon" in values
    if not named:
        guess = (
            "room"
            if "table" in features or "candle" in values
            else _guess(things, features, values, style, texts=texts)
        )
        return Setting(_AT_NIGHT.get(guess, guess) if night else guess, tuple(features), guessed=True)
    main = _main(named, nouns)
    if night and (main == "city" or (main == "street" and ("neon" in values or "traffic" in features))):
        main = "night_city"
    if style == "ink" and main in ("mountains", "lake"):
        features.append(main)
        main = "ink_mountains"
    others = [
        name for name in named if name not in (main, "plain", "gradient", "paper") and _AT_NIGHT.get(name) != main
    ]
    return Setting(main, tuple(dict.fromkeys(features + others)), guessed=False)


def _main(named: Sequence[str], nouns: Sequence[Noun]) -> str:
    """The first one named; ground that is no place (plain, paper, gradient) only if it is said to be the background."""
    explicit = [
        sense.value
        for noun in nouns
        if "background" in noun.word or "背景" in noun.word
        for sense in noun.effects
        if sense.kind == "backdrop"
    ]
    if explicit:
        return explicit[-1]
    places = [name for name in named if name not in ("plain", "gradient", "paper")]
    if {"mountains", "lake"} <= set(places):
        # A lake is painted with mountains behind it.
        places.remove("mountains")
        places.sort(key=lambda name: name != "lake")
    strong = [name for name in places if name in ("ink_mountains", "night_city", "underwater", "space")]
    return (strong or places or list(named))[0]


def _guess(things: Sequence[str], features: Sequence[str], values: set[str], style: str, *, texts: bool) -> str:
    homes = [_HOME[sprite] for sprite in things if sprite in _HOME]
    if "festive" in values and not homes:
        return "festival"
    if "futuristic" in values and "night" in values:
        return "night_city"
    by_feature = next((_BY_FEATURE[name] for name in features if name in _BY_FEATURE), "")
    if style in ("ink", "calligraphy") and not by_feature:
        return "ink_mountains" if things and style == "ink" else "paper"
    if homes and len(homes) == len(things) and len(set(homes)) == 1:
        return homes[0]
    if by_feature:
        return by_feature
    if values & {"aurora", "moon"} or ("night" in values and not things):
        return "starry_sky"
    if not things:
        return _without_things(values, style, texts=texts)
    return _mixed(homes, style)


def _mixed(homes: Sequence[str], style: str) -> str:
    """Of things at home in different places: one that has room for all."""
    if homes and set(homes) <= {"room", "plain"}:
        return "room"
    if homes and set(homes) <= {"street", "city"}:
        return "street"
    if homes and set(homes) <= {"sea", "underwater"}:
        return "underwater" if "underwater" in homes else "sea"
    return "gradient" if style == "poster" and not homes else "meadow"


def _without_things(values: set[str], style: str, *, texts: bool) -> str:
    if texts:
        return _BY_STYLE.get(style, "paper" if style in ("pencil", "watercolour") else "gradient")
    if "snow" in values or "winter" in values:
        return "snow"
    if "autumn" in values:
        return "forest"
    if values & {"spring", "summer", "dawn", "day", "clear", "rain", "wind", "rainbow", "clouds", "fog", "storm"}:
        return "meadow"
    if values & {"golden", "dusk"}:
        return "sea"
    return _BY_STYLE.get(style, "gradient")
