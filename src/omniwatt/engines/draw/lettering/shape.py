"""A line of text as placed glyphs: HarfBuzz shapes each run in its face, script and direction; columns too.

Lengths are in ems of the line's size; y goes down from the baseline, or from a column's top with x from its middle.
"""

import re
import unicodedata
import weakref
from dataclasses import dataclass, field, replace
from typing import Any

import skia
import uharfbuzz as hb

from omniwatt.engines.draw.illustrator.layout import Line
from omniwatt.engines.draw.lettering.faces import Face, Faces
from omniwatt.engines.draw.lettering.language import (
    EMOJI,
    Language,
    clusters,
    language_of,
    levels,
    runs,
    visual,
    wide,
)

_HB_LANGUAGE = {"zh-hans": "zh-Hans", "zh-hant": "zh-Hant", "latin": "en"}
_SHORT_NUMBER = re.compile(r"(?<![0-9A-Za-z.])(?:[0-9]{1,3}|[0-9]{1,2}%|[!?]{2})(?![0-9A-Za-z.])")
_CLOSING = frozenset("，。、．：；）〕］｝〉》」』】〙〗”’！？")
_OPENING = frozenset("（〔［｛〈《「『【〘〖“‘")
_LEFT_HALF = frozenset("，。、．）〕］｝〉》」』】〙〗")
_RIGHT_HALF = frozenset("（〔［｛〈《「『【〘〖")
_TURNED = frozenset("（）〔〕［］｛｝〈〉《》「」『』【】〘〙〖〗ー―—–…‥～〜-=:：")
_CORNERED = frozenset("，。、．")
_EMOJI_EM = 1.12


@dataclass(frozen=True)
class Glyph:
    """One glyph, or an emoji (`emoji` is its characters and `face` empty). `start` and `end` are its characters."""

    face: str
    glyph: int
    x: float
    y: float
    start: int
    end: int
    scale_x: float = 1.0
    turn_degrees: float = 0.0
    emoji: str = ""


@dataclass
class Shaped:
    """A line's glyphs; where its ink and its face's usual height reach, in ems."""

    text: str
    glyphs: list[Glyph] = field(default_factory=list)
    length: float = 0.0
    left: float = 0.0
    top: float = 0.0
    right: float = 0.0
    bottom: float = 0.0
    missing: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Piece:
    """Characters start..end of one face, script, level and way of standing."""

    start: int
    end: int
    face: str
    level: int
    way: str
    """`along` the line; in a column `upright`, `aside` (turned) or `square` (several digits in one square)."""


class Shaper:
    """Shapes lines with the faces of one card; what was shaped is remembered."""

    def __init__(self, faces: Faces) -> None:
        self.faces = faces
        self._known: dict[tuple[str, str, bool, bool, float, Language | None], Shaped] = {}

    def shape(
        self,
        text: str,
        role: str,
        *,
        vertical: bool = False,
        rtl: bool = False,
        spacing: float = 0.0,
        language: Language | None = None,
    ) -> Shaped:
        """The line `text` in face `role`. Characters that no face has are left out and listed in `missing`."""
        key = (text, role, vertical, rtl, spacing, language)
        if key not in self._known:
            if len(self._known) > 4096:
                self._known.clear()
            self._known[key] = _Line(self.faces, role, vertical, rtl, language or language_of(text), spacing).shape(
                text
            )
        return self._known[key]

    def line(self, line: Line, text: str | None = None, language: Language | None = None) -> Shaped:
        """A line, or another text set as it is."""
        return self.shape(
            line.text if text is None else text,
            line.face,
            vertical=line.vertical,
            rtl=line.right_to_left,
            spacing=line.spacing,
            language=language,
        )


_SHAPERS: weakref.WeakKeyDictionary[Faces, Shaper] = weakref.WeakKeyDictionary()


def shaper_of(faces: Faces) -> Shaper:
    """The one shaper of these faces."""
    found = _SHAPERS.get(faces)
    if found is None:
        found = _SHAPERS.setdefault(faces, Shaper(faces))
    return found


