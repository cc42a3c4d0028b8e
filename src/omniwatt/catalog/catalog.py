"""Which models there are, which are served, and which one a name means."""

import logging
import time
from collections.abc import Mapping
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path

import msgspec

from omniwatt.catalog import cards as reading
from omniwatt.catalog.card import Card
from omniwatt.catalog.error import CatalogError
from omniwatt.catalog.local import card_of_file
from omniwatt.catalog.store import Store
from omniwatt.catalog.upstream import UPSTREAM, missing_secrets, upstream_card, with_secrets
from omniwatt.catalog.voices import Voices
from omniwatt.contract.error import ModelNotFound
from omniwatt.contract.job import EngineSpec
from omniwatt.contract.request import Capability
from omniwatt.settings import Settings

_log = logging.getLogger(__name__)
_FRESH_S = 1.0
_ECHO = "echo"
_ILLUSTRATOR = "draw/illustrator"
WORDS = ("default", "fast", "embed", "hear", "speak", "speak_hd", "draw", "see")
"""What an alias may stand for besides a card: the operator's choice of each (settings.Models)."""
_READ_BLOBS = frozenset({"media", UPSTREAM, "draw/illustrator", "draw/diffusers"})
"""Engines that open what callers stored; the others get text."""


class Resolution(msgspec.Struct, frozen=True):
    """What a name means: the card, whether by an alias, and for a relayed model the name its channels know."""

    card: Card
    asked: str
    alias: bool
    upstream_model: str = ""


class _View(msgspec.Struct, frozen=True):
    """What is served right now, and until when that may be believed (monotonic seconds)."""

    until_s: float
    cards: dict[str, Card]
    aliases: dict[str, str]
    roles: dict[str, str]


