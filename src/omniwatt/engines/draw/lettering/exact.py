"""Whether a shaped line shows its text: each character's own glyph, none missing, none that was not asked for."""

import unicodedata
from collections.abc import Collection

from omniwatt.engines.draw.illustrator.layout import Line
from omniwatt.engines.draw.lettering.emoji import parts
from omniwatt.engines.draw.lettering.faces import Face, Faces
from omniwatt.engines.draw.lettering.language import wide
from omniwatt.engines.draw.lettering.shape import Glyph, Shaped, shaper_of

_PRESENTATION = "\ufe0e\ufe0f"
_OWN_SHAPE = frozenset({"ARABIC", "DEVANAGARI", "THAI"})
"""Scripts whose letters change with their neighbours: a glyph of theirs need only have ink and stand for them."""


def exact(line: Line, faces: Faces, emoji: Collection[str] | None = None) -> bool:
    """Every visible character of the line is drawn by a glyph with ink that stands for it and nothing else.

    `emoji`: those that a sprite can draw, without variation selectors; None takes any for drawn.
    """
    return not wrong(shaper_of(faces).line(line), faces, emoji)


def wrong(shaped: Shaped, faces: Faces, emoji: Collection[str] | None = None) -> list[str]:
    """The characters of a shaped line that are not drawn as what they are; empty when it is exact.

    A glyph that stands for no character of the text is told as the characters it is put in the place of.
    """
    drawn: dict[int, list[Glyph]] = {}
    for glyph in shaped.glyphs:
        for index in range(glyph.start, glyph.end):
            drawn.setdefault(index, []).append(glyph)
    return [
        character
        for index, character in enumerate(shaped.text)
        if unicodedata.category(character)[0] not in "ZC"
        and character not in _PRESENTATION
        and not _shown(character, drawn.get(index, []), shaped.text, faces, emoji)
    ]


def _shown(character: str, glyphs: list[Glyph], text: str, faces: Faces, emoji: Collection[str] | None) -> bool:
    if not glyphs:
        return False
    if any(glyph.emoji for glyph in glyphs):
        return emoji is None or all(parts(glyph.emoji, emoji) for glyph in glyphs)
    if any(glyph.glyph == 0 for glyph in glyphs):
        return False
    if _script(character) not in _OWN_SHAPE:
        if len(glyphs) == 1 and glyphs[0].end - glyphs[0].start == 1:
            return _own(character, glyphs[0], faces)
        if not all(one.glyph in faces.face(one.face).forms(text[one.start : one.end]) for one in glyphs):
            return False
    return any(not faces.face(glyph.face).path(glyph.glyph).isEmpty() for glyph in glyphs)


def _script(character: str) -> str:
    return unicodedata.name(character, "").partition(" ")[0]


def _variant(face: Face, glyph: int, plain: int) -> bool:
    """Whether the font itself calls a glyph a form of another one: `A.alt` beside `A`, as writing hands have them."""
    name, usual = face.font.glyph_to_string(glyph), face.font.glyph_to_string(plain)
    return "." in name and not name.startswith("gid") and name.partition(".")[0] == usual.partition(".")[0]


def _own(character: str, glyph: Glyph, faces: Faces) -> bool:
    """A letter of its own has one glyph, the one the font's character map names; only East Asian punctuation and small
    kana have another one for columns."""
    face = faces.face(glyph.face)
    if face.path(glyph.glyph).isEmpty():
        return False
    plain = face.glyph(character)
    if glyph.glyph == plain or (plain and _variant(face, glyph.glyph, plain)):
        return True
    return (
        wide(character)
        and not _script(character).startswith(("CJK", "HANGUL"))
        and glyph.glyph in face.forms(character)
    )
