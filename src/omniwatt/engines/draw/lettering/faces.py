"""The fonts of a card, opened when needed, and which of them a text is set in."""

import itertools
import struct
import threading
import unicodedata
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import skia
import uharfbuzz as hb

from omniwatt.contract.request import Value
from omniwatt.engines.draw.lettering.language import EMOJI, Language

_FONTS = (".ttf", ".otf", ".woff")
_LANGUAGES = ("zh-Hans", "zh-Hant", "ja", "ko", "en")
_BLANK = {"Zs", "Zl", "Zp", "Cc", "Cf"}
_REST = (
    "noto-sans", "noto-sans-sc", "noto-sans-tc", "noto-sans-jp", "noto-sans-kr", "noto-naskh-arabic",
    "noto-sans-hebrew", "noto-sans-devanagari", "noto-sans-thai", "noto-sans-symbols", "noto-sans-symbols-2",
    "noto-sans-math", "cactus-classical-serif", "noto-serif-sc",
)  # fmt: skip
_SANS: dict[Language, tuple[str, ...]] = {
    "zh-hans": ("noto-sans-sc",), "zh-hant": ("noto-sans-tc", "noto-sans-sc"), "ja": ("noto-sans-jp", "noto-sans-sc"),
    "ko": ("noto-sans-kr",), "ar": ("noto-naskh-arabic",), "he": ("noto-sans-hebrew",),
    "hi": ("noto-sans-devanagari",), "th": ("noto-sans-thai",), "latin": ("noto-sans",),
}  # fmt: skip
_BOLD: dict[Language, tuple[str, ...]] = {
    **_SANS, "zh-hans": ("noto-sans-sc-bold",), "zh-hant": ("noto-sans-tc-bold", "noto-sans-sc-bold"),
    "ja": ("noto-sans-jp-bold", "noto-sans-sc-bold"), "ko": ("noto-sans-kr-bold",), "latin": ("noto-sans-bold",),
}  # fmt: skip
_SERIF: dict[Language, tuple[str, ...]] = {
    "zh-hans": ("noto-serif-sc",), "zh-hant": ("cactus-classical-serif", "noto-serif-sc"),
    "ja": ("noto-serif-jp", "noto-serif-sc"), "ar": ("noto-naskh-arabic",), "latin": ("noto-serif",),
}  # fmt: skip
_OWN: dict[str, dict[Language, tuple[str, ...]]] = {
    "sans": _SANS,
    "bold": _BOLD,
    "serif": _SERIF,
    "brush": {
        "zh-hans": ("ma-shan-zheng", "zhi-mang-xing"), "zh-hant": ("ma-shan-zheng", "yuji-syuku"),
        "ja": ("yuji-syuku",), "ko": ("nanum-brush-script",), "latin": ("dancing-script", "caveat", "yuji-syuku"),
    },
    "running": {
        "zh-hans": ("zhi-mang-xing", "liu-jian-mao-cao"), "zh-hant": ("zhi-mang-xing", "yuji-syuku"),
        "ja": ("yuji-syuku",), "ko": ("nanum-brush-script",), "latin": ("dancing-script", "caveat"),
    },
    "handwriting": {
        "zh-hans": ("lxgw-wenkai-tc", "zcool-kuaile"), "zh-hant": ("lxgw-wenkai-tc",), "ja": ("yuji-syuku",),
        "ko": ("nanum-brush-script",), "latin": ("caveat",),
    },
    "rounded": {"zh-hans": ("zcool-kuaile",), "latin": ("fredoka",)},
}  # fmt: skip
_NEAR: dict[str, tuple[str, ...]] = {
    "brush": ("yuji-syuku", "lxgw-wenkai-tc", "*serif", "*bold"),
    "running": ("ma-shan-zheng", "yuji-syuku", "lxgw-wenkai-tc", "*serif", "*bold"),
    "handwriting": ("lxgw-wenkai-tc", "*sans"),
    "rounded": ("*bold",),
    "serif": ("*bold",),
    "bold": ("*sans",),
    "sans": (),
}
_NAMES = {
    "brush": "brush", "running": "running-hand", "handwriting": "handwriting", "rounded": "rounded", "serif": "serif",
    "bold": "bold", "sans": "sans",
}  # fmt: skip


