"""Text set into a box: the largest size at which it fits, its lines broken well and of even length; never clipped."""

import msgspec

from omniwatt.engines.draw.illustrator.layout import Box, Line
from omniwatt.engines.draw.lettering import breaking
from omniwatt.engines.draw.lettering.language import Language, wide
from omniwatt.engines.draw.lettering.shape import Shaped, Shaper

_STEPS = 18
_ANY = "国"
_TIGHT = 0.45
"""Below this share of the wanted size, a word longer than the line is cut rather than the whole text made smaller."""
_CLAUSES, _ONE_LINE, _CLAUSE_LINES = 0.85, 0.62, 5
"""How much smaller a text without spaces may become so that its few lines end where its clauses do, or to need one."""


class Setting(msgspec.Struct, frozen=True):
    """How a text stands in its box."""

    size_max: float
    leading: float = 1.28
    align: str = "middle"
    """`start`, `middle` or `end` of the box, along the lines."""
    across: str = "middle"
    """The same for the block of lines, across them."""
    language: Language | None = None


def fit(template: Line, box: Box, shaper: Shaper, setting: Setting) -> tuple[Line, ...]:
    """The template's text as lines (columns, if it is vertical, from the right) within `box`, as large as fits.

    `template` gives everything but boxes and size. A text without anything visible gives no line.
    """
    text = template.text.strip("\n")
    if not text.strip():
        return ()
    measured = _Measured(text, template, shaper, setting)
    along, across = (box.height, box.width) if template.vertical else (box.width, box.height)
    size, broken = measured.largest(along, across, setting.size_max)
    return measured.placed(broken, size, box)


class _Measured:
    def __init__(self, text: str, template: Line, shaper: Shaper, setting: Setting) -> None:
        self._template = template
        self._shaper = shaper
        self._setting = setting
        self._soft = [self._part(segment) for segment in breaking.segments(text)]

    def _shape(self, text: str) -> Shaped:
        return self._shaper.line(self._template, text, self._setting.language)

    def _part(self, segment: str) -> tuple[str, float, float]:
        if segment in ("\n", "\r"):
            return segment, 0.0, 0.0
        text = segment.rstrip()
        bare = self._between(text, "") if text else 0.0
        return segment, self._between(segment, _ANY), bare

    def _between(self, text: str, after: str) -> float:
        """The text's length after another character: marks are squeezed only at a line's ends and beside marks."""
        if not any(wide(one) for one in text):
            return self._shape(text).length
        around = self._shape(_ANY).length * (2 if after else 1) + self._template.spacing
        return self._shape(f"{_ANY}{text}{after}").length - around

    def largest(self, along: float, across: float, size_max: float) -> tuple[float, list[str]]:
        """The largest size that fits, and the lines it makes."""
        size, lines = self._search(self._soft, along, across, size_max)
        if size < size_max * _TIGHT:
            hard = [self._part(piece) for segment, *_ in self._soft for piece in breaking.pieces(segment)]
            other, cut = self._search(hard, along, across, size_max)
            if other > size * 1.3:
                size, lines = other, cut
        other, whole = self._search(self._clauses(), along, across, size_max)
        share = _ONE_LINE if len(whole) == 1 else _CLAUSES
        if other >= size * share and len(whole) <= min(_CLAUSE_LINES, len(lines) + 1):
            size, lines = other, whole
        return size, lines

    def _clauses(self) -> list[tuple[str, float, float]]:
        """East Asian text in parts that end with a mark; other text breaks between words anyway."""
        made: list[str] = []
        for segment, *_ in self._soft:
            if made and wide(made[-1][0]) and made[-1][-1] not in breaking.CLAUSE_END and segment not in ("\n", "\r"):
                made[-1] += segment
            else:
                made.append(segment)
        return [self._part(segment) for segment in made]

    def _search(
        self, parts: list[tuple[str, float, float]], along: float, across: float, size_max: float
    ) -> tuple[float, list[str]]:
        low, high = 0.0, size_max
        best: list[str] = []
        for step in range(_STEPS):
            size = high if step == 0 else (low + high) / 2
            lines = self._lines(parts, along / size)
            if lines is not None and self._fits(lines, along / size, across / size):
                low, best = size, lines
                if step == 0:
                    break
            else:
                high = size
        return low, self._even(parts, best, along / low, across / low) if best else best

    def _lines(self, parts: list[tuple[str, float, float]], room: float) -> list[str] | None:
        found = breaking.lines(parts, room)
        return None if found is None else ["".join(line).strip() for line in found]

    def _fits(self, lines: list[str], along: float, across: float) -> bool:
        shapes = [self._shape(line) for line in lines]
        return max(self._long(shape) for shape in shapes) <= along and self._block(shapes) <= across

    def _even(self, parts: list[tuple[str, float, float]], lines: list[str], along: float, across: float) -> list[str]:
        """The same number of lines, the longest as short as it can be: no last line of one word."""
        low, high, best = 0.0, along, lines
        for _ in range(12):
            room = (low + high) / 2
            other = self._lines(parts, room)
            if other is not None and len(other) == len(lines) and self._fits(other, along, across):
                high, best = room, other
            else:
                low = room
        return best

    def _long(self, shape: Shaped) -> float:
        return shape.bottom - shape.top if self._template.vertical else shape.right - shape.left

    def _deep(self, shape: Shaped) -> float:
        return shape.right - shape.left if self._template.vertical else shape.bottom - shape.top

    def _block(self, shapes: list[Shaped]) -> float:
        deep = max(self._deep(shape) for shape in shapes)
        return (len(shapes) - 1) * max(self._setting.leading, deep) + deep

    def placed(self, lines: list[str], size: float, box: Box) -> tuple[Line, ...]:
        shapes = [self._shape(line) for line in lines]
        deep = max(self._deep(shape) for shape in shapes)
        pitch = max(self._setting.leading, deep) * size
        room = box.width if self._template.vertical else box.height
        first = (room - self._block(shapes) * size) * _share(self._setting.across)
        made = []
        for index, (line, shape) in enumerate(zip(lines, shapes, strict=True)):
            place = self._vertical if self._template.vertical else self._horizontal
            made.append(self._line(line, place(shape, size, box, first + index * pitch, deep), size))
        return tuple(made)

    def _line(self, text: str, box: Box, size: float) -> Line:
        return msgspec.structs.replace(self._template, text=text, box=box, size=size)

    def _horizontal(self, shape: Shaped, size: float, box: Box, down: float, deep: float) -> Box:
        width = (shape.right - shape.left) * size
        share = _share(self._setting.align)
        share = 1 - share if self._template.right_to_left else share
        return Box(box.x + (box.width - width) * share, box.y + down, width, (shape.bottom - shape.top) * size)

    def _vertical(self, shape: Shaped, size: float, box: Box, aside: float, deep: float) -> Box:
        width, height = (shape.right - shape.left) * size, (shape.bottom - shape.top) * size
        right = box.x + box.width - aside - (deep * size - width) / 2
        return Box(right - width, box.y + (box.height - height) * _share(self._setting.align), width, height)


def _share(word: str) -> float:
    return {"start": 0.0, "middle": 0.5, "end": 1.0}[word]
