"""What a reading is made of: nouns with what was said of them, and the marks between them."""

from dataclasses import dataclass, field

from omniwatt.engines.draw.illustrator.understand.lexicon import Sense


@dataclass(slots=True)
class Said:
    """What is said of a noun. Before the noun comes, it is pending."""

    count: int = 0
    exact: bool = False
    colour: str = ""
    shade: str = ""
    size: float = 0.0
    traits: list[str] = field(default_factory=list)
    lettering: str = ""
    orientation: str = ""
    determiner: str = ""
    unknown: bool = False
    measure: str = ""

    def __bool__(self) -> bool:
        return bool(self.count or self.colour or self.size or self.traits or self.lettering or self.orientation)

    def fill(self, other: "Said") -> None:
        """Take from another what this one lacks."""
        if not self.count:
            self.count, self.exact = other.count, other.exact
        self.colour = self.colour or other.colour
        self.determiner = self.determiner or other.determiner
        self.size = self.size or other.size
        self.traits += [trait for trait in other.traits if trait not in self.traits]
        self.measure = self.measure or other.measure
        self.lettering = self.lettering or other.lettering
        self.orientation = self.orientation or other.orientation


@dataclass(slots=True)
class Noun:
    """Something named. `sprites` are what draws it, `effects` what it does to the picture as a whole.

    Its kind: `thing`, `setting`, `role` (of a text), `text`, `picture`, `background`, or `part` of a thing.
    """

    kind: str
    word: str
    at: int
    said: Said = field(default_factory=Said)
    sprites: tuple[str, ...] = ()
    effects: tuple[Sense, ...] = ()
    rank: int = 0
    plural: bool = False
    negated: bool = False
    text: int = -1
    role: str = ""
    things: list[int] = field(default_factory=list)
    """Indices into the scene's things, when it has become some."""

    @property
    def is_thing(self) -> bool:
        """Whether it has sprites and nothing takes their place."""
        return self.kind == "thing" and not self.negated

    @property
    def may_be_thing(self) -> bool:
        """Whether it could be drawn by a sprite."""
        return bool(self.sprites) and not self.negated


@dataclass(slots=True)
class Mark:
    """A word that relates nouns or parts them.

    Its kind: a relation (`before` or `after` the noun it governs, `wearing`, `passive`, `side`), a verb (`is`, `has`,
    `at`), `and`, `with`, `but`, `of`, `it`, an `effect` on the whole, or an end (`comma`, `stop`).
    """

    kind: str
    value: str
    at: int


Item = Noun | Mark
