"""Which voice styles there are, and which one a name means. A style is a voice of an engine and a way to use it.

    NAME := OPENAI_NAME | VOICE | VOICE-DELIVERY        VOICE := af_heart | joe | espeak-de | espeak-de+f3 | BLEND
    BLEND := af_heart:0.6+zf_xiaoxiao:0.4               (Kokoro: style vectors are points in a space)

Pure data and look-up. The list holds the styles that bench/voices.py tells apart; any other combination resolves too.
"""

import difflib
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Literal

import msgspec

from omniwatt.catalog.card import Card
from omniwatt.contract.error import VoiceNotFound
from omniwatt.contract.request import Delivery

Gender = Literal["female", "male", "neutral"]

FOLDER = Path(__file__).parent / "voices"
FAMILIES = ("kokoro", "piper", "espeak")
MAX_BLEND = 8
OPENAI_NAMES = (
    "alloy", "ash", "ballad", "cedar", "coral", "echo", "fable", "marin", "nova", "onyx", "sage", "shimmer", "verse",
)  # fmt: skip
DEFAULT = "default"
"""The name of the voice a model speaks with when nothing is asked for; so is an empty name."""
_WEIGHT = re.compile(r"[0-9]{1,3}(\.[0-9]{1,6})?|\.[0-9]{1,6}")
_NEAR = 4


class VoiceStyle(msgspec.Struct, frozen=True, kw_only=True):
    """One style. `engine` is the card that speaks it, `voice` what that engine calls the voice; `language` BCP 47."""

    id: str
    name: str
    language: str
    gender: Gender
    engine: str
    voice: str
    delivery: Delivery = Delivery()
    delivery_name: str = ""
    description: str = ""
    neural: bool = False


class _Voice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    language: str
    gender: Gender
    about: str = ""


class _Way(Delivery, frozen=True, forbid_unknown_fields=True):
    """A delivery of the data files; `gender` where it makes another one of the speaker."""

    about: str = ""
    gender: Gender | None = None

    @property
    def delivery(self) -> Delivery:
        return Delivery(**{name: getattr(self, name) for name in Delivery.__struct_fields__})


class _Listed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    voices: tuple[str, ...]
    deliveries: tuple[str, ...] = ()
    variants: tuple[str, ...] = ()


