"""Where words stand and how they look: the hero of a calligraphy, a title above, body text on a calm ground."""

from random import Random
from typing import Literal

import msgspec

from omniwatt.engines.draw.illustrator.compose.ground import dark_above
from omniwatt.engines.draw.illustrator.layout import SHORT_SIDE, Box, Line
from omniwatt.engines.draw.illustrator.scene import Scene, Text
from omniwatt.engines.draw.lettering.faces import Faces
from omniwatt.engines.draw.lettering.fit import Setting, fit
from omniwatt.engines.draw.lettering.language import Language, language_of, right_to_left, wide
from omniwatt.engines.draw.lettering.shape import Shaper, shaper_of

MARGIN = 56.0
SEAL_OF = -1
_SEAL = "墨"
_TOWNS = ("city", "night_city", "street")
_CALM = ("gradient", "paper", "plain", "festival")
"""Backdrops without a horizon: words that are alone on them stand in the middle, and need no ground of their own."""
_GOLD = "#ffd978"
_NEON = ("#ff4fb8", "#35e0ff", "#ffd34d", "#7dff8a")


Effect = Literal["plain", "brush", "neon", "embossed", "sign", "stamp", "shadow"]


class Look(msgspec.Struct, frozen=True):
    """What a role of text looks like before its colour is chosen."""

    style: str
    effect: Effect
    size_max: float
    height: float
    """Share of the picture's height it may take."""
    panel: bool = False


_LOOKS = {
    "calligraphy": Look("brush", "brush", 520, 0.62),
    "title": Look("bold", "shadow", 190, 0.24),
    "subtitle": Look("bold", "shadow", 74, 0.13),
    "body": Look("sans", "plain", 56, 0.36, panel=True),
    "caption": Look("sans", "plain", 36, 0.1, panel=True),
    "sign": Look("bold", "sign", 92, 0.2, panel=True),
    "neon": Look("bold", "neon", 165, 0.3),
    "stamp": Look("serif", "stamp", 130, 0.15),
}
_STYLES = {
    "brush": "brush", "running": "running", "serif": "serif", "sans": "sans", "bold": "bold", "neon": "bold",
    "embossed": "bold", "handwriting": "handwriting", "rounded": "rounded",
}  # fmt: skip
_EFFECTS: dict[str, Effect] = {"brush": "brush", "running": "brush", "neon": "neon", "embossed": "embossed"}


