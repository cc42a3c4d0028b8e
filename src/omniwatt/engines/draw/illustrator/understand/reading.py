"""A prompt's words read from left to right: numbers, colours and the like find their noun, the rest becomes marks."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from omniwatt.engines.draw.illustrator.understand.items import Item, Mark, Noun, Said
from omniwatt.engines.draw.illustrator.understand.lexicon import TAG, Lexicon, Sense, Senses
from omniwatt.engines.draw.illustrator.understand.senses import meant
from omniwatt.engines.draw.illustrator.understand.tokens import Token

ABSENT = "not to be there"
MAX_COUNT = 100
PLURAL_COUNT = 3
"""Of what a prompt names in the plural without a number, so many are drawn."""
SETTING = ("style", "time", "season", "weather", "light", "mood", "view", "palette")
_NOUNS = ("thing", "group", "backdrop", "feature", "role", "says", "picture", "text", "part")
_RELATIONS = ("before", "after", "wearing", "passive", "side")
_UNITS = frozenset(
    (*"\"'″′%°岁歳年月日时時点分米", "inch", "inches", "cm", "mm", "km", "ft", "feet", "foot", "px", "厘米", "公里")
)
_UNITS |= {"years", "year", "day", "days", "hours", "m"}
_HEADS_LAST = ("en", "de", "zh", "zh-hant", "ja", "ko")


@dataclass(slots=True)
class Reading:
    """A prompt as nouns and marks, and what was said of the picture as a whole."""

    items: list[Item] = field(default_factory=list)
    effects: list[Sense] = field(default_factory=list)
    loose: Said = field(default_factory=Said)
    """What was said of nothing in particular."""
    colours: list[str] = field(default_factory=list)
    without: list[str] = field(default_factory=list)
    understood: list[tuple[str, str]] = field(default_factory=list)
    not_understood: list[str] = field(default_factory=list)

    @property
    def nouns(self) -> list[Noun]:
        """Its nouns, in order."""
        return [item for item in self.items if isinstance(item, Noun)]


def read(found: Sequence[Token], lexicon: Lexicon, language: str) -> Reading:
    """Read the words of a prompt."""
    return _Reader(found, lexicon, language).read()


class _Reader:
    def __init__(self, found: Sequence[Token], lexicon: Lexicon, language: str) -> None:
        self._tokens = found
        self._lexicon = lexicon
        self._language = language
        self._reading = Reading()
        self._pending = Said()
        self._last: Noun | None = None
        self._negating = False
        self._negated_any = False
        self._texts = any(token.has("text") for token in found)

    def read(self) -> Reading:
        for at, token in enumerate(self._tokens):
            senses = meant(self._tokens, at, texts=self._texts, noun=self._last is not None)
            if senses:
                self._take(at, token, senses)
            else:
                self._reading.not_understood.append(token.text)
                self._pending.unknown = True
        self._part("stop")
        return self._reading

    def _take(self, at: int, token: Token, senses: Senses) -> None:
        kinds = {sense.kind for sense in senses}
        first = senses[0]
        if kinds & set(_NOUNS):
            self._noun(at, token, senses)
        elif kinds & set(SETTING):
            self._setting(at, token, senses)
        elif first.kind in ("number", "vague", "measure", "determiner"):
            if not self._is_length(at):
                self._quantity(token, first)
        elif first.kind in ("colour", "shade", "size", "trait", "lettering", "orientation"):
            self._say(token, senses)
        elif first.kind in _RELATIONS:
            self._part("soft")
            self._mark(at, first.kind, first.value)
            self._understand(token, first.value.replace("_", " "))
        elif first.kind == "negation":
            self._negate(token, first)
        else:
            self._grammar(at, first)

    def _is_length(self, at: int) -> bool:
        """Whether a number counts inches, years or the like: nothing to draw so many of."""
        following = self._tokens[at + 1].text if at + 1 < len(self._tokens) else ""
        return self._tokens[at].number >= 0 and following in _UNITS

    def _grammar(self, at: int, sense: Sense) -> None:
        if sense.kind == "break":
            self._part(sense.value)
            self._mark(at, sense.value, "")
        elif sense.kind == "link":
            if sense.value != "is":
                self._part("soft")
            self._mark(at, sense.value, "")
        elif sense.kind == "pronoun":
            self._mark(at, "it", "")
        elif sense.kind == "join":
            self._join(at, sense.value)

    def _join(self, at: int, value: str) -> None:
        following = self._tokens[at + 1] if at + 1 < len(self._tokens) else None
        if value == "and" and self._pending.colour and following is not None and following.has("colour"):
            return
        if value == "of" and self._negating and self._language == "zh" and self._last is not None:
            self._negating, self._last = False, None
        if value == "and" and self._negating:
            self._part("and" if following is None or not following.has("determiner", "number") else "stop")
        elif value != "of" and not (value == "but" and self._language == "ja"):
            self._part("and" if value == "and" else "stop" if value == "but" else "comma")
        elif value == "but":
            self._part("soft")
        self._mark(at, value, "")

    def _mark(self, at: int, kind: str, value: str) -> None:
        self._reading.items.append(Mark(kind, value, at))

    def _understand(self, token: Token, taken_for: str) -> None:
        self._reading.understood.append(
            (token.text, f"{taken_for} ({token.taken})" if _corrected(token) else taken_for)
        )

    def _part(self, how: str) -> None:
        """A phrase ends: what is pending belongs to the last noun; after a hard end there is no last noun."""
        if self._pending:
            if self._last is not None and not self._pending.unknown:
                self._last.said.fill(self._pending)
            elif not self._pending.unknown:
                self._person_or_loose()
        self._pending = Said()
        if how != "soft":
            self._last = None
        if how in ("stop", "comma"):
            self._negating = False

    def _person_or_loose(self) -> None:
        """A count of people without a noun is people (3人); anything else is said of the picture."""
        if self._pending.measure in ("人", "名", "位", "명"):
            noun = Noun("thing", self._pending.measure, -1, self._pending, ("person-standing",))
            self._reading.items.append(noun)
            return
        if self._pending.colour:
            self._reading.colours.append(self._pending.colour)
        self._reading.loose.fill(self._pending)

    def _quantity(self, token: Token, sense: Sense) -> None:
        said = self._pending
        afterwards = self._language not in ("zh", "ja", "ko", "hi", "tr")
        if (
            afterwards
            and sense.kind != "measure"
            and (said.colour or said.size or said.traits)
            and self._last is not None
        ):
            self._part("soft")
            said = self._pending
        if sense.kind == "number":
            many = token.number if token.number >= 0 else int(sense.value)
            multiplies = said.count and many > said.count
            said.count, said.exact = (said.count * many if multiplies else many), True
            if many == 0:
                self._negating, said.count = True, 0
        elif sense.kind == "vague":
            said.count, said.exact = int(sense.value), "pair" in token.text
            said.measure = token.text
        elif sense.kind == "measure":
            said.count, said.measure = max(said.count, 1) * int(sense.value), token.text
        elif sense.kind == "determiner":
            said.determiner = sense.value
        if sense.kind in ("number", "vague"):
            self._understand(token, f"count {said.count}")

    def _say(self, token: Token, senses: Senses) -> None:
        said = self._pending
        for sense in senses:
            if sense.kind == "colour":
                said.colour = said.colour or shaded(sense.value, said.shade)
                if said.colour != shaded(sense.value, said.shade):
                    self._reading.colours.append(sense.value)
            elif sense.kind == "shade":
                said.shade = sense.value
            elif sense.kind == "size":
                said.size = float(sense.value)
            elif sense.kind == "trait":
                said.traits.append(sense.value)
            elif sense.kind == "lettering":
                said.lettering = said.lettering or sense.value
            else:
                said.orientation = sense.value
        self._understand(token, f"{senses[0].kind} {senses[0].value}")

    def _setting(self, at: int, token: Token, senses: Senses) -> None:
        taken = [sense for sense in senses if sense.kind in SETTING]
        if self._negating:
            self._reading.without += [sense.value for sense in taken]
            self._understand(token, "without " + taken[0].value)
            return
        self._reading.effects += taken
        self._mark(at, "effect", taken[0].value)
        self._understand(token, ", ".join(f"{sense.kind} {sense.value}" for sense in taken))
        if lettering := next((sense.value for sense in senses if sense.kind == "lettering"), ""):
            self._reading.loose.lettering = self._reading.loose.lettering or lettering

    def _negate(self, token: Token, sense: Sense) -> None:
        self._part("soft")
        following = sense.value == "before"
        if following:
            self._negating = True
        elif self._last is not None:
            self._drop(self._last)
        self._understand(token, "without")

    def _noun(self, at: int, token: Token, senses: Senses) -> None:
        noun = self._made(at, token, senses)
        before = self._reading.items[-1] if self._reading.items else None
        noun.said.fill(self._pending)
        if isinstance(before, Noun) and self._is_compound(before, noun):
            noun = self._merged(before, noun)
        else:
            self._reading.items.append(noun)
        if self._pending.exact and noun.plural and self._pending.count == 1:
            noun.said.exact = False
        self._pending = Said()
        self._last = noun
        if noun.kind != "text":
            self._understand(token, taken_for(noun))
        if self._negating and noun.kind not in ("picture", "text"):
            self._drop(noun)

    def _made(self, at: int, token: Token, senses: Senses) -> Noun:
        sprites = tuple(name for sense in senses if sense.kind in ("thing", "group") for name in sense.value.split())
        effects = tuple(
            sense for sense in senses if sense.kind not in ("thing", "group", "says", "text", "part", "picture")
        )
        kind = _kind({sense.kind for sense in senses}, token)
        role = next((sense.value for sense in senses if sense.kind in ("role", "says", "picture")), "")
        noun = Noun(
            kind, token.taken or token.text, at, Said(), sprites, effects, senses[0].rank, token.plural, role=role
        )
        if kind == "text":
            noun.text = int(senses[0].value)
        noun.said.traits += [sense.value for sense in senses if sense.kind == "trait"]
        noun.said.lettering = next((sense.value for sense in senses if sense.kind == "lettering"), "")
        return noun

    def _is_compound(self, before: Noun, noun: Noun) -> bool:
        """Two things side by side are one: the last is what it is, the first says of what kind (apple tree)."""
        if self._language not in _HEADS_LAST or self._pending or before.negated:
            return False
        if before.kind != "thing" or noun.kind != "thing" or before.plural or noun.at != before.at + 1:
            return False
        if not (self._tokens[before.at].text[-1:].isalpha() and self._tokens[noun.at].text[:1].isalpha()):
            return False
        return not (self._lexicon.is_animal(before.sprites[0]) and self._lexicon.is_person(noun.sprites[0]))

    def _merged(self, before: Noun, noun: Noun) -> Noun:
        kept, lost = (before, noun) if noun.rank == TAG > before.rank else (noun, before)
        kept.said.fill(lost.said)
        kept.plural = noun.plural
        kept.at = noun.at
        self._reading.items[-1] = kept
        self._reading.not_understood.append(lost.word)
        self._reading.understood = [pair for pair in self._reading.understood if pair[0] != lost.word]
        return kept

    def _drop(self, noun: Noun) -> None:
        noun.negated = True
        names = list(noun.sprites) + [sense.value for sense in noun.effects]
        if noun.kind == "role":
            names = ["text"]
        if any(name.startswith("person") for name in names):
            names.append("people")
        if "automobile" in names:
            names.append("traffic")
        if noun.kind == "background":
            names = ["background"]
        self._reading.without += names
        self._reading.understood.append((noun.word, ABSENT))


def _kind(kinds: set[str], token: Token) -> str:
    if "text" in kinds:
        return "text"
    if kinds & {"role", "says"}:
        return "role"
    if "picture" in kinds:
        return "picture" if token.value("picture") == "picture" else "background"
    if "part" in kinds:
        return "part"
    return "setting" if kinds & {"backdrop", "feature"} else "thing"


def _corrected(token: Token) -> bool:
    return bool(token.taken) and not token.plural and token.taken[:3] != token.text[:3]


def taken_for(noun: Noun) -> str:
    """What a noun will be in the picture, for the list of what was understood."""
    if noun.kind == "thing":
        return " + ".join(noun.sprites)
    if noun.kind == "role":
        return f"text {noun.role}"
    if noun.kind in ("picture", "background", "part"):
        return noun.kind
    return ", ".join(f"{sense.kind} {sense.value}" for sense in noun.effects) or " + ".join(noun.sprites)


def shaded(colour: str, shade: str) -> str:
    """A colour (#rrggbb) made lighter, darker or stronger."""
    if not shade:
        return colour
    channels = [int(colour[at : at + 2], 16) for at in (1, 3, 5)]
    if shade == "light":
        channels = [round(value + (255 - value) * 0.45) for value in channels]
    elif shade == "dark":
        channels = [round(value * 0.55) for value in channels]
    else:
        middle = sum(channels) / 3
        channels = [min(255, max(0, round(middle + (value - middle) * 1.4 + 12))) for value in channels]
    return "#" + "".join(f"{value:02x}" for value in channels)
