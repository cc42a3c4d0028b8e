"""What a prompt asks to see, as a value: the words end here, the drawing begins here."""

from typing import Literal

from omniwatt.contract.request import Value

Relation = Literal[
    "left_of", "right_of", "above", "below", "on", "in", "under", "behind", "in_front_of", "beside", "between", "around"
]
Backdrop = Literal[
    "ink_mountains",
    "night_city",
    "city",
    "sea",
    "underwater",
    "forest",
    "snow",
    "desert",
    "starry_sky",
    "meadow",
    "mountains",
    "lake",
    "beach",
    "garden",
    "street",
    "room",
    "space",
    "gradient",
    "festival",
    "paper",
    "plain",
]
Style = Literal[
    "cartoon", "flat", "3d", "watercolour", "oil", "ink", "pencil", "pixel", "neon", "papercut", "poster", "calligraphy"
]
TimeOfDay = Literal["dawn", "day", "golden", "dusk", "night"]
Season = Literal["", "spring", "summer", "autumn", "winter"]
Weather = Literal["clear", "clouds", "rain", "storm", "snow", "fog", "wind", "rainbow", "aurora"]
Role = Literal["calligraphy", "title", "subtitle", "body", "sign", "neon", "stamp", "caption"]
Lettering = Literal["", "brush", "running", "serif", "sans", "bold", "neon", "embossed", "handwriting", "rounded"]


class Thing(Value, frozen=True):
    """Objects of one kind. `sprite` is a name of the sprite set, `word` what the prompt called it."""

    sprite: str
    word: str
    count: int = 1
    colour: str = ""
    """#rrggbb; empty leaves the sprite's own."""
    size: float = 1.0
    """Against its natural size in the scene."""
    traits: tuple[str, ...] = ()
    """What else was said of it and can be drawn: `glowing`, `flying`, `reflected`, `old`, `blurred`."""


class Placing(Value, frozen=True):
    """Thing `a` stands in this relation to thing `b` (and `c`, for between); indices into `Scene.things`.

    Index -1 is the picture itself: `left_of` -1 is its left side, `in` -1 its middle.
    """

    relation: Relation
    a: int
    b: int
    c: int = -1


class Text(Value, frozen=True):
    """Words to be seen, verbatim."""

    text: str
    role: Role = "title"
    lettering: Lettering = ""
    """Empty takes what suits role and style."""
    orientation: Literal["auto", "horizontal", "vertical"] = "auto"
    colour: str = ""
    on: int = -1
    """The thing that carries it (a sign, a banner, a shirt), or -1."""
    place: Literal["auto", "top", "middle", "bottom", "left", "right"] = "auto"


class Scene(Value, frozen=True):
    """Everything the painter needs to know. The defaults are a pleasant day on a meadow."""

    backdrop: Backdrop = "meadow"
    style: Style = "cartoon"
    time: TimeOfDay = "day"
    season: Season = ""
    weather: tuple[Weather, ...] = ()
    light: tuple[str, ...] = ()
    """`backlight`, `rays`, `glow`, `neon`, `soft`, `dramatic`, `candle`, `moon`, `sun`."""
    mood: tuple[str, ...] = ()
    palette: tuple[str, ...] = ()
    """#rrggbb, where colours were asked for of the picture as a whole."""
    features: tuple[str, ...] = ()
    """Parts of a backdrop that were asked for: `mist`, `reflections`, `traffic`, `bridge`, `river`, `lanterns`, ..."""
    view: Literal["auto", "wide", "close", "aerial", "portrait"] = "auto"
    transparent: bool = False
    things: tuple[Thing, ...] = ()
    placings: tuple[Placing, ...] = ()
    texts: tuple[Text, ...] = ()
    without: tuple[str, ...] = ()
    """What was asked not to be there."""
    understood: tuple[tuple[str, str], ...] = ()
    """The prompt's words and what each was taken for, in order."""
    not_understood: tuple[str, ...] = ()
