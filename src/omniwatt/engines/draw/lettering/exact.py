"""Whether a shaped line shows its text: each character's own glyph, none missing, none that was not asked for."""

import unicodedata

from omniwatt.engines.draw.illustrator.layout import Line
from omniwatt.engines.draw.lettering.faces import Faces
from omniwatt.engines.draw.lettering.language import wide
from omniwatt.engines.draw.lettering.shape import Glyph, Shaped, shaper_of


def exact(line: Line, faces: Faces) -> bool:
    """Every visible character of the line is drawn by a glyph with ink that stands for it and nothing else."""
    shaped = shaper_of(faces).shape(line.text, line.face, vertical=line.vertical, rtl=line.right_to_left)
    return not wrong(shaped, faces)


def wrong(shaped: Shaped, faces: Faces) -> list[str]:
    """The characters of a shaped line that are not drawn as what they are; empty when it is exact."""
    drawn: dict[int, list[Glyph]] = {}
    for glyph in shaped.glyphs:
        for index in range(glyph.start, glyph.end):
            drawn.setdefault(index, []).append(glyph)
    return [
        character
        for index, character in enumerate(shaped.text)
        if unicodedata.category(character)[0] not in "ZC"
        and character not in "\ufe0e\ufe0f"
        and not _shown(character, drawn.get(index, []), faces)
    ]


def _shown(character: str, glyphs: list[Glyph], faces: Faces) -> bool:
    if not glyphs:
        return False
    if any(glyph.emoji for glyph in glyphs):
        return True
    if all(glyph.glyph == 0 for glyph in glyphs):
        return False
    if wide(character) and len(glyphs) == 1 and glyphs[0].end - glyphs[0].start == 1:
        return _own(character, glyphs[0], faces)
    return any(not faces.face(glyph.face).path(glyph.glyph).isEmpty() for glyph in glyphs)


def _own(character: str, glyph: Glyph, faces: Faces) -> bool:
    """A Han character, kana or hangul syllable has one glyph; only punctuation and small kana have a vertical one."""
    face = faces.face(glyph.face)
    if face.path(glyph.glyph).isEmpty():
        return False
    plain = face.glyph(character)
    return glyph.glyph == plain or (plain != 0 and not unicodedata.name(character, "").startswith("CJK UNIFIED"))