class _Data(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One file of the folder: what an engine family can speak."""

    engine: str
    card: str
    model: str
    neural: bool
    default: str
    voices: dict[str, _Voice]
    prefix: str = ""
    variants: dict[str, Gender] = {}
    deliveries: dict[str, _Way] = {}
    blends: dict[str, str] = {}
    listed: tuple[_Listed, ...] = ()
    unlisted: tuple[str, ...] = ()
    """Voices that are there, but sound like another one."""
    openai: dict[str, str] = {}


class Voices:
    """All styles. `cards` adds the operator's own models of the families known here, with the same voices."""

    def __init__(self, cards: Iterable[Card] = ()) -> None:
        shipped = [_Family(_read(name)) for name in FAMILIES]
        self._families = {family.card: family for family in shipped}
        for card in cards:
            kin = next((family for family in shipped if family.engine == card.engine), None)
            if kin is not None and card.name not in self._families:
                self._families[card.name] = kin.of_card(card)

    def list(self) -> "tuple[VoiceStyle, ...]":
        """The styles worth choosing from, no two alike; the same id never comes twice."""
        found: dict[str, VoiceStyle] = {}
        for family in self._families.values():
            found = found | {style.id: style for style in family.listed.values() if style.id not in found}
        return tuple(found.values())

    def openai_names(self) -> dict[str, tuple[str, ...]]:
        """Style id -> the names OpenAI has for what stands in for it here; each model has all of them."""
        found: dict[str, tuple[str, ...]] = {}
        for family in self._families.values():
            for name in OPENAI_NAMES:
                style = family.find(name)
                if style is not None:
                    found[style.id] = tuple(dict.fromkeys((*found.get(style.id, ()), name)))
        return found

    def resolve(self, name: str, card: str | None = None) -> VoiceStyle:
        """The style `name` means to the model `card`, or to the first that knows it.

        A card of no family known here (a relayed model) gets the name as it is written. Raises VoiceNotFound.
        """
        if card is not None and card not in self._families:
            return VoiceStyle(id=name, name=name, language="", gender="neutral", engine=card, voice=name)
        asked = list(self._families.values()) if card is None else [self._families[card]]
        for family in asked:
            found = family.find(name)
            if found is not None:
                return found
        raise self._not_found(name, card)

    def _not_found(self, name: str, card: str | None) -> VoiceNotFound:
        shown = name if len(name) <= 64 else name[:61] + "..."
        others = [family.card for family in self._families.values() if family.card != card and family.find(name)]
        if card is not None and others:
            message = f"The voice `{shown}` is not one of `{card}`: ask for model `{others[0]}`."
            return VoiceNotFound(message, param="voice")
        known = {style.id for style in self.list() if card is None or style.engine == card} | set(OPENAI_NAMES)
        near = difflib.get_close_matches(name[:64], sorted(known), n=_NEAR, cutoff=0.5)
        hint = f" Near it: {', '.join(near)}." if near else ""
        of = f" of `{card}`" if card else ""
        return VoiceNotFound(
            f"There is no voice `{shown}`{of}.{hint} GET /v1/audio/voices lists all of them.", param="voice"
        )


def deliveries() -> dict[str, Delivery]:
    """Every way to say it that any voice takes, by name."""
    return {name: way.delivery for name, way in _deliveries().items()}


def sentence(language: str) -> str:
    """Something to say in a language (BCP 47): its own sentence, or numbers, which every language reads its own way."""
    known = _sentences()
    parts = language.split("-")
    tags = ("-".join(parts[:count]) for count in range(len(parts), 0, -1))
    return next((known[tag] for tag in tags if tag in known), known["und"])


class _Family:
    """The voices of one model."""

    def __init__(self, data: _Data) -> None:
        self._data = data
        self._ways = _deliveries() | data.deliveries
        self.card = data.card
        self.engine = data.engine

    def of_card(self, card: Card) -> "_Family":
        """The same family spoken by another model. One that has a single speaker is that speaker under its own name."""
        data = msgspec.structs.replace(self._data, card=card.name)
        if len(data.voices) == 1:
            language = card.languages[0] if card.languages else "und"
            speaker = {card.name: _Voice(name=card.name, language=language, gender="neutral")}
            named = {name: card.name + style.removeprefix(data.default) for name, style in data.openai.items()}
            listed = tuple(msgspec.structs.replace(group, voices=(card.name,)) for group in data.listed)
            data = msgspec.structs.replace(data, voices=speaker, default=card.name, openai=named, listed=listed)
        return _Family(data)

    @cached_property
    def listed(self) -> Mapping[str, VoiceStyle]:
        """Id -> style."""
        found = (self.find(name) for name in self._listed_names())
        return {style.id: style for style in found if style is not None}

    def _listed_names(self) -> Iterator[str]:
        data = self._data
        yield from (data.prefix + name for name in data.voices if name not in data.unlisted)
        for group in data.listed:
            for voice in group.voices:
                yield from (f"{data.prefix}{voice}-{name}" for name in group.deliveries)
                yield from (f"{data.prefix}{voice}+{name}" for name in group.variants)
        yield from data.blends

    def find(self, name: str) -> VoiceStyle | None:
        """The style of that name; None if this model has none."""
        name = self._data.openai.get(name, name)
        if name in ("", DEFAULT):
            name = self._data.default
        plain = self._voice(name)
        if plain is not None:
            return plain
        stem, _, way = name.rpartition("-")
        if way not in self._ways:
            return None
        plain = self._voice(stem)
        return None if plain is None else self._delivered(plain, way)

    def _delivered(self, plain: VoiceStyle, name: str) -> VoiceStyle:
        way = self._ways[name]
        return msgspec.structs.replace(
            plain,
            id=f"{plain.id}-{name}",
            name=f"{plain.name}, {name}",
            gender=way.gender or plain.gender,
            delivery=way.delivery,
            delivery_name=name,
            description=f"{plain.description.rstrip('.')}; {way.about}.",
        )

    def _voice(self, name: str) -> VoiceStyle | None:
        """A bare voice, a variant of one, or a blend."""
        data = self._data
        own = name.removeprefix(data.prefix)
        if own in data.voices:
            return self._style(own, data.voices[own], own)
        stem, plus, variant = own.partition("+")
        if data.variants:
            return self._variant(stem, variant) if plus else None
        return self._blend(own) if plus and len(data.voices) > 1 else None

    def _variant(self, stem: str, variant: str) -> VoiceStyle | None:
        voice, gender = self._data.voices.get(stem), self._data.variants.get(variant)
        if voice is None or gender is None:
            return None
        about = f"variant {variant}"
        named = msgspec.structs.replace(voice, name=f"{voice.name} ({variant})", gender=gender, about=about)
        return self._style(f"{stem}+{variant}", named, f"{stem}+{variant}")

    def _blend(self, name: str) -> VoiceStyle | None:
        weights = _parts(name, self._data.voices)
        if weights is None:
            return None
        voices = [self._data.voices[part] for part in weights]
        heaviest = self._data.voices[max(weights, key=lambda part: weights[part])]
        genders = {voice.gender for voice in voices}
        canonical = "+".join(f"{part}:{weight:.4g}" for part, weight in weights.items())
        blended = _Voice(
            name=" + ".join(voice.name for voice in voices),
            language=heaviest.language,
            gender=heaviest.gender if len(genders) == 1 else "neutral",
            about=self._data.blends.get(name, "a blend of voices"),
        )
        return self._style(name, blended, canonical)

    def _style(self, own: str, voice: _Voice, engine_voice: str) -> VoiceStyle:
        about = f", {voice.about}" if voice.about else ""
        return VoiceStyle(
            id=self._data.prefix + own,
            name=voice.name,
            language=voice.language,
            gender=voice.gender,
            engine=self.card,
            voice=engine_voice,
            description=f"{self._data.model}: {voice.name} ({voice.gender}, {voice.language}){about}.",
            neural=self._data.neural,
        )


def _parts(blend: str, voices: Mapping[str, _Voice]) -> dict[str, float] | None:
    """Voice -> share of a blend, summing to one; None unless it names two or more known voices once, with weights."""
    weights: dict[str, float] = {}
    for part in blend.split("+", MAX_BLEND):
        name, _, weight = part.partition(":")
        if name not in voices or name in weights or not _WEIGHT.fullmatch(weight or "1"):
            return None
        weights[name] = float(weight or "1")
    total = sum(weights.values())
    if not all(weights.values()) or not 2 <= len(weights) <= MAX_BLEND:
        return None
    return {name: weight / total for name, weight in weights.items()}


@cache
def _read(name: str) -> _Data:
    return msgspec.convert(_toml(name), _Data)


@cache
def _deliveries() -> dict[str, _Way]:
    return msgspec.convert(_toml("deliveries"), dict[str, _Way])


@cache
def _sentences() -> dict[str, str]:
    return msgspec.convert(_toml("sentences"), dict[str, str])


def _toml(name: str) -> dict[str, Any]:
    return tomllib.loads((FOLDER / f"{name}.toml").read_text(encoding="utf-8"))