class Words:
    """The texts of one scene, set; boxes that belong to a thing wait for its place."""

    def __init__(self, scene: Scene, width: float, height: float, faces: Faces, roll: Random) -> None:
        self.scene = scene
        self.width = width
        self.height = height
        self.faces = faces
        self.shaper: Shaper = shaper_of(faces)
        self.roll = roll
        said = "".join(word for word, _ in scene.understood) + "".join(text.text for text in scene.texts)
        self.usual = language_of(said)
        self.lines: list[Line] = []
        self._top = MARGIN
        self._bottom = height - MARGIN
        self._signs, self._first_left, self._signs_top = 0, True, MARGIN

    def set_free(self) -> None:
        """Set every text that no thing carries."""
        for index, text in enumerate(self.scene.texts):
            if not self.carried(text):
                self._set(index, text, self._box(text))

    def carried(self, text: Text) -> bool:
        return 0 <= text.on < len(self.scene.things) and text.role in ("sign", "neon", "title", "body", "caption")

    def set_on(self, index: int, box: Box) -> None:
        """Set a text on the thing that carries it, whose box this is."""
        text = self.scene.texts[index]
        room = Box(box.x + 0.12 * box.width, box.y + 0.2 * box.height, 0.76 * box.width, 0.4 * box.height)
        tall = max(room.height, 60.0)
        grown = Box(min(max(room.x, MARGIN), self.width - MARGIN - 120), room.y, max(room.width, 120.0), tall)
        self._set(index, msgspec.structs.replace(text, role="neon" if text.role == "neon" else "sign"), grown)

    def taken(self) -> tuple[Box, ...]:
        """What things must leave free: each text's block with a little room."""
        made = []
        for index in {line.of for line in self.lines}:
            boxes = [line.box for line in self.lines if line.of == index]
            left, top = min(box.x for box in boxes), min(box.y for box in boxes)
            right, bottom = max(box.x + box.width for box in boxes), max(box.y + box.height for box in boxes)
            pad = 14.0
            made.append(Box(left - pad, top - pad, right - left + 2 * pad, bottom - top + 2 * pad))
        return tuple(made)

    def _box(self, text: Text) -> Box:
        """The free place for this text; bands at the top and the bottom are used up as they are given."""
        look, width = _LOOKS[text.role], self.width - 2 * MARGIN
        if text.role == "calligraphy":
            return self._hero(text)
        if text.role == "stamp":
            side = min(look.size_max, 0.2 * min(self.width, self.height))
            return Box(self.width - MARGIN - side, self._bottom - side, side, side)
        height = look.height * self.height * (1.35 if not self.scene.things and text.role in ("title", "body") else 1.0)
        if self._alone(text):
            tall = self.height - 2 * MARGIN if self._vertical(text) else 0.52 * self.height
            return Box(MARGIN, MARGIN if self._vertical(text) else 0.46 * self.height - tall / 2, width, tall)
        if text.place in ("left", "right") or self._vertical(text):
            wide_ = 0.34 * self.width
            left = text.place == "left"
            return Box(MARGIN if left else self.width - MARGIN - wide_, MARGIN, wide_, self.height - 2 * MARGIN)
        if text.place == "middle":
            return Box(MARGIN, (self.height - height) / 2, width, height)
        low = text.place == "bottom" or (text.place == "auto" and text.role in ("body", "caption"))
        if low:
            return Box(MARGIN, max(self._bottom - height, self._top), width, min(height, self._bottom - self._top))
        if text.role in ("neon", "sign") and text.place == "auto":
            return self._sign(text, height)
        return Box(MARGIN, self._top, width, height)

    def _alone(self, text: Text) -> bool:
        """A title or a text that is all there is to see."""
        return (
            len(self.scene.texts) == 1
            and not self.scene.things
            and text.place == "auto"
            and text.role in ("title", "body")
            and self.scene.backdrop in _CALM
        )

    def _sign(self, text: Text, height: float) -> Box:
        """On a shop to one side of a street; elsewhere across the upper part."""
        width = self.width - 2 * MARGIN
        if self.scene.backdrop in _TOWNS:
            signs = [other for other in self.scene.texts if other.role in ("neon", "sign") and other.place == "auto"]
            wide_ = (0.5 if len(signs) == 1 else 0.4) * self.width
            if self._signs == 0:
                self._first_left = self.roll.random() < 0.5
                self._signs_top = max(self._top, 0.36 * self.height)
            left = self._first_left != bool(self._signs % 2)
            top = self._signs_top + self._signs // 2 * 0.2 * self.height
            self._signs += 1
            return Box(MARGIN + (0.0 if left else width - wide_), top, wide_, 0.13 * self.height)
        inset = 0.06 * self.width
        return Box(MARGIN + inset, max(self._top, 0.14 * self.height), width - 2 * inset, height)

    def _hero(self, text: Text) -> Box:
        """Large, its middle on the golden section; across the whole where it is the only thing to see."""
        tall = self.height - 2.2 * MARGIN
        letters = len(text.text.replace("\n", "").strip())
        share = self.roll.choice((0.382, 0.618)) if not self.scene.things else 0.68
        if text.place in ("left", "right"):
            share = 0.3 if text.place == "left" else 0.7
        elif text.place == "middle":
            share = 0.5
        if not self._vertical(text):
            height = (0.56 if not self.scene.things else 0.44) * self.height
            if letters == 1:
                side = min(0.5 * self.width, height)
                return Box(share * self.width - side / 2, 0.41 * self.height - side / 2, side, side)
            return Box(MARGIN, 0.12 * self.height, self.width - 2 * MARGIN, height)
        wide_ = self.width * (0.62 if letters > 8 and not self.scene.things else 0.4)
        left = min(max(share * self.width - wide_ / 2, MARGIN), self.width - MARGIN - wide_)
        return Box(left, 1.1 * MARGIN, wide_, tall * (0.86 if letters <= 4 else 0.94))

    def _vertical(self, text: Text) -> bool:
        if text.orientation != "auto":
            return text.orientation == "vertical"
        east = [one for one in text.text if wide(one)]
        if text.role != "calligraphy" or len(east) < 2:
            return False
        return len(east) >= 0.7 * len(text.text.replace(" ", "")) and self.height > 0.55 * self.width

    def _set(self, index: int, text: Text, box: Box) -> None:
        look = _LOOKS[text.role]
        language = language_of(text.text, self.usual)
        style = _STYLES.get(text.lettering) or self._style(text, look)
        choice = self.faces.choose(text.text, style, language)
        effect = self._effect(text, look)
        template = Line(
            text=text.text, box=box, face=choice.face, size=0.0, vertical=self._vertical(text), of=index,
            right_to_left=right_to_left(text.text), colour=self._colour(text, effect), effect=effect, note=choice.note,
            panel="" if self._alone(text) and self.scene.backdrop != "festival" else self._panel(effect, look),
        )  # fmt: skip
        if effect == "stamp":
            side = min(box.width, box.height)
            self.lines.append(msgspec.structs.replace(template, box=Box(box.x, box.y, side, side), size=side / 2))
            return
        setting = self._setting(text, look, language)
        made = fit(template, _inner(box, template), self.shaper, setting)
        self.lines += made
        self._used(text, made)
        sealed = any(other.role == "stamp" for other in self.scene.texts)
        if text.role == "calligraphy" and language in ("zh-hans", "zh-hant", "ja") and made and not sealed:
            self._seal(made)

    def _setting(self, text: Text, look: Look, language: Language) -> Setting:
        size = look.size_max * (1.25 if not self.scene.things and text.role in ("title", "neon") else 1.0)
        if self._vertical(text) and text.role != "calligraphy":
            return Setting(size_max=size, leading=1.5, language=language)
        if self._alone(text):
            leading = 1.45 if text.role == "body" else 1.22
            return Setting(size_max=1.3 * size, leading=leading, language=language)
        across = "start" if text.role in ("title", "subtitle") and text.place in ("auto", "top") else "middle"
        if text.place == "auto" and text.role in ("body", "caption"):
            across = "end"
        leading = 1.45 if text.role in ("body", "caption") else 1.22
        return Setting(size_max=size, leading=leading, across=across, language=language)

    def _style(self, text: Text, look: Look) -> str:
        if text.role == "title" and self.scene.style in ("ink", "calligraphy"):
            return "brush"
        if text.role in ("title", "subtitle") and self.scene.style in ("watercolour", "oil", "pencil"):
            return "serif"
        return look.style

    def _effect(self, text: Text, look: Look) -> Effect:
        if text.lettering in _EFFECTS:
            return _EFFECTS[text.lettering]
        if text.role == "title" and text.lettering == "":
            if self.scene.style in ("ink", "calligraphy"):
                return "brush"
            if self.scene.style == "neon" or self.scene.backdrop == "night_city":
                return "neon"
            if self.scene.backdrop == "festival":
                return "embossed"
        return look.effect

    def _colour(self, text: Text, effect: str) -> str:
        if text.colour:
            return text.colour
        if effect == "stamp":
            return "#b3261e"
        if effect == "neon":
            return self.roll.choice(_NEON)
        if effect in ("sign", "embossed") or self.scene.backdrop == "festival":
            return _GOLD if effect != "sign" else "#fff1c9"
        if text.role in ("body", "caption"):
            return "#f4f1ea" if dark_above(self.scene) else "#1c2230"
        if effect == "brush":
            return "#fdf6e3" if dark_above(self.scene) else "#141312"
        return "#fffaf0" if dark_above(self.scene) else "#1b2436"

    def _panel(self, effect: str, look: Look) -> str:
        if effect == "sign":
            return self.roll.choice(("#7a1f1cff", "#1f3a4dff", "#234a35ff"))
        if look.panel and effect == "plain":
            return "#10141fd9" if dark_above(self.scene) else "#fffdf6e0"
        return ""

    def _used(self, text: Text, made: tuple[Line, ...]) -> None:
        if not made or made[0].vertical:
            return
        top, bottom = made[0].box.y, made[-1].box.y + made[-1].box.height
        room = 0.35 * made[0].size + (0.4 * made[0].size if made[0].panel else 0.0)
        if bottom < 0.6 * self.height and text.place != "middle":
            self._top = max(self._top, bottom + min(room, 60.0))
        elif top > 0.4 * self.height and text.place != "middle":
            self._bottom = min(self._bottom, top - min(room, 60.0))

    def _seal(self, made: tuple[Line, ...]) -> None:
        """A red seal of the composition's own, below the end of the text; it is nobody's text and is not proved."""
        last = made[-1].box
        side = min(max(0.13 * made[0].size, 40.0), 58.0)
        if len(made[-1].text) == 1:
            x, y = last.x + last.width * 0.74, last.y + last.height + side * 0.5
        elif made[-1].vertical:
            x, y = last.x + (last.width - side) / 2, last.y + last.height + side * 0.8
        else:
            x, y = last.x + last.width + side * 0.7, last.y + last.height - side * 0.8
        if y + side > self.height - MARGIN / 2:
            x, y = last.x - side * 1.35, last.y + last.height - side
        x = min(max(x, MARGIN / 2), self.width - MARGIN / 2 - side)
        y = min(y, self.height - MARGIN / 2 - side)
        face = self.faces.choose(_SEAL, "serif", "zh-hans").face
        self.lines.append(
            Line(
                text=_SEAL, box=Box(x, y, side, side), face=face, size=side / 2, colour="#b3261e", effect="stamp",
                of=SEAL_OF,
            )
        )  # fmt: skip


def _inner(box: Box, template: Line) -> Box:
    """The room for letters: a panel's rim is kept."""
    pad = 16.0 if template.panel else 0.0
    pad = min(pad, 0.12 * SHORT_SIDE, box.width / 6, box.height / 6)
    return Box(box.x + pad, box.y + pad, box.width - 2 * pad, box.height - 2 * pad)