class Catalog:
    """All cards: shipped, the operator's own, files named on the command line, and the relay."""

    def __init__(self, settings: Settings, cards: Mapping[str, Card], problems: tuple[str, ...] = ()) -> None:
        self._settings = settings
        self._cards = dict(cards)
        self._view: _View | None = None
        self.store = Store(settings.home)
        self.problems = problems
        """What is wrong with the operator's own cards and the channels' keys, a sentence each; the rest works."""
        self._serve = self._named(settings.models.serve)

    @classmethod
    def open(cls, settings: Settings) -> "Catalog":
        """Read every card. Raises CatalogError if a model named in the settings does not exist."""
        cards = reading.shipped()
        own, problems = reading.own(settings.home / "cards", cards)
        cards |= own
        for entry in settings.models.serve:
            if _is_file(entry):
                card = card_of_file(Path(entry).expanduser().absolute())
                cards[card.name] = card
        if settings.upstream:
            cards[UPSTREAM] = upstream_card(settings.upstream)
            problems += missing_secrets(settings.upstream)
        return cls(settings, cards, tuple(problems))

    def reload(self, settings: Settings) -> None:
        """Take up settings and cards as they are now, for every holder. Raises CatalogError, changing nothing."""
        self.__dict__ = Catalog.open(settings).__dict__

    def cards(self) -> list[Card]:
        """Every card there is, present or not, hidden ones too."""
        return list(self._cards.values())

    @cached_property
    def voices(self) -> Voices:
        """The voices of all speaking cards, present or not."""
        return Voices(self._cards.values())

    def served(self) -> list[Card]:
        """The models a caller may ask for by name."""
        return list(self._now().cards.values())

    def aliases(self) -> dict[str, str]:
        """Other names that are answered, each with its card's name."""
        return dict(self._now().aliases)

    def roles(self) -> dict[str, str]:
        """Role -> the card that helps a recipe out: `media` always, `hear`, `letter` and others where one is served."""
        return self._now().roles

    def default(self) -> Card | None:
        """The chat model that answers under `default`; None if no chat model is served."""
        return self._now().cards.get(self._now().aliases.get("default", ""))

    def card(self, name: str) -> Card:
        """A card by its exact name, served or not. Raises ModelNotFound."""
        if name not in self._cards:
            raise self._not_found(name)
        return self._cards[name]

    def present(self, card: Card) -> bool:
        """Whether all its files are here, judged by link and size."""
        return not self.store.missing(card)

    def wanted(self) -> list[Card]:
        """The cards to have before serving: those named in `serve`, or else what each of WORDS stands for."""
        if self._serve is not None:
            return [self._cards[name] for name in self._serve]
        names = dict.fromkeys(getattr(self._settings.models, word) for word in WORDS)
        return [self._cards[name] for name in names if name in self._cards]

    def resolve(self, name: str) -> Resolution:
        """What `name` means: operator's alias, card, relayed model, shipped alias, in this order.

        Raises ModelNotFound, with a hint at what there is.
        """
        view = self._now()
        target = self._settings.models.aliases.get(name)
        wanted = self._word(target) if target is not None else name
        if wanted in view.cards:
            return Resolution(view.cards[wanted], name, alias=target is not None)
        relayed = self._relayed(wanted)
        if relayed is not None:
            return Resolution(self._cards[UPSTREAM], name, alias=target is not None, upstream_model=relayed)
        if wanted in view.aliases:
            return Resolution(view.cards[view.aliases[wanted]], name, alias=True)
        raise self._not_found(name)

    def spec(self, name: str) -> EngineSpec:
        """What a host process needs to load it. Raises ModelNotFound, with the command that fetches missing files.

        A file that changed since it was checked is hashed again; a corrupt one is deleted and counts as missing.
        """
        card = self.card(name)
        missing = self.store.missing(card)
        corrupt = [] if missing else [artifact for artifact in card.artifacts if not self.store.sound(artifact)]
        if corrupt:
            _log.error("%s: %s was corrupt and has been deleted", name, corrupt[0].file)
        if missing or corrupt:
            file = (missing + corrupt)[0].file
            raise ModelNotFound(
                f"The files of model `{name}` are not on this machine ({file}{' was corrupt' if corrupt else ''}). "
                f"The operator can fetch them: omniwatt pull {name}",
                param="model",
            )
        spec = card.spec({artifact.role: str(self.store.path(card, artifact)) for artifact in card.artifacts})
        if card.engine in _READ_BLOBS:
            blobs = {"blobs_dir": str(self._settings.home / "files")}
            spec = msgspec.structs.replace(spec, options=spec.options | blobs)
        if card.engine == _ILLUSTRATOR:
            draw = self._settings.draw
            limits = {"memory_bytes": draw.memory_bytes, "cmyk_profile": draw.cmyk_profile}
            spec = msgspec.structs.replace(spec, options=limits | spec.options)
        if card.engine == UPSTREAM:
            return with_secrets(spec, self._settings.upstream)
        return spec

    def _now(self) -> _View:
        if self._view is None or time.monotonic() >= self._view.until_s:
            cards = {card.name: card for card in self._candidates() if self.present(card)}
            helping = self._words(cards) | {"letter": _first(cards, "letter", self._settings.models.draw)}
            helping |= {"opinion": self._opinion(cards)}
            roles = {"media": "media"} | {role: card for role, card in helping.items() if card}
            self._view = _View(time.monotonic() + _FRESH_S, cards, self._live_aliases(cards), roles)
        return self._view

    def _candidates(self) -> list[Card]:
        if self._serve is not None:
            return [self._cards[name] for name in self._serve]
        return [card for card in self._cards.values() if not card.hidden and card.engine != _ECHO]

    def _live_aliases(self, served: Mapping[str, Card]) -> dict[str, str]:
        """Shipped aliases under the operator's, each followed to a served card; dead ones are left out."""
        words = self._words(served)
        named = {name: words.get(to, to) for name, to in self._shipped.items()}
        named |= dict.fromkeys(self._relayed_names, UPSTREAM)
        named |= {name: self._aliased(to, words) for name, to in self._settings.models.aliases.items()}
        live = {name: to for name, to in named.items() if name not in served or name in self._settings.models.aliases}
        return {name: to for name, to in live.items() if to in served or (to == UPSTREAM and UPSTREAM in self._cards)}

    def _aliased(self, to: str, words: Mapping[str, str]) -> str:
        return UPSTREAM if self._relayed(to) is not None and to not in self._cards else words.get(to, to)

    @cached_property
    def _shipped(self) -> dict[str, str]:
        return reading.shipped_aliases()

    @cached_property
    def _relayed_names(self) -> list[str]:
        channels = self._settings.upstream.values()
        return [name for channel in channels for name in channel.models if "*" not in name]

    def _words(self, served: Mapping[str, Card]) -> dict[str, str]:
        """The operator's choice of each of WORDS, replaced by the first served card of its kind if need be."""
        models = self._settings.models
        chat = next((card.name for card in served.values() if "chat" in card.capabilities), "")
        embed = next((card.name for card in served.values() if "embed" in card.capabilities), "")
        default = next((name for name in (models.default, models.fast, chat) if name in served), "")
        fast = models.fast if models.fast in served else default
        hear = _first(served, "hear", models.hear)
        speak = _first(served, "speak", models.speak, models.speak_hd)
        speak_hd = _first(served, "speak", models.speak_hd, models.speak)
        embed = models.embed if models.embed in served else embed
        return {
            "default": default,
            "fast": fast,
            "embed": embed,
            "hear": hear,
            "speak": speak,
            "speak_hd": speak_hd,
            "draw": _first(served, "draw", models.draw),
            "see": _first(served, "see", models.see),
        }

    def _opinion(self, served: Mapping[str, Card]) -> str:
        """The card that gives second opinions on a prompt, or the relay that has the model; "" where none does."""
        name = self._settings.draw.second_opinion
        if name in served:
            return name if "chat" in served[name].capabilities else ""
        return UPSTREAM if name and UPSTREAM in self._cards and self._relayed(name) is not None else ""

    def _word(self, name: str) -> str:
        return self._words(self._now().cards).get(name, name)

    def _relayed(self, name: str) -> str | None:
        """The name, if a channel answers for it: exactly, or by a pattern ending in `*`."""
        channels = self._settings.upstream.values()
        if any(name in channel.models for channel in channels):
            return name
        patterns = (pattern for channel in channels for pattern in channel.models if pattern.endswith("*"))
        return name if any(fnmatchcase(name, _literal(pattern)) for pattern in patterns) else None

    def _named(self, serve: tuple[str, ...]) -> list[str] | None:
        """The names of the cards in `serve`, in its order; None means whatever is present."""
        if not serve:
            return None
        models = self._settings.models
        words = {word: getattr(models, word) for word in WORDS}
        names = [_file_name(entry) if _is_file(entry) else words.get(entry, entry) for entry in serve]
        for name in names:
            if name not in self._cards:
                raise CatalogError(f"there is no model {name!r} to serve; known: {', '.join(sorted(self._cards))}")
        return list(dict.fromkeys(names))

    def _not_found(self, name: str) -> ModelNotFound:
        message = f"The model `{name}` does not exist or you do not have access to it."
        word = self._shipped.get(name, name)
        card = self._cards.get(getattr(self._settings.models, word) if word in WORDS else word)
        if card is not None and not card.hidden and not self.present(card):
            message += f" Its files are not on this machine; the operator can fetch them: omniwatt pull {card.name}"
        else:
            message += f" Available here: {', '.join(self._now().cards) or 'none'}."
        return ModelNotFound(message, param="model")


def _first(served: Mapping[str, Card], capability: Capability, *wanted: str) -> str:
    """The first of the wanted that is served, else the first card that can do it, "" without one."""
    able = (card.name for card in served.values() if capability in card.capabilities)
    return next((name for name in (*wanted, *able) if name in served), "")


def _literal(pattern: str) -> str:
    """Only the closing `*` is a wildcard."""
    return pattern[:-1].replace("[", "[[]").replace("?", "[?]").replace("*", "[*]") + "*"


def _is_file(entry: str) -> bool:
    return entry.endswith(".gguf") or "/" in entry


def _file_name(entry: str) -> str:
    return card_of_file(Path(entry).expanduser().absolute()).name