class Choice(Value, frozen=True):
    """The face a text is set in, what should be said of it, and the characters that no face has."""

    face: str
    note: str = ""
    missing: tuple[str, ...] = ()


@dataclass
class Face:
    """One opened font: HarfBuzz shapes with it, Skia gives its outlines. Lengths are in font units of `upem` an em."""

    role: str
    font: Any
    typeface: Any
    upem: int
    ascent: float
    """Above the baseline, in ems, as the font says; positive."""
    descent: float
    """Below the baseline, in ems; positive."""
    known: dict[str, int] = field(default_factory=dict)
    paths: dict[int, Any] = field(default_factory=dict)
    shapes: dict[str, frozenset[int]] = field(default_factory=dict)

    def glyph(self, character: str) -> int:
        """The character's own glyph; 0 where there is none, or none with any ink though it should have some."""
        if character not in self.known:
            found = self.font.get_nominal_glyph(ord(character)) or 0
            if found and unicodedata.category(character) not in _BLANK and character != "\u3164":
                extents = self.font.get_glyph_extents(found)
                found = found if extents is not None and extents.width else 0
            self.known[character] = found
        return self.known[character]

    def forms(self, cluster: str) -> frozenset[int]:
        """All glyphs the font itself makes of this character, ligature or letter with its marks, when it stands alone:
        for lines and columns, in each language."""
        if cluster not in self.shapes:
            found = set(map(self.glyph, cluster)) if len(cluster) == 1 else set()
            for language, upright in itertools.product(_LANGUAGES, (False, True)):
                buffer = hb.Buffer()
                buffer.add_str(cluster)
                buffer.guess_segment_properties()
                buffer.language = language
                hb.shape(self.font, buffer, {"vert": upright})
                found |= {info.codepoint for info in buffer.glyph_infos}
            self.shapes[cluster] = frozenset(found - {0})
        return self.shapes[cluster]

    def path(self, glyph: int) -> Any:
        """The glyph's outline in font units, y down."""
        if glyph not in self.paths:
            font = skia.Font(self.typeface, self.upem)
            font.setHinting(skia.FontHinting.kNone)
            font.setLinearMetrics(True)
            self.paths[glyph] = font.getPath(glyph) or skia.Path()
        return self.paths[glyph]