class _Line:
    def __init__(self, faces: Faces, role: str, vertical: bool, rtl: bool, language: Language, spacing: float) -> None:
        self._faces = faces
        self._role = role
        self._vertical = vertical
        self._rtl = rtl
        self._language = language
        self._spacing = spacing
        self._at = 0.0

    def shape(self, text: str) -> Shaped:
        made = Shaped(text)
        pieces = self._pieces(text, made)
        order = range(len(pieces)) if self._vertical else visual([piece.level for piece in pieces])
        for index in order:
            piece = pieces[index]
            if piece.face == "emoji":
                self._emoji(text, piece, made)
            elif self._vertical:
                self._column(text, piece, made)
            else:
                self._along(text, piece, made)
        made.length = self._at
        if self._spacing:
            self._spread(made)
        self._measure(made)
        return made

    def _pieces(self, text: str, made: Shaped) -> list[_Piece]:
        level = levels(text, self._rtl)
        numbers = {found.start(): found.end() for found in _SHORT_NUMBER.finditer(text)} if self._vertical else {}
        keys: list[tuple[Any, ...]] = []
        before, square_end = "", 0
        for start, end in clusters(text):
            square_end = numbers.get(start, square_end)
            face = self._face(text[start:end], before)
            if not face:
                made.missing.append(text[start:end])
            before = face or before
            way = self._way(text, start, end, start < square_end)
            script = _script(text[start], keys[-1][2] if keys else "")
            one = start if face in ("emoji", "") else -1
            keys += [(face, level[start], script, way, one)] * (end - start)
        found = []
        for start, end in runs(list(keys)):
            face, depth, _, way, _ = keys[start]
            if face:
                found.append(_Piece(start, end, face, depth, way))
        return found

    def _face(self, cluster: str, before: str) -> str:
        first = cluster[0]
        if EMOJI.fullmatch(cluster) and (len(cluster) > 1 or first > "\U0001f000" or not self._any(first)):
            return "emoji"
        if unicodedata.category(first)[0] in "ZC":
            return before if before not in ("", "emoji") else self._role
        found = self._faces.fallback(self._role, first)
        if found and len(cluster) > 1 and not all(self._faces.has(found, one) for one in cluster):
            for role in dict.fromkeys([self._faces.fallback(self._role, one) for one in cluster]):
                if role and all(self._faces.has(role, one) for one in cluster):
                    return role
            return ""
        return found

    def _any(self, character: str) -> bool:
        return bool(self._faces.fallback(self._role, character))

    def _way(self, text: str, start: int, end: int, in_number: bool) -> str:
        if not self._vertical:
            return "along"
        if in_number:
            return "square"
        one = text[start]
        if wide(one) or text[start:end] in "’”“‘…—·":
            return "upright"
        alone = (start == 0 or not text[start - 1].isascii()) and (end == len(text) or not text[end].isascii())
        return "upright" if alone and one.isupper() else "aside"

    def _run(self, text: str, piece: _Piece, features: dict[str, Any]) -> list[tuple[Any, Any]]:
        """HarfBuzz's glyphs with their positions, in visual order; clusters count from the run's start."""
        face = self._faces.face(piece.face)
        buffer = hb.Buffer()
        buffer.add_str(text[piece.start : piece.end])
        buffer.guess_segment_properties()
        buffer.direction = "rtl" if piece.level % 2 else "ltr"
        buffer.language = _HB_LANGUAGE.get(self._language, self._language)
        # East Asian fonts have other forms of digits for some languages; a line mixes none of them.
        plain = [(at, at + 1, False) for at, one in enumerate(text[piece.start : piece.end]) if one.isdigit()]
        hb.shape(face.font, buffer, {**features, "locl": plain} if plain else features)
        return list(zip(buffer.glyph_infos, buffer.glyph_positions, strict=True))

    def _along(self, text: str, piece: _Piece, made: Shaped) -> None:
        face = self._faces.face(piece.face)
        shaped = self._run(text, piece, {"kern": True, "liga": True})
        ends = _ends([info.cluster for info, _ in shaped], piece.end - piece.start)
        for info, position in shaped:
            start = piece.start + info.cluster
            advance = position.x_advance / face.upem
            squeeze = self._squeeze(text, start, advance)
            x = self._at + position.x_offset / face.upem - squeeze[0]
            if info.codepoint:
                y = -position.y_offset / face.upem
                made.glyphs.append(Glyph(piece.face, info.codepoint, x, y, start, piece.start + ends[info.cluster]))
            self._at += advance - squeeze[0] - squeeze[1]

    def _squeeze(self, text: str, start: int, advance: float) -> tuple[float, float]:
        """How much of a square punctuation mark's empty half is taken away before and after it (CLREQ, JLREQ)."""
        one = text[start]
        if advance < 0.9 or one not in _CLOSING | _OPENING:
            return 0.0, 0.0
        after = text[start + 1] if start + 1 < len(text) else ""
        if one in _RIGHT_HALF:
            return (0.5, 0.0) if start == 0 or text[start - 1] in _OPENING else (0.0, 0.0)
        if one in _LEFT_HALF and not (one in _CORNERED and self._language == "zh-hant"):
            return (0.0, 0.5) if not after or after in _CLOSING or after in _OPENING else (0.0, 0.0)
        return 0.0, 0.0

    def _column(self, text: str, piece: _Piece, made: Shaped) -> None:
        face = self._faces.face(piece.face)
        if piece.way == "upright":
            self._upright(text, piece, face, made)
            return
        shaped = self._run(text, piece, {"kern": True, "liga": True})
        ends = _ends([info.cluster for info, _ in shaped], piece.end - piece.start)
        width = sum(position.x_advance for _, position in shaped) / face.upem
        square = piece.way == "square"
        scale = min(1.0, 0.96 / width) if square and width else 1.0
        at = -width * scale / 2 if square else self._at
        for info, position in shaped:
            start, end = piece.start + info.cluster, piece.start + ends[info.cluster]
            if square:
                x = at + position.x_offset / face.upem * scale
                made.glyphs.append(Glyph(piece.face, info.codepoint, x, self._at + 0.86, start, end, scale_x=scale))
            elif info.codepoint:
                # Turned to the right, the line's middle on the column's.
                x = -0.36 + position.y_offset / face.upem
                made.glyphs.append(Glyph(piece.face, info.codepoint, x, at, start, end, turn_degrees=90.0))
            at += position.x_advance / face.upem * scale
        self._at = self._at + 1.0 if square else at

    def _upright(self, text: str, piece: _Piece, face: Face, made: Shaped) -> None:
        shaped = self._run(text, piece, {"vert": True, "kern": False})
        ends = _ends([info.cluster for info, _ in shaped], piece.end - piece.start)
        for info, position in shaped:
            start, end = piece.start + info.cluster, piece.start + ends[info.cluster]
            one, glyph = text[start], info.codepoint
            advance = position.x_advance / face.upem
            plain = glyph == face.glyph(one)
            if plain and one in _TURNED:
                made.glyphs.append(Glyph(piece.face, glyph, -0.36, self._at, start, end, turn_degrees=90.0))
                self._at += max(advance, 0.5)
                continue
            x, y = -advance / 2, self._at + 0.88
            if plain and one in _CORNERED and self._language != "zh-hant":
                x, y = x + 0.6, y - 0.6
            made.glyphs.append(Glyph(piece.face, glyph, x, y, start, end))
            self._at += 0.5 if one.isspace() and not wide(one) else 1.0

    def _emoji(self, text: str, piece: _Piece, made: Shaped) -> None:
        emoji = text[piece.start : piece.end]
        x, y = (-_EMOJI_EM / 2, self._at + _EMOJI_EM) if self._vertical else (self._at, 0.16)
        made.glyphs.append(Glyph("", 0, x, y, piece.start, piece.end, emoji=emoji))
        self._at += _EMOJI_EM + 0.04

    def _spread(self, made: Shaped) -> None:
        """Ground between characters; several digits in one square of a column stay together."""
        spread: list[Glyph] = []
        count = 0
        for index, glyph in enumerate(made.glyphs):
            before = made.glyphs[index - 1]
            together = before.start == glyph.start or (self._vertical and before.y == glyph.y)
            count += bool(index) and not together
            move = count * self._spacing
            spread.append(replace(glyph, y=glyph.y + move) if self._vertical else replace(glyph, x=glyph.x + move))
        made.glyphs = spread
        made.length += count * self._spacing

    def _measure(self, made: Shaped) -> None:
        bounds = skia.Rect.MakeEmpty()
        for glyph in made.glyphs:
            bounds.join(self._ink(glyph))
        if self._vertical:
            made.left, made.right = min(bounds.left(), -0.5), max(bounds.right(), 0.5)
            made.top, made.bottom = min(bounds.top(), 0.0), max(bounds.bottom(), made.length)
            return
        face = self._faces.face(self._role)
        made.left, made.right = min(bounds.left(), 0.0), max(bounds.right(), made.length)
        made.top = min(bounds.top(), -min(face.ascent, 0.88))
        made.bottom = max(bounds.bottom(), min(face.descent, 0.2))

    def _ink(self, glyph: Glyph) -> Any:
        if glyph.emoji:
            return skia.Rect.MakeXYWH(glyph.x, glyph.y - _EMOJI_EM, _EMOJI_EM, _EMOJI_EM)
        return place(glyph, self._faces).mapRect(self._faces.face(glyph.face).path(glyph.glyph).getBounds())


def place(glyph: Glyph, faces: Faces) -> Any:
    """The matrix from the glyph's font units into the line's ems."""
    upem = faces.face(glyph.face).upem
    matrix = skia.Matrix.Translate(glyph.x, glyph.y)
    if glyph.turn_degrees:
        matrix.preRotate(glyph.turn_degrees)
    return matrix.preScale(glyph.scale_x / upem, 1.0 / upem)


def _script(character: str, before: str) -> str:
    category = unicodedata.category(character)
    if category[0] in "ZPSCMN" and before:
        return "wide" if wide(character) and before != "wide" and category[0] != "Z" else before
    if wide(character):
        return "wide"
    for name, low, high in (("arab", 0x590, 0x8FF), ("deva", 0x900, 0x97F), ("thai", 0xE00, 0xE7F)):
        if low <= ord(character) <= high:
            return name
    return "other"


def _ends(starts: list[int], length: int) -> dict[int, int]:
    """Where each cluster ends: where the next one (in logical order) begins."""
    ordered = sorted(set(starts))
    return dict(zip(ordered, [*ordered[1:], length], strict=True))
