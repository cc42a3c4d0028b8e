"""Lines set anew after they were not read back: first larger, apart and on a calm ground, then in another face too."""

from collections.abc import Mapping, Sequence

import msgspec

from omniwatt.engines.draw.illustrator.layout import Box, Line
from omniwatt.engines.draw.illustrator.paint.colours import lightness, rgb
from omniwatt.engines.draw.lettering.faces import Faces
from omniwatt.engines.draw.lettering.fit import Setting, fit
from omniwatt.engines.draw.lettering.language import language_of
from omniwatt.engines.draw.lettering.plain import other_face
from omniwatt.engines.draw.lettering.shape import shaper_of

_LIGHT, _DARK = "#fffdf5", "#12151c"
_GROWTH = 1.25
"""How much larger a line may become."""
_SPACING = 0.14
_JOINED = frozenset({"ar", "hi", "th"})
"""Languages whose letters join, or stack: they are not set apart."""
_EDGE = 0.02
"""Of the picture's shorter side: nothing is set nearer to its edge."""


def adjusted(
    lines: tuple[Line, ...], attempts: Mapping[int, int], faces: Faces, size: tuple[float, float]
) -> tuple[Line, ...]:
    """The lines, those named in `attempts` set for that attempt; how many there are and their order stay."""
    made = list(lines)
    for index, attempt in attempts.items():
        if attempt > 1 and 0 <= index < len(made):
            others = [line.box for place, line in enumerate(made) if place != index]
            made[index] = _again(made[index], attempt, faces, room(made[index], others, size))
    return tuple(made)


def _again(line: Line, attempt: int, faces: Faces, free: Box) -> Line:
    if line.effect == "stamp":
        return line
    dark = lightness(rgb(line.colour)) < 0.55 and line.effect != "neon"
    if attempt == 2:
        panel = line.panel or ("#fffdf6e6" if dark else "#0d111ce6")
        effect = "plain" if line.effect == "shadow" else line.effect
        return _refitted(msgspec.structs.replace(line, panel=panel, effect=effect), free, faces, line.size)
    face = other_face(line, faces)
    return _refitted(
        msgspec.structs.replace(
            line, face=face, effect="plain", outline="", panel="#ffffffff" if dark else "#0b0e16ff",
            colour=_DARK if dark else _LIGHT, note=line.note or f"set plain in {face} to be readable",
        ), free, faces, line.size,
    )  # fmt: skip


def _refitted(line: Line, free: Box, faces: Faces, size: float) -> Line:
    """As large as the free room lets it be, its characters apart; not smaller than it was where it cannot be both."""
    spacing = 0.0 if language_of(line.text) in _JOINED else _SPACING
    for apart in dict.fromkeys((spacing, spacing / 2, 0.0)):
        template = msgspec.structs.replace(line, spacing=apart)
        made = fit(template, free, shaper_of(faces), Setting(size_max=size * _GROWTH))
        if len(made) == 1 and made[0].size >= 0.98 * size:
            return _near(made[0], line.box, free)
    shaped = shaper_of(faces).line(line)
    length, thick = (shaped.right - shaped.left) * size, (shaped.bottom - shaped.top) * size
    width, height = (thick, length) if line.vertical else (length, thick)
    shrink = min(1.0, free.width / max(width, 1.0), free.height / max(height, 1.0))
    box = Box(line.box.x, line.box.y, width * shrink, height * shrink)
    return _near(msgspec.structs.replace(line, box=box, size=size * shrink), line.box, free)


def _near(line: Line, before: Box, free: Box) -> Line:
    """Its middle where it was, as far as the free room lets it."""
    x = before.x + (before.width - line.box.width) / 2
    y = before.y + (before.height - line.box.height) / 2
    x = min(max(x, free.x), max(free.x, free.x + free.width - line.box.width))
    y = min(max(y, free.y), max(free.y, free.y + free.height - line.box.height))
    return msgspec.structs.replace(line, box=Box(x, y, line.box.width, line.box.height))


def room(line: Line, others: Sequence[Box], size: tuple[float, float]) -> Box:
    """The free ground around a line: to the picture's edges, and half of the way to each line above, below and beside
    it."""
    box, pad = line.box, 0.32 * line.size
    edge = max(_EDGE * min(size), pad)
    left, top = min(box.x, edge), min(box.y, 0.7 * edge)
    right, bottom = max(box.x + box.width, size[0] - edge), max(box.y + box.height, size[1] - 0.7 * edge)
    for other in others:
        if _meet(box.x, box.width, other.x, other.width):
            if other.y + other.height <= box.y:
                top = max(top, (other.y + other.height + box.y) / 2)
            elif other.y >= box.y + box.height:
                bottom = min(bottom, (box.y + box.height + other.y) / 2)
        elif _meet(box.y, box.height, other.y, other.height):
            if other.x + other.width <= box.x:
                left = max(left, (other.x + other.width + box.x) / 2)
            else:
                right = min(right, (box.x + box.width + other.x) / 2)
    return Box(left, top, right - left, bottom - top)


def _meet(start: float, length: float, other: float, other_length: float) -> bool:
    return start < other + other_length and other < start + length