class Faces:
    """All fonts of a card by role."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self._files = {role: path for role, path in files.items() if path.endswith(_FONTS)}
        self.emoji_names = files.get("names:en", "")
        """Path of emojibase's English list, if the card has it."""
        self._open: dict[str, Face] = {}
        self._lock = threading.RLock()

    @classmethod
    def load(cls, artifacts: Mapping[str, Path | str]) -> "Faces":
        """From a card's artifacts: those that are fonts. Nothing is opened yet."""
        return cls({role: str(path) for role, path in artifacts.items()})

    def roles(self) -> tuple[str, ...]:
        return tuple(self._files)

    def face(self, role: str) -> Face:
        """Raises KeyError for a role the card lacks."""
        with self._lock:
            if role not in self._open:
                self._open[role] = _opened(role, Path(self._files[role]).read_bytes())
            return self._open[role]

    def has(self, role: str, character: str) -> bool:
        """Whether this face draws this character; blanks need no glyph."""
        if unicodedata.category(character) in _BLANK or character in "\ufe0e\ufe0f":
            return True
        return role in self._files and self.face(role).glyph(character) != 0

    def covers(self, role: str, text: str) -> bool:
        """Whether this face draws every character of the text; emoji are drawn by sprites and not asked for."""
        return all(self.has(role, character) for character in EMOJI.sub(self._only_symbols, text))

    def _only_symbols(self, found: Any) -> str:
        return "" if len(found[0]) > 1 or found[0] > "\U0001f000" else str(found[0])

    def fallback(self, first: str, character: str) -> str:
        """The face that draws this character in a line set in `first`: that one if it can; "" if none can."""
        for role in (first, *_kin(first), *_REST):
            if self.has(role, character):
                return role
        return ""

    def unknown_script(self, text: str) -> str:
        """The script of a text none of whose letters is in any face, as Unicode calls it; "" where some are."""
        rest = [one for one in EMOJI.sub(self._only_symbols, text) if unicodedata.category(one)[0] in "LMN"]
        if not rest or any(self.fallback("", one) for one in rest):
            return ""
        return unicodedata.name(rest[0], "unnamed").partition(" ")[0].capitalize()

    def choose(self, text: str, style: str, language: Language) -> Choice:
        """A face of this style with every character of the text, else the nearest style's that has them all."""
        own, near = self._candidates(style, language)
        for role in own:
            if self.covers(role, text):
                return Choice(role)
        for role in near:
            if self.covers(role, text):
                lacking = [one for one in dict.fromkeys(text) if own and not self.has(own[0], one)]
                said = f" for {''.join(lacking[:8])}" if lacking else ""
                return Choice(role, f"set in {role}: no {_NAMES[style]} face has a glyph{said}" if own else "")
        return self._mixed(text, [*own, *near])

    def _mixed(self, text: str, candidates: list[str]) -> Choice:
        best = max(candidates, key=lambda role: sum(self.has(role, one) for one in text))
        missing = tuple(dict.fromkeys(one for one in EMOJI.sub("", text) if not self.fallback(best, one)))
        if missing:
            return Choice(best, f"no face has {''.join(missing[:12])}", missing)
        return Choice(best, f"set in {best} and other faces: none has every character")

    def _candidates(self, style: str, language: Language) -> tuple[list[str], list[str]]:
        style = style if style in _OWN else "bold"
        own = [role for role in _OWN[style].get(language, ()) if role in self._files]
        near: list[str] = []
        for name in (*_NEAR[style], "*sans"):
            found = _OWN[name[1:]].get(language, ()) if name.startswith("*") else (name,)
            near += [role for role in found if role in self._files]
        near += [role for role in _REST if role in self._files]
        return own, [role for role in dict.fromkeys(near) if role not in own]


def _kin(role: str) -> tuple[str, ...]:
    """The faces nearest to this one, to help it out."""
    if role.endswith("-bold"):
        return (role.removesuffix("-bold"), "noto-sans-bold", "noto-sans-sc-bold", "noto-sans-kr-bold")
    if "serif" in role:
        return ("noto-serif", "noto-serif-sc", "noto-serif-jp")
    if role in ("ma-shan-zheng", "zhi-mang-xing", "liu-jian-mao-cao", "yuji-syuku", "lxgw-wenkai-tc"):
        return ("ma-shan-zheng", "yuji-syuku", "lxgw-wenkai-tc", "nanum-brush-script", "noto-serif-sc", "noto-serif")
    return ()


def _opened(role: str, data: bytes) -> Face:
    data = unwoff(data) if data[:4] == b"wOFF" else data
    face = hb.Face(data)
    font = hb.Font(face)
    typeface = skia.Typeface.MakeFromData(skia.Data.MakeWithCopy(data))
    if typeface is None:
        raise ValueError(f"font {role} cannot be read")
    extents = font.get_font_extents("ltr")
    return Face(role, font, typeface, face.upem, extents.ascender / face.upem, -extents.descender / face.upem)


def unwoff(data: bytes) -> bytes:
    """An sfnt font from its WOFF 1.0 packing (W3C 2012): the tables, each deflated. Raises ValueError, zlib.error."""
    magic, flavour, _, count = struct.unpack(">4sIIH", data[:14])
    if magic != b"wOFF":
        raise ValueError("no WOFF font")
    head = bytearray(struct.pack(">IHHHH", flavour, count, 16, 0, 0))
    body = bytearray()
    start = 12 + 16 * count
    for index in range(count):
        tag, offset, packed, length, checksum = struct.unpack(">4sIIII", data[44 + 20 * index : 64 + 20 * index])
        table = data[offset : offset + packed]
        table = zlib.decompress(table) if packed < length else table
        head += struct.pack(">4sIII", tag, checksum, start + len(body), length)
        body += table + b"\0" * (-length % 4)
    return bytes(head + body)
